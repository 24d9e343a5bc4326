//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The launches of a training function: forward ops with what they leave for the
// backward pass, and gradients. Sums have an order that depends on the sizes of
// a batch only, so a step gives the same bits each time.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_DEVICETRAINPROGRAM_H
#define BERTC_COMPILER_LOWERING_DEVICETRAINPROGRAM_H

#include "compiler/Kernels/GPU/ColumnSums.h"
#include "compiler/Lowering/DeviceProgram.h"
#include "compiler/Lowering/FrozenPrefix.h"
#include "compiler/Lowering/GradientLayout.h"

namespace bertc {

class DeviceTrainProgram : public DeviceProgram {
public:
  DeviceTrainProgram(mlir::func::FuncOp train, const DeviceTarget &target,
                     DevicePrecision precision, WeightLayoutBuilder &weights,
                     WeightLayoutBuilder *parameters,
                     GradientLayout &gradients);

  mlir::LogicalResult emit(KernelBuilder &host, DeviceTrainFrame &frame,
                           GpuBuilder &device);
  /// Emits what makes the weights of the device of the trainer's: `weights` is
  /// the finished layout.
  void emitRefresh(KernelBuilder &host, DeviceTrainFrame &frame,
                   GpuBuilder &device, const WeightLayout &weights);
  /// Describes a kernel of the optimizer, which moves so many bytes for each
  /// float that learns.
  void noteOptimizer(const DeviceKernel &kernel, double bytes);

protected:
  mlir::LogicalResult emitBlock(mlir::Block &block) override;
  mlir::LogicalResult emitOp(mlir::Operation *op) override;
  Values dropoutArguments(mlir::IntegerAttr site,
                          mlir::FloatAttr rate) override;

private:
  // Of a training function only.
  mlir::LogicalResult emitDropout(mlir::enc::DropoutOp op);
  mlir::LogicalResult emitLoss(mlir::Operation *op);
  // Backward.
  mlir::LogicalResult emitLayersBackward(mlir::enc::LayersBackwardOp op);
  mlir::LogicalResult emitLinearInput(mlir::enc::LinearInputGradientOp op);
  mlir::LogicalResult emitLinearWeight(mlir::enc::LinearWeightGradientOp op);
  mlir::LogicalResult emitQKVInput(mlir::enc::FusedQKVInputGradientOp op);
  mlir::LogicalResult emitQKVWeight(mlir::enc::FusedQKVWeightGradientOp op);
  mlir::LogicalResult
  emitFusedActivation(mlir::enc::FusedActivationGradientOp op);
  mlir::LogicalResult emitAttentionGradient(mlir::enc::AttentionGradientOp op);
  mlir::LogicalResult emitLayerNormGradient(mlir::enc::LayerNormGradientOp op);
  mlir::LogicalResult
  emitEmbedNormGradient(mlir::enc::FusedEmbedNormGradientOp op);
  mlir::LogicalResult emitEmbedGradient(mlir::enc::EmbedGradientOp op);
  mlir::LogicalResult
  emitActivationGradient(mlir::enc::ActivationGradientOp op);
  mlir::LogicalResult emitPoolGradient(mlir::enc::PoolGradientOp op);
  mlir::LogicalResult emitNormalizeGradient(mlir::enc::NormalizeGradientOp op);

  // Shared.
  struct InputGradient {
    mlir::Value dx, plus, before, activated;
    ActivationFunction activation = ActivationFunction::None;
  };
  /// Launches a product of the backward pass by the plan for the rows of `y`:
  /// `make` says kernel and grid, of which y is for one block of rows if it
  /// `growsWithRows`.
  struct GradientLaunch {
    DeviceKernel kernel;
    DeviceGrid grid;
  };
  void launchGradient(
      mlir::Operation *op, const Buffer &y, const DeviceLinearPlans &plans,
      bool growsWithRows, mlir::ValueRange arguments, int64_t products,
      llvm::function_ref<GradientLaunch(const DeviceLinearPlan &)> make);
  /// The gradient of the result is the op's first operand.
  mlir::LogicalResult inputGradient(mlir::Operation *op,
                                    llvm::ArrayRef<mlir::StringAttr> weights,
                                    const InputGradient &gradient);
  /// Of layers whose columns lie side by side in dy; null: does not learn.
  void weightGradients(mlir::Operation *op, mlir::Value dy, mlir::Value x,
                       llvm::ArrayRef<mlir::StringAttr> weights,
                       llvm::ArrayRef<mlir::StringAttr> biases);
  /// Of those from `first` on, of `all`, which learn.
  void weightGradient(mlir::Operation *op, const Buffer &dy, const Buffer &x,
                      llvm::ArrayRef<mlir::StringAttr> weights, int64_t first,
                      int64_t all);
  void biasGradient(const Buffer &dy, llvm::ArrayRef<mlir::StringAttr> biases,
                    int64_t first, int64_t all);
  struct NormGradient {
    const Buffer &x, &dy, &dx;
    mlir::FlatSymbolRefAttr gain, bias;
    double epsilon;
    mlir::ArrayAttr into;
  };
  void normGradient(mlir::Operation *op, const NormGradient &gradient);
  void embedGradient(mlir::Value ids, const Buffer &dy, mlir::StringAttr table);
  void launchSums(const ColumnSums &sums, mlir::ValueRange arguments);
  /// float32 rows of the op's own, like `like`.
  Buffer scratchRows(mlir::Operation *op, int64_t number, const Buffer &like);
  mlir::Value gradientOf(mlir::StringAttr weight); // address
  void refresh(const PackedWeight &packed, int64_t part, mlir::Value offset,
               mlir::Value trip);
  /// Float32 of a weight as the trainer keeps it.
  mlir::Value parameterOf(const LoweredParameter &parameter, mlir::Value layer);

  GradientLayout &gradients;
  FrozenPrefix frozen; // skipped by callers that have its rows
  DeviceTrainFrame *own = nullptr;
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_DEVICETRAINPROGRAM_H
