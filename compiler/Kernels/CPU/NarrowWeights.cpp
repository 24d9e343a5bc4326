//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pass over the weights costs their bytes in memory, once a step for each
// direction; the products of a step read them many times.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/NarrowWeights.h"
#include "compiler/Kernels/CPU/AttentionPack.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

static int64_t narrowLines(int64_t depth) {
  return roundUp(depth / 2, tileLines);
}
int64_t bertc::narrowPanelWords(int64_t depth) {
  return narrowLines(depth) * lanes;
}

/// Lines [depth / 2, narrowLines(depth)) are zero; depth is a multiple of 16.
static void clearRest(KernelBuilder &k, int64_t depth, Place panel) {
  for (int64_t line = depth / 2; line < narrowLines(depth); ++line)
    k.store(k.splat(0.0), k.at(panel, line * lanes));
}

void bertc::callNarrowPanels(KernelBuilder &k, int64_t depth, Place from,
                             Place to, Value begin, Value end) {
  SmallVector<Value *> slots = slotsOf({&from, &to});
  slots.append({&begin, &end});
  k.callKernel(llvm::formatv("narrow_{0}", depth).str(), slots, [&] {
    k.forLoop(begin, end, 1, [&](Value panel) {
      Place source = k.at(from, k.mul(panel, depth * lanes));
      Place own = k.at(to, k.mul(panel, narrowPanelWords(depth)));
      k.forLoop(k.index(0), k.index(depth / 2), 1, [&](Value line) {
        Place pair = k.at(source, k.mul(line, 2 * lanes));
        k.store(emitBF16Pairs(k, k.load(pair), k.load(k.at(pair, lanes))),
                k.at(own, k.mul(line, lanes)));
      });
      clearRest(k, depth, own);
    });
  });
}

void bertc::callNarrowTransposed(KernelBuilder &k, int64_t depth,
                                 int64_t columns, Place from, Place to,
                                 Value begin, Value end) {
  SmallVector<Value *> slots = slotsOf({&from, &to});
  slots.append({&begin, &end});
  std::string name = llvm::formatv("narrow_{0}x{1}_transposed", depth, columns);
  k.callKernel(name, slots, [&] {
    k.forLoop(begin, end, 1, [&](Value panel) {
      Place own = k.at(to, k.mul(panel, narrowPanelWords(columns)));
      Place source = k.at(from, k.mul(panel, lanes * lanes));
      k.forLoop(k.index(0), k.index(columns / lanes), 1, [&](Value block) {
        Place square = k.at(source, k.mul(block, depth * lanes));
        Place lines = k.at(own, k.mul(block, lanes / 2 * lanes));
        SmallVector<Value> rows;
        for (int64_t i = 0; i < lanes; ++i)
          rows.push_back(k.load(k.at(square, i * lanes)));
        emitTranspose(k, rows);
        for (int64_t i = 0; i < lanes; i += 2)
          k.store(emitBF16Pairs(k, rows[i], rows[i + 1]),
                  k.at(lines, i / 2 * lanes));
      });
      clearRest(k, columns, own);
    });
  });
}
