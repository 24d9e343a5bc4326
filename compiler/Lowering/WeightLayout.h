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
    /// For tensor cores of GPUs: `planes` matrices of Element::BF16, or one of
    /// Element::F16 or Int8, [columns.padded()*sources][depth.padded()], whose
    /// sum is
    /// the weight. A
    /// source is as for Panels16.
    Planes,
  };
  /// How one number of a Panels16 weight is stored. The k steps that one
  /// instruction multiplies lie together; k is padded with zeros to whole AMX
  /// tiles.
  enum class Element {
    F32,       ///< [n/16][k][16]
    BF16,      ///< [n/16][k/2][16][2], rounded to nearest even
    BF16Split, ///< [n/16][2][k/2][16][2]: rounded, then what that left over
    Int8,      ///< [n/16][k/4][16][4], round(w / scale of its column)
    F16,       ///< of Planes only; rounded to nearest even, all finite
  };
  /// What a vector of one value a column (rows == 1) holds.
  enum class Derived {
    None,      ///< the source itself
    Scale,     ///< float32: max |w| / 127 over a column of the Int8 weight
    ColumnSum, ///< int32: sum of a column of the Int8 weight as stored
    Smoothing, ///< float32, one a k step: x is multiplied with it, and what the
               ///< Int8 weight rounds is divided by it; 1 without calibration
  };
  std::string name; // unique, for the manifest: "layer.qkv.weight"
  std::vector<std::string> sources;
  Layout layout = Layout::Rows;
  Element element = Element::F32; // not of Rows
  int64_t planes = 1;             // Planes only
  Derived derived = Derived::None;
  Grouping columns;
  Grouping depth; // not of Rows, but of the weight behind a derived one
  /// Int8 and what is derived from it: k steps, with their padding, that are
  /// turned together before they are rounded, times H / rotation, see
  /// Kernels/CPU/Rotate.h. A power of two that divides depth.padded().
  int64_t rotation = 1;
  int64_t rows = 1;        // Rows only
  int64_t layers = 1;      // copies, one per layer
  int64_t offset = 0;      // bytes from the segment start, layer 0
  int64_t layerStride = 0; // bytes from one layer to the next
  /// k steps of a panel.
  int64_t panelDepth() const {
    int64_t whole = element == Element::F32    ? 1
                    : element == Element::Int8 ? 64
                                               : 32;
    return (depth.padded() + whole - 1) / whole * whole;
  }
  int64_t elementBytes() const {
    return element == Element::Int8                              ? 1
           : element == Element::BF16 || element == Element::F16 ? 2
                                                                 : 4;
  }
  /// Bytes of one layer's copy, before alignment.
  int64_t bytes() const {
    if (derived == Derived::Smoothing)
      return 4 * depth.padded();
    int64_t cols = columns.padded() * static_cast<int64_t>(sources.size());
    switch (layout) {
    case Layout::Panels16:
      return elementBytes() * cols * panelDepth();
    case Layout::Planes:
      return planes * elementBytes() * cols * depth.padded();
    case Layout::Rows:
      return 4 * cols * rows;
    }
    return 0;
  }
};

struct WeightLayout {
  std::vector<PackedWeight> weights;
  int64_t size = 0; // bytes of the segment, a multiple of 4096
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_WEIGHTLAYOUT_H
