//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The small kernels of training as PTX: NVIDIA's assembler, where there is one,
// takes them, and nothing spills at the width of a large model.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/GPU/ColumnSums.h"
#include "compiler/Kernels/GPU/Dropout.h"
#include "compiler/Kernels/GPU/LinearGradient.h"
#include "compiler/Kernels/GPU/Loss.h"
#include "compiler/Kernels/GPU/NormGradient.h"
#include "compiler/Kernels/GPU/Optimizer.h"
#include "compiler/Kernels/GPU/RowsGradient.h"
#include "test/Unit/Gpu/LinearRun.h"
#include "test/Unit/Gpu/PtxOf.h"
#include "gtest/gtest.h"

using namespace bertc;
using namespace bertc::test;

namespace {
struct PtxCase {
  const char *name;
  void (*emit)(GpuBuilder &k);
};
const DeviceRows large = {1024, 1024};
const DeviceRows narrow = {3, 16};
const DeviceForms both = {true, 3, HalfType::BF16};

const DeviceLinearPlan plans[] = {
    makePlan(64, 64, 32, 2, 2, 4), makePlan(64, 64, 32, 2, 2, 4, 3),
    makePlan(128, 64, 32, 2, 2, 4, 3), makePlan(128, 128, 32, 2, 4, 4),
    makePlan(128, 128, 32, 2, 4, 4, 3)};

/// Of queries, keys and values.
template <int plan, int planes> void weightGradient(GpuBuilder &k) {
  DeviceWeightGradientShape shape;
  shape.depth = shape.inputStride = 1024;
  shape.columns = shape.gradientStride = 3072;
  shape.planes = planes;
  shape.parts = 3;
  weightGradientKernel(k, shape, plans[plan]);
}
/// Of what is added to others, or has an activation, in all forms.
template <int plan, int planes, bool active> void inputGradient(GpuBuilder &k) {
  DeviceInputGradientShape shape;
  shape.depth = shape.beforeStride = shape.outputStride = 1024;
  shape.columns = shape.gradientStride = shape.activatedStride = 1024;
  shape.planes = planes;
  shape.plus = !active;
  shape.plusStride = 1024;
  shape.outputs = {true, planes, HalfType::BF16};
  if (active) {
    shape.activation = ActivationFunction::Gelu;
    shape.beforePlane = planes == 1;
    shape.activated.planes = planes;
  }
  inputGradientKernel(k, shape, plans[plan]);
}

const PtxCase cases[] = {
    {"weight_gradient_small", weightGradient<0, 1>},
    {"weight_gradient_small_parts", weightGradient<1, 3>},
    {"weight_gradient_parts", weightGradient<2, 3>},
    {"weight_gradient_large", weightGradient<3, 3>},
    {"weight_gradient_large_parts", weightGradient<4, 1>},
    {"weight_gradient_large_parts_3", weightGradient<4, 3>},
    {"input_gradient_small", inputGradient<0, 1, true>},
    {"input_gradient_small_parts", inputGradient<1, 3, true>},
    {"input_gradient_parts", inputGradient<2, 3, true>},
    {"input_gradient_large", inputGradient<3, 3, true>},
    {"input_gradient_large_parts", inputGradient<4, 1, true>},
    {"input_gradient_large_parts_3", inputGradient<4, 3, true>},
    {"input_gradient_plus", inputGradient<4, 3, false>},
    {"column_sums_of_planes",
     [](GpuBuilder &k) {
       columnSumsKernel(k, {3072, 0, 3072, false, true, true, HalfType::BF16,
                            /*parts=*/3});
     }},
    {"dropout", [](GpuBuilder &k) { dropoutKernel(k, large, both, true); }},
    {"layer_norm_gradient",
     [](GpuBuilder &k) { layerNormGradientKernel(k, large, both); }},
    {"normalize_gradient",
     [](GpuBuilder &k) { normalizeGradientKernel(k, large, both); }},
    {"column_sums",
     [](GpuBuilder &k) { columnSumsKernel(k, {1024, 0, 1024, true, true}); }},
    {"gelu_gradient",
     [](GpuBuilder &k) {
       activationGradientKernel(k, ActivationFunction::Gelu, large, both, 1024);
     }},
    {"pool_gradient",
     [](GpuBuilder &k) {
       poolGradientKernel(k, Pooling::Max, large, both, 1024);
     }},
    {"embed_gradient",
     [](GpuBuilder &k) { embedGradientKernel(k, large, 30522); }},
    {"embed_gradient_few_rows",
     [](GpuBuilder &k) { embedGradientKernel(k, large, 2); }},
    {"cross_entropy",
     [](GpuBuilder &k) { crossEntropyKernel(k, narrow, both); }},
    {"cross_entropy_wide",
     [](GpuBuilder &k) { crossEntropyKernel(k, large, both); }},
    {"mse", [](GpuBuilder &k) { meanSquaredErrorKernel(k, narrow, both); }},
    {"binary_cross_entropy",
     [](GpuBuilder &k) { binaryCrossEntropyKernel(k, narrow, both); }},
    {"span_loss", [](GpuBuilder &k) { spanLossKernel(k, {2, 16}, both); }},
    {"sum_of_squares", [](GpuBuilder &k) { sumOfSquaresKernel(k); }},
    {"adamw", [](GpuBuilder &k) { adamWKernel(k); }},
    {"planes",
     [](GpuBuilder &k) { planesKernel(k, 1024, 4096, 3, HalfType::BF16); }},
};

class GpuTrainingPtx : public testing::TestWithParam<PtxCase> {};
} // namespace

TEST_P(GpuTrainingPtx, IsAssembledWithoutSpills) {
  std::string ptx = ptxOf(GetParam().emit);
  EXPECT_EQ(count(ptx, ".entry"), 1);
  // What is rounded in one operation on the device is so in the emulator, but
  // for activations.
  EXPECT_EQ(count(ptx, "approx"),
            count(ptx, "rcp.approx.ftz.f32") + count(ptx, "tanh.approx.f32"));
  if (auto assembled = assemble(ptx)) {
    EXPECT_EQ(assembled->spillBytes, 0);
    EXPECT_EQ(assembled->stackBytes, 0);
    RecordProperty("registers", assembled->registers);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, GpuTrainingPtx, testing::ValuesIn(cases),
                         [](const testing::TestParamInfo<PtxCase> &info) {
                           return std::string(info.param.name);
                         });
