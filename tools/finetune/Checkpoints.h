//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The directories checkpoint-<step> of a training: their names, how many are
// kept, and where in the data each was made.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_CHECKPOINTS_H
#define BERTC_TOOLS_FINETUNE_CHECKPOINTS_H

#include "compiler/Import/Diagnostics.h"

namespace bertc::finetune {

std::string checkpointPath(llvm::StringRef folder, int64_t step);
/// Steps of the checkpoints in a folder, rising.
llvm::Expected<std::vector<int64_t>> listCheckpoints(llvm::StringRef folder);
/// Removes the oldest until at most `limit` are left; 0 keeps all.
llvm::Error limitCheckpoints(llvm::StringRef folder, unsigned limit);
llvm::Error removeCheckpoint(llvm::StringRef folder, int64_t step);

/// All that the loop must know to go on; the trainer keeps the rest.
struct Position {
  uint64_t epoch = 0;
  uint64_t batch = 0; ///< Of the epoch, the next one.
  /// Of the batches since the last record of metrics.jsonl, and of all.
  double lossSum = 0, totalLoss = 0;
  uint64_t lossCount = 0, totalCount = 0;
  uint64_t tokens = 0;  ///< Of all batches.
  uint64_t records = 0; ///< Lines of metrics.jsonl.
  /// Hash of the examples, and the options that order them, as text.
  uint64_t examples = 0;
  std::string order;
};

/// As JSON. The numbers read back the same.
std::string formatPosition(const Position &position);
/// `name` is the checkpoint, for errors.
llvm::Expected<Position> parsePosition(llvm::StringRef name,
                                       llvm::StringRef text);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_CHECKPOINTS_H
