//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads modules.json, the pooling configuration (both the older one with a flag
// for each mode and the newer one with a name) and sentence_bert_config.json.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/SentenceConfig.h"

#include "compiler/Import/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace bertc;
namespace path = llvm::sys::path;

static std::string join(llvm::StringRef a, llvm::StringRef b,
                        llvm::StringRef c) {
  llvm::SmallString<128> result(a);
  path::append(result, b, c);
  return result.str().str();
}

static Diagnostic unsupported(JsonCursor at, const llvm::Twine &message,
                              const llvm::Twine &help = "") {
  return Diagnostic(ExitCode::BadModel, at.location(), message.str(),
                    help.str());
}

/// Modes in the order in which sentence-transformers concatenates them.
static constexpr struct {
  llvm::StringLiteral flag, name;
  std::optional<PoolingMode> mode;
} poolingModes[] = {
    {"pooling_mode_cls_token", "cls", PoolingMode::Cls},
    {"pooling_mode_max_tokens", "max", PoolingMode::Max},
    {"pooling_mode_mean_tokens", "mean", PoolingMode::Mean},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens",
     PoolingMode::MeanSqrtLen},
    {"pooling_mode_weightedmean_tokens", "weightedmean", std::nullopt},
    {"pooling_mode_lasttoken", "lasttoken", std::nullopt},
};

/// The names of the modes that are on, from either form of the file, and where.
static llvm::Expected<std::vector<std::pair<llvm::StringRef, JsonCursor>>>
activeModes(JsonCursor root) {
  std::vector<std::pair<llvm::StringRef, JsonCursor>> active;
  if (std::optional<JsonCursor> mode = root.find("pooling_mode")) {
    std::vector<JsonCursor> items{*mode};
    if (mode->get().getAsArray())
      items = *mode->asArray();
    for (const JsonCursor &item : items) {
      llvm::Expected<llvm::StringRef> name = item.asString();
      if (!name)
        return name.takeError();
      active.emplace_back(*name, item);
    }
    return active;
  }
  for (const auto &row : poolingModes) {
    std::optional<JsonCursor> flag = root.find(row.flag);
    if (!flag)
      continue;
    llvm::Expected<bool> on = flag->asBool();
    if (!on)
      return on.takeError();
    if (*on)
      active.emplace_back(row.name, *flag);
  }
  if (active.empty())
    active.emplace_back("mean", root);
  return active;
}

static llvm::Error readPooling(const ModelConfig &model,
                               SentenceConfig &config) {
  auto document = JsonDocument::load(config.poolingFile);
  if (!document)
    return document.takeError();
  JsonCursor root = (*document)->cursor();
  if (llvm::Error error = root.expectObject())
    return error;
  for (llvm::StringRef key :
       {"word_embedding_dimension", "embedding_dimension"}) {
    std::optional<JsonCursor> width = root.find(key);
    if (!width)
      continue;
    llvm::Expected<int64_t> value = width->asInteger(1, INT32_MAX);
    if (!value)
      return value.takeError();
    if (*value != model.hiddenSize)
      return width->error("'" + key + "' is not the hidden size, expected " +
                          llvm::Twine(model.hiddenSize) + " from " +
                          model.file + ", got " + llvm::Twine(*value));
  }
  auto active = activeModes(root);
  if (!active)
    return active.takeError();
  if (active->empty())
    return root.error("'pooling_mode' is empty, expected a mode");
  if (active->size() > 1) {
    config.unsupported =
        unsupported((*active)[1].second,
                    "several pooling modes are on, expected one, got " +
                        llvm::Twine(active->size()),
                    "concatenated poolings are not supported");
    return llvm::Error::success();
  }
  auto &[name, at] = active->front();
  for (const auto &row : poolingModes) {
    if (row.name != name)
      continue;
    if (row.mode)
      config.pooling = *row.mode;
    else
      config.unsupported =
          unsupported(at, "unsupported pooling mode " + quoted(name) +
                              ", expected cls, max, mean or "
                              "mean_sqrt_len_tokens");
    return llvm::Error::success();
  }
  return at.error("unknown pooling mode " + quoted(name) +
                  ", expected cls, max, mean or mean_sqrt_len_tokens");
}

namespace {
struct Module {
  llvm::StringRef type; ///< Last part of the class name; empty if foreign.
  std::string folder;
  JsonCursor at;
};
} // namespace

static llvm::Expected<Module> readModule(JsonCursor entry) {
  llvm::Expected<JsonCursor> type = entry.member("type");
  if (!type)
    return type.takeError();
  llvm::Expected<llvm::StringRef> name = type->asString();
  if (!name)
    return name.takeError();
  llvm::Expected<JsonCursor> folder = entry.member("path");
  if (!folder)
    return folder.takeError();
  llvm::Expected<llvm::StringRef> text = folder->asString();
  if (!text)
    return text.takeError();
  if (path::is_absolute(*text) ||
      llvm::is_contained(llvm::make_range(path::begin(*text), path::end(*text)),
                         ".."))
    return folder->error("expected a folder inside the model, got " +
                         quoted(*text));
  Module module{*name, text->str(), *type};
  if (!module.type.consume_front("sentence_transformers."))
    module.type = "";
  module.type = module.type.rsplit('.').second.empty()
                    ? module.type
                    : module.type.rsplit('.').second;
  return module;
}

/// Takes what it can from the modules; an order that cannot be compiled is kept
/// as config.unsupported.
static llvm::Error readModules(llvm::StringRef directory, JsonCursor root,
                               SentenceConfig &config) {
  auto entries = root.asArray();
  if (!entries)
    return entries.takeError();
  if (entries->empty())
    return root.error("no modules, expected a Transformer and a Pooling");
  std::optional<Module> pooling;
  for (size_t i = 0; i < entries->size(); ++i) {
    llvm::Expected<Module> module = readModule((*entries)[i]);
    if (!module)
      return module.takeError();
    if (i == 0 && module->type == "Transformer") {
      config.transformerFolder = module->folder;
    } else if (i == 1 && module->type == "Pooling") {
      pooling = *module;
    } else if (pooling && module->type == "Normalize") {
      config.normalize = true;
    } else {
      llvm::Expected<llvm::StringRef> name = module->at.asString();
      if (!name)
        return name.takeError();
      config.unsupported = unsupported(
          module->at,
          "unsupported module " + quoted(*name) + " at position " +
              llvm::Twine(i) +
              ", expected Transformer, Pooling and then Normalize",
          "ask for other outputs, such as --outputs=last_hidden_state");
      break;
    }
  }
  if (!pooling) {
    if (!config.unsupported)
      config.unsupported =
          unsupported(root, "no Pooling module, expected Transformer, Pooling "
                            "and then Normalize");
    return llvm::Error::success();
  }
  config.poolingFile = join(directory, pooling->folder, "config.json");
  return llvm::Error::success();
}

llvm::Expected<SentenceConfig> bertc::loadModules(llvm::StringRef directory) {
  SentenceConfig config;
  std::string modules = join(directory, "", "modules.json");
  if (!llvm::sys::fs::exists(modules))
    return config;
  config.present = true;
  auto document = JsonDocument::load(modules);
  if (!document)
    return document.takeError();
  if (llvm::Error error = readModules(directory, (*document)->cursor(), config))
    return std::move(error);
  return config;
}

/// sentence_bert_config.json is optional, and so are its fields.
static llvm::Error readLimits(llvm::StringRef file, const ModelConfig &config,
                              SentenceConfig &sentence,
                              std::vector<Diagnostic> &notes) {
  auto document = JsonDocument::load(file);
  if (!document)
    return document.takeError();
  JsonCursor root = (*document)->cursor();
  if (llvm::Error error = root.expectObject())
    return error;
  if (std::optional<JsonCursor> cursor = root.find("max_seq_length")) {
    llvm::Expected<int64_t> length = cursor->asInteger(1, INT32_MAX);
    if (!length)
      return length.takeError();
    sentence.maxSeqLength = std::min(*length, config.maxPositionEmbeddings);
    if (*length > config.maxPositionEmbeddings) {
      Diagnostic &note =
          notes.emplace_back(ExitCode::BadModel, cursor->location(),
                             "'max_seq_length' is " + std::to_string(*length) +
                                 ", but the model has " +
                                 std::to_string(config.maxPositionEmbeddings) +
                                 " positions; taking the latter");
      note.severity = Severity::Warning;
    }
  }
  if (std::optional<JsonCursor> cursor = root.find("do_lower_case")) {
    llvm::Expected<bool> lower = cursor->asBool();
    if (!lower)
      return lower.takeError();
    sentence.doLowerCase = *lower;
  }
  return llvm::Error::success();
}

llvm::Error bertc::loadSentenceConfig(llvm::StringRef directory,
                                      const ModelConfig &config,
                                      SentenceConfig &sentence,
                                      std::vector<Diagnostic> &notes) {
  if (!sentence.present)
    return llvm::Error::success();
  if (!sentence.poolingFile.empty() && !sentence.unsupported)
    if (llvm::Error error = readPooling(config, sentence))
      return error;
  std::string limits =
      join(directory, sentence.transformerFolder, "sentence_bert_config.json");
  if (llvm::sys::fs::exists(limits))
    return readLimits(limits, config, sentence, notes);
  return llvm::Error::success();
}
