//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where each packed weight lies in the weights segment and how it is filled
// from the tensors of the checkpoint. Written by the lowering, obeyed by the
// packer in Emit; every ISA variant reads the same bytes.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_WEIGHTLAYOUT_H
#define BERTC_COMPILER_LOWERING_WEIGHTLAYOUT_H

#include <cstdint>
#include <string>
#include <vector>

namespace bertc {

/// Maps a logical axis to a padded one: `count` groups of `size` real elements,
/// each group occupying `stride` (>= size) padded elements; the rest is zero.
/// An attention axis is {heads, headSize, headSize rounded up to 16}; a plain
/// one {1, n, n rounded up to 16}.
struct Grouping {
  int64_t count = 1;
  int64_t size = 0;
  int64_t stride = 0;
  int64_t real() const { return count * size; }
  int64_t padded() const { return count * stride; }
};

/// One packed weight. `sources` are symbols of enc.weight ops, laid side by
/// side along the column axis (query, key, value).
struct PackedWeight {
  enum class Layout {
    /// Column panels [columns.padded()*sources/16][depth.padded()][16]. A
    /// source
    /// is a Hugging Face linear weight [columns.real(), depth.real()].
    Panels16,
    /// Row-major [rows][columns.padded()*sources]: vectors (one row) and
    /// embedding tables. A source is [rows, columns.real()] or, for rows == 1,
    /// [columns.real()].
    Rows,
  };
  std::string name; // unique, for the manifest: "layer.qkv.weight"
  std::vector<std::string> sources;
  Layout layout = Layout::Rows;
  Grouping columns;
  Grouping depth;          // Panels16 only
  int64_t rows = 1;        // Rows only
  int64_t layers = 1;      // copies, one per layer
  int64_t offset = 0;      // bytes from the segment start, layer 0
  int64_t layerStride = 0; // bytes from one layer to the next
  /// Bytes of one layer's copy (float32), before alignment.
  int64_t bytes() const {
    int64_t cols = columns.padded() * static_cast<int64_t>(sources.size());
    return 4 * cols * (layout == Layout::Panels16 ? depth.padded() : rows);
  }
};

struct WeightLayout {
  std::vector<PackedWeight> weights;
  int64_t size = 0; // bytes of the segment, a multiple of 4096
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_WEIGHTLAYOUT_H
