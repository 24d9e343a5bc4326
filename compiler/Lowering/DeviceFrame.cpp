//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arguments of all launches take the same words on the stack, one after the
// other: launch() copies them. So do tensor maps, in places of their own.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/DeviceFrame.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "runtime/abi/abi.h"
#include <cstddef>

using namespace mlir;
using namespace bertc;

static constexpr int64_t maxArguments = 24;
static constexpr int64_t maxMaps = 2;

static Type pointerType(KernelBuilder &k) {
  return LLVM::LLVMPointerType::get(k.b.getContext());
}

static Value slotOf(KernelBuilder &k, Value array, int64_t number) {
  return LLVM::GEPOp::create(
      k.b, k.loc, pointerType(k), k.b.getI64Type(), array,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(number)});
}

DeviceFrame::DeviceFrame(KernelBuilder &k, Value call) : k(k), call(call) {
  Type i64 = k.b.getI64Type();
  auto size = [&](int64_t at) {
    return arith::IndexCastOp::create(k.b, k.loc, k.indexType(),
                                      field(at, i64));
  };
  tokens = size(offsetof(bertc_device_call, tokens));
  sequences = size(offsetof(bertc_device_call, sequences));
  longest = size(offsetof(bertc_device_call, longest));
  weights = field(offsetof(bertc_device_call, weights), i64);
  workspace = field(offsetof(bertc_device_call, workspace), i64);
  inputIds = field(offsetof(bertc_device_call, input_ids), i64);
  tokenTypeIds = field(offsetof(bertc_device_call, token_type_ids), i64);
  positionIds = field(offsetof(bertc_device_call, position_ids), i64);
  offsets = field(offsetof(bertc_device_call, offsets), i64);
  outputRows = field(offsetof(bertc_device_call, output_rows), i64);

  Value count = LLVM::ConstantOp::create(k.b, k.loc, i64,
                                         k.b.getI64IntegerAttr(maxArguments));
  slots = LLVM::AllocaOp::create(k.b, k.loc, pointerType(k), i64, count);
  pointers = LLVM::AllocaOp::create(k.b, k.loc, pointerType(k), i64, count);
  for (int64_t i = 0; i < maxArguments; ++i)
    LLVM::StoreOp::create(k.b, k.loc, slotOf(k, slots, i),
                          slotOf(k, pointers, i));
  auto bytes = [&](int64_t size, int64_t alignment) {
    Value count =
        LLVM::ConstantOp::create(k.b, k.loc, i64, k.b.getI64IntegerAttr(size));
    return LLVM::AllocaOp::create(k.b, k.loc, pointerType(k), k.b.getI8Type(),
                                  count, alignment);
  };
  maps = bytes(maxMaps * BERTC_TENSOR_MAP_SIZE, BERTC_TENSOR_MAP_ALIGNMENT);
  tensor = bytes(sizeof(bertc_tensor_desc), alignof(bertc_tensor_desc));
}

static Value byteOf(KernelBuilder &k, Value pointer, int64_t offset) {
  return LLVM::GEPOp::create(
      k.b, k.loc, pointerType(k), k.b.getI8Type(), pointer,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
}

Value DeviceFrame::field(int64_t byteOffset, Type type) {
  return LLVM::LoadOp::create(k.b, k.loc, type, byteOf(k, call, byteOffset));
}

Value DeviceFrame::encodeMap(int64_t number, const DeviceTensor &described) {
  assert(number < maxMaps);
  anyMaps = true;
  Type i64 = k.b.getI64Type(), i32 = k.b.getI32Type(), pointer = pointerType(k);
  auto store = [&](int64_t at, Value value) {
    LLVM::StoreOp::create(k.b, k.loc, value, byteOf(k, tensor, at));
  };
  auto storeNumber = [&](int64_t at, Type type, int64_t value) {
    store(at, LLVM::ConstantOp::create(k.b, k.loc, type,
                                       k.b.getIntegerAttr(type, value)));
  };
  store(offsetof(bertc_tensor_desc, address), described.address);
  store(offsetof(bertc_tensor_desc, rows), described.rows);
  storeNumber(offsetof(bertc_tensor_desc, columns), i64, described.columns);
  storeNumber(offsetof(bertc_tensor_desc, row_bytes), i64, described.rowBytes);
  storeNumber(offsetof(bertc_tensor_desc, box_columns), i32,
              described.boxColumns);
  storeNumber(offsetof(bertc_tensor_desc, box_rows), i32, described.boxRows);
  storeNumber(offsetof(bertc_tensor_desc, element), i32, described.element);
  storeNumber(offsetof(bertc_tensor_desc, swizzle), i32, described.swizzle);
  Value map = byteOf(k, maps, number * BERTC_TENSOR_MAP_SIZE);
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(k.b.getContext()), {pointer, pointer, pointer});
  LLVM::CallOp::create(
      k.b, k.loc, type,
      ValueRange{field(offsetof(bertc_device_call, encode_map), pointer), call,
                 tensor, map});
  return map;
}

void DeviceFrame::enterLayer(Value layer) {
  Type i64 = k.b.getI64Type(), pointer = pointerType(k);
  Value number = layer ? toWide(layer)
                       : LLVM::ConstantOp::create(k.b, k.loc, i64,
                                                  k.b.getI64IntegerAttr(-1));
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(k.b.getContext()), {pointer, i64});
  LLVM::CallOp::create(
      k.b, k.loc, type,
      ValueRange{field(offsetof(bertc_device_call, enter_layer), pointer), call,
                 number});
}

void DeviceFrame::launch(const DeviceKernel &kernel, std::array<Value, 3> grid,
                         ValueRange arguments) {
  assert(arguments.size() <= maxArguments);
  if (onLaunch)
    onLaunch(kernel, arguments);
  // What is passed by its address must not stay for the next launch.
  auto isMap = [](Value argument) {
    return isa<LLVM::LLVMPointerType>(argument.getType());
  };
  for (auto [i, argument] : llvm::enumerate(arguments))
    LLVM::StoreOp::create(k.b, k.loc, argument,
                          slotOf(k, isMap(argument) ? pointers : slots, i));
  Type i64 = k.b.getI64Type(), pointer = pointerType(k);
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(k.b.getContext()),
                                  {pointer, i64, i64, i64, i64, pointer});
  SmallVector<Value> operands = {
      field(offsetof(bertc_device_call, launch), pointer), call,
      LLVM::ConstantOp::create(k.b, k.loc, i64,
                               k.b.getI64IntegerAttr(kernel.number))};
  for (Value blocks : grid)
    operands.push_back(toWide(blocks));
  operands.push_back(pointers);
  LLVM::CallOp::create(k.b, k.loc, type, operands);
  for (auto [i, argument] : llvm::enumerate(arguments))
    if (isMap(argument))
      LLVM::StoreOp::create(k.b, k.loc, slotOf(k, slots, i),
                            slotOf(k, pointers, i));
}

static Value isAddress(KernelBuilder &k, Value address) {
  Value zero = LLVM::ConstantOp::create(k.b, k.loc, k.b.getI64Type(),
                                        k.b.getI64IntegerAttr(0));
  return LLVM::ICmpOp::create(k.b, k.loc, LLVM::ICmpPredicate::ne, address,
                              zero);
}

void DeviceFrame::withOutput(int64_t number,
                             llvm::function_ref<void(Value)> body) {
  Type i64 = k.b.getI64Type();
  Value output = field(
      offsetof(bertc_device_call, outputs) + number * sizeof(uint64_t), i64);
  k.ifThen(isAddress(k, output), [&] { body(output); });
}

Value DeviceFrame::address(Value base, Value words) {
  Value bytes = toWide(k.mul(words, int64_t(sizeof(float))));
  return arith::AddIOp::create(k.b, k.loc, base, bytes);
}
Value DeviceFrame::toInt(Value index) {
  return arith::IndexCastOp::create(k.b, k.loc, k.b.getI32Type(), index);
}
Value DeviceFrame::toWide(Value index) {
  return arith::IndexCastOp::create(k.b, k.loc, k.b.getI64Type(), index);
}

DeviceTrainFrame::DeviceTrainFrame(KernelBuilder &k, Value call)
    : DeviceFrame(k, call) {
  auto number = [&](int64_t at) { return field(at, k.b.getI64Type()); };
  parameters = number(offsetof(bertc_device_train_call, parameters));
  gradients = number(offsetof(bertc_device_train_call, gradients));
  labels = number(offsetof(bertc_device_train_call, labels));
  loss = number(offsetof(bertc_device_train_call, loss));
  seed = number(offsetof(bertc_device_train_call, seed));
  step = number(offsetof(bertc_device_train_call, step));
}

void DeviceTrainFrame::withFrozen(llvm::function_ref<void(Value)> given,
                                  llvm::function_ref<void()> otherwise) {
  Value rows =
      field(offsetof(bertc_device_train_call, frozen), k.b.getI64Type());
  k.ifThen(isAddress(k, rows), [&] { given(rows); }, otherwise);
}
