//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The way through the training function: forward ops as Program emits them,
// with what they leave for the backward pass, and gradients. Work is split by
// rows; gradients of weights by their columns, those of attention by sequence
// and head.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_TRAINPROGRAM_H
#define BERTC_COMPILER_LOWERING_TRAINPROGRAM_H

#include "compiler/Kernels/CPU/Attention.h"
#include "compiler/Lowering/FrozenPrefix.h"
#include "compiler/Lowering/GradientLayout.h"
#include "compiler/Lowering/Program.h"

namespace bertc {

class TrainProgram : public Program {
public:
  TrainProgram(mlir::func::FuncOp train, WeightLayoutBuilder &weights,
               GradientLayout &gradients);

  void emit(KernelBuilder &k, TrainFrame &frame, PhaseTable &table);

protected:
  mlir::LogicalResult prepare(mlir::Operation *op) override;
  void emitBlock(mlir::Block &block) override;
  void emitOp(mlir::Operation *op) override;
  void emitReturn(mlir::Operation *op) override;
  DropoutOperands dropout(mlir::IntegerAttr site,
                          mlir::FloatAttr rate) override;
  LinearWeights panels(llvm::ArrayRef<mlir::StringAttr> symbols,
                       Arithmetic arithmetic, Grouping columns,
                       Grouping depth) override;

private:
  // First walk.
  mlir::LogicalResult prepareGradient(mlir::Operation *op);
  mlir::LogicalResult prepareForward(mlir::Operation *op);
  mlir::LogicalResult needInputGradientScratch(mlir::Operation *op);
  mlir::LogicalResult needWeightGradientScratch(mlir::Operation *op);
  AttentionShape gradientShape(mlir::enc::AttentionGradientOp op) const;

  // Second walk, forward.
  void narrowWeights(const LinearWeights &weights);
  void readFrozen(mlir::Value rows);
  void emitLinearAddNorm(mlir::enc::FusedLinearAddNormOp op);
  void emitFeedForward(mlir::enc::FusedFeedForwardOp op);
  void emitDropout(mlir::enc::DropoutOp op);
  // Backward.
  void emitLayersBackward(mlir::enc::LayersBackwardOp op);
  void emitLinearInput(mlir::enc::LinearInputGradientOp op);
  void emitLinearWeight(mlir::enc::LinearWeightGradientOp op);
  void emitQKVInput(mlir::enc::FusedQKVInputGradientOp op);
  void emitQKVWeight(mlir::enc::FusedQKVWeightGradientOp op);
  void emitFusedActivation(mlir::enc::FusedActivationGradientOp op);
  void emitAttentionGradient(mlir::enc::AttentionGradientOp op);
  void emitLayerNormGradient(mlir::enc::LayerNormGradientOp op);
  void emitEmbedNormGradient(mlir::enc::FusedEmbedNormGradientOp op);
  void emitEmbedGradient(mlir::enc::EmbedGradientOp op);
  void emitActivationGradient(mlir::enc::ActivationGradientOp op);
  void emitPoolGradient(mlir::enc::PoolGradientOp op);
  void emitNormalizeGradient(mlir::enc::NormalizeGradientOp op);
  void emitLoss(mlir::Operation *op);

  // Shared.
  /// Of a linear layer, whose weights `weight` holds from its first panel on.
  struct InputGradient {
    mlir::Value dy, dx, plus, before;
    ActivationFunction activation = ActivationFunction::None;
    int64_t weight = 0; // packed
    mlir::Value activated;
  };
  /// Sets what every `gradient` of an input has: the gradient of the result is
  /// the op's first operand.
  void emitInputGradient(mlir::Operation *op,
                         llvm::ArrayRef<mlir::StringAttr> weights,
                         mlir::StringAttr name, InputGradient gradient);
  void inputGradientPhase(mlir::Operation *op, const InputGradient &gradient);
  /// The product itself, for `rows` rows.
  void inputGradientProduct(mlir::Operation *op, const InputGradient &gradient,
                            const LinearPlan &plan, mlir::Value rows,
                            llvm::function_ref<Place(mlir::Value)> rowsOf);
  void narrowTransposed(const InputGradient &gradient, int64_t slot);
  /// Of columns [part, part + 1) * y.columns / parts of the gradient.
  struct WeightGradient {
    mlir::Value dy, x;
    mlir::StringAttr weight, bias; // null: does not learn
    int64_t part = 0, parts = 1;
  };
  void weightGradientPhase(mlir::Operation *op, const WeightGradient &gradient);
  struct NormGradient {
    SlotPlace x;
    mlir::Value dy;
    SlotPlace dx;
    mlir::FlatSymbolRefAttr gain, bias;
    double epsilon;
    mlir::ArrayAttr into;
  };
  void normGradientPhases(const NormGradient &gradient);
  void tableGradientPhase(mlir::Value ids, SlotPlace dy, const Buffer &rows,
                          mlir::StringAttr table);
  void describeGradient(mlir::StringAttr weight, llvm::StringRef what,
                        const Buffer &x, const Buffer &y);
  mlir::Value count(const Buffer &buffer);
  /// The thread's vectors of 16 columns of so many.
  std::pair<mlir::Value, mlir::Value> ownVectors(int64_t columns);
  Place gradientOf(mlir::StringAttr weight);
  SlotPlace slotOf(mlir::Value value);
  SlotPlace slotOf(int64_t slot);

  GradientLayout &gradients;
  /// Slots of weights in bfloat16 for the layer at hand: by packed weight, and
  /// transposed by the gradient op.
  llvm::DenseMap<int64_t, int64_t> narrowed;
  llvm::DenseMap<mlir::Operation *, int64_t> transposed;
  FrozenPrefix frozen; // skipped by callers that have its rows
  TrainFrame *frame = nullptr;
  int64_t momentsSlot = -1;              // of the rows of one norm at a time
  int64_t sumsSlot = -1, inputSlot = -1; // of embeddings, and their gradient
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_TRAINPROGRAM_H
