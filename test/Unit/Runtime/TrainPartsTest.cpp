//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of a trainer that need none.
//
//===----------------------------------------------------------------------===//
#include "TrainModel.h"

#include "runtime/train/AdamW.h"
#include "runtime/train/Options.h"
#include "runtime/train/Parameters.h"
#include "runtime/train/Philox.h"
#include "runtime/train/Real.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace bertc;
using namespace bertc::test;

// kat_vectors of Random123.
TEST(Philox, KnownAnswers) {
  auto expect = [](rt::PhiloxBlock counter, uint64_t key,
                   std::vector<uint32_t> want) {
    rt::PhiloxBlock got = rt::philox(counter, key);
    EXPECT_EQ(std::vector<uint32_t>(got.words, got.words + 4), want);
  };
  expect({{0, 0, 0, 0}}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  expect({{~0u, ~0u, ~0u, ~0u}}, ~0ull,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  expect({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
         0x299f31d0a4093822ull,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST(Real, AgreesWithTheLibrary) {
  for (int i = 0; i <= 1000; ++i) {
    double x = i / 1000.0;
    EXPECT_NEAR(rt::cosPi(x), std::cos(M_PI * x), 4e-16) << x;
  }
  EXPECT_EQ(rt::cosPi(0), 1);
  EXPECT_EQ(rt::cosPi(1), -1);
  EXPECT_EQ(rt::cosPi(0.5), 0);
  for (double x = 1e-300; x < 1e300; x *= 1.37)
    EXPECT_NEAR(rt::logarithm(x), std::log(x), 4e-16 * std::abs(std::log(x)))
        << x;
  for (double x : {0.5, 0.9, 0.999, 0.999999})
    for (uint64_t n : {0, 1, 2, 3, 17, 1000, 123456})
      EXPECT_NEAR(rt::power(x, n), std::pow(x, double(n)),
                  1e-11 * std::pow(x, double(n)) + 1e-300)
          << x << "^" << n;
  EXPECT_EQ(rt::squareRoot(2), std::sqrt(2.0));
}

// Values of the function NORMDIST's inverse in the literature, and its
// definition: erfc takes them back.
TEST(Real, NormalQuantile) {
  EXPECT_EQ(rt::normalQuantile(0.5), 0);
  EXPECT_NEAR(rt::normalQuantile(0.25), -0.6744897501960817, 1e-15);
  EXPECT_NEAR(rt::normalQuantile(0.001), -3.090232306167813, 1e-14);
  EXPECT_NEAR(rt::normalQuantile(1e-20), -9.262340089798408, 1e-13);
  for (double p = 1e-16; p < 1; p += p < 0.01 ? p : 0.01) {
    double z = rt::normalQuantile(p);
    EXPECT_NEAR(std::erfc(-z / std::sqrt(2.0)) / 2 / p, 1, 1e-13) << p;
  }
}

TEST(SumOfSquares, IsTheSameForEveryRegisterWidth) {
  std::vector<float> values(1000);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(std::sin(double(i)) * std::pow(10.0, double(i % 7)));
  for (size_t count : {0, 1, 15, 16, 17, 31, 33, 999}) {
    double exact = 0;
    for (size_t i = 0; i < count; ++i)
      exact += double(values[i]) * double(values[i]);
    double a = rt::optimizerCode(0).sumOfSquares(values.data(), count);
    double b = rt::optimizerCode(BERTC_CPU_X86_64_V3)
                   .sumOfSquares(values.data(), count);
    EXPECT_EQ(memcmp(&a, &b, sizeof(a)), 0) << count;
    EXPECT_NEAR(a, exact, 1e-14 * exact) << count;
  }
}

// Odd sizes, so that every tail is met.
TEST(AdamWCode, IsTheSameForEveryRegisterWidth) {
  rt::AdamWStep step =
      rt::makeAdamWStep(1e-2, 0.9, 0.999, 1e-8, 0.1, 3, 3, 0.7);
  for (size_t count : {1, 7, 8, 9, 31, 100}) {
    std::vector<std::vector<float>> results;
    for (uint64_t cpu : {uint64_t(0), uint64_t(BERTC_CPU_X86_64_V3)}) {
      std::vector<float> data(4 * count);
      for (size_t i = 0; i < data.size(); ++i)
        data[i] = float(0.5 + 0.4 * std::sin(double(i * i)));
      float *p = data.data();
      rt::optimizerCode(cpu).adamW(step, true, p, p + count, p + 2 * count,
                                   p + 3 * count, count);
      results.push_back(data);
    }
    EXPECT_EQ(memcmp(results[0].data(), results[1].data(), 16 * count), 0);
  }
}

// Packed by hand: a panel weight of 3 x 5, rows in groups of 2 to 16 columns,
// columns in groups of 3 to 4 steps.
TEST(Parameters, PanelsAreUnpacked) {
  bertc_parameter_desc desc = {};
  desc.layout = BERTC_PARAMETER_PANELS;
  desc.rank = 2;
  desc.rows = 3;
  desc.columns = 5;
  desc.column_group = 2;
  desc.column_stride = 16;
  desc.depth_group = 3;
  desc.depth_stride = 4;
  desc.packed_size = 32 * 8;
  std::vector<float> packed(desc.packed_size), dense(15), again(15);
  // Row 2 is column 16, in the second panel; column 4 is step 5.
  const int columns[] = {0, 1, 16}, steps[] = {0, 1, 2, 4, 5};
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 5; ++c)
      packed[columns[r] / 16 * 8 * 16 + steps[c] * 16 + columns[r] % 16] =
          float(10 * r + c + 1);
  rt::unpackRows(desc, packed.data(), 0, 3, dense.data());
  EXPECT_EQ(dense, (std::vector<float>{1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 21,
                                       22, 23, 24, 25}));
  std::vector<float> back(desc.packed_size);
  rt::packRows(desc, back.data(), 0, 3, dense.data());
  EXPECT_EQ(back, packed);
  rt::unpackRows(desc, packed.data(), 1, 2, again.data());
  EXPECT_EQ(again[0], 11);
  EXPECT_EQ(again[9], 25);
}

static bertc_code openParameters(void (*change)(TrainModel &),
                                 bertc_status &status) {
  TrainModel model;
  change(model);
  model.open();
  rt::Parameters parameters;
  bertc_code code =
      parameters.open(model.train, model.desc.weights_size, &status);
  parameters.close();
  return code;
}

// A description that does not fit must not become an address.
TEST(Parameters, DamagedDescriptionsAreRefused) {
  void (*const changes[])(TrainModel &) = {
      [](TrainModel &m) { m.parameters[0].name = nullptr; },
      [](TrainModel &m) { m.parameters[0].rows = 0; },
      [](TrainModel &m) { m.parameters[0].rows = ~0u; },
      [](TrainModel &m) { m.parameters[0].rank = 3; },
      [](TrainModel &m) { m.parameters[0].rank = 1; },
      [](TrainModel &m) { m.parameters[0].layout = 2; },
      [](TrainModel &m) { m.parameters[0].layer_count = 2; },
      [](TrainModel &m) { m.parameters[0].column_group = 0; },
      [](TrainModel &m) { m.parameters[0].column_stride = 2; },
      [](TrainModel &m) { m.parameters[0].packed_size += 16; },
      [](TrainModel &m) { m.parameters[0].weight_offset = ~0ull - 3; },
      [](TrainModel &m) { m.parameters[0].weight_offset += 2; },
      [](TrainModel &m) { m.parameters[0].gradient_offset = 1 << 20; },
      [](TrainModel &m) { m.parameters[1].depth_group = 0; },
      [](TrainModel &m) { m.parameters[1].column_stride = 8; },
      [](TrainModel &m) { m.parameters[1].weight_layer_stride = ~0ull / 4; },
      [](TrainModel &m) { m.parameters[1].first_trained_layer = 4; },
      [](TrainModel &m) { m.parameters[1].last_frozen_layers = 4; },
      [](TrainModel &m) { m.parameters[1].gradient_layer_stride = 1 << 20; },
  };
  bertc_status status;
  EXPECT_EQ(openParameters([](TrainModel &) {}, status), BERTC_OK);
  for (auto change : changes) {
    EXPECT_EQ(openParameters(change, status), BERTC_CORRUPT)
        << &change - changes;
    EXPECT_NE(strstr(status.message, "description of parameter"), nullptr);
  }
}

TEST(TrainOptions, Defaults) {
  bertc_trainer_options options = {};
  options.max_steps = 1;
  EXPECT_EQ(rt::resolveOptions(options, nullptr), BERTC_OK);
  EXPECT_EQ(options.learning_rate, 5e-5);
  EXPECT_EQ(options.adam_beta1, 0.9);
  EXPECT_EQ(options.adam_beta2, 0.999);
  EXPECT_EQ(options.adam_epsilon, 1e-8);
  EXPECT_EQ(options.weight_decay, 0);
  EXPECT_EQ(options.gradient_accumulation_steps, 1u);
}

TEST(TrainOptions, BadOnesAreNamed) {
  struct Case {
    void (*change)(bertc_trainer_options &);
    const char *message;
  };
  const Case cases[] = {
      {[](bertc_trainer_options &o) { o.learning_rate = -1; },
       "learning_rate is -1, expected a positive number"},
      {[](bertc_trainer_options &o) { o.learning_rate = NAN; },
       "learning_rate is nan"},
      {[](bertc_trainer_options &o) { o.adam_beta1 = 1; },
       "adam_beta1 is 1, expected above 0 and below 1"},
      {[](bertc_trainer_options &o) { o.adam_beta2 = -0.5; },
       "adam_beta2 is -0.5"},
      {[](bertc_trainer_options &o) { o.adam_epsilon = INFINITY; },
       "adam_epsilon is inf"},
      {[](bertc_trainer_options &o) { o.weight_decay = -0.1; },
       "weight_decay is -0.1, expected at least 0"},
      {[](bertc_trainer_options &o) { o.max_grad_norm = -1; },
       "max_grad_norm is -1"},
      {[](bertc_trainer_options &o) { o.lr_scheduler_type = 4; },
       "lr_scheduler_type is 4, expected a bertc_schedule"},
      {[](bertc_trainer_options &o) { o.warmup_steps = -1; },
       "warmup_steps is -1, expected 0 to 2^53"},
      {[](bertc_trainer_options &o) { o.max_steps = 0; },
       "max_steps is 0, expected the number of updates"},
      {[](bertc_trainer_options &o) { o.flags = 2; },
       "flags is 0x2, expected 0 or BERTC_SESSION_PROFILE"},
      {[](bertc_trainer_options &o) { o.threads = 5000; },
       "threads is 5000, expected at most 1024"},
  };
  for (const Case &c : cases) {
    TrainModel model;
    bertc_trainer_options options = trainOptions();
    c.change(options);
    bertc_status status;
    bertc_trainer *trainer = nullptr;
    EXPECT_EQ(
        trainApi().trainer_create(model.open(), &options, &trainer, &status),
        BERTC_INVALID_ARGUMENT);
    EXPECT_EQ(trainer, nullptr);
    EXPECT_NE(strstr(status.message, c.message), nullptr) << status.message;
  }
}
