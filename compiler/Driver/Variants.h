//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the fused program to the code of one target after the other.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_VARIANTS_H
#define BERTC_COMPILER_DRIVER_VARIANTS_H

#include "compiler/Driver/Report.h"
#include "compiler/Driver/Stage.h"
#include "compiler/Emit/Library.h"
#include "compiler/Lowering/LoweredTraining.h"
#include "compiler/Target/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace bertc {

struct Precisions {
  Precision inference = Precision::F32, training = Precision::F32;
};

struct Variants {
  /// Stages before Library: the artefact, of all targets one after another.
  std::string artefact;
  /// Library: the code; weights and outputs, which all variants share.
  std::vector<VariantCode> code;
  std::vector<DeviceVariantCode> deviceCode;
  WeightLayout layout;
  std::optional<WeightLayout> deviceLayout; ///< Its part for devices, from 0.
  std::vector<OutputInfo> outputs;
  std::optional<TrainingInputs> training; ///< As the lowering knows it.
  /// With `training`: weights as a trainer keeps them, the first of `layout`.
  std::optional<WeightLayout> parameters;
  std::vector<std::string> passes;
};

/// The error of a stage, with what MLIR reported about it.
llvm::Error stageFailed(llvm::StringRef target, llvm::StringRef stage,
                        llvm::StringRef problems);
/// `text` of one of several targets, behind a comment in its language.
void appendArtefact(std::string &artefact, llvm::StringRef text,
                    llvm::StringRef comment, llvm::StringRef target);
std::string printModule(mlir::ModuleOp module);
std::vector<OutputInfo> outputInfos(llvm::ArrayRef<LoweredOutput> lowered);
llvm::Error sameLayout(const WeightLayout &a, const WeightLayout &b);

TrainingInputs trainingInputs(const LoweredTraining &lowered);
/// The error if another variant has other parameters or gradients.
llvm::Error sameTraining(const LoweredTraining &lowered,
                         const TrainingInputs &known);

/// Lowers `fused` up to `stage`. Fails with what `problems` collected from
/// MLIR's diagnostics.
llvm::Expected<Variants> lowerVariants(mlir::ModuleOp fused,
                                       llvm::ArrayRef<TargetInfo> targets,
                                       Precisions precision, Stage stage,
                                       PhaseTimes &times,
                                       std::string &problems);

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_VARIANTS_H
