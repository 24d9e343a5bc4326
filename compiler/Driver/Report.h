//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the time and the memory of a compilation went.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_REPORT_H
#define BERTC_COMPILER_DRIVER_REPORT_H

#include "llvm/Support/JSON.h"
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

namespace bertc {

class PhaseTimes {
public:
  struct Phase {
    std::string name;
    double seconds;
  };
  /// Adds the time from its construction to its destruction. Phases of
  /// different threads may overlap.
  class Scope {
  public:
    Scope(PhaseTimes &times, std::string name)
        : times(times), name(std::move(name)),
          start(std::chrono::steady_clock::now()) {}
    Scope(const Scope &) = delete;
    ~Scope() { times.add(name, start); }

  private:
    PhaseTimes &times;
    std::string name;
    std::chrono::steady_clock::time_point start;
  };

  double total() const;
  std::vector<Phase> phases() const;

private:
  void add(const std::string &name,
           std::chrono::steady_clock::time_point start);

  mutable std::mutex mutex;
  std::vector<Phase> list;
  std::chrono::steady_clock::time_point start =
      std::chrono::steady_clock::now();
};

/// The most memory that this process had resident so far, in bytes.
uint64_t peakResidentBytes();

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_REPORT_H
