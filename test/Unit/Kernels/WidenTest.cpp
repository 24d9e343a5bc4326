//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// int8 weights widened to bfloat16: every value in every place of a line, the
// panels of a group, and no line more than was asked for.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/Widen.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/IsaReference.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace bertc;
using namespace bertc::test;

namespace {

constexpr int64_t panels = 3, int8Lines = 16, gap = 8;
constexpr int64_t fromStride = int8Lines * lanes;
constexpr int64_t toStride = (2 * int8Lines + gap) * lanes;
constexpr uint16_t untouched = 0x7fc1;

/// Weights of which each byte has its own place and every value occurs.
std::vector<int8_t> weights() {
  std::vector<int8_t> result(panels * fromStride * 4);
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = int8_t(i * 37 + i / 256);
  return result;
}

/// Checks that `lines` lines of bfloat16 of each panel are made, when `asked`
/// are asked for.
void check(Arithmetic arithmetic, int64_t asked, int64_t lines) {
  IsaProgram program(
      [&](KernelBuilder &k, ValueRange buffers) {
        Place from{buffers[0], k.index(0)}, to{buffers[2], k.index(0)};
        callWiden(k, arithmetic, fromStride, toStride,
                  {from, to, k.index(panels), k.index(asked)});
      },
      "x86-64-v4-bf16");
  std::vector<int8_t> from = weights();
  std::vector<uint16_t> to(panels * toStride * 2, untouched);
  program.run(from.data(), nullptr, to.data());
  for (int64_t panel = 0; panel < panels; ++panel)
    for (int64_t line = 0; line < toStride / lanes; ++line)
      for (int64_t i = 0; i < 2 * lanes; ++i) {
        int64_t step = 2 * line + i % 2, column = i / 2;
        int64_t byte = (step / 4 * lanes + column) * 4 + step % 4;
        uint16_t expected = line < lines
                                ? toBF16(from[panel * fromStride * 4 + byte])
                                : untouched;
        ASSERT_EQ(to[(panel * toStride + line * lanes) * 2 + i], expected)
            << "panel " << panel << ", line " << line << ", element " << i;
      }
}

} // namespace

TEST(Widen, Lines) {
  check(Arithmetic::W8Dot, 2 * int8Lines, 2 * int8Lines);
  check(Arithmetic::W8Dot, 6, 6);
}

TEST(Widen, WholeTiles) {
  check(Arithmetic::W8Tile, 2 * int8Lines, 2 * int8Lines);
  check(Arithmetic::W8Tile, 8, 16);
}
