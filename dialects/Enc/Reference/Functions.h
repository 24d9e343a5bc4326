//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The meaning of each operation, in plain loops and double precision. Fused
// operations are not here: they mean the composition of the others.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_FUNCTIONS_H
#define BERTC_DIALECTS_ENC_REFERENCE_FUNCTIONS_H

#include "dialects/Enc/Reference/Tensor.h"

namespace mlir::enc::reference {

/// A weight as it lies in the checkpoint.
using Weight = std::vector<float>;
using ScalarFunction = double (*)(double);

enum class Pooling { Cls, Mean, Max, MeanSqrtLen };

/// [ids] x [vocabulary, width] -> [ids, width]. Ids are within the table.
Tensor embed(const Tensor &ids, const Weight &table, int64_t width);

Tensor add(const Tensor &a, const Tensor &b);

/// (x - mean) / sqrt(variance + epsilon) * gain + bias for each row, with the
/// variance over n, not n - 1.
Tensor layerNorm(const Tensor &x, const Weight &gain, const Weight &bias,
                 double epsilon);

/// x w^T + bias with w [out, in]; an empty bias is none.
Tensor linear(const Tensor &x, const Weight &weight, const Weight &bias,
              int64_t out);

/// The same numbers under rows of another shape.
Tensor reshapeRows(Tensor x, llvm::ArrayRef<int64_t> rowShape);

/// Rows [index] of rows [parts, ...].
Tensor part(const Tensor &x, int64_t index);

/// scale q k^T per sequence and head. q and k are [tokens, heads, size].
Tensor scores(const Tensor &q, const Tensor &k, const Tensor &offsets,
              double scale);

/// Softmax of each row of ragged scores.
Tensor softmax(Tensor x);

/// p v per sequence and head -> [tokens, heads, size].
Tensor context(const Tensor &p, const Tensor &v);

Tensor map(Tensor x, ScalarFunction function);
double gelu(double x);     ///< x (1 + erf(x / sqrt(2))) / 2
double geluTanh(double x); ///< its tanh form
double relu(double x);
double silu(double x); ///< x / (1 + e^-x)

/// One row for each sequence; no sequence is empty.
Tensor pool(const Tensor &x, const Tensor &offsets, Pooling mode);

/// x / max(|x|, 1e-12) for each row.
Tensor normalize(Tensor x);

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_FUNCTIONS_H
