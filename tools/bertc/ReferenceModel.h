//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model directory as the reference interpreter runs it: an unfused program
// and its checkpoint.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_REFERENCEMODEL_H
#define BERTC_TOOLS_BERTC_REFERENCEMODEL_H

#include "compiler/Import/ModelDirectory.h"
#include "dialects/Enc/Reference/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace bertc::tool {

class ReferenceModel {
public:
  /// `outputs` as of --outputs of compile. Fails without weights.
  static llvm::Expected<std::unique_ptr<ReferenceModel>>
  load(llvm::StringRef directory, llvm::StringRef outputs);

  const ModelDirectory &directory() const { return model; }
  mlir::func::FuncOp forward() const;

  llvm::Expected<std::vector<mlir::enc::reference::NamedTensor>>
  run(const mlir::enc::reference::ModelInputs &inputs,
      const mlir::enc::reference::InterpreterOptions &options = {});

private:
  std::string path;
  ModelDirectory model;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_REFERENCEMODEL_H
