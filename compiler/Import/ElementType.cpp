//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions in integer arithmetic, so they give the same bits whatever the
// machine that compiles has: no F16C, no rounding mode, no flush to zero.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/ElementType.h"

#include "llvm/Support/Endian.h"
#include <cstring>

using namespace bertc;

std::optional<ElementType> ElementType::parse(llvm::StringRef name) {
  static constexpr ElementType types[] = {
      {F64, 64, "F64"},      {F32, 32, "F32"},      {F16, 16, "F16"},
      {BF16, 16, "BF16"},    {Other, 64, "I64"},    {Other, 64, "U64"},
      {Other, 32, "I32"},    {Other, 32, "U32"},    {Other, 16, "I16"},
      {Other, 16, "U16"},    {Other, 8, "I8"},      {Other, 8, "U8"},
      {Other, 8, "BOOL"},    {Other, 8, "F8_E5M2"}, {Other, 8, "F8_E4M3"},
      {Other, 8, "F8_E8M0"}, {Other, 4, "F4"},      {Other, 6, "F6_E2M3"},
      {Other, 6, "F6_E3M2"}, {Other, 64, "C64"},
  };
  for (const ElementType &type : types)
    if (type.name == name)
      return type;
  return std::nullopt;
}

static float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static float halfToFloat(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 31, fraction = half & 0x3ff;
  if (exponent == 31) // infinity, NaN
    return bitsToFloat(sign | 0x7f800000 | fraction << 13);
  if (exponent != 0)
    return bitsToFloat(sign | (exponent + 112) << 23 | fraction << 13);
  if (fraction == 0)
    return bitsToFloat(sign);
  // Subnormal: shift the leading one into place.
  exponent = 113;
  while (!(fraction & 0x400)) {
    fraction <<= 1;
    --exponent;
  }
  return bitsToFloat(sign | exponent << 23 | (fraction & 0x3ff) << 13);
}

void bertc::convertToF32(ElementType type, const uint8_t *source, size_t count,
                         float *destination) {
  namespace endian = llvm::support::endian;
  switch (type.kind) {
  case ElementType::F32:
    if (count)
      std::memcpy(destination, source, count * sizeof(float));
    return;
  case ElementType::F64:
    for (size_t i = 0; i < count; ++i) {
      uint64_t bits = endian::read64le(source + 8 * i);
      double value;
      std::memcpy(&value, &bits, sizeof(value));
      destination[i] = static_cast<float>(value);
    }
    return;
  case ElementType::F16:
    for (size_t i = 0; i < count; ++i)
      destination[i] = halfToFloat(endian::read16le(source + 2 * i));
    return;
  case ElementType::BF16:
    for (size_t i = 0; i < count; ++i)
      destination[i] =
          bitsToFloat(uint32_t(endian::read16le(source + 2 * i)) << 16);
    return;
  case ElementType::Other:
    return;
  }
}
