//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How functions of the runtime report errors: a code, and a message written
// into the caller's bertc_status. Messages have a fixed size and are never
// allocated, so reporting that memory ran out cannot itself fail.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_STATUS_H
#define BERTC_RUNTIME_CORE_STATUS_H

#include "runtime/include/bertc.h"

namespace bertc::rt {

/// Writes `code` and the formatted message to `status` unless it is null, and
/// returns `code`. A message too long for the struct is cut.
__attribute__((format(printf, 3, 4))) bertc_code fail(bertc_status *status,
                                                      bertc_code code,
                                                      const char *format, ...);

/// Clears `status` unless it is null, and returns BERTC_OK.
bertc_code ok(bertc_status *status);

} // namespace bertc::rt

#endif
