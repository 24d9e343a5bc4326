//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// metrics.jsonl: what was measured, a JSON object a line, with the step and the
// epoch first. After a resume the lines of what is done again are gone.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_METRICSFILE_H
#define BERTC_TOOLS_FINETUNE_METRICSFILE_H

#include "compiler/Import/Diagnostics.h"
#include "tools/finetune/Metrics.h"

namespace bertc::finetune {

class MetricsFile {
public:
  /// Keeps so many lines of a file that is there.
  static llvm::Expected<MetricsFile> open(llvm::StringRef path, uint64_t lines);
  llvm::Error add(int64_t step, double epoch, const MetricList &values);

  uint64_t getLines() const { return lines; }

private:
  explicit MetricsFile(llvm::StringRef path) : path(path.str()) {}
  std::string path;
  uint64_t lines = 0;
};

/// {"a": 1, "b": 0.5}; numbers are the shortest that read back the same, and
/// null if they are not finite.
std::string formatJson(const MetricList &values);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_METRICSFILE_H
