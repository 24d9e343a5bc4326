//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A packed weight is made block by block: a panel of 16 columns, or as many
// rows as fill a buffer. Columns are gathered as float32 and converted; the k
// steps that lie together are four bytes in every element type, so that one
// loop lays out the panels of all.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/PackWeights.h"
#include "compiler/Emit/Narrow.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

using namespace bertc;
using Element = PackedWeight::Element;
using Derived = PackedWeight::Derived;

static constexpr int64_t panelColumns = 16;
static constexpr int64_t blockElements = int64_t(1) << 18; // 1 MiB of float32

namespace {

/// One layer's copy of a packed weight.
struct Piece {
  const PackedWeight *weight;
  int64_t layer;
  int64_t offset;
};

/// What int8 needs to know of each column (row of the tensor).
struct Int8Columns {
  std::vector<float> scales;
  std::vector<int32_t> sums;
  /// What the elements of a column are multiplied with before all else; empty:
  /// 1. The same for all tensors of a packed weight.
  std::vector<float> factors;
};

/// The columns of the tensors of the layer at hand, found once for the panels
/// and the vectors derived from them.
using Int8Cache = std::map<const TensorInfo *, Int8Columns>;

/// One piece with its tensors.
class Packer {
public:
  Packer(const Piece &piece, Int8Cache &cache, ByteSink sink,
         InputRanges ranges)
      : weight(*piece.weight), layer(piece.layer), cache(cache), sink(sink),
        ranges(ranges) {}

  llvm::Error pack(WeightSource source);

private:
  llvm::Error findTensors(WeightSource find);
  llvm::Error packPanels(const TensorInfo &tensor);
  llvm::Error packPanel(const TensorInfo &tensor, int64_t first);
  llvm::Error packPlane(const TensorInfo &tensor, int64_t plane);
  void narrow(const float *column, int64_t part, float scale);
  llvm::Error packRows();
  llvm::Error packDerived();
  llvm::Error packSmoothing();
  llvm::Error readColumn(const TensorInfo &tensor, int64_t row,
                         llvm::ArrayRef<float> factors, float *values);
  llvm::Expected<std::vector<float>> smoothingFactors();
  llvm::Expected<const Int8Columns *> int8Columns(const TensorInfo &tensor);
  template <typename T> llvm::Error emit(const std::vector<T> &values) {
    return sink({reinterpret_cast<const uint8_t *>(values.data()),
                 values.size() * sizeof(T)});
  }

  const PackedWeight &weight;
  int64_t layer;
  Int8Cache &cache;
  ByteSink sink;
  InputRanges ranges;
  std::vector<const TensorInfo *> tensors;
  std::vector<float> source, block;
  std::vector<uint8_t> bytes;
  std::vector<uint32_t> panel;
};

} // namespace

/// Index of a padded element among the real ones, or -1 for padding.
static int64_t realIndex(const Grouping &grouping, int64_t padded) {
  int64_t group = padded / grouping.stride, inside = padded % grouping.stride;
  return inside < grouping.size ? group * grouping.size + inside : -1;
}

/// Real elements to their padded places; what lies between is left as it is.
template <typename T>
static void spread(const Grouping &grouping, const T *from, T *to) {
  for (int64_t group = 0; group < grouping.count; ++group)
    std::copy_n(from + group * grouping.size, grouping.size,
                to + group * grouping.stride);
}

static llvm::Error wrongLayout(const PackedWeight &weight,
                               const llvm::Twine &problem) {
  return llvm::createStringError("packed weight '" + weight.name +
                                 "': " + problem);
}

llvm::Error Packer::findTensors(WeightSource find) {
  bool matrix = weight.layout != PackedWeight::Layout::Rows ||
                weight.derived != Derived::None;
  int64_t expected =
      weight.columns.real() * (matrix ? weight.depth.real() : weight.rows);
  for (const std::string &symbol : weight.sources) {
    llvm::Expected<const TensorInfo *> tensor = find(symbol, layer);
    if (!tensor)
      return tensor.takeError();
    if (*tensor && (*tensor)->elements() != expected)
      return wrongLayout(weight, "expected " + llvm::Twine(expected) +
                                     " elements of tensor '" + (*tensor)->name +
                                     "', got " +
                                     llvm::Twine((*tensor)->elements()));
    tensors.push_back(*tensor);
  }
  return llvm::Error::success();
}

llvm::Error Packer::pack(WeightSource find) {
  if (llvm::Error error = findTensors(find))
    return error;
  if (llvm::is_contained(tensors, nullptr)) {
    if (llvm::any_of(tensors, [](const TensorInfo *tensor) { return tensor; }))
      return wrongLayout(weight, "expected all of its tensors or none");
    block.assign(weight.bytes() / sizeof(float), 0.0f);
    return emit(block);
  }
  if (weight.derived != Derived::None)
    return packDerived();
  if (weight.layout == PackedWeight::Layout::Rows) {
    if (llvm::Error error = packRows())
      return error;
  }
  if (weight.layout == PackedWeight::Layout::Planes)
    for (int64_t plane = 0; plane < weight.planes; ++plane)
      for (const TensorInfo *tensor : tensors)
        if (llvm::Error error = packPlane(*tensor, plane))
          return error;
  for (const TensorInfo *tensor : tensors) {
    if (weight.layout == PackedWeight::Layout::Panels16)
      if (llvm::Error error = packPanels(*tensor))
        return error;
    tensor->file->release(*tensor);
  }
  return llvm::Error::success();
}

llvm::Error Packer::packPanels(const TensorInfo &tensor) {
  for (int64_t first = 0; first < weight.columns.padded();
       first += panelColumns)
    if (llvm::Error error = packPanel(tensor, first))
      return error;
  return llvm::Error::success();
}

/// Element k of column j = W[first + j][k], through the padding of both axes.
llvm::Error Packer::packPanel(const TensorInfo &tensor, int64_t first) {
  int64_t depth = weight.depth.real(), padded = weight.panelDepth();
  const Int8Columns *columns = nullptr;
  llvm::ArrayRef<float> factors;
  if (weight.element == Element::Int8) {
    auto found = int8Columns(tensor);
    if (!found)
      return found.takeError();
    columns = *found;
    factors = columns->factors;
  }
  int64_t parts = weight.element == Element::BF16Split ? 2 : 1;
  int64_t steps = padded * weight.elementBytes() / parts / 4;
  source.resize(depth);
  block.assign(padded, 0.0f);
  bytes.resize(steps * sizeof(uint32_t));
  panel.assign(parts * steps * panelColumns, 0);
  for (int64_t j = 0; j < panelColumns; ++j) {
    int64_t row = realIndex(weight.columns, first + j);
    if (row < 0)
      continue;
    if (llvm::Error error = readColumn(tensor, row, factors, source.data()))
      return error;
    std::fill(block.begin(), block.end(), 0.0f); // the last column, turned
    spread(weight.depth, source.data(), block.data());
    if (columns)
      rotate(llvm::MutableArrayRef(block).take_front(weight.depth.padded()),
             weight.rotation);
    for (int64_t part = 0; part < parts; ++part) {
      narrow(block.data(), part, columns ? columns->scales[row] : 0.0f);
      uint32_t *to = panel.data() + part * steps * panelColumns + j;
      for (int64_t step = 0; step < steps; ++step)
        std::memcpy(to + step * panelColumns, bytes.data() + step * 4, 4);
    }
  }
  return emit(panel);
}

/// What the packed type has no number for, such as nan for int8.
static llvm::Error cannotHold(const TensorInfo &tensor, int64_t row,
                              int64_t column, float value, const char *type) {
  std::string text = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (std::isfinite(value)) {
    text.clear();
    llvm::raw_string_ostream(text) << llvm::format("%g", double(value));
  }
  return makeError(Diagnostic(
      ExitCode::BadModel, tensor.file->locate(tensor),
      "tensor " + quoted(tensor.name) + " has the value " + text + " in row " +
          std::to_string(row) + ", column " + std::to_string(column) +
          ", which " + type + " cannot hold",
      "compile with --precision=bf16 or f32"));
}

/// Row j of the plane = W[j], through the padding of both axes.
llvm::Error Packer::packPlane(const TensorInfo &tensor, int64_t plane) {
  source.resize(weight.depth.real());
  bytes.resize(weight.depth.padded() * weight.elementBytes());
  const Int8Columns *columns = nullptr;
  if (weight.element == Element::Int8) {
    auto found = int8Columns(tensor);
    if (!found)
      return found.takeError();
    columns = *found;
  }
  for (int64_t column = 0; column < weight.columns.padded(); ++column) {
    block.assign(weight.depth.padded(), 0.0f);
    float scale = 0;
    if (int64_t row = realIndex(weight.columns, column); row >= 0) {
      if (llvm::Error error =
              readColumn(tensor, row,
                         columns ? llvm::ArrayRef<float>(columns->factors)
                                 : llvm::ArrayRef<float>(),
                         source.data()))
        return error;
      spread(weight.depth, source.data(), block.data());
      scale = columns ? columns->scales[row] : 0;
    }
    if (columns) {
      rotate(block, weight.rotation);
      toInt8(block, scale, reinterpret_cast<int8_t *>(bytes.data()));
    } else if (weight.element == Element::F16) {
      for (auto [k, value] : llvm::enumerate(block))
        if (!fitsF16(value))
          return cannotHold(tensor, realIndex(weight.columns, column),
                            realIndex(weight.depth, int64_t(k)), value,
                            "float16");
      toF16(block, bytes.data());
    } else {
      plane ? restOfBF16(block, bytes.data(), plane)
            : toBF16(block, bytes.data());
    }
    if (llvm::Error error = emit(bytes))
      return error;
  }
  return llvm::Error::success();
}

/// Fills `bytes` with one padded column in the packed type.
void Packer::narrow(const float *column, int64_t part, float scale) {
  llvm::ArrayRef<float> values(column, weight.panelDepth());
  switch (weight.element) {
  case Element::F32:
    std::memcpy(bytes.data(), column, bytes.size());
    return;
  case Element::BF16:
  case Element::BF16Split:
    part ? restOfBF16(values, bytes.data()) : toBF16(values, bytes.data());
    return;
  case Element::Int8:
    toInt8(values, scale, reinterpret_cast<int8_t *>(bytes.data()));
    return;
  case Element::F16:
    toF16(values, bytes.data());
    return;
  }
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
        spread(weight.columns, source.data() + row * columns,
               block.data() + row * width + int64_t(number) * padded);
    }
    if (llvm::Error error = emit(block))
      return error;
  }
  return llvm::Error::success();
}

/// One row of a tensor, multiplied with `factors` if there are any.
llvm::Error Packer::readColumn(const TensorInfo &tensor, int64_t row,
                               llvm::ArrayRef<float> factors, float *values) {
  int64_t depth = weight.depth.real();
  if (llvm::Error error =
          tensor.file->readAsF32(tensor, row * depth, depth, values))
    return error;
  for (size_t k = 0; k < factors.size(); ++k)
    values[k] *= factors[k];
  return llvm::Error::success();
}

/// What the weights are multiplied with and x is divided by; empty without
/// calibration.
llvm::Expected<std::vector<float>> Packer::smoothingFactors() {
  llvm::ArrayRef<float> inputs =
      ranges ? ranges(weight.sources.front(), layer) : llvm::ArrayRef<float>();
  if (inputs.empty())
    return std::vector<float>();
  int64_t depth = weight.depth.real();
  if (int64_t(inputs.size()) != depth)
    return wrongLayout(weight, "expected " + llvm::Twine(depth) +
                                   " ranges of its input, got " +
                                   llvm::Twine(inputs.size()));
  std::vector<float> largest(depth), values(depth);
  for (const TensorInfo *tensor : tensors)
    for (int64_t row = 0; row < weight.columns.real(); ++row) {
      if (llvm::Error error = readColumn(*tensor, row, {}, values.data()))
        return error;
      for (int64_t k = 0; k < depth; ++k)
        largest[k] = std::max(largest[k], std::fabs(values[k]));
    }
  return smoothing(inputs, largest);
}

/// One value a k step, with its padding.
llvm::Error Packer::packSmoothing() {
  auto columns = int8Columns(*tensors.front());
  if (!columns)
    return columns.takeError();
  block.assign(weight.depth.padded(), 1.0f);
  std::vector<float> inverse;
  for (float factor : (*columns)->factors)
    inverse.push_back(1 / factor);
  if (!inverse.empty())
    spread(weight.depth, inverse.data(), block.data());
  return emit(block);
}

/// One value a column of all sources side by side, each with its padding.
llvm::Error Packer::packDerived() {
  if (weight.derived == Derived::Smoothing)
    return packSmoothing();
  int64_t padded = weight.columns.padded();
  block.assign(padded * int64_t(tensors.size()), 0.0f);
  std::vector<int32_t> sums(block.size());
  for (auto [number, tensor] : llvm::enumerate(tensors)) {
    auto columns = int8Columns(*tensor);
    if (!columns)
      return columns.takeError();
    int64_t at = int64_t(number) * padded;
    spread(weight.columns, (*columns)->scales.data(), block.data() + at);
    spread(weight.columns, (*columns)->sums.data(), sums.data() + at);
  }
  return weight.derived == Derived::Scale ? emit(block) : emit(sums);
}

llvm::Expected<const Int8Columns *>
Packer::int8Columns(const TensorInfo &tensor) {
  auto [entry, inserted] = cache.try_emplace(&tensor);
  Int8Columns &columns = entry->second;
  if (!inserted)
    return &columns;
  auto factors = smoothingFactors();
  if (!factors)
    return factors.takeError();
  columns.factors = std::move(*factors);
  int64_t depth = weight.depth.real();
  std::vector<float> values(depth);
  std::vector<int8_t> stored(weight.depth.padded());
  std::vector<float> rotated(stored.size());
  for (int64_t row = 0; row < weight.columns.real(); ++row) {
    if (llvm::Error error =
            readColumn(tensor, row, columns.factors, values.data()))
      return error;
    std::fill(rotated.begin(), rotated.end(), 0.0f);
    spread(weight.depth, values.data(), rotated.data());
    if (!std::isfinite(int8Scale(rotated)))
      for (auto [column, value] : llvm::enumerate(values))
        if (!std::isfinite(value))
          return cannotHold(tensor, row, int64_t(column), value, "int8");
    rotate(rotated, weight.rotation);
    float scale = int8Scale(rotated);
    columns.scales.push_back(scale);
    columns.sums.push_back(toInt8(rotated, scale, stored.data()));
  }
  return &columns;
}

static llvm::Error checkWeight(const PackedWeight &weight) {
  bool panels = weight.layout == PackedWeight::Layout::Panels16;
  bool planes = weight.layout == PackedWeight::Layout::Planes;
  auto bad = [](const Grouping &grouping) {
    return grouping.count < 1 || grouping.size < 1 ||
           grouping.stride < grouping.size;
  };
  bool derived = weight.derived != Derived::None;
  if (weight.sources.empty() || weight.layers < 1 || weight.rows < 1 ||
      bad(weight.columns) ||
      ((panels || planes || derived) && bad(weight.depth)))
    return wrongLayout(weight, "expected positive sizes");
  bool half = weight.element == Element::F16;
  bool single = half || weight.element == Element::Int8;
  if (planes && weight.planes < 1)
    return wrongLayout(weight, "expected one plane or more");
  if (planes && weight.element != Element::BF16 &&
      !(single && weight.planes == 1))
    return wrongLayout(
        weight, "expected planes of bfloat16, or one of float16 or int8");
  if (panels && half)
    return wrongLayout(weight, "expected float16 in a plane");
  if (!panels && !planes && weight.element != Element::F32)
    return wrongLayout(weight, "expected float32 in rows");
  if (weight.rotation < 1 || !llvm::isPowerOf2_64(weight.rotation) ||
      (weight.rotation > 1 && weight.depth.padded() % weight.rotation != 0))
    return wrongLayout(weight, "expected a rotation of a power of two that "
                               "divides the depth, got " +
                                   llvm::Twine(weight.rotation));
  if (derived && (panels || weight.rows != 1))
    return wrongLayout(weight, "expected one row of a derived vector");
  if (panels && weight.columns.padded() % panelColumns != 0)
    return wrongLayout(weight, "expected columns in panels of 16, got " +
                                   llvm::Twine(weight.columns.padded()));
  return llvm::Error::success();
}

llvm::Error bertc::packWeights(const WeightLayout &layout, WeightSource source,
                               ByteSink sink, InputRanges ranges) {
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
  Int8Cache cache;
  int64_t cachedLayer = 0;
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
    if (piece.layer != cachedLayer)
      cache.clear();
    cachedLayer = piece.layer;
    if (llvm::Error error = Packer(piece, cache, sink, ranges).pack(source))
      return error;
    at += piece.weight->bytes();
  }
  return fillTo(layout.size);
}
