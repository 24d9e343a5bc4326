//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Thin wrappers over the builders of arith, scf, gpu, llvm and nvvm.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/GpuBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace bertc;

static constexpr unsigned globalSpace = 1, sharedSpace = 3;
static constexpr char sharedName[] = "shared";
static constexpr int64_t tensorMapBytes = 128, tensorMapAlignment = 64;

//===----------------------------------------------------------------------===//
// The module and its kernels
//===----------------------------------------------------------------------===//

GpuBuilder::GpuBuilder(ModuleOp parent)
    : b(parent.getContext()), loc(parent.getLoc()) {
  auto modules = parent.getOps<gpu::GPUModuleOp>();
  if (!modules.empty()) {
    moduleOp = *modules.begin();
    return;
  }
  b.setInsertionPointToEnd(parent.getBody());
  moduleOp = gpu::GPUModuleOp::create(b, loc, "kernels");
  b.setInsertionPointToStart(module().getBody());
  LLVM::GlobalOp::create(b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), 0),
                         /*isConstant=*/false, LLVM::Linkage::External,
                         sharedName, Attribute(), /*alignment=*/128,
                         sharedSpace);
}

gpu::GPUModuleOp GpuBuilder::module() {
  return cast<gpu::GPUModuleOp>(moduleOp);
}

DeviceKernel GpuBuilder::kernel(llvm::StringRef name, int64_t threads,
                                int64_t sharedBytes, TypeRange arguments,
                                llvm::function_ref<void(ValueRange)> body,
                                int64_t resident) {
  const auto *known = llvm::find_if(
      made, [&](const DeviceKernel &kernel) { return kernel.name == name; });
  if (known != made.end())
    return *known;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module().getBody());
  auto function =
      gpu::GPUFuncOp::create(b, loc, name, b.getFunctionType(arguments, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function.setKnownBlockSize(
      ArrayRef<int32_t>{static_cast<int32_t>(threads), 1, 1});
  if (resident)
    function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      b.getI32IntegerAttr(static_cast<int32_t>(resident)));
  Type map = LLVM::LLVMArrayType::get(b.getI8Type(), tensorMapBytes);
  for (auto [i, type] : llvm::enumerate(arguments))
    if (type == tensorMap()) {
      function.setArgAttr(i, LLVM::LLVMDialect::getByValAttrName(),
                          TypeAttr::get(map));
      function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                          b.getI64IntegerAttr(tensorMapAlignment));
    }
  b.setInsertionPointToStart(&function.getBody().front());
  body(function.getArguments());
  gpu::ReturnOp::create(b, loc);
  made.push_back(
      {name.str(), static_cast<int64_t>(made.size()), threads, sharedBytes});
  return made.back();
}

Type GpuBuilder::global() {
  return LLVM::LLVMPointerType::get(b.getContext(), globalSpace);
}
Type GpuBuilder::shared() {
  return LLVM::LLVMPointerType::get(b.getContext(), sharedSpace);
}
Type GpuBuilder::tensorMap() {
  return LLVM::LLVMPointerType::get(b.getContext());
}
Type GpuBuilder::half(HalfType type) {
  if (type == HalfType::BF16)
    return b.getBF16Type();
  return b.getF16Type();
}
VectorType GpuBuilder::vectorOf(Type element, int64_t n) {
  return VectorType::get({n}, element);
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

static Value position(GpuBuilder &k, Value index) {
  return arith::IndexCastOp::create(k.b, k.loc, k.i32(), index);
}
Value GpuBuilder::threadId() {
  return position(*this, gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x));
}
Value GpuBuilder::blockId(int axis) {
  return position(
      *this, gpu::BlockIdOp::create(b, loc, static_cast<gpu::Dimension>(axis)));
}
Value GpuBuilder::warpId() { return div(threadId(), warpSize); }
Value GpuBuilder::laneId() { return rem(threadId(), warpSize); }

Value GpuBuilder::index(int64_t value) {
  return arith::ConstantOp::create(
      b, loc, b.getI32IntegerAttr(static_cast<int32_t>(value)));
}
Value GpuBuilder::wide(Value value) {
  return arith::ExtUIOp::create(b, loc, i64(), value);
}
Value GpuBuilder::add(Value a, Value c) {
  return b.createOrFold<arith::AddIOp>(loc, a, c);
}
Value GpuBuilder::add(Value a, int64_t c) {
  return c == 0 ? a : add(a, index(c));
}
Value GpuBuilder::sub(Value a, Value c) {
  return b.createOrFold<arith::SubIOp>(loc, a, c);
}
Value GpuBuilder::mul(Value a, Value c) {
  return b.createOrFold<arith::MulIOp>(loc, a, c);
}
Value GpuBuilder::mul(Value a, int64_t c) { return mul(a, index(c)); }
Value GpuBuilder::div(Value a, int64_t c) {
  return b.createOrFold<arith::DivUIOp>(loc, a, index(c));
}
Value GpuBuilder::rem(Value a, int64_t c) {
  return b.createOrFold<arith::RemUIOp>(loc, a, index(c));
}
Value GpuBuilder::bitAnd(Value a, int64_t c) {
  return b.createOrFold<arith::AndIOp>(loc, a, index(c));
}
Value GpuBuilder::bitOr(Value a, Value c) {
  return b.createOrFold<arith::OrIOp>(loc, a, c);
}
Value GpuBuilder::bitXor(Value a, Value c) {
  return b.createOrFold<arith::XOrIOp>(loc, a, c);
}
Value GpuBuilder::shiftLeft(Value a, int64_t c) {
  return b.createOrFold<arith::ShLIOp>(loc, a, index(c));
}
Value GpuBuilder::shiftRight(Value a, int64_t c) {
  return b.createOrFold<arith::ShRUIOp>(loc, a, index(c));
}
Value GpuBuilder::min(Value a, Value c) {
  return b.createOrFold<arith::MinUIOp>(loc, a, c);
}
Value GpuBuilder::max(Value a, Value c) {
  return b.createOrFold<arith::MaxUIOp>(loc, a, c);
}
Value GpuBuilder::less(Value a, Value c) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, a, c);
}
Value GpuBuilder::equal(Value a, Value c) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, a, c);
}
Value GpuBuilder::both(Value a, Value c) {
  return arith::AndIOp::create(b, loc, a, c);
}
Value GpuBuilder::select(Value condition, Value a, Value c) {
  return arith::SelectOp::create(b, loc, condition, a, c);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

Value GpuBuilder::scalar(double value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
}
Value GpuBuilder::addf(Value a, Value c) {
  return arith::AddFOp::create(b, loc, a, c);
}
Value GpuBuilder::subf(Value a, Value c) {
  return arith::SubFOp::create(b, loc, a, c);
}
Value GpuBuilder::mulf(Value a, Value c) {
  return arith::MulFOp::create(b, loc, a, c);
}
Value GpuBuilder::divf(Value a, Value c) {
  return arith::DivFOp::create(b, loc, a, c);
}
Value GpuBuilder::maxf(Value a, Value c) {
  return LLVM::MaxNumOp::create(b, loc, a, c);
}
Value GpuBuilder::minf(Value a, Value c) {
  return LLVM::MinNumOp::create(b, loc, a, c);
}
Value GpuBuilder::fma(Value a, Value c, Value acc) {
  return math::FmaOp::create(b, loc, a, c, acc);
}
Value GpuBuilder::toFloat(Value value) {
  return arith::UIToFPOp::create(b, loc, f32(), value);
}
Value GpuBuilder::signedToFloat(Value value) {
  return arith::SIToFPOp::create(b, loc, f32(), value);
}
Value GpuBuilder::exp2(Value x) {
  return LLVM::Exp2Op::create(b, loc, f32(), x, LLVM::FastmathFlags::afn);
}
Value GpuBuilder::tanh(Value x) {
  return LLVM::TanhOp::create(b, loc, f32(), x, LLVM::FastmathFlags::afn);
}
Value GpuBuilder::roundEven(Value value) {
  return math::RoundEvenOp::create(b, loc, value);
}
Value GpuBuilder::toSigned(Value value) {
  return arith::FPToSIOp::create(b, loc, i32(), value);
}
Value GpuBuilder::bitcast(Value value, Type type) {
  return arith::BitcastOp::create(b, loc, type, value);
}

Value GpuBuilder::narrow(Value value, HalfType type) {
  return arith::TruncFOp::create(b, loc, half(type), value);
}
Value GpuBuilder::widen(Value value) {
  return arith::ExtFOp::create(b, loc, f32(), value);
}
Value GpuBuilder::pack(Value low, Value high) {
  return LLVM::BitcastOp::create(b, loc, i32(), vectorFrom({low, high}));
}
SmallVector<Value> GpuBuilder::split(Value value, HalfType type,
                                     int64_t count) {
  SmallVector<Value> parts;
  for (int64_t i = 0; i < count; ++i) {
    parts.push_back(narrow(value, type));
    if (i + 1 < count)
      value = subf(value, widen(parts.back()));
  }
  return parts;
}

Value GpuBuilder::narrowPair(Value low, Value high, HalfType type) {
  Value pair = arith::TruncFOp::create(b, loc, vectorOf(half(type), 2),
                                       vectorFrom({low, high}));
  return LLVM::BitcastOp::create(b, loc, i32(), pair);
}
std::pair<Value, Value> GpuBuilder::widenPair(Value pair, HalfType type) {
  if (type == HalfType::F16) {
    Value halves =
        LLVM::BitcastOp::create(b, loc, vectorOf(half(type), 2), pair);
    return {widen(element(halves, 0)), widen(element(halves, 1))};
  }
  // A bfloat16 is the upper half of a float.
  auto asFloat = [&](Value bits) -> Value {
    return arith::BitcastOp::create(b, loc, f32(), bits);
  };
  return {asFloat(shiftLeft(pair, 16)), asFloat(bitAnd(pair, 0xffff0000))};
}
SmallVector<Value> GpuBuilder::splitPair(Value low, Value high, HalfType type,
                                         int64_t count) {
  SmallVector<Value> parts;
  for (int64_t i = 0; i < count; ++i) {
    parts.push_back(narrowPair(low, high, type));
    if (i + 1 == count)
      break;
    auto [lowPart, highPart] = widenPair(parts.back(), type);
    low = subf(low, lowPart);
    high = subf(high, highPart);
  }
  return parts;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value GpuBuilder::at(Value pointer, Value offset, Type element) {
  return LLVM::GEPOp::create(b, loc, pointer.getType(), element, pointer,
                             ValueRange{offset});
}
Value GpuBuilder::at(Value pointer, int64_t offset, Type element) {
  if (offset == 0)
    return pointer;
  return at(pointer, index(offset), element);
}
static unsigned bytesOf(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements() * bytesOf(vector.getElementType());
  return type.getIntOrFloatBitWidth() / 8;
}
Value GpuBuilder::load(Value pointer, Type type) {
  return LLVM::LoadOp::create(b, loc, type, pointer, bytesOf(type));
}
void GpuBuilder::store(Value value, Value pointer) {
  LLVM::StoreOp::create(b, loc, value, pointer, bytesOf(value.getType()));
}
Value GpuBuilder::element(Value vector, int64_t i) {
  return LLVM::ExtractElementOp::create(b, loc, vector, index(i));
}
Value GpuBuilder::vectorFrom(ValueRange elements) {
  Type type = vectorOf(elements[0].getType(), elements.size());
  Value result = LLVM::UndefOp::create(b, loc, type);
  for (auto [i, value] : llvm::enumerate(elements))
    result =
        LLVM::InsertElementOp::create(b, loc, type, result, value, index(i));
  return result;
}
Value GpuBuilder::sharedMemory() {
  return LLVM::AddressOfOp::create(b, loc, shared(), sharedName);
}

//===----------------------------------------------------------------------===//
// Threads together
//===----------------------------------------------------------------------===//

static constexpr int64_t allLanes = 0xffffffff;

void GpuBuilder::barrier() { gpu::BarrierOp::create(b, loc); }
void GpuBuilder::warpBarrier() {
  NVVM::SyncWarpOp::create(b, loc, index(allLanes));
}
Value GpuBuilder::shuffleXor(Value value, int64_t mask) {
  return NVVM::ShflOp::create(b, loc, value.getType(), index(allLanes), value,
                              index(mask), index(warpSize - 1),
                              NVVM::ShflKind::bfly, UnitAttr());
}
Value GpuBuilder::ballot(Value condition) {
  return NVVM::VoteSyncOp::create(b, loc, i32(), index(allLanes), condition,
                                  NVVM::VoteSyncKind::ballot);
}
Value GpuBuilder::warpAdd(Value value) {
  for (int64_t mask = warpSize / 2; mask; mask /= 2)
    value = addf(value, shuffleXor(value, mask));
  return value;
}
Value GpuBuilder::warpMax(Value value) {
  for (int64_t mask = warpSize / 2; mask; mask /= 2)
    value = maxf(value, shuffleXor(value, mask));
  return value;
}

static constexpr int copyBytes = 16, wordBytes = 4;

void GpuBuilder::copyAsync(Value to, Value from, Value bytes) {
  NVVM::CpAsyncOp::create(b, loc, to, from, copyBytes,
                          NVVM::LoadCacheModifierKind::CG, bytes);
}
// Only 16 bytes can pass by L1.
void GpuBuilder::copyWordAsync(Value to, Value from, Value bytes) {
  NVVM::CpAsyncOp::create(b, loc, to, from, wordBytes,
                          NVVM::LoadCacheModifierKind::CA, bytes);
}
void GpuBuilder::commitCopies() { NVVM::CpAsyncCommitGroupOp::create(b, loc); }
void GpuBuilder::waitCopies(int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, loc, static_cast<uint32_t>(pending));
}

//===----------------------------------------------------------------------===//
// Tensor cores
//===----------------------------------------------------------------------===//

static SmallVector<Value> members(GpuBuilder &k, Value record, int64_t count) {
  SmallVector<Value> result;
  for (int64_t i = 0; i < count; ++i)
    result.push_back(LLVM::ExtractValueOp::create(k.b, k.loc, record, i));
  return result;
}

SmallVector<Value> GpuBuilder::loadMatrices(Value rowPointer, int64_t count,
                                            bool transposed) {
  MLIRContext *context = b.getContext();
  SmallVector<Type> types(count, i32());
  Type type = count == 1
                  ? i32()
                  : Type(LLVM::LLVMStructType::getLiteral(context, types));
  auto op = NVVM::LdMatrixOp::create(
      b, loc, type, rowPointer, static_cast<uint32_t>(count),
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltType::B16);
  if (count == 1)
    return {op};
  return members(*this, op, count);
}

SmallVector<Value> GpuBuilder::multiply(HalfType type, ValueRange a,
                                        ValueRange bOperand, ValueRange c) {
  SmallVector<Type> types(c.size(), f32());
  Type result = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  SmallVector<Value> left(a), right(bOperand);
  NVVM::MMATypes element = NVVM::MMATypes::bf16;
  if (type == HalfType::F16) {
    // The operation wants pairs of f16 where bf16 has plain registers.
    element = NVVM::MMATypes::f16;
    Type pair = vectorOf(b.getF16Type(), 2);
    for (SmallVector<Value> *side : {&left, &right})
      for (Value &value : *side)
        value = LLVM::BitcastOp::create(b, loc, pair, value);
  }
  Value product = NVVM::MmaOp::create(
      b, loc, result, left, right, c, ArrayRef<int64_t>{16, 8, 16},
      std::nullopt, std::nullopt,
      std::array<NVVM::MMATypes, 2>{element, element},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  return members(*this, product, c.size());
}

SmallVector<Value> GpuBuilder::multiplyBytes(ValueRange a, ValueRange bOperand,
                                             ValueRange c) {
  SmallVector<Type> types(c.size(), i32());
  Type result = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  constexpr auto element = NVVM::MMATypes::s8;
  Value product = NVVM::MmaOp::create(
      b, loc, result, a, bOperand, c, ArrayRef<int64_t>{16, 8, 32},
      std::nullopt, NVVM::MMAIntOverflow::wrapped,
      std::array<NVVM::MMATypes, 2>{element, element},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  return members(*this, product, c.size());
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void GpuBuilder::forLoop(Value lo, Value hi, Value step,
                         llvm::function_ref<void(Value)> body) {
  scf::ForOp::create(b, loc, lo, hi, step, ValueRange(),
                     [&](OpBuilder &, Location, Value i, ValueRange) {
                       OpBuilder::InsertionGuard guard(b);
                       b.setInsertionPointToEnd(i.getParentBlock());
                       body(i);
                       scf::YieldOp::create(b, loc);
                     });
}

SmallVector<Value> GpuBuilder::forLoop(
    Value lo, Value hi, Value step, ValueRange init,
    llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      b, loc, lo, hi, step, init,
      [&](OpBuilder &, Location, Value i, ValueRange carried) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToEnd(i.getParentBlock());
        scf::YieldOp::create(b, loc, body(i, carried));
      });
  return SmallVector<Value>(loop.getResults());
}

void GpuBuilder::ifThen(Value condition, llvm::function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

Value GpuBuilder::ifElse(Value condition, llvm::function_ref<Value()> then,
                         llvm::function_ref<Value()> otherwise) {
  return ifElse(
      condition, [&]() -> SmallVector<Value> { return {then()}; },
      [&]() -> SmallVector<Value> { return {otherwise()}; })[0];
}

SmallVector<Value>
GpuBuilder::ifElse(Value condition,
                   llvm::function_ref<SmallVector<Value>()> then,
                   llvm::function_ref<SmallVector<Value>()> otherwise) {
  auto fill = [&](llvm::function_ref<SmallVector<Value>()> body) {
    return [this, body](OpBuilder &inner, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.restoreInsertionPoint(inner.saveInsertionPoint());
      SmallVector<Value> values = body();
      scf::YieldOp::create(b, loc, values);
    };
  };
  return SmallVector<Value>(
      scf::IfOp::create(b, loc, condition, fill(then), fill(otherwise))
          .getResults());
}
