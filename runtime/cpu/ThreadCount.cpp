//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the few kernel files by open and read. A quota that cannot be read
// counts as none: a wrong guess costs speed only.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadCount.h"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace bertc::rt {

static constexpr size_t pathSize = 1024;

uint32_t affinityCpus() {
  // The kernel refuses a mask smaller than its own; 8192 is its largest.
  uint64_t mask[8192 / 64] = {};
  if (sched_getaffinity(0, sizeof(mask), reinterpret_cast<cpu_set_t *>(mask)))
    return 1;
  uint32_t count = 0;
  for (uint64_t word : mask)
    for (; word; word &= word - 1)
      ++count;
  return count ? count : 1;
}

/// Fills `text` with the file's begin and a NUL; false if it cannot be read.
static bool readFile(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  size_t length = 0;
  while (length + 1 < size) {
    ssize_t got = read(file, text + length, size - length - 1);
    if (got <= 0)
      break;
    length += static_cast<size_t>(got);
  }
  close(file);
  text[length] = '\0';
  return length > 0;
}

/// Reads digits at `text` and moves it behind them; -1 if there are none.
static int64_t readNumber(const char *&text) {
  if (*text < '0' || *text > '9')
    return -1;
  int64_t value = 0;
  for (; *text >= '0' && *text <= '9'; ++text)
    if (value < INT64_MAX / 10 - 10)
      value = value * 10 + (*text - '0');
  return value;
}

static uint32_t quotaCpus(int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0)
    return 0;
  int64_t cpus = quota / period + (quota % period != 0);
  return cpus > UINT32_MAX ? 0 : static_cast<uint32_t>(cpus);
}

/// The quota of one group: "max 100000" or "150000 100000" in version 2, two
/// files in version 1, where -1 stands for none.
static uint32_t groupCpus(const char *folder, bool version2) {
  char path[pathSize + 32], text[64];
  if (version2) {
    snprintf(path, sizeof(path), "%s/cpu.max", folder);
    if (!readFile(path, text, sizeof(text)))
      return 0;
    const char *at = text;
    int64_t quota = readNumber(at);
    if (quota < 0 || *at++ != ' ')
      return 0;
    return quotaCpus(quota, readNumber(at));
  }
  snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder);
  if (!readFile(path, text, sizeof(text)))
    return 0;
  const char *at = text;
  int64_t quota = readNumber(at);
  snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder);
  if (!readFile(path, text, sizeof(text)))
    return 0;
  at = text;
  return quotaCpus(quota, readNumber(at));
}

static uint32_t tighter(uint32_t a, uint32_t b) {
  if (a == 0 || b == 0)
    return a + b;
  return a < b ? a : b;
}

/// The tightest quota from `root`/`group` up to `root`. Inside a container the
/// group's own folder may be out of sight; then its parents count.
static uint32_t tightestCpus(const char *root, const char *group,
                             bool version2) {
  char folder[pathSize];
  int length = snprintf(folder, sizeof(folder), "%s%s", root, group);
  if (length < 0 || static_cast<size_t>(length) >= sizeof(folder))
    return 0;
  size_t rootLength = strlen(root);
  uint32_t cpus = 0;
  for (;;) {
    cpus = tighter(cpus, groupCpus(folder, version2));
    if (strlen(folder) <= rootLength)
      return cpus;
    char *slash = strrchr(folder + rootLength, '/');
    *(slash ? slash : folder + rootLength) = '\0';
  }
}

/// Whether the comma-separated list of `length` bytes has "cpu".
static bool listsCpu(const char *list, size_t length) {
  for (size_t at = 0; at < length;) {
    size_t end = at;
    while (end < length && list[end] != ',')
      ++end;
    if (end - at == 3 && !memcmp(list + at, "cpu", 3))
      return true;
    at = end + 1;
  }
  return false;
}

uint32_t cgroupCpus(const char *cgroupFile, const char *mount) {
  char text[4096];
  if (!readFile(cgroupFile, text, sizeof(text)))
    return 0;
  uint32_t cpus = 0;
  // Lines are "id:controllers:/group"; version 2 has no controllers.
  for (char *line = text; line && *line;) {
    char *next = strchr(line, '\n');
    if (next)
      *next++ = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : nullptr;
    if (group) {
      size_t length = static_cast<size_t>(group - controllers - 1);
      ++controllers;
      ++group;
      char root[pathSize];
      if (length == 0) {
        cpus = tighter(cpus, tightestCpus(mount, group, true));
      } else if (listsCpu(controllers, length)) {
        snprintf(root, sizeof(root), "%s/%.*s", mount, static_cast<int>(length),
                 controllers);
        cpus = tighter(cpus, tightestCpus(root, group, false));
        snprintf(root, sizeof(root), "%s/cpu", mount);
        cpus = tighter(cpus, tightestCpus(root, group, false));
      }
    }
    line = next;
  }
  return cpus;
}

uint32_t availableCpus() {
  uint32_t cpus = tighter(affinityCpus(),
                          cgroupCpus("/proc/self/cgroup", "/sys/fs/cgroup"));
  return cpus ? cpus : 1;
}

uint32_t parseThreads(const char *text, uint32_t most) {
  int64_t value = readNumber(text);
  return *text == '\0' && value >= 1 && value <= most
             ? static_cast<uint32_t>(value)
             : 0;
}

} // namespace bertc::rt
