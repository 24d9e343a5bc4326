//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one door that tools use: a model directory in, a stage's artefact out.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_COMPILE_H
#define BERTC_COMPILER_DRIVER_COMPILE_H

#include "compiler/Driver/Remarks.h"
#include "compiler/Driver/Stage.h"
#include "compiler/Driver/Variants.h"
#include "compiler/Emit/Library.h"
#include "compiler/Import/Diagnostics.h"
#include "compiler/Import/ModelDirectory.h"
#include <optional>

namespace bertc {

struct CompileOptions {
  std::string model;   ///< A directory, or a config.json without weights.
  std::string output;  ///< Empty or "-": standard output, for text.
  std::string outputs; ///< As of --outputs; empty: the default ones.
  std::string targets; ///< As of --target; empty: as the precision needs.
  std::string emulate; ///< As of --emulate; empty: nothing.
  std::string ptxas;   ///< As of --ptxas; empty: the driver compiles PTX.
  Precision precision = Precision::F32;
  Calibration calibration; ///< For int8; may be empty.
  Stage emit = Stage::Library;
  std::vector<std::string> requireFusion;
  bool externalWeights = false;
  // Of training.
  bool train = false;              ///< The library trains, too.
  std::optional<std::string> head; ///< As of --head; empty: the model's own.
  std::vector<std::string> freeze; ///< As of enc-generate-backward.
  int64_t activationMemory = 0;    ///< Bytes a token; 0: no limit.

  /// Whether the program ends in a loss.
  bool isTraining() const { return train || head || emit == Stage::Backward; }
  /// Weights that learn are float32: a library that trains infers in it, too,
  /// and `precision` is what training multiplies.
  Precisions precisions() const {
    return train ? Precisions{Precision::F32, precision}
                 : Precisions{precision, Precision::F32};
  }
  /// Whether it is differentiated.
  bool hasBackward() const {
    return emit == Stage::Backward || (train && emit > Stage::Backward);
  }
};

struct CompileResult {
  struct Phase {
    std::string name;
    double seconds;
  };
  struct Variant {
    std::string name;
    bool emulated = false;
    uint64_t objectBytes = 0;
    size_t functions = 0;
  };
  std::string text;   ///< The artefact, if it was to go to standard output.
  LibraryFiles files; ///< Of the last stage.
  std::vector<Variant> variants;
  std::vector<Phase> phases;
  std::vector<FusionRemark> remarks;
  std::vector<Diagnostic> notes; ///< Warnings about the model.
  double seconds = 0;
  uint64_t peakBytes = 0; ///< Resident.

  /// As JSON, for --report.
  std::string report(const CompileOptions &options) const;
};

/// The tokenizer of a model as runtime/abi/text.h has it, or nothing if the
/// directory has none.
llvm::Expected<std::string> compileTokenizer(const ModelDirectory &model,
                                             std::vector<Diagnostic> &notes);

/// `remarks`, if not null, is filled also when compilation fails.
llvm::Expected<CompileResult>
compile(const CompileOptions &options,
        std::vector<FusionRemark> *remarks = nullptr);

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_COMPILE_H
