//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pieces of messages.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_TEXT_H
#define BERTC_TOOLS_GPU_EMULATOR_TEXT_H

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace bertc::emulator {

inline std::string hexadecimal(uint64_t number) {
  char text[32];
  snprintf(text, sizeof(text), "0x%llx",
           static_cast<unsigned long long>(number));
  return text;
}

/// "thread 3", "threads 0-15, 20".
inline std::string listOfThreads(const std::vector<uint32_t> &rising) {
  std::string text = rising.size() == 1 ? "thread " : "threads ";
  for (size_t i = 0; i < rising.size();) {
    size_t end = i + 1;
    while (end < rising.size() && rising[end] == rising[end - 1] + 1)
      ++end;
    text += (i ? ", " : "") + std::to_string(rising[i]);
    if (end - i > 1)
      text += "-" + std::to_string(rising[end - 1]);
    i = end;
  }
  return text;
}

inline std::string bytesAt(uint32_t size, uint32_t offset) {
  return std::to_string(size) + " bytes at offset " + std::to_string(offset);
}

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_TEXT_H
