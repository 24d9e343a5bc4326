//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A packed weight is made block by block: a panel of 16 columns, or as many
// rows as fill a buffer. Elements are gathered as float32; a narrower packed
// type would convert a finished block.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/PackWeights.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>

using namespace bertc;

static constexpr int64_t panelColumns = 16;
static constexpr int64_t blockElements = int64_t(1) << 18; // 1 MiB of float32

namespace {

/// One layer's copy of a packed weight.
struct Piece {
  const PackedWeight *weight;
  int64_t layer;
  int64_t offset;
};

/// One piece with its tensors.
class Packer {
public:
  Packer(const Piece &piece, ByteSink sink)
      : weight(*piece.weight), layer(piece.layer), sink(sink) {}

  llvm::Error pack(WeightSource source);

private:
  llvm::Error packPanels(const TensorInfo &tensor);
  llvm::Error packRows();
  llvm::Error readRows(const TensorInfo &tensor, int64_t first, int64_t count);
  llvm::Error emit(llvm::ArrayRef<float> values);

  const PackedWeight &weight;
  int64_t layer;
  ByteSink sink;
  std::vector<const TensorInfo *> tensors;
  std::vector<float> source, block;
};

} // namespace

/// Index of a padded element among the real ones, or -1 for padding.
static int64_t realIndex(const Grouping &grouping, int64_t padded) {
  int64_t group = padded / grouping.stride, inside = padded % grouping.stride;
  return inside < grouping.size ? group * grouping.size + inside : -1;
}

static llvm::Error wrongLayout(const PackedWeight &weight,
                               const llvm::Twine &problem) {
  return llvm::createStringError("packed weight '" + weight.name +
                                 "': " + problem);
}

llvm::Error Packer::emit(llvm::ArrayRef<float> values) {
  return sink({reinterpret_cast<const uint8_t *>(values.data()),
               values.size() * sizeof(float)});
}

llvm::Error Packer::pack(WeightSource find) {
  bool panels = weight.layout == PackedWeight::Layout::Panels16;
  int64_t expected =
      weight.columns.real() * (panels ? weight.depth.real() : weight.rows);
  for (const std::string &symbol : weight.sources) {
    llvm::Expected<const TensorInfo *> tensor = find(symbol, layer);
    if (!tensor)
      return tensor.takeError();
    if ((*tensor)->elements() != expected)
      return wrongLayout(weight, "expected " + llvm::Twine(expected) +
                                     " elements of tensor '" + (*tensor)->name +
                                     "', got " +
                                     llvm::Twine((*tensor)->elements()));
    tensors.push_back(*tensor);
  }
  if (!panels) {
    if (llvm::Error error = packRows())
      return error;
  }
  for (const TensorInfo *tensor : tensors) {
    if (panels)
      if (llvm::Error error = packPanels(*tensor))
        return error;
    tensor->file->release(*tensor);
  }
  return llvm::Error::success();
}

/// Panel p, k, j = W[16p + j][k], through the padding of both axes.
llvm::Error Packer::packPanels(const TensorInfo &tensor) {
  int64_t depth = weight.depth.real(), paddedDepth = weight.depth.padded();
  source.resize(panelColumns * depth);
  for (int64_t first = 0; first < weight.columns.padded();
       first += panelColumns) {
    block.assign(panelColumns * paddedDepth, 0.0f);
    for (int64_t j = 0; j < panelColumns; ++j) {
      int64_t row = realIndex(weight.columns, first + j);
      if (row < 0)
        continue;
      float *values = source.data() + j * depth;
      if (llvm::Error error =
              tensor.file->readAsF32(tensor, row * depth, depth, values))
        return error;
      for (int64_t group = 0; group < weight.depth.count; ++group) {
        float *to = block.data() + group * weight.depth.stride * panelColumns;
        const float *from = values + group * weight.depth.size;
        for (int64_t k = 0; k < weight.depth.size; ++k)
          to[k * panelColumns + j] = from[k];
      }
    }
    if (llvm::Error error = emit(block))
      return error;
  }
  return llvm::Error::success();
}

/// Rows of all sources side by side, each with its padding.
llvm::Error Packer::packRows() {
  int64_t columns = weight.columns.real(), padded = weight.columns.padded();
  int64_t width = padded * int64_t(tensors.size());
  int64_t atOnce = std::clamp<int64_t>(blockElements / width, 1, weight.rows);
  source.resize(atOnce * columns);
  for (int64_t first = 0; first < weight.rows; first += atOnce) {
    int64_t rows = std::min(atOnce, weight.rows - first);
    block.assign(rows * width, 0.0f);
    for (auto [number, tensor] : llvm::enumerate(tensors)) {
      if (llvm::Error error = tensor->file->readAsF32(
              *tensor, first * columns, rows * columns, source.data()))
        return error;
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t group = 0; group < weight.columns.count; ++group)
          std::copy_n(source.data() + row * columns +
                          group * weight.columns.size,
                      weight.columns.size,
                      block.data() + row * width + int64_t(number) * padded +
                          group * weight.columns.stride);
    }
    if (llvm::Error error = emit(block))
      return error;
  }
  return llvm::Error::success();
}

static llvm::Error checkWeight(const PackedWeight &weight) {
  bool panels = weight.layout == PackedWeight::Layout::Panels16;
  auto bad = [](const Grouping &grouping) {
    return grouping.count < 1 || grouping.size < 1 ||
           grouping.stride < grouping.size;
  };
  if (weight.sources.empty() || weight.layers < 1 || weight.rows < 1 ||
      bad(weight.columns) || (panels && bad(weight.depth)))
    return wrongLayout(weight, "expected positive sizes");
  if (panels && weight.columns.padded() % panelColumns != 0)
    return wrongLayout(weight, "expected columns in panels of 16, got " +
                                   llvm::Twine(weight.columns.padded()));
  return llvm::Error::success();
}

llvm::Error bertc::packWeights(const WeightLayout &layout, WeightSource source,
                               ByteSink sink) {
  std::vector<Piece> pieces;
  for (const PackedWeight &weight : layout.weights) {
    if (llvm::Error error = checkWeight(weight))
      return error;
    for (int64_t layer = 0; layer < weight.layers; ++layer)
      pieces.push_back(
          {&weight, layer, weight.offset + layer * weight.layerStride});
  }
  llvm::sort(pieces, [](const Piece &a, const Piece &b) {
    return a.offset < b.offset;
  });

  int64_t at = 0;
  std::vector<uint8_t> zeros;
  auto fillTo = [&](int64_t offset) {
    zeros.resize(std::max<size_t>(zeros.size(), offset - at));
    llvm::Error error =
        offset > at
            ? sink(llvm::ArrayRef<uint8_t>(zeros).take_front(offset - at))
            : llvm::Error::success();
    at = offset;
    return error;
  };
  for (const Piece &piece : pieces) {
    if (piece.offset < at || piece.offset + piece.weight->bytes() > layout.size)
      return wrongLayout(*piece.weight,
                         "layer " + llvm::Twine(piece.layer) + " at byte " +
                             llvm::Twine(piece.offset) +
                             " overlaps another or leaves the segment");
    if (llvm::Error error = fillTo(piece.offset))
      return error;
    if (llvm::Error error = Packer(piece, sink).pack(source))
      return error;
    at += piece.weight->bytes();
  }
  return fillTo(layout.size);
}
