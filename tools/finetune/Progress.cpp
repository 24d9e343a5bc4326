//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A terminal gets at most ten lines a second, a file one in ten seconds.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Progress.h"
#include <cmath>
#include <fmt/format.h>

using namespace bertc;
using namespace bertc::finetune;

std::string finetune::formatDuration(double seconds) {
  auto whole = static_cast<long long>(std::llround(std::max(seconds, 0.0)));
  long long minutes = whole / 60 % 60, hours = whole / 3600;
  if (hours)
    return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double Progress::tokensPerSecond() const {
  double time = seconds();
  return time > 0 ? double(tokens) / time : 0;
}

void Progress::begin(int64_t step, int64_t last) {
  firstStep = step;
  lastStep = last;
  tokens = 0;
  start = Clock::now();
}

bool Progress::due(double terminalSeconds, double plainSeconds) {
  auto now = Clock::now();
  double since = std::chrono::duration<double>(now - last).count();
  if (quiet || since < (terminal ? terminalSeconds : plainSeconds))
    return false;
  last = now;
  return true;
}

void Progress::clear() {
  if (shown)
    os << "\r\033[K";
  shown = false;
}

void Progress::show(const llvm::Twine &text) {
  clear();
  os << text;
  if (terminal)
    shown = true;
  else
    os << '\n';
  os.flush();
}

void Progress::step(int64_t step, double epoch, double loss, size_t more) {
  tokens += more;
  if (!due(0.1, 10))
    return;
  int64_t done = step - firstStep;
  double left = done ? seconds() / double(done) * double(lastStep - step) : 0;
  show(fmt::format("step {}/{}  epoch {:.2f}  loss {:.4f}  {:.0f} tokens/s  {} "
                   "left",
                   step, lastStep, epoch, loss, tokensPerSecond(),
                   formatDuration(left)));
}

void Progress::evaluation(size_t done, size_t all) {
  if (due(0.1, 10))
    show(fmt::format("evaluation: {} of {} examples", done, all));
}

void Progress::line(const llvm::Twine &text) {
  if (quiet)
    return;
  clear();
  os << text << '\n';
  os.flush();
}

void Progress::warning(const llvm::Twine &text) {
  clear();
  os << "warning: " << text << '\n';
  os.flush();
}

void Progress::metrics(llvm::StringRef title, const MetricList &values) {
  std::string text = title.str() + ":";
  for (const auto &[name, value] : values)
    text += fmt::format("  {} {:.4f}", name, value);
  line(text);
}
