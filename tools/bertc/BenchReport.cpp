//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `bertc bench` prints. Rates are held against a ceiling that is measured
// after the runs, in the same process.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/BenchReport.h"
#include "compiler/Target/Precision.h"
#include "tools/bertc/Machine.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include <optional>

using namespace bertc;
using namespace bertc::tool;

namespace {

struct Times {
  double median, p95, least;
};

} // namespace

static Times summarize(std::vector<double> samples) {
  llvm::sort(samples);
  size_t last = samples.size() - 1;
  size_t p95 = size_t(double(last) * 0.95 + 0.5);
  double median = (samples[last / 2] + samples[(last + 1) / 2]) / 2;
  return {median, samples[p95], samples.front()};
}

void tool::printMachine(unsigned threads, bool json) {
  std::vector<MachineRate> rates = measureRates(threads);
  double bandwidth = measureReadBandwidth(threads);
  if (json) {
    llvm::json::Array list;
    for (const MachineRate &rate : rates)
      list.push_back(llvm::json::Object{
          {"arithmetic", rate.kernel->arithmetic},
          {"isa", rate.kernel->isa},
          {"precision", rate.kernel->precision},
          {"gops", rate.gops > 0 ? llvm::json::Value(rate.gops)
                                 : llvm::json::Value(nullptr)}});
    llvm::outs() << llvm::json::Value(
                        llvm::json::Object{{"processor", processorName()},
                                           {"threads", threads},
                                           {"load_average", loadAverage()},
                                           {"rates", std::move(list)},
                                           {"read_gb_per_second", bandwidth}})
                 << "\n";
    return;
  }
  llvm::outs() << "processor   " << processorName() << "\nthreads     "
               << threads << "\n";
  for (const MachineRate &rate : rates) {
    llvm::outs() << llvm::left_justify(rate.kernel->arithmetic, 12);
    if (rate.gops > 0)
      llvm::outs() << llvm::format("%8.1f GOP/s   ", rate.gops);
    else
      llvm::outs() << llvm::right_justify("absent", 14) << "   ";
    llvm::outs() << rate.kernel->isa << "\n";
  }
  llvm::outs() << "memory read " << llvm::format("%8.1f GB/s\n", bandwidth);
}

/// What serving the model added to the memory of the process.
static llvm::json::Object memoryOf(const BenchResult &result) {
  ResidentMemory now = residentMemory();
  const ResidentMemory &before = result.before;
  return llvm::json::Object{
      {"workspace_bytes", int64_t(result.session.workspaceBytes())},
      {"resident_bytes", int64_t(now.all)},
      {"model_resident_bytes", int64_t(now.all - before.all)},
      {"model_private_bytes", int64_t(now.anonymous - before.anonymous)},
      {"model_shared_bytes", int64_t(now.files - before.files)},
      {"model_huge_page_bytes", int64_t(now.huge - before.huge)}};
}

static void printMemory(const llvm::json::Object &bytes) {
  auto mega = [&](llvm::StringRef name) {
    return double(*bytes.getInteger(name)) / 1048576;
  };
  llvm::outs() << llvm::format(
      "workspace %.1f MiB; the model added %.1f MiB "
      "of resident memory: private %.1f, shared "
      "(weights and code) %.1f; in huge pages %.1f\n",
      mega("workspace_bytes"), mega("model_resident_bytes"),
      mega("model_private_bytes"), mega("model_shared_bytes"),
      mega("model_huge_page_bytes"));
}

void tool::printResult(const BenchResult &result, bool json) {
  const Model &model = result.model;
  const Session &session = result.session;
  const Workload &workload = result.workload;
  llvm::json::Object memory = memoryOf(result);
  Times times = summarize(result.samples);
  unsigned samples = unsigned(result.samples.size());
  double seconds = times.median / 1e3;
  double rate = workload.flops() / seconds / 1e9;
  Precision precision =
      findPrecision(model.precision()).value_or(Precision::F32);
  Ceiling ceiling =
      measureCeiling(precision, model.variant(), session.threads());
  double percent = ceiling.gops > 0 ? 100 * rate / ceiling.gops : 0;
  std::string place = llvm::StringRef(model.info().device_name).str();
  if (place.empty())
    place = processorName();
  if (json) {
    llvm::json::Object object{
        {"sequences", workload.sequences()},
        {"tokens", workload.tokens()},
        {"threads", session.threads()},
        {"variant", model.variant()},
        {"precision", model.precision()},
        {"samples", samples},
        {"median_ms", times.median},
        {"p95_ms", times.p95},
        {"min_ms", times.least},
        {"sequences_per_second", double(workload.sequences()) / seconds},
        {"tokens_per_second", double(workload.tokens()) / seconds},
        {"gflops", rate},
        {"ceiling", ceiling.name},
        {"ceiling_gflops", ceiling.gops},
        {"percent_of_ceiling", percent},
        {"memory", std::move(memory)},
        {"device", llvm::StringRef(model.info().device)},
        {"processor", place},
        {"load_average", loadAverage()}};
    if (result.profile)
      object["profile"] = result.profile->json(ceiling.gops);
    llvm::outs() << llvm::json::Value(std::move(object)) << "\n";
    return;
  }
  llvm::outs() << workload.sequences() << " sequences, " << workload.tokens()
               << " tokens, " << session.threads() << " threads, "
               << model.precision() << " on " << model.variant() << "\n"
               << llvm::format("median %.3f ms, p95 %.3f ms, min %.3f ms (%u "
                               "samples)\n",
                               times.median, times.p95, times.least, samples)
               << llvm::format("%.1f sequences/s, %.0f tokens/s\n",
                               double(workload.sequences()) / seconds,
                               double(workload.tokens()) / seconds)
               << llvm::format("%.1f GFLOP/s", rate);
  if (ceiling.gops > 0)
    llvm::outs() << llvm::format(", %.1f %% of the ceiling of %.1f: ", percent,
                                 ceiling.gops)
                 << ceiling.name;
  llvm::outs() << "\n";
  printMemory(memory);
  if (result.profile)
    result.profile->print(llvm::outs(), ceiling.gops);
}
