//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The named stages of a compilation, as `--emit` takes them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_STAGE_H
#define BERTC_COMPILER_DRIVER_STAGE_H

#include "llvm/Support/Error.h"

namespace bertc {

enum class Stage {
  Enc,      ///< The imported program.
  Fused,    ///< After fusion.
  Backward, ///< With a training function; ends there for now.
  Plan,     ///< With the choices for one target.
  Kernels,  ///< Loops and vectors.
  LLVM,     ///< LLVM IR, not optimised.
  Ptx,      ///< Assembly of GPUs.
  Assembly, ///< For reading.
  Object,   ///< ELF, relocatable.
  Library,  ///< All variants and the runtime, linked.
};

/// Fails for a name that is none, and for stages that do not exist yet.
llvm::Expected<Stage> parseStage(llvm::StringRef name);

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_STAGE_H
