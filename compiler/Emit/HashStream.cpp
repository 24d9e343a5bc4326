//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// XXH64 as in runtime/abi/hash.h, of which only the rounds can be shared: that
// header wants all bytes at once.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/HashStream.h"
#include "runtime/abi/hash.h"
#include <algorithm>

using namespace bertc;

static constexpr uint64_t prime1 = 0x9E3779B185EBCA87ull;
static constexpr uint64_t prime2 = 0xC2B2AE3D27D4EB4Full;
static constexpr uint64_t prime3 = 0x165667B19E3779F9ull;
static constexpr uint64_t prime4 = 0x85EBCA77C2B2AE63ull;
static constexpr uint64_t prime5 = 0x27D4EB2F165667C5ull;

HashStream::HashStream() : lanes{prime1 + prime2, prime2, 0, 0 - prime1} {}

void HashStream::consume(const uint8_t *block) {
  for (int i = 0; i < 4; ++i)
    lanes[i] = bertc_hash_round(lanes[i], bertc_hash_read64(block + 8 * i));
}

void HashStream::update(llvm::ArrayRef<uint8_t> bytes) {
  total += bytes.size();
  if (restSize > 0) {
    size_t taken = std::min(sizeof(rest) - restSize, bytes.size());
    std::copy_n(bytes.data(), taken, rest + restSize);
    restSize += taken;
    bytes = bytes.drop_front(taken);
    if (restSize < sizeof(rest))
      return;
    consume(rest);
    restSize = 0;
  }
  for (; bytes.size() >= sizeof(rest); bytes = bytes.drop_front(sizeof(rest)))
    consume(bytes.data());
  std::copy_n(bytes.data(), bytes.size(), rest);
  restSize = bytes.size();
}

uint64_t HashStream::finish() const {
  if (total < sizeof(rest))
    return bertc_hash64(rest, restSize);
  uint64_t hash =
      bertc_hash_rotate(lanes[0], 1) + bertc_hash_rotate(lanes[1], 7) +
      bertc_hash_rotate(lanes[2], 12) + bertc_hash_rotate(lanes[3], 18);
  for (uint64_t lane : lanes)
    hash = bertc_hash_merge(hash, lane);
  hash += total;
  const uint8_t *at = rest;
  size_t left = restSize;
  for (; left >= 8; left -= 8, at += 8) {
    hash ^= bertc_hash_round(0, bertc_hash_read64(at));
    hash = bertc_hash_rotate(hash, 27) * prime1 + prime4;
  }
  if (left >= 4) {
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    hash ^= word * prime1;
    hash = bertc_hash_rotate(hash, 23) * prime2 + prime3;
    at += 4;
    left -= 4;
  }
  for (; left > 0; --left, ++at)
    hash = bertc_hash_rotate(hash ^ (*at * prime5), 11) * prime1;
  hash = (hash ^ (hash >> 33)) * prime2;
  hash = (hash ^ (hash >> 29)) * prime3;
  return hash ^ (hash >> 32);
}
