//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Deliberately the slow way: every element is placed on its own, and rounding
// to bfloat16 compares the two neighbours.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Emit/PackedTensors.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <cstring>

using namespace bertc;
using namespace bertc::test;
using Element = PackedWeight::Element;
using Derived = PackedWeight::Derived;

void PackedTensors::add(const std::string &name, std::vector<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  std::vector<float> &data = values[name];
  for (int64_t i = 0; i < count; ++i)
    data.push_back(std::sin(float(i + 1000 * int64_t(values.size()))));
  order.push_back({name, shape});
}

void PackedTensors::open() {
  std::string header = "{", bytes;
  for (const auto &[name, shape] : order) {
    const std::vector<float> &data = values[name];
    size_t begin = bytes.size();
    bytes.append(reinterpret_cast<const char *>(data.data()),
                 data.size() * sizeof(float));
    header += (header.size() > 1 ? ",\"" : "\"") + name +
              "\":{\"dtype\":\"F32\",\"shape\":" + formatShape(shape) +
              ",\"data_offsets\":[" + std::to_string(begin) + "," +
              std::to_string(bytes.size()) + "]}";
  }
  header += "}";
  uint64_t size = header.size();
  std::string file(reinterpret_cast<const char *>(&size), sizeof(size));
  folder.write("w.safetensors", file + header + bytes);
  auto opened = SafetensorsFile::open(folder.path("w.safetensors"));
  ASSERT_TRUE(bool(opened)) << llvm::toString(opened.takeError());
  tensors = std::move(*opened);
}

static std::string nameOf(llvm::StringRef symbol, int64_t layer) {
  return (symbol + "." + llvm::Twine(layer)).str();
}

llvm::Expected<std::vector<uint8_t>>
PackedTensors::pack(const WeightLayout &layout) {
  std::vector<uint8_t> bytes;
  auto source = [&](llvm::StringRef symbol,
                    int64_t layer) -> llvm::Expected<const TensorInfo *> {
    for (const TensorInfo &tensor : tensors->getTensors())
      if (tensor.name == nameOf(symbol, layer))
        return &tensor;
    return llvm::createStringError("no tensor '" + symbol + "'");
  };
  auto ranges = [&](llvm::StringRef symbol,
                    int64_t layer) -> llvm::ArrayRef<float> {
    return inputRanges[nameOf(symbol, layer)];
  };
  auto sink = [&](llvm::ArrayRef<uint8_t> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return llvm::Error::success();
  };
  llvm::Error error = packWeights(layout, source, sink, ranges);
  if (error)
    return error;
  return bytes;
}

std::string PackedTensors::packError(const WeightLayout &layout) {
  open();
  auto packed = pack(layout);
  return packed ? "no error" : llvm::toString(packed.takeError());
}

std::vector<uint8_t> PackedTensors::reference(const WeightLayout &layout) {
  std::vector<uint8_t> result(layout.size);
  for (const PackedWeight &weight : layout.weights)
    for (int64_t layer = 0; layer < weight.layers; ++layer)
      for (size_t source = 0; source < weight.sources.size(); ++source)
        fill(weight, layer, source,
             result.data() + weight.offset + layer * weight.layerStride);
  return result;
}

static int64_t position(const Grouping &g, int64_t i) {
  return i / g.size * g.stride + i % g.size;
}

template <typename T> static void put(uint8_t *to, int64_t index, T value) {
  std::memcpy(to + index * sizeof(T), &value, sizeof(T));
}

static float widened(uint16_t value) {
  uint32_t bits = uint32_t(value) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

/// The nearer of the two bfloat16 around `value`, the even one of two equals.
static uint16_t nearest(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  uint16_t below = bits >> 16, above = below + 1;
  double toBelow = std::fabs(double(value) - widened(below));
  double toAbove = std::fabs(double(value) - widened(above));
  if (toBelow == toAbove)
    return below % 2 ? above : below;
  return toBelow < toAbove ? below : above;
}

static float scaleOf(const float *column, int64_t depth) {
  float largest = 0;
  for (int64_t k = 0; k < depth; ++k)
    largest = std::fmax(largest, std::fabs(column[k]));
  return largest / 127;
}

static int int8Of(float value, float scale) {
  return scale == 0 ? 0 : int(std::nearbyint(value / scale));
}

/// sqrt(range of x / range of the weights) for each k step, or 1.
std::vector<float> PackedTensors::factors(const PackedWeight &w,
                                          int64_t layer) {
  int64_t depth = w.depth.real();
  std::vector<float> result(depth, 1.0f);
  const std::vector<float> &x = inputRanges[nameOf(w.sources[0], layer)];
  for (int64_t k = 0; k < depth && !x.empty(); ++k) {
    float largest = 0;
    for (const std::string &source : w.sources)
      for (int64_t c = 0; c < w.columns.real(); ++c)
        largest = std::fmax(
            largest, std::fabs(values[nameOf(source, layer)][c * depth + k]));
    result[k] = std::sqrt(x[k]) / std::sqrt(largest);
  }
  return result;
}

/// Rows [columns][depth], with the padding of depth, times H / rotation, by the
/// definition of H.
static std::vector<float> rotated(const PackedWeight &w,
                                  const std::vector<float> &source) {
  int64_t real = w.depth.real(), padded = w.depth.padded();
  std::vector<float> data(w.columns.real() * padded), result(data.size());
  for (size_t i = 0; i < source.size(); ++i)
    data[i / real * padded + position(w.depth, i % real)] = source[i];
  int64_t size = w.rotation;
  for (size_t i = 0; i < data.size(); ++i) {
    double sum = 0;
    size_t first = i / size * size;
    for (int64_t j = 0; j < size; ++j)
      sum +=
          (llvm::popcount(uint64_t(i - first) & uint64_t(j)) % 2 ? -1.0 : 1.0) *
          data[first + j];
    result[i] = float(sum / double(size));
  }
  return result;
}

void PackedTensors::fill(const PackedWeight &w, int64_t layer, int64_t source,
                         uint8_t *to) {
  std::vector<float> data = values[nameOf(w.sources[source], layer)];
  if (w.derived != Derived::None || w.element == Element::Int8) {
    std::vector<float> by = factors(w, layer);
    for (size_t i = 0; i < data.size(); ++i)
      data[i] *= by[i % by.size()];
    if (w.derived == Derived::Smoothing) {
      for (int64_t k = 0; k < w.depth.padded(); ++k)
        put(to, k, 1.0f);
      for (int64_t k = 0; k < w.depth.real(); ++k)
        put(to, position(w.depth, k), 1 / by[k]);
      return;
    }
  }
  Grouping inner = w.depth;
  if (w.rotation > 1) {
    data = rotated(w, data);
    inner = {1, w.depth.padded(), w.depth.padded()};
  }
  int64_t padded = w.columns.padded();
  bool panels = w.layout == PackedWeight::Layout::Panels16;
  bool plane = w.layout == PackedWeight::Layout::Planes; // of int8
  bool matrix = panels || plane || w.derived != Derived::None;
  int64_t depth = matrix ? inner.real() : w.rows;
  int64_t steps = w.panelDepth();
  for (int64_t c = 0; c < w.columns.real(); ++c) {
    int64_t column = source * padded + position(w.columns, c);
    int64_t panel = column / 16, j = column % 16;
    float scale = matrix ? scaleOf(data.data() + c * depth, depth) : 0;
    int32_t sum = 0;
    for (int64_t k = 0; k < depth; ++k) {
      if (!matrix) {
        put(to, k * padded * int64_t(w.sources.size()) + column,
            data[k * w.columns.real() + c]);
        continue;
      }
      float value = data[c * depth + k];
      int64_t at = position(inner, k);
      int8_t rounded = int8Of(value, scale);
      uint16_t high = nearest(value), low = nearest(value - widened(high));
      sum += rounded;
      if (plane)
        put(to, column * w.depth.padded() + at, rounded);
      if (!panels)
        continue;
      switch (w.element) {
      case Element::F32:
        put(to, (panel * steps + at) * 16 + j, value);
        break;
      case Element::BF16:
        put(to, ((panel * steps / 2 + at / 2) * 16 + j) * 2 + at % 2, high);
        break;
      case Element::BF16Split:
        put(to, ((panel * steps + at / 2) * 16 + j) * 2 + at % 2, high);
        put(to, ((panel * steps + steps / 2 + at / 2) * 16 + j) * 2 + at % 2,
            low);
        break;
      case Element::Int8:
        put(to, ((panel * steps / 4 + at / 4) * 16 + j) * 4 + at % 4, rounded);
        break;
      }
    }
    if (w.derived == Derived::Scale)
      put(to, column, scale);
    if (w.derived == Derived::ColumnSum)
      put(to, column, sum);
  }
}

void PackedTensors::expectPacked(const WeightLayout &layout) {
  open();
  auto packed = pack(layout);
  ASSERT_TRUE(bool(packed)) << llvm::toString(packed.takeError());
  std::vector<uint8_t> expected = reference(layout);
  ASSERT_EQ(packed->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_EQ((*packed)[i], expected[i]) << "byte " << i;
}

PackedWeight test::panels(std::vector<std::string> sources, Grouping columns,
                          Grouping depth, Element element) {
  PackedWeight weight;
  weight.name = sources.front();
  weight.sources = std::move(sources);
  weight.layout = PackedWeight::Layout::Panels16;
  weight.element = element;
  weight.columns = columns;
  weight.depth = depth;
  return weight;
}

PackedWeight test::rows(std::vector<std::string> sources, Grouping columns,
                        int64_t count) {
  PackedWeight weight;
  weight.name = sources.front();
  weight.sources = std::move(sources);
  weight.columns = columns;
  weight.rows = count;
  return weight;
}

PackedWeight test::derived(Derived what, std::vector<std::string> sources,
                           Grouping columns, Grouping depth) {
  PackedWeight weight = rows(std::move(sources), columns, 1);
  weight.derived = what;
  weight.depth = depth;
  return weight;
}
