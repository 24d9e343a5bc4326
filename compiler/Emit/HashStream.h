//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// bertc_hash64() of data that come in pieces, because weights are never in
// memory as a whole.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_HASHSTREAM_H
#define BERTC_COMPILER_EMIT_HASHSTREAM_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace bertc {

class HashStream {
public:
  HashStream();
  void update(llvm::ArrayRef<uint8_t> bytes);
  uint64_t finish() const;

private:
  void consume(const uint8_t *block);

  uint64_t lanes[4];
  uint8_t rest[32] = {};
  size_t restSize = 0;
  uint64_t total = 0;
};

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_HASHSTREAM_H
