//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of the API that only tell about a model, or about a run.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_INFO_H
#define BERTC_RUNTIME_CORE_INFO_H

#include "runtime/core/Model.h"

namespace bertc::rt {

bertc_code modelInfo(const bertc_model *model, bertc_model_info *info,
                     bertc_status *status);
bertc_code outputInfo(const bertc_model *model, uint32_t index,
                      bertc_output_info *info, bertc_status *status);
bertc_code variantInfo(const bertc_model *model, uint32_t index,
                       bertc_variant_info *info, bertc_status *status);
bertc_code phaseInfo(const bertc_model *model, uint32_t index,
                     bertc_phase_info *info, bertc_status *status);
bertc_code sessionProfile(bertc_session *session,
                          const bertc_phase_record **records, size_t *count,
                          bertc_status *status);
/// Phase `index` of `count`.
bertc_code describePhase(const bertc_phase_desc *phases, uint64_t count,
                         uint32_t index, bertc_phase_info *info,
                         bertc_status *status);
/// Kernel `index` of a variant for devices, as a phase.
bertc_code describeKernel(const bertc_device_variant &variant, uint32_t index,
                          bertc_phase_info *info, bertc_status *status);
bertc_code workspaceSize(const bertc_model *model, uint32_t threads,
                         int64_t tokens, int64_t sequences, int64_t longest,
                         size_t *bytes, bertc_status *status);

} // namespace bertc::rt

#endif
