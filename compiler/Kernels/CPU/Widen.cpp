//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The four k steps of a column are the bytes of one word, so that shifts alone
// put each into a vector of its own: no byte changes its lane. The bfloat16 of
// an int8 is the upper half of its float32.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Widen.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

static Value splat(KernelBuilder &k, uint32_t value) {
  auto type = VectorType::get({lanes}, k.b.getI32Type());
  return arith::ConstantOp::create(
      k.b, k.loc, DenseElementsAttr::get(type, APInt(32, value)));
}

/// Byte `step` of each word, with its sign, as the bits of a float32.
static Value widenByte(KernelBuilder &k, Value words, int64_t step) {
  constexpr int64_t last = 3;
  if (step < last)
    words = arith::ShLIOp::create(k.b, k.loc, words,
                                  splat(k, uint32_t(8 * (last - step))));
  words = arith::ShRSIOp::create(k.b, k.loc, words, splat(k, 24));
  Value real = arith::SIToFPOp::create(k.b, k.loc, k.vectorType(), words);
  return emitBitcast(k, real, k.b.getI32Type());
}

/// Two k steps of 16 columns as a line of bfloat16 pairs.
static Value widenPair(KernelBuilder &k, Value words, int64_t step) {
  Value even = arith::ShRUIOp::create(k.b, k.loc, widenByte(k, words, step),
                                      splat(k, 16));
  Value odd = arith::AndIOp::create(k.b, k.loc, widenByte(k, words, step + 1),
                                    splat(k, 0xffff0000u));
  return emitBitcast(k, arith::OrIOp::create(k.b, k.loc, even, odd),
                     k.b.getF32Type());
}

static void emitWiden(KernelBuilder &k, Arithmetic arithmetic,
                      int64_t fromStride, int64_t toStride,
                      const WidenOperands &o) {
  constexpr int64_t perQuad = 2; // lines of bfloat16 in a line of int8
  Value lines = o.lines;
  if (isTile(arithmetic))
    lines = k.mul(k.ceilDiv(lines, tileLines), tileLines);
  Value quads = k.ceilDiv(lines, perQuad);
  k.forLoop(k.index(0), o.panels, 1, [&](Value panel) {
    Place from = k.at(o.from, k.mul(panel, fromStride));
    Place to = k.at(o.to, k.mul(panel, toStride));
    k.forLoop(k.index(0), quads, 1, [&](Value quad) {
      Value words = emitBitcast(k, k.load(k.at(from, k.mul(quad, lanes))),
                                k.b.getI32Type());
      Place out = k.at(to, k.mul(quad, perQuad * lanes));
      for (int64_t line = 0; line < perQuad; ++line)
        k.store(widenPair(k, words, 2 * line), k.at(out, line * lanes));
    });
  });
}

void bertc::callWiden(KernelBuilder &k, Arithmetic arithmetic,
                      int64_t fromStride, int64_t toStride,
                      const WidenOperands &operands) {
  std::string name = llvm::formatv(
      "widen_{0}_{1}_{2}", arithmeticName(arithmetic), fromStride, toStride);
  WidenOperands o = operands;
  k.callKernel(name,
               {&o.from.buffer, &o.from.offset, &o.to.buffer, &o.to.offset,
                &o.panels, &o.lines},
               [&] { emitWiden(k, arithmetic, fromStride, toStride, o); });
}
