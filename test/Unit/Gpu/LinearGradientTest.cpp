//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The products of the backward pass on the emulator, beside plain double loops
// over the same planes. Errors are relative to the sum of the magnitudes.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/LinearGradient.h"
#include "compiler/Plan/DevicePlanGradient.h"
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/HalfValues.h"
#include "test/Unit/Gpu/LinearRun.h"
#include "test/Unit/Gpu/Mutants.h"
#include "test/Unit/Gpu/Mutate.h"
#include <cmath>
#include <random>

using namespace bertc;
using namespace bertc::test;

namespace {

std::vector<float> normal(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(random);
  return values;
}

/// Planes of rows that are followed by NaNs, which nobody may read.
struct Planes {
  Planes(int64_t rows, int64_t width, int64_t stride, int64_t planes,
         unsigned seed)
      : stride(stride), planes(planes), planeStride((rows + 2) * stride),
        bits(planeStride * planes, 0x7fff) {
    const std::vector<uint16_t> dense = planesOf(
        normal(rows * width, seed), planes, rows * width, HalfType::BF16);
    for (int64_t p = 0; p < planes; ++p)
      for (int64_t i = 0; i < rows * width; ++i)
        bits[p * planeStride + i / width * stride + i % width] =
            dense[p * rows * width + i];
  }
  double at(int64_t plane, int64_t row, int64_t column) const {
    return floatOf(bits[plane * planeStride + row * stride + column],
                   HalfType::BF16);
  }
  int64_t stride, planes, planeStride;
  std::vector<uint16_t> bits;
};

/// Sums in float32 of `depth` products: each rounds once, in any order.
double tolerance(int64_t depth, int64_t products) {
  return std::sqrt(double(depth * products)) * 0x1p-23;
}

/// What a launch with plan.splits needs beside its operands.
struct SplitMemory {
  SplitMemory(const DeviceGrid &grid, const DeviceLinearPlan &plan)
      : partials(gradientPartialBytes(grid, plan) / 4, NAN, "partials"),
        tickets(gradientTickets(grid, plan), 0, "tickets") {}
  bool areTicketsBack() {
    return std::all_of(tickets.begin(), tickets.end(),
                       [](int32_t ticket) { return ticket == 0; });
  }
  DeviceArray<float> partials;
  DeviceArray<int32_t> tickets;
};

/// How weightGradientError runs its kernel, and what it saw.
struct WeightRun {
  GpuProgram::Change change;
  bool reversed = false;       // blocks from the last to the first
  bool mayFail = false;        // is not expected to be clean
  bool reported = false;       // was not
  std::vector<float> gradient; // the result
  int64_t parts = 1;
};

/// The worst error of dW of a layer over `rows` rows.
double weightGradientError(int64_t rows, int64_t depth, int64_t columns,
                           int64_t planes, const DeviceLinearPlan &plan,
                           WeightRun *used = nullptr) {
  WeightRun usual;
  WeightRun &run = used ? *used : usual;
  DeviceWeightGradientShape shape;
  shape.depth = depth;
  shape.columns = columns;
  shape.inputStride = depth + 16;
  shape.gradientStride = columns + 32;
  shape.planes = planes;
  shape.parts = run.parts;
  const Planes x(rows, depth, shape.inputStride, planes, 1);
  const Planes dy(rows, columns, shape.gradientStride, planes, 2);
  const std::vector<float> old = normal(depth * columns, 3);
  DeviceKernel kernel;
  GpuProgram program(
      [&](mlir::ModuleOp module) {
        GpuBuilder k(module);
        kernel = weightGradientKernel(k, shape, plan);
      },
      run.change);
  DeviceArray<uint16_t> deviceX(x.bits, "x", false),
      deviceDy(dy.bits, "dy", false);
  DeviceArray<float> gradient(old, "gradient");
  const DeviceGrid grid = weightGradientGrid(shape, plan);
  EXPECT_EQ(grid.z, plan.splits);
  SplitMemory split(grid, plan);
  const uint64_t blocks = grid.x * grid.y * grid.z;
  if (run.reversed)
    program.order = [blocks](uint64_t n) { return blocks - 1 - n; };
  auto launch = [&](auto &&...more) {
    return program.launch(kernel.name, Grid(grid.x, grid.y, grid.z),
                          kernel.sharedBytes, deviceX, x.planeStride, deviceDy,
                          dy.planeStride, more...);
  };
  const int32_t count = rows;
  // The last part is the first in memory.
  const int64_t partSize = depth * columns / run.parts;
  auto part = [&](int64_t number) {
    return gradient.data() + (run.parts - 1 - number) * partSize;
  };
  auto launchParts = [&](auto &&...more) {
    return run.parts == 3 ? launch(part(0), part(1), part(2), more...)
                          : launch(part(0), more...);
  };
  const emulator::Report report =
      plan.splits > 1 ? launchParts(split.partials, split.tickets, count)
                      : launchParts(count);
  run.reported =
      !report.ok() || report.bankConflicts > 0 || !split.areTicketsBack();
  run.gradient = gradient.values();
  if (!run.mayFail) {
    EXPECT_CLEAN(report);
    EXPECT_FALSE(run.reported);
  }
  double worst = 0;
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t d = 0; d < depth; ++d) {
      const int64_t each = columns / run.parts, own = c % each;
      const int64_t place = (run.parts - 1 - c / each) * partSize +
                            own / 16 * depth * 16 + d * 16 + own % 16;
      double sum = old[place], size = std::abs(sum) + 1;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t p = 0; p < planes; ++p)
          for (int64_t q = 0; p + q < planes; ++q) {
            const double product = x.at(p, r, d) * dy.at(q, r, c);
            sum += product;
            size += std::abs(product);
          }
      const double error = std::abs(gradient[place] - sum) / size;
      if (!(error <= worst))
        worst = std::isnan(error) ? INFINITY : error;
    }
  return worst;
}

TEST(LinearGradientTest, weights) {
  const DeviceLinearPlan small = makePlan(64, 64, 32, 2, 2, 3);
  for (int64_t planes : {1, 2, 3})
    for (int64_t rows : {1, 17, 64, 150})
      EXPECT_LT(weightGradientError(rows, 128, 80, planes, small),
                tolerance(rows, planes * (planes + 1) / 2))
          << planes << " planes, " << rows << " rows";
}

TEST(LinearGradientTest, weightsInLargeBlocks) {
  const DeviceLinearPlan large = makePlan(128, 128, 32, 2, 4, 4);
  EXPECT_LT(weightGradientError(100, 384, 128, 1, large), tolerance(100, 1));
  EXPECT_LT(weightGradientError(33, 80, 400, 2, large), tolerance(33, 3));
  EXPECT_LT(weightGradientError(17, 768, 1024, 1, large), tolerance(17, 1));
}

// Parts of all sizes: whole steps and less, none for some blocks, whole planes.
TEST(LinearGradientTest, weightsInParts) {
  for (int64_t planes : {1, 2, 3})
    for (int64_t splits : {2, 3, 7})
      for (int64_t rows : {1, 65, 150}) {
        SCOPED_TRACE(std::to_string(planes) + " planes, " +
                     std::to_string(splits) + " splits, " +
                     std::to_string(rows) + " rows");
        EXPECT_LT(weightGradientError(rows, 80, 144, planes,
                                      makePlan(64, 64, 32, 2, 2, 3, splits)),
                  tolerance(rows, planes * (planes + 1) / 2));
      }
  EXPECT_LT(
      weightGradientError(300, 144, 80, 1, makePlan(128, 64, 32, 2, 2, 4, 4)),
      tolerance(300, 1));
  EXPECT_LT(
      weightGradientError(200, 272, 144, 2, makePlan(128, 128, 32, 2, 4, 4, 5)),
      tolerance(200, 3));
}

// Of queries, keys and values: blocks have columns of one or of several.
TEST(LinearGradientTest, weightsOfSeveralLayers) {
  for (int64_t columns : {3 * 48, 3 * 128})
    for (int64_t splits : {1, 3}) {
      WeightRun run;
      run.parts = 3;
      EXPECT_LT(weightGradientError(100, 80, columns, 2,
                                    makePlan(64, 64, 32, 2, 2, 3, splits),
                                    &run),
                tolerance(100, 3));
    }
}

// Parts are added in one order whoever comes last, which is not the order of a
// single block.
TEST(LinearGradientTest, weightsInPartsHaveOneOrder) {
  std::vector<float> results[3];
  for (int i = 0; i < 3; ++i) {
    WeightRun run;
    run.reversed = i == 1;
    EXPECT_LT(weightGradientError(200, 64, 96, 1,
                                  makePlan(64, 64, 32, 2, 2, 3, i < 2 ? 3 : 1),
                                  &run),
              tolerance(200, 1));
    results[i] = run.gradient;
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_NE(results[0], results[2]);
}

// What a copy or a load is permuted with, a barrier, a wait, an operand or an
// address: all that the list has of the kernel. A commit at the end of the loop
// may be missing where nothing waits for it, so they are not in it.
TEST(LinearGradientTest, seededFaultsAreFound) {
  const DeviceLinearPlan plan = makePlan(64, 64, 32, 2, 2, 3);
  const int64_t rows = 127, depth = 64, columns = 64;
  std::vector<Mutation> mutations;
  bool reported = false;
  auto error = [&](const GpuProgram::Change &change) {
    WeightRun run;
    run.change = change;
    run.mayFail = true;
    const double worst =
        weightGradientError(rows, depth, columns, 1, plan, &run);
    reported = run.reported;
    return worst;
  };
  EXPECT_LT(error([&](mlir::ModuleOp m) { mutations = listMutations(m); }),
            tolerance(rows, 1));
  EXPECT_FALSE(reported);
  int tried = 0;
  for (const Mutation &mutation : mutations) {
    if (mutation.fault == Fault::DropCommit ||
        (mutation.fault == Fault::ShiftIndex && mutation.n % 8))
      continue;
    ++tried;
    const double worst =
        error([&](mlir::ModuleOp m) { EXPECT_TRUE(mutate(m, mutation)); });
    EXPECT_TRUE(reported || worst > tolerance(rows, 1)) << mutation.text();
  }
  EXPECT_GE(tried, 20);
}

TEST(LinearGradientTest, faultsOfPartsAreFound) {
  for (const Mutant &mutant : ticketMutants()) {
    SCOPED_TRACE(mutant.name);
    bool changed = false;
    WeightRun run;
    run.change = [&](mlir::ModuleOp m) { changed = mutant.change(m); };
    run.mayFail = true;
    const double worst = weightGradientError(
        150, 64, 64, 1, makePlan(64, 64, 32, 2, 2, 3, 2), &run);
    EXPECT_TRUE(changed);
    EXPECT_TRUE(run.reported || worst > tolerance(150, 1));
  }
}

struct InputCase {
  int64_t rows, depth, columns, planes;
  bool plus;
  ActivationFunction activation;
  bool beforePlane = false; // what the activation is of
};

double derivative(double x) {
  return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) +
         x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
}

void checkInput(const InputCase &c, const DeviceLinearPlan &plan) {
  const bool active = c.activation != ActivationFunction::None;
  DeviceInputGradientShape shape;
  shape.depth = c.depth;
  shape.columns = c.columns;
  shape.gradientStride = c.columns + 16;
  shape.planes = c.planes;
  shape.plus = c.plus;
  shape.plusStride = c.depth + 32;
  shape.activation = c.activation;
  shape.beforePlane = c.beforePlane;
  shape.beforeStride = c.depth + 16;
  shape.outputs.f32 = true;
  shape.outputs.planes = c.planes;
  shape.outputStride = c.depth;
  shape.activated.planes = active ? c.planes : 0;
  shape.activatedStride = c.depth;
  const Planes dy(c.rows, c.columns, shape.gradientStride, c.planes, 1);
  const Planes weights(c.columns - 2, c.depth, c.depth, c.planes, 2);
  const std::vector<float> plus = normal(c.rows * shape.plusStride, 3);
  std::vector<float> before = normal(c.rows * shape.beforeStride, 4);
  const std::vector<uint16_t> beforeHalf =
      planesOf(before, 1, before.size(), HalfType::BF16);
  if (c.beforePlane)
    for (size_t i = 0; i < before.size(); ++i)
      before[i] = floatOf(beforeHalf[i], HalfType::BF16);
  // The kernel reads `columns` rows of each plane of the weights.
  std::vector<uint16_t> dense;
  for (int64_t p = 0; p < c.planes; ++p)
    for (int64_t i = 0; i < c.columns * c.depth; ++i)
      dense.push_back(i < (c.columns - 2) * c.depth
                          ? weights.bits[p * weights.planeStride + i]
                          : 0);
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = inputGradientKernel(k, shape, plan);
  });
  DeviceArray<uint16_t> deviceDy(dy.bits, "dy", false);
  DeviceArray<uint16_t> deviceWeights(dense, "weights", false);
  DeviceArray<float> devicePlus(plus, "plus", false);
  DeviceArray<float> deviceBefore(before, "before", false);
  DeviceArray<uint16_t> devicePlane(beforeHalf, "plane before", false);
  void *beforeRows = c.beforePlane ? static_cast<void *>(devicePlane.data())
                                   : deviceBefore.data();
  DeviceArray<float> dx(c.rows * c.depth, NAN, "dx");
  const int64_t plane = c.rows * c.depth;
  DeviceArray<uint16_t> planes(plane * c.planes, 0x7fff, "dx planes");
  DeviceArray<uint16_t> activated(plane * c.planes, 0x7fff, "activated");
  const DeviceGrid g = inputGradientGrid(shape, plan, c.rows);
  EXPECT_EQ(g.z, plan.splits);
  const Grid grid(g.x, g.y, g.z);
  SplitMemory split(g, plan);
  const int32_t rows = c.rows;
  auto run = [&](auto &&...more) {
    auto launch = [&](auto &&...last) {
      return program.launch(kernel.name, grid, kernel.sharedBytes, deviceDy,
                            dy.planeStride, deviceWeights, more..., last...);
    };
    return plan.splits > 1 ? launch(split.partials, split.tickets, rows)
                           : launch(rows);
  };
  emulator::Report report =
      c.plus && active
          ? run(devicePlus, beforeRows, dx, planes, plane, activated, plane)
      : c.plus ? run(devicePlus, dx, planes, plane)
      : active ? run(beforeRows, dx, planes, plane, activated, plane)
               : run(dx, planes, plane);
  EXPECT_CLEAN(report);
  EXPECT_EQ(report.bankConflicts, 0u);
  EXPECT_TRUE(split.areTicketsBack());
  const double bound = tolerance(c.columns, c.planes * (c.planes + 1) / 2);
  const double rounding = std::ldexp(1, -8 * c.planes);
  for (int64_t r = 0; r < c.rows; ++r)
    for (int64_t d = 0; d < c.depth; ++d) {
      double sum = c.plus ? plus[r * shape.plusStride + d] : 0;
      double size = std::abs(sum) + 1;
      for (int64_t n = 0; n < c.columns - 2; ++n)
        for (int64_t p = 0; p < c.planes; ++p)
          for (int64_t q = 0; p + q < c.planes; ++q) {
            const double product = dy.at(p, r, n) * weights.at(q, n, d);
            sum += product;
            size += std::abs(product);
          }
      const double x = before[r * shape.beforeStride + d];
      if (active)
        sum *= derivative(x);
      const int64_t at = r * c.depth + d;
      ASSERT_NEAR(dx[at], sum, bound * size + 1e-6 * std::abs(sum))
          << r << ", " << d;
      ASSERT_NEAR(sumOfPlanes(planes, c.planes, plane, at, HalfType::BF16),
                  dx[at], rounding * std::abs(dx[at]));
      if (active)
        ASSERT_NEAR(sumOfPlanes(activated, c.planes, plane, at, HalfType::BF16),
                    0.5 * x * (1 + std::erf(x / std::sqrt(2.0))),
                    rounding * std::abs(x) + 1e-6);
    }
}

TEST(LinearGradientTest, input) {
  const DeviceLinearPlan small = makePlan(64, 64, 32, 2, 2, 3);
  const DeviceLinearPlan large = makePlan(128, 128, 32, 2, 4, 4);
  for (int64_t planes : {1, 2, 3}) {
    SCOPED_TRACE(planes);
    checkInput({1, 128, 16, planes, false, ActivationFunction::None}, small);
    checkInput({70, 80, 144, planes, true, ActivationFunction::None}, small);
    checkInput({17, 128, 128, planes, false, ActivationFunction::Gelu}, small);
    checkInput({130, 144, 48, planes, true, ActivationFunction::Gelu}, large);
  }
  checkInput({17, 768, 1024, 1, true, ActivationFunction::None}, large);
  checkInput({70, 80, 144, 1, false, ActivationFunction::Gelu, true}, small);
}

TEST(LinearGradientTest, inputInParts) {
  for (int64_t planes : {1, 2, 3}) {
    SCOPED_TRACE(planes);
    for (int64_t splits : {2, 5}) {
      const DeviceLinearPlan plan = makePlan(64, 64, 32, 2, 2, 3, splits);
      checkInput({1, 128, 16, planes, false, ActivationFunction::None}, plan);
      checkInput({70, 80, 272, planes, true, ActivationFunction::None}, plan);
      checkInput({65, 128, 128, planes, true, ActivationFunction::Gelu}, plan);
    }
  }
  checkInput({130, 144, 208, 2, false, ActivationFunction::Gelu},
             makePlan(128, 128, 32, 2, 4, 4, 3));
}

DeviceLinearFacts inputFacts(int64_t depth, int64_t columns, int64_t planes) {
  DeviceInputGradientShape shape;
  shape.depth = depth;
  shape.columns = columns;
  shape.planes = planes;
  shape.outputs.f32 = true;
  return shape.facts();
}

TEST(LinearGradientTest, plansCanBeLaunched) {
  for (const DeviceTarget &target : deviceTargets())
    for (int64_t planes : {1, 2, 3})
      for (int64_t depth : {16, 384, 768, 4096})
        for (int64_t columns : {16, 384, 1024, 3072}) {
          const DeviceLinearPlans input = planDeviceInputGradient(
              target, inputFacts(depth, columns, planes));
          const DeviceLinearPlans weights =
              planDeviceWeightGradient(target, depth, columns, planes);
          EXPECT_EQ(input.back().second.splits, 1);
          for (const DeviceLinearPlans &plans : {input, weights}) {
            int64_t before = 0;
            for (auto &[first, plan] : plans) {
              EXPECT_EQ(before == 0, first == 1);
              EXPECT_GT(first, before);
              before = first;
              EXPECT_LE(plan.sharedBytes(), target.blockSharedBytes);
              EXPECT_GE(deviceLinearOccupancy(*target.planned, plan), 1);
            }
          }
        }
}

// A step of MiniLM: 16 sequences of 128 tokens. Where one block had all tokens,
// 36 of 64 x 64 were the most.
TEST(LinearGradientTest, plansFillTheGpu) {
  for (const DeviceTarget &target : deviceTargets())
    for (auto [depth, columns] :
         {std::pair<int64_t, int64_t>{384, 384}, {384, 1536}, {1536, 384}}) {
      DeviceLinearPlan used;
      for (auto &[first, plan] :
           planDeviceWeightGradient(target, depth, columns, 1))
        if (first <= 16 * 128)
          used = plan;
      DeviceWeightGradientShape shape;
      shape.depth = depth;
      shape.columns = columns;
      const DeviceGrid grid = weightGradientGrid(shape, used);
      EXPECT_GE(grid.x * grid.y * grid.z, target.planned->processors * 3 / 4)
          << used.name();
      EXPECT_LE(gradientPartialBytes(grid, used), 32 << 20);
    }
}

} // namespace
