//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One of the two ways through the forward function: with the work of each op
// split by rows (many tokens), or by column panels and heads (few tokens). The
// training function is a TrainProgram.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_PROGRAM_H
#define BERTC_COMPILER_LOWERING_PROGRAM_H

#include "compiler/Kernels/CPU/Dropout.h"
#include "compiler/Kernels/CPU/Linear.h"
#include "compiler/Lowering/Buffers.h"
#include "compiler/Lowering/PhaseTable.h"
#include "compiler/Lowering/Phases.h"
#include "compiler/Lowering/WeightLayoutBuilder.h"
#include "dialects/Enc/IR/EncOps.h"
#include <memory>
#include <optional>

namespace bertc {

enum class SplitBy { Rows, Panels };

class Program {
public:
  /// `mostTokens` bounds the batch of a program split by panels.
  Program(mlir::func::FuncOp forward, SplitBy splitBy, int64_t mostTokens,
          WeightLayoutBuilder &weights);
  virtual ~Program();

  /// Assigns memory and registers weights; emits nothing. Fails if an op has no
  /// lowering, which is reported at the op.
  mlir::LogicalResult assign();
  bertc_workspace workspaceFormula() const { return workspace.formula(); }

  /// Emits the program at the builder's insertion point. The weight layout is
  /// finished by now.
  void emit(KernelBuilder &k, CallFrame &frame, PhaseTable &table);

protected:
  struct Emission; // state while emitting, see ProgramEmission.h

  // First walk.
  mlir::LogicalResult prepareBlock(mlir::Block &block);
  virtual mlir::LogicalResult prepare(mlir::Operation *op);
  mlir::LogicalResult prepareFeedForward(mlir::enc::FusedFeedForwardOp op);

  // Second walk.
  virtual void emitBlock(mlir::Block &block);
  virtual void emitOp(mlir::Operation *op);
  void emitLayers(mlir::enc::LayersOp op);
  virtual void emitReturn(mlir::Operation *op);
  /// Of an op of a training function, in the layer at hand.
  virtual DropoutOperands dropout(mlir::IntegerAttr site, mlir::FloatAttr rate);
  void emitEmbedNorm(mlir::enc::FusedEmbedNormOp op);
  void emitEmbed(mlir::enc::EmbedOp op);
  void emitQKV(mlir::enc::FusedQKVOp op);
  void emitAttention(mlir::enc::FusedAttentionOp op);
  void emitLinear(mlir::enc::LinearOp op);
  void emitLinearAddNorm(mlir::enc::FusedLinearAddNormOp op);
  void emitFeedForward(mlir::enc::FusedFeedForwardOp op);
  void emitLayerNorm(mlir::enc::LayerNormOp op);
  void emitElementwise(mlir::Operation *op);
  void emitPool(mlir::enc::PoolOp op);
  void emitNormalize(mlir::enc::NormalizeOp op);

  // Shared by several ops.
  /// Indices of packed weights; the last three of int8 weights only.
  struct LinearWeights {
    int64_t weight = 0;
    std::optional<int64_t> bias, columnScale, columnSum, smoothing;
    std::optional<int64_t> narrowed; // slot: as it is multiplied
  };
  struct SlotPlace {
    int64_t slot;
    Place place;
  };
  void linearPhase(const LinearShape &shape, const LinearPlan &plan,
                   mlir::Value x, mlir::Value y, mlir::Value residual,
                   LinearWeights weights);
  void panelsPhase(const LinearShape &shape, const LinearPlan &plan,
                   SlotPlace x, SlotPlace y, std::optional<SlotPlace> residual,
                   mlir::Value rows, LinearWeights weights);
  void setWeights(LinearOperands &operands, const LinearWeights &weights);
  mlir::LogicalResult needLinearScratch(mlir::Operation *op, const Buffer &x,
                                        const Buffer &y);
  void normPhase(mlir::Value y, double epsilon, int64_t gain, int64_t bias);
  void rowsPhase(
      llvm::ArrayRef<mlir::Value> inputs, mlir::Value output,
      llvm::function_ref<void(llvm::ArrayRef<Place>, Place, mlir::Value rows)>
          body);
  void copyRows(mlir::Value from, mlir::Value to);
  void writeOutput(int64_t number, mlir::Value value);

  // Names and costs of phases, for profiles.
  /// What the phases from here on are, until the next call of describe().
  void describe(llvm::StringRef name);
  void describeLinear(mlir::FlatSymbolRefAttr weight, const Buffer &x,
                      const Buffer &y, LinearWeights weights);
  void describeAttention(const Buffer &in, const Buffer &out);
  /// Emits the mark of the phase that was described last.
  void beginPhase();

  // Weights.
  int64_t layersOf(mlir::StringAttr symbol);
  virtual LinearWeights panels(llvm::ArrayRef<mlir::StringAttr> symbols,
                               Arithmetic arithmetic, Grouping columns,
                               Grouping depth);
  int64_t vector(llvm::ArrayRef<mlir::StringAttr> symbols, Grouping columns);
  int64_t table(mlir::StringAttr symbol);
  LinearWeights linearWeights(const LinearPlan &plan, const Buffer &x,
                              const Buffer &y, mlir::FlatSymbolRefAttr weight,
                              mlir::FlatSymbolRefAttr bias);
  LinearWeights qkvWeights(mlir::enc::FusedQKVOp op);
  Place weight(int64_t index);

  Buffer intermediate(mlir::enc::FusedFeedForwardOp op) const;
  /// What both ways to emit a feed-forward block start from. The activation is
  /// part of `up` unless what is before it is saved; with dropout, the residual
  /// is added behind `down`.
  struct FeedForward {
    Buffer middle;
    LinearPlan upPlan, downPlan;
    LinearShape up, down;
    LinearWeights upWeights, downWeights;
    int64_t gain, normBias;
  };
  FeedForward feedForward(mlir::enc::FusedFeedForwardOp op);
  mlir::Value ids(mlir::Value argument);
  mlir::Value begin(const Buffer &buffer);
  mlir::Value end(const Buffer &buffer);
  Split rowSplit(const Buffer &buffer) const;
  Place place(mlir::Value value);

  mlir::func::FuncOp forward;
  SplitBy splitBy;
  int64_t mostTokens;
  WeightLayoutBuilder &weights;
  Workspace workspace;
  std::unique_ptr<BufferAssignment> buffers;
  llvm::DenseMap<mlir::Operation *, int64_t> intermediates; // slots
  bool usesTiles = false; // of AMX, in a linear layer
  Emission *e = nullptr;
  PhaseTable *phaseTable = nullptr;
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_PROGRAM_H
