//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Per-pair outputs: square matrices, for each sequence as many as the model has
// heads. Generated code computes the first rows and columns of a matrix; where
// the caller masks other positions than the last ones, they move to the rows
// and columns of their tokens.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_PAIRS_H
#define BERTC_RUNTIME_CORE_PAIRS_H

#include "runtime/core/Pack.h"

namespace bertc::rt {

/// Where the tokens of sequences are in the caller's matrices.
struct PairLayout {
  const int32_t *offsets; // [sequences + 1]
  const int32_t *rows;    // [tokens], in a padded batch; null: packed
  int64_t sequences;
  int64_t length; // rows and columns of a matrix

  int64_t tokens(int64_t sequence) const {
    return int64_t(offsets[sequence + 1]) - offsets[sequence];
  }
  /// The row and column of token `index` of a sequence; rises with it.
  int64_t place(int64_t sequence, int64_t index) const {
    return rows ? rows[offsets[sequence] + index] - sequence * length : index;
  }
  /// Whether the real tokens of a sequence come first.
  bool isCompact(int64_t sequence) const {
    int64_t last = tokens(sequence) - 1;
    return place(sequence, last) == last;
  }
};

PairLayout layoutPairs(const Shape &shape, const PackedArrays &arrays);

/// Of the matrices [begin, end) of an output, counted over sequences and then
/// `heads`, zeroes what is behind the tokens of compact sequences.
void zeroPairs(const PairLayout &layout, float *output, int64_t heads,
               int64_t begin, int64_t end);

/// Of the same matrices of sequences that are not compact, moves the values to
/// the places of the tokens, and zeroes the others.
void movePairs(const PairLayout &layout, float *output, int64_t heads,
               int64_t begin, int64_t end);

/// Copies matrices of `fromLength` rows and columns, the tokens in the first
/// ones, to those of a caller, every float of which is written.
void copyPairs(const PairLayout &layout, const float *from, int64_t fromLength,
               int64_t heads, float *output);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_CORE_PAIRS_H
