//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing is known here of what the arrays hold, so only their addresses and
// sizes are checked.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/DeviceRun.h"
#include "runtime/core/Outputs.h"
#include "runtime/core/Structs.h"
#include "runtime/cuda/Enqueue.h"

namespace bertc::rt::cuda {

/// An error unless `address` is memory of the device.
static bertc_code checkAddress(const DeviceModel &device, const void *address,
                               const char *name, bertc_status *status) {
  unsigned kind = 0;
  int ordinal = -1;
  DeviceAddress value = reinterpret_cast<DeviceAddress>(address);
  const Driver &driver = *device.driver;
  if (value % 16)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s is at %p, expected a multiple of 16", name, address);
  if (driver.cuPointerGetAttribute(&kind, pointerMemoryType, value) ||
      kind != memoryTypeDevice ||
      driver.cuPointerGetAttribute(&ordinal, pointerDeviceOrdinal, value))
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s is at %p, which is no memory of a CUDA device\n"
                "help: run_packed takes memory of the host",
                name, address);
  if (ordinal == device.facts.ordinal)
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT,
              "%s is memory of cuda:%d, expected cuda:%d, where the model is",
              name, ordinal, device.facts.ordinal);
}

static bertc_code checkInputs(const bertc_device_inputs &inputs,
                              const bertc_model_desc &desc,
                              bertc_status *status) {
  if (inputs.tokens < 1 || inputs.tokens > INT32_MAX || inputs.sequences < 1 ||
      inputs.sequences > inputs.tokens || inputs.longest < 1 ||
      inputs.longest > inputs.tokens)
    return fail(status, BERTC_BAD_INPUT,
                "bertc_device_inputs.tokens, sequences and longest are %lld, "
                "%lld and %lld, expected tokens from 1 to 2^31 - 1 and the "
                "others from 1 to tokens",
                static_cast<long long>(inputs.tokens),
                static_cast<long long>(inputs.sequences),
                static_cast<long long>(inputs.longest));
  if (inputs.longest > desc.max_position_embeddings)
    return fail(status, BERTC_BAD_INPUT,
                "bertc_device_inputs.longest is %lld, expected at most %u, the "
                "model's max_position_embeddings",
                static_cast<long long>(inputs.longest),
                desc.max_position_embeddings);
  return ok(status);
}

static bertc_code checkArrays(const bertc_device_inputs &inputs,
                              const DeviceModel &device, bertc_status *status) {
  const struct {
    const void *address;
    const char *name;
    bool needed;
  } arrays[] = {
      {inputs.input_ids, "bertc_device_inputs.input_ids", true},
      {inputs.cu_seqlens, "bertc_device_inputs.cu_seqlens", true},
      {inputs.token_type_ids, "bertc_device_inputs.token_type_ids", false},
      {inputs.position_ids, "bertc_device_inputs.position_ids", true}};
  for (const auto &array : arrays) {
    if (!array.address && array.needed)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "%s is null, expected an array on %s", array.name,
                  device.facts.label);
    if (!array.address)
      continue;
    if (bertc_code code =
            checkAddress(device, array.address, array.name, status))
      return code;
  }
  return ok(status);
}

static bertc_code runLocked(bertc_session &session,
                            const bertc_device_inputs &inputs,
                            const bertc_output *outputs, size_t outputCount,
                            Stream stream, bertc_status *status) {
  const bertc_model_desc &desc = *session.model->desc;
  DeviceSession &own = *session.device;
  const DeviceModel &device = *own.device;
  const Driver &driver = *device.driver;
  bertc_code code = checkInputs(inputs, desc, status);
  if (code)
    return code;
  Current current(device);
  if (current.result())
    return failCuda(status, driver, current.result(), "cannot use device %s",
                    device.facts.label);
  Shape shape = {inputs.tokens, inputs.sequences, inputs.longest, inputs.tokens,
                 inputs.longest};
  float *bound[BERTC_MAX_OUTPUTS] = {};
  code = checkArrays(inputs, device, status);
  if (!code)
    code = bindOutputs(desc.outputs, desc.output_count, outputs, outputCount,
                       shape, bound, status);
  for (size_t i = 0; i < outputCount && !code; ++i)
    code = checkAddress(device, outputs[i].data, outputs[i].name, status);
  WorkspaceLayout layout;
  if (!code && !layoutWorkspace(device.variant->workspace, 1, shape, layout))
    code = fail(status, BERTC_OUT_OF_MEMORY,
                "a run of %lld tokens needs more than 2^64 bytes",
                static_cast<long long>(shape.tokens));
  if (code)
    return code;
  int capturing = 0;
  Result result =
      stream ? driver.cuStreamIsCapturing(stream, &capturing) : success;
  if (!result && !capturing)
    result = orderAfterLast(own, stream);
  if (result)
    return failCuda(status, driver, result, "cannot use the stream on %s",
                    device.facts.label);
  if (capturing && own.profile)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "the stream is being captured, and the session keeps a "
                "profile, which a graph has not\n"
                "help: capture runs of a session without "
                "BERTC_SESSION_PROFILE");
  if (capturing &&
      (layout.total > own.memorySize || shape.tokens > own.constantsCapacity))
    return fail(status, BERTC_INVALID_ARGUMENT,
                "the stream is being captured, and the session has too little "
                "memory for a run of %lld tokens\n"
                "help: run once with as many tokens before",
                static_cast<long long>(shape.tokens));
  code = reserveMemory(own, layout.total, status);
  if (!code)
    code = reserveConstants(own, shape.tokens, status);
  if (code)
    return code;
  bertc_device_call call = makeCall(own, shape);
  auto address = [](const void *pointer) {
    return reinterpret_cast<uint64_t>(pointer);
  };
  DeviceAddress zeros =
      own.constants + uint64_t(own.constantsCapacity) * sizeof(int32_t);
  call.input_ids = address(inputs.input_ids);
  call.token_type_ids =
      inputs.token_type_ids ? address(inputs.token_type_ids) : zeros;
  call.position_ids = address(inputs.position_ids);
  call.offsets = address(inputs.cu_seqlens);
  for (uint32_t i = 0; i < desc.output_count; ++i)
    call.outputs[i] = address(bound[i]);
  code = enqueue(own, call, forwardCode(own), nullptr, stream,
                 /*mayUseGraph=*/!capturing, status);
  if (capturing)
    return code;
  result = noteLast(own, stream);
  if (!code && result)
    code = failCuda(status, driver, result, "a run failed on %s",
                    device.facts.label);
  return code;
}

bertc_code runDevice(bertc_session *session, const bertc_device_inputs *inputs,
                     const bertc_output *outputs, size_t outputCount,
                     void *stream, bertc_status *status) {
  SessionLock lock(session, status);
  if (lock.code())
    return lock.code();
  if (!session->device)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "run_device is for a model on a CUDA device, and this one runs "
                "on the processor\nhelp: open it with device cuda:0");
  if (!inputs)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_device_inputs is null, expected a pointer to a struct");
  bertc_device_inputs given;
  bertc_code code = readStruct(inputs, given, "bertc_device_inputs", status);
  if (!code)
    code = checkWanted(outputs, outputCount, status);
  return code ? code
              : runLocked(*session, given, outputs, outputCount,
                          static_cast<Stream>(stream), status);
}

} // namespace bertc::rt::cuda
