//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The walk over the ops of a forward function that emits launches. It runs
// twice: the first time to learn which weights and which memory there are.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_DEVICEPROGRAM_H
#define BERTC_COMPILER_LOWERING_DEVICEPROGRAM_H

#include "compiler/Kernels/GPU/DeviceRows.h"
#include "compiler/Kernels/GPU/Linear.h"
#include "compiler/Lowering/Buffers.h"
#include "compiler/Lowering/DeviceFrame.h"
#include "compiler/Lowering/DeviceLowering.h"
#include "compiler/Lowering/WeightLayoutBuilder.h"
#include "dialects/Enc/IR/EncOps.h"

namespace bertc {

struct DeviceAttentionShape;

class DeviceProgram {
public:
  /// `parameters`, which may be null, learns of all weights as a trainer keeps
  /// them: matrices are float32 panels.
  DeviceProgram(mlir::func::FuncOp forward, const DeviceTarget &target,
                DevicePrecision precision, WeightLayoutBuilder &weights,
                WeightLayoutBuilder *parameters = nullptr);
  virtual ~DeviceProgram() = default;

  /// Emits at the host builder's insertion point; kernels go to `device`.
  mlir::LogicalResult emit(KernelBuilder &host, DeviceFrame &frame,
                           GpuBuilder &device);
  bertc_workspace workspaceFormula() const { return workspace.formula(); }
  /// Fills in what kernels of the last emit() do.
  void describe(std::vector<LoweredKernel> &kernels) const;

protected:
  virtual mlir::LogicalResult emitBlock(mlir::Block &block);
  virtual mlir::LogicalResult emitOp(mlir::Operation *op);
  mlir::LogicalResult emitLayers(mlir::enc::LayersOp op);
  mlir::LogicalResult emitReturn(mlir::Operation *op);
  mlir::LogicalResult emitEmbedNorm(mlir::enc::FusedEmbedNormOp op);
  mlir::LogicalResult emitEmbed(mlir::enc::EmbedOp op);
  mlir::LogicalResult emitQKV(mlir::enc::FusedQKVOp op);
  mlir::LogicalResult emitAttention(mlir::enc::FusedAttentionOp op);
  mlir::LogicalResult emitLinear(mlir::enc::LinearOp op);
  mlir::LogicalResult emitLinearAddNorm(mlir::enc::FusedLinearAddNormOp op);
  mlir::LogicalResult emitFeedForward(mlir::enc::FusedFeedForwardOp op);
  mlir::LogicalResult emitLayerNorm(mlir::enc::LayerNormOp op);
  mlir::LogicalResult emitElementwise(mlir::Operation *op);
  mlir::LogicalResult emitPool(mlir::enc::PoolOp op);
  mlir::LogicalResult emitNormalize(mlir::enc::NormalizeOp op);

  // Shared by several ops.
  using Values = llvm::SmallVector<mlir::Value>;
  /// Bytes to or from memory of one operand, or of all of a launch.
  struct Moved {
    double fixed = 0, perToken = 0, perSequence = 0;
    Moved &operator+=(const Moved &other);
  };
  struct Work {
    uint64_t perToken = 0, perSequence = 0, perPair = 0;
    uint64_t weightBytes = 0;
    Moved moved;
    int64_t registers = 0; // of a thread, if the plan knows
    std::vector<KernelModel> models;
    int64_t cluster = 0;
    bool sharesWork = false;
  };
  struct Residual {
    mlir::Value address;
    int64_t stride;
  };
  /// y = activation(x W^T + bias) + residual, by the plan that fits the rows;
  /// `before`, if it is not null, is what the activation is of.
  void linear(mlir::Operation *op, int64_t number, const Buffer &x,
              const Buffer &y, llvm::ArrayRef<mlir::StringAttr> weights,
              llvm::ArrayRef<mlir::StringAttr> biases,
              ActivationFunction activation,
              std::optional<Residual> residual = std::nullopt,
              const Buffer *before = nullptr);
  template <typename Op>
  void linearAddNorm(Op op, int64_t number, const Buffer &x,
                     mlir::StringAttr weight, mlir::StringAttr bias,
                     const Buffer &residual);
  /// y = dropout(x), or dropout(x) + plus, of float32 rows.
  void dropout(const Buffer &x, const Buffer *plus, const Buffer &y,
               mlir::IntegerAttr site, mlir::FloatAttr rate);
  /// Writes the probabilities of attention, which left its log-sum-exp.
  void probabilities(const DeviceAttentionShape &shape, const Buffer &qkv,
                     const Buffer &logSumExp, mlir::Value address);
  /// Arguments of a kernel, DeviceDropout, of an op of a training function in
  /// the layer at hand.
  virtual Values dropoutArguments(mlir::IntegerAttr site, mlir::FloatAttr rate);
  /// Layer norm of the float32 rows of `y`, into all its forms.
  void normalize(mlir::Value from, mlir::Value to, double epsilon,
                 mlir::StringAttr gain, mlir::StringAttr bias);
  void copyRows(mlir::Value from, mlir::Value to);
  /// Lets kernels that have no whole rows at hand write `y`: `produce` gets its
  /// other forms, of which int8 is made.
  void withInt8(mlir::Operation *op, const Buffer &y,
                llvm::function_ref<void(const Buffer &)> produce);
  /// All forms of `y` but int8 of the float32 rows at `from`, laid out as `x`.
  void map(ActivationFunction activation, mlir::Value from, const Buffer &x,
           const Buffer &y);
  void embed(mlir::Value ids, mlir::StringAttr table, const Buffer &y);
  /// Says of a kernel how many products of matrices it does for each row.
  Work &noteWork(const DeviceKernel &kernel, const Buffer &rows,
                 int64_t products);
  /// Remembers what a launch moves that is given `address`; returns it.
  mlir::Value moves(mlir::Value address, const Moved &moved);
  /// The same of so many bytes for each row.
  mlir::Value movesRows(mlir::Value address, const Buffer &rows, double bytes);
  /// From now on launches through `frame` note what they move.
  void watchLaunches();
  std::vector<KernelModel> modelsOf(const LoweredKernel &kernel,
                                    const Work &done) const;
  void launchRows(const DeviceKernel &kernel, const Buffer &rows,
                  mlir::ValueRange arguments); // a warp for each row
  void launchColumns(const DeviceKernel &kernel, const Buffer &rows,
                     int64_t columns, mlir::ValueRange arguments);
  mlir::LogicalResult verifyPlain(mlir::Operation *op, mlir::Value value);

  // Values and where they are.
  static DeviceRows shapeOf(const Buffer &buffer);
  const Buffer &bufferOf(mlir::Value value) const { return buffers[value]; }
  DeviceForms formsOf(const Buffer &buffer) const;
  mlir::Value rowsOf(const Buffer &buffer) const; // index
  /// The caller's array behind an id argument of the function.
  mlir::Value idsOf(mlir::Value argument) const;
  mlir::Value slotOf(const Buffer &buffer, int64_t slot, int64_t words);
  mlir::Value f32Of(const Buffer &buffer); // addresses
  mlir::Value planesOf(const Buffer &buffer);
  mlir::Value planeStride(const Buffer &buffer); // i64
  mlir::Value int8Of(const Buffer &buffer);
  mlir::Value int8ScalesOf(const Buffer &buffer);
  void appendOutputs(const Buffer &buffer, Values &arguments);
  /// Memory of `op` beside its results: the same slot each time.
  int64_t reserved(mlir::Operation *op, int64_t number, Extent extent,
                   int64_t words);
  /// Memory for the parts of sums that blocks share (bytes), which the next
  /// kernel overwrites, and their tickets, which are `number` of `op`.
  void appendParts(mlir::Operation *op, int64_t number, int64_t partials,
                   int64_t tickets, Values &arguments);

  // Weights, as addresses.
  mlir::Value vector(llvm::ArrayRef<mlir::StringAttr> symbols,
                     Grouping columns);
  mlir::Value table(mlir::StringAttr symbol);
  mlir::Value matrix(llvm::ArrayRef<mlir::StringAttr> symbols, Grouping columns,
                     Grouping depth);
  int64_t weightElementBytes() const { return int8 ? 1 : 2; }
  PackedWeight packedMatrix(llvm::ArrayRef<mlir::StringAttr> symbols,
                            Grouping columns, Grouping depth);
  /// What int8 has for each column of a matrix.
  mlir::Value ofColumns(PackedWeight::Derived derived,
                        llvm::ArrayRef<mlir::StringAttr> symbols,
                        Grouping columns, Grouping depth);
  mlir::Value weight(PackedWeight packed, mlir::StringAttr symbol);
  mlir::enc::WeightOp weightOp(mlir::StringAttr symbol);

  mlir::func::FuncOp forward;
  const DeviceTarget &target;
  int64_t planes;
  HalfType type; // of a plane's element
  bool int8;     // what products of weights read
  WeightLayoutBuilder &weights;
  WeightLayoutBuilder *parameters;
  Workspace workspace;
  BufferAssignment buffers;
  std::map<std::pair<mlir::Operation *, int64_t>, int64_t> slots;

  // While emitting.
  std::map<std::string, Work> work; // by kernel
  llvm::DenseMap<mlir::Value, Moved> operands;
  KernelBuilder *k = nullptr;
  DeviceFrame *frame = nullptr;
  GpuBuilder *device = nullptr;
  mlir::Value layer; // index; null outside of enc.layers
};

/// Runs `launch` of the plan for `rows`, each in a branch of its own.
template <typename Plan>
void chooseByRows(KernelBuilder &k,
                  llvm::ArrayRef<std::pair<int64_t, Plan>> plans,
                  mlir::Value rows,
                  llvm::function_ref<void(const Plan &)> launch) {
  if (plans.size() == 1)
    return launch(plans[0].second);
  k.ifThen(
      k.less(rows, k.index(plans[1].first)), [&] { launch(plans[0].second); },
      [&] { chooseByRows(k, plans.drop_front(), rows, launch); });
}

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_DEVICEPROGRAM_H
