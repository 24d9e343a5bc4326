//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ids come from a fixed generator: the work does not depend on them, but rows
// of the embedding table must not all come from the cache.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Workload.h"
#include "llvm/Support/MemoryBuffer.h"
#include <chrono>
#include <random>

using namespace bertc;
using namespace bertc::tool;

llvm::Expected<std::vector<int64_t>> tool::readLengths(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return bertc::makeError(ExitCode::BadInput, path,
                            "cannot read lengths: " +
                                buffer.getError().message());
  std::vector<int64_t> result;
  llvm::SmallVector<llvm::StringRef> lines;
  (*buffer)->getBuffer().split(lines, '\n');
  for (auto [number, line] : llvm::enumerate(lines)) {
    line = line.trim();
    int64_t length = 0;
    if (line.empty() || line.starts_with("#"))
      continue;
    if (line.getAsInteger(10, length) || length < 1)
      return bertc::makeError(ExitCode::BadInput, path,
                              "line " + llvm::Twine(number + 1) + " is " +
                                  bertc::quoted(line) +
                                  ", expected a length in tokens");
    result.push_back(length);
  }
  if (result.empty())
    return bertc::makeError(ExitCode::BadInput, path,
                            "expected lengths, one a line, got none");
  return result;
}

llvm::Expected<Workload> Workload::create(const Model &model,
                                          llvm::ArrayRef<int64_t> lengths,
                                          llvm::StringRef output) {
  Workload result(model);
  const bertc_output_info *info =
      output.empty() ? &model.outputs().front() : model.findOutput(output);
  if (!info)
    return makeUsageError("the model has no output " + bertc::quoted(output));
  int64_t most = model.info().max_position_embeddings;
  std::minstd_rand random(1);
  std::uniform_int_distribution<int32_t> anyId(
      0, int32_t(model.info().vocab_size) - 1);
  result.offsets.push_back(0);
  int64_t longest = 0;
  for (int64_t length : lengths) {
    longest = std::max(longest, length);
    if (length < 1 || length > most)
      return bertc::makeError(ExitCode::BadInput, model.path(),
                              "a sequence has " + llvm::Twine(length) +
                                  " tokens, but the model takes 1 to " +
                                  llvm::Twine(most));
    for (int64_t i = 0; i < length; ++i)
      result.ids.push_back(anyId(random));
    result.offsets.push_back(int32_t(result.ids.size()));
  }
  result.output = info->name;
  size_t rows = size_t(result.sequences());
  if (info->kind == BERTC_KIND_TOKEN)
    rows = size_t(result.tokens());
  else if (info->kind == BERTC_KIND_PAIR)
    rows *= size_t(longest) * size_t(longest);
  result.result.resize(rows * info->width);
  return result;
}

llvm::Expected<double> Workload::run(const Session &session) {
  bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
  inputs.tokens = tokens();
  inputs.sequences = sequences();
  inputs.dtype = BERTC_I32;
  inputs.input_ids = ids.data();
  inputs.cu_seqlens = offsets.data();
  bertc_output wanted = {output.c_str(), result.data(), result.size()};
  bertc_status status;
  auto start = std::chrono::steady_clock::now();
  bertc_code code =
      model->api().run_packed(session.get(), &inputs, &wanted, 1, &status);
  std::chrono::duration<double, std::milli> time =
      std::chrono::steady_clock::now() - start;
  if (code != BERTC_OK)
    return tool::makeError(status, model->path());
  return time.count();
}

double Workload::flops() const {
  const bertc_model_info &info = model->info();
  double hidden = info.hidden_size, inner = info.intermediate_size;
  double perToken = 2 * (4 * hidden * hidden + 2 * hidden * inner);
  return info.num_hidden_layers *
         (perToken * double(tokens()) + 2 * 2 * pairs() * hidden);
}

double Workload::pairs() const {
  double sum = 0;
  for (size_t i = 1; i < offsets.size(); ++i) {
    double length = offsets[i] - offsets[i - 1];
    sum += length * length;
  }
  return sum;
}
