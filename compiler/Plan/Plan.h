//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The choices that a plan fixes, and the cost model that makes them. Everything
// after planning obeys these numbers.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PLAN_PLAN_H
#define BERTC_COMPILER_PLAN_PLAN_H

#include "compiler/Target/Precision.h"
#include <cstdint>

namespace bertc {

struct TargetInfo;

/// What a linear layer or attention multiplies, and with which instructions.
/// Sums of int8 are int32, the others float32.
enum class Arithmetic : uint8_t {
  F32,         ///< float32, fused multiply-add.
  BF16Convert, ///< bfloat16 weights widened in registers, times float32.
  BF16Dot,     ///< vdpbf16ps.
  BF16Tile,    ///< tdpbf16ps.
  Split,       ///< weights of two bfloat16, added in registers, times float32.
  SplitTile,   ///< tdpbf16ps of each half of x and each half of the weights.
  W8Dot,       ///< int8 weights widened in scratch, then as BF16Dot.
  W8Tile,      ///< int8 weights widened in scratch, then as BF16Tile.
  Int8Madd,    ///< int8 widened to int16, vpmaddwd of 256 bits.
  Int8Madd512, ///< The same with 512 bits.
  Int8Dot,     ///< vpdpbusd.
  Int8Tile,    ///< tdpbssd.
};
/// "f32", "bf16_convert", ... as in plan attributes.
llvm::StringRef arithmeticName(Arithmetic arithmetic);
std::optional<Arithmetic> findArithmetic(llvm::StringRef name);
/// k steps that lie together in the packed weight: 1, 2 or 4.
int64_t depthPerLine(Arithmetic arithmetic);
/// Whether weights are widened in scratch before they are multiplied; and what
/// multiplies them then, otherwise the arithmetic itself.
inline bool isWidened(Arithmetic a) {
  return a == Arithmetic::W8Dot || a == Arithmetic::W8Tile;
}
Arithmetic productOf(Arithmetic arithmetic);
/// Whether weights are int8, with a scale for each column.
inline bool isInt8Weight(Arithmetic a) { return a >= Arithmetic::W8Dot; }
/// Whether x is int8, too, and sums are int32.
inline bool isInt8(Arithmetic a) { return a >= Arithmetic::Int8Madd; }
inline bool isSplit(Arithmetic a) {
  return a == Arithmetic::Split || a == Arithmetic::SplitTile;
}
inline bool isTile(Arithmetic a) {
  return a == Arithmetic::BF16Tile || a == Arithmetic::SplitTile ||
         a == Arithmetic::W8Tile || a == Arithmetic::Int8Tile;
}

/// Whether queries, keys and values can be left as bfloat16 for attention,
/// which would round them so.
bool passesBF16(Arithmetic linear, Arithmetic attention, int64_t headStride);

struct LinearPlan;
/// Whether a linear layer can leave its `columns` columns as bfloat16, the way
/// the next one multiplies them, instead of float32: with sums outside of the
/// output, and columns that are whole tile registers.
bool passesBF16(const LinearPlan &first, const LinearPlan &next,
                int64_t columns);

/// How a linear layer is blocked, see Kernels/CPU/Linear.cpp.
struct LinearPlan {
  Arithmetic arithmetic = Arithmetic::F32;
  int64_t rows = 0;       // register tile
  int64_t panels = 0;     // register tile, in panels of 16 columns
  int64_t depthBlock = 0; // k steps between two visits of y
  int64_t group = 0;      // panels whose k block stays in L2
  int64_t rowBlock = 0;   // rows that go through all of it together
};

/// How the gradient of a linear layer's weight is blocked, see
/// Kernels/CPU/WeightGradient.cpp.
struct WeightGradientPlan {
  Arithmetic arithmetic = Arithmetic::F32; // or bf16_tile
  int64_t rows = 0;                        // register tile, in columns of x
  int64_t panels = 0;     // register tile, in panels of 16 columns of dy
  int64_t depthBlock = 0; // columns of x that go through all of it together
  int64_t rowBlock = 0;   // rows of x and dy that are multiplied together
  int64_t group = 0;      // panels of dy whose row block stays in L2
};

/// How attention is blocked: a register tile of query rows against panels of
/// 16 keys (scores) and of 16 head columns (context). The arithmetic is f32,
/// bf16_dot or bf16_tile.
struct AttentionPlan {
  Arithmetic arithmetic = Arithmetic::F32;
  int64_t rows = 0;
  int64_t keyPanels = 0;
  int64_t valuePanels = 0;
};

/// How the gradient of attention is blocked: a register tile of rows against
/// panels of 16 keys and of 16 head columns, and the query rows whose weights
/// exist at a time.
struct AttentionGradientPlan {
  int64_t rows = 0;
  int64_t keyPanels = 0;
  int64_t headPanels = 0;
  int64_t rowBlock = 0;
};

/// `depth` and `columns` are the padded sizes of the weight.
LinearPlan planLinear(const TargetInfo &target, Precision precision,
                      int64_t depth, int64_t columns);

/// Both layers of a feed-forward block. They have one row block: the rows whose
/// intermediate is alive at a time where work is split by rows.
struct FeedForwardPlan {
  LinearPlan up;
  LinearPlan down;
};
FeedForwardPlan planFeedForward(const TargetInfo &target, Precision precision,
                                int64_t hidden, int64_t intermediate);

WeightGradientPlan planWeightGradient(const TargetInfo &target, int64_t columns,
                                      Precision precision = Precision::F32);

/// `headSize` is padded to 16.
AttentionPlan planAttention(const TargetInfo &target, Precision precision,
                            int64_t headSize);

AttentionGradientPlan planAttentionGradient(const TargetInfo &target,
                                            int64_t headSize);

/// Batches of fewer tokens than this split the work by column panels and
/// heads, larger ones by rows.
int64_t planRowSplitTokens(const TargetInfo &target);

} // namespace bertc

#endif // BERTC_COMPILER_PLAN_PLAN_H
