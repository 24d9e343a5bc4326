//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of the training API, and the functions on parameters. Nothing else
// of the runtime refers to it, so libraries that do not export it have no
// training code.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Info.h"
#include "runtime/core/Structs.h"
#include "runtime/train/Checkpoint.h"
#include "runtime/train/DeviceTrainer.h"
#include "runtime/train/Real.h"
#include "runtime/train/SaveModel.h"
#include "runtime/train/Step.h"

namespace bertc::rt {

static bertc_code checkIndex(const bertc_trainer &trainer, uint32_t index,
                             bertc_status *status) {
  uint32_t count = trainer.parameters.count();
  if (index < count)
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT, "index is %u, expected 0 to %u",
              index, count - 1);
}

static bertc_code parameterInfo(const bertc_trainer *trainer, uint32_t index,
                                bertc_parameter_info *info,
                                bertc_status *status) {
  bertc_code code = checkTrainer(trainer, status);
  if (!code)
    code = checkIndex(*trainer, index, status);
  if (code)
    return code;
  const Parameter &parameter = trainer->parameters[index];
  const bertc_parameter_desc &desc = *parameter.desc;
  bertc_parameter_info known = {};
  known.name = parameter.name;
  known.rank = desc.rank;
  known.layer = parameter.layer;
  known.shape[0] = desc.rank == 2 ? desc.rows : desc.columns;
  known.shape[1] = desc.rank == 2 ? desc.columns : 1;
  known.size = parameter.size();
  known.trained = parameter.trained();
  known.decays = (desc.flags & BERTC_PARAMETER_DECAYS) != 0;
  known.is_new = (desc.flags & BERTC_PARAMETER_NEW) != 0;
  return fillStruct(known, info, "bertc_parameter_info", status);
}

/// Checks what reading and writing share, and finds the packed floats.
static bertc_code findPart(const bertc_trainer &trainer, uint32_t index,
                           uint32_t part, const void *data, size_t size,
                           float *&packed, bertc_status *status) {
  if (bertc_code code = checkIndex(trainer, index, status))
    return code;
  const Parameter &parameter = trainer.parameters[index];
  if (part > BERTC_PART_SECOND_MOMENT)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "part is %u, expected a bertc_parameter_part", part);
  if (!data)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "data is null, expected %llu floats",
                static_cast<unsigned long long>(parameter.size()));
  if (size != parameter.size())
    return fail(status, BERTC_INVALID_ARGUMENT,
                "size is %zu, expected the %llu elements of %s", size,
                static_cast<unsigned long long>(parameter.size()),
                parameter.name);
  packed = partOf(trainer, parameter, part);
  if (packed)
    return ok(status);
  return fail(status, BERTC_NOT_IN_MODEL,
              "%s is frozen, it has no gradient and no moments\n"
              "help: compile with another --freeze",
              parameter.name);
}

static bertc_code readParameter(bertc_trainer *trainer, uint32_t index,
                                uint32_t part, float *data, size_t size,
                                bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  float *packed = nullptr;
  if (bertc_code code =
          findPart(*trainer, index, part, data, size, packed, status))
    return code;
  if (bertc_code code = updateHost(*trainer, status))
    return code;
  const bertc_parameter_desc &desc = *trainer->parameters[index].desc;
  unpackRows(desc, packed, 0, desc.rows, data);
  if (part == BERTC_PART_GRADIENT && trainer->accumulated > 1) {
    float scale = float(1.0 / trainer->accumulated);
    for (size_t i = 0; i < size; ++i)
      data[i] *= scale;
  }
  return ok(status);
}

static bertc_code writeParameter(bertc_trainer *trainer, uint32_t index,
                                 uint32_t part, const float *data, size_t size,
                                 bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  float *packed = nullptr;
  if (bertc_code code =
          findPart(*trainer, index, part, data, size, packed, status))
    return code;
  if (part == BERTC_PART_GRADIENT)
    return fail(
        status, BERTC_INVALID_ARGUMENT,
        "part is BERTC_PART_GRADIENT, which cannot be written, expected "
        "the value or a moment");
  for (size_t i = 0; i < size; ++i)
    if (!isFinite(double(data[i])))
      return fail(status, BERTC_BAD_INPUT,
                  "data[%zu] is %g, expected a finite number", i,
                  double(data[i]));
  if (bertc_code code = updateHost(*trainer, status))
    return code;
  const bertc_parameter_desc &desc = *trainer->parameters[index].desc;
  packRows(desc, packed, 0, desc.rows, data);
  noteHostChange(*trainer);
  return ok(status);
}

static bertc_code trainPhaseInfo(const bertc_trainer *trainer, uint32_t index,
                                 bertc_phase_info *info, bertc_status *status) {
  if (bertc_code code = checkTrainer(trainer, status))
    return code;
  if (trainer->device)
    return describeKernel(*trainer->device->session->device->variant, index,
                          info, status);
  TrainPhases phases = trainPhases(*trainer);
  return describePhase(phases.list, phases.count, index, info, status);
}

static bertc_code profile(bertc_trainer *trainer,
                          const bertc_phase_record **records, size_t *count,
                          bertc_status *status) {
  TrainerLock lock(trainer, status);
  if (lock.code())
    return lock.code();
  if (!trainer->session->profiled)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "the trainer keeps no profile\nhelp: make it with the flag "
                "BERTC_SESSION_PROFILE");
  return sessionProfile(trainer->session, records, count, status);
}

static constexpr bertc_train_api table = {
    sizeof(bertc_train_api),
    BERTC_TRAIN_API_VERSION,
    /*reserved=*/0,
    createTrainer,
    destroyTrainer,
    trainerInfo,
    step,
    backward,
    update,
    zeroGradients,
    evaluate<bertc_packed_inputs>,
    evaluate<bertc_padded_inputs>,
    parameterInfo,
    readParameter,
    writeParameter,
    saveModel,
    saveCheckpoint,
    loadCheckpoint,
    findCheckpoint,
    trainInfo,
    fileInfo,
    trainPhaseInfo,
    profile,
};

} // namespace bertc::rt

extern "C" const bertc_train_api *bertc_get_train_api(uint32_t version) {
  return version == BERTC_TRAIN_API_VERSION ? &bertc::rt::table : nullptr;
}
