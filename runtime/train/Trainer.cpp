//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The life of a trainer. All memory but that of activations is taken when it is
// made.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Trainer.h"
#include "runtime/core/FloatMode.h"
#include "runtime/core/HugePages.h"
#include "runtime/core/Structs.h"
#include "runtime/train/DeviceTrainer.h"
#include "runtime/train/Options.h"
#include "runtime/train/Schedule.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <unistd.h>

namespace bertc::rt {

static constexpr uint32_t trainerMagic = 0x6e617274; // "tran"
static constexpr uint32_t chunkSize = 1 << 14;       // floats

/// Zeroed memory for `size` bytes; null if there is none.
static float *allocate(uint64_t size) {
  void *block = nullptr;
  if (posix_memalign(&block, size < hugePage ? BERTC_ALIGNMENT : hugePage,
                     size ? size : BERTC_ALIGNMENT))
    return nullptr;
  adviseHugePages(block, size);
  memset(block, 0, size);
  return static_cast<float *>(block);
}

static bertc_code listChunks(bertc_trainer &trainer, bertc_status *status) {
  TextAllocator allocator = heapAllocator();
  for (uint32_t i = 0; i < trainer.parameters.count(); ++i) {
    const Parameter &p = trainer.parameters[i];
    if (!p.trained())
      continue;
    for (uint64_t at = 0; at < p.desc->packed_size; at += chunkSize) {
      uint64_t left = p.desc->packed_size - at;
      bertc_parameter_chunk chunk = {
          p.weight + at, p.gradient + at,
          left < chunkSize ? uint32_t(left) : chunkSize,
          (p.desc->flags & BERTC_PARAMETER_DECAYS) != 0};
      if (!trainer.chunks.push(allocator, chunk))
        return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a trainer");
    }
  }
  size_t count = trainer.chunks.size;
  if (!trainer.sums.reserve(allocator, count ? count : 1))
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a trainer");
  return ok(status);
}

static bertc_code takeMemory(bertc_trainer &trainer, const bertc_model &model,
                             bertc_status *status) {
  uint64_t gradients = trainer.desc->gradients_size;
  trainer.weightsSize = trainer.desc->parameters_size;
  TrainMemory &memory = trainer.memory;
  memory = {allocate(trainer.weightsSize), allocate(gradients),
            allocate(gradients), allocate(gradients)};
  if (!memory.weights || !memory.gradients || !memory.firstMoments ||
      !memory.secondMoments)
    return fail(status, BERTC_OUT_OF_MEMORY,
                "no memory for a trainer: parameters need %llu bytes, "
                "gradients and moments three times %llu",
                static_cast<unsigned long long>(trainer.weightsSize),
                static_cast<unsigned long long>(gradients));
  copyWeights(model.weights, trainer.weightsSize, memory.weights);
  FloatMode mode;
  for (uint32_t i = 0; i < trainer.parameters.count(); ++i) {
    const Parameter &p = trainer.parameters[i];
    if (p.desc->flags & BERTC_PARAMETER_NEW)
      drawParameter(p, trainer.options.seed,
                    double(trainer.desc->initializer_range),
                    memory.weights + p.weight);
  }
  return ok(status);
}

bertc_code checkTrainable(const bertc_model *model, bertc_status *status) {
  if (bertc_code code = checkModel(model, status))
    return code;
  const bertc_train_desc *train = model->desc->train;
  if (!train)
    return fail(status, BERTC_NOT_IN_MODEL,
                "this model cannot be trained\n"
                "help: compile it with --train");
  if (train->struct_size != sizeof(bertc_train_desc))
    return fail(status, BERTC_CORRUPT,
                "the model's description of its training has %u bytes, "
                "expected %zu\nhelp: compile and link with the same bertc",
                train->struct_size, sizeof(bertc_train_desc));
  if (!train->output_count || train->output_count > BERTC_MAX_OUTPUTS ||
      !train->outputs || (!train->variants && model->desc->variant_count) ||
      (!train->device_variants && model->desc->device_variant_count) ||
      train->parameters_size > model->desc->weights_size ||
      train->label_kind > BERTC_LABEL_SPAN || !train->label_width)
    return fail(status, BERTC_CORRUPT,
                "the model's description of its training is damaged\n"
                "help: compile the model again");
  if (train->frozen_output && !frozenOutput(*model->desc))
    return fail(status, BERTC_CORRUPT,
                "the model's description of its training is damaged: there is "
                "no output %.200s\nhelp: compile the model again",
                train->frozen_output);
  return ok(status);
}

const bertc_output_desc *frozenOutput(const bertc_model_desc &desc) {
  const char *name = desc.train->frozen_output;
  for (uint32_t i = 0; name && i < desc.output_count; ++i)
    if (!strcmp(desc.outputs[i].name, name))
      return &desc.outputs[i];
  return nullptr;
}

static void freeTrainer(bertc_trainer *trainer) {
  TextAllocator allocator = heapAllocator();
  destroyDeviceTrainer(trainer->device);
  free(trainer->memory.weights);
  free(trainer->memory.gradients);
  free(trainer->memory.firstMoments);
  free(trainer->memory.secondMoments);
  trainer->parameters.close();
  trainer->chunks.release(allocator);
  trainer->sums.release(allocator);
  trainer->labels.release(allocator);
  trainer->frozen.release(allocator);
  destroySession(trainer->session);
  trainer->magic = 0;
  free(trainer);
}

bertc_code createTrainer(bertc_model *model,
                         const bertc_trainer_options *options,
                         bertc_trainer **trainer, bertc_status *status) {
  if (!trainer)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "trainer is null, expected where to store the handle");
  *trainer = nullptr;
  bertc_trainer_options given;
  bertc_code code = checkTrainable(model, status);
  if (!code)
    code = readStruct(options, given, "bertc_trainer_options", status);
  if (!code)
    code = resolveOptions(given, status);
  if (code)
    return code;
  void *memory = malloc(sizeof(bertc_trainer));
  if (!memory)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a trainer handle");
  bertc_trainer *made = new (memory) bertc_trainer{};
  made->desc = model->desc->train;
  made->options = given;
  bertc_session_options session = BERTC_INIT(bertc_session_options);
  session.threads = given.threads;
  session.flags = given.flags;
  code = createSession(model, &session, &made->session, status);
  if (!code)
    code =
        made->parameters.open(*made->desc, made->desc->parameters_size, status);
  if (!code)
    code = listChunks(*made, status);
  if (!code)
    code = takeMemory(*made, *model, status);
  if (!code && model->device)
    code = createDeviceTrainer(*made->session, *made->desc, made->chunks.data,
                               made->chunks.size, made->device, status);
  if (code) {
    freeTrainer(made);
    return code;
  }
  made->magic = trainerMagic;
  *trainer = made;
  return ok(status);
}

void destroyTrainer(bertc_trainer *trainer) {
  if (trainer && trainer->magic == trainerMagic)
    freeTrainer(trainer);
}

static uint32_t logitsKind(const bertc_train_desc &desc) {
  return desc.outputs[0].kind == BERTC_PER_TOKEN ? BERTC_KIND_TOKEN
                                                 : BERTC_KIND_SEQUENCE;
}

bertc_code trainInfo(const bertc_model *model, bertc_train_info *info,
                     bertc_status *status) {
  if (bertc_code code = checkTrainable(model, status))
    return code;
  const bertc_train_desc &desc = *model->desc->train;
  bertc_train_info known = {};
  known.label_kind = desc.label_kind;
  known.num_labels = desc.label_width;
  known.logits_kind = logitsKind(desc);
  known.file_count = uint32_t(desc.file_count);
  known.frozen_output = desc.frozen_output;
  return fillStruct(known, info, "bertc_train_info", status);
}

bertc_code fileInfo(const bertc_model *model, uint32_t index,
                    bertc_file_info *info, bertc_status *status) {
  if (bertc_code code = checkTrainable(model, status))
    return code;
  const bertc_train_desc &desc = *model->desc->train;
  if (index >= desc.file_count)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "index is %u, expected less than the %llu files of the model",
                index, static_cast<unsigned long long>(desc.file_count));
  const bertc_file_desc &file = desc.files[index];
  bertc_file_info known = {};
  known.name = file.name;
  known.data = file.data;
  known.size = file.size;
  return fillStruct(known, info, "bertc_file_info", status);
}

bertc_code trainerInfo(const bertc_trainer *trainer, bertc_trainer_info *info,
                       bertc_status *status) {
  if (bertc_code code = checkTrainer(trainer, status))
    return code;
  const bertc_train_desc &desc = *trainer->desc;
  bertc_trainer_info known = {};
  known.label_kind = desc.label_kind;
  known.num_labels = desc.label_width;
  known.logits_kind = logitsKind(desc);
  known.threads = trainer->session->pool.threads();
  known.parameter_count = trainer->parameters.count();
  known.accumulated = trainer->accumulated;
  known.global_step = trainer->globalStep;
  known.batches = trainer->batches;
  known.learning_rate = learningRate(trainer->options, trainer->globalStep);
  for (uint32_t i = 0; i < trainer->parameters.count(); ++i) {
    const Parameter &p = trainer->parameters[i];
    known.parameters += p.size();
    known.trained_parameters += p.trained() ? p.size() : 0;
  }
  known.parameter_bytes = trainer->weightsSize;
  known.gradient_bytes = desc.gradients_size;
  known.optimizer_bytes = 2 * desc.gradients_size;
  known.activation_bytes = trainer->device
                               ? trainer->device->session->memorySize
                               : trainer->session->workspace.size();
  known.phase_count =
      trainer->device
          ? uint32_t(trainer->device->session->device->variant->kernel_count)
          : uint32_t(trainPhases(*trainer).count);
  return fillStruct(known, info, "bertc_trainer_info", status);
}

bertc_code checkTrainer(const bertc_trainer *trainer, bertc_status *status) {
  if (!trainer || trainer->magic != trainerMagic)
    return fail(status, BERTC_INVALID_ARGUMENT,
                trainer ? "trainer is not a trainer, expected a handle from "
                          "trainer_create"
                        : "trainer is null, expected a handle from "
                          "trainer_create");
  pid_t process = trainer->session->process;
  if (process != getpid())
    return fail(status, BERTC_INVALID_ARGUMENT,
                "the trainer was made in process %d, before a fork, expected "
                "process %d\nhelp: make trainers after forking",
                static_cast<int>(process), static_cast<int>(getpid()));
  return ok(status);
}

TrainerLock::TrainerLock(bertc_trainer *wanted, bertc_status *status)
    : trainer(nullptr), result(checkTrainer(wanted, status)) {
  if (result)
    return;
  if (__atomic_exchange_n(&wanted->busy, 1, __ATOMIC_ACQUIRE)) {
    result = fail(status, BERTC_BUSY,
                  "the trainer is in use by another thread\n"
                  "help: wait for that call to return");
    return;
  }
  trainer = wanted;
}

TrainerLock::~TrainerLock() {
  if (trainer)
    __atomic_store_n(&trainer->busy, 0, __ATOMIC_RELEASE);
}

TrainPhases trainPhases(const bertc_trainer &trainer) {
  const bertc_train_variant &variant =
      trainer.desc->variants[trainer.session->model->variant];
  return {variant.phases, variant.phase_count};
}

bertc_code updateHost(bertc_trainer &trainer, bertc_status *status) {
  return trainer.device ? copyToHost(*trainer.device, trainer.memory, status)
                        : ok(status);
}

void noteHostChange(bertc_trainer &trainer) {
  if (!trainer.device)
    return;
  trainer.device->hostChanged = true;
  trainer.device->deviceChanged = false;
}

bertc_code dropGradients(bertc_trainer &trainer, bertc_status *status) {
  trainer.session->pool.run(
      [](void *argument, int64_t tid) {
        bertc_trainer &t = *static_cast<bertc_trainer *>(argument);
        uint64_t lines = t.desc->gradients_size / BERTC_ALIGNMENT;
        uint64_t threads = t.session->pool.threads();
        uint64_t begin = lines * uint64_t(tid) / threads;
        uint64_t end = lines * (uint64_t(tid) + 1) / threads;
        uint64_t last = uint64_t(tid) + 1 == threads ? t.desc->gradients_size
                                                     : end * BERTC_ALIGNMENT;
        memset(reinterpret_cast<uint8_t *>(t.memory.gradients) +
                   begin * BERTC_ALIGNMENT,
               0, last - begin * BERTC_ALIGNMENT);
      },
      &trainer);
  trainer.accumulated = 0;
  return trainer.device ? clearGradientsOnDevice(*trainer.device, status)
                        : ok(status);
}

} // namespace bertc::rt
