//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Answers from the description of the model.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Info.h"
#include "runtime/core/Session.h"
#include "runtime/core/Structs.h"
#include "runtime/cuda/DeviceSession.h"

#include <cstdio>

namespace bertc::rt {

bertc_code modelInfo(const bertc_model *model, bertc_model_info *info,
                     bertc_status *status) {
  if (bertc_code code = checkModel(model, status))
    return code;
  const bertc_model_desc &desc = *model->desc;
  bertc_model_info known = {};
  known.hidden_size = desc.hidden_size;
  known.num_hidden_layers = desc.num_hidden_layers;
  known.num_attention_heads = desc.num_attention_heads;
  known.intermediate_size = desc.intermediate_size;
  known.vocab_size = desc.vocab_size;
  known.max_position_embeddings = desc.max_position_embeddings;
  known.type_vocab_size = desc.type_vocab_size;
  known.pad_token_id = desc.pad_token_id;
  known.output_count = desc.output_count;
  known.variant_count =
      desc.variant_count + uint32_t(desc.device_variant_count);
  known.variant = model->variant;
  known.has_tokenizer = desc.tokenizer != nullptr;
  uint32_t embedding = findOutput(desc, "sentence_embedding");
  if (desc.tokenizer && embedding < desc.output_count)
    known.embedding_width = desc.outputs[embedding].width;
  known.phase_count = model->device
                          ? uint32_t(model->device->variant->kernel_count)
                          : uint32_t(desc.variants[model->variant].phase_count);
  known.weights_size = desc.weights_size;
  known.manifest = desc.manifest;
  known.manifest_size = desc.manifest_size;
  known.device = deviceLabel(*model);
  known.device_name = model->device ? model->device->facts.name : "";
  return fillStruct(known, info, "bertc_model_info", status);
}

static bertc_code checkIndex(uint32_t index, uint32_t count,
                             bertc_status *status) {
  if (index < count)
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT, "index is %u, expected 0 to %u",
              index, count - 1);
}

static uint32_t kindOf(const bertc_output_desc &output) {
  switch (output.kind) {
  case BERTC_PER_TOKEN:
    return BERTC_KIND_TOKEN;
  case BERTC_PER_PAIR:
    return BERTC_KIND_PAIR;
  default:
    return BERTC_KIND_SEQUENCE;
  }
}

bertc_code outputInfo(const bertc_model *model, uint32_t index,
                      bertc_output_info *info, bertc_status *status) {
  bertc_code code = checkModel(model, status);
  if (!code)
    code = checkIndex(index, model->desc->output_count, status);
  if (code)
    return code;
  const bertc_output_desc &desc = model->desc->outputs[index];
  bertc_output_info known = {};
  known.name = desc.name;
  known.kind = kindOf(desc);
  known.width = desc.width;
  return fillStruct(known, info, "bertc_output_info", status);
}

/// Of a variant for devices. None is asked unless the model is open on it.
static void describeDeviceVariant(const bertc_model &model,
                                  const bertc_device_variant &desc,
                                  bertc_variant_info &known) {
  known.name = desc.name;
  if (model.device) {
    known.supported = cuda::canRun(model.device->facts, desc, known.missing,
                                   sizeof(known.missing));
    return;
  }
  snprintf(known.missing, sizeof(known.missing),
           "the model is open on the processor");
}

bertc_code variantInfo(const bertc_model *model, uint32_t index,
                       bertc_variant_info *info, bertc_status *status) {
  bertc_code code = checkModel(model, status);
  if (code)
    return code;
  const bertc_model_desc &desc = *model->desc;
  code = checkIndex(
      index, desc.variant_count + uint32_t(desc.device_variant_count), status);
  if (code)
    return code;
  bertc_variant_info known = {};
  if (index < desc.variant_count) {
    const bertc_variant &variant = desc.variants[index];
    known.name = variant.name;
    known.supported = (variant.features & ~model->cpu.bits) == 0;
    describeMissing(model->cpu, variant.features, known.missing,
                    sizeof(known.missing));
  } else {
    describeDeviceVariant(
        *model, desc.device_variants[index - desc.variant_count], known);
  }
  return fillStruct(known, info, "bertc_variant_info", status);
}

/// Of a phase or a kernel.
template <typename Desc>
static bertc_code fillPhase(const Desc &desc, bertc_phase_info *info,
                            bertc_status *status) {
  bertc_phase_info known = {};
  known.name = desc.name;
  known.flops_per_token = desc.flops_per_token;
  known.flops_per_sequence = desc.flops_per_sequence;
  known.flops_per_pair = desc.flops_per_pair;
  known.weight_bytes = desc.weight_bytes;
  return fillStruct(known, info, "bertc_phase_info", status);
}

bertc_code describePhase(const bertc_phase_desc *phases, uint64_t count,
                         uint32_t index, bertc_phase_info *info,
                         bertc_status *status) {
  if (!count)
    return fail(status, BERTC_NOT_IN_MODEL, "this model names no phases");
  if (bertc_code code = checkIndex(index, uint32_t(count), status))
    return code;
  return fillPhase(phases[index], info, status);
}

bertc_code describeKernel(const bertc_device_variant &variant, uint32_t index,
                          bertc_phase_info *info, bertc_status *status) {
  bertc_code code = checkIndex(index, uint32_t(variant.kernel_count), status);
  if (code)
    return code;
  return fillPhase(variant.kernels[index], info, status);
}

bertc_code phaseInfo(const bertc_model *model, uint32_t index,
                     bertc_phase_info *info, bertc_status *status) {
  if (bertc_code code = checkModel(model, status))
    return code;
  if (model->device)
    return describeKernel(*model->device->variant, index, info, status);
  const bertc_variant &variant = model->desc->variants[model->variant];
  return describePhase(variant.phases, variant.phase_count, index, info,
                       status);
}

bertc_code sessionProfile(bertc_session *session,
                          const bertc_phase_record **records, size_t *count,
                          bertc_status *status) {
  SessionLock lock(session, status);
  if (lock.code())
    return lock.code();
  if (!records || !count)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s is null, expected where to store the result",
                records ? "count" : "records");
  *records = nullptr;
  *count = 0;
  if (!session->profiled)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "the session keeps no profile\nhelp: make it with the flag "
                "BERTC_SESSION_PROFILE");
  if (session->device)
    return cuda::deviceProfile(*session->device, records, count, status);
  *records = session->profile.records();
  *count = session->profile.count();
  return ok(status);
}

bertc_code workspaceSize(const bertc_model *model, uint32_t threads,
                         int64_t tokens, int64_t sequences, int64_t longest,
                         size_t *bytes, bertc_status *status) {
  if (!bytes)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bytes is null, expected where to store the size");
  *bytes = 0;
  bertc_code code = checkModel(model, status);
  if (!code)
    code = resolveThreads(threads, threads, status);
  if (code)
    return code;
  if (tokens < 1 || tokens > INT32_MAX || sequences < 1 || sequences > tokens ||
      longest < 1 || longest > tokens)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "tokens, sequences and longest are %lld, %lld and %lld, "
                "expected tokens from 1 to 2^31 - 1 and the others from 1 to "
                "tokens",
                static_cast<long long>(tokens),
                static_cast<long long>(sequences),
                static_cast<long long>(longest));
  const bertc_workspace &formula =
      model->device ? model->device->variant->workspace
                    : model->desc->variants[model->variant].workspace;
  Shape shape = {tokens, sequences, longest, tokens, longest};
  WorkspaceLayout layout;
  if (!layoutWorkspace(formula, model->device ? 1 : threads, shape, layout))
    return fail(status, BERTC_OUT_OF_MEMORY,
                "a run of %lld tokens needs more than 2^64 bytes",
                static_cast<long long>(tokens));
  *bytes = layout.total;
  return ok(status);
}

} // namespace bertc::rt
