//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of int8 that kernels of a GPU write, against plain loops: the same
// float32 arithmetic has the same bits, and the matrix in double precision says
// what it is worth.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Norm.h"
#include "compiler/Kernels/GPU/Quantize.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "test/Unit/Gpu/HalfValues.h"
#include "test/Unit/Gpu/Mutants.h"
#include "test/Unit/Gpu/Mutate.h"
#include "test/Unit/Gpu/PtxOf.h"
#include "test/Unit/Gpu/RowsRun.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>
#include <limits>

using namespace bertc;
using namespace bertc::test;

namespace {

/// A row as it should be.
struct Int8Row {
  std::vector<int8_t> bytes;
  float step;
  int32_t zero;
};

int64_t blockOf(int64_t depth) {
  return std::min<int64_t>(128, depth & -depth);
}

Int8Row quantized(std::vector<float> v) {
  const auto depth = int64_t(v.size());
  for (int64_t distance = blockOf(depth) / 2; distance; distance /= 2)
    for (int64_t i = 0; i < depth; ++i)
      if (!(i & distance)) {
        const float low = v[i], high = v[i + distance];
        v[i] = low + high;
        v[i + distance] = low - high;
      }
  float above = 0, below = 0;
  for (float value : v) {
    above = std::fmax(value, above);
    below = std::fmax(-value, below);
  }
  const float range = above + below, factor = range == 0 ? 0 : 255 / range;
  const float shift = std::fmin(std::nearbyint(below * factor), 255.0f) - 128;
  Int8Row row;
  row.step = range / 255;
  row.zero = int32_t(shift);
  for (float value : v) {
    const float code = std::nearbyint(value * factor) + shift;
    row.bytes.push_back(int8_t(std::fmin(std::fmax(code, -128.0f), 127.0f)));
  }
  return row;
}

/// Element i of the turned row, by the matrix.
double turned(const float *row, int64_t depth, int64_t i) {
  const int64_t block = blockOf(depth), first = i / block * block;
  double sum = 0;
  for (int64_t j = 0; j < block; ++j)
    sum +=
        __builtin_parityll((i - first) & j) ? -row[first + j] : row[first + j];
  return sum;
}

constexpr int8_t untouched = 0x55;

/// Rows that a kernel has written, and whether they are right.
struct Int8Rows {
  explicit Int8Rows(RowsSize size)
      : size(size), bytes(size.rows * size.stride, untouched, "bytes"),
        scales(size.rows * int8RowWords, NAN, "scales") {}

  int32_t zeroOf(int64_t r) const {
    int32_t zero;
    std::memcpy(&zero, &scales[r * int8RowWords + 1], sizeof(zero));
    return zero;
  }
  /// Says where they are not those of `x`; empty if they are.
  std::string differenceTo(const std::vector<float> &x) const {
    for (int64_t r = 0; r < size.rows; ++r) {
      const auto first = x.begin() + r * size.stride;
      const Int8Row want =
          quantized(std::vector<float>(first, first + size.written()));
      const std::string place = "row " + std::to_string(r);
      if (std::memcmp(&scales[r * int8RowWords], &want.step, 4) != 0)
        return place + " has another step";
      if (zeroOf(r) != want.zero)
        return place + " has another zero";
      for (int64_t c = 0; c < size.stride; ++c)
        if (bytes[r * size.stride + c] !=
            (c < size.written() ? want.bytes[c] : untouched))
          return place + ", column " + std::to_string(c);
    }
    return "";
  }

  RowsSize size;
  DeviceArray<int8_t> bytes;
  DeviceArray<float> scales;
};

DeviceForms formOf(int64_t planes, HalfType type = HalfType::BF16) {
  DeviceForms form;
  form.f32 = planes == 0;
  form.planes = planes;
  form.type = type;
  return form;
}

Grid quantizeGrid(RowsSize size) {
  const int64_t each = quantizedRowsOfBlock({size.width, size.stride});
  return Grid((size.rows + each - 1) / each);
}

/// Rows of `x` by the kernel, of an input of float32 or of halves.
class Quantizer {
public:
  Quantizer(RowsSize size, DeviceForms form,
            const GpuProgram::Change &change = {})
      : size(size), form(form),
        program(
            [this](mlir::ModuleOp module) {
              GpuBuilder k(module);
              kernel = quantizeKernel(k, {this->size.width, this->size.stride},
                                      this->form);
            },
            change) {}

  /// What differs, or what the emulator says.
  std::string run(std::vector<float> x) {
    DeviceArray<uint16_t> halves(form.planes ? x.size() : 0, 0, "halves");
    if (form.planes)
      for (size_t i = 0; i < x.size(); ++i) {
        halves[i] = halfOf(x[i], form.type);
        x[i] = floatOf(halves[i], form.type);
      }
    DeviceArray<float> floats(form.f32 ? x : std::vector<float>(), "x", false);
    Int8Rows y(size);
    Arguments arguments;
    if (form.f32)
      arguments.add(floats);
    else
      arguments.add(halves);
    arguments.add(y.bytes).add(y.scales).add(int32_t(size.rows));
    emulator::Report report =
        arguments.launch(program, kernel, quantizeGrid(size));
    if (!report.ok())
      return report.errors.front();
    if (report.bankConflicts)
      return "bank conflicts";
    return y.differenceTo(x);
  }

private:
  RowsSize size;
  DeviceForms form;
  DeviceKernel kernel;
  GpuProgram program;
};

} // namespace

TEST(GpuInt8Rows, AreThoseOfPlainLoops) {
  for (DeviceForms form : {formOf(0), formOf(1), formOf(1, HalfType::F16)})
    for (int64_t width : {16, 40, 96, 384, 528, 768, 3072, 4112})
      for (int64_t rows : {1, 9}) {
        RowsSize size = {rows, width, (width + 15) / 16 * 16 + 16};
        EXPECT_EQ(Quantizer(size, form).run(paddedRows(size, 3, 2.5f)), "")
            << form.name() << ", " << rows << " rows of " << width;
      }
}

// What an integer is worth, by the matrix: half a step off, and what float32
// sums of 128 round.
TEST(GpuInt8Rows, AreWorthTheTurnedRow) {
  for (int64_t depth : {48, 384, 1024}) {
    const std::vector<float> x = randomFloats(depth, 5);
    const Int8Row row = quantized(x);
    for (int64_t i = 0; i < depth; ++i)
      EXPECT_NEAR(row.step * (row.bytes[i] - row.zero),
                  turned(x.data(), depth, i), row.step * 0.501)
          << i << " of " << depth;
  }
}

TEST(GpuInt8Rows, OfSpecialValues) {
  RowsSize size = {6, 256, 256};
  std::vector<float> x = paddedRows(size, 1);
  std::fill_n(x.begin(), 256, 0.0f);
  x[256 + 7] = 1e30f;
  x[512 + 200] = std::numeric_limits<float>::quiet_NaN();
  x[768 + 3] = std::numeric_limits<float>::infinity();
  std::fill_n(x.begin() + 1024, 256, 3.0f);   // one element once turned
  std::fill_n(x.begin() + 1280, 256, 1e-42f); // without a quotient
  EXPECT_EQ(Quantizer(size, formOf(0)).run(x), "");
}

/// Kernels that have whole rows write both forms, of the same numbers.
static void
expectBoth(RowsSize size,
           const std::function<DeviceKernel(GpuBuilder &, DeviceForms)> &make,
           const std::function<void(Arguments &)> &fill) {
  for (bool f32 : {true, false}) {
    DeviceForms forms;
    forms.f32 = f32;
    forms.int8 = true;
    DeviceForms plain;
    plain.f32 = true;
    DeviceKernel both, alone;
    GpuProgram program([&](mlir::ModuleOp module) {
      GpuBuilder k(module);
      both = make(k, forms);
      alone = make(k, plain);
    });
    const Grid grid((size.rows + rowsOfBlock - 1) / rowsOfBlock);
    DeviceArray<float> want(size.rows * size.stride, 0), floats(want.size(), 0);
    Int8Rows y(size);
    Arguments first, second;
    first.addOutputs = [&](Arguments &a) { a.add(want); };
    second.addOutputs = [&](Arguments &a) {
      if (f32)
        a.add(floats);
      a.add(y.bytes).add(y.scales);
    };
    fill(first);
    fill(second);
    EXPECT_CLEAN(first.launch(program, alone, grid));
    EXPECT_CLEAN(second.launch(program, both, grid));
    if (f32)
      EXPECT_EQ(floats.values(), want.values());
    EXPECT_EQ(y.differenceTo(want.values()), "");
  }
}

class GpuInt8Forms : public testing::TestWithParam<int64_t> {
protected:
  int64_t width = GetParam();
  RowsSize size = {19, width, (width + 15) / 16 * 16};
  DeviceRows shape = {width, size.stride};
};

TEST_P(GpuInt8Forms, OfLayerNorm) {
  DeviceArray<float> x(paddedRows(size, 1)),
      gain(paddedRows({1, width, size.stride}, 2)),
      bias(paddedRows({1, width, size.stride}, 3));
  expectBoth(
      size,
      [&](GpuBuilder &k, DeviceForms forms) {
        return layerNormKernel(k, shape, forms);
      },
      [&](Arguments &a) {
        a.add(x).add(gain).add(bias).outputs().add(1e-12f).add(
            int32_t(size.rows));
      });
}

TEST_P(GpuInt8Forms, OfNormalizedRows) {
  DeviceArray<float> x(paddedRows(size, 1));
  expectBoth(
      size,
      [&](GpuBuilder &k, DeviceForms forms) {
        return normalizeKernel(k, shape, forms);
      },
      [&](Arguments &a) { a.add(x).outputs().add(int32_t(size.rows)); });
}

TEST_P(GpuInt8Forms, OfEmbeddings) {
  constexpr int64_t words = 7;
  DeviceArray<float> table(paddedRows({words, width, size.stride}, 1)),
      gain(paddedRows({1, width, size.stride}, 2)),
      bias(paddedRows({1, width, size.stride}, 3));
  std::vector<int32_t> numbers(size.rows);
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = int32_t(i * 5 % words);
  DeviceArray<int32_t> ids(numbers);
  expectBoth(
      size,
      [&](GpuBuilder &k, DeviceForms forms) {
        return embedKernel(k, shape, forms);
      },
      [&](Arguments &a) {
        a.add(ids).add(table).outputs().add(int32_t(size.rows));
      });
  expectBoth(
      size,
      [&](GpuBuilder &k, DeviceForms forms) {
        return embedNormKernel(k, shape, forms);
      },
      [&](Arguments &a) {
        a.add(ids).add(ids).add(ids);
        a.add(table).add(table).add(table).add(gain).add(bias);
        a.outputs().add(1e-12f).add(int32_t(size.rows));
      });
}

INSTANTIATE_TEST_SUITE_P(Widths, GpuInt8Forms,
                         testing::Values(24, 128, 312, 384, 768, 1024));

/// Makes the result of op number `n` of a kind, from the end if it is negative,
/// its first operand of that type that is no constant. False if there is no
/// such op.
template <typename Op> static bool shortCut(mlir::ModuleOp module, int n) {
  Op op = find<Op>(module, n);
  if (!op)
    return false;
  for (mlir::Value operand : op->getOperands())
    if (operand.getType() == op->getResult(0).getType() &&
        !operand.getDefiningOp<mlir::LLVM::ConstantOp>()) {
      op->replaceAllUsesWith(mlir::ValueRange{operand});
      return true;
    }
  return false;
}

/// Rows that each step matters for: of all signs, clamped codes of even and of
/// odd columns (both ends are 127.5 steps from 0), nothing above 0, no numbers,
/// the least in the last column of the second lane, or the first of the first.
static std::vector<float> tellingRows(RowsSize size) {
  std::vector<float> x = paddedRows(size, 3);
  auto clear = [&](int64_t row) {
    std::fill_n(x.begin() + row * size.stride, size.width, 0.0f);
    return x.begin() + row * size.stride;
  };
  clear(2)[1] = 1;
  auto below = clear(3);
  for (int64_t i = 0; i < size.width; i += blockOf(size.written()))
    below[i] = -1;
  x[4 * size.stride + 5] = std::numeric_limits<float>::quiet_NaN();
  x[5 * size.stride + 5] = -std::numeric_limits<float>::infinity();
  clear(6)[1] = -1;
  auto last = clear(7);
  for (int64_t i = 0; i < blockOf(size.written()); ++i)
    last[i] = __builtin_parityll(i & 31) ? 1 : -1;
  std::fill_n(clear(8), blockOf(size.written()), -1.0f);
  return x;
}

// Each kind of op left out, the first and the last of it, beside the general
// faults.
TEST(GpuInt8Rows, MutantsAreSeen) {
  using namespace mlir;
  using Change = bool (*)(ModuleOp, int);
  const std::pair<const char *, Change> kinds[] = {
      {"fadd", shortCut<LLVM::FAddOp>},
      {"fsub", shortCut<LLVM::FSubOp>},
      {"fmul", shortCut<LLVM::FMulOp>},
      {"fdiv", shortCut<LLVM::FDivOp>},
      {"fma", shortCut<LLVM::FMAOp>},
      {"shuffle", shortCut<NVVM::ShflOp>},
      {"maximum", shortCut<LLVM::MaxNumOp>},
      {"minimum", shortCut<LLVM::MinNumOp>},
      {"round", shortCut<LLVM::RoundEvenOp>},
      {"negation", shortCut<LLVM::FNegOp>},
      {"shift", shortCut<LLVM::ShlOp>},
      {"or", shortCut<LLVM::OrOp>}};
  RowsSize size = {9, 1024, 1040}; // two warps for each row, blocks of 128
  const std::vector<float> x = tellingRows(size);
  std::vector<Mutation> general;
  Quantizer good(size, formOf(0),
                 [&](ModuleOp m) { general = listMutations(m); });
  ASSERT_EQ(good.run(x), "");
  for (const Mutation &one : general) {
    Quantizer bad(size, formOf(0), [&](ModuleOp m) { mutate(m, one); });
    EXPECT_NE(bad.run(x), "") << one.text();
  }
  for (auto [name, change] : kinds)
    for (int n : {0, -1}) {
      bool changed = false;
      Quantizer bad(size, formOf(0), [&, change = change](ModuleOp m) {
        changed = change(m, n);
      });
      EXPECT_TRUE(changed) << name;
      EXPECT_NE(bad.run(x), "") << name << " " << n;
    }
}

// Three exchanges for a block of 128 by lanes with 16 columns, and one pair for
// each of five steps to the range of the row; rounded by one instruction.
TEST(GpuInt8Rows, Ptx) {
  const std::string ptx =
      ptxOf([](GpuBuilder &k) { quantizeKernel(k, {384, 384}, formOf(1)); });
  EXPECT_EQ(count(ptx, "shfl.sync"), 3 * 16 + 2 * 5);
  EXPECT_EQ(count(ptx, "cvt.rni.f32.f32"), 16 + 1);
  EXPECT_EQ(count(ptx, "ld.global.v4.b32"), 2);
  EXPECT_EQ(count(ptx, "st.global.v4.b32"), 1);
  EXPECT_EQ(count(ptx, "approx"), 0);
}

TEST(GpuInt8Rows, AreAssembledWithoutSpills) {
  const DeviceForms both = {true, 0, HalfType::BF16, true};
  const std::function<void(GpuBuilder &)> kernels[] = {
      [](GpuBuilder &k) { quantizeKernel(k, {4096, 4096}, formOf(1)); },
      [](GpuBuilder &k) { quantizeKernel(k, {16384, 16384}, formOf(0)); },
      [&](GpuBuilder &k) { layerNormKernel(k, {1024, 1024}, both); },
      [&](GpuBuilder &k) { embedNormKernel(k, {1024, 1024}, both); }};
  for (const auto &kernel : kernels)
    for (const char *processor : {"sm_80", "sm_90a"})
      if (auto assembled = assemble(ptxOf(kernel, processor), processor)) {
        EXPECT_EQ(assembled->spillBytes, 0);
        EXPECT_EQ(assembled->stackBytes, 0);
      }
}
