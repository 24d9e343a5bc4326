//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A library with hand-written code: the forward function copies a row of the
// only weight, a table, for each token. What the linker, the description and
// the packer do can be seen in its results.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_EMIT_TESTLIBRARY_H
#define BERTC_TEST_UNIT_EMIT_TESTLIBRARY_H

#include "compiler/Emit/Library.h"
#include "compiler/Emit/LibraryFile.h"
#include "compiler/Import/Checkpoint.h"
#include "runtime/include/bertc.h"
#include "test/Unit/Import/TestModel.h"

namespace bertc::test {

class TestLibrary {
public:
  /// A table of `vocabulary` rows and 16 columns.
  explicit TestLibrary(int64_t vocabulary = 50);

  LibraryInputs inputs;
  TemporaryFolder folder;

  float value(int64_t row, int64_t column) const;

private:
  std::unique_ptr<SafetensorsFile> weights;
};

/// The object of a forward function that copies rows, named `entry`; `body` is
/// put in front of its first block.
std::string compileForward(llvm::StringRef entry, llvm::StringRef body = "");

/// A loaded library and its open model.
class OpenLibrary {
public:
  explicit OpenLibrary(const std::string &path);
  ~OpenLibrary();
  void *symbol(const char *name) const;

  void *handle = nullptr;
  const bertc_api *api = nullptr;
  bertc_model *model = nullptr;
  bertc_status status = {};
};

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_EMIT_TESTLIBRARY_H
