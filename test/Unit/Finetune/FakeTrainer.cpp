//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A checkpoint is the state in hexadecimal floats, and the user's bytes.
//
//===----------------------------------------------------------------------===//
#include "FakeTrainer.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <limits>

using namespace bertc;
using namespace bertc::finetune;
using namespace bertc::finetune::test;

double FakeTrainer::logit(const Batch &batch, size_t sequence) const {
  double sum = 0;
  for (int32_t t = batch.cuSeqlens[sequence]; t < batch.cuSeqlens[sequence + 1];
       ++t)
    if (auto it = weights.find(batch.ids[t]); it != weights.end())
      sum += it->second;
  return sum;
}

llvm::Expected<Trainer::Loss> FakeTrainer::backward(const Batch &batch) {
  size_t count = batch.sequences();
  diary.push_back(count);
  if (nanLossAt == step + 1)
    return Loss{std::numeric_limits<double>::quiet_NaN(), false};
  double loss = 0;
  for (size_t i = 0; i < count; ++i) {
    double x = logit(batch, i), y = batch.classes[i];
    loss += std::log1p(std::exp(x)) - x * y;
    double slope = 1 / (1 + std::exp(-x)) - y;
    for (int32_t t = batch.cuSeqlens[i]; t < batch.cuSeqlens[i + 1]; ++t)
      gradients[batch.ids[t]] += slope / double(count);
  }
  ++waiting;
  return Loss{loss / double(count), true};
}

llvm::Expected<Trainer::Update> FakeTrainer::update() {
  if (nanGradientAt == step + 1)
    return Update{std::numeric_limits<double>::infinity(), 0, step, false};
  double norm = 0;
  for (auto [id, gradient] : gradients) {
    double mean = gradient / waiting;
    norm += mean * mean;
    weights[id] -= rate * mean;
  }
  gradients.clear();
  waiting = 0;
  ++step;
  if (afterUpdate)
    afterUpdate();
  return Update{std::sqrt(norm), rate, step, true};
}

llvm::Expected<std::vector<float>> FakeTrainer::logits(const Batch &batch) {
  std::vector<float> rows;
  for (size_t i = 0; i < batch.sequences(); ++i) {
    rows.push_back(0);
    rows.push_back(float(logit(batch, i)));
  }
  return rows;
}

llvm::Error FakeTrainer::saveCheckpoint(llvm::StringRef directory,
                                        llvm::StringRef user) {
  if (llvm::sys::fs::create_directories(directory))
    return makeError(ExitCode::Failure, directory, "cannot make the folder");
  FILE *file = fopen((directory + "/state").str().c_str(), "w");
  fprintf(file, "%lld %zu\n", (long long)step, weights.size());
  for (auto [id, weight] : weights)
    fprintf(file, "%d %a\n", id, weight);
  fwrite(user.data(), 1, user.size(), file);
  fclose(file);
  return success();
}

llvm::Expected<std::string>
FakeTrainer::loadCheckpoint(llvm::StringRef directory) {
  auto buffer = llvm::MemoryBuffer::getFile(directory + "/state");
  if (!buffer)
    return makeError(ExitCode::BadInput, directory, "no checkpoint");
  const char *at = (*buffer)->getBufferStart();
  char *end;
  step = strtoll(at, &end, 10);
  size_t count = strtoull(end, &end, 10);
  weights.clear();
  for (; count > 0; --count) {
    int32_t id = int32_t(strtol(end, &end, 10));
    weights[id] = strtod(end, &end);
  }
  return std::string(end + 1);
}
