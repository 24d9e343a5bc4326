//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which elements are dropped, bit for bit as the interpreter drops them.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/Dropout.h"
#include "dialects/Enc/Reference/TrainingFunctions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/RandomFloats.h"

using namespace bertc;
using namespace bertc::test;
using mlir::enc::reference::dropoutFactor;
using mlir::enc::reference::DropoutSource;

namespace {
struct Case {
  int64_t width;
  double rate;
  int64_t layer; ///< -1: outside of the layers.
  int64_t head;
  bool adds;
};
class Dropout : public testing::TestWithParam<Case> {};
} // namespace

TEST_P(Dropout, DropsWhatTheReferenceDrops) {
  Case c = GetParam();
  constexpr int64_t rows = 5, first = 70001;
  RowShape shape{c.width, roundUp(c.width, 16) + 16};
  DropoutSource source{0xFEDCBA9876543210, 0xFFFFFFF0, 3,
                       uint32_t(std::max<int64_t>(c.layer, 0)), c.rate};
  std::vector<float> x = randomFloats(rows * shape.stride, 1);
  std::vector<float> plus = randomFloats(rows * shape.stride, 2);
  std::vector<float> y(rows * shape.stride, -7);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        auto integer = [&](uint64_t value) -> mlir::Value {
          return mlir::arith::ConstantOp::create(k.b, k.loc,
                                                 k.b.getI64IntegerAttr(value));
        };
        // What is above the 32 bits of a step does not count.
        DropoutOperands o =
            makeDropout(k, integer(source.seed),
                        integer(source.step + (1ull << 40)), source.site,
                        c.layer < 0 ? mlir::Value() : k.index(c.layer), c.rate);
        o.stream = addHead(k, o.stream, k.index(c.head));
        auto at = [&](int i) { return Place{buffers[i], k.index(0)}; };
        callDropout(k, shape, o, at(0), c.adds ? at(1) : Place(), at(2),
                    k.index(first), k.index(rows));
      },
      "x86-64-v3")
      .run(x.data(), plus.data(), y.data());
  int64_t dropped = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < shape.stride; ++j) {
      int64_t i = r * shape.stride + j;
      if (j >= shape.vectors() * lanes) {
        ASSERT_EQ(y[i], -7) << "behind row " << r;
        continue;
      }
      double factor = dropoutFactor(source, first + r, j, c.head);
      dropped += factor == 0;
      float want = factor == 0 ? 0.0f : x[i] * float(factor);
      ASSERT_EQ(y[i], c.adds ? want + plus[i] : want)
          << "row " << r << ", column " << j;
    }
  // Not all or nothing.
  EXPECT_GT(dropped, 0);
  EXPECT_LT(dropped, rows * c.width);
}

INSTANTIATE_TEST_SUITE_P(Widths, Dropout,
                         testing::Values(Case{64, 0.5, -1, 0, false},
                                         Case{17, 0.1, 0, 0, true},
                                         Case{80, 0.3, 11, 0, true},
                                         Case{144, 0.9, 999, 4095, false}));
