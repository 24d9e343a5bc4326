//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Faults that are seeded into kernels of rows, losses and the optimizer: each
// is reported by the emulator or changes a result by more than the tolerance
// that the kernel's own test has against plain loops.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/GPU/ColumnSums.h"
#include "compiler/Kernels/GPU/Loss.h"
#include "compiler/Kernels/GPU/Norm.h"
#include "compiler/Kernels/GPU/NormGradient.h"
#include "compiler/Kernels/GPU/Optimizer.h"
#include "compiler/Kernels/GPU/RowsGradient.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "runtime/abi/abi.h"
#include "test/Unit/Gpu/Arguments.h"
#include "test/Unit/Gpu/Mutate.h"
#include "test/Unit/Gpu/RowsRun.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <list>

using namespace bertc;
using namespace bertc::test;
using namespace mlir;

namespace {

/// Arguments of a launch, which are new for each, and what is in them after.
class Memory {
public:
  Memory &floats(const std::vector<float> &values) {
    arguments.add(floatArrays.emplace_back(values));
    return *this;
  }
  Memory &written(size_t size) { return floats(std::vector<float>(size, NAN)); }
  Memory &integers(const std::vector<int32_t> &values) {
    arguments.add(integerArrays.emplace_back(values));
    return *this;
  }
  Memory &chunks(const std::vector<bertc_parameter_chunk> &values) {
    arguments.add(chunkArrays.emplace_back(values));
    return *this;
  }
  Memory &doubles(size_t size) {
    arguments.add(doubleArrays.emplace_back(size, NAN));
    return *this;
  }
  template <typename T> Memory &number(T value) {
    arguments.add(value);
    return *this;
  }
  std::vector<double> results() const {
    std::vector<double> all;
    for (const auto &array : floatArrays)
      for (size_t i = 0; i < array.size(); ++i)
        all.push_back(array[i]);
    for (const auto &array : doubleArrays)
      for (size_t i = 0; i < array.size(); ++i)
        all.push_back(array[i]);
    return all;
  }

  Arguments arguments;

private:
  std::list<DeviceArray<float>> floatArrays;
  std::list<DeviceArray<double>> doubleArrays;
  std::list<DeviceArray<int32_t>> integerArrays;
  std::list<DeviceArray<bertc_parameter_chunk>> chunkArrays;
};

struct RowKernel {
  const char *name;
  DeviceKernel (*make)(GpuBuilder &k);
  uint32_t grid;
  void (*fill)(Memory &memory);
  double tolerance; ///< As a part of 1 + the value.
  /// How many of the sample change nothing that can be seen, and why.
  int harmless = 0;
};

constexpr DeviceForms f32 = {true, 0, HalfType::BF16};
/// 19 rows, the last block of which has 3.
constexpr RowsSize rows = {19, 100, 128};
const std::vector<bertc_parameter_chunk> chunks = {
    {16, 0, 1, 1}, {48, 16, 33, 0}, {128, 80, 300, 1}};
constexpr size_t parameters = 448;

std::vector<float> positive(size_t count, uint32_t seed) {
  std::vector<float> values = randomFloats(count, seed);
  for (float &value : values)
    value = std::abs(value);
  return values;
}
const RowKernel kernels[] = {
    {"LayerNorm",
     [](GpuBuilder &k) {
       return layerNormKernel(k, {rows.width, rows.stride}, f32);
     },
     3,
     [](Memory &m) {
       m.floats(paddedRows(rows, 1, 3)).floats(randomFloats(rows.stride, 2));
       m.floats(randomFloats(rows.stride, 3)).written(rows.rows * rows.stride);
       m.number(1e-5f).number(int32_t(rows.rows));
     },
     2e-6},
    {"LayerNormGradient",
     [](GpuBuilder &k) {
       return layerNormGradientKernel(k, {rows.width, rows.stride}, f32);
     },
     3,
     [](Memory &m) {
       m.floats(paddedRows(rows, 1, 3)).floats(paddedRows(rows, 2));
       m.floats(paddedRows({1, rows.width, rows.stride}, 3));
       m.written(rows.rows * rows.stride).written(rows.rows * 2);
       m.number(1e-5f).number(int32_t(rows.rows));
     },
     2e-6},
    {"ColumnSums",
     [](GpuBuilder &k) {
       return columnSumsKernel(k, {48, 16, 80, true, true});
     },
     48 / columnsOfSums,
     [](Memory &m) {
       m.floats(randomFloats(500 * 80, 1)).floats(randomFloats(500 * 2, 2));
       m.floats(randomFloats(500 * 80, 3)).floats(randomFloats(48, 4));
       m.floats(randomFloats(48, 5)).number(int32_t(500));
     },
     1e-5},
    {"CrossEntropy",
     [](GpuBuilder &k) { return crossEntropyKernel(k, {19, 48}, f32); }, 1,
     [](Memory &m) {
       // More rows than threads.
       std::vector<int32_t> labels(300);
       for (int32_t r = 0; r < 300; ++r)
         labels[r] = r % 7 == 3 ? -100 : r * 31 % 19;
       m.floats(paddedRows({300, 19, 48}, 1, 6)).integers(labels).written(1);
       m.written(300 * 48).number(int32_t(300));
     },
     1e-6,
     // The number of a column in the padding, and the least term of a
     // polynomial.
     2},
    {"SumOfSquares", sumOfSquaresKernel, 3,
     [](Memory &m) {
       m.floats(randomFloats(parameters, 1)).chunks(chunks).doubles(3);
     },
     0},
    {"AdamW", adamWKernel, 3,
     [](Memory &m) {
       for (uint32_t seed = 1; seed < 4; ++seed)
         m.floats(randomFloats(parameters, seed));
       m.floats(positive(parameters, 4)).chunks(chunks);
       for (float number :
            {0.7f, 0.9f, 1e-3f, 0.1f, 0.999f, 1e-3f, 1.2f, 1e-3f, 3e-3f})
         m.number(number);
     },
     0},
    {"EmbedGradient",
     [](GpuBuilder &k) { return embedGradientKernel(k, {20, 48}, 97); },
     400 / rowsOfBlock,
     [](Memory &m) {
       // Two ids are frequent, in runs of three; others come again after 95
       // tokens or more, so that each earlier one must be looked at.
       std::vector<int32_t> ids(400);
       for (int32_t t = 0; t < 400; ++t)
         ids[t] = t % 9 < 3 ? t / 9 % 2 : 2 + t % 95;
       m.integers(ids).floats(paddedRows({400, 20, 48}, 1));
       m.floats(paddedRows({97, 20, 32}, 2)).number(int32_t(400));
     },
     1e-6},
    {"EmbedGradientOfASmallTable",
     [](GpuBuilder &k) { return embedGradientKernel(k, {32, 48}, 1); },
     32 / columnsOfSums,
     [](Memory &m) {
       std::vector<int32_t> ids(500);
       m.integers(ids).floats(paddedRows({500, 32, 48}, 1));
       m.floats(paddedRows({1, 32, 32}, 2)).number(int32_t(500));
     },
     1e-5},
};

struct Result {
  emulator::Report report;
  std::vector<double> values;
};

Result run(const RowKernel &kernel, const GpuProgram::Change &change) {
  DeviceKernel made;
  GpuProgram program(
      [&](ModuleOp module) {
        GpuBuilder k(module);
        made = kernel.make(k);
      },
      change);
  Memory memory;
  kernel.fill(memory);
  Result result;
  result.report = memory.arguments.launch(program, made, {kernel.grid});
  result.values = memory.results();
  return result;
}

bool differs(const RowKernel &kernel, const Result &a, const Result &b) {
  for (size_t i = 0; i < a.values.size(); ++i) {
    const double x = a.values[i], y = b.values[i];
    if (std::isnan(x) != std::isnan(y) ||
        std::abs(x - y) > kernel.tolerance * (1 + std::abs(y)))
      return true;
  }
  return false;
}

/// The n-th op that becomes one of its operands: what lanes exchange becomes
/// their own, a sum or product its first part.
SmallVector<std::pair<Operation *, unsigned>> shortened(ModuleOp module) {
  SmallVector<std::pair<Operation *, unsigned>> found;
  module.walk([&](Operation *op) {
    if (isa<NVVM::ShflOp>(op))
      found.push_back({op, 1});
    else if (isa<LLVM::FAddOp, LLVM::FMulOp>(op) &&
             !op->getOperand(1).getDefiningOp<LLVM::ConstantOp>())
      found.push_back({op, 0});
    else if (isa<LLVM::FMAOp>(op))
      found.push_back({op, 2});
  });
  return found;
}

class GpuRowMutants : public testing::TestWithParam<RowKernel> {};

} // namespace

// A sample of each list: it grows with a kernel's unrolled loops.
TEST_P(GpuRowMutants, AreSeen) {
  const RowKernel &kernel = GetParam();
  std::vector<Mutation> listed;
  std::vector<std::string> operands;
  const Result usual = run(kernel, [&](ModuleOp module) {
    listed = listMutations(module);
    for (auto [op, which] : shortened(module)) {
      std::string text;
      llvm::raw_string_ostream(text) << *op;
      operands.push_back(text);
    }
  });
  ASSERT_TRUE(isClean(usual.report));
  constexpr size_t most = 10;
  size_t count = 0;
  std::vector<std::string> missed;
  auto expectSeen = [&](const std::string &text,
                        const GpuProgram::Change &change) {
    const Result result = run(kernel, change);
    ++count;
    if (result.report.ok() && result.report.bankConflicts == 0 &&
        !differs(kernel, result, usual))
      missed.push_back(text);
  };
  auto sample = [](size_t size, auto act) {
    const size_t step = size / most + 1;
    for (size_t i = 0; i < size; i += step)
      act(i);
  };
  sample(listed.size(), [&](size_t i) {
    expectSeen(listed[i].text(),
               [&](ModuleOp module) { mutate(module, listed[i]); });
  });
  sample(operands.size(), [&](size_t i) {
    expectSeen("an operand of " + operands[i], [&](ModuleOp module) {
      auto [op, which] = shortened(module)[i];
      op->getResult(0).replaceAllUsesWith(op->getOperand(which));
    });
  });
  EXPECT_GE(count, 6u);
  EXPECT_LE(missed.size(), size_t(kernel.harmless)) << llvm::join(missed, "\n");
  RecordProperty("mutants", static_cast<int>(count));
}

INSTANTIATE_TEST_SUITE_P(, GpuRowMutants, testing::ValuesIn(kernels),
                         [](const testing::TestParamInfo<RowKernel> &info) {
                           return std::string(info.param.name);
                         });
