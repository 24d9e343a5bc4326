//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// float32 weights to the narrower types of Lowering/WeightLayout.h. Plain
// arithmetic, rounded to nearest even, so that the bits do not depend on the
// machine that compiles.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_NARROW_H
#define BERTC_COMPILER_EMIT_NARROW_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace bertc {

/// Writes two bytes a value. NaN stays NaN; what is too large becomes infinite.
void toBF16(llvm::ArrayRef<float> values, uint8_t *result);
/// The bfloat16 of what `before` of them, each of what the ones before it left,
/// leave of a value; 0 if that is not finite.
void restOfBF16(llvm::ArrayRef<float> values, uint8_t *result,
                int64_t before = 1);

/// Writes two bytes a value, the nearest number of IEEE half precision. What is
/// too large becomes infinite, NaN stays NaN.
void toF16(llvm::ArrayRef<float> values, uint8_t *result);
/// Rounds to something finite, at most 65504.
bool fitsF16(float value);

/// For each k step the factor that gives w * factor and x / factor the same
/// range, sqrt(input / weight). A range of 0 counts as the smallest other one;
/// without any other, or with one that is not finite, all factors are 1.
std::vector<float> smoothing(llvm::ArrayRef<float> inputs,
                             llvm::ArrayRef<float> weights);

/// For each block of `size` values (a power of two) H w / size with the
/// Hadamard matrix H; 1: as they are.
void rotate(llvm::MutableArrayRef<float> values, int64_t size);

/// max |w| / 127, so that the largest becomes 127 or -127. 0 for a column of
/// zeros (or of values so small that there is no quotient); not finite if a
/// value is not.
float int8Scale(llvm::ArrayRef<float> column);
/// Writes round(w / scale), or zeros if `scale` is 0; returns their sum.
int32_t toInt8(llvm::ArrayRef<float> column, float scale, int8_t *result);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_NARROW_H
