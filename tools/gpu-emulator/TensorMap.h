//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a tensor map (CUtensorMap) holds here: 128 bytes whose meaning a driver
// keeps to itself. A stand-in for the driver makes them, kernels only pass them
// on.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_TENSORMAP_H
#define BERTC_TOOLS_GPU_EMULATOR_TENSORMAP_H

#include <cstdint>
#include <string>

namespace bertc::emulator {

/// Pieces of 16 bytes in shared memory are permuted within 32, 64 or 128 bytes.
/// Numbers are those of CUtensorMapSwizzle.
enum class Swizzle : uint32_t { None, Bytes32, Bytes64, Bytes128 };

struct TensorMap {
  static constexpr uint32_t mostDimensions = 5;
  static constexpr uint64_t mark = 0x70616d7265747262;

  uint64_t magic = mark;
  uint64_t address = 0;                      ///< Of the first element.
  uint64_t strides[mostDimensions - 1] = {}; ///< Bytes, from dimension 1 on.
  uint32_t sizes[mostDimensions] = {};       ///< Elements; 0 varies fastest.
  uint32_t box[mostDimensions] = {};         ///< Elements that one copy moves.
  uint32_t rank = 0;
  uint32_t elementBytes = 0;
  Swizzle swizzle = Swizzle::None;
};
static_assert(sizeof(TensorMap) <= 128, "a CUtensorMap has 128 bytes");

/// Why cuTensorMapEncodeTiled would refuse it; empty if it would not.
std::string problemOf(const TensorMap &map);

/// Where byte `address` of shared memory lies in fact.
inline uint32_t permute(uint32_t address, Swizzle swizzle) {
  const uint32_t bits = (1u << uint32_t(swizzle)) - 1;
  return address ^ (address >> 7 & bits) << 4;
}

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_TENSORMAP_H
