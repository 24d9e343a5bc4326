//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout depends on the program only, never on plans or ISA: all variants
// of a fat library read the same segment.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/WeightLayoutBuilder.h"
#include "runtime/abi/abi.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace bertc;

static bool same(const Grouping &a, const Grouping &b) {
  return a.count == b.count && a.size == b.size && a.stride == b.stride;
}

int64_t WeightLayoutBuilder::add(PackedWeight weight) {
  weight.name = llvm::join(weight.sources, "+");
  if (weight.derived == PackedWeight::Derived::Scale)
    weight.name += ".scale";
  if (weight.derived == PackedWeight::Derived::ColumnSum)
    weight.name += ".column_sum";
  if (weight.derived == PackedWeight::Derived::Smoothing)
    weight.name += ".smoothing";
  for (auto [i, known] : llvm::enumerate(result.weights))
    if (known.name == weight.name && known.layout == weight.layout &&
        known.rows == weight.rows && known.element == weight.element &&
        known.rotation == weight.rotation && known.planes == weight.planes &&
        same(known.columns, weight.columns) && same(known.depth, weight.depth))
      return i;
  result.weights.push_back(std::move(weight));
  return result.weights.size() - 1;
}

void WeightLayoutBuilder::finish() {
  int64_t offset = 0;
  for (PackedWeight &weight : result.weights) {
    if (weight.layers > 1)
      continue;
    weight.offset = offset;
    weight.layerStride = 0;
    offset += roundUp(weight.bytes(), BERTC_ALIGNMENT);
  }
  // Groups of tensors with the same number of copies lie layer by layer.
  llvm::SmallVector<int64_t> counts;
  for (const PackedWeight &weight : result.weights)
    if (weight.layers > 1 && !llvm::is_contained(counts, weight.layers))
      counts.push_back(weight.layers);
  for (int64_t layers : counts) {
    int64_t layerBytes = 0;
    for (PackedWeight &weight : result.weights)
      if (weight.layers == layers) {
        weight.offset = offset + layerBytes;
        layerBytes += roundUp(weight.bytes(), BERTC_ALIGNMENT);
      }
    for (PackedWeight &weight : result.weights)
      if (weight.layers == layers)
        weight.layerStride = layerBytes;
    offset += layers * layerBytes;
  }
  constexpr int64_t page = 4096;
  result.size = roundUp(offset, page);
}

Value WeightLayoutBuilder::offset(KernelBuilder &k, int64_t index,
                                  Value layer) const {
  const PackedWeight &weight = result.weights[index];
  Value offset = k.index(weight.offset / 4);
  if (layer && weight.layerStride)
    offset = k.add(offset, k.mul(layer, weight.layerStride / 4));
  return offset;
}

Place WeightLayoutBuilder::place(KernelBuilder &k, Value weights, int64_t index,
                                 Value layer) const {
  return {weights, offset(k, index, layer)};
}
