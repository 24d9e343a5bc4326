//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The `--target` list.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_TARGETS_H
#define BERTC_COMPILER_DRIVER_TARGETS_H

#include "compiler/Target/Target.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace bertc {

/// Parses `native` or a list such as "x86-64-v3,x86-64-v4"; empty: every
/// target. In rising order of preference, whatever the order of the list.
llvm::Expected<std::vector<const TargetInfo *>>
parseTargets(llvm::StringRef list);

/// The best target that this machine runs, or null.
const TargetInfo *nativeTarget();

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_TARGETS_H
