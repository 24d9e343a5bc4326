//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C header that goes with a library: typed functions for this one model,
// and the public API, so that header and library are all a user needs.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_HEADER_H
#define BERTC_COMPILER_EMIT_HEADER_H

#include "compiler/Emit/Library.h"

namespace bertc {

/// A C identifier made of the file name of a library: "minilm" for
/// "out/minilm.so".
std::string headerPrefix(llvm::StringRef libraryPath);

/// What a library exports: a name, and the function of Typed.c or the runtime
/// behind it.
std::vector<std::pair<std::string, std::string>>
exportedFunctions(const LibraryInputs &inputs, llvm::StringRef prefix);

std::string writeHeader(const LibraryInputs &inputs, llvm::StringRef prefix,
                        llvm::StringRef libraryName);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_HEADER_H
