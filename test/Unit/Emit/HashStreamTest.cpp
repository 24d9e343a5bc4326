//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The stream gives the hash of the runtime's header, wherever the pieces end.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/HashStream.h"
#include "runtime/abi/hash.h"
#include <gtest/gtest.h>
#include <vector>

using namespace bertc;

static std::vector<uint8_t> someBytes(size_t count) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i)
    bytes[i] = uint8_t(i * 167 + (i >> 5));
  return bytes;
}

TEST(HashStream, EqualsTheHashOfTheWhole) {
  for (size_t size : {0, 1, 3, 4, 8, 15, 31, 32, 33, 63, 64, 65, 100, 5000}) {
    std::vector<uint8_t> bytes = someBytes(size);
    for (size_t step : {1, 7, 31, 32, 33, 4096}) {
      HashStream hash;
      llvm::ArrayRef<uint8_t> left(bytes);
      while (!left.empty()) {
        size_t taken = std::min(step, left.size());
        hash.update(left.take_front(taken));
        left = left.drop_front(taken);
      }
      EXPECT_EQ(hash.finish(), bertc_hash64(bytes.data(), size))
          << size << " bytes in steps of " << step;
    }
  }
}

TEST(HashStream, KnownValues) {
  // XXH64 with seed 0, as its specification gives them.
  EXPECT_EQ(HashStream().finish(), 0xEF46DB3751D8E999ull);
  HashStream abc;
  const uint8_t text[] = {'a', 'b', 'c'};
  abc.update(text);
  EXPECT_EQ(abc.finish(), 0x44BC2CF5AD770999ull);
}
