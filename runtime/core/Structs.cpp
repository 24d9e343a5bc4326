//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The checks of struct_size. A size above a page is taken for a struct that
// was never initialised, because reading that far could leave the caller's
// memory.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Structs.h"

namespace bertc::rt {

static constexpr size_t largestStruct = 4096;

static bertc_code checkSize(const void *given, const char *name, size_t &size,
                            bertc_status *status) {
  if (!given)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s is null, expected a pointer to a struct", name);
  memcpy(&size, given, sizeof(size));
  if (size < sizeof(size) || size > largestStruct)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s has struct_size %zu, expected its size in bytes\n"
                "help: initialise it with BERTC_INIT(%s)",
                name, size, name);
  return ok(status);
}

bertc_code readStructBytes(const void *from, void *to, size_t size,
                           const char *name, bertc_status *status) {
  size_t given;
  if (bertc_code code = checkSize(from, name, given, status))
    return code;
  const char *bytes = static_cast<const char *>(from);
  for (size_t i = size; i < given; ++i)
    if (bytes[i] != 0)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "%s sets a field at byte %zu that this library does not "
                  "know\nhelp: compile the model again with a newer bertc",
                  name, i);
  memcpy(to, from, given < size ? given : size);
  return ok(status);
}

bertc_code fillStructBytes(const void *from, void *to, size_t size,
                           const char *name, bertc_status *status) {
  size_t given;
  if (bertc_code code = checkSize(to, name, given, status))
    return code;
  size_t copied = given < size ? given : size;
  memcpy(static_cast<char *>(to) + sizeof(size_t),
         static_cast<const char *>(from) + sizeof(size_t),
         copied - sizeof(size_t));
  if (given > size)
    memset(static_cast<char *>(to) + size, 0, given - size);
  return ok(status);
}

} // namespace bertc::rt
