//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a library that trains says about its memory: parameters, gradients and
// moments, by what is frozen. A part is what Hugging Face names begin with, or
// neighbouring layers in which as much is trained.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_TRAININGMANIFEST_H
#define BERTC_COMPILER_EMIT_TRAININGMANIFEST_H

#include "compiler/Emit/Library.h"

namespace llvm::json {
class OStream;
} // namespace llvm::json

namespace bertc {

/// Memory of some parameters of a trainer.
struct TrainingPart {
  std::string name; ///< "embeddings", "layers[0-5]", "pooler", "classifier".
  uint64_t tensors = 0;
  uint64_t parameters = 0;        ///< Elements.
  uint64_t bytes = 0;             ///< As packed, with padding.
  uint64_t trainedParameters = 0; ///< Elements.
  uint64_t gradientBytes = 0;
  /// Both moments of AdamW have the layout of the gradients.
  uint64_t optimizerBytes() const { return 2 * gradientBytes; }
};

std::vector<TrainingPart> trainingParts(const TrainingInputs &training);

/// The attributes of the manifest's "training". `weightsBytes` is the size of
/// the weights, all of which a trainer copies.
void writeTraining(llvm::json::OStream &json, const TrainingInputs &training,
                   uint64_t weightsBytes);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_TRAININGMANIFEST_H
