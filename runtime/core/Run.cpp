//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One run of a model: check, pack, enter the generated code on all threads.
// Each thread sets its own floating-point mode and restores the caller's,
// because results must not depend on which thread computes them or on what the
// host program did to its threads.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Session.h"

#include <cstdio>
#include <cstring>
#include <xmmintrin.h>

namespace bertc::rt {

/// Round to nearest, no exceptions, subnormal inputs and results are zero.
static constexpr unsigned floatingPointMode = 0x9fc0;

namespace {

/// A per-token output in the padded layout, whose other rows become zero.
struct Padded {
  float *data;
  size_t width;
};

struct Region {
  bertc_session *session;
  bertc_forward_fn forward;
  bertc_call call;
  int64_t rows;
  uint32_t paddedCount;
  Padded padded[BERTC_MAX_OUTPUTS];
};

} // namespace

static void meet(const bertc_call *call, int64_t tid) {
  static_cast<bertc_session *>(call->barrier_state)
      ->pool.barrier(static_cast<uint32_t>(tid));
}

static void markPhase(const bertc_call *call, int64_t tid, int64_t phase,
                      int64_t layer) {
  static_cast<bertc_session *>(call->barrier_state)
      ->profile.mark(tid, phase, layer);
}

static void meetProfiled(const bertc_call *call, int64_t tid) {
  markPhase(call, tid, BERTC_PHASE_WAIT, -1);
  meet(call, tid);
}

/// Zeroes the rows that no token is written to: this thread's share of the gaps
/// between the rows of consecutive tokens, which rise.
static void zeroGaps(const Region &region, int64_t tid) {
  const bertc_call &call = region.call;
  int64_t begin = call.tokens * tid / call.threads;
  int64_t end = call.tokens * (tid + 1) / call.threads;
  for (int64_t token = begin; token <= end; ++token) {
    bool atEnd = token == call.tokens;
    if (token == end && !atEnd)
      break;
    int64_t from = token ? int64_t(call.output_rows[token - 1]) + 1 : 0;
    int64_t to = atEnd ? region.rows : int64_t(call.output_rows[token]);
    if (from == to)
      continue;
    for (uint32_t i = 0; i < region.paddedCount; ++i)
      memset(region.padded[i].data + from * region.padded[i].width, 0,
             (to - from) * region.padded[i].width * sizeof(float));
  }
}

static void enter(void *argument, int64_t tid) {
  const Region &region = *static_cast<const Region *>(argument);
  unsigned before = _mm_getcsr();
  _mm_setcsr(floatingPointMode);
  if (region.paddedCount)
    zeroGaps(region, tid);
  region.forward(&region.call, tid);
  if (region.call.phase)
    region.call.phase(&region.call, tid, Profile::end, -1);
  _mm_setcsr(before);
}

static bertc_code failNoOutput(const bertc_model_desc &desc, const char *name,
                               bertc_status *status) {
  char names[300] = "";
  for (uint32_t i = 0; i < desc.output_count; ++i) {
    size_t length = strlen(names);
    snprintf(names + length, sizeof(names) - length, "%s%s", i ? ", " : "",
             desc.outputs[i].name);
  }
  return fail(status, BERTC_NOT_IN_MODEL,
              "this model has no output '%.60s', expected one of %s\n"
              "help: compile with --outputs",
              name, names);
}

/// Checks the caller's outputs and enters them into the call.
static bertc_code bindOutputs(const bertc_model_desc &desc, const Shape &shape,
                              const bertc_output *outputs, size_t count,
                              Region &region, bertc_status *status) {
  if (!outputs || count == 0)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "outputs is empty, expected at least one wanted output");
  for (size_t i = 0; i < count; ++i) {
    const bertc_output &output = outputs[i];
    if (!output.name)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu].name is null, expected the name of an output",
                  i);
    uint32_t index = findOutput(desc, output.name);
    if (index == desc.output_count)
      return failNoOutput(desc, output.name, status);
    if (!output.data)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu].data (%s) is null, expected a buffer", i,
                  output.name);
    if (region.call.outputs[index])
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu] is %s again, expected each name once", i,
                  output.name);
    const bertc_output_desc &known = desc.outputs[index];
    bool perToken = known.kind == BERTC_PER_TOKEN;
    int64_t rows = perToken ? shape.rows : shape.sequences;
    if (output.size / known.width < static_cast<uint64_t>(rows))
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu].size (%s) is %zu floats, expected at least "
                  "%lld rows of %u",
                  i, output.name, output.size, static_cast<long long>(rows),
                  known.width);
    region.call.outputs[index] = output.data;
    if (perToken && shape.rows != shape.tokens)
      region.padded[region.paddedCount++] = {output.data, known.width};
  }
  return ok(status);
}

template <typename Inputs>
bertc_code runSession(bertc_session &session, const Inputs &inputs,
                      const bertc_output *outputs, size_t outputCount,
                      bertc_status *status) {
  const bertc_model &model = *session.model;
  const bertc_model_desc &desc = *model.desc;
  const bertc_variant &variant = desc.variants[model.variant];
  bool timed = model.log >= LogLevel::Debug;
  int64_t start = timed ? nowNanoseconds() : 0;

  Region region;
  memset(&region, 0, sizeof(region));
  Shape shape;
  bertc_code code = measure(inputs, desc, shape, status);
  if (!code)
    code = bindOutputs(desc, shape, outputs, outputCount, region, status);
  if (code)
    return code;

  uint32_t threads = session.pool.threads();
  WorkspaceLayout layout;
  if (!layoutWorkspace(variant.workspace, threads, shape, layout))
    return fail(status, BERTC_OUT_OF_MEMORY,
                "a run of %lld tokens needs more than 2^64 bytes",
                static_cast<long long>(shape.tokens));
  code = session.workspace.reserve(layout.total, status);
  if (code)
    return code;
  uint8_t *base = session.workspace.data();
  PackedArrays arrays = {reinterpret_cast<int32_t *>(base + layout.ids),
                         reinterpret_cast<int32_t *>(base + layout.types),
                         reinterpret_cast<int32_t *>(base + layout.positions),
                         reinterpret_cast<int32_t *>(base + layout.rows),
                         reinterpret_cast<int32_t *>(base + layout.offsets)};
  code = pack(inputs, desc, shape, arrays, status);
  if (code)
    return code;

  bertc_call &call = region.call;
  call.weights = model.weights.data;
  call.workspace = base;
  call.input_ids = arrays.ids;
  call.token_type_ids = arrays.types;
  call.position_ids = arrays.positions;
  call.offsets = arrays.offsets;
  call.output_rows = arrays.rows;
  call.tokens = shape.tokens;
  call.sequences = shape.sequences;
  call.longest = shape.longest;
  call.threads = threads;
  call.barrier = meet;
  call.barrier_state = &session;
  if (session.profiled) {
    call.barrier = meetProfiled;
    call.phase = markPhase;
    code = session.profile.start(threads, heapAllocator(), status);
    if (code)
      return code;
  }
  region.session = &session;
  region.forward = variant.forward;
  region.rows = shape.rows;
  session.pool.run(enter, &region);
  if (session.profiled) {
    code = session.profile.finish(status);
    if (code)
      return code;
  }

  if (timed)
    log("ran %lld tokens in %lld sequences, the longest %lld, on %u threads in "
        "%lld us, workspace %zu bytes",
        static_cast<long long>(shape.tokens),
        static_cast<long long>(shape.sequences),
        static_cast<long long>(shape.longest), threads,
        static_cast<long long>((nowNanoseconds() - start) / 1000),
        layout.total);
  return ok(status);
}

template bertc_code runSession(bertc_session &, const bertc_padded_inputs &,
                               const bertc_output *, size_t, bertc_status *);
template bertc_code runSession(bertc_session &, const bertc_packed_inputs &,
                               const bertc_output *, size_t, bertc_status *);

} // namespace bertc::rt
