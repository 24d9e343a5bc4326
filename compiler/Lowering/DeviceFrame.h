//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The host code's view of bertc_device_call (runtime/abi/abi.h): its fields as
// SSA values, and launches of kernels.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_DEVICEFRAME_H
#define BERTC_COMPILER_LOWERING_DEVICEFRAME_H

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/GPU/GpuBuilder.h"
#include <functional>

namespace bertc {

/// Rows of memory that a tensor map describes, see bertc_tensor_desc.
struct DeviceTensor {
  mlir::Value address, rows; // i64
  int64_t columns = 0, rowBytes = 0;
  int64_t boxColumns = 0, boxRows = 0;
  uint32_t element = 0; // BERTC_ELEMENT_*
  int64_t swizzle = 0;  // bytes
};

class DeviceFrame {
public:
  /// Emits the loads at the builder's insertion point, the start of a function;
  /// `call` is the !llvm.ptr to the frame.
  DeviceFrame(KernelBuilder &k, mlir::Value call);

  /// `arguments` are those of the kernel: i64 (also addresses), i32, f32 or
  /// maps of encodeMap(). The numbers of blocks are index values.
  void launch(const DeviceKernel &kernel, std::array<mlir::Value, 3> grid,
              mlir::ValueRange arguments);
  /// A tensor map, good until the next one with this number.
  mlir::Value encodeMap(int64_t number, const DeviceTensor &tensor);
  /// Says whose launches follow: of layer `layer` (index), or of none if null.
  void enterLayer(mlir::Value layer);
  bool makesMaps() const { return anyMaps; }
  /// Runs `body` with the address of output `number` if it is wanted.
  void withOutput(int64_t number,
                  llvm::function_ref<void(mlir::Value address)> body);

  /// Address of what lies `words` (index) times 4 bytes behind `base`.
  mlir::Value address(mlir::Value base, mlir::Value words);
  mlir::Value toInt(mlir::Value index);  // i32
  mlir::Value toWide(mlir::Value index); // i64

  /// Called with what each launch is given, before it is emitted.
  std::function<void(const DeviceKernel &, mlir::ValueRange)> onLaunch;

  mlir::Value tokens, sequences, longest; // index
  mlir::Value weights, workspace;         // i64, addresses, as all below
  mlir::Value inputIds, tokenTypeIds, positionIds, offsets, outputRows;

protected:
  mlir::Value field(int64_t byteOffset, mlir::Type type);

  KernelBuilder &k;

private:
  mlir::Value call;
  mlir::Value slots, pointers; // of arguments, on the stack
  mlir::Value maps, tensor;    // bertc_tensor_desc, there too
  bool anyMaps = false;
};

/// The same of a bertc_device_train_call, which begins with a
/// bertc_device_call.
class DeviceTrainFrame : public DeviceFrame {
public:
  DeviceTrainFrame(KernelBuilder &k, mlir::Value call);

  /// Runs `given` with the address of the rows of the frozen output, or
  /// `otherwise` if the caller has none.
  void withFrozen(llvm::function_ref<void(mlir::Value address)> given,
                  llvm::function_ref<void()> otherwise);

  mlir::Value parameters, gradients, labels, loss, step; // i64, addresses
  mlir::Value seed;                                      // i64
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_DEVICEFRAME_H
