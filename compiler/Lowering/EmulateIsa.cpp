//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The instructions that work on vectors. Formulas are those of the "Operation"
// sections of Intel's manual. Two of its rules are not followed to the last
// bit: whether a result is subnormal is asked after rounding to the subnormal
// grid, and NaNs keep whatever payload the host gives them.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/EmulateIsa.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Lowering/Passes.h"
#include "compiler/Target/Target.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/StringExtras.h"

namespace bertc {
#define GEN_PASS_DEF_EMULATEISAPASS
#include "compiler/Lowering/Passes.h.inc"
} // namespace bertc

using namespace mlir;
using namespace bertc;

//===----------------------------------------------------------------------===//
// Shared arithmetic
//===----------------------------------------------------------------------===//

static Value splatInt(KernelBuilder &k, Type type, int32_t value) {
  return arith::ConstantOp::create(
      k.b, k.loc, DenseElementsAttr::get(cast<ShapedType>(type), value));
}

Value bertc::emitFlush(KernelBuilder &k, Value x) {
  Value bits = emitBitcast(k, x, k.b.getI32Type());
  Type type = bits.getType();
  Value exponent =
      arith::AndIOp::create(k.b, k.loc, bits, splatInt(k, type, 0x7f800000));
  Value sign = arith::AndIOp::create(k.b, k.loc, bits,
                                     splatInt(k, type, int32_t(0x80000000u)));
  Value isSmall = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::eq,
                                        exponent, splatInt(k, type, 0));
  return emitBitcast(k, k.select(isSmall, sign, bits), k.b.getF32Type());
}

Value bertc::emitFlushingFma(KernelBuilder &k, Value a, Value b, Value acc) {
  return emitFlush(k,
                   k.fma(emitFlush(k, a), emitFlush(k, b), emitFlush(k, acc)));
}

/// Byte `j` of each lane as i32.
static Value byteOf(KernelBuilder &k, Value lanes, int j, bool isSigned) {
  Type type = lanes.getType();
  Value top =
      arith::ShLIOp::create(k.b, k.loc, lanes, splatInt(k, type, 24 - 8 * j));
  Value shift = splatInt(k, type, 24);
  if (isSigned)
    return arith::ShRSIOp::create(k.b, k.loc, top, shift);
  return arith::ShRUIOp::create(k.b, k.loc, top, shift);
}

Value bertc::emitByteProducts(KernelBuilder &k, Value acc, Value a, Value b,
                              bool isSigned) {
  for (int j = 0; j < 4; ++j) {
    Value product = arith::MulIOp::create(k.b, k.loc, byteOf(k, a, j, isSigned),
                                          byteOf(k, b, j, true));
    acc = arith::AddIOp::create(k.b, k.loc, acc, product);
  }
  return acc;
}

//===----------------------------------------------------------------------===//
// One function for each intrinsic, on its operands
//===----------------------------------------------------------------------===//

static Value dotBF16(KernelBuilder &k, ValueRange operands) {
  auto [aEven, aOdd] = emitFromBF16Pairs(k, operands[1]);
  auto [bEven, bOdd] = emitFromBF16Pairs(k, operands[2]);
  Value odd = emitFlushingFma(k, aOdd, bOdd, operands[0]);
  return emitFlushingFma(k, aEven, bEven, odd);
}

static Value toBF16(KernelBuilder &k, ValueRange operands) {
  return emitToBF16(k, operands[1], operands[0], BF16Rounding::Integer);
}

static Value dotInt8(KernelBuilder &k, ValueRange operands) {
  Type i32 = k.b.getI32Type();
  return emitByteProducts(k, operands[0], emitBitcast(k, operands[1], i32),
                          emitBitcast(k, operands[2], i32),
                          /*isSigned=*/false);
}

/// Two AVX2 instructions for one of AVX-512.
static Value maddInt16(KernelBuilder &k, ValueRange operands) {
  auto half = [&](Value v, int64_t from) -> Value {
    return vector::ExtractStridedSliceOp::create(k.b, k.loc, v, {from}, {16},
                                                 {1});
  };
  Value low = emitMaddInt16(k, half(operands[0], 0), half(operands[1], 0));
  Value high = emitMaddInt16(k, half(operands[0], 16), half(operands[1], 16));
  SmallVector<int64_t> inOrder = llvm::to_vector(llvm::seq<int64_t>(0, lanes));
  return k.shuffle(low, high, inOrder);
}

static constexpr struct {
  llvm::StringLiteral intrinsic;
  uint64_t bit; // emulated if this is
  Value (*emit)(KernelBuilder &, ValueRange);
} emulations[] = {
    {"llvm.x86.avx512bf16.dpbf16ps.512", BERTC_CPU_AVX512_BF16, dotBF16},
    {"llvm.x86.avx512bf16.cvtne2ps2bf16.512", BERTC_CPU_AVX512_BF16, toBF16},
    {"llvm.x86.avx512.vpdpbusd.512", BERTC_CPU_AVX512_VNNI, dotInt8},
    {"llvm.x86.avx512.vpdpbusd.256", BERTC_CPU_AVX512_VNNI, dotInt8},
    {"llvm.x86.avx512.pmaddw.d.512", BERTC_CPU_X86_64_V4, maddInt16},
};

LogicalResult bertc::emulateIsa(ModuleOp module, uint64_t bits) {
  KernelBuilder k(module);
  SmallVector<LLVM::CallIntrinsicOp> calls;
  module.walk([&](LLVM::CallIntrinsicOp op) { calls.push_back(op); });
  for (LLVM::CallIntrinsicOp op : calls)
    for (const auto &emulation : emulations) {
      if (op.getIntrin() != emulation.intrinsic || !(bits & emulation.bit))
        continue;
      k.b.setInsertionPoint(op);
      k.loc = op.getLoc();
      op.replaceAllUsesWith(ValueRange{emulation.emit(k, op.getArgs())});
      op.erase();
      break;
    }
  return bits & BERTC_CPU_AMX_TILE ? emulateTiles(module) : success();
}

namespace {
struct EmulateIsaPass : public bertc::impl::EmulateIsaPassBase<EmulateIsaPass> {
  using Base::Base;

  void runOnOperation() override {
    uint64_t bits = 0;
    for (const std::string &name : isa) {
      uint64_t found = findEmulation(name);
      if (!found) {
        getOperation().emitError("unknown instruction set '")
            << name << "', expected some of "
            << llvm::join(emulationNames(), ", ");
        return signalPassFailure();
      }
      bits |= found;
    }
    if (failed(emulateIsa(getOperation(), bits)))
      signalPassFailure();
  }
};
} // namespace
