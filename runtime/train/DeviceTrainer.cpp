//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies to and from a trainer, and the calls that launch its kernels. Each
// call waits for the device: the loss and the norm of the gradients decide what
// is done next. So nothing runs when memory is copied. What differs between two
// steps with batches of the same sizes is copied from pinned memory, the number
// of the step with it, so that a graph of one is that of the other.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/DeviceTrainer.h"
#include "runtime/core/Workspace.h"
#include "runtime/cuda/Enqueue.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace bertc::rt {

using namespace cuda;

static bertc_code failOn(const DeviceTrainer &trainer, Result result,
                         const char *what, bertc_status *status) {
  const DeviceModel &device = *trainer.session->device;
  return failCuda(status, *device.driver, result, "cannot %s on %s (%.60s)",
                  what, device.facts.label, device.facts.name);
}

static Result wait(const DeviceTrainer &trainer) {
  return trainer.session->device->driver->cuStreamSynchronize(
      trainer.session->stream);
}

//===----------------------------------------------------------------------===//
// Life
//===----------------------------------------------------------------------===//

static bertc_code takeMemory(DeviceTrainer &trainer,
                             const bertc_parameter_chunk *chunks,
                             bertc_status *status) {
  const DeviceModel &device = *trainer.session->device;
  const Driver &driver = *device.driver;
  uint64_t gradients = trainer.desc->gradients_size;
  uint64_t chunkBytes = trainer.chunkCount * sizeof(bertc_parameter_chunk);
  const struct {
    DeviceAddress &address;
    uint64_t bytes;
    const char *what;
  } memories[] = {
      {trainer.weights, device.variant->weights_size, "weights"},
      {trainer.parameters, trainer.desc->parameters_size, "parameters"},
      {trainer.gradients, gradients, "gradients"},
      {trainer.firstMoments, gradients, "moments"},
      {trainer.secondMoments, gradients, "moments"},
      {trainer.chunks, chunkBytes, "the optimizer"},
      {trainer.sums, trainer.chunkCount * sizeof(double), "the optimizer"},
      {trainer.loss, sizeof(float), "the loss"}};
  for (const auto &memory : memories) {
    uint64_t bytes = memory.bytes ? memory.bytes : BERTC_ALIGNMENT;
    Result result = driver.cuMemAlloc_v2(&memory.address, bytes);
    if (result)
      memory.address = 0;
    if (result == outOfMemory)
      return failMemory(device, bytes, memory.what, status);
    // Padding of weights is never written.
    if (!result)
      result = driver.cuMemsetD8Async(memory.address, 0, bytes,
                                      trainer.session->stream);
    if (result)
      return failOn(trainer, result, "take memory", status);
  }
  Result result = wait(trainer);
  if (!result && chunkBytes)
    result = copyNow(driver, trainer.chunks, chunks, chunkBytes);
  return result ? failOn(trainer, result, "make a trainer", status)
                : ok(status);
}

bertc_code createDeviceTrainer(bertc_session &session,
                               const bertc_train_desc &desc,
                               const bertc_parameter_chunk *chunks,
                               uint64_t chunkCount, DeviceTrainer *&trainer,
                               bertc_status *status) {
  trainer = nullptr;
  DeviceModel &device = *session.device->device;
  void *memory = malloc(sizeof(DeviceTrainer));
  if (!memory)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a trainer handle");
  auto *made = new (memory) DeviceTrainer{};
  made->desc = &desc;
  made->variant = &desc.device_variants[device.variantIndex];
  made->chunkCount = chunkCount;
  made->hostChanged = true;
  bertc_session_options options = BERTC_INIT(bertc_session_options);
  if (!session.device->graphsWanted)
    options.flags = BERTC_SESSION_NO_GRAPHS;
  bertc_code code = createDeviceSession(device, options, session.model->log,
                                        made->session, status);
  if (!code) {
    made->session->fixedBytes = made->variant->workspace.fixed;
    // The last of batches and evaluations has the records.
    made->session->profile = session.device->profile;
    Current current(device);
    code = current.result() ? failOn(*made, current.result(), "work", status)
                            : takeMemory(*made, chunks, status);
  }
  if (code) {
    destroyDeviceTrainer(made);
    return code;
  }
  session.device->weights = made->weights;
  made->session->weights = made->weights;
  trainer = made;
  return ok(status);
}

void destroyDeviceTrainer(DeviceTrainer *trainer) {
  if (!trainer)
    return;
  if (trainer->session) {
    const DeviceModel &device = *trainer->session->device;
    if (checkProcess(device, nullptr) == BERTC_OK) {
      Current current(device);
      const DeviceAddress all[] = {
          trainer->weights,      trainer->parameters,    trainer->gradients,
          trainer->firstMoments, trainer->secondMoments, trainer->chunks,
          trainer->sums,         trainer->loss};
      for (DeviceAddress address : all)
        if (address)
          device.driver->cuMemFree_v2(address);
    }
    destroyDeviceSession(trainer->session);
  }
  free(trainer);
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

namespace {
/// The four memories on both sides.
struct Mirrors {
  struct Pair {
    DeviceAddress device;
    float *host;
    uint64_t bytes;
  };
  Pair pairs[4];
};
} // namespace

static Mirrors mirrors(const DeviceTrainer &t, const TrainMemory &host) {
  uint64_t gradients = t.desc->gradients_size;
  return {{{t.parameters, host.weights, t.desc->parameters_size},
           {t.gradients, host.gradients, gradients},
           {t.firstMoments, host.firstMoments, gradients},
           {t.secondMoments, host.secondMoments, gradients}}};
}

/// A call without a batch.
static bertc_device_train_call emptyCall(const DeviceTrainer &trainer) {
  bertc_device_train_call call = {};
  Shape shape = {1, 1, 1, 1, 1};
  call.call = makeCall(*trainer.session, shape);
  call.parameters = trainer.parameters;
  call.gradients = trainer.gradients;
  call.loss = trainer.loss;
  return call;
}

static void enterTrain(const bertc_device_call *call, void *function) {
  (*static_cast<const bertc_device_train_fn *>(function))(
      reinterpret_cast<const bertc_device_train_call *>(call));
}

/// Of a function of the variant, by which graphs are told apart.
static bertc_code launch(DeviceTrainer &trainer, bertc_device_train_call &call,
                         const bertc_device_train_fn &function,
                         const StagedCopies *copies, bertc_status *status) {
  HostCode code = {};
  code.enter = enterTrain;
  code.argument = const_cast<bertc_device_train_fn *>(&function);
  code.identity = code.argument;
  code.profiled = &function == &trainer.variant->train;
  const uint64_t values[] = {call.parameters, call.gradients, call.labels,
                             call.loss,       call.frozen,    call.seed,
                             call.step};
  static_assert(sizeof(values) <= sizeof(code.values));
  memcpy(code.values, values, sizeof(values));
  return enqueue(*trainer.session, call.call, code, copies,
                 trainer.session->stream, /*mayUseGraph=*/true, status);
}

static bertc_code refresh(DeviceTrainer &trainer, bertc_status *status) {
  bertc_device_train_call call = emptyCall(trainer);
  return launch(trainer, call, trainer.variant->refresh, nullptr, status);
}

bertc_code copyToDevice(DeviceTrainer &trainer, const TrainMemory &host,
                        bertc_status *status) {
  if (!trainer.hostChanged)
    return ok(status);
  const DeviceModel &device = *trainer.session->device;
  Current current(device);
  Result result = current.result();
  for (const Mirrors::Pair &pair : mirrors(trainer, host).pairs)
    if (!result && pair.bytes)
      result = copyNow(*device.driver, pair.device, pair.host, pair.bytes);
  if (result)
    return failOn(trainer, result, "copy parameters", status);
  if (bertc_code code = refresh(trainer, status))
    return code;
  if (Result failed = wait(trainer))
    return failOn(trainer, failed, "prepare weights", status);
  trainer.hostChanged = trainer.deviceChanged = false;
  return ok(status);
}

bertc_code copyToHost(DeviceTrainer &trainer, const TrainMemory &host,
                      bertc_status *status) {
  if (!trainer.deviceChanged)
    return ok(status);
  const DeviceModel &device = *trainer.session->device;
  Current current(device);
  Result result = current.result();
  for (const Mirrors::Pair &pair : mirrors(trainer, host).pairs)
    if (!result && pair.bytes)
      result =
          device.driver->cuMemcpyDtoH_v2(pair.host, pair.device, pair.bytes);
  if (result)
    return failOn(trainer, result, "copy parameters", status);
  trainer.deviceChanged = false;
  return ok(status);
}

//===----------------------------------------------------------------------===//
// Batches
//===----------------------------------------------------------------------===//

namespace {
/// Arrays that lie one after another.
class Arrays {
public:
  explicit Arrays(size_t begin) : end(begin) {}

  size_t place(size_t bytes) {
    constexpr size_t mask = 255;
    size_t begin = (end + mask) & ~mask;
    overflow |= begin < end || __builtin_add_overflow(begin, bytes, &end);
    return begin;
  }
  size_t end;
  bool overflow = false;
};

/// Where everything of a batch lies: in device memory behind the workspace, in
/// staging the same from the first array on.
struct BatchPlaces {
  WorkspaceLayout layout;
  size_t labels, frozen, step; // copied to the device with the inputs
  size_t inputsEnd;
  size_t outputs[BERTC_MAX_OUTPUTS], outputBytes[BERTC_MAX_OUTPUTS];
  size_t loss; // only in staging
  size_t end;
};
} // namespace

/// False if the sizes do not fit into 64 bits.
static bool placeBatch(const DeviceTrainer &trainer, const DeviceBatch &batch,
                       BatchPlaces &places) {
  const Shape &shape = batch.run->shape;
  if (!layoutWorkspace(trainer.variant->workspace, 1, shape, places.layout))
    return false;
  Arrays arrays(places.layout.total);
  places.labels = arrays.place(batch.labelBytes);
  places.frozen = arrays.place(batch.frozen ? batch.frozenBytes : 0);
  places.step = arrays.place(sizeof(uint32_t));
  places.inputsEnd = arrays.end;
  for (uint32_t i = 0; i < trainer.desc->output_count; ++i) {
    const bertc_output_desc &output = trainer.desc->outputs[i];
    int64_t rows =
        output.kind == BERTC_PER_TOKEN ? shape.rows : shape.sequences;
    bool wanted = batch.run->call->outputs[i];
    places.outputBytes[i] =
        wanted ? size_t(rows) * output.width * sizeof(float) : 0;
    places.outputs[i] = arrays.place(places.outputBytes[i]);
  }
  places.loss = arrays.place(sizeof(float));
  places.end = arrays.end;
  return !arrays.overflow;
}

bertc_code trainOnDevice(DeviceTrainer &trainer, const DeviceBatch &batch,
                         float &loss, bertc_status *status) {
  DeviceSession &session = *trainer.session;
  const bertc_call &host = *batch.run->call;
  const Shape &shape = batch.run->shape;
  BatchPlaces places;
  if (!placeBatch(trainer, batch, places))
    return fail(status, BERTC_OUT_OF_MEMORY,
                "a batch of %lld tokens needs more than 2^64 bytes",
                static_cast<long long>(shape.tokens));
  Current current(*session.device);
  if (current.result())
    return failOn(trainer, current.result(), "work", status);
  const WorkspaceLayout &layout = places.layout;
  bertc_code code = reserveMemory(session, places.end, status);
  if (!code)
    code = reserveStaging(session, places.end - layout.ids, status);
  if (code)
    return code;

  DeviceAddress base = session.memory;
  uint8_t *staging = session.staging - layout.ids;
  auto stage = [&](size_t to, const void *from, size_t bytes) {
    if (bytes)
      memcpy(staging + to, from, bytes);
    return base + to;
  };
  size_t ids = size_t(shape.tokens) * sizeof(int32_t);
  bertc_device_train_call call = emptyCall(trainer);
  call.call = makeCall(session, shape);
  call.call.input_ids = stage(layout.ids, host.input_ids, ids);
  call.call.token_type_ids = stage(layout.types, host.token_type_ids, ids);
  call.call.position_ids = stage(layout.positions, host.position_ids, ids);
  call.call.output_rows = stage(layout.rows, host.output_rows, ids);
  call.call.offsets = stage(layout.offsets, host.offsets,
                            size_t(shape.sequences + 1) * sizeof(int32_t));
  call.labels = stage(places.labels, batch.labels, batch.labelBytes);
  if (batch.frozen)
    call.frozen = stage(places.frozen, batch.frozen, batch.frozenBytes);
  auto step = uint32_t(batch.step); // all that dropout draws with
  call.step = stage(places.step, &step, sizeof(step));
  call.seed = batch.seed;
  StagedCopies copies = {};
  copies.inputs = {base + layout.ids, session.staging,
                   places.inputsEnd - layout.ids, /*zeroed=*/false};
  for (uint32_t i = 0; i < trainer.desc->output_count; ++i) {
    if (!places.outputBytes[i])
      continue;
    call.call.outputs[i] = base + places.outputs[i];
    copies.outputs[copies.outputCount++] = {
        call.call.outputs[i], staging + places.outputs[i],
        places.outputBytes[i], /*zeroed=*/true}; // rows of no token
  }
  copies.outputs[copies.outputCount++] = {trainer.loss, staging + places.loss,
                                          sizeof(loss), /*zeroed=*/false};
  trainer.deviceChanged = true;
  code = launch(trainer, call, trainer.variant->train, &copies, status);
  // What is staged may be read until then, whatever became of the launches.
  Result result = wait(trainer);
  if (code)
    return code;
  if (result)
    return failOn(trainer, result, "train a batch", status);
  for (uint32_t i = 0; i < trainer.desc->output_count; ++i)
    if (places.outputBytes[i])
      memcpy(host.outputs[i], staging + places.outputs[i],
             places.outputBytes[i]);
  memcpy(&loss, staging + places.loss, sizeof(loss));
  return ok(status);
}

//===----------------------------------------------------------------------===//
// Updates
//===----------------------------------------------------------------------===//

namespace {
struct OptimizerLaunch {
  int64_t kernel;
  uint64_t blocks;
  void **params;
};
} // namespace

static void enterOptimizer(const bertc_device_call *call, void *argument) {
  const auto &launch = *static_cast<const OptimizerLaunch *>(argument);
  call->launch(call, launch.kernel, int64_t(launch.blocks), 1, 1,
               launch.params);
}

static bertc_code runOptimizer(DeviceTrainer &trainer, int64_t kernel,
                               void **params, bertc_status *status) {
  bertc_device_train_call call = emptyCall(trainer);
  OptimizerLaunch launch = {kernel, trainer.chunkCount, params};
  HostCode code = {};
  code.enter = enterOptimizer;
  code.argument = &launch;
  return launchKernels(*trainer.session, call.call, code, status);
}

bertc_code sumSquaresOnDevice(DeviceTrainer &trainer, double *sums,
                              bertc_status *status) {
  if (!trainer.chunkCount)
    return ok(status);
  const DeviceModel &device = *trainer.session->device;
  Current current(device);
  if (current.result())
    return failOn(trainer, current.result(), "work", status);
  void *params[] = {&trainer.gradients, &trainer.chunks, &trainer.sums};
  if (bertc_code code = runOptimizer(trainer, trainer.variant->sum_of_squares,
                                     params, status))
    return code;
  Result result = wait(trainer);
  if (!result)
    result = device.driver->cuMemcpyDtoH_v2(
        sums, trainer.sums, trainer.chunkCount * sizeof(double));
  return result ? failOn(trainer, result, "sum gradients", status) : ok(status);
}

bertc_code updateOnDevice(DeviceTrainer &trainer, const AdamWStep &step,
                          bertc_status *status) {
  if (!trainer.chunkCount)
    return ok(status);
  Current current(*trainer.session->device);
  if (current.result())
    return failOn(trainer, current.result(), "work", status);
  AdamWStep s = step;
  void *params[] = {&trainer.parameters,
                    &trainer.gradients,
                    &trainer.firstMoments,
                    &trainer.secondMoments,
                    &trainer.chunks,
                    &s.gradientScale,
                    &s.clip,
                    &s.decay,
                    &s.beta1Rest,
                    &s.beta2,
                    &s.beta2Rest,
                    &s.correction2,
                    &s.epsilon,
                    &s.stepSize};
  trainer.deviceChanged = true;
  if (bertc_code code =
          runOptimizer(trainer, trainer.variant->adam_w, params, status))
    return code;
  if (bertc_code code = refresh(trainer, status))
    return code;
  Result result = wait(trainer);
  return result ? failOn(trainer, result, "update parameters", status)
                : ok(status);
}

bertc_code clearGradientsOnDevice(DeviceTrainer &trainer,
                                  bertc_status *status) {
  const DeviceModel &device = *trainer.session->device;
  Current current(device);
  Result result = current.result();
  if (!result && trainer.desc->gradients_size)
    result = device.driver->cuMemsetD8Async(trainer.gradients, 0,
                                            trainer.desc->gradients_size,
                                            trainer.session->stream);
  if (!result)
    result = wait(trainer);
  return result ? failOn(trainer, result, "clear gradients", status)
                : ok(status);
}

} // namespace bertc::rt
