//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A checkpoint is written beside its place and moved there by one rename, or by
// an exchange if something is there. Nothing is removed but files of the names
// that checkpoints have.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Checkpoint.h"
#include "runtime/train/SaveModel.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <initializer_list>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bertc::rt {

/// Calls visit(name) for each name of a file in checkpoints of this model.
template <typename Visit>
static void eachName(const bertc_train_desc &desc, Visit visit) {
  for (uint64_t i = 0; i < desc.file_count; ++i)
    visit(desc.files[i].name);
  for (const char *name : {valuesFile, momentsFile, userFile, stateFile})
    visit(name);
}

/// Whether files of the name lie at, or below, the entry of the directory.
static bool liesAt(const char *name, const char *entry) {
  size_t size = strlen(entry);
  return !strncmp(name, entry, size) && (!name[size] || name[size] == '/');
}

/// An error if the directory exists and has entries that no checkpoint has.
static bertc_code checkOwn(const bertc_train_desc &desc, const char *path,
                           bertc_status *status) {
  DIR *folder = opendir(path);
  if (!folder)
    return errno == ENOENT ? ok(status)
                           : failFile(status, "replace", path, errno);
  bertc_code code = BERTC_OK;
  while (const dirent *entry = readdir(folder)) {
    bool known = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    eachName(desc, [&](const char *name) {
      known = known || liesAt(name, entry->d_name);
    });
    if (known)
      continue;
    code = fail(status, BERTC_INVALID_ARGUMENT,
                "%.250s has the file %.100s, which is not of a checkpoint, and "
                "cannot be replaced\nhelp: choose another directory, or remove "
                "it",
                path, entry->d_name);
    break;
  }
  closedir(folder);
  return code;
}

/// Removes a directory with nothing but files of checkpoints, if it exists.
static bertc_code removeOwn(const bertc_train_desc &desc, const char *folder,
                            bertc_status *status) {
  if (bertc_code code = checkOwn(desc, folder, status))
    return code;
  Path path;
  eachName(desc, [&](const char *name) {
    if (!joinPath(path, folder, name, "", nullptr))
      unlink(path.text);
  });
  // Folders of files, from the innermost on.
  for (uint64_t i = 0; i < desc.file_count; ++i) {
    if (joinPath(path, folder, desc.files[i].name, "", nullptr))
      continue;
    size_t outer = strlen(folder);
    for (char *slash = strrchr(path.text, '/');
         slash && size_t(slash - path.text) > outer;
         slash = strrchr(path.text, '/')) {
      *slash = '\0';
      rmdir(path.text);
    }
  }
  if (rmdir(folder) == 0 || errno == ENOENT)
    return ok(status);
  return failFile(status, "remove", folder, errno);
}

/// Gives the directory at `from` the name `to`, at once, whatever is there.
static bertc_code moveTo(const char *from, const char *to,
                         bertc_status *status) {
  if (rename(from, to) == 0) // also if there is an empty directory
    return ok(status);
  if (errno != EEXIST && errno != ENOTEMPTY)
    return failFile(status, "make", to, errno);
  if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) ==
      0)
    return ok(status);
  return fail(status, BERTC_IO,
              "cannot replace %.300s: %s\nhelp: remove it, this file system "
              "cannot exchange directories",
              to, strerror(errno));
}

static bertc_code writeAll(const bertc_trainer &trainer, const char *folder,
                           const void *userData, size_t userSize,
                           bertc_status *status) {
  size_t count = trainer.desc->file_count + 3;
  FileRecord *records =
      static_cast<FileRecord *>(malloc(count * sizeof(FileRecord)));
  if (!records)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory to save a checkpoint");
  DirectoryWriter writer(folder, /*inUse=*/false);
  StateText text;
  FileRecord state;
  bertc_code code = makeDirectory(folder, status);
  if (!code)
    code = writeModelFiles(trainer, writer, records, status);
  if (!code)
    code = writer.write(momentsFile, trainer, TensorFile::Moments,
                        records[count - 2], status);
  if (!code)
    code =
        writer.write(userFile, userData, userSize, records[count - 1], status);
  if (!code)
    code = writeState(trainer, records, count, text, status);
  if (!code)
    code = writer.write(stateFile, text.buffer.data, text.buffer.size, state,
                        status);
  if (!code)
    code = syncDirectory(folder, status);
  free(records);
  return code;
}

static bertc_code checkDirectory(const char *directory, bertc_status *status) {
  if (directory && *directory)
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT,
              "directory is %s, expected the path of a checkpoint",
              directory ? "empty" : "null");
}

bertc_code saveCheckpoint(bertc_trainer *trainer, const char *directory,
                          const void *userData, size_t userSize,
                          bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  if (bertc_code code = checkDirectory(directory, status))
    return code;
  if (userSize && !userData)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "user_data is null, expected %zu bytes", userSize);
  if (trainer->accumulated)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "the gradients of %u batches wait for an update, and are not "
                "part of a checkpoint\nhelp: call update or zero_gradients "
                "before",
                trainer->accumulated);
  const bertc_train_desc &desc = *trainer->desc;
  Path target, scratch;
  bertc_code code = updateHost(*trainer, status);
  if (!code)
    code = siblingPath(target, directory, "", status);
  if (!code)
    code = siblingPath(scratch, directory, ".tmp", status);
  if (!code)
    code = checkOwn(desc, target.text, status);
  // What a killed process left.
  if (!code)
    code = removeOwn(desc, scratch.text, status);
  if (code)
    return code;
  code = writeAll(*trainer, scratch.text, userData, userSize, status);
  if (!code)
    code = moveTo(scratch.text, target.text, status);
  if (!code)
    code = syncParent(target.text, status);
  // What was replaced, or what could not be finished.
  bertc_code removed = removeOwn(desc, scratch.text, code ? nullptr : status);
  return code ? code : removed;
}

/// Opens a file of a checkpoint. If the checkpoint is there and the file is
/// not, that is damage.
static bertc_code openMember(const char *directory, const char *name,
                             InputFile &file, Path &path,
                             bertc_status *status) {
  if (bertc_code code = joinPath(path, directory, name, "", status))
    return code;
  bertc_code code = file.open(path.text, status);
  if (!code || (errno != ENOENT && errno != ENOTDIR) ||
      access(directory, F_OK) != 0)
    return code;
  return fail(status, BERTC_CORRUPT,
              "%.300s has no %.100s, it is not a whole checkpoint", directory,
              name);
}

static bertc_code verifyFiles(const char *directory, State state,
                              bertc_status *status) {
  FileRecord record;
  while (nextFile(state, record)) {
    Path path;
    char name[256];
    InputFile file;
    snprintf(name, sizeof(name), "%.*s", static_cast<int>(record.nameSize),
             record.name);
    if (bertc_code code = openMember(directory, name, file, path, status))
      return code;
    if (file.size() != record.size)
      return fail(status, BERTC_CORRUPT, "%.300s has %llu bytes, expected %llu",
                  path.text, static_cast<unsigned long long>(file.size()),
                  static_cast<unsigned long long>(record.size));
    uint64_t hash = bertc_hash64(file.data(), file.size());
    if (hash != record.hash)
      return fail(status, BERTC_CORRUPT,
                  "%.300s has hash %016llx, expected %016llx", path.text,
                  static_cast<unsigned long long>(hash),
                  static_cast<unsigned long long>(record.hash));
  }
  return ok(status);
}

static bertc_code openState(const char *directory, InputFile &file, Path &path,
                            State &state, bertc_status *status) {
  bertc_code code = openMember(directory, stateFile, file, path, status);
  return code ? code
              : readState(file.data(), file.size(), path.text, state, status);
}

bertc_code verifyCheckpoint(const char *directory, bertc_status *status) {
  InputFile file;
  Path path;
  State state;
  bertc_code code = openState(directory, file, path, state, status);
  return code ? code : verifyFiles(directory, state, status);
}

/// An error unless the checkpoint has this file of the description.
static bertc_code compareFile(const char *directory,
                              const bertc_file_desc &known,
                              bertc_status *status) {
  Path path;
  InputFile file;
  if (bertc_code code = openMember(directory, known.name, file, path, status))
    return code;
  if (file.size() == known.size &&
      (!known.size || !memcmp(file.data(), known.data, known.size)))
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT,
              "%.300s is not that of this model\n"
              "help: load checkpoints with the library that wrote them",
              path.text);
}

/// Opens and checks a file of tensors.
static bertc_code openTensors(const bertc_trainer &trainer,
                              const char *directory, const char *name,
                              TensorFile kind, InputFile &file,
                              bertc_status *status) {
  Path path;
  bertc_code code = openMember(directory, name, file, path, status);
  return code ? code : checkTensors(trainer, kind, file, path.text, status);
}

bertc_code loadCheckpoint(bertc_trainer *trainer, const char *directory,
                          void *userData, size_t capacity, size_t *userSize,
                          bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  if (bertc_code code = checkDirectory(directory, status))
    return code;
  InputFile stateBytes, values, moments, user;
  Path path;
  State state;
  bertc_code code = openState(directory, stateBytes, path, state, status);
  if (!code)
    code = verifyFiles(directory, state, status);
  if (!code)
    code = checkOptions(*trainer, state, path.text, status);
  for (uint64_t i = 0; i < trainer->desc->file_count && !code; ++i)
    code = compareFile(directory, trainer->desc->files[i], status);
  if (!code)
    code = openTensors(*trainer, directory, valuesFile, TensorFile::Values,
                       values, status);
  if (!code)
    code = openTensors(*trainer, directory, momentsFile, TensorFile::Moments,
                       moments, status);
  if (!code)
    code = openMember(directory, userFile, user, path, status);
  if (code)
    return code;
  if (userSize)
    *userSize = user.size();
  if (userData && user.size() > capacity)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "capacity is %zu, expected at least the %llu bytes of %.300s",
                capacity, static_cast<unsigned long long>(user.size()),
                path.text);
  // Nothing can fail from here on.
  readTensors(*trainer, TensorFile::Values, values);
  readTensors(*trainer, TensorFile::Moments, moments);
  if (userData && user.size())
    memcpy(userData, user.data(), user.size());
  trainer->globalStep = state.globalStep;
  trainer->batches = state.batches;
  noteHostChange(*trainer);
  return dropGradients(*trainer, status);
}

} // namespace bertc::rt
