//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Formats into a buffer on the stack and writes with write(2), never through
// stdio, whose locks a forked child might inherit held.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Log.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace bertc::rt {

LogLevel logLevelFromEnvironment() {
  const char *value = getenv("BERTC_LOG");
  if (!value || !*value)
    return LogLevel::Off;
  if (!strcmp(value, "debug"))
    return LogLevel::Debug;
  if (strcmp(value, "info"))
    log("BERTC_LOG is '%s', expected info or debug", value);
  return LogLevel::Info;
}

void log(const char *format, ...) {
  char line[600] = "bertc: ";
  size_t begin = strlen(line);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + begin, sizeof(line) - begin - 1, format, arguments);
  va_end(arguments);
  size_t end = strlen(line);
  line[end++] = '\n';
  for (size_t at = 0; at < end;) {
    ssize_t written = write(STDERR_FILENO, line + at, end - at);
    if (written <= 0)
      return;
    at += static_cast<size_t>(written);
  }
}

} // namespace bertc::rt
