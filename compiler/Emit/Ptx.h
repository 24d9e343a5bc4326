//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From LLVM IR of device kernels to PTX, the portable assembly that the CUDA
// driver compiles for the GPU at hand.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_PTX_H
#define BERTC_COMPILER_EMIT_PTX_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace llvm {
class Module;
} // namespace llvm

namespace bertc {

/// PTX of `module`, which is consumed, for a processor such as "sm_80" and what
/// it has beyond ("+ptx80"). Fails if an instruction does not exist there.
llvm::Expected<std::string> emitPtx(llvm::Module &module,
                                    llvm::StringRef processor,
                                    llvm::StringRef features);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_PTX_H
