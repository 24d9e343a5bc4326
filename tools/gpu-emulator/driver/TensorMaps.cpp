//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// cuTensorMapEncodeTiled, as far as models use it: the emulator's own map,
// after the checks of the real one.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/TensorMap.h"
#include "tools/gpu-emulator/driver/State.h"
#include <cstring>

using namespace bertc;
using namespace bertc::standin;

namespace bertc::rt::cuda {

/// 0 for a type that models do not use.
static uint32_t elementBytes(int type) {
  switch (type) {
  case mapFloat16:
  case mapBFloat16:
    return 2;
  case mapFloat32:
    return 4;
  default:
    return 0;
  }
}

Result cuTensorMapEncodeTiled(TensorMapBytes *map, int type, unsigned rank,
                              void *address, const unsigned long long *sizes,
                              const unsigned long long *strides,
                              const unsigned *box,
                              const unsigned *elementStrides, int interleave,
                              int swizzle, int levelTwo, int fill) {
  BERTC_STANDIN_ENTER(cuTensorMapEncodeTiled, Started)
  auto no = [](const std::string &reason) {
    return refuse(invalidValue, "no tensor map: %s", reason.c_str());
  };
  if (!map || reinterpret_cast<uintptr_t>(map) % alignof(TensorMapBytes))
    return no("its bytes are not aligned to 128");
  emulator::TensorMap made;
  if (rank > emulator::TensorMap::mostDimensions)
    return no("a tensor of " + std::to_string(rank) + " dimensions");
  made.address = reinterpret_cast<uintptr_t>(address);
  made.rank = rank;
  made.elementBytes = elementBytes(type);
  if (!made.elementBytes || interleave != mapNotInterleaved || levelTwo < 0 ||
      levelTwo > 3 || fill != mapFillZeros)
    return no("a type, an interleave or a fill that is not emulated");
  if (swizzle < mapSwizzleNone || swizzle > mapSwizzle128)
    return no("swizzle " + std::to_string(swizzle));
  made.swizzle = emulator::Swizzle(swizzle);
  for (unsigned i = 0; i < rank; ++i) {
    if (sizes[i] > 1ull << 32 || elementStrides[i] != 1)
      return no("a size of " + std::to_string(sizes[i]) + " in steps of " +
                std::to_string(elementStrides[i]));
    made.sizes[i] = uint32_t(std::min<uint64_t>(sizes[i], UINT32_MAX));
    made.box[i] = box[i];
    if (i + 1 < rank && strides[i] >= 1ull << 40)
      return no("a stride of " + std::to_string(strides[i]));
    if (i + 1 < rank)
      made.strides[i] = strides[i];
  }
  if (std::string problem = emulator::problemOf(made); !problem.empty())
    return no(problem);
  memset(map, 0, sizeof(*map));
  memcpy(map, &made, sizeof(made));
  return success;
}

} // namespace bertc::rt::cuda
