//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layout: fixed slots, token slots (each tokens * row), sequence slots, then
// one scratch a thread. Everything is a multiple of 64 bytes.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/Workspace.h"

using namespace mlir;
using namespace bertc;

int64_t Workspace::acquire(Extent extent, int64_t elements) {
  elements = roundUp(elements, BERTC_ALIGNMENT / 4);
  for (auto [i, slot] : llvm::enumerate(slots))
    if (slot.free && slot.extent == extent && slot.elements == elements) {
      slot.free = false;
      return i;
    }
  return reserve(extent, elements);
}

int64_t Workspace::reserve(Extent extent, int64_t elements) {
  elements = roundUp(elements, BERTC_ALIGNMENT / 4);
  int64_t &total = totals[static_cast<int>(extent)];
  slots.push_back({extent, elements, total, false});
  total += elements;
  return slots.size() - 1;
}

void Workspace::release(int64_t slot) { slots[slot].free = true; }

void Workspace::needScratch(int64_t elements, int64_t elementsPerKey) {
  scratchElements =
      std::max(scratchElements, roundUp(elements, BERTC_ALIGNMENT / 4));
  scratchPerKey = std::max(scratchPerKey, elementsPerKey);
}

Value Workspace::offset(KernelBuilder &k, Value tokens, Value sequences,
                        int64_t number) const {
  const Slot &slot = slots[number];
  if (slot.extent == Extent::Fixed)
    return k.index(slot.offset);
  Value offset = k.index(totals[0]);
  if (slot.extent == Extent::PerToken)
    return k.add(offset, k.mul(tokens, slot.offset));
  offset = k.add(offset, k.mul(tokens, totals[1]));
  return k.add(offset, k.mul(sequences, slot.offset));
}

Place Workspace::slot(KernelBuilder &k, const CallFrame &frame,
                      int64_t number) const {
  return {frame.workspace, offset(k, frame.tokens, frame.sequences, number)};
}

Value Workspace::scratchOffset(KernelBuilder &k, Value tokens,
                               Value sequences) const {
  Value rows = k.add(k.mul(tokens, totals[1]), k.mul(sequences, totals[2]));
  return k.add(rows, totals[0]);
}

Place Workspace::scratch(KernelBuilder &k, const CallFrame &frame) const {
  Value keys = k.mul(k.ceilDiv(frame.longest, lanes), lanes);
  Value each = k.add(k.mul(keys, scratchPerKey), scratchElements);
  Value offset = scratchOffset(k, frame.tokens, frame.sequences);
  return {frame.workspace, k.add(offset, k.mul(frame.tid, each))};
}

bertc_workspace Workspace::formula() const {
  auto bytes = [](int64_t elements) { return uint64_t(elements) * 4; };
  return {bytes(totals[0]), bytes(totals[1]), bytes(totals[2]),
          bytes(scratchElements), bytes(scratchPerKey)};
}
