//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A linear kernel on the emulator, beside plain double loops over the same
// planes.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_LINEARRUN_H
#define BERTC_TEST_UNIT_GPU_LINEARRUN_H

#include "compiler/Kernels/GPU/Linear.h"
#include "test/Unit/Gpu/GpuJit.h"
#include <random>

namespace bertc::test {

/// Inputs of a linear layer and what it should give.
struct LinearData {
  LinearData(const DeviceLinearShape &shape, int64_t rows, unsigned seed = 1);

  DeviceLinearShape shape;
  int64_t rows;
  std::vector<float> x, weights; // before they became planes
  std::vector<uint16_t> xPlanes, weightPlanes;
  std::vector<float> bias, residual;
  // Of int8, whose bytes are in xPlanes and weightPlanes, two in each element.
  std::vector<float> rowScales, columnScales;
  std::vector<int32_t> columnSums;
  std::vector<float> bits;      // of y, if there is no activation
  std::vector<double> expected; // [rows][columns], of the products of planes
  std::vector<double> exact;    // of the floats
  std::vector<double> before;   // of the products of planes, and the bias
  std::vector<double> scale;    // sum of magnitudes: errors are relative to it

private:
  double finish(double sum, int64_t row, int64_t column) const;
  void fillPlanes(std::mt19937 &random);
  void fillInt8(std::mt19937 &random);
};

/// Elements from plane to plane that runs use, in x and in the output.
int64_t planeStrideOf(int64_t rows, int64_t stride);

struct LinearResult {
  emulator::Report report;
  std::vector<float> f32;       // [rows][columns], if the shape has it
  std::vector<float> planes;    // sums of planes, if the shape has them
  std::vector<float> before;    // float32 or sums of planes, the same
  std::vector<int32_t> tickets; // after the launch
};

/// A compiled kernel.
class LinearProgram {
public:
  LinearProgram(const DeviceLinearShape &shape, const DeviceLinearPlan &plan,
                const GpuProgram::Change &change = {});
  LinearResult run(const LinearData &data);
  /// Blocks from the last to the first.
  bool reversed = false;
  /// Blocks along the rows, if not as many as there are.
  int64_t rowBlocks = 0;

private:
  DeviceLinearShape shape;
  DeviceLinearPlan plan;
  DeviceKernel kernel;
  std::unique_ptr<GpuProgram> program;
};

/// The largest |y - expected| / scale; infinite for a NaN.
double worstError(const std::vector<float> &y,
                  const std::vector<double> &expected,
                  const std::vector<double> &scale);

/// rows x columns x depth, warps, stages.
DeviceLinearPlan makePlan(int64_t rows, int64_t columns, int64_t depth,
                          int64_t warpRows, int64_t warpColumns, int64_t stages,
                          int64_t splits = 1);
DeviceLinearShape makeShape(int64_t depth, int64_t columns, int64_t planes = 1,
                            HalfType type = HalfType::BF16);

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_LINEARRUN_H
