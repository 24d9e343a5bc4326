//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Machine code of a GPU by NVIDIA's assembler, where somebody has it. Without
// it the driver compiles the PTX when a model is opened.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_PTXAS_H
#define BERTC_COMPILER_EMIT_PTXAS_H

#include "compiler/Emit/Library.h"

namespace bertc {

/// What ptxas -v says about a kernel.
struct AssembledKernel {
  std::string name;
  KernelResources resources;
};

struct AssembledPtx {
  std::string cubin;
  std::vector<AssembledKernel> kernels;
};

/// The program that `given` of --ptxas names: a path, or a name to look for.
llvm::Expected<std::string> findPtxas(llvm::StringRef given);

/// Assembles `ptx` for `processor` ("sm_90a").
llvm::Expected<AssembledPtx> assemblePtx(llvm::StringRef ptxas,
                                         llvm::StringRef ptx,
                                         llvm::StringRef processor);

/// Puts machine code into `variant`, and what is known of each kernel.
llvm::Error assembleVariant(llvm::StringRef ptxas, llvm::StringRef processor,
                            DeviceVariantCode &variant);

/// The part of assemblePtx that reads what ptxas -v wrote.
std::vector<AssembledKernel> parsePtxasReport(llvm::StringRef text);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_PTXAS_H
