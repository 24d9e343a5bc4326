//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Formats error messages into the caller's status.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Status.h"

#include <cstdarg>
#include <cstdio>

namespace bertc::rt {

bertc_code fail(bertc_status *status, bertc_code code, const char *format,
                ...) {
  if (!status)
    return code;
  status->code = code;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(status->message, sizeof(status->message), format, arguments);
  va_end(arguments);
  return code;
}

bertc_code ok(bertc_status *status) {
  if (status) {
    status->code = BERTC_OK;
    status->message[0] = '\0';
  }
  return BERTC_OK;
}

} // namespace bertc::rt
