//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The cost model. A register tile of r rows and p panels costs per k step
// max(multiply-adds / ports, loads / load ports) cycles and must hide the
// latency of a multiply-add; among the tiles that fit the registers the one
// with the fewest cycles per multiply-add wins, and of equals the one that
// loads least, a vector of the weight (from L1 or L2) counted twice an element
// of x (from L1).
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/Plan.h"
#include "compiler/Target/Target.h"
#include <algorithm>

using namespace bertc;

namespace {
struct Tile {
  int64_t rows, panels;
};
} // namespace

static Tile chooseTile(const TargetInfo &target, int64_t maxPanels) {
  constexpr double loadPorts = 2;
  int64_t perPanel = 512 / target.vectorBits; // registers of 16 lanes
  Tile best{1, 1};
  double bestCost = 1e30;
  for (int64_t panels = 1; panels <= maxPanels; ++panels)
    for (int64_t rows = 1; rows <= 8; ++rows) {
      int64_t fmas = rows * panels * perPanel;
      // Accumulators, one row of B, one broadcast element of A.
      if (fmas + panels * perPanel + 1 > target.registers)
        continue;
      double loads = rows + panels * perPanel;
      double cycles = std::max({double(fmas) / target.fmaPorts,
                                loads / loadPorts, double(target.fmaLatency)});
      double cost = cycles / fmas + 1e-3 * (loads + panels * perPanel) / fmas;
      if (cost < bestCost) {
        bestCost = cost;
        best = {rows, panels};
      }
    }
  return best;
}

LinearPlan bertc::planLinear(const TargetInfo &target, int64_t depth,
                             int64_t columns) {
  Tile tile = chooseTile(target, columns / 16);
  LinearPlan plan;
  plan.rows = tile.rows;
  plan.panels = tile.panels;
  // A third of L1 for the k block of a row tile of x, through which the weights
  // stream; but never so short that moving the partial sums in and out of y
  // costs more than 1/20 of the block.
  int64_t most = std::max<int64_t>(256, target.l1Bytes / 3 / (tile.rows * 4));
  int64_t blocks = (depth + most - 1) / most;
  plan.depthBlock = ((depth + blocks - 1) / blocks + 7) / 8 * 8;
  // Three eighths of L2 for the weights in use: those that come next arrive
  // meanwhile, and on many machines a neighbour takes its part.
  int64_t panels = target.l2Bytes * 3 / 8 / (plan.depthBlock * 16 * 4);
  plan.group = std::clamp<int64_t>(panels / tile.panels, 1, 64) * tile.panels;
  plan.rowBlock = 32 * tile.rows;
  return plan;
}

AttentionPlan bertc::planAttention(const TargetInfo &target, int64_t headSize) {
  Tile scores = chooseTile(target, 8);
  Tile context = chooseTile(target, headSize / 16);
  return {std::min(scores.rows, context.rows), scores.panels, context.panels};
}

int64_t bertc::planRowSplitTokens(const TargetInfo &) { return 192; }
