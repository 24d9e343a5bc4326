//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On the device rows are always dense, and matrices as small as the longest
// sequence allows: results are spread over a padded batch while they are copied
// to the caller, so its padding is neither computed nor sent.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Outputs.h"
#include "runtime/core/Pairs.h"
#include "runtime/core/Structs.h"
#include "runtime/cuda/DeviceRun.h"
#include "runtime/cuda/Enqueue.h"

#include <cstring>

namespace bertc::rt::cuda {

namespace {

/// Where everything of a run from host memory lies.
struct Places {
  WorkspaceLayout device; // `rows` are the caller's, not used there
  size_t deviceTotal;     // with outputs
  size_t stagedTotal;
  size_t outputs[BERTC_MAX_OUTPUTS];       // in device memory
  size_t stagedOutputs[BERTC_MAX_OUTPUTS]; // in staging
  size_t outputBytes[BERTC_MAX_OUTPUTS];
};

} // namespace

static bool append(size_t &total, size_t bytes) {
  constexpr size_t mask = 255;
  return !__builtin_add_overflow(total, bytes, &total) &&
         !__builtin_add_overflow(total, (0 - total) & mask, &total);
}

/// Of an output on the device; false if they do not fit into 64 bits.
static bool outputBytes(const bertc_output_desc &output, Shape shape,
                        size_t &bytes) {
  shape.rows = shape.tokens;
  shape.pairLength = shape.longest;
  uint64_t floats;
  return countFloats(output, shape, floats) &&
         !__builtin_mul_overflow(floats, sizeof(float), &bytes);
}

/// False if the sizes do not fit into 64 bits.
static bool place(const bertc_model_desc &desc,
                  const bertc_device_variant &variant, const Shape &shape,
                  float *const bound[BERTC_MAX_OUTPUTS], Places &places) {
  WorkspaceLayout &device = places.device;
  if (!layoutWorkspace(variant.workspace, 1, shape, device))
    return false;
  places.deviceTotal = device.total;
  // In staging, the arrays as they lie in device memory, and then outputs.
  places.stagedTotal = 0;
  if (!append(places.deviceTotal, 0) ||
      !append(places.stagedTotal, device.total - device.ids))
    return false;
  for (uint32_t i = 0; i < desc.output_count; ++i) {
    if (!bound[i])
      continue;
    size_t &bytes = places.outputBytes[i];
    places.outputs[i] = places.deviceTotal;
    places.stagedOutputs[i] = places.stagedTotal;
    if (!outputBytes(desc.outputs[i], shape, bytes) ||
        !append(places.deviceTotal, bytes) ||
        !append(places.stagedTotal, bytes))
      return false;
  }
  return true;
}

/// Copies dense rows to those of a padded batch, and zeroes the others.
static void spread(const float *from, size_t width, const int32_t *rows,
                   const Shape &shape, float *to) {
  int64_t filled = 0;
  for (int64_t token = 0; token < shape.tokens;) {
    int64_t row = rows[token], count = 1;
    while (token + count < shape.tokens && rows[token + count] == row + count)
      ++count;
    memset(to + filled * width, 0, (row - filled) * width * sizeof(float));
    memcpy(to + row * width, from + token * width,
           count * width * sizeof(float));
    token += count;
    filled = row + count;
  }
  memset(to + filled * width, 0, (shape.rows - filled) * width * sizeof(float));
}

/// Waits for the run and tells what became of it.
static bertc_code finish(DeviceSession &session, bertc_status *status) {
  const DeviceModel &device = *session.device;
  if (Result result = device.driver->cuStreamSynchronize(session.stream))
    return failCuda(status, *device.driver, result,
                    "a kernel failed on %s (%.60s)\n"
                    "help: BERTC_LOG=debug tells which; after such an error "
                    "the process has to be started again",
                    device.facts.label, device.facts.name);
  session.running = false;
  return ok(status);
}

static void logRun(const bertc_session &session, const Shape &shape,
                   int64_t begun) {
  if (session.model->log >= LogLevel::Debug)
    log("ran %lld tokens in %lld sequences, the longest %lld, on %s in %lld "
        "us, memory %zu bytes",
        static_cast<long long>(shape.tokens),
        static_cast<long long>(shape.sequences),
        static_cast<long long>(shape.longest),
        session.device->device->facts.label,
        static_cast<long long>((nowNanoseconds() - begun) / 1000),
        session.device->memorySize);
}

template <typename Inputs>
bertc_code runOnDevice(bertc_session &session, const Inputs &inputs,
                       const bertc_output *outputs, size_t outputCount,
                       bertc_status *status) {
  const bertc_model_desc &desc = *session.model->desc;
  DeviceSession &own = *session.device;
  const DeviceModel &device = *own.device;
  int64_t begun = nowNanoseconds();
  Shape shape;
  float *bound[BERTC_MAX_OUTPUTS] = {};
  bertc_code code = measure(inputs, desc, shape, status);
  if (!code)
    code = bindOutputs(desc.outputs, desc.output_count, outputs, outputCount,
                       shape, bound, status);
  if (code)
    return code;
  Places places;
  if (!place(desc, *device.variant, shape, bound, places))
    return fail(status, BERTC_OUT_OF_MEMORY,
                "a run of %lld tokens needs more than 2^64 bytes",
                static_cast<long long>(shape.tokens));

  Current current(device);
  if (current.result())
    return failCuda(status, *device.driver, current.result(),
                    "cannot use device %s", device.facts.label);
  code = reserveMemory(own, places.deviceTotal, status);
  if (!code)
    code = reserveStaging(own, places.stagedTotal, status);
  if (!code)
    code = reserveConstants(own, shape.tokens, status);
  if (code)
    return code;

  const WorkspaceLayout &layout = places.device;
  auto staged = [&](size_t offset) {
    return reinterpret_cast<int32_t *>(own.staging + offset - layout.ids);
  };
  PackedArrays arrays = {staged(layout.ids), staged(layout.types),
                         staged(layout.positions), staged(layout.rows),
                         staged(layout.offsets)};
  // A run that failed may still read what is staged.
  if (own.running)
    device.driver->cuEventSynchronize(own.done);
  code = pack(inputs, desc, shape, arrays, status);
  if (code)
    return code;
  bertc_device_call call = makeCall(own, shape);
  call.input_ids = own.memory + layout.ids;
  call.token_type_ids = own.memory + layout.types;
  call.position_ids = own.memory + layout.positions;
  call.offsets = own.memory + layout.offsets;
  StagedCopies copies = {};
  copies.inputs = {own.memory + layout.ids, own.staging,
                   layout.total - layout.ids, /*zeroed=*/false};
  for (uint32_t i = 0; i < desc.output_count; ++i) {
    if (!bound[i])
      continue;
    call.outputs[i] = own.memory + places.outputs[i];
    copies.outputs[copies.outputCount++] = {
        call.outputs[i], own.staging + places.stagedOutputs[i],
        places.outputBytes[i], /*zeroed=*/false};
  }
  code = enqueue(own, call, forwardCode(own), &copies, own.stream,
                 /*mayUseGraph=*/true, status);
  if (code) {
    noteLast(own, own.stream);
    return code;
  }
  code = finish(own, status);
  if (code) {
    if (own.profile)
      own.profile->clear();
    return code;
  }

  for (uint32_t i = 0; i < desc.output_count; ++i) {
    if (!bound[i])
      continue;
    auto *from =
        reinterpret_cast<const float *>(own.staging + places.stagedOutputs[i]);
    const bertc_output_desc &output = desc.outputs[i];
    bool padded = shape.rows != shape.tokens;
    if (padded && output.kind == BERTC_PER_TOKEN)
      spread(from, output.width, arrays.rows, shape, bound[i]);
    else if (padded && output.kind == BERTC_PER_PAIR)
      copyPairs(layoutPairs(shape, arrays), from, shape.longest, output.width,
                bound[i]);
    else
      memcpy(bound[i], from, places.outputBytes[i]);
  }
  logRun(session, shape, begun);
  return ok(status);
}

template bertc_code runOnDevice(bertc_session &, const bertc_padded_inputs &,
                                const bertc_output *, size_t, bertc_status *);
template bertc_code runOnDevice(bertc_session &, const bertc_packed_inputs &,
                                const bertc_output *, size_t, bertc_status *);

} // namespace bertc::rt::cuda
