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

#include "compiler/Target/Target.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace bertc {

/// Parses `native` or a list such as "x86-64-v3,x86-64-v4"; empty: every
/// target whose program for `precision` is one of its own. In rising order of
/// preference, whatever the order of the list. Of those, `emulated` names what
/// no code may use ("amx,vnni", "all", or empty).
llvm::Expected<std::vector<TargetInfo>> parseTargets(llvm::StringRef list,
                                                     llvm::StringRef emulated,
                                                     Precision precision);

/// The best default target of `precision` that this machine runs, or null.
const TargetInfo *nativeTarget(Precision precision);

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_TARGETS_H
