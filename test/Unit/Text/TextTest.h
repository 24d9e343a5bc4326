//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of texts share: files in a folder of their own, and a
// tokenizer that went the whole way from files through bytes.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_TEXT_TEXTTEST_H
#define BERTC_TEST_UNIT_TEXT_TEXTTEST_H

#include "compiler/Import/Tokenizer.h"
#include "runtime/text/Tokenizer.h"
#include "llvm/ADT/SmallString.h"

namespace bertc::test {

/// A temporary folder, removed at the end.
class Folder {
public:
  Folder();
  ~Folder();
  Folder(const Folder &) = delete;
  void write(llvm::StringRef name, llvm::StringRef text) const;
  llvm::StringRef path() const { return folder; }

private:
  llvm::SmallString<128> folder;
};

/// vocab.txt with these tokens.
std::string lines(llvm::ArrayRef<llvm::StringRef> tokens);

struct Encoded {
  rt::TextStatus status = rt::TextStatus::Ok;
  std::vector<int32_t> ids, types;
  std::vector<uint32_t> begin, end;
  std::vector<uint8_t> special;
  size_t dropped = 0;
  size_t malformed = 0;
};

/// Counts what is allocated, and can refuse.
struct Memory {
  size_t live = 0;             ///< Blocks that are not freed.
  size_t calls = 0;            ///< Requests for memory.
  size_t allowed = ~size_t(0); ///< Requests that are granted.
  rt::TextAllocator allocator();
};

class LoadedTokenizer {
public:
  explicit LoadedTokenizer(const TokenizerData &data);
  /// From vocab.txt of special tokens and `words`, with tokenizer_config.json.
  static LoadedTokenizer fromWords(llvm::ArrayRef<llvm::StringRef> words,
                                   llvm::StringRef config = "{}");

  Encoded encode(llvm::StringRef text, std::optional<llvm::StringRef> pair = {},
                 rt::EncodeOptions options = {},
                 Memory *memory = nullptr) const;
  /// The tokens as strings, without [CLS] and [SEP], joined by spaces.
  std::string tokens(llvm::StringRef text) const;
  const rt::Tokenizer &get() const { return tokenizer; }

private:
  std::vector<uint64_t> blob;
  rt::Tokenizer tokenizer;
};

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_TEXT_TEXTTEST_H
