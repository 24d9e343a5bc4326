//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/RowsRun.h"
#include "test/Unit/Gpu/HalfValues.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

static const DeviceForms allForms[] = {{true, 0, HalfType::BF16},
                                       {false, 1, HalfType::BF16},
                                       {true, 2, HalfType::BF16},
                                       {false, 3, HalfType::BF16},
                                       {true, 1, HalfType::F16}};
static constexpr uint16_t untouched = 0x7fc1; // a NaN

static void expectFloats(const DeviceArray<float> &got,
                         const std::vector<float> &want,
                         const std::string &forms) {
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_EQ(std::memcmp(&got[i], &want[i], sizeof(float)), 0)
        << forms << ", element " << i << ": " << got[i] << ", expected "
        << want[i];
}

std::vector<float> bertc::test::runInAllForms(
    RowsSize size, Grid grid,
    const std::function<DeviceKernel(GpuBuilder &, DeviceForms)> &make,
    const std::function<void(Arguments &)> &fill) {
  std::vector<DeviceKernel> kernels;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    for (const DeviceForms &forms : allForms)
      kernels.push_back(make(k, forms));
  });
  const size_t count = size.rows * size.stride;
  std::vector<float> y;
  for (size_t i = 0; i < std::size(allForms); ++i) {
    const DeviceForms &forms = allForms[i];
    // Planes are farther from each other than they are long.
    const size_t planeStride = count + 16;
    DeviceArray<float> floats(forms.f32 ? count : 0, NAN);
    DeviceArray<uint16_t> halves(forms.planes * planeStride, untouched);
    Arguments arguments;
    arguments.addOutputs = [&](Arguments &a) {
      if (forms.f32)
        a.add(floats);
      if (forms.planes)
        a.add(halves).add(int64_t(planeStride));
    };
    fill(arguments);
    EXPECT_CLEAN(arguments.launch(program, kernels[i], grid));
    if (y.empty())
      y = floats.values();
    if (forms.f32)
      expectFloats(floats, y, forms.name());
    std::vector<float> known = y;
    for (float &value : known)
      value = std::isnan(value) ? 0 : value;
    std::vector<uint16_t> planes =
        planesOf(known, forms.planes, planeStride, forms.type);
    for (size_t at = 0; at < halves.size(); ++at) {
      const size_t e = at % planeStride;
      const bool written =
          e < count && int64_t(e) % size.stride < size.written();
      EXPECT_EQ(halves[at], written ? planes[at] : untouched)
          << forms.name() << ", element " << at;
      if (testing::Test::HasFailure())
        return y;
    }
  }
  for (size_t i = 0; i < count; ++i)
    EXPECT_EQ(std::isnan(y[i]), int64_t(i) % size.stride >= size.written())
        << "element " << i;
  return y;
}

std::vector<float> bertc::test::paddedRows(RowsSize size, uint32_t seed,
                                           float scale) {
  std::vector<float> values = randomFloats(size.rows * size.stride, seed);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] *= int64_t(i) % size.stride < size.width ? scale : 0;
  return values;
}
