//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Field offsets come from offsetof on the C struct, so the layout is written
// down only there.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/CallFrame.h"
#include "compiler/Lowering/Attentions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "runtime/abi/abi.h"
#include <cstddef>
#include <limits>

using namespace mlir;
using namespace bertc;

CallFrame::CallFrame(KernelBuilder &k, Value call, Value tid)
    : tid(tid), k(k), call(call) {
  threads = size(offsetof(bertc_call, threads));
  tokens = size(offsetof(bertc_call, tokens));
  sequences = size(offsetof(bertc_call, sequences));
  longest = size(offsetof(bertc_call, longest));
  pairLength = size(offsetof(bertc_call, pair_length));
  auto floats = [&](int64_t at) { return buffer(pointer(at), k.bufferType()); };
  auto ints = [&](int64_t at) {
    return buffer(pointer(at), k.intBufferType());
  };
  weights = floats(offsetof(bertc_call, weights));
  workspace = floats(offsetof(bertc_call, workspace));
  inputIds = ints(offsetof(bertc_call, input_ids));
  tokenTypeIds = ints(offsetof(bertc_call, token_type_ids));
  positionIds = ints(offsetof(bertc_call, position_ids));
  offsets = ints(offsetof(bertc_call, offsets));
  outputRows = ints(offsetof(bertc_call, output_rows));
}

static Value field(KernelBuilder &k, Value call, int64_t byteOffset,
                   Type type) {
  Type pointerType = LLVM::LLVMPointerType::get(k.b.getContext());
  Value address = LLVM::GEPOp::create(k.b, k.loc, pointerType, k.b.getI8Type(),
                                      call, ArrayRef<LLVM::GEPArg>{byteOffset});
  return LLVM::LoadOp::create(k.b, k.loc, type, address);
}

static Value nullPointer(KernelBuilder &k) {
  return LLVM::ZeroOp::create(k.b, k.loc,
                              LLVM::LLVMPointerType::get(k.b.getContext()));
}
/// Whether the caller gave something.
static Value isGiven(KernelBuilder &k, Value pointer) {
  return LLVM::ICmpOp::create(k.b, k.loc, LLVM::ICmpPredicate::ne, pointer,
                              nullPointer(k));
}

TrainFrame::TrainFrame(KernelBuilder &k, Value call, Value tid)
    : CallFrame(k, call, tid) {
  static_assert(offsetof(bertc_train_call, call) == 0);
  auto floats = [&](int64_t at) { return buffer(pointer(at), k.bufferType()); };
  seed = integer(offsetof(bertc_train_call, seed));
  step = integer(offsetof(bertc_train_call, step));
  gradients = floats(offsetof(bertc_train_call, gradients));
  loss = floats(offsetof(bertc_train_call, loss));
  targets = floats(offsetof(bertc_train_call, labels));
  labels =
      buffer(pointer(offsetof(bertc_train_call, labels)), k.intBufferType());
}

void TrainFrame::withFrozen(llvm::function_ref<void(Value)> given,
                            llvm::function_ref<void()> otherwise) {
  Value rows = pointer(offsetof(bertc_train_call, frozen));
  k.ifThen(
      isGiven(k, rows), [&] { given(buffer(rows, k.bufferType())); },
      otherwise);
}

Value CallFrame::pointer(int64_t byteOffset) {
  return field(k, call, byteOffset,
               LLVM::LLVMPointerType::get(k.b.getContext()));
}

Value CallFrame::integer(int64_t byteOffset) {
  return field(k, call, byteOffset, k.b.getI64Type());
}

Value CallFrame::size(int64_t byteOffset) {
  return arith::IndexCastOp::create(k.b, k.loc, k.indexType(),
                                    integer(byteOffset));
}

/// A memref over `pointer` whose size is not known here: kernels address it by
/// offsets that the workspace formula and the checked ids keep in bounds.
Value CallFrame::buffer(Value pointer, MemRefType type) {
  MLIRContext *context = k.b.getContext();
  Type pointerType = LLVM::LLVMPointerType::get(context);
  Type i64 = k.b.getI64Type();
  Type array = LLVM::LLVMArrayType::get(i64, 1);
  Type descriptorType = LLVM::LLVMStructType::getLiteral(
      context, {pointerType, pointerType, i64, array, array});
  auto constant = [&](int64_t v) -> Value {
    return LLVM::ConstantOp::create(k.b, k.loc, i64, k.b.getI64IntegerAttr(v));
  };
  Value d = LLVM::PoisonOp::create(k.b, k.loc, descriptorType);
  auto insert = [&](Value v, ArrayRef<int64_t> position) {
    d = LLVM::InsertValueOp::create(k.b, k.loc, d, v, position);
  };
  insert(pointer, {0});
  insert(pointer, {1});
  insert(constant(0), {2});
  insert(constant(std::numeric_limits<int64_t>::max()), {3, 0});
  insert(constant(1), {4, 0});
  return UnrealizedConversionCastOp::create(k.b, k.loc, TypeRange{type},
                                            ValueRange{d})
      .getResult(0);
}

void CallFrame::barrier() {
  MLIRContext *context = k.b.getContext();
  Type pointerType = LLVM::LLVMPointerType::get(context);
  Type i64 = k.b.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                          {pointerType, i64});
  Value function = pointer(offsetof(bertc_call, barrier));
  Value thread = arith::IndexCastOp::create(k.b, k.loc, i64, tid);
  LLVM::CallOp::create(k.b, k.loc, type, ValueRange{function, call, thread});
}

/// A function of its own, so that what an unprofiled run pays for a phase is a
/// call and a branch that is always taken the same way.
static func::FuncOp phaseFunction(KernelBuilder &k) {
  Type pointerType = LLVM::LLVMPointerType::get(k.b.getContext());
  Type i64 = k.b.getI64Type(), index = k.indexType();
  return k.kernel(
      "begin_phase", {pointerType, index, index, index}, [&](ValueRange args) {
        Value hook =
            field(k, args[0], offsetof(bertc_call, phase), pointerType);
        k.ifThen(isGiven(k, hook), [&] {
          SmallVector<Value> operands = {hook, args[0]};
          for (Value number : args.drop_front())
            operands.push_back(
                arith::IndexCastOp::create(k.b, k.loc, i64, number));
          auto type = LLVM::LLVMFunctionType::get(
              LLVM::LLVMVoidType::get(k.b.getContext()),
              {pointerType, i64, i64, i64});
          LLVM::CallOp::create(k.b, k.loc, type, operands);
        });
      });
}

void CallFrame::beginPhase(int64_t number, Value layer) {
  k.call(phaseFunction(k),
         {call, tid, k.index(number), layer ? layer : k.index(-1)});
}

static int64_t outputPlace(int64_t number) {
  return offsetof(bertc_call, outputs) + number * sizeof(void *);
}

void CallFrame::withAttentions(Value layer, ArrayRef<AttentionsOutput> outputs,
                               llvm::function_ref<void(Value)> body,
                               llvm::function_ref<void()> otherwise) {
  if (outputs.empty())
    return otherwise();
  Value output = nullPointer(k);
  for (const AttentionsOutput &known : outputs) {
    Value own = pointer(outputPlace(known.number));
    output = known.layer
                 ? arith::SelectOp::create(
                       k.b, k.loc, k.equal(layer, k.index(*known.layer)), own,
                       output)
                       .getResult()
                 : own;
  }
  k.ifThen(
      isGiven(k, output), [&] { body(buffer(output, k.bufferType())); },
      otherwise);
}

void CallFrame::withOutput(int64_t number,
                           llvm::function_ref<void(Value)> body) {
  Value output = pointer(outputPlace(number));
  k.ifThen(isGiven(k, output), [&] { body(buffer(output, k.bufferType())); });
}
