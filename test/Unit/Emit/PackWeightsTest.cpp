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
#include "test/Unit/Emit/PackedTensors.h"

using namespace bertc;
using namespace bertc::test;

namespace {
using PackWeights = PackedTensors;
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
  WeightLayout layout;
  layout.weights = {panels({"w"}, {1, 16, 16}, {1, 16, 16})};
  layout.size = 4096;
  std::string message = packError(layout);
  EXPECT_NE(message.find("expected 256 elements of tensor 'w.0', got 240"),
            std::string::npos)
      << message;
}

TEST_F(PackWeights, OverlapAndOverflowAreErrors) {
  add("a.0", {16});
  add("b.0", {16});
  for (int64_t offset : {32, 4064}) {
    WeightLayout layout;
    layout.weights = {rows({"a"}, {1, 16, 16}, 1), rows({"b"}, {1, 16, 16}, 1)};
    layout.weights[1].offset = offset;
    layout.size = 4096;
    std::string message = packError(layout);
    EXPECT_NE(message.find("'b'"), std::string::npos) << message;
  }
}
