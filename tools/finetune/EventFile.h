//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scalars for TensorBoard: a file of TFRecords, each a serialized Event of
// tensorflow/core/util/event.proto with a Summary of simple values.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_EVENTFILE_H
#define BERTC_TOOLS_FINETUNE_EVENTFILE_H

#include "compiler/Import/Diagnostics.h"
#include "tools/finetune/Metrics.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>

namespace bertc::finetune {

class EventFile {
public:
  /// Makes the folder, and in it a new file that TensorBoard finds by its name.
  static llvm::Expected<EventFile> create(llvm::StringRef folder);
  /// Values of a step under their tags; all are in the file when it returns.
  llvm::Error add(int64_t step, const MetricList &values);
  llvm::StringRef getPath() const { return path; }

private:
  EventFile() = default;
  llvm::Error write(llvm::StringRef event);
  std::string path;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
};

/// CRC-32C (Castagnoli), as RFC 3720 has it.
uint32_t crc32c(llvm::StringRef bytes);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_EVENTFILE_H
