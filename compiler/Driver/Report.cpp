//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A phase that runs several times, once a variant, is listed each time.
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Report.h"
#include <sys/resource.h>

using namespace bertc;
using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void PhaseTimes::add(const std::string &name, Clock::time_point begin) {
  double seconds = secondsSince(begin);
  std::lock_guard<std::mutex> lock(mutex);
  list.push_back({name, seconds});
}

double PhaseTimes::total() const { return secondsSince(start); }

std::vector<PhaseTimes::Phase> PhaseTimes::phases() const {
  std::lock_guard<std::mutex> lock(mutex);
  return list;
}

uint64_t bertc::peakResidentBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return uint64_t(usage.ru_maxrss) * 1024;
}
