//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// trainer_state.json: what a checkpoint is beside its tensors, and the sizes
// and hashes of its files.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_STATE_H
#define BERTC_RUNTIME_TRAIN_STATE_H

#include "runtime/train/Files.h"
#include "runtime/train/Trainer.h"

namespace bertc::rt {

inline constexpr char stateFile[] = "trainer_state.json";
inline constexpr char valuesFile[] = "model.safetensors";
inline constexpr char momentsFile[] = "optimizer.safetensors";
inline constexpr char userFile[] = "user_data.bin";

/// A file of a checkpoint. The name ends with a NUL in what is written, and not
/// in what is read.
struct FileRecord {
  const char *name;
  size_t nameSize;
  uint64_t size;
  uint64_t hash;
};

/// Text that grows.
struct StateText {
  Buffer<char> buffer;
  bool lost; // memory ran out
  StateText() : buffer{nullptr, 0, 0}, lost(false) {}
  StateText(const StateText &) = delete;
  StateText &operator=(const StateText &) = delete;
  ~StateText() { buffer.release(heapAllocator()); }
};

/// Makes the text of the state.
bertc_code writeState(const bertc_trainer &trainer, const FileRecord *files,
                      size_t count, StateText &text, bertc_status *status);

/// A state as read, which points into the text.
struct State {
  int64_t globalStep;
  int64_t batches;
  const char *options; // the lines that options are compared by
  size_t optionsSize;
  const char *files; // for nextFile
  const char *end;
};

/// Reads a state; an error unless it is whole. `path` is for messages.
bertc_code readState(const uint8_t *text, uint64_t size, const char *path,
                     State &state, bertc_status *status);

/// The next of the state's files; false at the end.
bool nextFile(State &state, FileRecord &file);

/// An error that names the first option of the state that is not that of the
/// trainer.
bertc_code checkOptions(const bertc_trainer &trainer, const State &state,
                        const char *path, bertc_status *status);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_STATE_H
