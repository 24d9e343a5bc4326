//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a library says about itself, as JSON in a section of its own.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_MANIFEST_H
#define BERTC_COMPILER_EMIT_MANIFEST_H

#include "compiler/Emit/Description.h"

namespace llvm::json {
class OStream;
} // namespace llvm::json

namespace bertc {

/// The text; its size does not depend on the hash of the weights.
llvm::Expected<std::string> writeManifest(const LibraryInputs &inputs,
                                          const WeightsPlace &place);

/// Names of BERTC_CPU_* bits: "x86-64-v3", "avx512bf16", ...
std::vector<llvm::StringRef> cpuFeatureNames(uint64_t features);

/// 16 hexadecimal digits.
std::string hashText(uint64_t hash);
/// Of the bytes.
std::string hashOf(llvm::StringRef bytes);

/// The attributes of a formula.
void writeWorkspace(llvm::json::OStream &json,
                    const bertc_workspace &workspace);

/// Of this compiler.
llvm::StringRef compilerVersion();

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_MANIFEST_H
