//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every function of Math.h against double precision over a dense sweep: each
// exponent and sign with strided mantissas, a fine grid where the functions
// bend, and the edges. The asserted bounds are those stated in Math.h; the
// largest errors seen are printed.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "test/Unit/Kernels/MathJit.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace bertc;
using namespace bertc::test;

static float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

static const std::vector<float> &sweep() {
  static const std::vector<float> inputs = [] {
    std::vector<float> all;
    // An odd stride, so that all low mantissa bits take part.
    for (uint32_t bits = 0; bits < 0x7f800000u; bits += 1237) {
      all.push_back(fromBits(bits));
      all.push_back(fromBits(bits | 0x80000000u));
    }
    for (int i = -600000; i <= 600000; ++i)
      all.push_back(i * 2.0e-5f);
    for (int i = -90000; i <= 90000; ++i)
      all.push_back(i * 1.0e-3f);
    for (float edge :
         {0.0f, 0.7f, 0.9f, 1.0f, 4.0f, 5.5f, 20.0f, 87.33654f, 88.72283f,
          89.0f, 104.0f, 3.4028235e38f, 1.1754944e-38f, 1.0e-45f})
      for (int step = -64; step <= 64; ++step) {
        int64_t bits = int64_t(toBits(edge)) + step;
        if (bits < 0 || bits >= 0x7f800000)
          continue;
        all.push_back(fromBits(uint32_t(bits)));
        all.push_back(-all.back());
      }
    float infinity = std::numeric_limits<float>::infinity();
    // The worst case of exp, found by trying every float.
    all.insert(all.end(), {36.4392014f, infinity, -infinity});
    // NaNs with every kind of payload; arithmetic on the bits must not turn
    // one into a number.
    for (uint32_t payload : {0x400000u, 0x400001u, 0x4001ffu, 0x7fffffu, 0x1u})
      for (uint32_t sign : {0u, 0x80000000u})
        all.push_back(fromBits(0x7f800000u | payload | sign));
    return all;
  }();
  return inputs;
}

/// The spacing of floats at `value`.
static double ulp(double value) {
  int exponent = std::max(std::ilogb(value), -126);
  return std::ldexp(1.0, exponent - 23);
}

struct Case {
  const char *name;
  MathFunction emit;
  double (*reference)(double);
  /// Largest error allowed at x, where the exact result is y.
  double (*bound)(double x, double y);
};

/// How GoogleTest names a case.
static void PrintTo(const Case &c, std::ostream *os) { *os << c.name; }

static const double smallest = std::ldexp(1.0, -126);
static double exactGelu(double x) { return 0.5 * x * std::erfc(-x / M_SQRT2); }
static double exactGeluTanh(double x) {
  double y = std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x);
  return x / (1.0 + std::exp(-2.0 * y));
}

/// emitSoftmaxExp of -|x|, at scales as attention has them.
template <bool rough, int inverseScale>
static mlir::Value emitSoftmaxExpOf(mlir::OpBuilder &b, mlir::Location loc,
                                    mlir::Value x) {
  mlir::Value size = mlir::math::AbsFOp::create(b, loc, x);
  mlir::Value minus = mlir::arith::NegFOp::create(b, loc, size);
  return emitSoftmaxExp(b, loc, minus, 1.0 / inverseScale, rough);
}
template <int inverseScale> static double exactSoftmaxExp(double x) {
  return std::exp(-std::fabs(x) / inverseScale);
}
template <bool rough, int inverseScale>
static double softmaxBound(double x, double y) {
  if (y < smallest * M_SQRT2)
    return y; // it is 0, or below in a rounding at the limit
  double relative =
      std::ldexp(std::fabs(x) / inverseScale, -23) + (rough ? 1.5e-4 : 0.0);
  return 2 * ulp(y) + relative * y;
}

/// emitLog of |x| within the normal floats, of 1 for NaN.
static mlir::Value emitLogOf(mlir::OpBuilder &b, mlir::Location loc,
                             mlir::Value x) {
  auto limit = [&](float value) -> mlir::Value {
    mlir::TypedAttr attribute = b.getF32FloatAttr(value);
    if (auto shaped = mlir::dyn_cast<mlir::ShapedType>(x.getType()))
      attribute =
          mlir::DenseElementsAttr::get(shaped, mlir::Attribute(attribute));
    return mlir::arith::ConstantOp::create(b, loc, attribute);
  };
  mlir::Value number = mlir::arith::CmpFOp::create(
      b, loc, mlir::arith::CmpFPredicate::ORD, x, x);
  x = mlir::arith::SelectOp::create(b, loc, number, x, limit(1.0f));
  x = mlir::math::AbsFOp::create(b, loc, x);
  x = mlir::arith::MaximumFOp::create(b, loc, x, limit(0x1p-126f));
  x = mlir::arith::MinimumFOp::create(b, loc, x, limit(0x1.fffffep127f));
  return emitLog(b, loc, x);
}
static double exactLog(double x) {
  x = std::isnan(x) ? 1.0 : std::fabs(x);
  return std::log(std::min(std::max(x, smallest), 0x1.fffffep127));
}

static double exactGeluDerivative(double x) {
  return 0.5 * std::erfc(-x / M_SQRT2) +
         (std::isinf(x) ? 0.0 : x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI));
}
static double exactGeluTanhDerivative(double x) {
  if (std::fabs(x) > 100)
    return x > 0;
  double slope = std::sqrt(2.0 / M_PI);
  double s = 1 / (1 + std::exp(-2 * slope * (x + 0.044715 * x * x * x)));
  return s + x * s * (1 - s) * 2 * slope * (1 + 3 * 0.044715 * x * x);
}
static double exactSiluDerivative(double x) {
  if (std::fabs(x) > 700)
    return x > 0;
  double s = 1 / (1 + std::exp(-x));
  return s + x * s * (1 - s);
}
static double exactTanhDerivative(double x) {
  double c = std::cosh(x);
  return 1 / (c * c);
}
static double derivativeBound(double, double) { return 3e-7; }

static const Case cases[] = {
    {"exp", emitExp, [](double x) { return std::exp(x); },
     [](double, double y) { return y < smallest ? smallest : 2.02 * ulp(y); }},
    {"softmax_exp", emitSoftmaxExpOf<false, 1>, exactSoftmaxExp<1>,
     softmaxBound<false, 1>},
    {"softmax_exp_scaled", emitSoftmaxExpOf<false, 8>, exactSoftmaxExp<8>,
     softmaxBound<false, 8>},
    {"softmax_exp_rough", emitSoftmaxExpOf<true, 1>, exactSoftmaxExp<1>,
     softmaxBound<true, 1>},
    {"erf", emitErf, [](double x) { return std::erf(x); },
     [](double, double y) { return 2 * ulp(y); }},
    {"tanh", emitTanh, [](double x) { return std::tanh(x); },
     [](double, double y) { return 2 * ulp(y); }},
    {"gelu", emitGelu, exactGelu,
     [](double x, double y) {
       return x >= -0.5 ? 3 * ulp(y) : 1.6e-7 * std::max(1.0, -x);
     }},
    {"gelu_tanh", emitGeluTanh, exactGeluTanh,
     [](double x, double y) {
       return x >= -1 ? 4 * ulp(y) : 4 * smallest + 1e-5 * std::fabs(y);
     }},
    {"silu", emitSilu, [](double x) { return x / (1.0 + std::exp(-x)); },
     [](double x, double y) {
       return x >= -87 ? 4 * ulp(y) : std::fabs(y) + smallest;
     }},
    {"log", emitLogOf, exactLog, [](double, double y) { return ulp(y); }},
    {"gelu_derivative", emitGeluDerivative, exactGeluDerivative,
     derivativeBound},
    {"gelu_tanh_derivative", emitGeluTanhDerivative, exactGeluTanhDerivative,
     derivativeBound},
    {"silu_derivative", emitSiluDerivative, exactSiluDerivative,
     derivativeBound},
    {"tanh_derivative", emitTanhDerivative, exactTanhDerivative,
     derivativeBound},
    {"relu_derivative", emitReluDerivative,
     [](double x) { return x > 0 ? 1.0 : 0.0; },
     [](double, double) { return 0.0; }},
    {"relu", emitRelu, [](double x) { return std::max(x, 0.0); },
     [](double, double) { return 0.0; }},
    {"rsqrt", emitRsqrt, [](double x) { return 1.0 / std::sqrt(x); },
     [](double, double y) { return 1.5 * ulp(y); }},
};

class MathSweep : public testing::TestWithParam<Case> {};

/// The float nearest to the exact result, infinity beyond the largest float.
static bool sameSpecial(float got, double exact) {
  float rounded = static_cast<float>(exact);
  if (std::isnan(rounded))
    return std::isnan(got);
  return got == rounded;
}

TEST_P(MathSweep, StaysWithinItsBound) {
  if (!hostRunsV3())
    GTEST_SKIP() << "this machine has no AVX2 and FMA";
  const Case &c = GetParam();
  CompiledFunction function(c.emit, "x86-64-v3");
  ASSERT_EQ(function.error(), "");
  const std::vector<float> &in = sweep();
  std::vector<float> out = function.run(in);

  double worstUlp = 0, worstUlpAt = 0, worstAbsolute = 0, worstAt = 0;
  int failures = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    double x = in[i], y = c.reference(x);
    bool ok;
    if (!std::isfinite(y) || std::isinf(static_cast<float>(y))) {
      ok = sameSpecial(out[i], y);
    } else {
      double error = std::fabs(out[i] - y);
      ok = error <= c.bound(x, y);
      if (std::fabs(y) >= 2 * smallest && error / ulp(y) > worstUlp)
        worstUlp = error / ulp(y), worstUlpAt = x;
      double scaled = error / std::max(1.0, std::fabs(x));
      if (std::fabs(y) < 1e6 && scaled > worstAbsolute)
        worstAbsolute = scaled, worstAt = x;
    }
    if (!ok && ++failures <= 5)
      ADD_FAILURE() << c.name << "(" << x << "): expected " << y << " within "
                    << c.bound(x, y) << ", got " << out[i];
  }
  EXPECT_EQ(failures, 0) << "of " << in.size() << " inputs";
  std::printf("%s: %zu inputs, worst %.3g ulp at %.9g, worst |error| / max(1, "
              "|x|) %.3g at %.9g\n",
              c.name, in.size(), worstUlp, worstUlpAt, worstAbsolute, worstAt);
}

// The same bits from 8 lanes with fused multiply-add as from 4 lanes with
// calls of fmaf.
TEST_P(MathSweep, HasTheSameBitsOnABaselineCpu) {
  if (!hostRunsV3())
    GTEST_SKIP() << "this machine has no AVX2 and FMA";
  const Case &c = GetParam();
  CompiledFunction v3(c.emit, "x86-64-v3"), baseline(c.emit, "x86-64");
  ASSERT_EQ(v3.error(), "");
  ASSERT_EQ(baseline.error(), "");
  std::vector<float> a = v3.run(sweep()), b = baseline.run(sweep());
  int failures = 0;
  for (size_t i = 0; i < a.size(); ++i)
    if (toBits(a[i]) != toBits(b[i]) && ++failures <= 5)
      ADD_FAILURE() << c.name << "(" << sweep()[i] << "): " << std::hex
                    << toBits(a[i]) << " and " << toBits(b[i]);
  EXPECT_EQ(failures, 0);
}

INSTANTIATE_TEST_SUITE_P(Functions, MathSweep, testing::ValuesIn(cases),
                         [](const auto &info) { return info.param.name; });
