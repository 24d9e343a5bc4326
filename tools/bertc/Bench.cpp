//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc bench`: latencies of one batch. With --serve, runs happen when
// standard input says so, so that a script can take turns with other engines.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Commands.h"
#include "tools/bertc/Machine.h"
#include "tools/bertc/Workload.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <iostream>
#include <thread>

using namespace bertc;
using namespace bertc::tool;

namespace {

struct Flags {
  std::string model, lengths, output;
  int64_t batch = 1, seq = 128;
  uint32_t threads = 0;
  unsigned samples = 15, warmups = 3;
  bool json = false, machine = false, serve = false;
};

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

static ExitCode printMachine(const Flags &flags) {
  unsigned threads = flags.threads
                         ? flags.threads
                         : std::max(1u, std::thread::hardware_concurrency());
  std::vector<FmaCeiling> fma = measureFma(threads);
  double bandwidth = measureReadBandwidth(threads);
  if (flags.json) {
    llvm::json::Object rates;
    for (const FmaCeiling &ceiling : fma)
      rates[ceiling.isa] = ceiling.gflops;
    llvm::outs() << llvm::json::Value(
                        llvm::json::Object{{"processor", processorName()},
                                           {"threads", threads},
                                           {"load_average", loadAverage()},
                                           {"f32_fma_gflops", std::move(rates)},
                                           {"read_gb_per_second", bandwidth}})
                 << "\n";
    return ExitCode::Success;
  }
  llvm::outs() << "processor   " << processorName() << "\nthreads     "
               << threads << "\n";
  for (const FmaCeiling &ceiling : fma)
    llvm::outs() << "f32 FMA     "
                 << llvm::format("%8.1f GFLOP/s  ", ceiling.gflops)
                 << ceiling.isa << "\n";
  llvm::outs() << "memory read " << llvm::format("%8.1f GB/s\n", bandwidth);
  return ExitCode::Success;
}

/// "run" runs once and answers with the milliseconds; "quit" or the end of
/// the input ends.
static llvm::Error serve(Workload &workload, const Session &session) {
  llvm::outs() << "ready\n";
  llvm::outs().flush();
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    if (line != "run")
      return bertc::makeError(ExitCode::BadInput, "standard input",
                              "got " + bertc::quoted(line) +
                                  ", expected 'run' or 'quit'");
    auto time = workload.run(session);
    if (!time)
      return time.takeError();
    llvm::outs() << llvm::format("%.6f\n", *time);
    llvm::outs().flush();
  }
  return llvm::Error::success();
}

static void print(const Flags &flags, const Model &model,
                  const Session &session, const Workload &workload,
                  const Times &times) {
  double seconds = times.median / 1e3;
  double rate = workload.flops() / seconds / 1e9;
  double ceiling = fmaCeiling(model.variant(), session.threads());
  double percent = ceiling > 0 ? 100 * rate / ceiling : 0;
  if (flags.json) {
    llvm::outs()
        << llvm::json::Value(llvm::json::Object{
               {"sequences", workload.sequences()},
               {"tokens", workload.tokens()},
               {"threads", session.threads()},
               {"variant", model.variant()},
               {"precision", model.precision()},
               {"samples", flags.samples},
               {"median_ms", times.median},
               {"p95_ms", times.p95},
               {"min_ms", times.least},
               {"sequences_per_second", double(workload.sequences()) / seconds},
               {"tokens_per_second", double(workload.tokens()) / seconds},
               {"gflops", rate},
               {"ceiling_gflops", ceiling},
               {"percent_of_ceiling", percent},
               {"processor", processorName()},
               {"load_average", loadAverage()}})
        << "\n";
    return;
  }
  llvm::outs() << workload.sequences() << " sequences, " << workload.tokens()
               << " tokens, " << session.threads() << " threads, "
               << model.precision() << " on " << model.variant() << "\n"
               << llvm::format("median %.3f ms, p95 %.3f ms, min %.3f ms (%u "
                               "samples)\n",
                               times.median, times.p95, times.least,
                               flags.samples)
               << llvm::format("%.1f sequences/s, %.0f tokens/s\n",
                               double(workload.sequences()) / seconds,
                               double(workload.tokens()) / seconds)
               << llvm::format("%.1f GFLOP/s, %.1f %% of the f32 FMA ceiling "
                               "of %.1f\n",
                               rate, percent, ceiling);
}

static llvm::Expected<ExitCode> run(const Flags &flags) {
  if (flags.machine)
    return printMachine(flags);
  if (flags.model.empty())
    return makeUsageError("expected a compiled model, or --machine");
  auto model = Model::open(flags.model);
  if (!model)
    return model.takeError();
  std::vector<int64_t> lengths(flags.batch, flags.seq);
  if (!flags.lengths.empty()) {
    auto read = readLengths(flags.lengths);
    if (!read)
      return read.takeError();
    lengths = std::move(*read);
  }
  auto workload = Workload::create(*model, lengths, flags.output);
  if (!workload)
    return workload.takeError();
  auto session = model->createSession(flags.threads);
  if (!session)
    return session.takeError();
  std::vector<double> samples;
  for (unsigned i = 0; i < flags.warmups + flags.samples; ++i) {
    if (flags.serve && i == flags.warmups)
      break;
    auto time = workload->run(*session);
    if (!time)
      return time.takeError();
    if (i >= flags.warmups)
      samples.push_back(*time);
  }
  if (flags.serve) {
    if (llvm::Error error = serve(*workload, *session))
      return error;
    return ExitCode::Success;
  }
  print(flags, *model, *session, *workload, summarize(std::move(samples)));
  return ExitCode::Success;
}

void tool::addBench(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("bench", "measure the speed of a model");
  auto flags = std::make_shared<Flags>();
  command->add_option("model", flags->model, "compiled model");
  command->add_option("--batch", flags->batch, "sequences")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--seq", flags->seq, "tokens of each sequence")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--lengths", flags->lengths,
                      "a sequence for each line of this file, which has its "
                      "length");
  command->add_option("--output-name", flags->output,
                      "output to compute (default: the first)");
  command->add_option("--threads", flags->threads, "threads to compute with")
      ->check(CLI::Range(1, 1024));
  command->add_option("--samples", flags->samples, "timed runs")
      ->check(CLI::Range(1, 1000000));
  command->add_option("--warmups", flags->warmups, "runs before")
      ->check(CLI::Range(0, 1000000));
  command->add_flag("--serve", flags->serve,
                    "run once for each line 'run' on standard input and "
                    "answer with the milliseconds");
  command->add_flag("--machine", flags->machine,
                    "measure the ceilings of this machine only");
  command->add_flag("--json", flags->json, "print a JSON object");
  command->callback(
      [flags, &action] { action = [flags] { return run(*flags); }; });
}
