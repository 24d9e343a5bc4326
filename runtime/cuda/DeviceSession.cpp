//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory grows in steps and never shrinks, as a Workspace does. To free memory
// of the device waits for what runs there, so nothing is taken from a run.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/DeviceSession.h"

#include <cstdlib>
#include <new>

namespace bertc::rt::cuda {

static bertc_code failSession(const DeviceModel &device, Result result,
                              bertc_status *status) {
  return failCuda(status, *device.driver, result,
                  "cannot make a session on %s (%.100s)", device.facts.label,
                  device.facts.name);
}

static bertc_code checkOptions(const bertc_session_options &options,
                               const DeviceModel &device,
                               bertc_status *status) {
  if (options.workspace)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_session_options.workspace is set, expected null on %s",
                device.facts.label);
  if (options.graphs > GraphCache::largestSize)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_session_options.graphs is %u, expected at most %u",
                options.graphs, GraphCache::largestSize);
  return ok(status);
}

bertc_code createDeviceSession(DeviceModel &device,
                               const bertc_session_options &options,
                               LogLevel level, DeviceSession *&session,
                               bertc_status *status) {
  session = nullptr;
  bertc_code code = checkProcess(device, status);
  if (!code)
    code = checkOptions(options, device, status);
  if (code)
    return code;
  void *memory = malloc(sizeof(DeviceSession));
  if (!memory)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a session handle");
  auto *made = new (memory) DeviceSession{};
  made->device = &device;
  made->weights = device.weights;
  made->fixedBytes = device.variant->workspace.fixed;
  made->waitForKernels = level >= LogLevel::Debug;
  if (options.flags & BERTC_SESSION_PROFILE)
    made->profile = &made->ownProfile;
  made->graphsWanted = !(options.flags & BERTC_SESSION_NO_GRAPHS) &&
                       !made->waitForKernels && !made->profile;
  uint32_t graphs = options.graphs ? options.graphs : GraphCache::defaultSize;
  if (made->graphsWanted && !made->graphs.start(graphs)) {
    free(made);
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a session handle");
  }
  Result result;
  {
    Current current(device);
    result = current.result();
    if (!result)
      result = device.driver->cuStreamCreate(&made->stream, streamNonBlocking);
    if (!result)
      result = device.driver->cuEventCreate(&made->done, eventNoTiming);
  }
  if (result) {
    code = failSession(device, result, status);
    destroyDeviceSession(made);
    return code;
  }
  session = made;
  return ok(status);
}

void destroyDeviceSession(DeviceSession *session) {
  if (!session)
    return;
  const DeviceModel &device = *session->device;
  const Driver &driver = *device.driver;
  // In a forked child there is nothing to free but memory.
  if (checkProcess(device, nullptr) == BERTC_OK) {
    Current current(device);
    if (session->running)
      driver.cuEventSynchronize(session->done);
    session->graphs.clear(driver);
    if (session->memory)
      driver.cuMemFree_v2(session->memory);
    if (session->constants)
      driver.cuMemFree_v2(session->constants);
    if (session->staging)
      driver.cuMemFreeHost(session->staging);
    session->ownProfile.release(driver);
    if (session->done)
      driver.cuEventDestroy_v2(session->done);
    if (session->stream)
      driver.cuStreamDestroy_v2(session->stream);
  } else {
    session->graphs.forget();
    session->ownProfile.forget();
  }
  session->graphs.stop(driver);
  free(session);
}

bertc_code deviceProfile(DeviceSession &session,
                         const bertc_phase_record **records, size_t *count,
                         bertc_status *status) {
  const DeviceModel &device = *session.device;
  Current current(device);
  if (current.result())
    return failCuda(status, *device.driver, current.result(),
                    "cannot use device %s", device.facts.label);
  bertc_code code = session.profile->read(device, status);
  *records = code ? nullptr : session.profile->records();
  *count = code ? 0 : session.profile->count();
  return code;
}

/// Lengths of real texts creep up; growing in steps keeps that cheap.
static size_t grown(size_t capacity, size_t wanted) {
  size_t larger = capacity + capacity / 4;
  return larger > wanted ? larger : wanted;
}

bertc_code reserveMemory(DeviceSession &session, size_t bytes,
                         bertc_status *status) {
  if (bytes <= session.memorySize)
    return ok(status);
  const DeviceModel &device = *session.device;
  const Driver &driver = *device.driver;
  size_t wanted = grown(session.memorySize, bytes);
  session.graphs.clear(driver);
  if (session.memory)
    driver.cuMemFree_v2(session.memory);
  session.memory = 0;
  session.memorySize = 0;
  Result result = driver.cuMemAlloc_v2(&session.memory, wanted);
  // What is needed may fit where the step does not.
  if (result == outOfMemory && wanted > bytes) {
    wanted = bytes;
    result = driver.cuMemAlloc_v2(&session.memory, wanted);
  }
  if (result)
    session.memory = 0;
  if (result == outOfMemory)
    return failMemory(device, wanted, "a run", status);
  // Counters of kernels lie in the fixed part, and begin with zero.
  uint64_t fixed = session.fixedBytes;
  if (!result && fixed)
    result = driver.cuMemsetD8Async(session.memory, 0, fixed, session.stream);
  if (!result && fixed)
    result = driver.cuStreamSynchronize(session.stream);
  if (result) {
    if (session.memory)
      driver.cuMemFree_v2(session.memory);
    session.memory = 0;
    return failCuda(status, driver, result,
                    "cannot take %zu bytes of memory on %s", wanted,
                    device.facts.label);
  }
  session.memorySize = wanted;
  return ok(status);
}

bertc_code reserveStaging(DeviceSession &session, size_t bytes,
                          bertc_status *status) {
  if (bytes <= session.stagingSize)
    return ok(status);
  const Driver &driver = *session.device->driver;
  size_t wanted = grown(session.stagingSize, bytes);
  session.graphs.clear(driver);
  if (session.staging)
    driver.cuMemFreeHost(session.staging);
  session.staging = nullptr;
  session.stagingSize = 0;
  void *memory = nullptr;
  if (Result result = driver.cuMemHostAlloc(&memory, wanted, 0))
    return failCuda(status, driver, result,
                    "no %zu bytes of pinned memory for the inputs and outputs "
                    "of a run on %s",
                    wanted, session.device->facts.label);
  session.staging = static_cast<uint8_t *>(memory);
  session.stagingSize = wanted;
  return ok(status);
}

bertc_code reserveConstants(DeviceSession &session, int64_t tokens,
                            bertc_status *status) {
  if (tokens <= session.constantsCapacity)
    return ok(status);
  const DeviceModel &device = *session.device;
  const Driver &driver = *device.driver;
  constexpr size_t step = 1024;
  size_t count = grown(size_t(session.constantsCapacity), size_t(tokens));
  count = (count + step - 1) / step * step;
  size_t bytes = 2 * count * sizeof(int32_t);
  auto *values = static_cast<int32_t *>(calloc(2 * count, sizeof(int32_t)));
  if (!values)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for %zu bytes", bytes);
  for (size_t i = 0; i < count; ++i)
    values[i] = int32_t(i);
  session.graphs.clear(driver);
  if (session.constants)
    driver.cuMemFree_v2(session.constants);
  session.constants = 0;
  session.constantsCapacity = 0;
  Result result = driver.cuMemAlloc_v2(&session.constants, bytes);
  if (!result)
    result = copyNow(driver, session.constants, values, bytes);
  else
    session.constants = 0;
  free(values);
  if (result == outOfMemory)
    return failMemory(device, bytes, "a run", status);
  if (result)
    return failCuda(status, driver, result, "cannot copy %zu bytes to %s",
                    bytes, device.facts.label);
  session.constantsCapacity = int64_t(count);
  return ok(status);
}

Result orderAfterLast(DeviceSession &session, Stream stream) {
  if (!session.running || session.last == stream)
    return success;
  return session.device->driver->cuStreamWaitEvent(stream, session.done, 0);
}

Result noteLast(DeviceSession &session, Stream stream) {
  session.running = true;
  session.last = stream;
  return session.device->driver->cuEventRecord(session.done, stream);
}

} // namespace bertc::rt::cuda
