//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generated sequences differ in length, so that padding and more than one
// sequence take part; they are short, as the interpreter is slow.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/CheckReference.h"
#include "tools/bertc/Interpret.h"
#include "tools/bertc/Tokenize.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <random>

using namespace bertc;
using namespace bertc::tool;

static constexpr uint32_t generatedLengths[] = {16, 1, 5, 32};

static std::vector<Tokens> generate(const bertc_model_info &info) {
  std::minstd_rand random(1);
  std::vector<Tokens> result;
  for (uint32_t length : generatedLengths) {
    Tokens &tokens = result.emplace_back();
    for (uint32_t i = 0; i < std::min(length, info.max_position_embeddings);
         ++i) {
      tokens.ids.push_back(int32_t(random() % info.vocab_size));
      tokens.types.push_back(i % 2 < info.type_vocab_size ? int32_t(i % 2) : 0);
    }
  }
  return result;
}

static llvm::Expected<std::vector<Tokens>>
tokenizeAll(const Model &model, llvm::ArrayRef<std::string> texts) {
  if (llvm::Error error = expectTokenizer(model))
    return error;
  std::vector<Tokens> result;
  for (auto [i, text] : llvm::enumerate(texts)) {
    auto tokens = tokenize(model, text);
    if (!tokens)
      return tokens.takeError();
    if (tokens->dropped > 0)
      llvm::errs() << "warning: text " << i + 1 << " is too long, its last "
                   << tokens->dropped << " tokens were cut off\n";
    result.push_back(std::move(*tokens));
  }
  return result;
}

/// Rows of [batch, seq], with a mask.
static std::vector<IntTensor> padded(llvm::ArrayRef<Tokens> sequences) {
  size_t seq = 0;
  for (const Tokens &tokens : sequences)
    seq = std::max(seq, tokens.ids.size());
  std::vector<IntTensor> result;
  for (const char *name : {"attention_mask", "input_ids", "token_type_ids"})
    result.push_back({name,
                      {int64_t(sequences.size()), int64_t(seq)},
                      std::vector<int64_t>(sequences.size() * seq)});
  for (auto [row, tokens] : llvm::enumerate(sequences)) {
    size_t first = row * seq;
    std::fill_n(result[0].data.begin() + first, tokens.ids.size(), 1);
    llvm::copy(tokens.ids, result[1].data.begin() + first);
    llvm::copy(tokens.types, result[2].data.begin() + first);
  }
  return result;
}

/// "hidden_states.3" is asked for as "hidden_states[3]", "attentions.3" as
/// "attentions[3]".
static std::string selector(llvm::StringRef output) {
  auto [name, index] = output.split('.');
  return index.empty() ? name.str() : (name + "[" + index + "]").str();
}

llvm::Expected<TensorFile>
tool::interpretReference(const Model &model, llvm::StringRef directory,
                         llvm::ArrayRef<std::string> texts) {
  std::vector<Tokens> sequences;
  if (texts.empty()) {
    sequences = generate(model.info());
  } else {
    auto tokens = tokenizeAll(model, texts);
    if (!tokens)
      return tokens.takeError();
    sequences = std::move(*tokens);
  }
  TensorFile file;
  file.path = directory.str();
  file.integers = padded(sequences);
  auto inputs = findInputs(file, /*only=*/true);
  if (!inputs)
    return inputs.takeError();
  std::vector<std::string> outputs;
  for (const bertc_output_info &output : model.outputs())
    outputs.push_back(selector(output.name));
  auto tensors =
      interpretModel(directory, llvm::join(outputs, ","), *inputs, directory);
  if (!tensors)
    return tensors.takeError();
  file.floats = std::move(*tensors);
  return file;
}
