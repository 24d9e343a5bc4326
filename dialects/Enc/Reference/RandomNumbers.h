//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// SplitMix64, keyed by a name. Written out here so that seeded weights and
// inputs stay the same on every machine and with every version of LLVM.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_RANDOMNUMBERS_H
#define BERTC_DIALECTS_ENC_REFERENCE_RANDOMNUMBERS_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace mlir::enc::reference {

class RandomNumbers {
public:
  RandomNumbers(llvm::StringRef name, uint64_t seed)
      : state(0xcbf29ce484222325u ^ seed) {
    for (unsigned char c : name) // FNV-1a
      state = (state ^ c) * 0x100000001b3u;
  }
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// Uniform in [center - spread, center + spread), rounded to float.
  float uniform(double center, double spread) {
    double unit = (next() >> 11) * 0x1p-53;
    return static_cast<float>(center + spread * (2.0 * unit - 1.0));
  }

private:
  uint64_t state;
};

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_RANDOMNUMBERS_H
