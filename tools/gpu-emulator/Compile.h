//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From device code at nvvm level to code of the host that the emulator runs.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_COMPILE_H
#define BERTC_TOOLS_GPU_EMULATOR_COMPILE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <string>

namespace bertc::emulator {

/// Emulates the gpu.module in `module` and compiles what comes out: the bytes
/// of an object. Errors at ops are reported there.
llvm::Expected<std::string> compileEmulated(mlir::ModuleOp module);

/// Links such an object to the shared library `path`. What it calls of the
/// emulator and of libc is looked for where it is loaded.
llvm::Error linkEmulated(llvm::StringRef object, llvm::StringRef path);

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_COMPILE_H
