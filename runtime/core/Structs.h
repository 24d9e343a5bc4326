//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading and filling the caller's structs, which may come from an older or a
// newer bertc.h. Unknown trailing fields are accepted only if they are zero,
// so a newer program never believes that an option was obeyed when it was not.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_STRUCTS_H
#define BERTC_RUNTIME_CORE_STRUCTS_H

#include "runtime/core/Status.h"

#include <cstring>

namespace bertc::rt {

/// Copies the caller's struct at `from` over the zeroed struct at `to`, both
/// beginning with struct_size. `name` is the type's name for messages.
bertc_code readStructBytes(const void *from, void *to, size_t size,
                           const char *name, bertc_status *status);

/// Copies all but struct_size of the struct at `from` into the caller's at
/// `to`, as far as the caller's struct_size says.
bertc_code fillStructBytes(const void *from, void *to, size_t size,
                           const char *name, bertc_status *status);

/// `to` becomes the caller's struct, or all zero (the defaults) if `from` is
/// null.
template <typename T>
bertc_code readStruct(const T *from, T &to, const char *name,
                      bertc_status *status) {
  memset(&to, 0, sizeof(T));
  return from ? readStructBytes(from, &to, sizeof(T), name, status)
              : ok(status);
}

template <typename T>
bertc_code fillStruct(const T &from, T *to, const char *name,
                      bertc_status *status) {
  return fillStructBytes(&from, to, sizeof(T), name, status);
}

} // namespace bertc::rt

#endif
