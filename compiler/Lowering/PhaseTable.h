//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The phases of a forward function by number, as bertc_phase_desc of
// runtime/abi/abi.h tells a profile about them. Phases of the two programs that
// are alike share a number.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_PHASETABLE_H
#define BERTC_COMPILER_LOWERING_PHASETABLE_H

#include <cstdint>
#include <string>
#include <vector>

namespace bertc {

struct PhaseInfo {
  std::string name;
  int64_t flopsPerToken = 0, flopsPerSequence = 0, flopsPerPair = 0;
  int64_t weightBytes = 0; // of one layer

  bool operator==(const PhaseInfo &other) const {
    return name == other.name && flopsPerToken == other.flopsPerToken &&
           flopsPerSequence == other.flopsPerSequence &&
           flopsPerPair == other.flopsPerPair &&
           weightBytes == other.weightBytes;
  }
};

class PhaseTable {
public:
  /// The number of the phase, which is new or known.
  int64_t add(const PhaseInfo &phase) {
    for (size_t i = 0; i < phases.size(); ++i)
      if (phases[i] == phase)
        return int64_t(i);
    phases.push_back(phase);
    return int64_t(phases.size()) - 1;
  }

  std::vector<PhaseInfo> phases;
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_PHASETABLE_H
