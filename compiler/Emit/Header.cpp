//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Functions carry the model's name, so that one program can link several
// models. The struct of outputs is, by its order, the array that Typed.c
// expects.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Header.h"
#include "compiler/Emit/Embedded/Embedded.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace bertc;

static std::string identifier(llvm::StringRef text) {
  std::string result;
  for (char c : text) {
    bool good = llvm::isAlnum(c);
    if (good)
      result += c;
    else if (!result.empty() && result.back() != '_')
      result += '_';
  }
  while (!result.empty() && result.back() == '_')
    result.pop_back();
  return result;
}

std::string bertc::headerPrefix(llvm::StringRef libraryPath) {
  std::string result = identifier(llvm::sys::path::stem(libraryPath));
  if (result.empty())
    return "model";
  // "bertc_" is the prefix of the public API.
  if (llvm::isDigit(result.front()) || result == "bertc")
    return "model_" + result;
  return result;
}

static bool embedsTexts(const LibraryInputs &inputs) {
  return !inputs.tokenizer.empty() &&
         llvm::any_of(inputs.outputs, [](const OutputInfo &output) {
           return output.name == "sentence_embedding";
         });
}

std::vector<std::pair<std::string, std::string>>
bertc::exportedFunctions(const LibraryInputs &inputs, llvm::StringRef prefix) {
  std::vector<std::pair<std::string, std::string>> result = {
      {"bertc_get_api", "bertc_get_api"}};
  for (const char *name : {"api", "open", "close", "session_create",
                           "session_destroy", "run", "run_packed", "embed"})
    if (llvm::StringRef(name) != "embed" || embedsTexts(inputs))
      result.push_back(
          {(prefix + "_" + name).str(), std::string("bertc_typed_") + name});
  if (inputs.training)
    result.push_back({"bertc_get_train_api", "bertc_get_train_api"});
  return result;
}

static std::string constantName(llvm::StringRef text) {
  return llvm::StringRef(identifier(text)).upper();
}

/// In a padded and in a packed run.
static std::string outputShape(const OutputInfo &output) {
  std::string width = std::to_string(output.width);
  switch (output.kind) {
  case BERTC_PER_TOKEN:
    return "[batch, seq, " + width + "]; packed: [tokens, " + width + "]";
  case BERTC_PER_PAIR:
    return "[batch, " + width + ", seq, seq]; packed: [sequences, " + width +
           ", longest, longest]";
  default:
    return "[batch, " + width + "]; packed: [sequences, " + width + "]";
  }
}

static void writeOutputs(const LibraryInputs &inputs, llvm::StringRef prefix,
                         llvm::raw_ostream &os) {
  std::string upper = constantName(prefix);
  for (const OutputInfo &output : inputs.outputs)
    os << "#define " << upper << "_" << constantName(output.name) << "_WIDTH "
       << output.width << "\n";
  os << "\n/* Where results go; NULL for those not wanted. Rows are dense. */\n"
     << "typedef struct " << prefix << "_outputs {\n";
  for (const OutputInfo &output : inputs.outputs)
    os << "  float *" << identifier(output.name) << "; /* "
       << outputShape(output) << " */\n";
  os << "} " << prefix << "_outputs;\n";
}

/// `@` stands for the prefix.
static constexpr char declarations[] = R"(
/* The table of all functions, see above. */
BERTC_EXPORT const bertc_api *@_api(void);

/* Opens the model inside this library; freed by @_close. */
BERTC_EXPORT bertc_code @_open(bertc_model **model, bertc_status *status);
BERTC_EXPORT void @_close(bertc_model *model);

/* A session computes with `threads` threads (0: as many as this process may
 * use) and belongs to one caller at a time; freed by @_session_destroy. */
BERTC_EXPORT bertc_code @_session_create(bertc_model *model, uint32_t threads,
                                         bertc_session **session,
                                         bertc_status *status);
BERTC_EXPORT void @_session_destroy(bertc_session *session);

/* Runs on [batch, seq] arrays. attention_mask is 1 for real tokens and 0 for
 * padding; NULL: all 1. token_type_ids NULL: all 0. */
BERTC_EXPORT bertc_code @_run(bertc_session *session, int64_t batch,
                              int64_t seq, const int64_t *input_ids,
                              const int64_t *attention_mask,
                              const int64_t *token_type_ids,
                              const @_outputs *outputs, bertc_status *status);

/* Runs on sequences of any lengths, one after another without padding: sequence
 * i is tokens cu_seqlens[i] to cu_seqlens[i + 1]. */
BERTC_EXPORT bertc_code @_run_packed(bertc_session *session, int64_t tokens,
                                     int64_t sequences,
                                     const int32_t *input_ids,
                                     const int32_t *cu_seqlens,
                                     const int32_t *token_type_ids,
                                     const @_outputs *outputs,
                                     bertc_status *status);
)";

static constexpr char embedDeclaration[] = R"(
/* Embeds `count` texts, each UTF-8 up to its NUL, into the rows of
 * [count, ^_SENTENCE_EMBEDDING_WIDTH] floats. */
BERTC_EXPORT bertc_code @_embed(bertc_session *session,
                                const char *const *texts, size_t count,
                                float *embeddings, bertc_status *status);
)";

/// bertc_train.h, for behind bertc.h in the same file.
static std::string trainHeader() {
  std::string text = embeddedTrainHeader().str();
  constexpr llvm::StringLiteral include = "#include \"bertc.h\"\n\n";
  text.erase(text.find(include), include.size());
  return text;
}

std::string bertc::writeHeader(const LibraryInputs &inputs,
                               llvm::StringRef prefix,
                               llvm::StringRef libraryName) {
  std::string text;
  llvm::raw_string_ostream os(text);
  std::string upper = constantName(prefix);
  std::string guard = upper + "_MODEL_H";
  const ModelConfig &c = inputs.config;
  os << "/* Made by bertc with the library it belongs to: a " << c.modelType
     << " of " << c.numHiddenLayers << " layers, hidden size " << c.hiddenSize
     << ",\n * vocabulary of " << c.vocabSize << ", at most "
     << c.maxPositionEmbeddings << " tokens a sequence, computed in "
     << precisionName(inputs.precision)
     << ".\n * This file and the library are all that a program needs; the "
        "typed functions\n * of this model are at the end. */\n"
     << embeddedPublicHeader() << "\n"
     << (inputs.training ? trainHeader() + "\n" : "") << "#ifndef " << guard
     << "\n#define " << guard << "\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "#ifndef BERTC_EXPORT\n"
     << "#define BERTC_EXPORT __attribute__((visibility(\"default\")))\n"
     << "#endif\n\n"
     << "#define " << upper << "_MAX_TOKENS " << c.maxPositionEmbeddings
     << "\n#define " << upper << "_VOCAB_SIZE " << c.vocabSize << "\n";
  writeOutputs(inputs, prefix, os);
  for (llvm::StringRef part :
       {llvm::StringRef(declarations), embedsTexts(inputs)
                                           ? llvm::StringRef(embedDeclaration)
                                           : llvm::StringRef()})
    for (char letter : part) {
      if (letter == '@')
        os << prefix;
      else if (letter == '^')
        os << upper;
      else
        os << letter;
    }
  os << "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n#endif\n";
  return text;
}
