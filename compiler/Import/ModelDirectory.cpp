//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of reading: modules.json first, because it says in which folder the
// encoder is, then the config, then what must agree with the config.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/ModelDirectory.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace bertc;
namespace fs = llvm::sys::fs;

bool ModelDirectory::hasPooler() const {
  return weights.hasWeights() ? weights.hasPooler()
                              : config.architectureHasPooler();
}

/// The tokenizer's own limit gives way to that of sentence-transformers, which
/// also may lower the case of a text before anything else is done to it.
static llvm::Error loadTokenizer(ModelDirectory &model) {
  if (!hasTokenizer(model.encoderFolder)) {
    SourceLocation location;
    location.file = model.encoderFolder;
    Diagnostic &note = model.notes.emplace_back(
        ExitCode::BadModel, std::move(location),
        "no tokenizer files, the compiled model will take token ids only");
    note.severity = Severity::Note;
    return llvm::Error::success();
  }
  llvm::Expected<TokenizerData> tokenizer =
      bertc::loadTokenizer(model.encoderFolder, model.notes);
  if (!tokenizer)
    return tokenizer.takeError();
  if (model.sentence.maxSeqLength)
    tokenizer->modelMaxLength = *model.sentence.maxSeqLength;
  tokenizer->lowercase |= model.sentence.doLowerCase;
  if (llvm::Error error = checkTokenizer(*tokenizer, model.config))
    return error;
  model.tokenizer = std::move(*tokenizer);
  return llvm::Error::success();
}

static llvm::Error loadDirectory(ModelDirectory &model) {
  llvm::Expected<SentenceConfig> sentence = loadModules(model.directory);
  if (!sentence)
    return sentence.takeError();
  model.sentence = std::move(*sentence);
  llvm::SmallString<128> folder(model.directory);
  if (!model.sentence.transformerFolder.empty())
    llvm::sys::path::append(folder, model.sentence.transformerFolder);
  model.encoderFolder = folder.str().str();

  llvm::SmallString<128> configPath(folder);
  llvm::sys::path::append(configPath, "config.json");
  if (!fs::exists(configPath))
    return makeError(ExitCode::BadModel, model.encoderFolder,
                     "no config.json in the directory",
                     "give a directory that was written by save_pretrained");
  llvm::Expected<ModelConfig> config = loadModelConfig(configPath, model.notes);
  if (!config)
    return config.takeError();
  model.config = std::move(*config);

  llvm::Expected<Checkpoint> weights = Checkpoint::open(model.encoderFolder);
  if (!weights)
    return weights.takeError();
  model.weights = std::move(*weights);
  if (llvm::Error error = model.weights.verify(model.config, model.notes))
    return error;
  if (llvm::Error error = loadSentenceConfig(model.directory, model.config,
                                             model.sentence, model.notes))
    return error;
  return loadTokenizer(model);
}

llvm::Expected<ModelDirectory> bertc::loadModelDirectory(llvm::StringRef path) {
  ModelDirectory model;
  model.path = path.str();
  fs::file_status status;
  if (std::error_code error = fs::status(path, status))
    return makeError(ExitCode::BadModel, path,
                     "cannot open the model: " + error.message(),
                     "expected a Hugging Face model directory or a "
                     "config.json");
  if (fs::is_directory(status)) {
    model.directory = model.path;
    if (llvm::Error error = loadDirectory(model))
      return std::move(error);
    return model;
  }
  if (llvm::sys::path::extension(path) != ".json")
    return makeError(ExitCode::BadModel, path,
                     "expected a model directory or a config.json",
                     "give the directory that holds config.json");
  llvm::StringRef parent = llvm::sys::path::parent_path(path);
  model.directory = parent.empty() ? "." : parent.str();
  model.encoderFolder = model.directory;
  llvm::Expected<ModelConfig> config = loadModelConfig(path, model.notes);
  if (!config)
    return config.takeError();
  model.config = std::move(*config);
  return model;
}
