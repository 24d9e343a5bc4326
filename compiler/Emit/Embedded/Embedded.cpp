//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The assembler reads the files; their paths come from CMake. Data of this size
// as C arrays would take the compiler longer than everything else here.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Embedded/Embedded.h"

#define BERTC_EMBED(NAME)                                                      \
  __asm__(".section .rodata." #NAME ",\"a\",@progbits\n"                       \
          ".balign 16\n"                                                       \
          ".globl bertc_embedded_" #NAME "\n"                                  \
          ".hidden bertc_embedded_" #NAME "\n"                                 \
          "bertc_embedded_" #NAME ":\n"                                        \
          ".incbin \"" BERTC_EMBEDDED_FOLDER "/" #NAME ".embedded\"\n"         \
          ".globl bertc_embedded_" #NAME "_end\n"                              \
          ".hidden bertc_embedded_" #NAME "_end\n"                             \
          "bertc_embedded_" #NAME "_end:\n"                                    \
          ".text\n");                                                          \
  extern "C" const char bertc_embedded_##NAME[];                               \
  extern "C" const char bertc_embedded_##NAME##_end[];

BERTC_EMBED(runtime)
BERTC_EMBED(typed)
BERTC_EMBED(libc)
BERTC_EMBED(libm)
BERTC_EMBED(header)
BERTC_EMBED(train_header)

static llvm::StringRef between(const char *begin, const char *end) {
  return {begin, static_cast<size_t>(end - begin)};
}

llvm::StringRef bertc::embeddedRuntime() {
  return between(bertc_embedded_runtime, bertc_embedded_runtime_end);
}

llvm::StringRef bertc::embeddedTyped() {
  return between(bertc_embedded_typed, bertc_embedded_typed_end);
}

llvm::StringRef bertc::embeddedLibC() {
  return between(bertc_embedded_libc, bertc_embedded_libc_end);
}

llvm::StringRef bertc::embeddedLibM() {
  return between(bertc_embedded_libm, bertc_embedded_libm_end);
}

llvm::StringRef bertc::embeddedPublicHeader() {
  return between(bertc_embedded_header, bertc_embedded_header_end);
}

llvm::StringRef bertc::embeddedTrainHeader() {
  return between(bertc_embedded_train_header, bertc_embedded_train_header_end);
}
