//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The library stays loaded until the process ends: its worker threads may still
// be on their way out when the last session is gone.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Model.h"
#include "compiler/Emit/LibraryFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include <dlfcn.h>

using namespace bertc;
using namespace bertc::tool;

static ExitCode exitCodeOf(bertc_code code) {
  switch (code) {
  case BERTC_INVALID_ARGUMENT:
  case BERTC_NOT_IN_MODEL:
    return ExitCode::Usage;
  case BERTC_CORRUPT:
  case BERTC_IO: // only the file of external weights
    return ExitCode::BadModel;
  case BERTC_BAD_INPUT:
    return ExitCode::BadInput;
  case BERTC_UNSUPPORTED_CPU:
  case BERTC_NO_DEVICE:
    return ExitCode::NoDevice;
  default:
    return ExitCode::Failure;
  }
}

llvm::Error tool::makeError(const bertc_status &status,
                            llvm::StringRef subject) {
  auto [message, help] = llvm::StringRef(status.message).split("\nhelp: ");
  return bertc::makeError(exitCodeOf(status.code), subject, message, help);
}

llvm::Expected<Model> Model::open(llvm::StringRef path) {
  auto checked = readLibraryFile(path);
  if (!checked)
    return checked.takeError();
  Model result(path);
  // A library from before there was a choice computes in f32.
  result.computesIn = "f32";
  if (auto manifest = llvm::json::parse(checked->manifest)) {
    if (const llvm::json::Object *object = manifest->getAsObject())
      if (auto precision = object->getString("precision"))
        result.computesIn = precision->str();
  } else {
    llvm::consumeError(manifest.takeError());
  }
  // A name without a folder would be looked for in the system's folders.
  llvm::SmallString<256> absolute(path);
  if (std::error_code error = llvm::sys::fs::make_absolute(absolute))
    return bertc::makeError(ExitCode::Failure, path,
                            "cannot find the current folder: " +
                                error.message());
  result.library = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!result.library)
    return bertc::makeError(ExitCode::BadModel, path,
                            llvm::Twine("cannot load the library: ") +
                                dlerror());
  auto get = reinterpret_cast<const bertc_api *(*)(uint32_t)>(
      dlsym(result.library, "bertc_get_api"));
  result.table = get ? get(BERTC_API_VERSION) : nullptr;
  if (!result.table)
    return bertc::makeError(ExitCode::BadModel, path,
                            "the library does not offer version " +
                                llvm::Twine(BERTC_API_VERSION) + " of the API",
                            "compile the model again with this bertc");
  if (auto getTrain = reinterpret_cast<const bertc_train_api *(*)(uint32_t)>(
          dlsym(result.library, "bertc_get_train_api")))
    result.trainTable = getTrain(BERTC_TRAIN_API_VERSION);
  bertc_status status;
  if (result.table->model_open(nullptr, &result.model, &status) != BERTC_OK) {
    // No variant was asked for but by BERTC_CPU.
    if (status.code == BERTC_INVALID_ARGUMENT &&
        llvm::StringRef(status.message).contains("BERTC_CPU"))
      status.code = BERTC_UNSUPPORTED_CPU;
    return makeError(status, path);
  }
  result.about = BERTC_INIT(bertc_model_info);
  if (result.table->model_info(result.model, &result.about, &status) !=
      BERTC_OK)
    return makeError(status, path);
  for (uint32_t i = 0; i < result.about.output_count; ++i) {
    bertc_output_info output = BERTC_INIT(bertc_output_info);
    if (result.table->output_info(result.model, i, &output, &status) !=
        BERTC_OK)
      return makeError(status, path);
    result.outputList.push_back(output);
  }
  return std::move(result);
}

Model::Model(Model &&other)
    : file(std::move(other.file)), computesIn(std::move(other.computesIn)),
      library(other.library), table(other.table), trainTable(other.trainTable),
      model(other.model), about(other.about),
      outputList(std::move(other.outputList)) {
  other.model = nullptr;
}

Model::~Model() {
  if (model)
    table->model_close(model);
}

const bertc_output_info *Model::findOutput(llvm::StringRef name) const {
  for (const bertc_output_info &output : outputList)
    if (name == output.name)
      return &output;
  return nullptr;
}

std::string Model::variant() const {
  bertc_variant_info info = BERTC_INIT(bertc_variant_info);
  if (table->variant_info(model, about.variant, &info, nullptr) != BERTC_OK)
    return "";
  return info.name;
}

llvm::Expected<Session> Model::createSession(uint32_t threads,
                                             uint32_t flags) const {
  bertc_session_options options = BERTC_INIT(bertc_session_options);
  options.threads = threads;
  options.flags = flags;
  bertc_session *session = nullptr;
  bertc_status status;
  if (table->session_create(model, &options, &session, &status) != BERTC_OK)
    return makeError(status, file);
  return Session(*table, session);
}

bertc_session_info Session::info() const {
  bertc_session_info info = BERTC_INIT(bertc_session_info);
  api->session_info(session, &info, nullptr);
  return info;
}

uint32_t Session::threads() const { return info().threads; }
size_t Session::workspaceBytes() const { return info().workspace_size; }
