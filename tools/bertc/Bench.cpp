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
#include "tools/bertc/BenchReport.h"
#include "tools/bertc/Commands.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include <iostream>
#include <optional>
#include <thread>

using namespace bertc;
using namespace bertc::tool;

namespace {

struct Flags {
  std::string model, lengths, output, trace;
  int64_t batch = 1, seq = 128;
  uint32_t threads = 0;
  unsigned samples = 15, warmups = 3;
  bool json = false, machine = false, serve = false, profile = false;
};

} // namespace

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

static llvm::Error writeTrace(const Profile &profile, llvm::StringRef path) {
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (!error) {
    file << llvm::json::Value(profile.trace()) << "\n";
    file.close();
    error = file.error();
    file.clear_error();
  }
  if (error)
    return bertc::makeError(ExitCode::Failure, path,
                            "cannot write the trace: " + error.message());
  return llvm::Error::success();
}

static llvm::Expected<ExitCode> run(const Flags &flags) {
  bool profiles = flags.profile || !flags.trace.empty();
  if (flags.machine) {
    printMachine(flags.threads
                     ? flags.threads
                     : std::max(1u, std::thread::hardware_concurrency()),
                 flags.json);
    return ExitCode::Success;
  }
  if (flags.model.empty())
    return makeUsageError("expected a compiled model, or --machine");
  if (flags.serve && profiles)
    return makeUsageError("--serve keeps no profile");
  ResidentMemory before = residentMemory();
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
  auto session =
      model->createSession(flags.threads, profiles ? BERTC_SESSION_PROFILE : 0);
  if (!session)
    return session.takeError();
  std::optional<Profile> profile;
  if (profiles) {
    auto made = Profile::create(*model, *session, *workload);
    if (!made)
      return made.takeError();
    profile = std::move(*made);
  }
  std::vector<double> samples;
  for (unsigned i = 0; i < flags.warmups + flags.samples; ++i) {
    if (flags.serve && i == flags.warmups)
      break;
    auto time = workload->run(*session);
    if (!time)
      return time.takeError();
    if (i < flags.warmups)
      continue;
    samples.push_back(*time);
    if (profile)
      if (llvm::Error error = profile->add(*time))
        return error;
  }
  if (flags.serve) {
    if (llvm::Error error = serve(*workload, *session))
      return error;
    return ExitCode::Success;
  }
  if (!flags.trace.empty())
    if (llvm::Error error = writeTrace(*profile, flags.trace))
      return error;
  printResult({*model, *session, *workload, profile ? &*profile : nullptr,
               before, std::move(samples)},
              flags.json);
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
  command->add_flag("--profile", flags->profile,
                    "print where the time goes, by phase");
  command->add_option("--trace", flags->trace,
                      "write the phases of the last run to this file, for "
                      "chrome://tracing");
  command->add_flag("--machine", flags->machine,
                    "measure the ceilings of this machine only");
  command->add_flag("--json", flags->json, "print a JSON object");
  command->callback(
      [flags, &action] { action = [flags] { return run(*flags); }; });
}
