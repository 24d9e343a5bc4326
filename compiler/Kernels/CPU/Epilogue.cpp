//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Epilogue.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/Stage.h"

using namespace mlir;
using namespace bertc;

EpilogueRows::EpilogueRows(KernelBuilder &k, const LinearShape &shape,
                           const Epilogue &epilogue, int64_t panels)
    : k(k), shape(shape), e(epilogue), panels(panels) {
  for (int64_t p = 0; p < panels; ++p) {
    if (shape.bias)
      biases.push_back(k.load(k.at(e.bias, p * lanes)));
    if (!e.sums.columnScale.buffer)
      continue;
    scales.push_back(k.load(k.at(e.sums.columnScale, p * lanes)));
    if (e.sums.rowScale.buffer)
      columnSums.push_back(k.load(k.at(e.sums.columnSum, p * lanes)));
  }
}

void EpilogueRows::emitRow(Value row) {
  Place from = k.at(e.sums.place, k.mul(row, e.sums.stride));
  Place to = k.at(e.y, k.mul(row, shape.outputStride));
  Value scale, zero;
  if (e.sums.rowScale.buffer) {
    Place own = k.at(e.sums.rowScale, k.mul(row, scaleWords));
    scale = k.broadcast(k.loadScalar(own));
    zero = k.broadcast(k.loadScalar(k.at(own, 1)));
  }
  SmallVector<Value> values;
  for (int64_t p = 0; p < panels; ++p) {
    Value v = k.load(k.at(from, p * e.sums.panelStride));
    if (scale)
      v = emitScaledSum(k, v, scale, zero, scales[p], columnSums[p]);
    else if (!scales.empty())
      v = k.mulf(v, scales[p]);
    if (shape.bias)
      v = k.addf(v, biases[p]);
    v = emitActivation(k.b, k.loc, shape.activation, v);
    if (shape.residual) {
      Place other = k.at(e.residual, k.mul(row, shape.residualStride));
      v = k.addf(v, k.load(k.at(other, p * lanes)));
    }
    values.push_back(v);
  }
  storeRow(values, to);
}

void EpilogueRows::storeRow(ArrayRef<Value> values, Place to) {
  if (!shape.stagedOutput) {
    for (auto [p, v] : llvm::enumerate(values))
      k.store(v, k.at(to, int64_t(p) * lanes));
    return;
  }
  for (size_t p = 0; p < values.size(); p += 2) {
    bool pair = p + 1 < values.size();
    Value low = values[p], high = pair ? values[p + 1] : k.splat(0.0);
    Value words = emitBF16Words(k, low, high);
    if (!pair)
      words = k.shuffle(words, words, {0, 1, 2, 3, 4, 5, 6, 7});
    k.store(words, k.at(to, int64_t(p) * lanes / 2));
  }
}

void bertc::emitEpilogue(KernelBuilder &k, const LinearShape &shape,
                         const Epilogue &epilogue, Value rows, int64_t panels) {
  EpilogueRows finish(k, shape, epilogue, panels);
  k.forLoop(k.index(0), rows, 1, [&](Value row) { finish.emitRow(row); });
}
