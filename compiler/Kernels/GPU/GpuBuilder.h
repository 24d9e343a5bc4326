//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The vocabulary that kernels of a GPU are written in. Indices are i32 (sizes
// of a batch fit, and registers are scarce); addresses are pointers to global
// (1) or shared (3) memory. Blocks have one dimension of threads.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_GPUBUILDER_H
#define BERTC_COMPILER_KERNELS_GPU_GPUBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace mlir::gpu {
class GPUModuleOp;
} // namespace mlir::gpu

namespace bertc {

constexpr int64_t warpSize = 32;

/// A kernel as the host launches it.
struct DeviceKernel {
  std::string name;
  int64_t number = 0;  // position in the table of kernels
  int64_t threads = 0; // of a block
  int64_t sharedBytes = 0;
};

/// What an operand of a tensor core instruction has 16 bits of.
enum class HalfType { BF16, F16 };

class GpuBuilder {
public:
  /// Makes a gpu.module @kernels in `module`, or goes on with the one there.
  explicit GpuBuilder(mlir::ModuleOp module);

  mlir::OpBuilder b;
  mlir::Location loc;

  /// The kernel `name`, whose `body` is emitted at the first request. Arguments
  /// are pointers(), ints() and floats(). With `resident` threads may have as
  /// many registers as let a processor hold that many blocks; without, the
  /// assembler weighs residence against spills.
  DeviceKernel kernel(llvm::StringRef name, int64_t threads,
                      int64_t sharedBytes, mlir::TypeRange arguments,
                      llvm::function_ref<void(mlir::ValueRange)> body,
                      int64_t resident = 0);
  /// All kernels, in the order of their numbers.
  llvm::ArrayRef<DeviceKernel> kernels() const { return made; }

  // Types.
  mlir::Type global(); // !llvm.ptr<1>
  mlir::Type shared(); // !llvm.ptr<3>
  /// !llvm.ptr, of 128 bytes that are passed by value: how TMA finds the boxes
  /// of a tensor (cuTensorMapEncodeTiled).
  mlir::Type tensorMap();
  mlir::Type i32() { return b.getI32Type(); }
  mlir::Type i64() { return b.getI64Type(); }
  mlir::Type f32() { return b.getF32Type(); }
  mlir::Type half(HalfType type);
  mlir::VectorType vectorOf(mlir::Type element, int64_t n);

  // Where this thread is.
  mlir::Value threadId(); // in its block
  mlir::Value blockId(int axis = 0);
  mlir::Value warpId(); // in its block
  mlir::Value laneId();

  // Integers, all of them not negative.
  mlir::Value index(int64_t value);
  mlir::Value wide(mlir::Value i32); // to i64
  mlir::Value add(mlir::Value a, mlir::Value c);
  mlir::Value add(mlir::Value a, int64_t c);
  mlir::Value sub(mlir::Value a, mlir::Value c);
  mlir::Value mul(mlir::Value a, mlir::Value c);
  mlir::Value mul(mlir::Value a, int64_t c);
  mlir::Value div(mlir::Value a, int64_t c);
  mlir::Value rem(mlir::Value a, int64_t c);
  mlir::Value bitAnd(mlir::Value a, int64_t c);
  mlir::Value bitOr(mlir::Value a, mlir::Value c);
  mlir::Value bitXor(mlir::Value a, mlir::Value c);
  mlir::Value shiftLeft(mlir::Value a, int64_t c);
  mlir::Value shiftRight(mlir::Value a, int64_t c);
  mlir::Value min(mlir::Value a, mlir::Value c);
  mlir::Value max(mlir::Value a, mlir::Value c);
  mlir::Value less(mlir::Value a, mlir::Value c);
  mlir::Value equal(mlir::Value a, mlir::Value c);
  mlir::Value both(mlir::Value a, mlir::Value c); // of conditions
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value c);

  // Floats, f32.
  mlir::Value scalar(double value);
  mlir::Value addf(mlir::Value a, mlir::Value c);
  mlir::Value subf(mlir::Value a, mlir::Value c);
  mlir::Value mulf(mlir::Value a, mlir::Value c);
  mlir::Value divf(mlir::Value a, mlir::Value c);
  mlir::Value maxf(mlir::Value a, mlir::Value c); // NaN in one: the other
  mlir::Value minf(mlir::Value a, mlir::Value c); // likewise
  mlir::Value fma(mlir::Value a, mlir::Value c, mlir::Value acc);
  mlir::Value toFloat(mlir::Value i32);
  mlir::Value signedToFloat(mlir::Value i32);
  /// 2^x and tanh x of the hardware, within 2 units in the last place and
  /// within 2^-11 of the result.
  mlir::Value exp2(mlir::Value x);
  mlir::Value tanh(mlir::Value x);
  mlir::Value roundEven(mlir::Value f32); // to an integer
  mlir::Value toSigned(mlir::Value f32);  // i32, of an integer that fits
  mlir::Value bitcast(mlir::Value value, mlir::Type type);

  // 16 bits. Rounding is to nearest even.
  mlir::Value narrow(mlir::Value f32, HalfType type);
  mlir::Value widen(mlir::Value half);
  /// Two of them in an i32, `low` in its lower half: an operand register.
  mlir::Value pack(mlir::Value low, mlir::Value high);
  /// x = sum of `count` values of 16 bits, as exact as they allow.
  llvm::SmallVector<mlir::Value> split(mlir::Value f32, HalfType type,
                                       int64_t count);
  // The same for two neighbours, as an operand register: rounding a pair is one
  // fast instruction, rounding one number a slow one.
  mlir::Value narrowPair(mlir::Value low, mlir::Value high, HalfType type);
  std::pair<mlir::Value, mlir::Value> widenPair(mlir::Value pair,
                                                HalfType type);
  llvm::SmallVector<mlir::Value> splitPair(mlir::Value low, mlir::Value high,
                                           HalfType type, int64_t count);

  // Memory. Offsets count elements of `element`; they are i32 or i64.
  mlir::Value at(mlir::Value pointer, mlir::Value offset, mlir::Type element);
  mlir::Value at(mlir::Value pointer, int64_t offset, mlir::Type element);
  /// `type` may be a vector, whose bytes the address is aligned to.
  mlir::Value load(mlir::Value pointer, mlir::Type type);
  void store(mlir::Value value, mlir::Value pointer);
  mlir::Value element(mlir::Value vector, int64_t i);
  mlir::Value vectorFrom(mlir::ValueRange elements);
  /// The shared memory of the block, `sharedBytes` of the kernel.
  mlir::Value sharedMemory();

  // Threads together.
  void barrier();     // of the block
  void warpBarrier(); // of the warp
  /// The value of the lane whose number differs in the bits of `mask`.
  mlir::Value shuffleXor(mlir::Value value, int64_t mask);
  /// Bit l: the condition of lane l.
  mlir::Value ballot(mlir::Value condition);
  mlir::Value warpAdd(mlir::Value f32);
  mlir::Value warpMax(mlir::Value f32);

  // Copies of 16 bytes to shared memory, or of 4, that run beside. `bytes`
  // (i32, or null for all) are read, and zeros written behind them.
  void copyAsync(mlir::Value to, mlir::Value from, mlir::Value bytes = {});
  void copyWordAsync(mlir::Value to, mlir::Value from, mlir::Value bytes = {});
  void commitCopies();
  /// Until at most `pending` groups of copies of this thread are not done.
  void waitCopies(int64_t pending);

  // Tensor cores.
  /// `count` (1, 2, 4) 8x8 matrices; each as an i32.
  llvm::SmallVector<mlir::Value>
  loadMatrices(mlir::Value rowPointer, int64_t count, bool transposed = false);
  /// c + A B of a 16x16 A (4 registers) and 16x8 B (2), c: 4 floats.
  llvm::SmallVector<mlir::Value> multiply(HalfType type, mlir::ValueRange a,
                                          mlir::ValueRange bOperand,
                                          mlir::ValueRange c);
  /// The same of 16x32 and 32x8 int8, four in a register, and int32 sums.
  llvm::SmallVector<mlir::Value> multiplyBytes(mlir::ValueRange a,
                                               mlir::ValueRange bOperand,
                                               mlir::ValueRange c);

  // Control.
  void forLoop(mlir::Value lo, mlir::Value hi, mlir::Value step,
               llvm::function_ref<void(mlir::Value)> body);
  void forLoop(mlir::Value lo, mlir::Value hi, int64_t step,
               llvm::function_ref<void(mlir::Value)> body) {
    forLoop(lo, hi, index(step), body);
  }
  llvm::SmallVector<mlir::Value>
  forLoop(mlir::Value lo, mlir::Value hi, mlir::Value step,
          mlir::ValueRange init,
          llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                            mlir::ValueRange)>
              body);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> body);
  /// The value of one of two expressions; only that one is evaluated.
  mlir::Value ifElse(mlir::Value condition,
                     llvm::function_ref<mlir::Value()> then,
                     llvm::function_ref<mlir::Value()> otherwise);
  /// Several values of one of two sides.
  llvm::SmallVector<mlir::Value>
  ifElse(mlir::Value condition,
         llvm::function_ref<llvm::SmallVector<mlir::Value>()> then,
         llvm::function_ref<llvm::SmallVector<mlir::Value>()> otherwise);

private:
  mlir::gpu::GPUModuleOp module();

  mlir::Operation *moduleOp;
  llvm::SmallVector<DeviceKernel> made;
};

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_GPUBUILDER_H
