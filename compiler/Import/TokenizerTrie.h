//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Double-array tries for the tokenizer blob.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_TOKENIZERTRIE_H
#define BERTC_COMPILER_IMPORT_TOKENIZERTRIE_H

#include "runtime/abi/text.h"
#include "llvm/ADT/StringRef.h"
#include <vector>

namespace bertc {

struct TrieEntry {
  llvm::StringRef key; ///< Not empty.
  uint32_t value;
};

/// A trie of `entries`, whose keys differ. The same set in any order gives the
/// same trie; no entries give an empty one.
std::vector<bertc_text_unit> buildTrie(std::vector<TrieEntry> entries);

/// The node for `key`, or BERTC_TEXT_NONE.
uint32_t findNode(const std::vector<bertc_text_unit> &trie,
                  llvm::StringRef key);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_TOKENIZERTRIE_H
