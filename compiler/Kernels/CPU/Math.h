//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The elementary functions of the kernels, as vector arithmetic in MLIR. Only
// operations that IEEE 754 rounds exactly are used (no reciprocal estimates, no
// fast-math flags, every fused multiply-add is explicit), so each function has
// the same bits on every ISA and at every vector width.
//
// `x` is f32 or a vector of f32 of any shape; the result has its type. The ops
// are of `arith` and `math`. An ulp is the distance of floats at the exact
// result. A NaN gives a NaN; the bounds are asserted by a dense sweep of inputs
// (the unit test MathSweep), the coefficients come from tools/lab/fit-math.py.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_MATH_H
#define BERTC_COMPILER_KERNELS_CPU_MATH_H

namespace mlir {
class Location;
class OpBuilder;
class Value;
} // namespace mlir

namespace bertc {

/// e^x within 2.02 ulp; exp(0) is 1. Results below 2^-126 become 0 (so that no
/// subnormal number slows the rows of a softmax down), results above the
/// largest float infinity. 16 operations.
mlir::Value emitExp(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// e^(scale x) for x <= 0 and scale > 0, never above 1, 12 operations: within
/// 2 ulp and a relative 2^-23 |scale x|. `rough` is for a result that is
/// rounded to bfloat16: 10 operations, a relative 1.5e-4 more. Below 2^-125.5
/// both are 0.
mlir::Value emitSoftmaxExp(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Value x, double scale, bool rough);

/// log(x) within 1 ulp of a normal positive float; for others some number. 14
/// operations.
mlir::Value emitLog(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// erf(x) within 2 ulp (absolute error below 1e-7).
mlir::Value emitErf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// tanh(x) within 2 ulp.
mlir::Value emitTanh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// x Phi(x) = x (1 + erf(x / sqrt(2))) / 2 within 3 ulp for x >= -0.5 and
/// within 1.6e-7 max(1, |x|) below. As in every float formula with 1 + erf,
/// the relative error grows in the negative tail; below -5.6 the result is a
/// zero. NaN for -inf, as the formula's -inf times 0. 20 operations, one of
/// them a division.
mlir::Value emitGelu(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 within 4 ulp for x >= -1
/// and within 2^-124 plus a relative 1e-5 below; NaN for -inf. 18 operations,
/// one of them a division.
mlir::Value emitGeluTanh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// x / (1 + e^-x) within 4 ulp for x >= -87; -0 below -88.8; NaN for -inf.
mlir::Value emitSilu(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// max(x, 0), exact.
mlir::Value emitRelu(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// 1 / sqrt(x) within 1.5 ulp: two correctly rounded operations.
mlir::Value emitRsqrt(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// The derivatives of the activations of these names, within 3e-7 of them; at
/// both infinities too.
mlir::Value emitGeluDerivative(mlir::OpBuilder &b, mlir::Location loc,
                               mlir::Value x);
mlir::Value emitGeluTanhDerivative(mlir::OpBuilder &b, mlir::Location loc,
                                   mlir::Value x);
mlir::Value emitSiluDerivative(mlir::OpBuilder &b, mlir::Location loc,
                               mlir::Value x);
mlir::Value emitTanhDerivative(mlir::OpBuilder &b, mlir::Location loc,
                               mlir::Value x);
/// 1 above 0, else 0; 0 for a NaN.
mlir::Value emitReluDerivative(mlir::OpBuilder &b, mlir::Location loc,
                               mlir::Value x);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_MATH_H
