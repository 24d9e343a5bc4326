//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a library that trains has besides its code: what its labels are, which
// weights are new, and the files that the trained model needs to be one.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_TRAINING_H
#define BERTC_COMPILER_DRIVER_TRAINING_H

#include "compiler/Emit/Library.h"
#include "compiler/Import/Heads.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace bertc {

/// Puts @forward of `inference`, with its weights, in the place of that of
/// `training`, which has served its purpose once @train is made of it.
void replaceForward(mlir::ModuleOp training,
                    mlir::OwningOpRef<mlir::ModuleOp> inference);

/// The --outputs list of the inference function beside @train of `training`:
/// `requested`, "logits", and the last output that lies before all that is
/// trained, which is noted at @train (see Lowering/FrozenPrefix.h).
llvm::Expected<std::string> outputsOfTraining(mlir::ModuleOp training,
                                              const ModelDirectory &model,
                                              const HeadSpec &head,
                                              llvm::StringRef requested);

/// Whether the checkpoint lacks the weight `symbol` of a head or its pooler, so
/// that training has to begin with it drawn.
bool isNewWeight(const ModelDirectory &model, const HeadSpec &head,
                 llvm::StringRef symbol);

/// Completes `training`, which has the layout and outputs of the lowering.
llvm::Error describeTraining(const ModelDirectory &model, const HeadSpec &head,
                             TrainingInputs &training);

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_TRAINING_H
