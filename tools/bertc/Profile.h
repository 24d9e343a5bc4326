//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the time of runs goes: the records of a session's profile, summed up by
// phase, and the last run as a trace.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_PROFILE_H
#define BERTC_TOOLS_BERTC_PROFILE_H

#include "tools/bertc/Workload.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace bertc::tool {

class Profile {
public:
  /// An error if the library cannot keep profiles.
  static llvm::Expected<Profile>
  create(const Model &model, const Session &session, const Workload &workload);

  /// Adds the run that the session just did in `milliseconds`.
  llvm::Error add(double milliseconds);

  /// A row for each phase, the longest first; rates are held against
  /// `ceiling` GFLOP/s.
  void print(llvm::raw_ostream &out, double ceiling) const;
  llvm::json::Object json(double ceiling) const;
  /// The last run in the format of chrome://tracing.
  llvm::json::Object trace() const;

private:
  struct Row {
    std::string name;
    double milliseconds = 0; ///< A run, mean of the threads.
    double records = 0;      ///< A run, mean of the threads.
    double gflops = 0;       ///< All threads; 0: no matrix products.
    double gigabytes = 0;    ///< Of weights a second; 0: none.
  };

  Profile(const Model &model, const Session &session)
      : model(&model), session(&session) {}
  std::vector<Row> rows() const;
  double mean(double total) const; ///< Of a run and a thread.
  bool onDevice() const;

  struct Phase {
    bertc_phase_info info;
    double flops = 0; ///< A layer and run, all threads.
    double nanoseconds = 0;
    uint64_t records = 0;
    std::vector<bool> layers; ///< In which it was seen; [0]: outside.
  };
  const Model *model;
  const Session *session;
  uint32_t threads = 1;
  uint64_t runs = 0;
  double milliseconds = 0; ///< Of all runs.
  std::vector<Phase> phases;
  std::vector<double> waiting, busy; ///< Nanoseconds by thread.
  std::vector<bertc_phase_record> last;
};

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_PROFILE_H
