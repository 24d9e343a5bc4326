//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the developer tools know: one list for bertc-opt, bertc-reduce and
// bertc-lsp-server, so that IR that one accepts the others accept too.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_OPT_REGISTRATION_H
#define BERTC_TOOLS_BERTC_OPT_REGISTRATION_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace bertc {

/// The enc dialect and those that kernels are written in.
void registerToolDialects(mlir::DialectRegistry &registry);

/// Passes of enc and of the plan room, MLIR's general transformations, and the
/// stages of compilation as pipelines.
void registerToolPasses();

} // namespace bertc

#endif // BERTC_TOOLS_BERTC_OPT_REGISTRATION_H
