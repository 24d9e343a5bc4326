//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The few functions of a real number that training needs once a step or once a
// parameter. They are written out because those of libm differ in the last bit
// from version to version, and a training should be the same everywhere.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_REAL_H
#define BERTC_RUNTIME_TRAIN_REAL_H

#include <cstdint>

namespace bertc::rt {

/// x^n, by repeated squaring.
double power(double x, uint64_t n);

/// cos(pi * x) for x in [0, 1].
double cosPi(double x);

/// The natural logarithm of a positive, normal x.
double logarithm(double x);

/// Correctly rounded.
double squareRoot(double x);

/// The z with P(Z < z) = p of a standard normal Z, for p in (0, 1): Wichura,
/// Algorithm AS 241, PPND16, Applied Statistics 37 (1988), relative error
/// 1e-16.
double normalQuantile(double p);

inline bool isFinite(double x) { return x - x == 0; }

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_REAL_H
