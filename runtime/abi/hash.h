/*===----------------------------------------------------------------------===*
 *
 * Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * The hash of packed weights: XXH64 with seed 0. It guards against the wrong or
 * a damaged file, not against an attacker; it is here, inline, because the
 * compiler writes it and the runtime checks it, and neither may link the other.
 *
 *===----------------------------------------------------------------------===*/
#ifndef BERTC_RUNTIME_ABI_HASH_H
#define BERTC_RUNTIME_ABI_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BERTC_HASH_P1 0x9E3779B185EBCA87ull
#define BERTC_HASH_P2 0xC2B2AE3D27D4EB4Full
#define BERTC_HASH_P3 0x165667B19E3779F9ull
#define BERTC_HASH_P4 0x85EBCA77C2B2AE63ull
#define BERTC_HASH_P5 0x27D4EB2F165667C5ull

static inline uint64_t bertc_hash_rotate(uint64_t value, int bits) {
  return (value << bits) | (value >> (64 - bits));
}

static inline uint64_t bertc_hash_read64(const uint8_t *bytes) {
  uint64_t value;
  memcpy(&value, bytes, sizeof(value));
  return value;
}

static inline uint64_t bertc_hash_round(uint64_t lane, uint64_t input) {
  return bertc_hash_rotate(lane + input * BERTC_HASH_P2, 31) * BERTC_HASH_P1;
}

static inline uint64_t bertc_hash_merge(uint64_t hash, uint64_t lane) {
  return (hash ^ bertc_hash_round(0, lane)) * BERTC_HASH_P1 + BERTC_HASH_P4;
}

/* XXH64, seed 0, of the first `size` bytes at `data` (NULL only if size is 0).
 */
static inline uint64_t bertc_hash64(const void *data, size_t size) {
  const uint8_t *at = (const uint8_t *)data;
  size_t left = size;
  uint64_t hash;
  if (size >= 32) {
    uint64_t a = BERTC_HASH_P1 + BERTC_HASH_P2;
    uint64_t b = BERTC_HASH_P2;
    uint64_t c = 0;
    uint64_t d = 0 - BERTC_HASH_P1;
    for (; left >= 32; left -= 32, at += 32) {
      a = bertc_hash_round(a, bertc_hash_read64(at));
      b = bertc_hash_round(b, bertc_hash_read64(at + 8));
      c = bertc_hash_round(c, bertc_hash_read64(at + 16));
      d = bertc_hash_round(d, bertc_hash_read64(at + 24));
    }
    hash = bertc_hash_rotate(a, 1) + bertc_hash_rotate(b, 7) +
           bertc_hash_rotate(c, 12) + bertc_hash_rotate(d, 18);
    hash = bertc_hash_merge(hash, a);
    hash = bertc_hash_merge(hash, b);
    hash = bertc_hash_merge(hash, c);
    hash = bertc_hash_merge(hash, d);
  } else {
    hash = BERTC_HASH_P5;
  }
  hash += (uint64_t)size;
  for (; left >= 8; left -= 8, at += 8) {
    hash ^= bertc_hash_round(0, bertc_hash_read64(at));
    hash = bertc_hash_rotate(hash, 27) * BERTC_HASH_P1 + BERTC_HASH_P4;
  }
  if (left >= 4) {
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    hash ^= (uint64_t)word * BERTC_HASH_P1;
    hash = bertc_hash_rotate(hash, 23) * BERTC_HASH_P2 + BERTC_HASH_P3;
    at += 4;
    left -= 4;
  }
  for (; left > 0; --left, ++at)
    hash = bertc_hash_rotate(hash ^ (*at * BERTC_HASH_P5), 11) * BERTC_HASH_P1;
  hash = (hash ^ (hash >> 33)) * BERTC_HASH_P2;
  hash = (hash ^ (hash >> 29)) * BERTC_HASH_P3;
  return hash ^ (hash >> 32);
}

#undef BERTC_HASH_P1
#undef BERTC_HASH_P2
#undef BERTC_HASH_P3
#undef BERTC_HASH_P4
#undef BERTC_HASH_P5

#endif
