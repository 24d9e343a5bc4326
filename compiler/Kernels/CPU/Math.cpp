//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two cores carry everything: 2^n p(f) with n put into the exponent by an
// integer addition, and one rational function for gelu. A limit is a compare
// and a select, ordered so that LLVM makes one min or max instruction of it and
// a NaN passes through.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/Math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/ArrayRef.h"
#include <limits>

using namespace mlir;

//===----------------------------------------------------------------------===//
// Coefficients (tools/lab/fit-math.py), highest power first
//===----------------------------------------------------------------------===//

// 2^f for |f| <= 1/2, within 1.1 ulp.
constexpr float exp2Polynomial[] = {0.00132257445f, 0.00967179611f,
                                    0.0555089377f,  0.240222365f,
                                    0.693146825f,   1.0f};

// 2^f for |f| <= 1/2, within 1200 ulp (a relative 1.4e-4).
constexpr float exp2Rough[] = {0.0547617786f, 0.242223814f, 0.693346858f, 1.0f};

// Phi(x) - 1/2 = x P(u) / Q(u), u = min(x x, 5.5^2), absolute error 1.2e-08.
constexpr float normalLimit = 5.5f * 5.5f;
constexpr float normalNumerator[] = {0.0190705899f, 5.27637291f, 138.824005f,
                                     3889.70654f,   28054.4395f, 332821.531f};
constexpr float normalDenominator[] = {1.0f,        60.7451897f, 1560.7345f,
                                       23788.6543f, 209364.766f, 834260.062f};

// erf(x) = x + x p(x x) below 0.9, 1 - 2^p(|x|) above, 1 above 4.
constexpr float erfSplit = 0.9f;
constexpr float erfLimit = 4.0f;
constexpr float erfSmall[] = {-0.000612773292f, 0.00502030272f, -0.0267856717f,
                              0.112823799f,     -0.376125574f,  0.128379166f};
constexpr float erfTail[] = {-0.00181966496f, 0.0225809105f, -0.13174805f,
                             -0.93841064f,    -1.61638939f,  -0.00262978813f};

// tanh(x) = x + x^3 p(x x) below 0.7, 1 - 2 / (1 + e^2|x|) above.
constexpr float tanhSplit = 0.7f;
constexpr float tanhLimit = 20.0f;
constexpr float tanhSmall[] = {-0.00513865612f, 0.0200919751f, -0.05355886f,
                               0.13329114f, -0.333331913f};

// log(1 + f) = f + f f p(f) for 1 + f from sqrt(1/2) to sqrt(2), relative error
// 4.5e-09. The upper part of log(2) has few bits: times an exponent it is
// exact.
constexpr float logPolynomial[] = {
    -0.0762129426f, 0.12904042f,   -0.132429987f, 0.141819373f, -0.166091219f,
    0.200019732f,   -0.250015825f, 0.333333254f,  -0.499999881f};
constexpr int32_t halfRootBits = 0x3f3504f3; // sqrt(1/2)
constexpr float log2High = 0.693359375f;
constexpr float log2Low = -2.12194440e-4f;

// Beyond it a derivative has reached its limit.
constexpr float derivativeLimit = 13.0f;
constexpr float siluLimit = 80.0f;

constexpr double log2e = 1.44269504088896340736;
constexpr float log2eHigh = static_cast<float>(log2e);
constexpr float log2eLow = static_cast<float>(log2e - log2eHigh);

// Adding it rounds to an integer, which is then in the low bits of the sum.
constexpr float roundMagic = 0x1.8p23f;

// e^(scale x) for x <= 0: what is added to round leaves the integer plus 126 in
// the low bits. Shifted up it is the exponent field of 2^(n - 1), 0 for -126.
constexpr float softmaxMagic = roundMagic + 126.0f;
constexpr double softmaxLowest = -126.0;

// e^x is normal and finite in between, both with a hundred ulp to spare.
constexpr float expLowest = -87.33654f;
constexpr float expHighest = 88.72283f;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

namespace {

class Emitter {
public:
  Emitter(OpBuilder &b, Location loc, Value x)
      : b(b), loc(loc), floatType(x.getType()),
        intType(cloneWith(x.getType(), b.getI32Type())) {}

  Value constant(float value) {
    return splat(floatType, b.getF32FloatAttr(value));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, loc, x, y, z);
  }
  Value sqrt(Value x) { return math::SqrtOp::create(b, loc, x); }
  Value abs(Value x) { return math::AbsFOp::create(b, loc, x); }
  Value withSignOf(Value x, Value sign) {
    return math::CopySignOp::create(b, loc, x, sign);
  }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, loc, predicate, x, y);
  }
  Value select(Value mask, Value x, Value y) {
    return arith::SelectOp::create(b, loc, mask, x, y);
  }
  Value atMost(Value x, float limit) {
    Value l = constant(limit);
    return select(compare(arith::CmpFPredicate::OLT, l, x), l, x);
  }
  Value atLeast(Value x, float limit) {
    Value l = constant(limit);
    return select(compare(arith::CmpFPredicate::OGT, l, x), l, x);
  }

  /// Horner's rule. A leading coefficient of 1 costs an addition only.
  Value polynomial(ArrayRef<float> c, Value x) {
    Value value = step(constant(c[0]), c[0], x, c[1]);
    for (float next : c.drop_front(2))
      value = fma(value, x, constant(next));
    return value;
  }

  /// A polynomial of odd degree in pairs of terms, then Horner's rule in
  /// `square` = x x: half the rounding errors of Horner's rule in x.
  Value pairs(ArrayRef<float> c, Value x, Value square) {
    Value value;
    for (; !c.empty(); c = c.drop_front(2)) {
      Value pair = step(constant(c[0]), c[0], x, c[1]);
      value = value ? fma(value, square, pair) : pair;
    }
    return value;
  }

  /// The float whose exponent field is in the low bits of `rounded`.
  Value exponentField(Value rounded) {
    Value bits = arith::BitcastOp::create(b, loc, intType, rounded);
    Value shift = splat(intType, b.getI32IntegerAttr(23));
    Value field = arith::ShLIOp::create(b, loc, bits, shift);
    return arith::BitcastOp::create(b, loc, floatType, field);
  }

  /// 2^f 2^n for the n held in the low bits of `rounded`. The exponent is
  /// added to that of 2^f, so results are right as long as they are normal
  /// and finite, or exactly 2^128 (infinity).
  Value scaledExp2(Value f, Value rounded) {
    Value n = arith::BitcastOp::create(b, loc, intType, rounded);
    Value shift = splat(intType, b.getI32IntegerAttr(23));
    Value exponent = arith::ShLIOp::create(b, loc, n, shift);
    Value bits = arith::BitcastOp::create(b, loc, intType,
                                          polynomial(exp2Polynomial, f));
    Value sum = arith::AddIOp::create(b, loc, bits, exponent);
    return arith::BitcastOp::create(b, loc, floatType, sum);
  }

  /// 2^x for x <= 128, for less than -126 still 2^-126.
  Value exp2(Value x) {
    x = atLeast(x, -126.0f);
    Value magic = constant(roundMagic);
    Value rounded = add(x, magic);
    return scaledExp2(sub(x, sub(rounded, magic)), rounded);
  }

  /// e^(scale x) for x <= 0, 0 where that is below 2^-125.5. The
  /// exponent is a factor, not added: 2^-127 is written as 0 and makes 0 of
  /// what would be subnormal.
  Value softmaxExp(Value x, double scale, ArrayRef<float> coefficients) {
    double slope = scale * log2e;
    Value factor = constant(static_cast<float>(slope));
    Value magic = constant(softmaxMagic);
    x = atLeast(x, static_cast<float>(softmaxLowest / slope));
    Value rounded = fma(x, factor, magic);
    Value f = fma(x, factor, sub(magic, rounded));
    SmallVector<float> doubled(coefficients);
    for (float &c : doubled)
      c *= 2;
    return mul(polynomial(doubled, f), exponentField(rounded));
  }

  /// log(x) for a normal positive x.
  Value log(Value x) {
    auto integer = [&](int32_t value) {
      return splat(intType, b.getI32IntegerAttr(value));
    };
    Value bits = arith::BitcastOp::create(b, loc, intType, x);
    Value above = arith::SubIOp::create(b, loc, bits, integer(halfRootBits));
    Value n = arith::ShRSIOp::create(b, loc, above, integer(23));
    Value shifted = arith::ShLIOp::create(b, loc, n, integer(23));
    Value rest = arith::SubIOp::create(b, loc, bits, shifted);
    Value f =
        sub(arith::BitcastOp::create(b, loc, floatType, rest), constant(1.0f));
    Value exponent = arith::SIToFPOp::create(b, loc, floatType, n);
    Value low = mul(mul(f, f), polynomial(logPolynomial, f));
    low = fma(exponent, constant(log2Low), low);
    return fma(exponent, constant(log2High), add(f, low));
  }

  Value within(Value x, float limit) {
    return atMost(atLeast(x, -limit), limit);
  }
  /// Phi(x) - 1/2.
  Value normal(Value x) {
    Value u = atMost(mul(x, x), normalLimit);
    Value square = mul(u, u);
    Value numerator = mul(x, pairs(normalNumerator, u, square));
    Value value = div(numerator, pairs(normalDenominator, u, square));
    return within(value, 0.5f);
  }

  /// e^x for expLowest <= x <= expHighest, anything elsewhere.
  Value exp(Value x) {
    Value high = constant(log2eHigh), magic = constant(roundMagic);
    Value rounded = fma(x, high, magic);
    Value f = fma(x, high, sub(magic, rounded));
    return scaledExp2(fma(x, constant(log2eLow), f), rounded);
  }

private:
  static Type cloneWith(Type type, Type element) {
    if (auto shaped = dyn_cast<ShapedType>(type))
      return shaped.clone(element);
    return element;
  }
  Value splat(Type type, TypedAttr value) {
    if (auto shaped = dyn_cast<ShapedType>(type))
      value = DenseElementsAttr::get(shaped, Attribute(value));
    return arith::ConstantOp::create(b, loc, value);
  }
  Value step(Value first, float coefficient, Value x, float next) {
    if (coefficient == 1.0f)
      return add(x, constant(next));
    return fma(first, x, constant(next));
  }

  OpBuilder &b;
  Location loc;
  Type floatType;
  Type intType;
};

} // namespace

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Value bertc::emitExp(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  Value value = e.exp(x);
  Value under = e.compare(arith::CmpFPredicate::OLT, x, e.constant(expLowest));
  value = e.select(under, e.constant(0.0f), value);
  // Unordered, so that a NaN takes this side too: x inf is inf or NaN.
  Value over = e.compare(arith::CmpFPredicate::UGT, x, e.constant(expHighest));
  Value infinity = e.constant(std::numeric_limits<float>::infinity());
  return e.select(over, e.mul(x, infinity), value);
}

Value bertc::emitSoftmaxExp(OpBuilder &b, Location loc, Value x, double scale,
                            bool rough) {
  return Emitter(b, loc, x).softmaxExp(
      x, scale, rough ? ArrayRef(exp2Rough) : ArrayRef(exp2Polynomial));
}

Value bertc::emitLog(OpBuilder &b, Location loc, Value x) {
  return Emitter(b, loc, x).log(x);
}

Value bertc::emitErf(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  Value small = e.fma(x, e.polynomial(erfSmall, e.mul(x, x)), x);
  Value size = e.abs(x);
  Value tail = e.exp2(e.polynomial(erfTail, e.atMost(size, erfLimit)));
  Value large = e.withSignOf(e.sub(e.constant(1.0f), tail), x);
  Value isLarge =
      e.compare(arith::CmpFPredicate::OGE, size, e.constant(erfSplit));
  return e.select(isLarge, large, small);
}

Value bertc::emitTanh(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  Value square = e.mul(x, x);
  Value small = e.fma(e.mul(x, square), e.polynomial(tanhSmall, square), x);
  Value size = e.abs(x);
  Value limited = e.atMost(size, tanhLimit);
  Value one = e.constant(1.0f);
  Value denominator = e.add(e.exp(e.add(limited, limited)), one);
  Value tail = e.div(e.constant(2.0f), denominator);
  Value large = e.withSignOf(e.sub(one, tail), x);
  Value isLarge =
      e.compare(arith::CmpFPredicate::OGE, size, e.constant(tanhSplit));
  return e.select(isLarge, large, small);
}

Value bertc::emitGelu(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  return e.fma(x, e.normal(x), e.mul(x, e.constant(0.5f)));
}

Value bertc::emitGeluTanh(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  // (1 + tanh(y)) / 2 = 1 / (1 + e^-2y); z = -2 y log2(e).
  constexpr double slope = -2.0 * 0.79788456080286535588 * log2e;
  Value z = e.fma(e.mul(x, x), e.constant(slope * 0.044715), e.constant(slope));
  z = e.atMost(e.mul(x, z), 128.0f);
  return e.div(x, e.add(e.exp2(z), e.constant(1.0f)));
}

Value bertc::emitSilu(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  Value minus = arith::NegFOp::create(b, loc, x);
  return e.div(x, e.add(emitExp(b, loc, minus), e.constant(1.0f)));
}

Value bertc::emitRelu(OpBuilder &b, Location loc, Value x) {
  return Emitter(b, loc, x).atLeast(x, 0.0f);
}

Value bertc::emitRsqrt(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  return e.div(e.constant(1.0f), e.sqrt(x));
}

//===----------------------------------------------------------------------===//
// Derivatives
//===----------------------------------------------------------------------===//

Value bertc::emitGeluDerivative(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  x = e.within(x, derivativeLimit);
  // Phi(x) + x phi(x), phi(x) = e^(-x x / 2) / sqrt(2 pi).
  Value power = e.mul(e.mul(x, x), e.constant(-0.5f));
  Value density = e.mul(e.exp(power), e.constant(0.398942280401432678f));
  return e.fma(x, density, e.add(e.normal(x), e.constant(0.5f)));
}

Value bertc::emitGeluTanhDerivative(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  x = e.within(x, derivativeLimit);
  // s + x s (1 - s) 2 y', t = e^-2y and s = 1 / (1 + t) as in emitGeluTanh;
  // 1 - s is s t.
  constexpr double slope = 2.0 * 0.79788456080286535588, cubic = 0.044715;
  Value square = e.mul(x, x);
  Value z = e.fma(square, e.constant(float(-slope * log2e * cubic)),
                  e.constant(float(-slope * log2e)));
  z = e.atMost(e.mul(x, z), 126.0f);
  Value one = e.constant(1.0f);
  Value t = e.exp2(z);
  Value s = e.div(one, e.add(t, one));
  Value inner = e.fma(square, e.constant(float(3.0 * slope * cubic)),
                      e.constant(float(slope)));
  return e.fma(e.mul(x, inner), e.mul(s, e.mul(s, t)), s);
}

Value bertc::emitSiluDerivative(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  x = e.within(x, siluLimit);
  Value one = e.constant(1.0f);
  Value t = e.exp(e.sub(e.constant(0.0f), x));
  Value s = e.div(one, e.add(t, one)); // and 1 - s is s t
  return e.fma(e.mul(x, s), e.mul(s, t), s);
}

Value bertc::emitTanhDerivative(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  Value y = emitTanh(b, loc, x);
  // 1 - y y loses nothing that counts: where y is near 1 the result is near 0.
  return e.fma(e.sub(e.constant(0.0f), y), y, e.constant(1.0f));
}

Value bertc::emitReluDerivative(OpBuilder &b, Location loc, Value x) {
  Emitter e(b, loc, x);
  Value zero = e.constant(0.0f);
  Value above = e.compare(arith::CmpFPredicate::OGT, x, zero);
  return e.select(above, e.constant(1.0f), zero);
}
