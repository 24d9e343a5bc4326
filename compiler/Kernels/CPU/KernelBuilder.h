//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The vocabulary that kernel templates are written in: index arithmetic, f32
// vectors of 16 lanes, counted loops and named functions. Every vector has 16
// lanes on every ISA (LLVM splits it where registers are narrower), which is
// what makes the results of all variants equal bit for bit.
//
// Buffers are flat `memref<?xf32>` with explicit element offsets: one for the
// workspace, one for the weights, one for each output.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_KERNELBUILDER_H
#define BERTC_COMPILER_KERNELS_CPU_KERNELBUILDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace bertc {

constexpr int64_t lanes = 16;
inline int64_t roundUp(int64_t n, int64_t m) { return (n + m - 1) / m * m; }

/// A flat buffer and the element at which something in it starts.
struct Place {
  mlir::Value buffer;
  mlir::Value offset;
};

/// Buffer and offset of each place, as KernelBuilder::callKernel takes them.
llvm::SmallVector<mlir::Value *> slotsOf(llvm::ArrayRef<Place *> places);

class KernelBuilder {
public:
  explicit KernelBuilder(mlir::ModuleOp module);

  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::ModuleOp module;

  // Types.
  mlir::Type indexType() { return b.getIndexType(); }
  mlir::Type boolType() { return b.getI1Type(); }
  mlir::VectorType vectorType(int64_t n = lanes);
  mlir::MemRefType bufferType();    // memref<?xf32>
  mlir::MemRefType intBufferType(); // memref<?xi32>

  // Constants and index arithmetic (all values are non-negative).
  mlir::Value index(int64_t value);
  mlir::Value boolean(bool value);
  mlir::Value scalar(double value);
  mlir::Value splat(double value, int64_t n = lanes);
  mlir::Value add(mlir::Value a, mlir::Value c);
  mlir::Value add(mlir::Value a, int64_t c);
  mlir::Value sub(mlir::Value a, mlir::Value c);
  mlir::Value mul(mlir::Value a, mlir::Value c);
  mlir::Value mul(mlir::Value a, int64_t c);
  mlir::Value div(mlir::Value a, mlir::Value c);
  mlir::Value div(mlir::Value a, int64_t c);
  mlir::Value ceilDiv(mlir::Value a, mlir::Value c);
  mlir::Value ceilDiv(mlir::Value a, int64_t c);
  mlir::Value min(mlir::Value a, mlir::Value c);
  mlir::Value max(mlir::Value a, mlir::Value c);
  mlir::Value less(mlir::Value a, mlir::Value c);
  mlir::Value equal(mlir::Value a, mlir::Value c);
  Place at(Place p, mlir::Value delta) {
    return {p.buffer, add(p.offset, delta)};
  }
  Place at(Place p, int64_t delta) { return {p.buffer, add(p.offset, delta)}; }

  // Memory.
  mlir::Value load(Place p, int64_t n = lanes); // vector<n x f32>
  void store(mlir::Value vector, Place p);
  mlir::Value loadScalar(Place p);
  void storeScalar(mlir::Value value, Place p);
  mlir::Value loadIndex(mlir::Value intBuffer, mlir::Value at); // i32 -> index
  void prefetch(Place p);

  // f32 arithmetic, scalars or vectors.
  mlir::Value addf(mlir::Value a, mlir::Value c);
  mlir::Value subf(mlir::Value a, mlir::Value c);
  mlir::Value mulf(mlir::Value a, mlir::Value c);
  mlir::Value divf(mlir::Value a, mlir::Value c);
  mlir::Value maxf(mlir::Value a, mlir::Value c);
  mlir::Value fma(mlir::Value a, mlir::Value c, mlir::Value acc);
  mlir::Value broadcast(mlir::Value scalar, int64_t n = lanes);
  mlir::Value shuffle(mlir::Value a, mlir::Value c, llvm::ArrayRef<int64_t>);
  /// Mask of the lanes below `count` (an index value).
  mlir::Value laneMask(mlir::Value count);
  mlir::Value select(mlir::Value mask, mlir::Value a, mlir::Value c);
  /// The fixed tree 16 -> 8 -> 4 -> 2 -> 1.
  mlir::Value reduceAdd(mlir::Value vector);
  mlir::Value reduceMax(mlir::Value vector);

  // Control.
  void forLoop(mlir::Value lo, mlir::Value hi, int64_t step,
               llvm::function_ref<void(mlir::Value)> body);
  llvm::SmallVector<mlir::Value>
  forLoop(mlir::Value lo, mlir::Value hi, int64_t step, mlir::ValueRange init,
          llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                            mlir::ValueRange)>
              body);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> body,
              llvm::function_ref<void()> otherwise = nullptr);
  /// Runs case `value` of 1..count.
  void switchOn(mlir::Value value, int64_t count,
                llvm::function_ref<void(int64_t)> body);
  /// [begin, end) of `tid` when `total` items are shared by `threads`.
  std::pair<mlir::Value, mlir::Value> share(mlir::Value total, mlir::Value tid,
                                            mlir::Value threads);

  /// The function `name`, created with `body` at the first request. Kernels
  /// are private, internal to the object file and never inlined, so that each
  /// stays visible under its name.
  mlir::func::FuncOp kernel(llvm::StringRef name, mlir::TypeRange arguments,
                            llvm::function_ref<void(mlir::ValueRange)> body);
  void call(mlir::func::FuncOp callee, mlir::ValueRange arguments);
  /// Calls the kernel `name` with the values in `slots`. For `body`, which
  /// emits it at the first request, the slots hold the function's arguments;
  /// those are what they hold afterwards, so they belong to a copy of the
  /// operands.
  void callKernel(llvm::StringRef name, llvm::ArrayRef<mlir::Value *> slots,
                  llvm::function_ref<void()> body);
};

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_KERNELBUILDER_H
