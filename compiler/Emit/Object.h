//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From LLVM IR to machine code.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_OBJECT_H
#define BERTC_COMPILER_EMIT_OBJECT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bertc {

enum class CodeFormat { Object, Assembly };

/// For position-independent Linux code of an LLVM CPU name ("x86-64-v3") and
/// what it has beyond ("+avx512bf16").
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(llvm::StringRef cpu, llvm::StringRef features = "");

/// The same for another target of LLVM, which has been initialised.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const llvm::Triple &triple, llvm::StringRef cpu,
                    llvm::StringRef features,
                    std::optional<llvm::CodeModel::Model> codeModel);

/// The scalar optimisations of -O2. Loops stay as the kernels wrote them:
/// nothing is vectorised, interleaved or unrolled a second time.
void optimize(llvm::Module &module, llvm::TargetMachine &machine);

/// Machine code of `module`, which is consumed (codegen changes it).
llvm::Expected<std::string>
emitCode(llvm::Module &module, llvm::TargetMachine &machine, CodeFormat format);

/// An object for an LLVM CPU name, optimised; `module` is consumed.
llvm::Expected<std::string> emitObject(llvm::Module &module,
                                       llvm::StringRef cpu);

/// A function of an object, for the manifest.
struct FunctionCode {
  std::string name;
  uint64_t bytes = 0;
};
llvm::Expected<std::vector<FunctionCode>> listFunctions(llvm::StringRef object);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_OBJECT_H
