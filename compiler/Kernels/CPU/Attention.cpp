//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scratch: key panels [keys/16][head][16], value panels [head/16][keys][16],
// then scores [rows][keys + 16] (the extra vector keeps rows of 512 keys from
// falling into the same cache sets). The maximum of a row is subtracted before
// exp, the sum divides the finished context: softmax needs no second pass over
// the keys, and a row's bits depend on its own sequence only.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Attention.h"
#include "compiler/Kernels/CPU/Math.h"
#include "compiler/Kernels/CPU/MicroKernel.h"
#include "llvm/Support/FormatVariadic.h"
#include <limits>

using namespace mlir;
using namespace bertc;

int64_t bertc::scratchPerKey(const AttentionShape &shape,
                             const AttentionPlan &plan) {
  return 2 * shape.headStride + plan.rows;
}
int64_t bertc::scratchFixed(const AttentionPlan &plan) {
  return plan.rows * lanes;
}

/// Stores the transpose of 8 rows of 8 elements: three rounds of exchanging
/// halves between rows that lie 4, 2 and 1 apart.
static void transposeBlock(KernelBuilder &k, MutableArrayRef<Value> rows) {
  for (int64_t half : {4, 2, 1}) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < 8; ++i) {
      bool second = i & half;
      low.push_back(second ? 8 + i - half : i);
      high.push_back(second ? 8 + i : i + half);
    }
    for (int64_t i = 0; i < 8; ++i) {
      if (i & half)
        continue;
      Value a = rows[i], c = rows[i + half];
      rows[i] = k.shuffle(a, c, low);
      rows[i + half] = k.shuffle(a, c, high);
    }
  }
}

/// keys [length][head] -> panels [length/16][head][16]. Keys past the end
/// repeat the last one; their scores are masked.
static void packKeys(KernelBuilder &k, const AttentionShape &shape, Place key,
                     Place panels, Value length) {
  Value lastRow = k.sub(length, k.index(1));
  Value eights = k.mul(k.ceilDiv(length, lanes), 2);
  k.forLoop(k.index(0), eights, 1, [&](Value eight) {
    SmallVector<Value> rowOffset;
    for (int64_t i = 0; i < 8; ++i) {
      Value row = k.min(k.add(k.mul(eight, 8), i), lastRow);
      rowOffset.push_back(k.mul(row, shape.rowStride));
    }
    Value panel = k.mul(k.div(eight, 2), shape.headStride * lanes);
    Value inPanel = k.mul(k.sub(eight, k.mul(k.div(eight, 2), 2)), 8);
    Place target = k.at(panels, k.add(panel, inPanel));
    k.forLoop(
        k.index(0), k.index(roundUp(shape.headSize, 8)), 8, [&](Value column) {
          SmallVector<Value> rows;
          for (int64_t i = 0; i < 8; ++i)
            rows.push_back(k.load(k.at(key, k.add(rowOffset[i], column)), 8));
          transposeBlock(k, rows);
          for (int64_t i = 0; i < 8; ++i)
            k.store(rows[i], k.at(target, k.mul(k.add(column, i), lanes)));
        });
  });
}

/// values [length][head] -> panels [head/16][length][16].
static void packValues(KernelBuilder &k, const AttentionShape &shape,
                       Place value, Place panels, Value length) {
  Value panelStride = k.mul(length, lanes);
  k.forLoop(k.index(0), length, 1, [&](Value row) {
    Place from = k.at(value, k.mul(row, shape.rowStride));
    Place to = k.at(panels, k.mul(row, lanes));
    for (int64_t p = 0; p < shape.headStride / lanes; ++p)
      k.store(k.load(k.at(from, p * lanes)), k.at(to, k.mul(panelStride, p)));
  });
}

/// Turns the row of raw scores into exp(scale * (score - max)); keys past
/// `length` become 0. Returns the sum.
static Value softmaxRow(KernelBuilder &k, const AttentionShape &shape,
                        Place row, Value length) {
  Value full = k.mul(k.div(length, lanes), lanes);
  Value rest = k.sub(length, full);
  Value padded = k.mul(k.ceilDiv(length, lanes), lanes);
  Value lowest = k.splat(-std::numeric_limits<double>::infinity());
  k.forLoop(full, padded, lanes, [&](Value column) {
    Place tail = k.at(row, column);
    k.store(k.select(k.laneMask(rest), k.load(tail), lowest), tail);
  });
  Value most = k.forLoop(
      k.index(0), padded, lanes, {lowest}, [&](Value column, ValueRange acc) {
        return SmallVector<Value>{k.maxf(k.load(k.at(row, column)), acc[0])};
      })[0];
  Value highest = k.broadcast(k.reduceMax(most));
  Value scale = k.splat(shape.scale);
  Value sums = k.forLoop(k.index(0), padded, lanes, {k.splat(0.0)},
                         [&](Value column, ValueRange acc) {
                           Place at = k.at(row, column);
                           Value x = k.mulf(k.subf(k.load(at), highest), scale);
                           Value e = emitExp(k.b, k.loc, x);
                           k.store(e, at);
                           return SmallVector<Value>{k.addf(acc[0], e)};
                         })[0];
  return k.reduceAdd(sums);
}

static void emitAttention(KernelBuilder &k, const AttentionShape &shape,
                          const AttentionPlan &plan,
                          const AttentionOperands &o) {
  Value keyPanels = k.ceilDiv(o.length, lanes);
  Value padded = k.mul(keyPanels, lanes);
  Place keys = o.scratch;
  Place values = k.at(keys, k.mul(padded, shape.headStride));
  Place scores = k.at(values, k.mul(padded, shape.headStride));
  Value scoreStride = k.add(padded, lanes);
  packKeys(k, shape, o.key, keys, o.length);
  packValues(k, shape, o.value, values, o.length);

  Value no = k.boolean(false);
  Value rowsWanted = k.sub(o.end, o.begin);
  forBalancedRows(k, rowsWanted, plan.rows, [&](Value first, Value rows) {
    Value row = k.add(o.begin, first);
    Place query = k.at(o.query, k.mul(row, shape.rowStride));
    Place output = k.at(o.output, k.mul(row, shape.outputStride));
    Value keyPanel = k.index(shape.headStride * lanes);
    forPanelGroups(
        k, k.index(0), keyPanels, plan.keyPanels,
        [&](Value panel, int64_t panels) {
          callMicroKernel(
              k, {Arithmetic::F32, plan.rows, plan.keyPanels, shape.rowStride},
              panels, rows,
              {query, Value(), k.at(keys, k.mul(panel, keyPanel)), keyPanel,
               k.at(scores, k.mul(panel, lanes)), scoreStride,
               k.index(shape.headSize), no});
        });
    // The sum of a row rests in the spare vector behind its scores.
    k.forLoop(k.index(0), rows, 1, [&](Value r) {
      Place at = k.at(scores, k.mul(r, scoreStride));
      Value sum = softmaxRow(k, shape, at, o.length);
      k.storeScalar(sum, k.at(at, padded));
    });
    Value valuePanel = k.mul(o.length, lanes);
    forPanelGroups(
        k, k.index(0), k.index(shape.headStride / lanes), plan.valuePanels,
        [&](Value panel, int64_t panels) {
          callMicroKernel(
              k, {Arithmetic::F32, plan.rows, plan.valuePanels}, panels, rows,
              {scores, scoreStride, k.at(values, k.mul(panel, valuePanel)),
               valuePanel, k.at(output, k.mul(panel, lanes)),
               k.index(shape.outputStride), o.length, no});
        });
    k.forLoop(k.index(0), rows, 1, [&](Value r) {
      Value sum =
          k.loadScalar(k.at(scores, k.add(k.mul(r, scoreStride), padded)));
      Value inverse = k.broadcast(k.divf(k.scalar(1.0), sum));
      Place at = k.at(output, k.mul(r, shape.outputStride));
      for (int64_t c = 0; c < shape.headStride; c += lanes)
        k.store(k.mulf(k.load(k.at(at, c)), inverse), k.at(at, c));
    });
  });
}

void bertc::callAttention(KernelBuilder &k, const AttentionShape &shape,
                          const AttentionPlan &plan,
                          const AttentionOperands &operands) {
  std::string name =
      llvm::formatv("attention_f32_{0}_ld{1}_{2}", shape.headSize,
                    shape.rowStride, shape.outputStride);
  AttentionOperands o = operands;
  SmallVector<Value *> slots;
  for (Place *place : {&o.query, &o.key, &o.value, &o.output, &o.scratch})
    slots.append({&place->buffer, &place->offset});
  slots.append({&o.length, &o.begin, &o.end});
  k.callKernel(name, slots, [&] { emitAttention(k, shape, plan, o); });
}
