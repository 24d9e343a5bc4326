//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The accumulators are rows * panels separate vectors carried through the k
// loop: a 2-D vector carried whole makes LLVM spill.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/MicroKernel.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

static func::FuncOp getMicroKernel(KernelBuilder &k, int64_t rows,
                                   int64_t panels, int64_t staticLda,
                                   bool prefetch) {
  std::string name = llvm::formatv(
      "micro_f32_{0}x{1}_lda{2}{3}", rows, panels * lanes,
      staticLda ? std::to_string(staticLda) : "n", prefetch ? "_prefetch" : "");
  Type buffer = k.bufferType(), index = k.indexType();
  SmallVector<Type> arguments = {buffer, index, index,       buffer,
                                 index,  index, buffer,      index,
                                 index,  index, k.boolType()};
  if (prefetch)
    arguments.append({buffer, index, index});
  return k.kernel(name, arguments, [&](ValueRange args) {
    Place a{args[0], args[1]}, b{args[3], args[4]}, c{args[6], args[7]};
    Value lda = staticLda ? k.index(staticLda) : args[2];
    Value panelStride = args[5], ldc = args[8], depth = args[9];
    SmallVector<Value> aRow(rows), cRow(rows), panelStart(panels);
    for (int64_t r = 0; r < rows; ++r) {
      aRow[r] = r ? k.add(aRow[r - 1], lda) : a.offset;
      cRow[r] = r ? k.add(cRow[r - 1], ldc) : c.offset;
    }
    for (int64_t p = 0; p < panels; ++p)
      panelStart[p] = p ? k.add(panelStart[p - 1], panelStride) : b.offset;
    auto cPlace = [&](int64_t i) {
      return Place{c.buffer, k.add(cRow[i / panels], (i % panels) * lanes)};
    };

    // Zero or the partial sums of the k blocks before this one. Built as a
    // loop of zero or one step, whose result needs no join of 12 to 24 values
    // by hand.
    SmallVector<Value> init(rows * panels, k.splat(0.0));
    Value once = k.select(args[10], k.index(1), k.index(0));
    init = k.forLoop(k.index(0), once, 1, init, [&](Value, ValueRange) {
      SmallVector<Value> loaded;
      for (int64_t i = 0; i < rows * panels; ++i)
        loaded.push_back(k.load(cPlace(i)));
      return loaded;
    });

    auto steps = [&](Value begin, Value end, int64_t unroll, ValueRange start) {
      return k.forLoop(
          begin, end, unroll, start, [&](Value step, ValueRange acc) {
            SmallVector<Value> sums(acc);
            if (prefetch && unroll == microSteps) {
              Value at =
                  k.add(args[12], k.mul(k.div(step, microSteps), args[13]));
              for (int64_t p = 0; p < panels; ++p) {
                k.prefetch({args[11], at});
                at = k.add(at, panelStride);
              }
            }
            for (int64_t u = 0; u < unroll; ++u) {
              SmallVector<Value> column;
              Value inPanel = k.mul(k.add(step, u), lanes);
              for (int64_t p = 0; p < panels; ++p)
                column.push_back(
                    k.load({b.buffer, k.add(panelStart[p], inPanel)}));
              for (int64_t r = 0; r < rows; ++r) {
                Place at{a.buffer, k.add(aRow[r], k.add(step, u))};
                Value x = k.broadcast(k.loadScalar(at));
                for (int64_t p = 0; p < panels; ++p)
                  sums[r * panels + p] =
                      k.fma(x, column[p], sums[r * panels + p]);
              }
            }
            return sums;
          });
    };
    Value whole = k.mul(k.div(depth, microSteps), microSteps);
    SmallVector<Value> sums =
        steps(whole, depth, 1, steps(k.index(0), whole, microSteps, init));
    for (auto [i, sum] : llvm::enumerate(sums))
      k.store(sum, cPlace(i));
  });
}

void bertc::callMicroKernel(KernelBuilder &k, MicroTile tile, int64_t panels,
                            int64_t staticLda, Value rows,
                            const MicroOperands &o) {
  Value lda = staticLda ? k.index(staticLda) : o.lda;
  bool prefetch = o.ahead.buffer != nullptr;
  SmallVector<Value> arguments = {
      o.a.buffer, o.a.offset, lda,   o.b.buffer, o.b.offset,  o.panelStride,
      o.c.buffer, o.c.offset, o.ldc, o.depth,    o.accumulate};
  if (prefetch)
    arguments.append({o.ahead.buffer, o.ahead.offset, o.aheadStep});
  k.switchOn(rows, tile.rows, [&](int64_t count) {
    k.call(getMicroKernel(k, count, panels, staticLda, prefetch), arguments);
  });
}

void bertc::forBalancedRows(KernelBuilder &k, Value rows, int64_t tileRows,
                            llvm::function_ref<void(Value, Value)> body) {
  Value tiles = k.ceilDiv(rows, tileRows);
  k.forLoop(k.index(0), tiles, 1, [&](Value tile) {
    auto [begin, end] = k.share(rows, tile, tiles);
    body(begin, k.sub(end, begin));
  });
}

void bertc::forPanelGroups(KernelBuilder &k, Value begin, Value end,
                           int64_t group,
                           llvm::function_ref<void(Value, int64_t)> body) {
  Value groups = k.div(k.sub(end, begin), group);
  Value middle = k.add(begin, k.mul(groups, group));
  k.forLoop(begin, middle, group, [&](Value panel) { body(panel, group); });
  if (group > 1)
    k.forLoop(middle, end, 1, [&](Value panel) { body(panel, 1); });
}
