//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights narrower than float32, and what is derived from them.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Emit/PackedTensors.h"
#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <limits>

using namespace bertc;
using namespace bertc::test;
using ::testing::HasSubstr;
using Element = PackedWeight::Element;
using Derived = PackedWeight::Derived;

namespace {

class PackNarrow : public PackedTensors {
protected:
  /// Packs one after another, each from its own multiple of 64 bytes.
  static WeightLayout layoutOf(std::vector<PackedWeight> weights) {
    WeightLayout layout;
    for (PackedWeight &weight : weights) {
      weight.offset = layout.size;
      layout.size += (weight.bytes() + 63) / 64 * 64;
    }
    layout.weights = std::move(weights);
    return layout;
  }
};

} // namespace

TEST_F(PackNarrow, EveryElementWithTailsOfBothAxes) {
  add("w.0", {21, 35});
  Grouping columns{1, 21, 32}, depth{1, 35, 48};
  WeightLayout layout =
      layoutOf({panels({"w"}, columns, depth, Element::BF16),
                panels({"w"}, columns, depth, Element::BF16Split),
                panels({"w"}, columns, depth, Element::Int8),
                derived(Derived::Scale, {"w"}, columns, depth),
                derived(Derived::ColumnSum, {"w"}, columns, depth)});
  EXPECT_EQ(layout.weights[0].panelDepth(), 64);
  EXPECT_EQ(layout.weights[2].panelDepth(), 64);
  EXPECT_EQ(layout.size, 32 * (64 * (2 + 4 + 1) + 4 + 4));
  expectPacked(layout);
}

// The order of pieces is that of the layout; a derived vector may come first.
TEST_F(PackNarrow, PaddedHeadsOfThreeSourcesSideBySide) {
  for (const char *name : {"q.0", "k.0", "v.0"})
    add(name, {3 * 5, 70});
  Grouping columns{3, 5, 16}, depth{1, 70, 80};
  std::vector<std::string> sources = {"q", "k", "v"};
  expectPacked(layoutOf({derived(Derived::ColumnSum, sources, columns, depth),
                         panels(sources, columns, depth, Element::Int8),
                         panels(sources, columns, depth, Element::BF16Split),
                         panels(sources, columns, depth, Element::BF16),
                         derived(Derived::Scale, sources, columns, depth)}));
}

TEST_F(PackNarrow, PaddedHeadsAsDepth) {
  add("w.0", {16, 3 * 17});
  Grouping columns{1, 16, 16}, depth{3, 17, 32};
  expectPacked(layoutOf({panels({"w"}, columns, depth, Element::Int8),
                         panels({"w"}, columns, depth, Element::BF16),
                         panels({"w"}, columns, depth, Element::BF16Split),
                         derived(Derived::ColumnSum, {"w"}, columns, depth)}));
}

// Each layer has scales of its own.
TEST_F(PackNarrow, Layers) {
  add("w.0", {16, 64});
  add("w.1", {16, 64});
  for (int64_t i = 0; i < 16 * 64; ++i)
    at("w.1", i) *= 3;
  Grouping columns{1, 16, 16}, depth{1, 64, 64};
  WeightLayout layout =
      layoutOf({panels({"w"}, columns, depth, Element::Int8),
                derived(Derived::Scale, {"w"}, columns, depth),
                derived(Derived::ColumnSum, {"w"}, columns, depth)});
  for (PackedWeight &weight : layout.weights) {
    weight.layers = 2;
    weight.layerStride = layout.size;
  }
  layout.size *= 2;
  expectPacked(layout);
}

// Columns are turned before their scale is found, with the padding of depth. Of
// integers all sums are exact.
TEST_F(PackNarrow, Rotated) {
  add("w.0", {16, 3 * 51});
  for (int64_t i = 0; i < 16 * 3 * 51; ++i)
    at("w.0", i) = float(i * 37 % 201 - 100);
  Grouping columns{1, 16, 16}, depth{3, 51, 64};
  for (int64_t rotation : {2, 16, 64}) {
    WeightLayout layout =
        layoutOf({panels({"w"}, columns, depth, Element::Int8),
                  derived(Derived::Scale, {"w"}, columns, depth),
                  derived(Derived::ColumnSum, {"w"}, columns, depth)});
    for (PackedWeight &weight : layout.weights)
      weight.rotation = rotation;
    expectPacked(layout);
  }
}

// As GPUs read them: the same integers, row by row.
TEST_F(PackNarrow, Int8InAPlane) {
  for (const char *name : {"q.0", "k.0"}) {
    add(name, {2 * 11, 3 * 51});
    for (int64_t i = 0; i < 2 * 11 * 3 * 51; ++i)
      at(name, i) = float((i + name[0]) * 37 % 201 - 100);
  }
  Grouping columns{2, 11, 16}, depth{3, 51, 64};
  for (int64_t rotation : {1, 64}) {
    WeightLayout layout =
        layoutOf({panels({"q", "k"}, columns, depth, Element::Int8),
                  derived(Derived::Scale, {"q", "k"}, columns, depth),
                  derived(Derived::ColumnSum, {"q", "k"}, columns, depth)});
    layout.weights[0].layout = PackedWeight::Layout::Planes;
    for (PackedWeight &weight : layout.weights)
      weight.rotation = rotation;
    expectPacked(layout);
  }
}

TEST_F(PackNarrow, Int8HasOnePlane) {
  add("w.0", {16, 48});
  WeightLayout layout =
      layoutOf({panels({"w"}, {1, 16, 16}, {1, 48, 48}, Element::Int8)});
  layout.weights[0].layout = PackedWeight::Layout::Planes;
  layout.weights[0].planes = 2;
  EXPECT_THAT(packError(layout), HasSubstr("or one of float16 or int8"));
}

TEST_F(PackNarrow, RotationHasToDivideTheDepth) {
  add("w.0", {16, 48});
  Grouping columns{1, 16, 16}, depth{1, 48, 48};
  for (int64_t rotation : {0, 12, 32}) {
    WeightLayout layout =
        layoutOf({panels({"w"}, columns, depth, Element::Int8)});
    layout.weights[0].rotation = rotation;
    EXPECT_THAT(packError(layout),
                HasSubstr("expected a rotation of a power of two that divides "
                          "the depth, got " +
                          std::to_string(rotation)));
  }
}

// What a k step of x is divided by, all weights of that step are multiplied
// with, whichever tensor they come from.
TEST_F(PackNarrow, SmoothingBalancesWeightsAndInputs) {
  for (const char *name : {"q.0", "k.0"})
    add(name, {2 * 8, 2 * 17});
  std::vector<float> ranges;
  for (int i = 0; i < 34; ++i)
    ranges.push_back(float(1 + i * i));
  setRanges("q.0", ranges);
  Grouping columns{2, 8, 16}, depth{2, 17, 32};
  std::vector<std::string> sources = {"q", "k"};
  expectPacked(layoutOf({derived(Derived::Scale, sources, columns, depth),
                         derived(Derived::ColumnSum, sources, columns, depth),
                         derived(Derived::Smoothing, sources, columns, depth),
                         panels(sources, columns, depth, Element::Int8),
                         panels(sources, columns, depth, Element::BF16)}));
}

TEST_F(PackNarrow, WithoutRangesNothingIsSmoothed) {
  add("w.0", {16, 34});
  Grouping columns{1, 16, 16}, depth{2, 17, 32};
  PackedWeight smoothing = derived(Derived::Smoothing, {"w"}, columns, depth);
  EXPECT_EQ(smoothing.bytes(), 4 * 64);
  open();
  auto packed = pack(layoutOf({smoothing}));
  ASSERT_TRUE(bool(packed)) << llvm::toString(packed.takeError());
  std::vector<float> expected(64, 1.0f), got(64);
  memcpy(got.data(), packed->data(), packed->size());
  EXPECT_EQ(got, expected);
}

TEST_F(PackNarrow, RangesOfAnotherSizeAreAnError) {
  add("w.0", {16, 34});
  setRanges("w.0", std::vector<float>(33, 1.0f));
  Grouping columns{1, 16, 16}, depth{1, 34, 48};
  EXPECT_THAT(
      packError(layoutOf({panels({"w"}, columns, depth, Element::Int8)})),
      HasSubstr("expected 34 ranges of its input, got 33"));
}

TEST_F(PackNarrow, ColumnsWithoutAnyScaleAreZero) {
  add("w.0", {16, 64});
  for (int64_t k = 0; k < 64; ++k) {
    at("w.0", 3 * 64 + k) = k % 2 ? 0.0f : -0.0f;
    at("w.0", 4 * 64 + k) = std::numeric_limits<float>::denorm_min();
  }
  Grouping columns{1, 16, 16}, depth{1, 64, 64};
  expectPacked(layoutOf({panels({"w"}, columns, depth, Element::Int8),
                         derived(Derived::Scale, {"w"}, columns, depth),
                         derived(Derived::ColumnSum, {"w"}, columns, depth)}));
}

TEST_F(PackNarrow, Int8RefusesWhatIsNotFinite) {
  add("w.0", {16, 64});
  Grouping columns{1, 16, 16}, depth{1, 64, 64};
  for (float value : {INFINITY, -INFINITY, std::nanf("")}) {
    at("w.0", 5 * 64 + 7) = value;
    std::string name = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    for (const PackedWeight &weight :
         {panels({"w"}, columns, depth, Element::Int8),
          derived(Derived::Scale, {"w"}, columns, depth)})
      EXPECT_THAT(packError(layoutOf({weight})),
                  HasSubstr("tensor 'w.0' has the value " + name +
                            " in row 5, column 7, which int8 cannot hold"));
  }
}

static PackedWeight planeOfF16(std::vector<std::string> sources,
                               Grouping columns, Grouping depth) {
  PackedWeight weight =
      panels(std::move(sources), columns, depth, Element::F16);
  weight.layout = PackedWeight::Layout::Planes;
  return weight;
}

// Rows of float16, with the padding of heads in both axes.
TEST_F(PackNarrow, PlaneOfF16) {
  for (const char *name : {"q.0", "k.0"})
    add(name, {2 * 3, 2 * 5});
  at("q.0", 7) = 65519.0f;
  at("k.0", 3) = 3e-8f; // becomes 2^-24, a half of which is 0
  at("k.0", 4) = 2e-8f;
  Grouping columns{2, 3, 16}, depth{2, 5, 16};
  open();
  auto packed = pack(layoutOf({planeOfF16({"q", "k"}, columns, depth)}));
  ASSERT_TRUE(bool(packed)) << llvm::toString(packed.takeError());
  ASSERT_EQ(packed->size(), 2u * 2 * 32 * 32);
  auto real = [](int64_t i, int64_t size) {
    return i % 16 < size ? i / 16 * size + i % 16 : -1;
  };
  for (int64_t row = 0; row < 64; ++row)
    for (int64_t k = 0; k < 32; ++k) {
      int64_t from = real(row % 32, 3), step = real(k, 5);
      const char *name = row < 32 ? "q.0" : "k.0";
      _Float16 expected =
          from < 0 || step < 0 ? 0 : _Float16(at(name, from * 10 + step));
      _Float16 got;
      memcpy(&got, packed->data() + 2 * (row * 32 + k), sizeof(got));
      ASSERT_EQ(memcmp(&got, &expected, sizeof(got)), 0)
          << "row " << row << ", k " << k;
    }
}

TEST_F(PackNarrow, F16RefusesWhatItCannotHold) {
  add("w.0", {16, 3 * 17});
  Grouping columns{1, 16, 16}, depth{3, 17, 32};
  for (auto [value, name] :
       {std::pair(INFINITY, "inf"), std::pair(-INFINITY, "-inf"),
        std::pair(std::nanf(""), "nan"), std::pair(65520.0f, "65520"),
        std::pair(-1e6f, "-1e+06")}) {
    at("w.0", 5 * 51 + 20) = value;
    EXPECT_THAT(packError(layoutOf({planeOfF16({"w"}, columns, depth)})),
                HasSubstr(std::string("tensor 'w.0' has the value ") + name +
                          " in row 5, column 20, which float16 cannot hold"));
  }
}

TEST_F(PackNarrow, F16IsOnePlane) {
  add("w.0", {16, 64});
  Grouping columns{1, 16, 16}, depth{1, 64, 64};
  PackedWeight two = planeOfF16({"w"}, columns, depth);
  two.planes = 2;
  EXPECT_THAT(packError(layoutOf({two})),
              HasSubstr("expected planes of bfloat16, or one of float16"));
  EXPECT_THAT(
      packError(layoutOf({panels({"w"}, columns, depth, Element::F16)})),
      HasSubstr("expected float16 in a plane"));
}

TEST_F(PackNarrow, WhatALayoutCannotBe) {
  add("w.0", {16, 64});
  Grouping columns{1, 16, 16}, depth{1, 64, 64};
  PackedWeight narrow = rows({"w"}, columns, 64);
  narrow.element = Element::BF16;
  EXPECT_THAT(packError(layoutOf({narrow})),
              HasSubstr("expected float32 in rows"));
  PackedWeight wrong = derived(Derived::Scale, {"w"}, columns, depth);
  wrong.rows = 2;
  EXPECT_THAT(packError(layoutOf({wrong})),
              HasSubstr("expected one row of a derived vector"));
  EXPECT_THAT(
      packError(layoutOf({derived(Derived::Scale, {"w"}, columns, {})})),
      HasSubstr("expected positive sizes"));
}
