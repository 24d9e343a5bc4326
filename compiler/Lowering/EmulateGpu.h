//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The second lowering of device code: what PTX would be made of becomes a
// program of the host, which asks the emulator of tools/gpu-emulator about all
// that the host does not have and about every access of memory.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_EMULATEGPU_H
#define BERTC_COMPILER_LOWERING_EMULATEGPU_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::LLVM {
class LLVMFuncOp;
} // namespace mlir::LLVM

namespace bertc {

/// Replaces the gpu.module in `module`, at nvvm level, by functions of the host
/// and the table `bertc_emulated_kernels` (see EmulatedGpu.h). Errors are
/// reported at the op that has no emulation.
mlir::LogicalResult emulateGpu(mlir::ModuleOp module);

//===----------------------------------------------------------------------===//
// Private to the room.
//===----------------------------------------------------------------------===//

/// Where the ops of one function find what they need.
class GpuEmulation {
public:
  GpuEmulation(mlir::ModuleOp host);

  /// Replaces the ops of a function whose `thread` is a value in it.
  mlir::LogicalResult emulateBody(mlir::LLVM::LLVMFuncOp function,
                                  mlir::Value thread);

  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::Type pointer, i32, i64;

  mlir::Value constant(uint32_t value);
  /// Calls a function of the emulator, which is declared on first use.
  mlir::Value call(llvm::StringRef name, mlir::ValueRange arguments,
                   mlir::Type result = {});
  /// A variable with what the emulator is told about `op`.
  mlir::Value site(mlir::Operation *op, uint32_t bytes = 0,
                   uint32_t alignment = 1,
                   llvm::ArrayRef<uint32_t> parameters = {});
  /// Calls bertc_gpu_emulator_`name` with the operands in memory, and makes
  /// values of these types of what is there after. i1 takes a word.
  llvm::SmallVector<mlir::Value> callWithWords(llvm::StringRef name,
                                               mlir::Value site,
                                               mlir::ValueRange operands,
                                               mlir::TypeRange results);
  /// The same, for an op whose result is a struct, a single value or nothing.
  void replaceWithWords(mlir::Operation *op, llvm::StringRef name,
                        mlir::Value site, mlir::ValueRange operands);
  /// f32 or a vector of it to `result`: to nearest, ties to even, as
  /// cvt.rn.bf16.f32 does; NaN becomes 0x7fff.
  mlir::Value roundToBF16(mlir::Value x, mlir::Type result);

  mlir::Value thread;          ///< Of the function at hand.
  llvm::StringSet<> functions; ///< That kernels can call.

private:
  mlir::LogicalResult emulate(mlir::Operation *op);
  mlir::LogicalResult emulateMemory(mlir::Operation *op);
  mlir::LogicalResult findGroupReads(mlir::LLVM::LLVMFuncOp function);
  mlir::Value words(uint32_t count, mlir::Value &buffer, uint32_t &size);

  mlir::ModuleOp host;
  mlir::Block *entry = nullptr; ///< Of the function at hand.
  mlir::Value in, out;          ///< Words of operands and results.
  uint32_t inSize = 0, outSize = 0;
  uint32_t siteCount = 0;
  llvm::DenseSet<mlir::Operation *> groupReads; ///< Of results of wgmma.
};

/// Replaces `op` of the nvvm dialect. An error if it is not known.
mlir::LogicalResult emulateNvvm(GpuEmulation &e, mlir::Operation *op);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_EMULATEGPU_H
