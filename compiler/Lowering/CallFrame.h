//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generated code's view of bertc_call and bertc_train_call (runtime/abi/abi.h):
// their fields as SSA values at the top of the function.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_CALLFRAME_H
#define BERTC_COMPILER_LOWERING_CALLFRAME_H

#include "compiler/Kernels/CPU/KernelBuilder.h"

namespace bertc {

struct AttentionsOutput;

class CallFrame {
public:
  /// Emits the loads at the builder's insertion point; `call` is the
  /// !llvm.ptr to the frame, `tid` the thread's index.
  CallFrame(KernelBuilder &k, mlir::Value call, mlir::Value tid);

  /// All threads meet here.
  void barrier();
  /// The thread begins phase `number`; `layer` is null outside of the layers.
  void beginPhase(int64_t number, mlir::Value layer);
  /// Runs `body` with the caller's buffer of output `number` if there is one.
  void withOutput(int64_t number,
                  llvm::function_ref<void(mlir::Value buffer)> body);
  /// Runs `body` with the caller's buffer of the one of `outputs` that is of
  /// this layer (index, or null outside of layers), or `otherwise` if there is
  /// none or it is not wanted.
  void withAttentions(mlir::Value layer,
                      llvm::ArrayRef<AttentionsOutput> outputs,
                      llvm::function_ref<void(mlir::Value buffer)> body,
                      llvm::function_ref<void()> otherwise);

  mlir::Value tid;
  mlir::Value threads, tokens, sequences, longest;
  mlir::Value pairLength;         // of a matrix of a per-pair output
  mlir::Value weights, workspace; // memref<?xf32>
  mlir::Value inputIds, tokenTypeIds, positionIds; // memref<?xi32>
  mlir::Value offsets, outputRows;                 // memref<?xi32>

protected:
  mlir::Value pointer(int64_t byteOffset);
  mlir::Value integer(int64_t byteOffset); // i64
  mlir::Value size(int64_t byteOffset);    // the same as index
  mlir::Value buffer(mlir::Value pointer, mlir::MemRefType type);

  KernelBuilder &k;
  mlir::Value call;
};

/// The same of a bertc_train_call, which begins with a bertc_call.
class TrainFrame : public CallFrame {
public:
  TrainFrame(KernelBuilder &k, mlir::Value call, mlir::Value tid);

  /// Runs `given` with the rows of the frozen output, or `otherwise` if the
  /// caller has none.
  void withFrozen(llvm::function_ref<void(mlir::Value buffer)> given,
                  llvm::function_ref<void()> otherwise);

  mlir::Value gradients, loss; // memref<?xf32>
  mlir::Value labels;          // memref<?xi32>, or
  mlir::Value targets;         // the same memory as memref<?xf32>
  mlir::Value seed, step;      // i64
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_CALLFRAME_H
