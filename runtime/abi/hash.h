/*===----------------------------------------------------------------------===*
 *
 * Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * The hash of packed weights and of checkpoints: XXH64 with seed 0. It guards
 * against the wrong or a damaged file, not against an attacker; it is here,
 * inline, because the compiler writes it and the runtime checks it, and neither
 * may link the other.
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

/* Bytes that come in pieces. */
typedef struct bertc_hash_state {
  uint64_t lanes[4];
  uint8_t rest[32];
  size_t rest_size;
  uint64_t total;
} bertc_hash_state;

static inline void bertc_hash_begin(bertc_hash_state *state) {
  memset(state, 0, sizeof(*state));
  state->lanes[0] = BERTC_HASH_P1 + BERTC_HASH_P2;
  state->lanes[1] = BERTC_HASH_P2;
  state->lanes[3] = 0 - BERTC_HASH_P1;
}

static inline void bertc_hash_block(uint64_t *lanes, const uint8_t *block) {
  for (int i = 0; i < 4; ++i)
    lanes[i] = bertc_hash_round(lanes[i], bertc_hash_read64(block + 8 * i));
}

/* `data` may be NULL if size is 0. */
static inline void bertc_hash_update(bertc_hash_state *state, const void *data,
                                     size_t size) {
  const uint8_t *at = (const uint8_t *)data;
  state->total += size;
  if (state->rest_size > 0) {
    size_t taken = sizeof(state->rest) - state->rest_size;
    if (taken > size)
      taken = size;
    if (taken > 0)
      memcpy(state->rest + state->rest_size, at, taken);
    state->rest_size += taken;
    if (state->rest_size < sizeof(state->rest))
      return;
    at += taken;
    size -= taken;
    bertc_hash_block(state->lanes, state->rest);
    state->rest_size = 0;
  }
  for (; size >= sizeof(state->rest); size -= sizeof(state->rest)) {
    bertc_hash_block(state->lanes, at);
    at += sizeof(state->rest);
  }
  if (size > 0)
    memcpy(state->rest, at, size);
  state->rest_size = size;
}

/* The hash of all bytes so far; more may follow. */
static inline uint64_t bertc_hash_end(const bertc_hash_state *state) {
  const uint64_t *lanes = state->lanes;
  const uint8_t *at = state->rest;
  size_t left = state->rest_size;
  uint64_t hash = BERTC_HASH_P5;
  if (state->total >= sizeof(state->rest)) {
    hash = bertc_hash_rotate(lanes[0], 1) + bertc_hash_rotate(lanes[1], 7) +
           bertc_hash_rotate(lanes[2], 12) + bertc_hash_rotate(lanes[3], 18);
    for (int i = 0; i < 4; ++i)
      hash = bertc_hash_merge(hash, lanes[i]);
  }
  hash += state->total;
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

/* XXH64, seed 0, of the first `size` bytes at `data` (NULL only if size is 0).
 */
static inline uint64_t bertc_hash64(const void *data, size_t size) {
  bertc_hash_state state;
  bertc_hash_begin(&state);
  bertc_hash_update(&state, data, size);
  return bertc_hash_end(&state);
}

#undef BERTC_HASH_P1
#undef BERTC_HASH_P2
#undef BERTC_HASH_P3
#undef BERTC_HASH_P4
#undef BERTC_HASH_P5

#endif
