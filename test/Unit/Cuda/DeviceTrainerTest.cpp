//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Trainers on a device: what goes there, when it is copied back, and what
// becomes of failures. Numbers are those of TestKernels.cpp: a gradient is the
// first label plus the place, the loss the sum of ids, the seed and 1000 times
// the number of the step; the weights of the device are twice the parameters.
//
//===----------------------------------------------------------------------===//
#include "DeviceFailures.h"
#include "runtime/core/Model.h"
#include "runtime/include/bertc_train.h"

#include <cmath>
#include <filesystem>
#include <numeric>

using namespace bertc::test;
using namespace bertc::rt;
using testing::ElementsAreArray;
using testing::HasSubstr;

namespace {

constexpr int64_t size = 16; // floats of the only parameter
constexpr uint64_t seed = 7;

enum Kernel { gradientKernel = 3, refreshKernel, squaresKernel, updateKernel };

template <typename... Values>
void launch(const bertc_device_call &call, Kernel kernel, Values... values) {
  void *params[] = {&values...};
  call.launch(&call, kernel, 1, 1, 1, params);
}

void train(const bertc_device_train_call *call) {
  launch(call->call, gradientKernel, call->gradients, call->labels,
         call->call.input_ids, call->loss, uint32_t(call->call.tokens),
         call->seed, call->step);
}
void refresh(const bertc_device_train_call *call) {
  launch(call->call, refreshKernel, call->parameters, call->call.weights);
}

/// deviceModel() with a parameter, and an open trainer of it.
class OnDevice {
public:
  explicit OnDevice(uint32_t accumulated = 1, uint32_t flags = 0) {
    std::iota(weights, weights + size, 0.0f);
    parameter.name = "weight";
    parameter.layout = BERTC_PARAMETER_ROWS;
    parameter.rank = 1;
    parameter.rows = 1;
    parameter.columns = parameter.column_group = parameter.column_stride = size;
    parameter.layer_count = 1;
    parameter.packed_size = size;
    const bertc_workspace workspace = {/*fixed=*/64, /*per_token=*/4, 0, 0, 0};
    variants[0] =
        variants[1] = {train, refresh, workspace, squaresKernel, updateKernel};
    desc.train = &training;
    desc.weights = reinterpret_cast<uint8_t *>(weights);
    training.struct_size = sizeof(training);
    training.label_width = 100;
    training.output_count = 1;
    training.outputs = &logits;
    training.parameters = &parameter;
    training.parameter_count = 1;
    training.gradients_size = size * sizeof(float);
    training.device_variants = variants;
    training.parameters_size = 4096;
    note(openModel(desc, fullCpu(), nullptr, &model, &status));
    options.learning_rate = 0.5;
    options.seed = seed;
    options.lr_scheduler_type = BERTC_SCHEDULE_CONSTANT;
    options.gradient_accumulation_steps = accumulated;
    options.flags = flags;
    if (model)
      note(api->trainer_create(model, &options, &trainer, &status));
  }
  ~OnDevice() {
    api->trainer_destroy(trainer);
    bertc::test::api().model_close(model);
  }
  OnDevice(const OnDevice &) = delete;

  /// The first error.
  bertc_code code = BERTC_OK;
  std::string message;
  void note(bertc_code result) {
    if (code || !result)
      return;
    code = result;
    message = status.message;
  }

  bertc_step_result step(int32_t label) {
    bertc_step_result result = BERTC_INIT(bertc_step_result);
    int32_t labels[] = {label, 5};
    bertc_packed_inputs inputs = batch.packed();
    bertc_train_batch given = BERTC_INIT(bertc_train_batch);
    given.packed = &inputs;
    given.labels = labels;
    given.label_count = 2;
    note(api->step(trainer, &given, &result, &status));
    return result;
  }
  std::vector<float> read(uint32_t part = BERTC_PART_VALUE) {
    std::vector<float> values(size, NAN);
    note(api->read_parameter(trainer, 0, part, values.data(), size, &status));
    return values;
  }
  void write(const std::vector<float> &values) {
    note(api->write_parameter(trainer, 0, BERTC_PART_VALUE, values.data(), size,
                              &status));
  }
  /// Weights as runs see them: those of ids 0 to 3.
  std::vector<float> evaluate() {
    const int32_t ids[] = {0, 1, 2, 3}, offsets[] = {0, 4};
    const int32_t positions[] = {0, 0, 0, 0};
    bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
    inputs.tokens = 4;
    inputs.sequences = 1;
    inputs.input_ids = ids;
    inputs.cu_seqlens = offsets;
    inputs.position_ids = positions;
    inputs.dtype = BERTC_I32;
    std::vector<float> values(size, NAN);
    bertc_output wanted = {"last_hidden_state", values.data(), values.size()};
    note(api->evaluate_packed(trainer, &inputs, &wanted, 1, &status));
    return values;
  }

  const bertc_train_api *api = bertc_get_train_api(BERTC_TRAIN_API_VERSION);
  bertc_model *model = nullptr;
  bertc_trainer *trainer = nullptr;
  bertc_trainer_options options = BERTC_INIT(bertc_trainer_options);
  bertc_status status = {};
  Batch batch{{3, 5}};

private:
  alignas(4096) float weights[2048] = {};
  bertc_model_desc desc = deviceModel();
  bertc_train_desc training = {};
  bertc_parameter_desc parameter = {};
  bertc_device_train_variant variants[2] = {};
  bertc_output_desc logits = {"logits", BERTC_PER_SEQUENCE, 2};
};

/// f(0), f(1), ...
template <typename F> std::vector<float> each(F f) {
  std::vector<float> values(size);
  for (int i = 0; i < size; ++i)
    values[i] = f(float(i));
  return values;
}

/// What the first update multiplies gradients with.
constexpr float firstStep = -0.5f / (1 - 0.9f);

} // namespace

TEST(DeviceTrainer, Steps) {
  StandIn standIn;
  OnDevice t;
  ASSERT_EQ(t.code, BERTC_OK) << t.message;
  EXPECT_EQ(t.evaluate(), each([](float i) { return 2 * i; }));
  bertc_step_result result = t.step(2);
  float ids = std::accumulate(t.batch.ids.begin(), t.batch.ids.end(), 0.0f);
  EXPECT_EQ(result.loss, ids + float(seed));
  EXPECT_EQ(result.updated, 1u);
  double sum = 0;
  for (int i = 0; i < size; ++i)
    sum += double((2 + i) * (2 + i));
  EXPECT_NEAR(result.grad_norm, std::sqrt(sum), 1e-6);
  std::vector<float> values = t.read(), seen = t.evaluate();
  for (int i = 0; i < size; ++i) {
    EXPECT_NEAR(values[i], float(i) + firstStep * float(2 + i), 1e-4);
    EXPECT_EQ(seen[i], 2 * values[i]);
  }
  EXPECT_EQ(t.read(BERTC_PART_FIRST_MOMENT),
            each([](float i) { return 2 + i; }));
  EXPECT_EQ(t.read(BERTC_PART_GRADIENT), each([](float) { return 0; }));
  EXPECT_EQ(t.code, BERTC_OK) << t.message;
}

// The second batch of its sizes is captured, later ones are replayed: with
// other ids, another label, and another number of the step. So is what makes
// weights of the device.
TEST(DeviceTrainer, StepsAreGraphs) {
  StandIn standIn;
  OnDevice t;
  float first = 0;
  for (int32_t step = 0; step < 5; ++step) {
    const std::vector<float> before = t.read();
    for (int32_t &id : t.batch.ids)
      id = step;
    const float loss = t.step(step).loss;
    if (!step)
      first = loss;
    EXPECT_EQ(loss - first,
              1000 * float(step) + float(step * t.batch.ids.size()));
    EXPECT_EQ(t.read(BERTC_PART_FIRST_MOMENT),
              each([&](float i) { return float(step) + i; }));
    EXPECT_EQ(t.evaluate()[1], 2 * t.read()[1]);
  }
  // Evaluations are graphs of a session of its own.
  EXPECT_EQ(StandIn::calls("cuGraphInstantiateWithFlags"), 3u);
  EXPECT_EQ(StandIn::calls("cuGraphLaunch"), 3u * 4);
  EXPECT_EQ(t.code, BERTC_OK) << t.message;
}

TEST(DeviceTrainer, GraphsAreForOneShape) {
  StandIn standIn;
  OnDevice t;
  for (int i = 0; i < 2; ++i)
    for (int64_t length : {7, 6, 5}) { // memory does not grow
      t.batch = Batch({3, length});
      t.step(1);
    }
  EXPECT_EQ(t.code, BERTC_OK) << t.message;
  // Each shape once more, and five refreshes after the first.
  EXPECT_EQ(StandIn::calls("cuGraphLaunch"), 3u + 5);
}

TEST(DeviceTrainer, AccumulatesAndForgets) {
  StandIn standIn;
  OnDevice t(/*accumulated=*/3);
  EXPECT_EQ(t.step(1).updated, 0u);
  EXPECT_EQ(t.step(2).updated, 0u);
  EXPECT_EQ(t.read(BERTC_PART_GRADIENT),
            each([](float i) { return (3 + 2 * i) / 2; }));
  EXPECT_EQ(t.api->zero_gradients(t.trainer, &t.status), BERTC_OK);
  EXPECT_EQ(t.read(BERTC_PART_GRADIENT), each([](float) { return 0; }));
  EXPECT_EQ(t.read(), each([](float i) { return i; }));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(t.step(1).updated, i == 2 ? 1u : 0u);
  EXPECT_EQ(t.code, BERTC_OK) << t.message;
}

TEST(DeviceTrainer, WhatIsWrittenGoesThere) {
  StandIn standIn;
  OnDevice t;
  t.step(2);
  const std::vector<float> moments = t.read(BERTC_PART_FIRST_MOMENT);
  t.write(each([](float i) { return 100 - i; }));
  EXPECT_EQ(t.evaluate(), each([](float i) { return 2 * (100 - i); }));
  // What the device had computed is not lost.
  EXPECT_EQ(t.read(BERTC_PART_FIRST_MOMENT), moments);
  EXPECT_EQ(t.code, BERTC_OK) << t.message;
}

TEST(DeviceTrainer, Checkpoints) {
  StandIn standIn;
  const auto folder =
      std::filesystem::path(testing::TempDir()) / "device-check";
  std::filesystem::remove_all(folder);
  OnDevice t;
  t.step(2);
  EXPECT_EQ(
      t.api->save_checkpoint(t.trainer, folder.c_str(), nullptr, 0, &t.status),
      BERTC_OK)
      << t.status.message;
  const std::vector<float> saved = t.read();
  t.step(3);
  const std::vector<float> next = t.read();
  EXPECT_NE(next, saved);
  OnDevice other;
  size_t none = 0;
  EXPECT_EQ(other.api->load_checkpoint(other.trainer, folder.c_str(), nullptr,
                                       0, &none, &other.status),
            BERTC_OK)
      << other.status.message;
  EXPECT_EQ(other.read(), saved);
  EXPECT_EQ(other.evaluate()[1], 2 * saved[1]);
  other.step(3);
  EXPECT_EQ(other.read(), next);
  EXPECT_EQ(other.code, BERTC_OK) << other.message;
}

TEST(DeviceTrainer, TellsAboutItself) {
  StandIn standIn;
  OnDevice t;
  t.step(1);
  bertc_trainer_info info = BERTC_INIT(bertc_trainer_info);
  EXPECT_EQ(t.api->trainer_info(t.trainer, &info, &t.status), BERTC_OK);
  EXPECT_EQ(info.phase_count, 8u);
  EXPECT_EQ(info.parameter_bytes, 4096u);
  EXPECT_EQ(info.gradient_bytes, size * sizeof(float));
  EXPECT_GT(info.activation_bytes, 0u);
}

// Of the last batch or evaluation; what updates launch is no part of it.
TEST(DeviceTrainer, Profile) {
  StandIn standIn;
  OnDevice t(/*accumulated=*/1, BERTC_SESSION_PROFILE);
  auto kernels = [&] {
    const bertc_phase_record *records = nullptr;
    size_t count = 0;
    t.note(t.api->profile(t.trainer, &records, &count, &t.status));
    std::vector<std::string> names;
    for (size_t i = 0; i < count; ++i) {
      bertc_phase_info info = BERTC_INIT(bertc_phase_info);
      t.note(t.api->phase_info(t.trainer, uint32_t(records[i].phase), &info,
                               &t.status));
      names.push_back(info.name);
      EXPECT_LT(records[i].begin_ns, records[i].end_ns);
    }
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(kernels(), Names());
  t.step(1);
  EXPECT_EQ(kernels(), Names({"gradient"}));
  t.evaluate();
  EXPECT_EQ(kernels(), Names({"embed", "rows"}));
  t.step(2);
  EXPECT_EQ(kernels(), Names({"gradient"}));
  EXPECT_EQ(t.code, BERTC_OK) << t.message;
  bertc_phase_info info = BERTC_INIT(bertc_phase_info);
  EXPECT_EQ(t.api->phase_info(t.trainer, 8, &info, &t.status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(t.status.message, "index is 8, expected 0 to 7");
}

TEST(DeviceTrainer, NoMemory) {
  StandIn standIn({"BERTC_EMULATED_GPU_FAIL=cuMemAlloc_v2:3"});
  OnDevice t;
  EXPECT_EQ(t.code, BERTC_OUT_OF_MEMORY);
  EXPECT_THAT(t.message, HasSubstr("4096 bytes of parameters"));
}

namespace {
/// Opens, steps twice, evaluates, reads, and closes.
template <uint32_t flags> struct Attempt {
  static constexpr uint64_t closingPushes = 4;
  bertc_code code;
  std::string message;

  Attempt() {
    OnDevice t(/*accumulated=*/1, flags);
    if (t.trainer && !t.code) {
      t.step(1);
      if (!t.code)
        t.step(2);
      if (!t.code)
        t.evaluate();
      if (!t.code)
        t.read();
      if (!t.code)
        t.note(t.api->zero_gradients(t.trainer, &t.status));
      const bertc_phase_record *records = nullptr;
      size_t count = 0;
      if (flags && !t.code)
        t.note(t.api->profile(t.trainer, &records, &count, &t.status));
    }
    code = t.code;
    message = t.message;
  }
};
} // namespace

TEST(DeviceTrainer, EveryCallFailsOnce) {
  EXPECT_GT(failEveryCall<Attempt<0>>(), 80);
  EXPECT_GT(failEveryCall<Attempt<BERTC_SESSION_PROFILE>>(), 100);
}
