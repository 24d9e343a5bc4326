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
#include "runtime/abi/abi.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include <algorithm>

using namespace bertc;

namespace {
struct Tile {
  int64_t rows, panels;
};
} // namespace

static constexpr llvm::StringRef arithmeticNames[] = {
    "f32",       "bf16_convert", "bf16_dot", "bf16_tile",
    "split",     "split_tile",   "w8_dot",   "w8_tile",
    "int8_madd", "int8_madd512", "int8_dot", "int8_tile"};

llvm::StringRef bertc::arithmeticName(Arithmetic arithmetic) {
  return arithmeticNames[static_cast<size_t>(arithmetic)];
}

std::optional<Arithmetic> bertc::findArithmetic(llvm::StringRef name) {
  const auto *found = llvm::find(arithmeticNames, name);
  if (found == std::end(arithmeticNames))
    return std::nullopt;
  return static_cast<Arithmetic>(found - std::begin(arithmeticNames));
}

int64_t bertc::depthPerLine(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::F32 ? 1 : isInt8Weight(arithmetic) ? 4 : 2;
}

Arithmetic bertc::productOf(Arithmetic arithmetic) {
  switch (arithmetic) {
  case Arithmetic::W8Dot:
    return Arithmetic::BF16Dot;
  case Arithmetic::W8Tile:
    return Arithmetic::BF16Tile;
  default:
    return arithmetic;
  }
}

/// Instructions of one line (16 columns) of a register tile.
namespace {
struct LineCost {
  int64_t multiplies; // for each row and panel, in the vectors of a panel
  int64_t words;      // broadcast from a row of x
  int64_t operands;   // made of a line: vectors held, for each vector of it
  int64_t temporaries;
};
} // namespace

static LineCost lineCost(Arithmetic arithmetic) {
  switch (arithmetic) {
  case Arithmetic::BF16Convert:
    return {2, 2, 2, 2};
  case Arithmetic::Split:
    return {2, 2, 2, 4}; // two lines, and their sum
  case Arithmetic::Int8Madd:
  case Arithmetic::Int8Madd512:
    return {4, 2, 2, 4}; // multiplies, and sums of their results
  default:
    return {1, 1, 1, 1};
  }
}

static Tile chooseTile(const TargetInfo &target, Arithmetic arithmetic,
                       int64_t maxPanels) {
  constexpr double loadPorts = 2;
  LineCost line = lineCost(arithmetic);
  int64_t perPanel = 512 / target.vectorBits; // registers of 16 lanes
  Tile best{1, 1};
  double bestCost = 1e30;
  for (int64_t panels = 1; panels <= maxPanels; ++panels)
    for (int64_t rows = 1; rows <= 8; ++rows) {
      int64_t vectors = rows * panels * perPanel;
      // Accumulators, what a line of B becomes, elements of A.
      if (vectors + line.operands * panels * perPanel + line.temporaries >
          target.registers)
        continue;
      int64_t multiplies = line.multiplies * vectors;
      double loads = rows * line.words + panels * perPanel;
      double cycles = std::max({double(multiplies) / target.fmaPorts,
                                loads / loadPorts, double(target.fmaLatency)});
      double cost =
          cycles / multiplies + 1e-3 * (loads + panels * perPanel) / multiplies;
      if (cost < bestCost) {
        bestCost = cost;
        best = {rows, panels};
      }
    }
  return best;
}

/// Where an ISA has several ways, the fastest: on machines with AMX the dot
/// products of AVX-512 are at best half as fast as it.
static Arithmetic chooseArithmetic(const TargetInfo &target,
                                   Precision precision) {
  auto has = [&](uint64_t feature) { return (target.features & feature) != 0; };
  switch (precision) {
  case Precision::F32:
    return Arithmetic::F32;
  case Precision::F32Fast:
    return has(BERTC_CPU_AMX_BF16) ? Arithmetic::SplitTile : Arithmetic::Split;
  case Precision::BF16:
    return has(BERTC_CPU_AMX_BF16)      ? Arithmetic::BF16Tile
           : has(BERTC_CPU_AVX512_BF16) ? Arithmetic::BF16Dot
                                        : Arithmetic::BF16Convert;
  case Precision::Int8:
    return has(BERTC_CPU_AMX_INT8)      ? Arithmetic::Int8Tile
           : has(BERTC_CPU_AVX512_VNNI) ? Arithmetic::Int8Dot
           : has(BERTC_CPU_X86_64_V4)   ? Arithmetic::Int8Madd512
                                        : Arithmetic::Int8Madd;
  case Precision::BF16W8:
    if (has(BERTC_CPU_AVX512_BF16))
      return has(BERTC_CPU_AMX_BF16) ? Arithmetic::W8Tile : Arithmetic::W8Dot;
    // Twice as fast as float32, and x has more bits than in bfloat16.
    return chooseArithmetic(target, Precision::Int8);
  case Precision::F16:
    llvm_unreachable("only GPUs have f16");
  }
  llvm_unreachable("all precisions listed");
}

/// Bytes of one k step of a row of x, as the register tile reads it.
static int64_t inputBytes(Arithmetic arithmetic) {
  switch (arithmetic) {
  case Arithmetic::F32:
  case Arithmetic::BF16Convert:
  case Arithmetic::Split:
  case Arithmetic::SplitTile:
    return 4;
  case Arithmetic::BF16Dot:
  case Arithmetic::BF16Tile:
  case Arithmetic::W8Dot:
  case Arithmetic::W8Tile:
  case Arithmetic::Int8Madd:
  case Arithmetic::Int8Madd512:
    return 2;
  case Arithmetic::Int8Dot:
  case Arithmetic::Int8Tile:
    return 1;
  }
  llvm_unreachable("all listed");
}

/// Bytes of one weight as it is multiplied.
static int64_t weightBytes(Arithmetic arithmetic) {
  return isSplit(arithmetic) ? 4 : 4 / depthPerLine(productOf(arithmetic));
}

bool bertc::passesBF16(Arithmetic linear, Arithmetic attention,
                       int64_t headStride) {
  // Heads begin at pairs of panels.
  return isTile(linear) && attention == Arithmetic::BF16Tile &&
         headStride % 32 == 0;
}

bool bertc::passesBF16(const LinearPlan &first, const LinearPlan &next,
                       int64_t columns) {
  return isTile(first.arithmetic) && next.arithmetic == Arithmetic::BF16Tile &&
         columns % 64 == 0;
}

/// k steps of `blocks` equal blocks, in whole tile registers.
static int64_t equalBlocks(int64_t depth, int64_t most) {
  constexpr int64_t whole = 64;
  int64_t blocks = (depth + most - 1) / most;
  return ((depth + blocks - 1) / blocks + whole - 1) / whole * whole;
}

/// A register tile reads as much of x as of the weight, both from L2. Long k
/// blocks keep the sums in registers; rows are as many as fit 2/5 of L2, since
/// the weights come from beyond it once for each block of them. Groups are
/// short: what comes next is prefetched a group ahead.
static void planTiles(LinearPlan &plan, const TargetInfo &target, int64_t depth,
                      int64_t columns) {
  constexpr int64_t blockBytes = 2048, mostRows = 512;
  plan.rows = 32;
  plan.panels = std::min<int64_t>(2, columns / 16);
  int64_t bytes = inputBytes(plan.arithmetic);
  plan.depthBlock = equalBlocks(depth, blockBytes / bytes);
  plan.group =
      std::min<int64_t>(isWidened(plan.arithmetic) ? 2 : 4, columns / 16);
  int64_t fit = target.l2Bytes * 2 / 5 / (plan.depthBlock * bytes);
  plan.rowBlock = std::min(fit / plan.rows * plan.rows, mostRows);
}

LinearPlan bertc::planLinear(const TargetInfo &target, Precision precision,
                             int64_t depth, int64_t columns) {
  LinearPlan plan;
  plan.arithmetic = chooseArithmetic(target, precision);
  if (isTile(plan.arithmetic)) {
    planTiles(plan, target, depth, columns);
    return plan;
  }
  Tile tile = chooseTile(target, plan.arithmetic, columns / 16);
  plan.rows = tile.rows;
  plan.panels = tile.panels;
  // A third of L1 for the k block of a row tile of x, through which the weights
  // stream; but never so short that moving the partial sums in and out of y
  // costs more than 1/20 of the block.
  int64_t most = std::max<int64_t>(
      256, target.l1Bytes / 3 / (tile.rows * inputBytes(plan.arithmetic)));
  // The sums of integers leave the registers once, as float32.
  if (isInt8(plan.arithmetic))
    most = depth;
  // Three quarters of L1 for what is widened, no more than a register tile
  // multiplies: through L2 it would cost more than its bytes do in memory.
  if (isWidened(plan.arithmetic))
    most =
        std::min(most, target.l1Bytes * 3 / 4 /
                           (tile.panels * 16 * weightBytes(plan.arithmetic)));
  plan.depthBlock = equalBlocks(depth, most);
  // Three eighths of L2 for the weights in use: those that come next arrive
  // meanwhile, and on many machines a neighbour takes its part.
  int64_t panels = target.l2Bytes * 3 / 8 /
                   (plan.depthBlock * 16 * weightBytes(plan.arithmetic));
  if (isWidened(plan.arithmetic))
    panels = tile.panels;
  int64_t most16 = (columns / 16 + tile.panels - 1) / tile.panels;
  plan.group =
      std::clamp<int64_t>(panels / tile.panels, 1, most16) * tile.panels;
  plan.rowBlock = 32 * tile.rows;
  return plan;
}

/// Weights come from beyond L2 once a row block; so do the rows of the
/// intermediate, written and read, unless a block of them stays in L2. That
/// asks for few rows: it wins where weights are small against the L2 cache.
FeedForwardPlan bertc::planFeedForward(const TargetInfo &target,
                                       Precision precision, int64_t hidden,
                                       int64_t intermediate) {
  FeedForwardPlan plan{planLinear(target, precision, hidden, intermediate),
                       planLinear(target, precision, intermediate, hidden)};
  Arithmetic arithmetic = plan.down.arithmetic;
  // As the first layer leaves it, and staged for the second.
  int64_t staged = inputBytes(arithmetic) < 4 ? inputBytes(arithmetic) : 0;
  bool direct = passesBF16(plan.up, plan.down, intermediate);
  int64_t rowBytes = intermediate * (direct ? staged : 4 + staged);
  double weights = 2.0 * hidden * intermediate * weightBytes(arithmetic);
  int64_t many = std::min(plan.up.rowBlock, plan.down.rowBlock);
  int64_t few = target.l2Bytes / 2 / rowBytes / plan.down.rows * plan.down.rows;
  if (few > 0 && few < many && weights / few < weights / many + 2.0 * rowBytes)
    plan.up.rowBlock = plan.down.rowBlock = few;
  else
    plan.up.rowBlock = plan.down.rowBlock = many;
  return plan;
}

/// Of a tile's columns of x, whole cache lines rest in L1, three eighths of it:
/// a block is so many rows. The k columns of a block leave an L3 share of some
/// MiB to x and the gradient.
WeightGradientPlan bertc::planWeightGradient(const TargetInfo &target,
                                             int64_t columns,
                                             Precision precision) {
  constexpr int64_t line = 64, mostColumns = 768;
  WeightGradientPlan plan;
  if (precision == Precision::BF16 && target.has(BERTC_CPU_AMX_BF16)) {
    // So many rows that reading and writing the gradient, once for each block,
    // is little; three quarters of L2 for x transposed.
    plan.arithmetic = Arithmetic::BF16Tile;
    plan.rows = 32;
    plan.panels = std::min<int64_t>(2, columns / 16);
    plan.depthBlock = mostColumns;
    plan.rowBlock = target.l2Bytes * 3 / 4 / (mostColumns * 2) / 32 * 32;
    plan.group = plan.panels;
    return plan;
  }
  Tile tile = chooseTile(target, Arithmetic::F32, columns / 16);
  plan.rows = tile.rows;
  plan.panels = tile.panels;
  plan.depthBlock = mostColumns / tile.rows * tile.rows;
  plan.rowBlock = target.l1Bytes * 3 / 8 / line;
  int64_t panels = target.l2Bytes * 3 / 8 / (plan.rowBlock * line);
  plan.group = std::max<int64_t>(1, panels / tile.panels) * tile.panels;
  return plan;
}

/// bfloat16 where it is faster than float32. What linear layers multiply may
/// be narrower: int8 would need scales of rows that are not known before they
/// are complete.
static Arithmetic chooseAttentionArithmetic(const TargetInfo &target,
                                            Precision precision) {
  if (precision == Precision::F32 || precision == Precision::F32Fast)
    return Arithmetic::F32;
  if (target.has(BERTC_CPU_AMX_BF16))
    return Arithmetic::BF16Tile;
  return target.has(BERTC_CPU_AVX512_BF16) ? Arithmetic::BF16Dot
                                           : Arithmetic::F32;
}

AttentionPlan bertc::planAttention(const TargetInfo &target,
                                   Precision precision, int64_t headSize) {
  Arithmetic arithmetic = chooseAttentionArithmetic(target, precision);
  if (isTile(arithmetic))
    return {arithmetic, 32, 2, std::min<int64_t>(2, headSize / 16)};
  Tile scores = chooseTile(target, arithmetic, 8);
  Tile context = chooseTile(target, arithmetic, headSize / 16);
  return {arithmetic, std::min(scores.rows, context.rows), scores.panels,
          context.panels};
}

/// A block of rows is the depth of the products that give keys and values their
/// gradients: eight register tiles make moving those in and out cheap.
AttentionGradientPlan bertc::planAttentionGradient(const TargetInfo &target,
                                                   int64_t headSize) {
  Tile scores = chooseTile(target, Arithmetic::F32, 8);
  Tile context = chooseTile(target, Arithmetic::F32, headSize / 16);
  int64_t rows = std::min(scores.rows, context.rows);
  return {rows, scores.panels, context.panels, 8 * rows};
}

int64_t bertc::planRowSplitTokens(const TargetInfo &) { return 192; }
