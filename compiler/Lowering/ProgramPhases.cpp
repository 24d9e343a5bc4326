//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a profile says about phases. Products are counted as the model has them,
// without the padding of the layouts, so that a rate can be held against other
// engines; bytes are those of the packed weights, which are what is read.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/ProgramEmission.h"

using namespace mlir;
using namespace bertc;

void Program::describe(StringRef name) { e->next = {name.str()}; }

void Program::describeLinear(FlatSymbolRefAttr weight, const Buffer &x,
                             const Buffer &y, LinearWeights indices) {
  StringRef name = weight.getValue();
  name.consume_back("_weight");
  describe(name);
  int64_t flops = 2 * x.columns.real() * y.columns.real();
  (y.extent == Extent::PerSequence ? e->next.flopsPerSequence
                                   : e->next.flopsPerToken) = flops;
  e->next.weightBytes = weights.layout().weights[indices.weight].bytes();
}

/// The products of queries with keys, and of their weights with values.
void Program::describeAttention(const Buffer &in, const Buffer &out) {
  describe("attention");
  e->next.flopsPerPair = 2 * 2 * out.columns.real();
}

void Program::beginPhase() {
  e->frame.beginPhase(phaseTable->add(e->next), e->layer);
}
