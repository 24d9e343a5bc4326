//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A token's place is never in front of its index, so matrices are spread in
// place from their end: what is written was read before.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Pairs.h"

#include <cstring>

namespace bertc::rt {

PairLayout layoutPairs(const Shape &shape, const PackedArrays &arrays) {
  // Only in a padded batch are rows of tokens those of all sequences' matrices.
  bool padded = shape.rows == shape.sequences * shape.pairLength;
  return {arrays.offsets, padded ? arrays.rows : nullptr, shape.sequences,
          shape.pairLength};
}

static void zero(float *begin, int64_t count) {
  memset(begin, 0, size_t(count) * sizeof(float));
}

/// Values of the tokens of a sequence to their columns, and zero between them.
static void spreadRow(const PairLayout &layout, int64_t sequence,
                      const float *from, float *to) {
  int64_t end = layout.length; // Columns from here on are done.
  for (int64_t last = layout.tokens(sequence) - 1; last >= 0;) {
    int64_t first = last, column = layout.place(sequence, last);
    int64_t behind = column + 1;
    while (first > 0 && layout.place(sequence, first - 1) == column - 1) {
      --first;
      --column;
    }
    memmove(to + column, from + first,
            size_t(last - first + 1) * sizeof(float));
    zero(to + behind, end - behind);
    end = column;
    last = first - 1;
  }
  zero(to, end);
}

static void spreadMatrix(const PairLayout &layout, int64_t sequence,
                         const float *from, int64_t fromLength, float *to) {
  int64_t end = layout.length; // Rows from here on are done.
  for (int64_t i = layout.tokens(sequence) - 1; i >= 0; --i) {
    int64_t row = layout.place(sequence, i);
    spreadRow(layout, sequence, from + i * fromLength,
              to + row * layout.length);
    zero(to + (row + 1) * layout.length, (end - row - 1) * layout.length);
    end = row;
  }
  zero(to, end * layout.length);
}

void zeroPairs(const PairLayout &layout, float *output, int64_t heads,
               int64_t begin, int64_t end) {
  int64_t length = layout.length;
  for (int64_t matrix = begin; matrix < end; ++matrix) {
    int64_t sequence = matrix / heads, tokens = layout.tokens(sequence);
    if (tokens == length || !layout.isCompact(sequence))
      continue;
    float *to = output + matrix * length * length;
    for (int64_t i = 0; i < tokens; ++i)
      zero(to + i * length + tokens, length - tokens);
    zero(to + tokens * length, (length - tokens) * length);
  }
}

void movePairs(const PairLayout &layout, float *output, int64_t heads,
               int64_t begin, int64_t end) {
  for (int64_t matrix = begin; matrix < end; ++matrix) {
    float *to = output + matrix * layout.length * layout.length;
    if (!layout.isCompact(matrix / heads))
      spreadMatrix(layout, matrix / heads, to, layout.length, to);
  }
}

void copyPairs(const PairLayout &layout, const float *from, int64_t fromLength,
               int64_t heads, float *output) {
  for (int64_t matrix = 0; matrix < layout.sequences * heads; ++matrix)
    spreadMatrix(layout, matrix / heads,
                 from + matrix * fromLength * fromLength, fromLength,
                 output + matrix * layout.length * layout.length);
}

} // namespace bertc::rt
