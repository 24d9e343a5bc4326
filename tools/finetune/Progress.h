//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a user sees of a training on standard error: on a terminal one line that
// is written again and again, elsewhere a plain line now and then.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_PROGRESS_H
#define BERTC_TOOLS_FINETUNE_PROGRESS_H

#include "tools/finetune/Metrics.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

namespace bertc::finetune {

class Progress {
public:
  using Clock = std::chrono::steady_clock;
  /// `quiet` shows nothing but warnings.
  Progress(llvm::raw_ostream &os, bool terminal, bool quiet)
      : os(os), terminal(terminal), quiet(quiet) {}
  Progress(const Progress &) = delete;
  /// Leaves an empty line to what is written next.
  ~Progress() { clear(); }

  /// Rates and the time left count from here.
  void begin(int64_t step, int64_t lastStep);
  /// What is done in between does not count.
  void pause() { paused = Clock::now(); }
  void resume() { start += Clock::now() - paused; }
  void step(int64_t step, double epoch, double loss, size_t tokens);
  /// A part of an evaluation is done.
  void evaluation(size_t done, size_t all);
  /// A line that stays, in place of the progress.
  void line(const llvm::Twine &text);
  void warning(const llvm::Twine &text);
  /// Metrics of an evaluation, as a line that stays.
  void metrics(llvm::StringRef title, const MetricList &values);

  double tokensPerSecond() const;
  double seconds() const;

private:
  bool due(double terminalSeconds, double plainSeconds);
  void show(const llvm::Twine &text);
  void clear();

  llvm::raw_ostream &os;
  bool terminal, quiet;
  bool shown = false; ///< A progress line is on the terminal.
  int64_t firstStep = 0, lastStep = 0;
  size_t tokens = 0;
  Clock::time_point start = Clock::now(), last = start, paused = start;
};

/// "1:02:03", "4:05".
std::string formatDuration(double seconds);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_PROGRESS_H
