//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parameters and moments as safetensors files, under their Hugging Face names.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_SAFETENSORS_H
#define BERTC_RUNTIME_TRAIN_SAFETENSORS_H

#include "runtime/train/Files.h"
#include "runtime/train/Trainer.h"

namespace bertc::rt {

/// What a file holds of each parameter.
enum class TensorFile {
  Values,  // all parameters
  Moments, // both moments of those that are trained
};

bertc_code writeTensors(const bertc_trainer &trainer, TensorFile kind,
                        OutputFile &file, bertc_status *status);

/// An error unless the bytes are a file that writeTensors would write, except
/// for its numbers. `path` is for messages.
bertc_code checkTensors(const bertc_trainer &trainer, TensorFile kind,
                        const InputFile &file, const char *path,
                        bertc_status *status);

/// Takes the numbers over, from bytes that were checked.
void readTensors(bertc_trainer &trainer, TensorFile kind,
                 const InputFile &file);

/// The packed floats of a part (bertc_parameter_part) of a parameter; null if
/// it is frozen and has no such part.
float *partOf(const bertc_trainer &trainer, const Parameter &parameter,
              uint32_t part);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_SAFETENSORS_H
