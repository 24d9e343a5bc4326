//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shrinks IR that makes a command fail. It loads every dialect at the start,
// because a reduction pass creates ops that the input may not have.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "tools/bertc-opt/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  bertc::registerToolDialects(registry);
  bertc::registerToolPasses();
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  return failed(mlir::mlirReduceMain(argc, argv, context));
}
