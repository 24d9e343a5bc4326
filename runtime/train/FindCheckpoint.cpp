//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each pass over the directory finds the highest step below the last one, so
// that nothing is kept; there are few checkpoints.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Checkpoint.h"
#include "runtime/train/Files.h"

#include <cerrno>
#include <cstring>
#include <dirent.h>

namespace bertc::rt {

static constexpr char prefix[] = "checkpoint-";

/// The step of "checkpoint-<step>", or -1.
static int64_t stepOf(const char *name) {
  if (strncmp(name, prefix, sizeof(prefix) - 1))
    return -1;
  const char *at = name + sizeof(prefix) - 1;
  int64_t step = 0;
  if (!*at || (*at == '0' && at[1]))
    return -1;
  for (; *at; ++at)
    if (*at < '0' || *at > '9' || __builtin_mul_overflow(step, 10, &step) ||
        __builtin_add_overflow(step, *at - '0', &step))
      return -1;
  return step;
}

bertc_code findCheckpoint(const char *directory, char *path, size_t capacity,
                          int64_t *step, bertc_status *status) {
  if (!directory || !path || !step || !capacity)
    return fail(status, BERTC_INVALID_ARGUMENT, "%s, expected %s",
                !directory ? "directory is null"
                : !path    ? "path is null"
                : !step    ? "step is null"
                           : "capacity is 0",
                !directory ? "a directory of checkpoints"
                           : "where to store the result");
  path[0] = '\0';
  *step = -1;
  Path found;
  for (int64_t bound = INT64_MAX;;) {
    DIR *folder = opendir(directory);
    if (!folder)
      return failFile(status, "open the folder", directory, errno);
    int64_t best = -1;
    char name[sizeof(dirent::d_name)] = "";
    while (const dirent *entry = readdir(folder)) {
      int64_t candidate = stepOf(entry->d_name);
      if (candidate <= best || candidate >= bound)
        continue;
      best = candidate;
      memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(folder);
    if (best < 0)
      return ok(status);
    if (bertc_code code = joinPath(found, directory, name, "", status))
      return code;
    bound = best;
    bertc_code code = verifyCheckpoint(found.text, status);
    if (code == BERTC_CORRUPT)
      continue;
    if (code)
      return code;
    size_t size = strlen(found.text) + 1;
    if (size > capacity)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "capacity is %zu, expected at least the %zu bytes of %.300s",
                  capacity, size, found.text);
    memcpy(path, found.text, size);
    *step = best;
    return ok(status);
  }
}

} // namespace bertc::rt
