//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What products of a warp group have computed. Registers hold a mark of it,
// which no arithmetic makes, until a program takes a number out of them: so a
// number that is taken before its group of products was waited for is known,
// and so is one that is written without a fence.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_GROUPRESULTS_H
#define BERTC_TOOLS_GPU_EMULATOR_GROUPRESULTS_H

#include "compiler/Lowering/EmulatedGpu.h"
#include <cstdint>
#include <vector>

namespace bertc::emulator {

/// Of one product, 64 rows of sums.
struct GroupResult {
  static constexpr uint32_t mostColumns = 256;

  const Site *site = nullptr; ///< Of the last product. Null: nobody's.
  uint32_t number = 0;        ///< Of the slot's results, to know old marks.
  uint64_t group = 0;         ///< That must have been waited for.
  bool wasRead = false;
  std::vector<float> sums; ///< Rows of `mostColumns`.
};

class GroupResults {
public:
  static bool isMark(uint32_t word) { return word >> 20 == mark; }

  void reset() {
    for (GroupResult &result : results)
      result.site = nullptr;
    next = 0;
    committed = waited = 0;
  }

  /// Room for one more. The oldest is forgotten: no thread has the registers of
  /// as many.
  GroupResult &add() {
    if (results.size() < slots)
      results.resize(slots);
    for (uint32_t i = 0; i < slots; ++i) {
      next = (next + 1) % slots;
      if (!results[next].site)
        break;
    }
    GroupResult &result = results[next];
    result.sums.resize(rows * GroupResult::mostColumns);
    return result;
  }
  /// What `word` stands for; null if another product has taken the registers.
  GroupResult *find(uint32_t word) {
    const uint32_t slot = word >> numberBits & (slots - 1);
    if (slot >= results.size())
      return nullptr;
    GroupResult &result = results[slot];
    return result.site && result.number == (word & numberMask) ? &result
                                                               : nullptr;
  }
  /// `site` computed it again: marks from before are no longer its.
  uint32_t renew(GroupResult &result, const Site *site) {
    result.site = site;
    result.group = committed + 1;
    result.number = (result.number + 1) & numberMask;
    result.wasRead = false;
    const auto slot = static_cast<uint32_t>(&result - results.data());
    return mark << 20 | slot << numberBits | result.number;
  }

  void commit() { ++committed; }
  void wait(uint64_t newest) {
    if (committed > newest && committed - newest > waited)
      waited = committed - newest;
  }
  bool isComplete(const GroupResult &result) const {
    return result.group <= waited;
  }

private:
  /// A NaN that signals: arithmetic never makes one.
  static constexpr uint32_t mark = 0xffa;
  static constexpr uint32_t rows = 64, slots = 64;
  static constexpr uint32_t numberBits = 14,
                            numberMask = (1u << numberBits) - 1;

  std::vector<GroupResult> results;
  uint32_t next = 0;
  uint64_t committed = 0, waited = 0; ///< Groups.
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_GROUPRESULTS_H
