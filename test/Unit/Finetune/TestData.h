//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of fine-tuning share: files from literals, messages of errors,
// and a tokenizer that can be followed by eye.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_FINETUNE_TESTDATA_H
#define BERTC_TEST_UNIT_FINETUNE_TESTDATA_H

#include "tools/finetune/Examples.h"
#include "gtest/gtest.h"
#include <stdexcept>

namespace bertc::finetune::test {

/// Rendered as a user sees it, and "" for success.
std::string message(llvm::Error error);

/// The value; the test ends with the message of the error if there is none.
template <typename T> T expect(llvm::Expected<T> value) {
  if (value)
    return std::move(*value);
  ADD_FAILURE() << message(value.takeError());
  throw std::runtime_error("expected a value");
}

/// Words at blanks, in pieces of at most three bytes. The id of a piece is 10
/// plus its length; 1 begins a sequence, and 2 ends each text.
llvm::Expected<Tokens> tokenizeInThrees(llvm::StringRef text,
                                        std::optional<llvm::StringRef> pair,
                                        uint32_t maxTokens);

} // namespace bertc::finetune::test

#endif // BERTC_TEST_UNIT_FINETUNE_TESTDATA_H
