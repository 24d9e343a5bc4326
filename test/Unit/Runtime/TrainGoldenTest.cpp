//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Optimizer, schedules and whole trainings against PyTorch and transformers,
// see test/Golden/make-trainer-golden.py.
//
//===----------------------------------------------------------------------===//
#include "TrainModel.h"

#include "compiler/Import/Safetensors.h"
#include "runtime/train/AdamW.h"
#include "runtime/train/Schedule.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace bertc;
using namespace bertc::test;

namespace {

const std::vector<float> &golden(const std::string &name) {
  static std::map<std::string, std::vector<float>> tensors = [] {
    std::map<std::string, std::vector<float>> read;
    auto file = SafetensorsFile::open(BERTC_GOLDEN_DIR "/trainer.safetensors");
    if (!file) {
      ADD_FAILURE() << llvm::toString(file.takeError());
      return read;
    }
    for (const TensorInfo &info : (*file)->getTensors()) {
      std::vector<float> data(info.elements());
      EXPECT_FALSE((*file)->readAsF32(info, 0, data.size(), data.data()));
      read[info.name] = data;
    }
    return read;
  }();
  EXPECT_TRUE(tensors.count(name)) << name;
  return tensors[name];
}

void expectClose(const std::vector<float> &got, const std::vector<float> &want,
                 double absolute, double relative, const std::string &what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want[i], absolute + relative * std::abs(want[i]))
        << what << " at " << i;
}

class AdamW : public testing::TestWithParam<const char *> {};

// 20 steps stay within a few roundings of PyTorch's; both widths of registers
// give the same bits.
TEST_P(AdamW, FollowsPyTorch) {
  std::string prefix = std::string("adamw.") + GetParam() + ".";
  const std::vector<float> &options = golden(prefix + "options");
  const std::vector<float> &gradients = golden(prefix + "gradients");
  const std::vector<float> &weights = golden(prefix + "weights");
  std::vector<std::vector<float>> results;
  for (uint64_t cpu : {uint64_t(0), uint64_t(BERTC_CPU_X86_64_V3)}) {
    const rt::OptimizerCode &code = rt::optimizerCode(cpu);
    std::vector<float> w = golden(prefix + "initial");
    size_t size = w.size();
    std::vector<float> m(size), v(size);
    for (int step = 0; step < 20; ++step) {
      std::vector<float> g(gradients.begin() + step * size,
                           gradients.begin() + (step + 1) * size);
      // Decimal numbers of the script, which are float32 in the file.
      auto exact = [](float x) { return std::stod(std::to_string(x)); };
      rt::AdamWStep s = rt::makeAdamWStep(exact(options[0]), exact(options[1]),
                                          exact(options[2]), double(options[3]),
                                          exact(options[4]), step + 1, 1, 1);
      code.adamW(s, true, w.data(), g.data(), m.data(), v.data(), size);
      EXPECT_EQ(g, std::vector<float>(size)) << "gradients are cleared";
      expectClose(
          w,
          {weights.begin() + step * size, weights.begin() + (step + 1) * size},
          2e-6, 5e-7, prefix + std::to_string(step));
    }
    expectClose(v, golden(prefix + "second"), 0, 1e-6, prefix + "second");
    // Sums that cancel: roundings of the largest gradient.
    for (size_t i = 0; i < size; ++i) {
      double largest = 0;
      for (size_t at = i; at < gradients.size(); at += size)
        largest = std::max(largest, std::abs(double(gradients[at])));
      EXPECT_NEAR(m[i], golden(prefix + "first")[i], 2e-7 * largest) << i;
    }
    w.insert(w.end(), m.begin(), m.end());
    w.insert(w.end(), v.begin(), v.end());
    results.push_back(w);
  }
  EXPECT_EQ(memcmp(results[0].data(), results[1].data(),
                   results[0].size() * sizeof(float)),
            0);
}

INSTANTIATE_TEST_SUITE_P(Cases, AdamW,
                         testing::Values("plain", "decay", "large"));

TEST(TrainGolden, SchedulesAreThoseOfTransformers) {
  const char *names[] = {"linear", "cosine", "constant",
                         "constant_with_warmup"};
  for (uint32_t kind = 0; kind < 4; ++kind) {
    std::string prefix = std::string("schedule.") + names[kind] + ".";
    bertc_trainer_options options = {};
    options.learning_rate = 1;
    options.lr_scheduler_type = kind;
    options.warmup_steps = int64_t(golden(prefix + "options")[0]);
    options.max_steps = int64_t(golden(prefix + "options")[1]);
    const std::vector<float> &factors = golden(prefix + "factors");
    ASSERT_EQ(factors.size(), size_t(options.max_steps + 1));
    for (size_t k = 0; k < factors.size(); ++k)
      EXPECT_NEAR(rt::learningRate(options, k), factors[k], 6e-8)
          << prefix << k;
    // Beyond the end, those that fall stay at 0.
    EXPECT_EQ(rt::learningRate(options, options.max_steps + 7),
              kind < 2 ? 0.0 : 1.0);
  }
}

TEST(TrainGolden, NewParametersAreDrawnByTheirPlace) {
  Training training;
  expectClose(training.read("classifier.weight", BERTC_PART_VALUE),
              golden("draw.weight"), 0, 3e-7, "classifier.weight");
  EXPECT_EQ(training.read("classifier.bias", BERTC_PART_VALUE),
            std::vector<float>(3));
  // Others are those of the model.
  std::vector<float> table =
      training.read("embeddings.word_embeddings.weight", BERTC_PART_VALUE);
  EXPECT_EQ(table[1], float((37 + 33 * 11) % 101 - 50) / 250);
}

struct Fit {
  const char *name;
  uint32_t labelKind;
  double rate, decay, clip;
  uint32_t schedule;
  int64_t warmup;
  uint32_t accumulation;
};

class Fits : public testing::TestWithParam<Fit> {};

// Packing, gradients, accumulation, clipping, decay of some, frozen layers,
// schedule: 20 updates end where PyTorch's do.
TEST_P(Fits, FollowPyTorch) {
  const Fit &fit = GetParam();
  std::string prefix = std::string("fit.") + fit.name + ".";
  bertc_trainer_options options = trainOptions();
  options.threads = 2;
  options.learning_rate = fit.rate;
  options.weight_decay = fit.decay;
  options.max_grad_norm = fit.clip;
  options.lr_scheduler_type = fit.schedule;
  options.warmup_steps = fit.warmup;
  options.gradient_accumulation_steps = fit.accumulation;
  Training training(options, fit.labelKind);
  int number = 0;
  for (int update = 0; update < 20; ++update) {
    bertc_step_result result;
    for (uint32_t i = 0; i < fit.accumulation; ++i, ++number) {
      result = training.step(number);
      EXPECT_NEAR(result.loss, golden(prefix + "losses")[number], 1e-5)
          << number;
      EXPECT_EQ(result.updated, i + 1 == fit.accumulation);
      EXPECT_EQ(result.global_step, update + int(result.updated));
    }
    EXPECT_EQ(result.accumulated, fit.accumulation);
    EXPECT_NEAR(result.grad_norm, golden(prefix + "norms")[update], 2e-5);
    EXPECT_NEAR(result.learning_rate, golden(prefix + "rates")[update], 1e-8);
  }
  for (uint32_t i = 0; i < training.info().parameter_count; ++i) {
    bertc_parameter_info info = BERTC_INIT(bertc_parameter_info);
    trainApi().parameter_info(*training, i, &info, nullptr);
    if (std::string(info.name) == "frozen.weight")
      continue;
    expectClose(training.read(info.name, BERTC_PART_VALUE),
                golden(prefix + info.name), 2e-5, 1e-5, info.name);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Fits,
    testing::Values(Fit{"class", BERTC_LABEL_CLASS, 5e-2, 0.1, 0,
                        BERTC_SCHEDULE_LINEAR, 3, 1},
                    Fit{"number", BERTC_LABEL_NUMBER, 2e-2, 0.01, 0.5,
                        BERTC_SCHEDULE_COSINE, 4, 3}),
    [](const auto &info) { return info.param.name; });

} // namespace
