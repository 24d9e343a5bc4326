//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Directories of models.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_SAVEMODEL_H
#define BERTC_RUNTIME_TRAIN_SAVEMODEL_H

#include "runtime/train/Safetensors.h"
#include "runtime/train/State.h"

namespace bertc::rt {

/// Writes files into a directory, each to disk. If the directory is in use,
/// each gets its name when it is whole.
class DirectoryWriter {
public:
  DirectoryWriter(const char *folder, bool inUse)
      : folder(folder), inUse(inUse) {}

  /// Writes a file of bytes, with the folders in its name.
  bertc_code write(const char *name, const void *data, uint64_t size,
                   FileRecord &record, bertc_status *status);
  bertc_code write(const char *name, const bertc_trainer &trainer,
                   TensorFile kind, FileRecord &record, bertc_status *status);

private:
  template <typename Fill>
  bertc_code writeFile(const char *name, FileRecord &record, Fill fill,
                       bertc_status *status);
  const char *folder;
  bool inUse;
};

/// The files of the description, then the parameters: description.file_count +
/// 1 records.
bertc_code writeModelFiles(const bertc_trainer &trainer,
                           DirectoryWriter &writer, FileRecord *records,
                           bertc_status *status);

bertc_code saveModel(bertc_trainer *trainer, const char *directory,
                     bertc_status *status);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_SAVEMODEL_H
