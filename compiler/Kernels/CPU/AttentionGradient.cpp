//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scratch: keys and values as panels of 16 keys, keys as panels of 16 columns,
// then of one block of query rows the queries and the gradient as panels of 16
// columns, the weights p and the gradients of the scores ds, both [rows][keys].
// Products with p and ds transposed read them where they lie.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/AttentionGradient.h"
#include "compiler/Kernels/CPU/AttentionPack.h"
#include "compiler/Kernels/CPU/Math.h"
#include "compiler/Kernels/CPU/MicroKernel.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace bertc;

int64_t bertc::gradientScratchPerKey(const AttentionShape &shape,
                                     const AttentionGradientPlan &plan) {
  int64_t wide = isWidened(shape, Arithmetic::F32) ? shape.headStride : 0;
  return 3 * shape.headStride + 2 * plan.rowBlock + wide;
}
int64_t bertc::gradientScratchFixed(const AttentionShape &shape,
                                    const AttentionGradientPlan &plan) {
  int64_t wide = isWidened(shape, Arithmetic::F32) ? shape.headStride : 0;
  return 2 * plan.rowBlock * (shape.headStride + lanes) + plan.rowBlock * wide;
}

namespace {
/// C = A B, or C += A B: [rows][lines] times `panels` panels of [lines][16].
struct Product {
  MicroOperands operands; // of the first row and panel
  Value rows, panels;
  int64_t group;    // panels in the register tile
  Value transposed; // row stride of A where it is read transposed, or null
};
} // namespace

static void emitProduct(KernelBuilder &k, const AttentionGradientPlan &plan,
                        const Product &p) {
  MicroShape shape{Arithmetic::F32, plan.rows, p.group, p.transposed ? 1 : 0};
  forBalancedRows(k, p.rows, plan.rows, [&](Value first, Value rows) {
    MicroOperands m = p.operands;
    m.wordStride = p.transposed;
    m.a = k.at(m.a, p.transposed ? first : k.mul(first, m.lda));
    Place c = k.at(m.c, k.mul(first, m.ldc));
    forPanelGroups(k, k.index(0), p.panels, p.group,
                   [&](Value panel, int64_t panels) {
                     MicroOperands own = m;
                     own.b = k.at(m.b, k.mul(panel, m.panelStride));
                     own.c = k.at(c, k.mul(panel, lanes));
                     callMicroKernel(k, shape, panels, rows, own);
                   });
  });
}

/// Scores become p = exp(scale * score - logSumExp), with the dropout that it
/// had when it met the values, `weights` (their gradient
/// dp) becomes ds = scale * p * (dp - d), where d is the sum over the head of
/// gradient * output.
static void emitScoreGradients(KernelBuilder &k, const AttentionShape &shape,
                               const AttentionGradientOperands &o, Value row,
                               Place scores, Place weights, Value end) {
  Value at = k.mul(row, shape.outputStride);
  Value sum = k.splat(0.0);
  for (int64_t c = 0; c < shape.headStride; c += lanes)
    sum = k.fma(k.load(k.at(k.at(o.gradient, at), c)),
                k.load(k.at(k.at(o.output, at), c)), sum);
  Value d = k.broadcast(k.reduceAdd(sum));
  Value logSumExp = k.broadcast(
      k.loadScalar(k.at(o.logSumExp, k.mul(row, o.logSumExpStride))));
  Value scale = k.splat(shape.scale);
  auto finish = [&](Value column, Value kept) {
    Place score = k.at(scores, column), weight = k.at(weights, column);
    Value x = k.subf(k.mulf(k.load(score), scale), logSumExp);
    Value p = emitExp(k.b, k.loc, x), dp = k.load(weight);
    k.store(kept ? emitKeep(k, o.dropout, kept, p) : p, score);
    if (kept)
      dp = emitKeep(k, o.dropout, kept, dp);
    k.store(k.mulf(k.mulf(p, k.subf(dp, d)), scale), weight);
  };
  if (shape.dropout)
    forKept(k, o.dropout, k.add(o.token, row), end, finish);
  else
    k.forLoop(k.index(0), end, lanes,
              [&](Value column) { finish(column, {}); });
}

static void emitAttentionGradient(KernelBuilder &k, const AttentionShape &shape,
                                  const AttentionGradientPlan &plan,
                                  const AttentionGradientOperands &o) {
  Value keyPanels = k.ceilDiv(o.length, lanes);
  Value room = k.mul(keyPanels, lanes);
  Value stride = k.add(room, lanes); // of p and ds
  Value headPanels = k.index(shape.headStride / lanes);
  Value panelOfKeys = k.index(shape.headStride * lanes);
  Place keysAcross = o.scratch;
  Place valuesAcross = k.at(keysAcross, k.mul(room, shape.headStride));
  Place keys = k.at(valuesAcross, k.mul(room, shape.headStride));
  Place queries = k.at(keys, k.mul(room, shape.headStride));
  Place gradients = k.at(queries, plan.rowBlock * shape.headStride);
  Place p = k.at(gradients, plan.rowBlock * shape.headStride);
  Place ds = k.at(p, k.mul(stride, plan.rowBlock));
  bool widens = isWidened(shape, Arithmetic::F32);
  Place wide = k.at(ds, k.mul(stride, plan.rowBlock));
  Place wideQueries = k.at(wide, k.mul(room, shape.headStride));
  AttentionShape byInput = shape, byOutput = shape;
  byOutput.rowStride = shape.outputStride;
  if (widens)
    byInput.rowStride = shape.headStride;
  int64_t gradientStride =
      shape.gradientStride ? shape.gradientStride : shape.rowStride;
  auto rowsOf = [&](Place rows, Place to, Value count) {
    if (widens)
      emitWidenRows(k, shape, rows, to, count);
    return widens ? to : rows;
  };
  Place key = rowsOf(o.key, wide, o.length);
  emitPackKeys(k, byInput, Arithmetic::F32, key, keysAcross, o.length);
  emitPackValues(k, byInput, Arithmetic::F32, key, keys, o.length);
  Place value = rowsOf(o.value, wide, o.length);
  emitPackKeys(k, byInput, Arithmetic::F32, value, valuesAcross, o.length);

  k.forLoop(k.index(0), o.length, plan.rowBlock, [&](Value first) {
    Value rows = k.min(k.index(plan.rowBlock), k.sub(o.length, first));
    Place query =
        rowsOf(k.at(o.query, k.mul(first, shape.rowStride)), wideQueries, rows);
    Place gradient = k.at(o.gradient, k.mul(first, shape.outputStride));
    emitPackValues(k, byInput, Arithmetic::F32, query, queries, rows);
    emitPackValues(k, byOutput, Arithmetic::F32, gradient, gradients, rows);

    // scores = q k^T, dp = dy v^T
    MicroOperands m;
    m.panelStride = panelOfKeys;
    m.ldc = stride;
    m.lines = k.index(shape.headSize);
    m.accumulate = k.boolean(false);
    m.a = query;
    m.lda = k.index(byInput.rowStride);
    m.b = keysAcross;
    m.c = p;
    emitProduct(k, plan, {m, rows, keyPanels, plan.keyPanels, {}});
    m.a = gradient;
    m.lda = k.index(shape.outputStride);
    m.b = valuesAcross;
    m.c = ds;
    emitProduct(k, plan, {m, rows, keyPanels, plan.keyPanels, {}});
    k.forLoop(k.index(0), rows, 1, [&](Value row) {
      Value own = k.mul(row, stride);
      emitScoreGradients(k, shape, o, k.add(first, row), k.at(p, own),
                         k.at(ds, own), room);
    });

    // dq = ds k
    m.a = ds;
    m.lda = stride;
    m.b = keys;
    m.panelStride = k.mul(o.length, lanes);
    m.lines = o.length;
    m.c = k.at(o.queryGradient, k.mul(first, gradientStride));
    m.ldc = k.index(gradientStride);
    emitProduct(k, plan, {m, rows, headPanels, plan.headPanels, {}});
    // dk += ds^T q, dv += p^T dy
    m.lda = k.index(1);
    m.panelStride = k.mul(rows, lanes);
    m.lines = rows;
    m.accumulate = k.less(k.index(0), first);
    m.b = queries;
    m.c = o.keyGradient;
    emitProduct(k, plan, {m, o.length, headPanels, plan.headPanels, stride});
    m.a = p;
    m.b = gradients;
    m.c = o.valueGradient;
    emitProduct(k, plan, {m, o.length, headPanels, plan.headPanels, stride});
  });
}

void bertc::callAttentionGradient(KernelBuilder &k, const AttentionShape &shape,
                                  const AttentionGradientPlan &plan,
                                  const AttentionGradientOperands &operands) {
  std::string name =
      llvm::formatv("attention_gradient_f32_{0}_ld{1}_{2}", shape.headSize,
                    shape.rowStride, shape.outputStride);
  if (shape.scale != 1.0 / std::sqrt(double(shape.headSize)))
    name += llvm::formatv("_scale{0:x}", llvm::bit_cast<uint64_t>(shape.scale));
  if (shape.bf16)
    name += llvm::formatv("_from_bf16_{0}", shape.gradientStride);
  AttentionGradientOperands o = operands;
  SmallVector<Value *> slots =
      slotsOf({&o.query, &o.key, &o.value, &o.output, &o.gradient, &o.logSumExp,
               &o.queryGradient, &o.keyGradient, &o.valueGradient, &o.scratch});
  slots.append({&o.logSumExpStride, &o.length});
  if (shape.dropout) {
    name += "_dropout";
    slots.append(o.dropout.slots());
    slots.push_back(&o.token);
  }
  k.callKernel(name, slots, [&] { emitAttentionGradient(k, shape, plan, o); });
}
