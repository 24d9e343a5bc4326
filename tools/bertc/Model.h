//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compiled model, opened through its public API only.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_MODEL_H
#define BERTC_TOOLS_BERTC_MODEL_H

#include "compiler/Import/Diagnostics.h"
#include "runtime/include/bertc_train.h"
#include <vector>

namespace bertc::tool {

class Session;

class Model {
public:
  /// Checks the file before it is loaded, because the loader trusts it.
  static llvm::Expected<Model> open(llvm::StringRef path);
  Model(Model &&other);
  Model(const Model &) = delete;
  ~Model();

  const bertc_api &api() const { return *table; }
  /// Null unless the library was compiled with --train.
  const bertc_train_api *trainApi() const { return trainTable; }
  bertc_model *handle() const { return model; }
  llvm::StringRef path() const { return file; }
  const bertc_model_info &info() const { return about; }
  llvm::ArrayRef<bertc_output_info> outputs() const { return outputList; }
  const bertc_output_info *findOutput(llvm::StringRef name) const;
  /// Of the manifest: "int8".
  llvm::StringRef precision() const { return computesIn; }
  /// Name of the variant in use.
  std::string variant() const;

  /// `threads` 0: the default; `flags` are BERTC_SESSION_*.
  llvm::Expected<Session> createSession(uint32_t threads,
                                        uint32_t flags = 0) const;

private:
  explicit Model(llvm::StringRef path) : file(path.str()) {}
  std::string file, computesIn;
  void *library = nullptr;
  const bertc_api *table = nullptr;
  const bertc_train_api *trainTable = nullptr;
  bertc_model *model = nullptr;
  bertc_model_info about = {};
  std::vector<bertc_output_info> outputList;
};

class Session {
public:
  Session(const bertc_api &api, bertc_session *session)
      : api(&api), session(session) {}
  Session(Session &&other) : api(other.api), session(other.session) {
    other.session = nullptr;
  }
  Session(const Session &) = delete;
  ~Session() {
    if (session)
      api->session_destroy(session);
  }
  bertc_session *get() const { return session; }
  uint32_t threads() const;
  /// Bytes of workspace held now.
  size_t workspaceBytes() const;

private:
  bertc_session_info info() const;
  const bertc_api *api;
  bertc_session *session;
};

/// What a call of the API reported, as an error about `subject` (a file).
llvm::Error makeError(const bertc_status &status, llvm::StringRef subject);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_MODEL_H
