//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The link of one model, by LLD inside this process.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_LINK_H
#define BERTC_COMPILER_EMIT_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <utility>
#include <vector>

namespace bertc {

struct LinkInputs {
  /// Name and bytes of objects; the runtime is added.
  std::vector<std::pair<std::string, llvm::StringRef>> objects;
  std::string soname;
  /// Exported symbols: a name, and the function that it stands for.
  std::vector<std::pair<std::string, std::string>> exports;
  uint64_t weightsSize = 0; ///< Room to leave for weights; 0: none.
};

/// The bytes of the library. LLD needs a file to write to: `scratch` is one
/// that may be overwritten, and is removed.
llvm::Expected<std::string> linkLibrary(const LinkInputs &inputs,
                                        llvm::StringRef scratch);

/// What weights of this many bytes are aligned to, in memory and in the file: a
/// page, or a huge page once there are several of them to gain.
uint64_t weightsAlignment(uint64_t size);

/// Gives the room for weights its place in the file, at `offset` (a multiple of
/// their alignment, behind the end of `image`).
llvm::Error placeWeights(std::string &image, uint64_t offset);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_LINK_H
