//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times are means of the threads, so that they add up to the time of a run:
// phases, waiting, and what happens before and after generated code. On a
// device a phase is a kernel, and nothing waits but between the launches.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Profile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include <map>

using namespace bertc;
using namespace bertc::tool;

static constexpr llvm::StringLiteral waitingName = "waiting at barriers";

llvm::Expected<Profile> Profile::create(const Model &model,
                                        const Session &session,
                                        const Workload &workload) {
  const bertc_model_info &info = model.info();
  if (model.api().struct_size < sizeof(bertc_api) || !info.phase_count)
    return bertc::makeError(ExitCode::BadModel, model.path(),
                            "the library keeps no profiles",
                            "compile the model again with this bertc");
  Profile result(model, session);
  result.threads = session.threads();
  result.waiting.resize(result.threads);
  result.busy.resize(result.threads);
  for (uint32_t i = 0; i < info.phase_count; ++i) {
    Phase phase;
    phase.info = BERTC_INIT(bertc_phase_info);
    bertc_status status;
    if (model.api().phase_info(model.handle(), i, &phase.info, &status) !=
        BERTC_OK)
      return tool::makeError(status, model.path());
    phase.flops =
        double(phase.info.flops_per_token) * double(workload.tokens()) +
        double(phase.info.flops_per_sequence) * double(workload.sequences()) +
        double(phase.info.flops_per_pair) * workload.pairs();
    phase.layers.resize(info.num_hidden_layers + 1);
    result.phases.push_back(std::move(phase));
  }
  return result;
}

llvm::Error Profile::add(double time) {
  const bertc_phase_record *records = nullptr;
  size_t count = 0;
  bertc_status status;
  if (model->api().session_profile(session->get(), &records, &count, &status) !=
      BERTC_OK)
    return tool::makeError(status, model->path());
  last.assign(records, records + count);
  ++runs;
  milliseconds += time;
  for (const bertc_phase_record &record : last) {
    double spent = double(record.end_ns - record.begin_ns);
    if (record.phase == BERTC_PHASE_WAIT) {
      waiting[record.thread] += spent;
      continue;
    }
    busy[record.thread] += spent;
    Phase &phase = phases[record.phase];
    phase.nanoseconds += spent;
    ++phase.records;
    phase.layers[record.layer + 1] = true;
  }
  return llvm::Error::success();
}

bool Profile::onDevice() const {
  return !llvm::StringRef(model->info().device_name).empty();
}

double Profile::mean(double total) const {
  return total / double(std::max<uint64_t>(runs, 1) * threads);
}

/// Phases of one name are one row: those of all layers, and those that differ
/// in their shapes only.
std::vector<Profile::Row> Profile::rows() const {
  std::map<std::string, Row> byName;
  std::map<std::string, std::pair<double, double>> work; // flops, bytes a run
  for (const Phase &phase : phases) {
    if (!phase.records)
      continue;
    Row &row = byName[phase.info.name];
    row.name = phase.info.name;
    row.milliseconds += mean(phase.nanoseconds) / 1e6;
    row.records += mean(double(phase.records));
    // All threads share the work of a layer; a launch does all of its own.
    double times = onDevice() ? mean(double(phase.records))
                              : double(llvm::count(phase.layers, true));
    work[row.name].first += times * phase.flops;
    work[row.name].second += times * double(phase.info.weight_bytes);
  }
  std::vector<Row> result;
  for (auto &[name, row] : byName) {
    row.gflops = work[name].first / (row.milliseconds * 1e6);
    row.gigabytes = work[name].second / (row.milliseconds * 1e6);
    result.push_back(row);
  }
  llvm::sort(result, [](const Row &a, const Row &b) {
    return a.milliseconds > b.milliseconds;
  });
  return result;
}

static double sum(llvm::ArrayRef<double> values) {
  double result = 0;
  for (double value : values)
    result += value;
  return result;
}

void Profile::print(llvm::raw_ostream &out, double ceiling) const {
  double run = milliseconds / double(std::max<uint64_t>(runs, 1));
  auto percent = [&](double part) { return run > 0 ? 100 * part / run : 0; };
  std::vector<Row> table = rows();
  unsigned columns = 24; // names of kernels are long
  for (const Row &row : table)
    columns = std::max(columns, unsigned(row.name.size()) + 1);
  out << "\n"
      << llvm::left_justify("phase", columns)
      << "   calls         ms       %    GFLOP/s  % of ceiling  weights GB/s\n";
  auto line = [&](llvm::StringRef name, double part) {
    out << llvm::left_justify(name, columns)
        << llvm::format("%19.3f  %6.1f\n", part, percent(part));
  };
  for (const Row &row : table) {
    out << llvm::left_justify(row.name, columns)
        << llvm::format("%8.1f %10.3f  %6.1f", row.records, row.milliseconds,
                        percent(row.milliseconds));
    if (row.gflops > 0)
      out << llvm::format("  %9.1f", row.gflops);
    if (row.gflops > 0 && ceiling > 0)
      out << llvm::format("  %12.1f", 100 * row.gflops / ceiling);
    else if (row.gflops > 0)
      out << llvm::right_justify("-", 14);
    if (row.gigabytes > 0)
      out << llvm::format("  %12.1f", row.gigabytes);
    out << "\n";
  }
  double waits = mean(sum(waiting)) / 1e6, works = mean(sum(busy)) / 1e6;
  if (!onDevice())
    line(waitingName, waits);
  line("outside of the phases", run - waits - works);
  line("a run", run);
}

llvm::json::Object Profile::json(double ceiling) const {
  double run = milliseconds / double(std::max<uint64_t>(runs, 1));
  llvm::json::Array list, perThread;
  for (const Row &row : rows())
    list.push_back(llvm::json::Object{
        {"name", row.name},
        {"calls", row.records},
        {"ms", row.milliseconds},
        {"percent", run > 0 ? 100 * row.milliseconds / run : 0},
        {"gflops", row.gflops},
        {"percent_of_ceiling", ceiling > 0 ? 100 * row.gflops / ceiling : 0},
        {"weights_gb_per_second", row.gigabytes}});
  double each = double(std::max<uint64_t>(runs, 1)) * 1e6;
  for (uint32_t i = 0; i < threads; ++i)
    perThread.push_back(llvm::json::Object{{"busy_ms", busy[i] / each},
                                           {"waiting_ms", waiting[i] / each}});
  double waits = mean(sum(waiting)) / 1e6, works = mean(sum(busy)) / 1e6;
  return llvm::json::Object{{"runs", int64_t(runs)},
                            {"run_ms", run},
                            {"phases", std::move(list)},
                            {"waiting_ms", waits},
                            {"outside_ms", run - waits - works},
                            {"threads", std::move(perThread)}};
}

llvm::json::Object Profile::trace() const {
  llvm::json::Array events;
  auto name = [&](llvm::StringRef kind, uint32_t thread, std::string text) {
    events.push_back(llvm::json::Object{
        {"name", kind},
        {"ph", "M"},
        {"pid", 1},
        {"tid", thread},
        {"args", llvm::json::Object{{"name", std::move(text)}}}});
  };
  name("process_name", 0, "bertc " + model->path().str());
  for (uint32_t i = 0; i < threads; ++i)
    name("thread_name", i,
         onDevice() ? std::string(model->info().device)
                    : "thread " + std::to_string(i));
  for (const bertc_phase_record &record : last) {
    bool waits = record.phase == BERTC_PHASE_WAIT;
    llvm::json::Object arguments;
    if (record.layer >= 0)
      arguments["layer"] = record.layer;
    events.push_back(llvm::json::Object{
        {"name", waits ? waitingName.str()
                       : std::string(phases[record.phase].info.name)},
        {"cat", waits ? "wait" : "phase"},
        {"ph", "X"},
        {"ts", double(record.begin_ns) / 1e3},
        {"dur", double(record.end_ns - record.begin_ns) / 1e3},
        {"pid", 1},
        {"tid", record.thread},
        {"args", std::move(arguments)}});
  }
  return llvm::json::Object{{"traceEvents", std::move(events)},
                            {"displayTimeUnit", "ms"}};
}
