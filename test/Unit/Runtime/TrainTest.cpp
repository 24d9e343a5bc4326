//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Steps, labels, parameters, and all that a trainer refuses.
//
//===----------------------------------------------------------------------===//
#include "TrainModel.h"

#include <cmath>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace bertc;
using namespace bertc::test;

namespace {

void expectMessage(const bertc_status &status, const char *part) {
  EXPECT_NE(strstr(status.message, part), nullptr) << status.message;
}

/// The mean loss of a batch at the trainer's parameters; gradients are dropped.
double lossAt(Training &training, int number) {
  TrainBatch batch(number, training.labelKind);
  double loss = 0;
  EXPECT_EQ(trainApi().backward(*training, &batch.batch, &loss, nullptr),
            BERTC_OK);
  EXPECT_EQ(trainApi().zero_gradients(*training, nullptr), BERTC_OK);
  return loss;
}

class Kinds : public testing::TestWithParam<uint32_t> {};

// What read_parameter calls a gradient is one: central differences of the loss
// through write_parameter.
TEST_P(Kinds, GradientsAreThoseOfTheLoss) {
  Training training(trainOptions(), GetParam(),
                    GetParam() == BERTC_LABEL_SPAN ? 2 : 3);
  TrainBatch batch(4, GetParam());
  ASSERT_EQ(
      trainApi().backward(*training, &batch.batch, nullptr, &training.status),
      BERTC_OK)
      << training.status.message;
  std::map<std::string, std::vector<float>> gradients;
  for (const char *name :
       {"embeddings.word_embeddings.weight", "encoder.layer.1.dense.weight",
        "encoder.layer.2.dense.bias", "classifier.weight", "classifier.bias"})
    gradients[name] = training.read(name, BERTC_PART_GRADIENT);
  trainApi().zero_gradients(*training, nullptr);
  for (uint32_t i = 0; i < training.info().parameter_count; ++i) {
    bertc_parameter_info info = BERTC_INIT(bertc_parameter_info);
    trainApi().parameter_info(*training, i, &info, nullptr);
    auto found = gradients.find(info.name);
    if (found == gradients.end())
      continue;
    std::vector<float> value = training.read(info.name, BERTC_PART_VALUE);
    for (size_t at = 0; at < value.size(); at += 5) {
      double losses[2], step = 0.01;
      float before = value[at];
      for (int side = 0; side < 2; ++side) {
        value[at] = before + float(side ? step : -step);
        trainApi().write_parameter(*training, i, BERTC_PART_VALUE, value.data(),
                                   value.size(), nullptr);
        losses[side] = lossAt(training, 4);
      }
      value[at] = before;
      trainApi().write_parameter(*training, i, BERTC_PART_VALUE, value.data(),
                                 value.size(), nullptr);
      EXPECT_NEAR(found->second[at], (losses[1] - losses[0]) / (2 * step), 2e-4)
          << info.name << " at " << at;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Labels, Kinds,
                         testing::Values(BERTC_LABEL_CLASS, BERTC_LABEL_MULTI,
                                         BERTC_LABEL_NUMBER, BERTC_LABEL_TOKEN,
                                         BERTC_LABEL_SPAN));

TEST(Train, ThreadsChangeNoBit) {
  std::map<std::string, std::vector<float>> first;
  for (uint32_t threads : {1, 2, 3, 8}) {
    bertc_trainer_options options = trainOptions();
    options.threads = threads;
    options.max_grad_norm = 0.3;
    options.gradient_accumulation_steps = 2;
    Training training(options);
    for (int i = 0; i < 10; ++i)
      training.step(i);
    EXPECT_EQ(training.info().global_step, 5);
    EXPECT_EQ(training.info().threads, threads);
    if (first.empty())
      first = training.everything();
    EXPECT_EQ(training.everything(), first) << threads;
  }
}

// backward and update are what step does; the mean of accumulated gradients is
// what is read.
TEST(Train, StepIsBackwardAndUpdate) {
  bertc_trainer_options options = trainOptions();
  options.gradient_accumulation_steps = 2;
  Training a(options), b(options);
  TrainBatch first(0, a.labelKind), second(1, a.labelKind);
  a.step(0);
  EXPECT_EQ(a.info().accumulated, 1u);
  a.step(1);
  std::vector<float> mean;
  for (const TrainBatch *batch : {&first, &second}) {
    EXPECT_EQ(trainApi().backward(*b, &batch->batch, nullptr, nullptr),
              BERTC_OK);
    std::vector<float> sum = b.read("classifier.bias", BERTC_PART_GRADIENT);
    if (!mean.empty()) {
      TrainBatch alone(1, b.labelKind);
      Training c(options);
      trainApi().backward(*c, &alone.batch, nullptr, nullptr);
      std::vector<float> other = c.read("classifier.bias", BERTC_PART_GRADIENT);
      for (size_t i = 0; i < 3; ++i)
        EXPECT_NEAR(sum[i], (mean[i] + other[i]) / 2, 1e-7);
    }
    mean = sum;
  }
  bertc_step_result result = BERTC_INIT(bertc_step_result);
  EXPECT_EQ(trainApi().update(*b, &result, nullptr), BERTC_OK);
  EXPECT_EQ(result.updated, 1u);
  EXPECT_EQ(result.accumulated, 2u);
  EXPECT_EQ(result.global_step, 1);
  EXPECT_EQ(a.everything(), b.everything());
  EXPECT_EQ(b.read("classifier.bias", BERTC_PART_GRADIENT),
            std::vector<float>(3));
  EXPECT_EQ(trainApi().update(*b, nullptr, &b.status), BERTC_INVALID_ARGUMENT);
  expectMessage(b.status, "no gradients wait for an update");
}

// Padding stays zero, the model's own weights stay as they are.
TEST(Train, TouchesNothingElse) {
  TrainModel model;
  bertc_model *opened = model.open();
  std::vector<uint8_t> before(model.desc.weights,
                              model.desc.weights + model.desc.weights_size);
  {
    Training training(model);
    for (int i = 0; i < 5; ++i)
      training.step(i);
    EXPECT_EQ(
        training.read("encoder.layer.0.dense.weight", BERTC_PART_VALUE),
        Training().read("encoder.layer.0.dense.weight", BERTC_PART_VALUE));
    EXPECT_NE(
        training.read("encoder.layer.1.dense.weight", BERTC_PART_VALUE),
        Training().read("encoder.layer.1.dense.weight", BERTC_PART_VALUE));
  }
  EXPECT_EQ(memcmp(before.data(), model.desc.weights, before.size()), 0);
  EXPECT_EQ(opened, model.open());
}

// Left-padded, int64: the same losses as packed, and logits in padded rows.
TEST(Train, PaddedIsPacked) {
  for (uint32_t kind : {BERTC_LABEL_CLASS, BERTC_LABEL_TOKEN, BERTC_LABEL_SPAN,
                        BERTC_LABEL_NUMBER}) {
    uint32_t labels = kind == BERTC_LABEL_SPAN ? 2 : 3;
    Training a(trainOptions(), kind, labels), b(trainOptions(), kind, labels);
    TrainBatch packed(2, kind);
    std::vector<int64_t> ids(12, 99), mask(12), classes(12, 77), spans(6);
    for (int s = 0; s < 3; ++s) {
      int64_t begin = packed.offsets[s], count = packed.offsets[s + 1] - begin;
      for (int64_t i = 0; i < count; ++i) {
        int64_t element = 4 * s + 4 - count + i;
        ids[element] = packed.ids[begin + i];
        mask[element] = 1;
        if (kind == BERTC_LABEL_TOKEN)
          classes[element] = packed.classes[begin + i];
      }
      for (int side = 0; kind == BERTC_LABEL_SPAN && side < 2; ++side) {
        int64_t place = packed.classes[2 * s + side];
        spans[2 * s + side] = place < 0 ? place : place + 4 - count;
      }
    }
    bertc_padded_inputs inputs = padded(3, 4, ids, &mask);
    TrainBatch other(2, kind);
    other.batch.packed = nullptr;
    other.batch.padded = &inputs;
    if (kind == BERTC_LABEL_TOKEN) {
      other.batch.labels = classes.data();
      other.batch.label_count = classes.size();
    } else if (kind == BERTC_LABEL_SPAN) {
      other.batch.labels = spans.data();
    }
    bool tokens = kind == BERTC_LABEL_TOKEN || kind == BERTC_LABEL_SPAN;
    std::vector<float> logits(tokens ? 12 * labels : 9, 5.0f), flat(18, 6.0f);
    other.batch.logits = logits.data();
    other.batch.logits_size = logits.size();
    packed.batch.logits = flat.data();
    packed.batch.logits_size = flat.size();
    double lossA = 0, lossB = 1;
    EXPECT_EQ(trainApi().backward(*a, &packed.batch, &lossA, &a.status),
              BERTC_OK)
        << a.status.message;
    EXPECT_EQ(trainApi().backward(*b, &other.batch, &lossB, &b.status),
              BERTC_OK)
        << b.status.message;
    EXPECT_EQ(lossA, lossB);
    EXPECT_EQ(a.read("classifier.weight", BERTC_PART_GRADIENT),
              b.read("classifier.weight", BERTC_PART_GRADIENT));
    if (!tokens) {
      EXPECT_EQ(logits, std::vector<float>(flat.begin(), flat.begin() + 9));
      continue;
    }
    // Two columns of padding, then the two tokens of the first sequence.
    for (uint32_t i = 0; i < 2 * labels; ++i) {
      EXPECT_EQ(logits[i], 0);
      EXPECT_EQ(logits[2 * labels + i], flat[i]);
    }
  }
}

// With the trainer's parameters, which training moves.
TEST(Train, Evaluates) {
  Training training;
  TrainBatch batch(0, training.labelKind);
  std::vector<float> before(9), after(9);
  bertc_output output = {"logits", before.data(), before.size()};
  EXPECT_EQ(trainApi().evaluate_packed(*training, &batch.inputs, &output, 1,
                                       &training.status),
            BERTC_OK)
      << training.status.message;
  std::vector<float> table = training.read("classifier.bias", BERTC_PART_VALUE);
  for (int i = 0; i < 5; ++i)
    training.step(i);
  output.data = after.data();
  bertc_padded_inputs padded = test::padded(1, 2, batch.ids);
  EXPECT_EQ(trainApi().evaluate_padded(*training, &padded, &output, 1, nullptr),
            BERTC_OK);
  EXPECT_NE(before[0], after[0]);
  output.name = "loss";
  EXPECT_EQ(trainApi().evaluate_packed(*training, &batch.inputs, &output, 1,
                                       &training.status),
            BERTC_NOT_IN_MODEL);
  expectMessage(training.status, "no output 'loss', expected one of logits");
  EXPECT_EQ(trainApi().evaluate_packed(*training, nullptr, &output, 1,
                                       &training.status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(trainApi().evaluate_packed(*training, &batch.inputs, nullptr, 0,
                                       &training.status),
            BERTC_INVALID_ARGUMENT);
}

// The step number of dropout differs from batch to batch, and goes on.
TEST(Train, EachBatchHasANumber) {
  bertc_trainer_options options = trainOptions();
  options.gradient_accumulation_steps = 3;
  Training training(options);
  for (int i = 0; i < 4; ++i) {
    training.step(i);
    EXPECT_EQ(observed.tids, uint64_t(i));
  }
  EXPECT_EQ(training.info().batches, 4);
  EXPECT_EQ(training.info().global_step, 1);
}

TEST(Train, Info) {
  Training training;
  bertc_trainer_info info = training.info();
  EXPECT_EQ(info.label_kind, uint32_t(BERTC_LABELS_CLASS));
  EXPECT_EQ(info.num_labels, 3u);
  EXPECT_EQ(info.logits_kind, uint32_t(BERTC_KIND_SEQUENCE));
  EXPECT_EQ(info.parameter_count, 10u);
  EXPECT_EQ(info.trained_parameters, 66u + 2 * 42 + 21);
  EXPECT_EQ(info.parameters, info.trained_parameters + 42 + 6);
  EXPECT_EQ(info.optimizer_bytes, 2 * info.gradient_bytes);
  EXPECT_EQ(info.learning_rate, 0);
  EXPECT_EQ(info.activation_bytes, 0u);
  training.step(0);
  EXPECT_DOUBLE_EQ(training.info().learning_rate, 5e-2 / 3);
  EXPECT_GT(training.info().activation_bytes, 0u);

  const char *names[] = {
      "embeddings.word_embeddings.weight", "encoder.layer.0.dense.weight",
      "encoder.layer.0.dense.bias", "encoder.layer.1.dense.weight"};
  for (uint32_t i = 0; i < 4; ++i) {
    bertc_parameter_info parameter = BERTC_INIT(bertc_parameter_info);
    EXPECT_EQ(trainApi().parameter_info(*training, i, &parameter, nullptr),
              BERTC_OK);
    EXPECT_STREQ(parameter.name, names[i]);
    EXPECT_EQ(parameter.layer, i == 0 ? -1 : int(i) / 3);
    EXPECT_EQ(parameter.trained, i == 0 || i == 3);
    EXPECT_EQ(parameter.decays, i != 2);
    EXPECT_EQ(parameter.rank, i == 2 ? 1u : 2u);
    EXPECT_EQ(parameter.shape[0], i == 0 ? 11u : 6u);
    EXPECT_EQ(parameter.shape[1], i == 2 ? 1u : 6u);
    EXPECT_EQ(parameter.is_new, 0u);
  }
  bertc_parameter_info parameter = BERTC_INIT(bertc_parameter_info);
  EXPECT_EQ(
      trainApi().parameter_info(*training, 10, &parameter, &training.status),
      BERTC_INVALID_ARGUMENT);
  expectMessage(training.status, "index is 10, expected 0 to 9");
}

TEST(Train, Profile) {
  bertc_trainer_options options = trainOptions();
  options.flags = BERTC_SESSION_PROFILE;
  options.threads = 2;
  Training training(options), plain;
  training.step(0);
  const bertc_phase_record *records = nullptr;
  size_t count = 0;
  ASSERT_EQ(trainApi().profile(*training, &records, &count, nullptr), BERTC_OK);
  // The phase, then waiting, of each thread.
  ASSERT_EQ(count, 4u);
  EXPECT_EQ(records[0].phase, 1);
  EXPECT_EQ(records[1].phase, BERTC_PHASE_WAIT);
  EXPECT_EQ(records[2].thread, 1u);
  EXPECT_EQ(training.info().phase_count, 2u);
  bertc_phase_info phase = BERTC_INIT(bertc_phase_info);
  EXPECT_EQ(trainApi().phase_info(*training, 1, &phase, nullptr), BERTC_OK);
  EXPECT_STREQ(phase.name, "all");
  EXPECT_EQ(phase.flops_per_pair, 30u);
  EXPECT_EQ(trainApi().phase_info(*training, 2, &phase, &training.status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(trainApi().profile(*plain, &records, &count, &plain.status),
            BERTC_INVALID_ARGUMENT);
  expectMessage(plain.status, "the trainer keeps no profile");
}

TEST(Train, ParametersAreWritten) {
  Training training;
  std::vector<float> data(18);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = float(i);
  auto write = [&](uint32_t index, uint32_t part, size_t size) {
    return trainApi().write_parameter(*training, index, part, data.data(), size,
                                      &training.status);
  };
  constexpr uint32_t head = 7;
  for (uint32_t part :
       {BERTC_PART_VALUE, BERTC_PART_FIRST_MOMENT, BERTC_PART_SECOND_MOMENT}) {
    data[3] = float(part + 40);
    EXPECT_EQ(write(head, part, 18), BERTC_OK) << training.status.message;
    EXPECT_EQ(training.read("classifier.weight", part), data);
  }
  EXPECT_EQ(write(head, BERTC_PART_GRADIENT, 18), BERTC_INVALID_ARGUMENT);
  expectMessage(training.status, "which cannot be written");
  EXPECT_EQ(write(head, 4, 18), BERTC_INVALID_ARGUMENT);
  expectMessage(training.status, "part is 4, expected a bertc_parameter_part");
  EXPECT_EQ(write(head, 0, 17), BERTC_INVALID_ARGUMENT);
  expectMessage(training.status,
                "size is 17, expected the 18 elements of classifier.weight");
  EXPECT_EQ(write(99, 0, 18), BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(write(9, BERTC_PART_FIRST_MOMENT, 6), BERTC_NOT_IN_MODEL);
  expectMessage(training.status, "frozen.weight is frozen");
  data[5] = NAN;
  EXPECT_EQ(write(head, 0, 18), BERTC_BAD_INPUT);
  expectMessage(training.status, "data[5] is nan, expected a finite number");
  EXPECT_EQ(trainApi().read_parameter(*training, head, 0, nullptr, 18,
                                      &training.status),
            BERTC_INVALID_ARGUMENT);
}

// Neither moves a parameter, both say which step it was.
TEST(Train, NotFiniteStopsTheStep) {
  Training training;
  training.step(0);
  auto before = training.everything();
  spoilLoss = true;
  bertc_step_result result = training.step(1, BERTC_NOT_FINITE);
  spoilLoss = false;
  EXPECT_TRUE(std::isnan(result.loss));
  EXPECT_EQ(result.updated, 0u);
  expectMessage(training.status,
                "the loss of batch 1 (after 1 updates) is nan");
  EXPECT_EQ(training.info().accumulated, 0u);
  spoilGradient = true;
  result = training.step(2, BERTC_NOT_FINITE);
  spoilGradient = false;
  EXPECT_TRUE(std::isinf(result.grad_norm));
  expectMessage(training.status, "gradients of update 1 is inf");
  EXPECT_EQ(training.everything(), before);
  EXPECT_EQ(training.read("classifier.bias", BERTC_PART_GRADIENT),
            std::vector<float>(3));
  EXPECT_EQ(training.step(3).global_step, 2);
}

TEST(Train, ModelsWithoutTrainingAreRefused) {
  Opened opened;
  bertc_trainer *trainer = nullptr;
  bertc_status status;
  bertc_trainer_options options = trainOptions();
  EXPECT_EQ(
      trainApi().trainer_create(opened.model, &options, &trainer, &status),
      BERTC_NOT_IN_MODEL);
  expectMessage(status, "help: compile it with --train");
  EXPECT_EQ(trainApi().trainer_create(nullptr, &options, &trainer, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(trainApi().trainer_create(opened.model, &options, nullptr, &status),
            BERTC_INVALID_ARGUMENT);
  TrainModel model;
  model.train.struct_size = 8;
  EXPECT_EQ(
      trainApi().trainer_create(model.open(), &options, &trainer, &status),
      BERTC_CORRUPT);
  TrainModel damaged;
  damaged.train.label_kind = 9;
  EXPECT_EQ(
      trainApi().trainer_create(damaged.open(), &options, &trainer, &status),
      BERTC_CORRUPT);
}

struct BadBatch {
  const char *name;
  uint32_t labelKind;
  void (*change)(TrainBatch &);
  bertc_code code;
  const char *message;
};

class BadBatches : public testing::TestWithParam<BadBatch> {};

// Refused before anything is computed: gradients and counters stay.
TEST_P(BadBatches, AreRefused) {
  const BadBatch &bad = GetParam();
  Training training(trainOptions(), bad.labelKind,
                    bad.labelKind == BERTC_LABEL_SPAN ? 2 : 3);
  TrainBatch batch(0, bad.labelKind);
  bad.change(batch);
  EXPECT_EQ(trainApi().step(*training, &batch.batch, nullptr, &training.status),
            bad.code);
  expectMessage(training.status, bad.message);
  EXPECT_EQ(training.info().batches, 0);
  EXPECT_EQ(training.info().accumulated, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadBatches,
    testing::Values(
        BadBatch{"ClassTooLarge", BERTC_LABEL_CLASS,
                 [](TrainBatch &b) { b.classes[1] = 3; }, BERTC_BAD_INPUT,
                 "labels[1] is 3, expected 0 to 2, as num_labels is 3"},
        BadBatch{"ClassNegative", BERTC_LABEL_CLASS,
                 [](TrainBatch &b) { b.classes[2] = -1; }, BERTC_BAD_INPUT,
                 "labels[2] is -1"},
        BadBatch{"ClassBeyond32Bits", BERTC_LABEL_CLASS,
                 [](TrainBatch &b) { b.classes[0] = 1ll << 32; },
                 BERTC_BAD_INPUT, "labels[0] is 4294967296"},
        BadBatch{"Token", BERTC_LABEL_TOKEN,
                 [](TrainBatch &b) { b.classes[5] = 7; }, BERTC_BAD_INPUT,
                 "labels[5] is 7"},
        BadBatch{"SpanOutside", BERTC_LABEL_SPAN,
                 [](TrainBatch &b) { b.classes[1] = 2; }, BERTC_BAD_INPUT,
                 "labels[0, 1] is 2, expected a real token of sequence 0"},
        BadBatch{"SpanNegative", BERTC_LABEL_SPAN,
                 [](TrainBatch &b) { b.classes[2] = -1; }, BERTC_BAD_INPUT,
                 "labels[1, 0] is -1"},
        BadBatch{"MultiAboveOne", BERTC_LABEL_MULTI,
                 [](TrainBatch &b) { b.numbers[4] = 1.5f; }, BERTC_BAD_INPUT,
                 "labels[1, 1] is 1.5, expected 0 to 1"},
        BadBatch{"NumberNan", BERTC_LABEL_NUMBER,
                 [](TrainBatch &b) { b.numbers[8] = NAN; }, BERTC_BAD_INPUT,
                 "labels[2, 2] is nan, expected a finite number"},
        BadBatch{"FewLabels", BERTC_LABEL_NUMBER,
                 [](TrainBatch &b) { b.batch.label_count = 8; },
                 BERTC_INVALID_ARGUMENT,
                 "label_count is 8, expected at least 9 (3 sequences of 3)"},
        BadBatch{"NoLabels", BERTC_LABEL_CLASS,
                 [](TrainBatch &b) { b.batch.labels = nullptr; },
                 BERTC_INVALID_ARGUMENT, "labels is null"},
        BadBatch{"NoInputs", BERTC_LABEL_CLASS,
                 [](TrainBatch &b) { b.batch.packed = nullptr; },
                 BERTC_INVALID_ARGUMENT, "packed and padded are both null"},
        BadBatch{"Ids", BERTC_LABEL_CLASS,
                 [](TrainBatch &b) { b.ids[3] = trainVocab; }, BERTC_BAD_INPUT,
                 "input_ids[3] is 11, expected 0 to 10"},
        BadBatch{"LogitsTooSmall", BERTC_LABEL_CLASS,
                 [](TrainBatch &b) {
                   b.batch.logits = b.numbers.data();
                   b.batch.logits_size = 8;
                 },
                 BERTC_INVALID_ARGUMENT,
                 "outputs[0].size (logits) is 8 floats, expected at least 3"},
        BadBatch{"FrozenNothing", BERTC_LABEL_CLASS,
                 [](TrainBatch &b) { b.batch.frozen = b.numbers.data(); },
                 BERTC_NOT_IN_MODEL, "the model has no frozen layers"},
        BadBatch{"StructSize", BERTC_LABEL_CLASS,
                 [](TrainBatch &b) { b.batch.struct_size = 0; },
                 BERTC_INVALID_ARGUMENT,
                 "help: initialise it with BERTC_INIT(bertc_train_batch)"}),
    [](const auto &info) { return info.param.name; });

TEST(Train, FrozenRowsAreChecked) {
  TrainModel model;
  model.train.frozen_output = "logits";
  Training training(model);
  TrainBatch batch(0, BERTC_LABEL_CLASS);
  batch.batch.frozen = batch.numbers.data();
  batch.batch.frozen_size = 8;
  auto backward = [&] {
    return trainApi().backward(*training, &batch.batch, nullptr,
                               &training.status);
  };
  EXPECT_EQ(backward(), BERTC_INVALID_ARGUMENT);
  expectMessage(training.status, "frozen_size is 8, expected 9 (3 sequences of "
                                 "3, the width of logits)");
  batch.batch.frozen_size = 9;
  EXPECT_EQ(backward(), BERTC_OK) << training.status.message;
  bertc_padded_inputs padded = BERTC_INIT(bertc_padded_inputs);
  padded.batch = 3;
  padded.seq = 2;
  padded.input_ids = batch.ids.data();
  batch.batch.packed = nullptr;
  batch.batch.padded = &padded;
  EXPECT_EQ(backward(), BERTC_INVALID_ARGUMENT);
  expectMessage(training.status, "expected packed ones");
}

TEST(Train, OneCallerAtATime) {
  Training training;
  trainApi().step(*training, nullptr, nullptr, &training.status);
  expectMessage(training.status, "bertc_train_batch is null");
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) {
      TrainBatch batch(0, BERTC_LABEL_CLASS);
      trainApi().backward(*training, &batch.batch, nullptr, nullptr);
    }
  });
  bertc_status status = {};
  bertc_code code = BERTC_OK;
  for (int i = 0; i < 1000000 && code != BERTC_BUSY; ++i)
    code = trainApi().zero_gradients(*training, &status);
  stop = true;
  other.join();
  EXPECT_EQ(code, BERTC_BUSY);
  expectMessage(status, "the trainer is in use by another thread");
}

TEST(Train, NotAcrossFork) {
  Training training;
  pid_t child = fork();
  if (child == 0) {
    TrainBatch batch(0, BERTC_LABEL_CLASS);
    bertc_code code =
        trainApi().step(*training, &batch.batch, nullptr, nullptr);
    _exit(code == BERTC_INVALID_ARGUMENT ? 7 : 1);
  }
  int state = 0;
  waitpid(child, &state, 0);
  EXPECT_EQ(WEXITSTATUS(state), 7);
}

TEST(Train, TheTableHasAVersion) {
  EXPECT_EQ(bertc_get_train_api(2), nullptr);
  EXPECT_EQ(trainApi().struct_size, sizeof(bertc_train_api));
  trainApi().trainer_destroy(nullptr);
  bertc_trainer_info info = BERTC_INIT(bertc_trainer_info);
  EXPECT_EQ(trainApi().trainer_info(nullptr, &info, nullptr),
            BERTC_INVALID_ARGUMENT);
}

} // namespace
