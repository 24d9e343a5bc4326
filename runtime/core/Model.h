//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An open model: the description that the compiler made, the variant chosen
// for this processor or a device, and the weights. It never changes after it
// was opened, apart from the count of its users, so threads share it without
// locks.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_MODEL_H
#define BERTC_RUNTIME_CORE_MODEL_H

#include "runtime/abi/abi.h"
#include "runtime/core/Log.h"
#include "runtime/core/Status.h"
#include "runtime/core/Weights.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/text/Tokenizer.h"

namespace bertc::rt::cuda {
struct DeviceModel;
} // namespace bertc::rt::cuda

struct bertc_model {
  uint32_t magic; // tells a model from other memory
  uint32_t users; // the opener, and each session
  const bertc_model_desc *desc;
  bertc::rt::Weights weights;
  bertc::rt::CpuFeatures cpu;
  bertc::rt::Tokenizer tokenizer;       // if desc->tokenizer
  bertc::rt::cuda::DeviceModel *device; // null on the processor
  uint32_t variant;                     // index as of variant_info
  bertc::rt::LogLevel log;
};

namespace bertc::rt {

/// Opens the model that `desc` describes, on a processor with `cpu`. `askAmx`
/// is called if the variant that would run uses AMX; if it says no, the next
/// lower one runs.
bertc_code openModel(const bertc_model_desc &desc, const CpuFeatures &cpu,
                     const bertc_model_options *options, bertc_model **model,
                     bertc_status *status, bool (*askAmx)() = askForAmx);

/// Of the variant in use.
const char *variantName(const bertc_model &model);
/// "cpu", "cuda:0".
const char *deviceLabel(const bertc_model &model);

void retainModel(bertc_model *model);

/// Frees the model with its last user.
void releaseModel(bertc_model *model);

/// An error unless `model` is an open model.
bertc_code checkModel(const bertc_model *model, bertc_status *status);

/// The index of the output named `name`, or `count`.
uint32_t findOutput(const bertc_output_desc *outputs, uint32_t count,
                    const char *name);
uint32_t findOutput(const bertc_model_desc &desc, const char *name);

} // namespace bertc::rt

#endif
