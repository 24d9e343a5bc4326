//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every seeded fault of a linear layer's kernel is found: by a report, by a
// wrong result or, where only that is at stake, by bank conflicts.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/Mutate.h"
#include "compiler/Kernels/GPU/Linear.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "test/Unit/Gpu/GpuJit.h"
#include <cstring>
#include <map>
#include <random>

using namespace bertc;
using namespace bertc::test;

namespace {

/// 40 rows (a tail of a block of 32), 48 columns, a depth of 176 (a tail
/// of a block of 32, and more blocks than stages), bias.
struct LinearCase {
  static constexpr int64_t rows = 40, columns = 48, depth = 176;

  LinearCase()
      : x(rows * depth), weights(columns * depth), bias(columns),
        y(rows * columns) {
    shape.depth = shape.inputStride = depth;
    shape.columns = shape.outputStride = columns;
    shape.outputs.f32 = true;
    plan.blockRows = 32;
    plan.blockColumns = 32;
    plan.blockDepth = 32;
    plan.warpRows = 1;
    plan.warpColumns = 2;
    plan.stages = 3;
    std::mt19937 random(5);
    for (DeviceArray<uint16_t> *array : {&x, &weights})
      for (uint16_t &element : *array) {
        const auto value = static_cast<float>(int(random() % 17) - 8);
        uint32_t bits;
        memcpy(&bits, &value, 4);
        element = static_cast<uint16_t>(bits >> 16);
      }
    for (float &value : bias)
      value = static_cast<float>(random() % 100);
  }

  GpuProgram::Fill fill() {
    return [this](mlir::ModuleOp module) {
      GpuBuilder k(module);
      kernel = linearKernel(k, shape, plan);
    };
  }

  emulator::Report run(GpuProgram &program) {
    std::fill(y.begin(), y.end(), -1.0f);
    const DeviceGrid grid = linearGrid(shape, plan, rows);
    return program.launch(
        kernel.name, {uint32_t(grid.x), uint32_t(grid.y), uint32_t(grid.z)},
        uint32_t(kernel.sharedBytes), x, rows * depth, weights, bias, y,
        int32_t(rows));
  }

  DeviceLinearShape shape;
  DeviceLinearPlan plan;
  DeviceKernel kernel;
  DeviceArray<uint16_t> x, weights;
  DeviceArray<float> bias, y;
};

} // namespace

/// Where the steps of a block end: the next one's begin. More steps than there
/// are read zeros, which changes nothing.
static std::string endOfSteps(mlir::ModuleOp module) {
  std::string text;
  module.walk([&](mlir::NVVM::BlockIdZOp block) {
    for (mlir::Operation *user : block->getUsers())
      if (isa<mlir::LLVM::AddOp>(user)) {
        llvm::raw_string_ostream stream(text);
        user->print(stream, mlir::OpPrintingFlags().useLocalScope());
      }
  });
  return text;
}

TEST(GpuMutate, FaultsOfALinearLayerAreFound) {
  LinearCase linear;
  std::vector<Mutation> all;
  std::string harmless;
  GpuProgram good(linear.fill(), [&](mlir::ModuleOp module) {
    all = listMutations(module);
    harmless = endOfSteps(module);
  });
  EXPECT_NE(harmless, "");
  const emulator::Report clean = linear.run(good);
  ASSERT_TRUE(isClean(clean));
  EXPECT_EQ(clean.bankConflicts, 0u);
  const std::vector<float> expected = linear.y.values();
  for (int64_t r = 0; r < linear.rows; ++r)
    for (int64_t c = 0; c < linear.columns; ++c) {
      auto number = [](uint16_t bits) {
        const uint32_t wide = uint32_t(bits) << 16;
        float value;
        memcpy(&value, &wide, 4);
        return value;
      };
      float sum = linear.bias[c];
      for (int64_t i = 0; i < linear.depth; ++i)
        sum += number(linear.x[r * linear.depth + i]) *
               number(linear.weights[c * linear.depth + i]);
      ASSERT_EQ(expected[r * linear.columns + c], sum);
    }

  std::map<Fault, int> found;
  std::string missed;
  int total = 0;
  for (const Mutation &mutation : all) {
    GpuProgram bad(linear.fill(), [&](mlir::ModuleOp module) {
      EXPECT_TRUE(mutate(module, mutation));
    });
    const emulator::Report report = linear.run(bad);
    const bool isFound = !report.ok() || linear.y.values() != expected ||
                         report.bankConflicts != clean.bankConflicts;
    total += isFound;
    found[mutation.fault] += isFound;
    if (!isFound && mutation.op != harmless)
      missed += mutation.text() + "\n";
  }
  EXPECT_EQ(missed, "");
  EXPECT_GE(total, 20);
  for (Fault fault : {Fault::DropBarrier, Fault::DropWait, Fault::RaiseWait,
                      Fault::DropCommit, Fault::DropSwizzle, Fault::ShiftIndex,
                      Fault::SwapOperands})
    EXPECT_GT(found[fault], 0) << Mutation{fault, 0, ""}.text();
}
