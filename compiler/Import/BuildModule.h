//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a model directory to an unfused enc module. There is one body for all
// layers, and weights are symbols that name tensors, so the module's size
// depends neither on the model's depth nor on its width.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_BUILDMODULE_H
#define BERTC_COMPILER_IMPORT_BUILDMODULE_H

#include "compiler/Import/Heads.h"
#include "compiler/Import/ModelDirectory.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace bertc {

struct ImportOptions {
  /// The --outputs list; empty: the default outputs.
  std::string outputs;
  /// A head put on the encoder; absent: that of the model, if it has one.
  std::optional<HeadSpec> head;
};

/// `@forward` ends in the loss of a head: results `loss` and `logits`, labels
/// and random after the other arguments, dropout as the config says.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildTrainingModule(mlir::MLIRContext &context, const ModelDirectory &model,
                    const HeadSpec &head);

/// Builds `func.func @forward(ids, types, positions, offsets)` with one result
/// per output, named by its `enc.name` attribute, and the weights that it uses.
/// Loads the dialects it needs into `context`.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildModule(mlir::MLIRContext &context, const ModelDirectory &model,
            const ImportOptions &options = {});

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_BUILDMODULE_H
