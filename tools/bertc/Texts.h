//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Texts from the command line, a file or standard input: one a line.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_TEXTS_H
#define BERTC_TOOLS_BERTC_TEXTS_H

#include "compiler/Import/Diagnostics.h"

namespace bertc::tool {

struct TextSource {
  std::vector<std::string> texts; ///< From the command line; "-" alone: stdin.
  std::string file;               ///< "-": standard input.
};

/// Fails for texts that are not UTF-8, with the number of the line.
llvm::Expected<std::vector<std::string>> readTexts(const TextSource &source);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_TEXTS_H
