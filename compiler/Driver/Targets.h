//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The `--target` and `--emulate` lists.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_TARGETS_H
#define BERTC_COMPILER_DRIVER_TARGETS_H

#include "compiler/Target/Device.h"
#include "compiler/Target/Target.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace bertc {

/// Each in rising order of preference.
struct Targets {
  std::vector<TargetInfo> processors;
  std::vector<const DeviceTarget *> devices;
};

/// Parses `native` or a list such as "x86-64-v3,x86-64-v4,cuda:sm_80"; empty:
/// every processor whose program for `precision` is one of its own. Of those,
/// `emulated` names what no code may use ("amx,vnni", "all", or empty).
llvm::Expected<Targets> parseTargets(llvm::StringRef list,
                                     llvm::StringRef emulated,
                                     Precision precision);

/// Refuses --calibrate for a GPU: its rows of int8 are not smoothed.
llvm::Error checkCalibration(const Targets &targets);

/// The best default target of `precision` that this machine runs, or null.
const TargetInfo *nativeTarget(Precision precision);

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_TARGETS_H
