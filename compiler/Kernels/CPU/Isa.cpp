//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// llvm.call_intrinsic and not the ops of the x86vector and amx dialects: it
// needs no conversion of its own, and the amx dialect has no way to name a
// register.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Isa.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace bertc;

static Value intrinsic(KernelBuilder &k, StringRef name, Type result,
                       ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(k.b, k.loc, result,
                                       k.b.getStringAttr(name), operands)
      .getResult(0);
}

static void intrinsic(KernelBuilder &k, StringRef name, ValueRange operands) {
  LLVM::CallIntrinsicOp::create(k.b, k.loc, k.b.getStringAttr(name), operands);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

static int64_t bitsOf(Value vector) {
  auto type = cast<VectorType>(vector.getType());
  return type.getNumElements() * type.getElementTypeBitWidth();
}

Value bertc::emitBitcast(KernelBuilder &k, Value value, Type element) {
  int64_t n = bitsOf(value) / element.getIntOrFloatBitWidth();
  return k.b.createOrFold<vector::BitCastOp>(
      k.loc, VectorType::get({n}, element), value);
}

Value bertc::emitDotBF16(KernelBuilder &k, Value acc, Value a, Value b) {
  return intrinsic(k, "llvm.x86.avx512bf16.dpbf16ps.512", acc.getType(),
                   {acc, a, b});
}

Value bertc::emitDotInt8(KernelBuilder &k, Value acc, Value a, Value b) {
  return intrinsic(k,
                   bitsOf(acc) == 512 ? "llvm.x86.avx512.vpdpbusd.512"
                                      : "llvm.x86.avx512.vpdpbusd.256",
                   acc.getType(), {acc, a, b});
}

Value bertc::emitMaddInt16(KernelBuilder &k, Value a, Value b) {
  int64_t bits = bitsOf(a);
  return intrinsic(k,
                   bits == 512 ? "llvm.x86.avx512.pmaddw.d.512"
                               : "llvm.x86.avx2.pmadd.wd",
                   VectorType::get({bits / 32}, k.b.getI32Type()), {a, b});
}

static Value splatInt(KernelBuilder &k, Value like, int32_t value) {
  return arith::ConstantOp::create(
      k.b, k.loc,
      DenseElementsAttr::get(cast<ShapedType>(like.getType()), value));
}

/// The upper half of each lane is the bfloat16, as vector<Nxi32>.
static Value roundToUpperHalf(KernelBuilder &k, Value x) {
  Value bits = emitBitcast(k, x, k.b.getI32Type());
  auto constant = [&](uint32_t v) {
    return splatInt(k, bits, static_cast<int32_t>(v));
  };
  auto binary = [&](auto op, Value a, Value c) -> Value {
    return decltype(op)::create(k.b, k.loc, a, c);
  };
  Value magnitude = binary(arith::AndIOp(), bits, constant(0x7fffffff));
  // Half of the lowest bit kept, less one if that bit is even: a tie then goes
  // to the even one.
  Value odd = binary(arith::AndIOp(),
                     binary(arith::ShRUIOp(), bits, constant(16)), constant(1));
  Value rounded = binary(arith::AddIOp(), bits,
                         binary(arith::AddIOp(), odd, constant(0x7fff)));
  Value quiet = binary(arith::OrIOp(), bits, constant(0x00400000));
  Value sign = binary(arith::AndIOp(), bits, constant(0x80000000));
  auto less = [&](Value a, Value c) -> Value {
    return arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::slt, a, c);
  };
  Value isNaN = less(constant(0x7f800000), magnitude);
  Value isSmall = less(magnitude, constant(0x00800000));
  return k.select(isSmall, sign, k.select(isNaN, quiet, rounded));
}

Value bertc::emitToBF16(KernelBuilder &k, Value low, Value high,
                        BF16Rounding rounding) {
  Type bf16 = k.b.getBF16Type();
  // The instruction's first operand becomes the upper half of the result.
  if (rounding == BF16Rounding::Native)
    return intrinsic(k, "llvm.x86.avx512bf16.cvtne2ps2bf16.512",
                     VectorType::get({2 * lanes}, bf16), {high, low});
  Type i16 = k.b.getI16Type();
  SmallVector<int64_t> upperHalves;
  for (int64_t i = 0; i < 2 * lanes; ++i)
    upperHalves.push_back(2 * i + 1);
  Value halves =
      k.shuffle(emitBitcast(k, roundToUpperHalf(k, low), i16),
                emitBitcast(k, roundToUpperHalf(k, high), i16), upperHalves);
  return emitBitcast(k, halves, bf16);
}

Value bertc::emitBF16Words(KernelBuilder &k, Value low, Value high) {
  Value both = emitToBF16(k, low, high, BF16Rounding::Native);
  return emitBitcast(k, both, k.b.getF32Type());
}

Value bertc::emitBF16Pairs(KernelBuilder &k, Value even, Value odd) {
  Value both = emitToBF16(k, even, odd, BF16Rounding::Native);
  SmallVector<int64_t> turns;
  for (int64_t i = 0; i < lanes; ++i)
    turns.append({i, lanes + i});
  return emitBitcast(k, k.shuffle(both, both, turns), k.b.getF32Type());
}

std::pair<Value, Value> bertc::emitFromBF16Pairs(KernelBuilder &k,
                                                 Value pairs) {
  Value bits = emitBitcast(k, pairs, k.b.getI32Type());
  Value even = arith::ShLIOp::create(k.b, k.loc, bits, splatInt(k, bits, 16));
  Value odd = arith::AndIOp::create(k.b, k.loc, bits,
                                    splatInt(k, bits, int32_t(0xffff0000u)));
  Type f32 = k.b.getF32Type();
  return {emitBitcast(k, even, f32), emitBitcast(k, odd, f32)};
}

std::pair<Value, Value> bertc::emitFromBF16Words(KernelBuilder &k,
                                                 Value words) {
  auto [even, odd] = emitFromBF16Pairs(k, words);
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < lanes / 2; ++i) {
    low.append({i, lanes + i});
    high.append({lanes / 2 + i, lanes + lanes / 2 + i});
  }
  return {k.shuffle(even, odd, low), k.shuffle(even, odd, high)};
}

//===----------------------------------------------------------------------===//
// AMX
//===----------------------------------------------------------------------===//

static Type pointerType(KernelBuilder &k) {
  return LLVM::LLVMPointerType::get(k.b.getContext());
}

/// Register numbers are immediate operands.
static Value tileNumber(KernelBuilder &k, int tile) {
  return LLVM::ConstantOp::create(k.b, k.loc, k.b.getI8Type(),
                                  k.b.getI8IntegerAttr(tile));
}

/// The 64 bytes that ldtilecfg reads: palette, start row, bytes of a row as
/// 16 bits for each tile, rows.
static std::string configBytes(const TileConfig &config) {
  std::string bytes(64, '\0');
  bytes[0] = 1;
  for (int i = 0; i < tileCount; ++i) {
    bytes[16 + 2 * i] = static_cast<char>(config[i].bytes);
    bytes[48 + i] = static_cast<char>(config[i].rows);
  }
  return bytes;
}

/// A constant of the module; equal configurations share one.
static LLVM::GlobalOp configGlobal(KernelBuilder &k, const TileConfig &config) {
  std::string name = "tile_config";
  for (const TileShape &shape : config)
    name +=
        "_" + std::to_string(shape.rows) + "x" + std::to_string(shape.bytes);
  if (auto existing = k.module.lookupSymbol<LLVM::GlobalOp>(name))
    return existing;
  OpBuilder::InsertionGuard guard(k.b);
  k.b.setInsertionPointToStart(k.module.getBody());
  return LLVM::GlobalOp::create(
      k.b, k.loc, LLVM::LLVMArrayType::get(k.b.getI8Type(), 64),
      /*isConstant=*/true, LLVM::Linkage::Internal, name,
      k.b.getStringAttr(configBytes(config)), /*alignment=*/64);
}

void bertc::emitTileConfigure(KernelBuilder &k, const TileConfig &config) {
  LLVM::GlobalOp global = configGlobal(k, config);
  Value address = LLVM::AddressOfOp::create(k.b, k.loc, pointerType(k),
                                            global.getSymName());
  intrinsic(k, "llvm.x86.ldtilecfg", {address});
}

void bertc::emitTileRelease(KernelBuilder &k) {
  intrinsic(k, "llvm.x86.tilerelease", {});
}

Value bertc::emitAddress(KernelBuilder &k, Place p, int64_t elementBytes) {
  auto i64 = [&](Value index) -> Value {
    return arith::IndexCastOp::create(k.b, k.loc, k.b.getI64Type(), index);
  };
  Value base =
      memref::ExtractAlignedPointerAsIndexOp::create(k.b, k.loc, p.buffer);
  Value pointer =
      LLVM::IntToPtrOp::create(k.b, k.loc, pointerType(k), i64(base));
  return LLVM::GEPOp::create(k.b, k.loc, pointerType(k), k.b.getI8Type(),
                             pointer,
                             ValueRange{i64(k.mul(p.offset, elementBytes))});
}

void bertc::emitTileZero(KernelBuilder &k, int tile) {
  intrinsic(k, "llvm.x86.tilezero", {tileNumber(k, tile)});
}

static void emitTileMove(KernelBuilder &k, StringRef name, int tile,
                         Value pointer, Value stride) {
  Value bytes =
      arith::IndexCastOp::create(k.b, k.loc, k.b.getI64Type(), stride);
  intrinsic(k, name, {tileNumber(k, tile), pointer, bytes});
}

void bertc::emitTileLoad(KernelBuilder &k, int tile, Value pointer,
                         Value stride) {
  emitTileMove(k, "llvm.x86.tileloadd64", tile, pointer, stride);
}

void bertc::emitTileStore(KernelBuilder &k, int tile, Value pointer,
                          Value stride) {
  emitTileMove(k, "llvm.x86.tilestored64", tile, pointer, stride);
}

static void emitTileDot(KernelBuilder &k, StringRef name, int sum, int a,
                        int b) {
  intrinsic(k, name, {tileNumber(k, sum), tileNumber(k, a), tileNumber(k, b)});
}

void bertc::emitTileDotBF16(KernelBuilder &k, int sum, int a, int b) {
  emitTileDot(k, "llvm.x86.tdpbf16ps", sum, a, b);
}

void bertc::emitTileDotInt8(KernelBuilder &k, int sum, int a, int b) {
  emitTileDot(k, "llvm.x86.tdpbssd", sum, a, b);
}
