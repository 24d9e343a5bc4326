//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written as simply as can be, in double, on thread 0; the other threads only
// meet it. Addresses in packed memory are computed here from their definition
// in abi.h, one element at a time.
//
//===----------------------------------------------------------------------===//
#include "TrainModel.h"

#include "runtime/core/Model.h"

#include <cmath>
#include <gtest/gtest.h>
#include <unistd.h>

namespace bertc::test {

std::atomic<bool> spoilLoss{false}, spoilGradient{false};

namespace {

enum { table, layerWeight, layerBias, headWeight, headBias, unused };

using Row = std::vector<double>;

/// What generated code has as constants; the weights begin with its address.
const bertc_train_desc &descOf(const bertc_call *call) {
  const bertc_train_desc *desc;
  memcpy(&desc, call->weights, sizeof(desc));
  return *desc;
}

/// Element [r][c] of a parameter, from the begin of its packed range.
uint64_t place(const bertc_parameter_desc &p, uint64_t r, uint64_t c) {
  auto pad = [](uint64_t i, uint64_t group, uint64_t stride) {
    return i / group * stride + i % group;
  };
  if (p.layout == BERTC_PARAMETER_ROWS)
    return r * (p.packed_size / p.rows) +
           pad(c, p.column_group, p.column_stride);
  uint64_t column = pad(r, p.column_group, p.column_stride);
  uint64_t depth = pad(c, p.depth_group, p.depth_stride);
  uint64_t groups = (p.columns + p.depth_group - 1) / p.depth_group;
  return column / 16 * (groups * p.depth_stride) * 16 + depth * 16 +
         column % 16;
}

double weightAt(const bertc_call *call, int which, int layer, uint64_t r,
                uint64_t c) {
  const bertc_parameter_desc &p = descOf(call).parameters[which];
  const float *range = reinterpret_cast<const float *>(
      call->weights + p.weight_offset + layer * p.weight_layer_stride);
  return double(range[place(p, r, c)]);
}

void addGradient(const bertc_train_call *call, int which, int layer, uint64_t r,
                 uint64_t c, double value) {
  const bertc_parameter_desc &p = descOf(&call->call).parameters[which];
  if (p.gradient_offset == BERTC_FROZEN || layer < int(p.first_trained_layer))
    return;
  float *range = reinterpret_cast<float *>(call->gradients + p.gradient_offset +
                                           (layer - p.first_trained_layer) *
                                               p.gradient_layer_stride);
  range[place(p, r, c)] += float(value);
}

bool perToken(const bertc_call *call) {
  return descOf(call).label_kind >= BERTC_LABEL_TOKEN;
}

/// x before each layer and after the last one.
std::vector<Row> states(const bertc_call *call, int64_t begin, int64_t end) {
  Row x(trainHidden);
  for (int64_t t = begin; t < end; ++t)
    for (int i = 0; i < trainHidden; ++i)
      x[i] +=
          weightAt(call, table, 0, call->input_ids[t], i) / double(end - begin);
  std::vector<Row> result = {x};
  for (int layer = 0; layer < trainLayers; ++layer) {
    Row next = x;
    for (int r = 0; r < trainHidden; ++r) {
      next[r] += weightAt(call, layerBias, layer, 0, r);
      for (int c = 0; c < trainHidden; ++c)
        next[r] += weightAt(call, layerWeight, layer, r, c) * x[c];
    }
    result.push_back(x = next);
  }
  return result;
}

Row logitsOf(const bertc_call *call, const Row &x) {
  Row logits(descOf(call).label_width);
  for (size_t r = 0; r < logits.size(); ++r) {
    logits[r] = weightAt(call, headBias, 0, 0, r);
    for (int c = 0; c < trainHidden; ++c)
      logits[r] += weightAt(call, headWeight, 0, r, c) * x[c];
  }
  return logits;
}

/// Sequence or token i is tokens [first, second).
std::vector<std::pair<int64_t, int64_t>> rowsOf(const bertc_call *call) {
  std::vector<std::pair<int64_t, int64_t>> rows;
  for (int64_t i = 0; i < (perToken(call) ? call->tokens : call->sequences);
       ++i)
    rows.push_back(perToken(call)
                       ? std::pair(i, i + 1)
                       : std::pair<int64_t, int64_t>(call->offsets[i],
                                                     call->offsets[i + 1]));
  return rows;
}

void writeLogits(const bertc_call *call, const std::vector<Row> &logits) {
  for (size_t i = 0; call->outputs[0] && i < logits.size(); ++i) {
    size_t row = perToken(call) ? size_t(call->output_rows[i]) : i;
    for (size_t c = 0; c < logits[i].size(); ++c)
      call->outputs[0][row * logits[i].size() + c] = float(logits[i][c]);
  }
}

/// Cross entropy of the choice among `scores`; adds weight * gradient.
double crossEntropy(const Row &scores, int64_t label, double weight,
                    Row &gradient) {
  double sum = 0;
  for (double score : scores)
    sum += std::exp(score);
  for (size_t i = 0; i < scores.size(); ++i)
    gradient[i] +=
        weight * (std::exp(scores[i]) / sum - (int64_t(i) == label ? 1 : 0));
  return weight * (std::log(sum) - scores[label]);
}

/// The loss, and its gradient by each logit.
double lossOf(const bertc_train_call *call, const std::vector<Row> &logits,
              std::vector<Row> &gradients) {
  const auto *classes = static_cast<const int32_t *>(call->labels);
  const auto *numbers = static_cast<const float *>(call->labels);
  uint32_t kind = descOf(&call->call).label_kind;
  size_t width = descOf(&call->call).label_width;
  double loss = 0;
  if (kind == BERTC_LABEL_CLASS || kind == BERTC_LABEL_TOKEN) {
    int counted = 0;
    for (size_t i = 0; i < logits.size(); ++i)
      counted += classes[i] != -100;
    for (size_t i = 0; i < logits.size(); ++i)
      if (classes[i] != -100)
        loss +=
            crossEntropy(logits[i], classes[i], 1.0 / counted, gradients[i]);
    return loss;
  }
  if (kind == BERTC_LABEL_SPAN) {
    for (int side = 0; side < 2; ++side) {
      int counted = 0;
      for (int64_t s = 0; s < call->call.sequences; ++s)
        counted += classes[2 * s + side] != -100;
      for (int64_t s = 0; s < call->call.sequences; ++s) {
        int64_t begin = call->call.offsets[s], end = call->call.offsets[s + 1];
        if (classes[2 * s + side] == -100)
          continue;
        Row scores, gradient(end - begin);
        for (int64_t t = begin; t < end; ++t)
          scores.push_back(logits[t][side]);
        loss += crossEntropy(scores, classes[2 * s + side], 0.5 / counted,
                             gradient);
        for (int64_t t = begin; t < end; ++t)
          gradients[t][side] += gradient[t - begin];
      }
    }
    return loss;
  }
  double all = double(logits.size() * width);
  for (size_t i = 0; i < logits.size(); ++i)
    for (size_t c = 0; c < width; ++c) {
      double x = logits[i][c], y = double(numbers[i * width + c]);
      if (kind == BERTC_LABEL_NUMBER) {
        loss += (x - y) * (x - y) / all;
        gradients[i][c] = 2 * (x - y) / all;
      } else {
        loss += (std::log1p(std::exp(x)) - x * y) / all;
        gradients[i][c] = (1 / (1 + std::exp(-x)) - y) / all;
      }
    }
  return loss;
}

/// Adds the gradients of everything below a row's logits.
void propagate(const bertc_train_call *call, std::pair<int64_t, int64_t> row,
               const std::vector<Row> &x, const Row &dLogits) {
  Row dx(trainHidden);
  for (size_t r = 0; r < dLogits.size(); ++r) {
    addGradient(call, headBias, 0, 0, r, dLogits[r]);
    for (int c = 0; c < trainHidden; ++c) {
      addGradient(call, headWeight, 0, r, c, dLogits[r] * x.back()[c]);
      dx[c] += dLogits[r] * weightAt(&call->call, headWeight, 0, r, c);
    }
  }
  for (int layer = trainLayers - 1; layer >= 0; --layer) {
    Row below = dx;
    for (int r = 0; r < trainHidden; ++r) {
      addGradient(call, layerBias, layer, 0, r, dx[r]);
      for (int c = 0; c < trainHidden; ++c) {
        addGradient(call, layerWeight, layer, r, c, dx[r] * x[layer][c]);
        below[c] += dx[r] * weightAt(&call->call, layerWeight, layer, r, c);
      }
    }
    dx = below;
  }
  for (int64_t t = row.first; t < row.second; ++t)
    for (int i = 0; i < trainHidden; ++i)
      addGradient(call, table, 0, call->call.input_ids[t], i,
                  dx[i] / double(row.second - row.first));
}

void forward(const bertc_call *call, int64_t tid) {
  if (tid == 0) {
    std::vector<Row> logits;
    for (auto [begin, end] : rowsOf(call))
      logits.push_back(logitsOf(call, states(call, begin, end).back()));
    writeLogits(call, logits);
  }
  call->barrier(call, tid);
}

void train(const bertc_train_call *call, int64_t tid) {
  if (call->call.phase)
    call->call.phase(&call->call, tid, 1, -1);
  if (tid == 0) {
    observed.tokens = call->call.tokens;
    observed.tids = call->step;
    std::vector<std::vector<Row>> x;
    std::vector<Row> logits, gradients;
    auto rows = rowsOf(&call->call);
    for (auto [begin, end] : rows) {
      x.push_back(states(&call->call, begin, end));
      logits.push_back(logitsOf(&call->call, x.back().back()));
      gradients.emplace_back(logits.back().size());
    }
    writeLogits(&call->call, logits);
    *call->loss = float(lossOf(call, logits, gradients));
    for (size_t i = 0; i < rows.size(); ++i)
      propagate(call, rows[i], x[i], gradients[i]);
    if (spoilLoss)
      *call->loss = NAN;
    if (spoilGradient)
      addGradient(call, headBias, 0, 0, 1, INFINITY);
  }
  call->call.barrier(&call->call, tid);
}

/// Packed floats of a range.
uint64_t packedSize(const bertc_parameter_desc &p) {
  auto extent = [](uint64_t n, uint64_t group, uint64_t stride) {
    return (n + group - 1) / group * stride;
  };
  if (p.layout == BERTC_PARAMETER_ROWS)
    return p.rows * extent(p.columns, p.column_group, p.column_stride);
  return extent(p.rows, p.column_group, p.column_stride) *
         extent(p.columns, p.depth_group, p.depth_stride);
}

const bertc_phase_desc phases[] = {{"other", 1, 2, 3, 4},
                                   {"all", 10, 20, 30, 40}};

const char config[] = "{\"model_type\": \"fake\"}";
const char vocabulary[] = "a\nb\n";

} // namespace

TrainModel::TrainModel(uint32_t labelKind, uint32_t labels)
    : desc(fakeDescription()), train() {
  constexpr uint32_t rows = BERTC_PARAMETER_ROWS,
                     panels = BERTC_PARAMETER_PANELS,
                     decays = BERTC_PARAMETER_DECAYS,
                     isNew = BERTC_PARAMETER_NEW;
  const uint32_t h = trainHidden;
  // name, layout, flags, rank, rows, columns, groups and strides of columns and
  // depth, layers, first trained layer
  parameters = {
      {"embeddings.word_embeddings.weight", rows, decays, 2, trainVocab, h, 3,
       8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
      {"encoder.layer.{layer}.dense.weight", panels, decays, 2, h, h, 3, 16, 4,
       8, trainLayers, 1, 0, 0, 0, 0, 0, 0},
      {"encoder.layer.{layer}.dense.bias", rows, 0, 1, 1, h, 3, 16, 0, 0,
       trainLayers, 1, 0, 0, 0, 0, 0, 0},
      {"classifier.weight", panels, decays | isNew, 2, labels, h, labels, 16, 4,
       8, 1, 0, 0, 0, 0, 0, 0, 0},
      {"classifier.bias", rows, isNew, 1, 1, labels, labels, 16, 0, 0, 1, 0, 0,
       0, 0, 0, 0, 0},
      {"frozen.weight", rows, decays, 2, 2, 3, 3, 4, 0, 0, 1, 0, 0, 0, 0, 0,
       BERTC_FROZEN, 0},
  };
  auto align = [](uint64_t bytes) { return (bytes + 63) / 64 * 64; };
  uint64_t weightEnd = 64, gradientEnd = 128;
  for (bertc_parameter_desc &p : parameters) {
    p.packed_size = packedSize(p);
    p.weight_layer_stride = align(p.packed_size * 4) + 64;
    p.weight_offset = weightEnd;
    weightEnd += p.layer_count * p.weight_layer_stride;
    if (p.gradient_offset == BERTC_FROZEN)
      continue;
    p.gradient_layer_stride = align(p.packed_size * 4);
    p.gradient_offset = gradientEnd;
    gradientEnd +=
        (p.layer_count - p.first_trained_layer) * p.gradient_layer_stride;
  }
  weights.assign(weightEnd, 0);
  for (const bertc_parameter_desc &p : parameters) {
    for (uint32_t layer = 0; layer < p.layer_count; ++layer) {
      // The golden script counts the letters of the whole name.
      int name = int(std::string(p.name).size()) -
                 (p.layer_count > 1 ? int(sizeof("{layer}") - 2) : 0);
      for (uint64_t i = 0; i < uint64_t(p.rows) * p.columns; ++i) {
        float value = float(double((int(i) * 37 + name * 11) % 101 - 50) / 250);
        memcpy(weights.data() + p.weight_offset +
                   layer * p.weight_layer_stride +
                   place(p, i / p.columns, i % p.columns) * 4,
               &value, 4);
      }
    }
  }
  files = {{"config.json", reinterpret_cast<const uint8_t *>(config),
            sizeof(config) - 1},
           {"text/vocab.txt", reinterpret_cast<const uint8_t *>(vocabulary),
            sizeof(vocabulary) - 1}};
  bool tokens = labelKind >= BERTC_LABEL_TOKEN;
  output = {"logits", tokens ? BERTC_PER_TOKEN : BERTC_PER_SEQUENCE, labels};
  variants = {{"only", 0, forward, {64, 16, 8, 128, 32}, nullptr, 0}};
  trainVariants = {{bertc::test::train, {64, 64, 8, 128, 32}, phases, 2}};
  train.struct_size = sizeof(train);
  train.label_kind = labelKind;
  train.label_width = labels;
  train.output_count = 1;
  train.outputs = &output;
  train.variants = trainVariants.data();
  train.gradients_size = gradientEnd;
  train.initializer_range = 0.02f;
  desc.vocab_size = trainVocab;
  desc.num_hidden_layers = trainLayers;
  desc.hidden_size = trainHidden;
  desc.variants = variants.data();
  desc.variant_count = 1;
  desc.outputs = &output;
  desc.output_count = 1;
  desc.train = &train;
}

bertc_model *TrainModel::open() {
  if (model)
    return model;
  desc.weights = weights.data();
  desc.weights_size = weights.size();
  train.parameters = parameters.data();
  train.parameter_count = parameters.size();
  train.files = files.data();
  train.file_count = files.size();
  train.parameters_size = weights.size();
  const bertc_train_desc *self = &train;
  memcpy(weights.data(), &self, sizeof(self));
  bertc_status status;
  EXPECT_EQ(rt::openModel(desc, fullCpu(), nullptr, &model, &status), BERTC_OK)
      << status.message;
  return model;
}

TrainModel::~TrainModel() { api().model_close(model); }

bertc_trainer_options trainOptions() {
  bertc_trainer_options options = BERTC_INIT(bertc_trainer_options);
  options.threads = 1;
  options.seed = 7;
  options.learning_rate = 5e-2;
  options.weight_decay = 0.1;
  options.warmup_steps = 3;
  options.max_steps = 20;
  return options;
}

Training::Training(const bertc_trainer_options &options, uint32_t labelKind,
                   uint32_t labels)
    : owned(new TrainModel(labelKind, labels)), labelKind(labelKind) {
  EXPECT_EQ(
      trainApi().trainer_create(owned->open(), &options, &trainer, &status),
      BERTC_OK)
      << status.message;
}

Training::Training(TrainModel &model, const bertc_trainer_options &options)
    : labelKind(model.train.label_kind) {
  EXPECT_EQ(
      trainApi().trainer_create(model.open(), &options, &trainer, &status),
      BERTC_OK)
      << status.message;
}

Training::~Training() { trainApi().trainer_destroy(trainer); }

bertc_trainer_info Training::info() const {
  bertc_trainer_info info = BERTC_INIT(bertc_trainer_info);
  EXPECT_EQ(trainApi().trainer_info(trainer, &info, nullptr), BERTC_OK);
  return info;
}

bertc_step_result Training::step(int number, bertc_code expected) {
  TrainBatch batch(number, labelKind);
  bertc_step_result result = BERTC_INIT(bertc_step_result);
  EXPECT_EQ(trainApi().step(trainer, &batch.batch, &result, &status), expected)
      << status.message;
  return result;
}

std::vector<float> Training::read(const std::string &name,
                                  uint32_t part) const {
  for (uint32_t i = 0; i < info().parameter_count; ++i) {
    bertc_parameter_info parameter = BERTC_INIT(bertc_parameter_info);
    trainApi().parameter_info(trainer, i, &parameter, nullptr);
    if (name != parameter.name)
      continue;
    std::vector<float> data(parameter.size);
    EXPECT_EQ(trainApi().read_parameter(trainer, i, part, data.data(),
                                        data.size(), nullptr),
              BERTC_OK);
    return data;
  }
  ADD_FAILURE() << "no parameter " << name;
  return {};
}

std::map<std::string, std::vector<float>> Training::everything() const {
  std::map<std::string, std::vector<float>> result;
  for (uint32_t i = 0; i < info().parameter_count; ++i) {
    bertc_parameter_info parameter = BERTC_INIT(bertc_parameter_info);
    trainApi().parameter_info(trainer, i, &parameter, nullptr);
    std::string name = parameter.name;
    result[name] = read(name, BERTC_PART_VALUE);
    if (!parameter.trained)
      continue;
    result[name + ".first"] = read(name, BERTC_PART_FIRST_MOMENT);
    result[name + ".second"] = read(name, BERTC_PART_SECOND_MOMENT);
  }
  return result;
}

TrainBatch::TrainBatch(int number, uint32_t labelKind)
    : batch(BERTC_INIT(bertc_train_batch)),
      inputs(BERTC_INIT(bertc_packed_inputs)), offsets{0, 2, 5, 6} {
  for (int i = 0; i < 6; ++i)
    ids.push_back((i * 7 + number * 3) % trainVocab);
  if (labelKind == BERTC_LABEL_TOKEN)
    classes = {0, 1, -100, 2, number % 3, 1};
  else if (labelKind == BERTC_LABEL_SPAN)
    classes = {0, 1, number % 3, 2, -100, 0};
  else
    classes = {number % 3, number % 4 == 1 ? -100 : 1, 2};
  for (int i = 0; i < 9; ++i)
    numbers.push_back(float(double((number * 5 + i * 3) % 7) / 7));
  inputs.tokens = 6;
  inputs.sequences = 3;
  inputs.input_ids = ids.data();
  inputs.cu_seqlens = offsets.data();
  batch.packed = &inputs;
  bool real = labelKind == BERTC_LABEL_MULTI || labelKind == BERTC_LABEL_NUMBER;
  batch.labels = real ? static_cast<const void *>(numbers.data())
                      : static_cast<const void *>(classes.data());
  batch.label_count = real ? numbers.size() : classes.size();
}

ScratchFolder::ScratchFolder() {
  // In memory if possible: to wait for a disk takes most of the time.
  bool shared = access("/dev/shm", W_OK) == 0;
  std::string pattern =
      (shared ? std::string("/dev/shm") : testing::TempDir()) + "/bertc-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  path = pattern;
}

ScratchFolder::~ScratchFolder() { std::filesystem::remove_all(path); }

} // namespace bertc::test
