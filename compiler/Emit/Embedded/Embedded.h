//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files that are part of the compiler itself, so that a user needs no system
// library, linker or header to make a model.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_EMBEDDED_EMBEDDED_H
#define BERTC_COMPILER_EMIT_EMBEDDED_EMBEDDED_H

#include "llvm/ADT/StringRef.h"

namespace bertc {

/// The archive of the runtime, linked into every model.
llvm::StringRef embeddedRuntime();
/// Typed.c as an object.
llvm::StringRef embeddedTyped();
/// Shared libraries that define nothing but names: what a model may take from
/// the C library, whichever one its host has.
llvm::StringRef embeddedLibC();
llvm::StringRef embeddedLibM();
/// The text of bertc.h, and of bertc_train.h.
llvm::StringRef embeddedPublicHeader();
llvm::StringRef embeddedTrainHeader();

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_EMBEDDED_EMBEDDED_H
