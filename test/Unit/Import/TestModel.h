//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A small, valid model directory in a temporary folder, written from values
// that a test changes first. Tests of bad input change one thing each, so what
// they complain about can only be that thing.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_IMPORT_TESTMODEL_H
#define BERTC_TEST_UNIT_IMPORT_TESTMODEL_H

#include "compiler/Import/Diagnostics.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/JSON.h"
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace bertc::test {

/// A folder that is removed with all it holds.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  std::string path(llvm::StringRef name = "") const;
  /// Writes a file; folders in its name are made.
  void write(llvm::StringRef name, llvm::StringRef content) const;
  void remove(llvm::StringRef name) const;

private:
  llvm::SmallString<64> root;
};

struct TestTensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
};

/// Bytes of an element of the dtypes that the tests use.
int64_t elementBytes(llvm::StringRef dtype);

/// A file of `header` and `dataBytes` bytes of the pattern below.
std::string safetensors(llvm::StringRef header, size_t dataBytes);
/// A file with these tensors one after another.
std::string safetensors(llvm::ArrayRef<TestTensor> tensors);

/// A vocab.txt with the special tokens and 20 lines in all.
std::string vocabulary();

class TestModel {
public:
  TestModel();

  llvm::json::Object config;
  std::vector<TestTensor> tensors;
  TemporaryFolder folder;

  /// The tensor of this name, to be changed.
  TestTensor &tensor(llvm::StringRef name);
  void removeTensor(llvm::StringRef name);
  void renameTensors(std::function<std::string(llvm::StringRef)> rename);
  /// modules.json and 1_Pooling/config.json of a sentence model.
  void writeSentenceFiles() const;
  /// Writes config.json, model.safetensors and vocab.txt, unless they are there
  /// already.
  void write() const;
};

/// One thing that is wrong with a model, and what must be said about it.
struct BadModel {
  std::string name;
  std::function<void(TestModel &)> damage;
  std::vector<std::string> expected; ///< All are part of the rendered text.
  ExitCode category = ExitCode::BadModel;
  std::string outputs = {}; ///< Asked for after loading.
  std::string path = {};    ///< Below the folder, to load instead.
};

inline std::ostream &operator<<(std::ostream &os, const BadModel &bad) {
  return os << bad.name;
}

class BadModelTest : public ::testing::TestWithParam<BadModel> {};

inline std::string
badModelName(const ::testing::TestParamInfo<BadModel> &info) {
  return info.param.name;
}

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_IMPORT_TESTMODEL_H
