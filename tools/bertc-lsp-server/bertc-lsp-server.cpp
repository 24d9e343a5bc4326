//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Editor support for textual enc IR over the language server protocol.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "tools/bertc-opt/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  bertc::registerToolDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
