//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of tensor cores against plain loops. Registers are filled by the
// formulas of the PTX manual, as it writes them for each type; ldmatrix is then
// held against them by the products that it feeds.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/GPU/GpuBuilder.h"
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"
#include <cstring>
#include <random>

using namespace bertc;
using namespace bertc::test;
using mlir::Value;
using mlir::ValueRange;

namespace {

constexpr int m = 16, n = 8;

/// One kind of mma.sync.
struct Product {
  const char *type;
  int k, perWord; // elements in a register
  bool isInteger = false;
  int aWords() const { return m * k / 32 / perWord; }
  int bWords() const { return n * k / 32 / perWord; }
};

/// Row and column of element `i` of `a` that `lane` holds.
std::pair<int, int> placeInA(const Product &p, int lane, int i) {
  const int group = lane / 4, inGroup = lane % 4;
  const std::string type = p.type;
  if (type == "tf32") // one element a register
    return {group + (i % 2) * 8, inGroup + (i / 2) * 4};
  if (p.isInteger) { // four
    const int row = i / 4 % 2 ? group + 8 : group;
    return {row, inGroup * 4 + (i & 3) + (i >= 8 ? 16 : 0)};
  }
  const int row = (i >= 2 && i < 4) || i >= 6 ? group + 8 : group;
  return {row, inGroup * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
}

/// Row (along k) and column of element `i` of `b`.
std::pair<int, int> placeInB(const Product &p, int lane, int i) {
  const int group = lane / 4, inGroup = lane % 4;
  const std::string type = p.type;
  if (type == "tf32")
    return {inGroup + i * 4, group};
  if (p.isInteger)
    return {inGroup * 4 + (i & 3) + (i >= 4 ? 16 : 0), group};
  return {inGroup * 2 + (i & 1) + (i >= 2 ? 8 : 0), group};
}

/// Row and column of element `i` of `c`.
std::pair<int, int> placeInC(int lane, int i) {
  return {i < 2 ? lane / 4 : lane / 4 + 8, lane % 4 * 2 + (i & 1)};
}

/// A small whole number as an element of the type, shifted to its place.
uint32_t encode(const Product &p, int value, int i) {
  const auto x = static_cast<float>(value);
  uint32_t bits;
  memcpy(&bits, &x, 4);
  const std::string type = p.type;
  if (type == "tf32")
    return bits | 0x1abc; // bits that must not count
  if (type == "bf16")
    return (bits >> 16) << i % 2 * 16;
  if (type == "f16") {
    if (value == 0)
      return 0;
    const uint32_t exponent = (bits >> 23 & 255) - 127 + 15;
    const uint32_t half =
        (bits >> 31) << 15 | exponent << 10 | (bits >> 13 & 1023);
    return half << i % 2 * 16;
  }
  return uint32_t(uint8_t(value)) << i % 4 * 8;
}

std::string productText(const Product &p, const std::string &extra) {
  std::string body, a, b, c, results;
  int word = 0;
  const std::string operand =
      p.type == std::string("f16") ? "vector<2xf16>" : "i32";
  const std::string sum = p.isInteger ? "i32" : "f32";
  body += "%words = llvm.mlir.constant(" +
          std::to_string(p.aWords() + p.bWords() + 4) + " : i32) : i32\n" +
          "%base = llvm.mul %tid, %words : i32\n";
  auto load = [&](const std::string &name, const std::string &type) {
    const std::string i = std::to_string(word++);
    body += "%i" + i + " = llvm.mlir.constant(" + i + " : i32) : i32\n" + "%j" +
            i + " = llvm.add %base, %i" + i + " : i32\n" +
            elementAt("%p" + i, "%x", "%j" + i, "i32", 1) + name +
            " = llvm.load %p" + i + " : !llvm.ptr<1> -> " + type + "\n";
  };
  for (int i = 0; i < p.aWords(); ++i) {
    load("%a" + std::to_string(i), operand);
    a += (i ? ", %a" : "%a") + std::to_string(i);
  }
  for (int i = 0; i < p.bWords(); ++i) {
    load("%b" + std::to_string(i), operand);
    b += (i ? ", %b" : "%b") + std::to_string(i);
  }
  for (int i = 0; i < 4; ++i) {
    load("%z" + std::to_string(i), sum);
    c += (i ? ", %z" : "%z") + std::to_string(i);
  }
  const std::string type =
      "!llvm.struct<(" + sum + ", " + sum + ", " + sum + ", " + sum + ")>";
  body += "%d = nvvm.mma.sync A[" + a + "] B[" + b + "] C[" + c + "] {" +
          extra +
          "layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, "
          "multiplicandAPtxType = #nvvm.mma_type<" +
          p.type + ">, multiplicandBPtxType = #nvvm.mma_type<" + p.type +
          ">, shape = #nvvm.shape<m = 16, n = 8, k = " + std::to_string(p.k) +
          ">} : (" + operand + ", " + operand + ", " + sum + ") -> " + type +
          "\n%out = llvm.mul %tid, %c4 : i32\n";
  for (int i = 0; i < 4; ++i) {
    const std::string s = std::to_string(i);
    body += "%d" + s + " = llvm.extractvalue %d[" + s + "] : " + type + "\n%o" +
            s + " = llvm.add %out, %c" + s + " : i32\n" +
            elementAt("%q" + s, "%y", "%o" + s, sum, 1) + "llvm.store %d" + s +
            ", %q" + s + " : " + sum + ", !llvm.ptr<1>\n";
  }
  return kernelText(32, "%x: !llvm.ptr<1>, %y: !llvm.ptr<1>", body);
}

} // namespace

/// Whole numbers, so that sums are exact; `T` is what is summed.
template <typename T> static void testProduct(const Product &p) {
  std::mt19937 random(7);
  std::vector<int> a(m * p.k), b(p.k * n), c(m * n);
  for (std::vector<int> *matrix : {&a, &b, &c})
    for (int &value : *matrix)
      value = static_cast<int>(random() % 31) - 15;
  const int words = p.aWords() + p.bWords() + 4;
  DeviceArray<uint32_t> x(32 * words);
  DeviceArray<T> y(32 * 4);
  for (int lane = 0; lane < 32; ++lane) {
    uint32_t *to = &x[lane * words];
    for (int i = 0; i < p.aWords() * p.perWord; ++i) {
      const auto [row, column] = placeInA(p, lane, i);
      to[i / p.perWord] |= encode(p, a[row * p.k + column], i);
    }
    to += p.aWords();
    for (int i = 0; i < p.bWords() * p.perWord; ++i) {
      const auto [row, column] = placeInB(p, lane, i);
      to[i / p.perWord] |= encode(p, b[row * n + column], i);
    }
    to += p.bWords();
    for (int i = 0; i < 4; ++i) {
      const auto [row, column] = placeInC(lane, i);
      const T value = static_cast<T>(c[row * n + column]);
      memcpy(&to[i], &value, 4);
    }
  }
  GpuProgram program(productText(
      p, p.isInteger ? "intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, "
                     : ""));
  EXPECT_CLEAN(program.launch("test", 1, 0, x, y));
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      const auto [row, column] = placeInC(lane, i);
      int sum = c[row * n + column];
      for (int j = 0; j < p.k; ++j)
        sum += a[row * p.k + j] * b[j * n + column];
      EXPECT_EQ(y[lane * 4 + i], static_cast<T>(sum))
          << p.type << " k " << p.k << " row " << row << " column " << column;
    }
}

TEST(GpuMatrix, ProductsOfEachTypeEqualPlainLoops) {
  testProduct<float>({"bf16", 16, 2});
  testProduct<float>({"bf16", 8, 2});
  testProduct<float>({"f16", 16, 2});
  testProduct<float>({"f16", 8, 2});
  testProduct<float>({"tf32", 8, 1});
  testProduct<float>({"tf32", 4, 1});
  testProduct<int32_t>({"s8", 32, 4, true});
  testProduct<int32_t>({"s8", 16, 4, true});
}

/// a [16][16] and b, given as [k][n] or as [n][k], from global memory over
/// shared memory and ldmatrix.
static void emitTile(GpuBuilder &k, ValueRange args, bool rowsAreK) {
  const int64_t bytes = m * 16 * 2;
  Value lane = k.laneId(), shared = k.sharedMemory();
  Value bShared = k.at(shared, bytes, k.b.getI8Type());
  mlir::Type half = k.b.getI16Type();
  // 16 bytes a thread: all of a, and half as much of b.
  Value offset = k.mul(lane, 8);
  k.copyAsync(k.at(shared, offset, half), k.at(args[0], offset, half));
  k.ifThen(k.less(lane, k.index(16)), [&] {
    k.copyAsync(k.at(bShared, offset, half), k.at(args[1], offset, half));
  });
  k.commitCopies();
  k.waitCopies(0);
  k.barrier();
  Value row = k.bitAnd(lane, 15), high = k.shiftRight(lane, 4);
  Value aPlace = k.add(k.mul(row, 16), k.mul(high, 8));
  auto a = k.loadMatrices(k.at(shared, aPlace, half), 4);
  // b of [n][k]: matrices of its columns 0 to 7 and 8 to 15. b of [k][n]: of
  // its rows, transposed.
  Value bPlace = rowsAreK ? k.mul(row, 8)
                          : k.add(k.mul(k.bitAnd(lane, 7), 16),
                                  k.mul(k.bitAnd(k.shiftRight(lane, 3), 1), 8));
  auto b = k.loadMatrices(k.at(bShared, bPlace, half), 2, rowsAreK);
  Value zero = k.scalar(0);
  auto c = k.multiply(HalfType::BF16, a, b, {zero, zero, zero, zero});
  Value group = k.shiftRight(lane, 2), pair = k.mul(k.bitAnd(lane, 3), 2);
  for (int64_t i = 0; i < 4; ++i) {
    Value place = k.add(k.mul(k.add(group, i / 2 * 8), n), k.add(pair, i % 2));
    k.store(c[i], k.at(args[2], place, k.f32()));
  }
}

TEST(GpuMatrix, LdmatrixFeedsProductsFromEitherLayout) {
  for (const bool rowsAreK : {false, true}) {
    GpuProgram program([&](mlir::ModuleOp module) {
      GpuBuilder k(module);
      k.kernel("tile", 32, 768, {k.global(), k.global(), k.global()},
               [&](ValueRange args) { emitTile(k, args, rowsAreK); });
    });
    std::mt19937 random(11);
    DeviceArray<uint16_t> a(m * 16), b(16 * n);
    DeviceArray<float> y(m * n);
    std::vector<float> fa(m * 16), fb(16 * n);
    auto fill = [&](DeviceArray<uint16_t> &to, std::vector<float> &values) {
      for (size_t i = 0; i < to.size(); ++i) {
        values[i] = static_cast<float>(static_cast<int>(random() % 31) - 15);
        uint32_t bits;
        memcpy(&bits, &values[i], 4);
        to[i] = static_cast<uint16_t>(bits >> 16);
      }
    };
    fill(a, fa);
    fill(b, fb);
    EXPECT_CLEAN(program.launch("tile", 1, 768, a, b, y));
    for (int row = 0; row < m; ++row)
      for (int column = 0; column < n; ++column) {
        float sum = 0;
        for (int i = 0; i < 16; ++i)
          sum += fa[row * 16 + i] *
                 (rowsAreK ? fb[i * n + column] : fb[column * 16 + i]);
        EXPECT_EQ(y[row * n + column], sum) << row << " " << column;
      }
  }
}

TEST(GpuMatrix, SumsAreRoundedInTheOrderOfK) {
  if (TestDevice::fromEnvironment())
    GTEST_SKIP() << "a GPU has an order of its own";
  // 2^24 + 1 - 2^24 is 0 in this order, and 1 in another.
  const Product p{"bf16", 16, 2};
  GpuProgram program(productText(p, ""));
  DeviceArray<uint32_t> x(32 * 10);
  DeviceArray<float> y(32 * 4);
  const uint16_t big = 0x4b80, one = 0x3f80, minus = 0xcb80;
  const uint16_t rowOfA[16] = {big, one, minus};
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 8; ++i) {
      const int column = placeInA(p, lane, i).second;
      x[lane * 10 + i / 2] |= uint32_t(rowOfA[column]) << i % 2 * 16;
    }
    for (int i = 0; i < 4; ++i)
      x[lane * 10 + 4 + i / 2] |= uint32_t(one) << i % 2 * 16;
  }
  EXPECT_CLEAN(program.launch("test", 1, 0, x, y));
  for (int i = 0; i < 128; ++i)
    EXPECT_EQ(y[i], 0.0f);
}
