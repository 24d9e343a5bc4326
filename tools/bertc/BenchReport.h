//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `bertc bench` prints: a result, or the machine's ceilings.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_BENCHREPORT_H
#define BERTC_TOOLS_BERTC_BENCHREPORT_H

#include "tools/bertc/Machine.h"
#include "tools/bertc/Profile.h"

namespace bertc::tool {

struct BenchResult {
  const Model &model;
  const Session &session;
  const Workload &workload;
  const Profile *profile;      ///< Or null.
  ResidentMemory before;       ///< The model was opened.
  std::vector<double> samples; ///< Milliseconds.
};

/// A table, or a JSON object.
void printResult(const BenchResult &result, bool json);
void printMachine(unsigned threads, bool json);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_BENCHREPORT_H
