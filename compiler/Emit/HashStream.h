//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The hash of runtime/abi/hash.h of weights, which are never in memory as a
// whole.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_HASHSTREAM_H
#define BERTC_COMPILER_EMIT_HASHSTREAM_H

#include "runtime/abi/hash.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace bertc {

class HashStream {
public:
  HashStream() { bertc_hash_begin(&state); }
  void update(llvm::ArrayRef<uint8_t> bytes) {
    bertc_hash_update(&state, bytes.data(), bytes.size());
  }
  uint64_t finish() const { return bertc_hash_end(&state); }

private:
  bertc_hash_state state;
};

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_HASHSTREAM_H
