//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The names of --emit.
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Stage.h"
#include "compiler/Import/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace bertc;

static const std::pair<llvm::StringRef, Stage> stages[] = {
    {"enc", Stage::Enc},           {"fused", Stage::Fused},
    {"backward", Stage::Backward}, {"plan", Stage::Plan},
    {"kernels", Stage::Kernels},   {"llvm", Stage::LLVM},
    {"ptx", Stage::Ptx},           {"asm", Stage::Assembly},
    {"obj", Stage::Object},        {"lib", Stage::Library},
};

llvm::Expected<Stage> bertc::parseStage(llvm::StringRef name) {
  for (const auto &[known, stage] : stages)
    if (name == known)
      return stage;
  auto names = llvm::to_vector(llvm::make_first_range(stages));
  return makeUsageError("unknown stage " + quoted(name) +
                            " for --emit, expected one of " +
                            llvm::join(names, ", "),
                        suggestion(name, names));
}
