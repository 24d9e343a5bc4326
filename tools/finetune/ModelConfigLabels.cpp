//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file is replaced as a whole.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/ModelConfigLabels.h"
#include "compiler/Emit/OutputFile.h"
#include "compiler/Import/Json.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace bertc;

llvm::Error finetune::writeLabelNames(llvm::StringRef directory,
                                      llvm::ArrayRef<std::string> names) {
  if (names.empty())
    return llvm::Error::success();
  llvm::SmallString<256> path(directory);
  llvm::sys::path::append(path, "config.json");
  auto document = JsonDocument::load(path);
  if (!document)
    return document.takeError();
  JsonCursor root = (*document)->cursor();
  if (llvm::Error error = root.expectObject())
    return error;
  llvm::json::Object config = *root.get().getAsObject(), toName, toId;
  for (size_t i = 0; i < names.size(); ++i) {
    toName[std::to_string(i)] = names[i];
    toId[names[i]] = int64_t(i);
  }
  config["id2label"] = std::move(toName);
  config["label2id"] = std::move(toId);
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  std::string text =
      llvm::formatv("{0:2}\n", llvm::json::Value(std::move(config))).str();
  if (llvm::Error error = file->write(text))
    return error;
  return file->commit();
}
