//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// UTF-8 of unknown quality to code points and back. Every maximal part of a
// sequence that cannot be completed counts as one U+FFFD, which is what
// Python's bytes.decode(errors="replace") and the Unicode Standard do.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TEXT_UTF8_H
#define BERTC_RUNTIME_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

namespace bertc::rt {

constexpr uint32_t replacementChar = 0xfffd;

struct Decoded {
  uint32_t code;
  uint32_t size; ///< In bytes, 1 to 4.
  bool valid;
};

/// The code point at the start of `at`, of which `left` >= 1 bytes exist.
inline Decoded decodeUtf8(const uint8_t *at, size_t left) {
  uint8_t lead = at[0];
  if (lead < 0x80)
    return {lead, 1, true};
  uint32_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4)
    return {replacementChar, 1, false};
  // The second byte has a narrower range after some first bytes: this excludes
  // overlong forms, surrogates and what lies above U+10FFFF.
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  uint32_t code = lead & (0xff >> (length + 1));
  for (uint32_t i = 1; i < length; ++i) {
    if (i >= left || at[i] < low || at[i] > high)
      return {replacementChar, i, false};
    code = (code << 6) | (at[i] & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return {code, length, true};
}

/// The code point that ends at `at`, of which `before` >= 1 bytes exist. A
/// malformed one counts as one byte long.
inline Decoded decodeUtf8Before(const uint8_t *at, size_t before) {
  size_t most = before < 4 ? before : 4;
  for (uint32_t size = 1; size <= most; ++size) {
    Decoded decoded = decodeUtf8(at - size, size);
    if (decoded.valid && decoded.size == size)
      return decoded;
  }
  return {replacementChar, 1, false};
}

/// Writes `code` and returns the number of bytes.
inline uint32_t encodeUtf8(uint32_t code, uint8_t bytes[4]) {
  if (code < 0x80) {
    bytes[0] = static_cast<uint8_t>(code);
    return 1;
  }
  uint32_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (uint32_t i = length - 1; i > 0; --i) {
    bytes[i] = static_cast<uint8_t>(0x80 | (code & 0x3f));
    code >>= 6;
  }
  bytes[0] = static_cast<uint8_t>((0xf00 >> length) | code);
  return length;
}

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TEXT_UTF8_H
