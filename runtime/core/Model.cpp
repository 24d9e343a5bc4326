//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opening: check that compiler and runtime agree, choose where to run and the
// variant, find the weights. Variants are listed by rising preference, so the
// last that the processor can run wins.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Model.h"
#include "runtime/core/Structs.h"
#include "runtime/cuda/DeviceModel.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bertc::rt {

static constexpr uint32_t modelMagic = 0x6c646f6d; // "modl"

static bertc_code checkDescription(const bertc_model_desc &desc,
                                   bertc_status *status) {
  if (desc.abi_version != BERTC_ABI_VERSION ||
      desc.struct_size != sizeof(bertc_model_desc))
    return fail(status, BERTC_CORRUPT,
                "the model has ABI version %u and a description of %u bytes, "
                "expected version %u and %zu bytes\n"
                "help: compile and link with the same bertc",
                desc.abi_version, desc.struct_size, BERTC_ABI_VERSION,
                sizeof(bertc_model_desc));
  if ((desc.variant_count && !desc.variants) ||
      (desc.device_variant_count && !desc.device_variants) ||
      desc.variant_count + desc.device_variant_count == 0)
    return fail(status, BERTC_CORRUPT, "the model has no variants");
  if (desc.output_count == 0 || desc.output_count > BERTC_MAX_OUTPUTS ||
      !desc.outputs)
    return fail(status, BERTC_CORRUPT,
                "the model has %u outputs, expected 1 to %u", desc.output_count,
                BERTC_MAX_OUTPUTS);
  return ok(status);
}

static bool canRun(const CpuFeatures &cpu, const bertc_variant &variant) {
  return (variant.features & ~cpu.bits) == 0;
}

/// Appends "`separator``text`" as far as it fits.
static void append(char *list, size_t size, const char *separator,
                   const char *text) {
  size_t length = strlen(list);
  snprintf(list + length, size - length, "%s%s", length ? separator : "", text);
}

static bertc_code failNoVariant(const bertc_model_desc &desc,
                                const CpuFeatures &cpu, bertc_status *status) {
  char list[400] = "";
  for (uint32_t i = 0; i < desc.variant_count; ++i) {
    char missing[240], entry[300];
    describeMissing(cpu, desc.variants[i].features, missing, sizeof(missing));
    snprintf(entry, sizeof(entry), "%s lacks %s", desc.variants[i].name,
             missing);
    append(list, sizeof(list), "; ", entry);
  }
  return fail(status, BERTC_UNSUPPORTED_CPU,
              "this processor can run no variant of the model: %s", list);
}

static bertc_code chooseVariant(const bertc_model_desc &desc,
                                const CpuFeatures &cpu, const char *wanted,
                                uint32_t &chosen, bertc_status *status) {
  const char *source = "bertc_model_options.variant";
  if (!wanted) {
    wanted = getenv("BERTC_CPU");
    source = "BERTC_CPU";
    if (wanted && !*wanted)
      wanted = nullptr;
  }
  if (!wanted) {
    for (uint32_t i = desc.variant_count; i-- > 0;) {
      if (!canRun(cpu, desc.variants[i]))
        continue;
      chosen = i;
      return ok(status);
    }
    return failNoVariant(desc, cpu, status);
  }

  char names[200] = "";
  for (uint32_t i = 0; i < desc.variant_count; ++i) {
    append(names, sizeof(names), ", ", desc.variants[i].name);
    if (strcmp(wanted, desc.variants[i].name))
      continue;
    if (!canRun(cpu, desc.variants[i])) {
      char missing[240];
      describeMissing(cpu, desc.variants[i].features, missing, sizeof(missing));
      return fail(status, BERTC_UNSUPPORTED_CPU,
                  "%s is %s, but this processor lacks %s", source, wanted,
                  missing);
    }
    chosen = i;
    return ok(status);
  }
  return fail(status, BERTC_INVALID_ARGUMENT,
              "%s is '%.100s', expected a variant of this model: %s", source,
              wanted, names);
}

/// Where the model is to run: the number of a device, or -1 for the processor.
static bertc_code chooseDevice(const bertc_model_desc &desc, const char *wanted,
                               int &ordinal, bertc_status *status) {
  const char *source = "bertc_model_options.device";
  if (!wanted) {
    wanted = getenv("BERTC_DEVICE");
    source = "BERTC_DEVICE";
    if (wanted && !*wanted)
      wanted = nullptr;
  }
  ordinal = desc.variant_count ? -1 : 0;
  if (wanted && !cuda::parseDevice(wanted, ordinal))
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s is '%.100s', expected cpu, or cuda:0 and the like", source,
                wanted);
  if (ordinal < 0 ? desc.variant_count != 0 : desc.device_variant_count != 0)
    return ok(status);
  char names[200] = "";
  for (uint64_t i = 0; i < desc.variant_count; ++i)
    append(names, sizeof(names), ", ", desc.variants[i].name);
  for (uint64_t i = 0; i < desc.device_variant_count; ++i)
    append(names, sizeof(names), ", ", desc.device_variants[i].name);
  return ordinal < 0
             ? fail(status, BERTC_UNSUPPORTED_CPU,
                    "%s is %s, but the model was compiled for CUDA devices "
                    "only: %s\nhelp: compile it with --target=x86-64-v3, too",
                    source, wanted, names)
             : fail(status, BERTC_NO_DEVICE,
                    "%s is %s, but the model was compiled for processors only: "
                    "%s\nhelp: compile it with --target=cuda:sm_80, too",
                    source, wanted, names);
}

/// Whether the tokenizer's tables are sound, if the model has them.
static bertc_code checkTokenizer(const bertc_model_desc &desc,
                                 Tokenizer &tokenizer, bertc_status *status) {
  const char *reason = "";
  if (!desc.tokenizer || loadTokenizer(desc.tokenizer, desc.tokenizer_size,
                                       &tokenizer, &reason) == TextStatus::Ok)
    return ok(status);
  return fail(status, BERTC_CORRUPT,
              "the tokenizer of the model is damaged: %s\n"
              "help: compile the model again",
              reason);
}

/// The variant for the processor, which may change `model.cpu`.
static bertc_code chooseProcessor(const bertc_model_desc &desc,
                                  const char *wanted, bool (*askAmx)(),
                                  bertc_model &model, bertc_status *status) {
  bertc_code code =
      chooseVariant(desc, model.cpu, wanted, model.variant, status);
  if (code || !(desc.variants[model.variant].features & BERTC_CPU_AMX_TILE) ||
      askAmx())
    return code;
  withoutAmx(model.cpu);
  return chooseVariant(desc, model.cpu, wanted, model.variant, status);
}

bertc_code openModel(const bertc_model_desc &desc, const CpuFeatures &cpu,
                     const bertc_model_options *options, bertc_model **model,
                     bertc_status *status, bool (*askAmx)()) {
  if (!model)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "model is null, expected where to store the handle");
  *model = nullptr;
  bertc_model_options given;
  bertc_code code = readStruct(options, given, "bertc_model_options", status);
  if (!code)
    code = checkDescription(desc, status);
  if (code)
    return code;
  if (given.flags & ~static_cast<uint32_t>(BERTC_OPEN_SKIP_HASH))
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_model_options.flags is 0x%x, expected BERTC_OPEN_* bits",
                given.flags);

  bertc_model opened = {};
  opened.magic = modelMagic;
  opened.users = 1;
  opened.desc = &desc;
  opened.cpu = cpu;
  opened.log = logLevelFromEnvironment();
  int ordinal;
  code = chooseDevice(desc, given.device, ordinal, status);
  if (!code && ordinal < 0)
    code = chooseProcessor(desc, given.variant, askAmx, opened, status);
  if (!code)
    code = checkTokenizer(desc, opened.tokenizer, status);
  if (!code)
    code =
        openWeights(desc, given.weights_path,
                    given.flags & BERTC_OPEN_SKIP_HASH, opened.weights, status);
  if (code)
    return code;
  if (ordinal >= 0)
    code = cuda::openDevice(desc, opened.weights.data, ordinal, given.variant,
                            opened.log, opened.device, status);
  if (code) {
    closeWeights(opened.weights);
    return code;
  }
  if (opened.device)
    opened.variant = desc.variant_count + opened.device->variantIndex;
  *model = static_cast<bertc_model *>(malloc(sizeof(bertc_model)));
  if (!*model) {
    cuda::closeDevice(opened.device);
    closeWeights(opened.weights);
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a model handle");
  }
  **model = opened;
  if (opened.log >= LogLevel::Info)
    log("opened a model of %u layers, hidden size %u, variant %s on %s, %llu "
        "bytes of weights%s",
        desc.num_hidden_layers, desc.hidden_size, variantName(opened),
        deviceLabel(opened), static_cast<unsigned long long>(desc.weights_size),
        opened.weights.mapped ? " mapped from a file" : "");
  return ok(status);
}

const char *variantName(const bertc_model &model) {
  return model.device ? model.device->variant->name
                      : model.desc->variants[model.variant].name;
}

const char *deviceLabel(const bertc_model &model) {
  return model.device ? model.device->facts.label : "cpu";
}

void retainModel(bertc_model *model) {
  __atomic_fetch_add(&model->users, 1, __ATOMIC_RELAXED);
}

void releaseModel(bertc_model *model) {
  if (__atomic_fetch_sub(&model->users, 1, __ATOMIC_ACQ_REL) != 1)
    return;
  cuda::closeDevice(model->device);
  closeWeights(model->weights);
  model->magic = 0;
  free(model);
}

bertc_code checkModel(const bertc_model *model, bertc_status *status) {
  if (model && model->magic == modelMagic)
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT,
              model ? "model is not an open model, expected a handle from "
                      "model_open"
                    : "model is null, expected a handle from model_open");
}

uint32_t findOutput(const bertc_output_desc *outputs, uint32_t count,
                    const char *name) {
  uint32_t i = 0;
  while (i < count && strcmp(outputs[i].name, name))
    ++i;
  return i;
}

uint32_t findOutput(const bertc_model_desc &desc, const char *name) {
  return findOutput(desc.outputs, desc.output_count, name);
}

} // namespace bertc::rt
