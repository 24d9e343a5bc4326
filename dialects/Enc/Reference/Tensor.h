//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value of the interpreter. Numbers of every type are kept in double, in
// which all i32 ids and all f32 weights are exact, so one container serves.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_TENSOR_H
#define BERTC_DIALECTS_ENC_REFERENCE_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <vector>

namespace mlir::enc::reference {

/// Row-major numbers. The first dimension counts tokens or sequences, the rest
/// is the shape of the `enc` type.
///
/// Attention scores are ragged: sequence after sequence, for each head a square
/// matrix over the tokens of the sequence. Their `shape` is {heads} and
/// `lengths` holds the tokens of each sequence.
struct Tensor {
  llvm::SmallVector<int64_t, 4> shape;
  std::vector<double> data;
  std::vector<int64_t> lengths = {};

  Tensor() = default;
  explicit Tensor(llvm::ArrayRef<int64_t> shape)
      : shape(shape), data(elements(shape)) {}

  static int64_t elements(llvm::ArrayRef<int64_t> shape) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    return count;
  }
  int64_t rows() const { return shape.front(); }
  /// Elements of one row.
  int64_t width() const { return elements(llvm::ArrayRef(shape).drop_front()); }
  const double *row(int64_t i) const { return data.data() + i * width(); }
  double *row(int64_t i) { return data.data() + i * width(); }
};

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_TENSOR_H
