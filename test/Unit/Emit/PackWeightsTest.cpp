//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The packer against the definition of the layout, element by element.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/PackWeights.h"
#include "test/Unit/Import/TestModel.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>
#include <cstring>

using namespace bertc;
using namespace bertc::test;

namespace {

/// Tensors with a value of their own in every element.
class PackWeights : public ::testing::Test {
protected:
  void add(const std::string &name, std::vector<int64_t> shape) {
    int64_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    std::vector<float> &data = values[name];
    for (int64_t i = 0; i < count; ++i)
      data.push_back(std::sin(float(i + 1000 * int64_t(values.size()))));
    order.push_back({name, shape});
  }

  void open() {
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

  llvm::Expected<std::vector<float>> pack(const WeightLayout &layout) {
    std::vector<uint8_t> bytes;
    auto source = [&](llvm::StringRef symbol,
                      int64_t layer) -> llvm::Expected<const TensorInfo *> {
      for (const TensorInfo &tensor : tensors->getTensors())
        if (tensor.name == nameOf(symbol, layer))
          return &tensor;
      return llvm::createStringError("no tensor '" + symbol + "'");
    };
    llvm::Error error =
        packWeights(layout, source, [&](llvm::ArrayRef<uint8_t> piece) {
          bytes.insert(bytes.end(), piece.begin(), piece.end());
          return llvm::Error::success();
        });
    if (error)
      return error;
    std::vector<float> result(bytes.size() / sizeof(float));
    memcpy(result.data(), bytes.data(), bytes.size());
    return result;
  }

  /// What the comments of WeightLayout.h say, for one element at a time.
  std::vector<float> reference(const WeightLayout &layout) {
    std::vector<float> result(layout.size / sizeof(float), 0.0f);
    for (const PackedWeight &w : layout.weights)
      for (int64_t layer = 0; layer < w.layers; ++layer)
        for (size_t s = 0; s < w.sources.size(); ++s)
          fill(w, layer, s,
               result.data() + (w.offset + layer * w.layerStride) / 4);
    return result;
  }

  void fill(const PackedWeight &w, int64_t layer, int64_t s, float *to) {
    const std::vector<float> &data = values[nameOf(w.sources[s], layer)];
    int64_t padded = w.columns.padded();
    bool panels = w.layout == PackedWeight::Layout::Panels16;
    int64_t depth = panels ? w.depth.real() : w.rows;
    for (int64_t c = 0; c < w.columns.real(); ++c)
      for (int64_t k = 0; k < depth; ++k) {
        int64_t column = s * padded + position(w.columns, c);
        if (panels)
          to[(column / 16 * w.depth.padded() + position(w.depth, k)) * 16 +
             column % 16] = data[c * depth + k];
        else
          to[k * padded * int64_t(w.sources.size()) + column] =
              data[k * w.columns.real() + c];
      }
  }

  static int64_t position(const Grouping &g, int64_t i) {
    return i / g.size * g.stride + i % g.size;
  }

  void expectPacked(WeightLayout layout) {
    open();
    auto packed = pack(layout);
    ASSERT_TRUE(bool(packed)) << llvm::toString(packed.takeError());
    std::vector<float> expected = reference(layout);
    ASSERT_EQ(packed->size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ((*packed)[i], expected[i]) << "element " << i;
  }

  TemporaryFolder folder;
  std::map<std::string, std::vector<float>> values;
  std::vector<std::pair<std::string, std::vector<int64_t>>> order;
  std::unique_ptr<SafetensorsFile> tensors;
};

PackedWeight panels(std::vector<std::string> sources, Grouping columns,
                    Grouping depth) {
  PackedWeight weight;
  weight.name = sources.front();
  weight.sources = std::move(sources);
  weight.layout = PackedWeight::Layout::Panels16;
  weight.columns = columns;
  weight.depth = depth;
  return weight;
}

PackedWeight rows(std::vector<std::string> sources, Grouping columns,
                  int64_t count) {
  PackedWeight weight;
  weight.name = sources.front();
  weight.sources = std::move(sources);
  weight.columns = columns;
  weight.rows = count;
  return weight;
}

} // namespace

TEST_F(PackWeights, PlainPanels) {
  add("w.0", {32, 24});
  WeightLayout layout;
  layout.weights = {panels({"w"}, {1, 32, 32}, {1, 24, 24})};
  layout.size = 4096;
  expectPacked(layout);
}

TEST_F(PackWeights, TailsOfBothAxesAreZero) {
  add("w.0", {21, 19});
  WeightLayout layout;
  layout.weights = {panels({"w"}, {1, 21, 32}, {1, 19, 32})};
  layout.size = 8192;
  expectPacked(layout);
}

TEST_F(PackWeights, PaddedHeadsOfThreeSourcesSideBySide) {
  for (const char *name : {"q.0", "k.0", "v.0"})
    add(name, {3 * 5, 15});
  WeightLayout layout;
  layout.weights = {panels({"q", "k", "v"}, {3, 5, 16}, {1, 15, 16})};
  layout.size = 12288;
  expectPacked(layout);
}

TEST_F(PackWeights, PaddedHeadsAsDepth) {
  add("w.0", {16, 2 * 17});
  WeightLayout layout;
  layout.weights = {panels({"w"}, {1, 16, 16}, {2, 17, 32})};
  layout.size = 4096;
  expectPacked(layout);
}

TEST_F(PackWeights, RowsOfSeveralSourcesAndATableOfManyBlocks) {
  add("table.0", {40000, 20});
  add("a.0", {10});
  add("b.0", {10});
  WeightLayout layout;
  layout.weights = {rows({"table"}, {1, 20, 32}, 40000),
                    rows({"a", "b"}, {2, 5, 16}, 1)};
  layout.weights[1].offset = 40000 * 32 * 4;
  layout.size = layout.weights[1].offset + 4096;
  expectPacked(layout);
}

TEST_F(PackWeights, LayersInterleaveAndGapsAreZero) {
  for (int layer = 0; layer < 3; ++layer) {
    add("w." + std::to_string(layer), {16, 16});
    add("b." + std::to_string(layer), {16});
  }
  add("last.0", {16});
  WeightLayout layout;
  layout.weights = {panels({"w"}, {1, 16, 16}, {1, 16, 16}),
                    rows({"b"}, {1, 16, 16}, 1),
                    rows({"last"}, {1, 16, 16}, 1)};
  for (PackedWeight &weight : layout.weights) {
    weight.layers = 3;
    weight.layerStride = 1152;
  }
  layout.weights[0].offset = 64;
  layout.weights[1].offset = 64 + 1024;
  layout.weights[2].layers = 1;
  layout.weights[2].layerStride = 0;
  layout.weights[2].offset = 3904;
  layout.size = 4096;
  expectPacked(layout);
}

TEST_F(PackWeights, WrongShapeIsAnError) {
  add("w.0", {16, 15});
  open();
  WeightLayout layout;
  layout.weights = {panels({"w"}, {1, 16, 16}, {1, 16, 16})};
  layout.size = 4096;
  auto packed = pack(layout);
  ASSERT_FALSE(bool(packed));
  std::string message = llvm::toString(packed.takeError());
  EXPECT_NE(message.find("expected 256 elements of tensor 'w.0', got 240"),
            std::string::npos)
      << message;
}

TEST_F(PackWeights, OverlapAndOverflowAreErrors) {
  add("a.0", {16});
  add("b.0", {16});
  open();
  for (int64_t offset : {32, 4064}) {
    WeightLayout layout;
    layout.weights = {rows({"a"}, {1, 16, 16}, 1), rows({"b"}, {1, 16, 16}, 1)};
    layout.weights[1].offset = offset;
    layout.size = 4096;
    auto packed = pack(layout);
    ASSERT_FALSE(bool(packed));
    std::string message = llvm::toString(packed.takeError());
    EXPECT_NE(message.find("'b'"), std::string::npos) << message;
  }
}
