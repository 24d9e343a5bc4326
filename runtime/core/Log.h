//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Messages on standard error that BERTC_LOG asks for. Each is one write, so
// lines of several threads do not mix.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_LOG_H
#define BERTC_RUNTIME_CORE_LOG_H

namespace bertc::rt {

enum class LogLevel { Off, Info, Debug };

/// The level in BERTC_LOG; a value that is not known means Info, and is
/// reported.
LogLevel logLevelFromEnvironment();

/// Writes "bertc: <message>" and a newline.
__attribute__((format(printf, 1, 2))) void log(const char *format, ...);

} // namespace bertc::rt

#endif
