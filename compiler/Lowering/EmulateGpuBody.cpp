//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory accesses stay accesses of the host, after a call that looks at them;
// what the emulator has to do itself gets its operands in memory.
//
//===----------------------------------------------------------------------===//
#include "compiler/Lowering/EmulateGpu.h"
#include "compiler/Lowering/EmulatedGpu.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace bertc;
using emulator::AccessKind;

static constexpr unsigned globalSpace = 1, sharedSpace = 3, constantSpace = 4;

GpuEmulation::GpuEmulation(ModuleOp host)
    : b(host.getContext()), loc(host.getLoc()),
      pointer(LLVM::LLVMPointerType::get(host.getContext())),
      i32(b.getI32Type()), i64(b.getI64Type()), host(host) {}

Value GpuEmulation::constant(uint32_t value) {
  return LLVM::ConstantOp::create(
      b, loc, i32, b.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value GpuEmulation::call(llvm::StringRef name, ValueRange arguments,
                         Type result) {
  const std::string symbol = ("bertc_gpu_emulator_" + name).str();
  if (!host.lookupSymbol(symbol)) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(host.getBody());
    SmallVector<Type> types;
    for (Type type : arguments.getTypes())
      types.push_back(isa<LLVM::LLVMPointerType>(type) ? pointer : type);
    Type returned = result ? result : LLVM::LLVMVoidType::get(b.getContext());
    LLVM::LLVMFuncOp::create(b, loc, symbol,
                             LLVM::LLVMFunctionType::get(returned, types));
  }
  auto op = LLVM::CallOp::create(
      b, loc, result ? TypeRange(result) : TypeRange(), symbol, arguments);
  return result ? op.getResult() : Value();
}

//===----------------------------------------------------------------------===//
// Sites
//===----------------------------------------------------------------------===//

/// "#12 llvm.load f32 (kernel.mlir:3:5)".
static std::string describe(Operation *op, uint32_t number) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "#" << number << " " << op->getName();
  if (isa<LLVM::LoadOp>(op))
    stream << " " << op->getResult(0).getType();
  else if (auto store = dyn_cast<LLVM::StoreOp>(op))
    stream << " " << store.getValue().getType();
  if (auto name = op->getLoc()->findInstanceOf<NameLoc>())
    stream << " '" << name.getName().getValue() << "'";
  if (auto file = op->getLoc()->findInstanceOf<FileLineColLoc>())
    stream << " (" << file.getFilename().getValue() << ":" << file.getLine()
           << ":" << file.getColumn() << ")";
  return text;
}

Value GpuEmulation::site(Operation *op, uint32_t bytes, uint32_t alignment,
                         ArrayRef<uint32_t> parameters) {
  const uint32_t number = ++siteCount;
  const std::string name = "bertc_emulated_site_" + std::to_string(number);
  const std::string text = describe(op, number) + '\0';
  SmallVector<Type> fields = {pointer};
  fields.append(3 + emulator::siteParameters, i32);
  fields.append(emulator::siteRange, i64);
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), fields);
  LLVM::GlobalOp global;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(host.getBody());
    auto string = LLVM::GlobalOp::create(
        b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), text.size()),
        /*isConstant=*/true, LLVM::Linkage::Internal, name + "_text",
        b.getStringAttr(text));
    global = LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/false,
                                    LLVM::Linkage::Internal, name, Attribute());
    b.createBlock(&global.getInitializerRegion());
    Value all = LLVM::ZeroOp::create(b, loc, type);
    auto put = [&](Value value, int64_t field) {
      all = LLVM::InsertValueOp::create(b, loc, all, value, field);
    };
    put(LLVM::AddressOfOp::create(b, loc, string), 0);
    put(constant(number), 1);
    put(constant(bytes), 2);
    put(constant(alignment), 3);
    for (auto [i, parameter] : llvm::enumerate(parameters))
      put(constant(parameter), static_cast<int64_t>(4 + i));
    LLVM::ReturnOp::create(b, loc, all);
  }
  return LLVM::AddressOfOp::create(b, loc, global);
}

//===----------------------------------------------------------------------===//
// Operands and results in memory
//===----------------------------------------------------------------------===//

static uint32_t wordsOf(Type type) {
  if (isa<LLVM::LLVMPointerType>(type))
    return 2;
  const DataLayout layout;
  return static_cast<uint32_t>((layout.getTypeSize(type).getFixedValue() + 3) /
                               4);
}

/// The buffer, with room for `count` words at least.
Value GpuEmulation::words(uint32_t count, Value &buffer, uint32_t &size) {
  if (!buffer) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(entry);
    buffer = LLVM::AllocaOp::create(b, loc, pointer, i32, constant(count),
                                    /*alignment=*/16);
  }
  if (count > size) {
    size = count;
    auto alloca = buffer.getDefiningOp<LLVM::AllocaOp>();
    auto length = alloca.getArraySize().getDefiningOp<LLVM::ConstantOp>();
    length.setValueAttr(b.getI32IntegerAttr(static_cast<int32_t>(count)));
  }
  return buffer;
}

static Value wordAt(GpuEmulation &e, Value buffer, uint32_t word) {
  return LLVM::GEPOp::create(e.b, e.loc, e.pointer, e.i32, buffer,
                             ArrayRef<LLVM::GEPArg>{int32_t(word)});
}

static bool isNarrow(Type type) {
  return type.isInteger() && type.getIntOrFloatBitWidth() < 32;
}

SmallVector<Value> GpuEmulation::callWithWords(llvm::StringRef name, Value site,
                                               ValueRange operands,
                                               TypeRange results) {
  uint32_t operandWords = 0, resultWords = 0;
  for (Type type : operands.getTypes())
    operandWords += wordsOf(type);
  for (Type type : results)
    resultWords += wordsOf(type);
  Value from = words(std::max(operandWords, 1u), in, inSize);
  Value to = words(std::max(resultWords, 1u), out, outSize);
  uint32_t word = 0;
  for (Value operand : operands) {
    const uint32_t size = wordsOf(operand.getType());
    if (isNarrow(operand.getType()))
      operand = LLVM::ZExtOp::create(b, loc, i32, operand);
    LLVM::StoreOp::create(b, loc, operand, wordAt(*this, from, word),
                          /*alignment=*/4);
    word += size;
  }
  call(name, {thread, site, from, to});
  SmallVector<Value> values;
  word = 0;
  for (Type type : results) {
    Value value =
        LLVM::LoadOp::create(b, loc, isNarrow(type) ? i32 : type,
                             wordAt(*this, to, word), /*alignment=*/4);
    if (isNarrow(type))
      value = LLVM::TruncOp::create(b, loc, type, value);
    values.push_back(value);
    word += wordsOf(type);
  }
  return values;
}

void GpuEmulation::replaceWithWords(Operation *op, llvm::StringRef name,
                                    Value site, ValueRange operands) {
  SmallVector<Type> results;
  LLVM::LLVMStructType aggregate;
  if (op->getNumResults() > 0) {
    aggregate = dyn_cast<LLVM::LLVMStructType>(op->getResult(0).getType());
    if (aggregate)
      llvm::append_range(results, aggregate.getBody());
    else
      results.push_back(op->getResult(0).getType());
  }
  SmallVector<Value> values = callWithWords(name, site, operands, results);
  if (aggregate) {
    Value all = LLVM::UndefOp::create(b, loc, aggregate);
    for (auto [i, value] : llvm::enumerate(values))
      all = LLVM::InsertValueOp::create(b, loc, all, value, i);
    values = {all};
  }
  op->replaceAllUsesWith(values);
  op->erase();
}

//===----------------------------------------------------------------------===//
// Ops of the llvm dialect
//===----------------------------------------------------------------------===//

static unsigned spaceOf(Value address) {
  return cast<LLVM::LLVMPointerType>(address.getType()).getAddressSpace();
}

/// Whether it points into the thread's own stack, or to a constant.
static bool isPrivate(Value address) {
  while (Operation *op = address.getDefiningOp()) {
    if (isa<LLVM::AllocaOp, LLVM::AddressOfOp>(op))
      return spaceOf(op->getResult(0)) != sharedSpace;
    if (!isa<LLVM::GEPOp, LLVM::AddrSpaceCastOp, LLVM::BitcastOp>(op))
      return false;
    address = op->getOperand(0);
  }
  return false;
}

/// An access by one instruction is as wide as its value, and aligned to that.
static uint32_t naturalAlignment(const DataLayout &layout, Type type) {
  if (isa<LLVM::LLVMStructType, LLVM::LLVMArrayType>(type))
    return static_cast<uint32_t>(layout.getTypeABIAlignment(type));
  return static_cast<uint32_t>(
      llvm::PowerOf2Ceil(layout.getTypeSize(type).getFixedValue()));
}

/// Whether others than the block's threads see it.
static bool isWide(std::optional<llvm::StringRef> scope) {
  return !scope || (*scope != "block" && *scope != "cluster");
}

static uint32_t orderOf(LLVM::AtomicOrdering order,
                        std::optional<llvm::StringRef> scope) {
  using Order = LLVM::AtomicOrdering;
  uint32_t bits = 0;
  if (!isWide(scope))
    return bits;
  if (order == Order::acquire || order == Order::acq_rel ||
      order == Order::seq_cst)
    bits |= uint32_t(emulator::MemoryOrder::Acquire);
  if (order == Order::release || order == Order::acq_rel ||
      order == Order::seq_cst)
    bits |= uint32_t(emulator::MemoryOrder::Release);
  return bits;
}

LogicalResult GpuEmulation::emulateMemory(Operation *op) {
  Value address;
  Type type;
  AccessKind kind = AccessKind::Atomic;
  uint32_t order = 0;
  std::optional<uint64_t> alignment;
  if (auto load = dyn_cast<LLVM::LoadOp>(op)) {
    address = load.getAddr();
    type = load.getType();
    kind = AccessKind::Load;
    alignment = load.getAlignment();
  } else if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
    address = store.getAddr();
    type = store.getValue().getType();
    kind = AccessKind::Store;
    alignment = store.getAlignment();
  } else if (auto atomic = dyn_cast<LLVM::AtomicRMWOp>(op)) {
    address = atomic.getPtr();
    type = atomic.getVal().getType();
    order = orderOf(atomic.getOrdering(), atomic.getSyncscope());
  } else {
    auto exchange = cast<LLVM::AtomicCmpXchgOp>(op);
    address = exchange.getPtr();
    type = exchange.getVal().getType();
    order = orderOf(exchange.getSuccessOrdering(), exchange.getSyncscope());
  }
  const unsigned space = spaceOf(address);
  if (space == constantSpace || isPrivate(address))
    return success();
  const DataLayout layout;
  const auto bytes =
      static_cast<uint32_t>(layout.getTypeSize(type).getFixedValue());
  Value where = site(op, bytes,
                     alignment ? static_cast<uint32_t>(*alignment)
                               : naturalAlignment(layout, type),
                     {static_cast<uint32_t>(kind), order});
  call(space == globalSpace   ? "access_global"
       : space == sharedSpace ? "access_shared"
                              : "access_generic",
       {thread, where, address});
  return success();
}

static Type withElement(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return vector.clone(element);
  return element;
}

/// The host would call a function that it may not have.
Value GpuEmulation::roundToBF16(Value x, Type result) {
  Type words = withElement(x.getType(), i32);
  auto splat = [&](int32_t value) -> Value {
    TypedAttr attribute = b.getI32IntegerAttr(value);
    if (auto shaped = dyn_cast<ShapedType>(words))
      attribute = DenseElementsAttr::get(shaped, value);
    return LLVM::ConstantOp::create(b, loc, words, attribute);
  };
  Value bits = LLVM::BitcastOp::create(b, loc, words, x);
  Value high = LLVM::LShrOp::create(b, loc, bits, splat(16));
  Value odd = LLVM::AndOp::create(b, loc, high, splat(1));
  Value sum = LLVM::AddOp::create(b, loc, bits, splat(0x7fff));
  sum = LLVM::AddOp::create(b, loc, sum, odd);
  Value rounded = LLVM::LShrOp::create(b, loc, sum, splat(16));
  Value isNaN = LLVM::FCmpOp::create(b, loc, LLVM::FCmpPredicate::uno, x, x);
  Value chosen = LLVM::SelectOp::create(b, loc, isNaN, splat(0x7fff), rounded);
  Value half = LLVM::TruncOp::create(
      b, loc, withElement(x.getType(), b.getI16Type()), chosen);
  return LLVM::BitcastOp::create(b, loc, result, half);
}

static bool isBF16(Type type) { return getElementTypeOrSelf(type).isBF16(); }

/// Arithmetic that the host would do in float32 and round by a library call.
static bool isBF16Arithmetic(Operation *op) {
  return llvm::any_of(op->getResultTypes(), isBF16) &&
         llvm::any_of(op->getOperandTypes(), isBF16) &&
         !isa<LLVM::SelectOp, LLVM::BitcastOp, LLVM::FreezeOp,
              LLVM::ShuffleVectorOp, LLVM::InsertElementOp,
              LLVM::ExtractElementOp, LLVM::InsertValueOp,
              LLVM::ExtractValueOp>(op);
}

LogicalResult GpuEmulation::emulate(Operation *op) {
  b.setInsertionPoint(op);
  loc = op->getLoc();
  if (isa<NVVM::NVVMDialect>(op->getDialect()))
    return emulateNvvm(*this, op);
  if (!isa<LLVM::LLVMDialect>(op->getDialect()))
    return op->emitError("expected ops of llvm and nvvm only");
  if (isBF16Arithmetic(op))
    return op->emitError("arithmetic of bf16 is not emulated").attachNote()
           << "help: compute in f32 and round";
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<LLVM::LoadOp, LLVM::StoreOp, LLVM::AtomicRMWOp,
            LLVM::AtomicCmpXchgOp>([&](auto) { return emulateMemory(op); })
      .Case([&](LLVM::AddressOfOp address) {
        if (spaceOf(address) == sharedSpace) {
          address.replaceAllUsesWith(
              call("shared", {thread}, address.getType()));
          address.erase();
        }
        return success();
      })
      .Case([&](LLVM::FPTruncOp trunc) -> LogicalResult {
        if (!isBF16(trunc.getType()))
          return success();
        if (!getElementTypeOrSelf(trunc.getArg().getType()).isF32())
          return op->emitError("expected f32 to be rounded to bf16");
        trunc.replaceAllUsesWith(roundToBF16(trunc.getArg(), trunc.getType()));
        trunc.erase();
        return success();
      })
      .Case([&](LLVM::ExtractValueOp extract) {
        if (!groupReads.contains(op))
          return success();
        Value where = site(
            op, 0, 1, {static_cast<uint32_t>(extract.getPosition().front())});
        Value word = LLVM::ExtractValueOp::create(
            b, loc, extract.getContainer(), extract.getPosition());
        replaceWithWords(op, "group_read", where, word);
        return success();
      })
      .Case([&](LLVM::CallOp callOp) -> LogicalResult {
        std::optional<llvm::StringRef> callee = callOp.getCallee();
        if (!callee || !functions.contains(*callee))
          return op->emitError("only functions of the module can be called");
        SmallVector<Value> arguments = {thread};
        llvm::append_range(arguments, callOp.getArgOperands());
        callOp.replaceAllUsesWith(LLVM::CallOp::create(
            b, loc, callOp.getResultTypes(), *callee, arguments));
        callOp.erase();
        return success();
      })
      .Case([&](LLVM::FenceOp fence) {
        if (isWide(fence.getSyncscope()))
          call("fence", {thread, site(op)});
        return success();
      })
      .Case<LLVM::AllocaOp, LLVM::AssumeOp, LLVM::LifetimeStartOp,
            LLVM::LifetimeEndOp>([](auto) { return success(); })
      .Default([](Operation *op) -> LogicalResult {
        if (op->hasTrait<OpTrait::IsTerminator>() || isMemoryEffectFree(op))
          return success();
        return op->emitError("the emulator does not know this op");
      });
}

/// Finds where numbers are taken from results of wgmma. The emulator keeps
/// those, so nothing else may be done with them.
LogicalResult GpuEmulation::findGroupReads(LLVM::LLVMFuncOp body) {
  SmallVector<Value> values;
  DenseSet<Value> seen;
  body.walk(
      [&](NVVM::WgmmaMmaAsyncOp op) { values.push_back(op.getResults()); });
  while (!values.empty()) {
    Value value = values.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      auto branch = dyn_cast<BranchOpInterface>(user);
      if (isa<LLVM::ExtractValueOp>(user))
        groupReads.insert(user);
      else if (isa<LLVM::InsertValueOp, LLVM::SelectOp>(user))
        values.push_back(user->getResult(0));
      else if (auto argument = branch ? branch.getSuccessorBlockArgument(
                                            use.getOperandNumber())
                                      : std::nullopt)
        values.push_back(*argument);
      else if (!isa<NVVM::WgmmaMmaAsyncOp>(user))
        return user->emitError("what wgmma computes is only emulated where "
                               "single numbers of it are used");
    }
  }
  return success();
}

LogicalResult GpuEmulation::emulateBody(LLVM::LLVMFuncOp body, Value self) {
  entry = &body.getBody().front();
  thread = self;
  in = out = Value();
  inSize = outSize = 0;
  groupReads.clear();
  if (failed(findGroupReads(body)))
    return failure();
  SmallVector<Operation *> ops;
  body.walk([&](Operation *op) {
    if (op != body && op != self.getDefiningOp())
      ops.push_back(op);
  });
  for (Operation *op : ops)
    if (failed(emulate(op)))
      return failure();
  return success();
}
