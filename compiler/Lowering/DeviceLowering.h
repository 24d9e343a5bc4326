//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the fused forward function to kernels of a GPU and the host code that
// launches them in stream order.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_DEVICELOWERING_H
#define BERTC_COMPILER_LOWERING_DEVICELOWERING_H

#include "compiler/Lowering/DevicePrecision.h"
#include "compiler/Lowering/KernelModel.h"
#include "compiler/Lowering/LoweredTraining.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <optional>

namespace bertc {

struct DeviceTarget;

/// A kernel of the table, as bertc_kernel_desc.
struct LoweredKernel {
  std::string name;
  int64_t threads = 0;
  int64_t sharedBytes = 0;
  uint64_t flopsPerToken = 0, flopsPerSequence = 0, flopsPerPair = 0;
  uint64_t weightBytes = 0;
  std::vector<KernelModel> models;
  int64_t cluster = 0;     // blocks, 0: none
  bool sharesWork = false; // whatever the grid is
};

/// The training code of a device. Phases are none, `entry` is a
/// bertc_device_train_fn.
struct LoweredDeviceTraining : LoweredTraining {
  std::string refreshEntry;            // bertc_device_train_fn
  int64_t sumOfSquares = 0, adamW = 0; // kernels
  /// Weights as a trainer keeps them.
  WeightLayout weights;
};

struct LoweredDevice {
  mlir::OwningOpRef<mlir::ModuleOp> kernels; // a gpu.module
  mlir::OwningOpRef<mlir::ModuleOp> host;    // func + llvm + arith + scf
  std::string entry;                         // bertc_device_forward_fn
  bool tensorMaps = false;                   // the host code makes some
  bertc_workspace workspace;
  std::vector<LoweredKernel> table;
  WeightLayout weights;
  std::vector<LoweredOutput> outputs;
  std::optional<LoweredDeviceTraining> training;
};

/// Lowers @forward and, if there is one, @train of `module`, which must be
/// fused, and writes on its ops the plans that their kernels have. `precision`
/// is what matrix products read of each value, see Kernels/GPU/DeviceRows.h;
/// nothing trains in f16 or int8. `parameters` is the layout of weights as a
/// trainer keeps them, if something trains on processors, too. Errors are
/// reported at the op that has no kernel.
mlir::FailureOr<LoweredDevice> lowerDevice(mlir::ModuleOp module,
                                           const DeviceTarget &target,
                                           DevicePrecision precision,
                                           const WeightLayout *parameters);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_DEVICELOWERING_H
