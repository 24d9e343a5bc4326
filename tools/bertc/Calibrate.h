//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `--calibrate`: what linear layers read when a model sees typical texts.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_CALIBRATE_H
#define BERTC_TOOLS_BERTC_CALIBRATE_H

#include "compiler/Emit/Library.h"
#include "llvm/Support/Error.h"

namespace bertc::tool {

/// Runs the texts in `file`, one a line, through the reference interpreter.
llvm::Expected<Calibration> calibrate(llvm::StringRef directory,
                                      llvm::StringRef outputs,
                                      llvm::StringRef file);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_CALIBRATE_H
