//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parameters come last: a directory without them is not taken for a model.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/SaveModel.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace bertc::rt {

/// Makes the folders that a name like "1_Pooling/config.json" has in it.
static bertc_code makeFolders(const char *folder, const char *name,
                              bertc_status *status) {
  for (const char *slash = strchr(name, '/'); slash;
       slash = strchr(slash + 1, '/')) {
    Path path;
    char inner[256];
    snprintf(inner, sizeof(inner), "%.*s", static_cast<int>(slash - name),
             name);
    bertc_code code = joinPath(path, folder, inner, "", status);
    if (!code)
      code = makeDirectory(path.text, status);
    if (code)
      return code;
  }
  return ok(status);
}

template <typename Fill>
bertc_code DirectoryWriter::writeFile(const char *name, FileRecord &record,
                                      Fill fill, bertc_status *status) {
  Path path, target;
  OutputFile file;
  bertc_code code = makeFolders(folder, name, status);
  if (!code)
    code = joinPath(path, folder, name, inUse ? ".tmp" : "", status);
  if (!code)
    code = joinPath(target, folder, name, "", status);
  if (!code)
    code = file.create(path.text, status);
  if (code)
    return code;
  code = fill(file);
  if (!code)
    code = file.finish(status);
  if (!code && inUse && rename(path.text, target.text) != 0)
    code = failFile(status, "make", target.text, errno);
  if (code) {
    unlink(path.text);
    return code;
  }
  record = {name, strlen(name), file.size(), file.hash()};
  // The folder itself is synced by who made it, once.
  return inUse || strchr(name, '/') ? syncParent(target.text, status)
                                    : ok(status);
}

bertc_code DirectoryWriter::write(const char *name, const void *data,
                                  uint64_t size, FileRecord &record,
                                  bertc_status *status) {
  return writeFile(
      name, record,
      [&](OutputFile &file) {
        file.write(data, size);
        return BERTC_OK;
      },
      status);
}

bertc_code DirectoryWriter::write(const char *name,
                                  const bertc_trainer &trainer, TensorFile kind,
                                  FileRecord &record, bertc_status *status) {
  return writeFile(
      name, record,
      [&](OutputFile &file) {
        return writeTensors(trainer, kind, file, status);
      },
      status);
}

bertc_code writeModelFiles(const bertc_trainer &trainer,
                           DirectoryWriter &writer, FileRecord *records,
                           bertc_status *status) {
  const bertc_train_desc &desc = *trainer.desc;
  for (uint64_t i = 0; i < desc.file_count; ++i) {
    const bertc_file_desc &file = desc.files[i];
    if (bertc_code code =
            writer.write(file.name, file.data, file.size, records[i], status))
      return code;
  }
  return writer.write(valuesFile, trainer, TensorFile::Values,
                      records[desc.file_count], status);
}

bertc_code saveModel(bertc_trainer *trainer, const char *directory,
                     bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  if (!directory || !*directory)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "directory is %s, expected where to save the model",
                directory ? "empty" : "null");
  FileRecord *records = static_cast<FileRecord *>(
      malloc((trainer->desc->file_count + 1) * sizeof(FileRecord)));
  if (!records)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory to save a model");
  DirectoryWriter writer(directory, /*inUse=*/true);
  bertc_code code = updateHost(*trainer, status);
  if (!code)
    code = makeDirectory(directory, status);
  if (!code)
    code = writeModelFiles(*trainer, writer, records, status);
  if (!code)
    code = syncParent(directory, status);
  free(records);
  return code;
}

} // namespace bertc::rt
