//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One run of a model: check, pack, enter the generated code on all threads.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Run.h"
#include "runtime/core/FloatMode.h"

#include <cstdio>
#include <cstring>

namespace bertc::rt {

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
static void zeroGaps(const Run &run, int64_t tid) {
  const bertc_call &call = *run.call;
  int64_t begin = call.tokens * tid / call.threads;
  int64_t end = call.tokens * (tid + 1) / call.threads;
  for (int64_t token = begin; token <= end; ++token) {
    bool atEnd = token == call.tokens;
    if (token == end && !atEnd)
      break;
    int64_t from = token ? int64_t(call.output_rows[token - 1]) + 1 : 0;
    int64_t to = atEnd ? run.shape.rows : int64_t(call.output_rows[token]);
    if (from == to)
      continue;
    for (uint32_t i = 0; i < run.paddedCount; ++i)
      memset(run.padded[i].data + from * run.padded[i].width, 0,
             (to - from) * run.padded[i].width * sizeof(float));
  }
}

static void enter(void *argument, int64_t tid) {
  const Run &run = *static_cast<const Run *>(argument);
  FloatMode mode;
  if (run.paddedCount)
    zeroGaps(run, tid);
  run.enter(run.call, tid);
  if (run.call->phase)
    run.call->phase(run.call, tid, Profile::end, -1);
}

static bertc_code failNoOutput(const Program &program, const char *name,
                               bertc_status *status) {
  char names[300] = "";
  for (uint32_t i = 0; i < program.outputCount; ++i) {
    size_t length = strlen(names);
    snprintf(names + length, sizeof(names) - length, "%s%s", i ? ", " : "",
             program.outputs[i].name);
  }
  return fail(status, BERTC_NOT_IN_MODEL,
              "this model has no output '%.60s', expected one of %s\n"
              "help: compile with --outputs",
              name, names);
}

/// Checks the caller's outputs and enters them into the call.
static bertc_code bindOutputs(const Program &program,
                              const bertc_output *outputs, size_t count,
                              Run &run, bertc_status *status) {
  for (size_t i = 0; i < count; ++i) {
    const bertc_output &output = outputs[i];
    if (!output.name)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu].name is null, expected the name of an output",
                  i);
    uint32_t index =
        findOutput(program.outputs, program.outputCount, output.name);
    if (index == program.outputCount)
      return failNoOutput(program, output.name, status);
    if (!output.data)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu].data (%s) is null, expected a buffer", i,
                  output.name);
    if (run.call->outputs[index])
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu] is %s again, expected each name once", i,
                  output.name);
    const bertc_output_desc &known = program.outputs[index];
    bool perToken = known.kind == BERTC_PER_TOKEN;
    int64_t rows = perToken ? run.shape.rows : run.shape.sequences;
    if (output.size / known.width < static_cast<uint64_t>(rows))
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu].size (%s) is %zu floats, expected at least "
                  "%lld rows of %u",
                  i, output.name, output.size, static_cast<long long>(rows),
                  known.width);
    run.call->outputs[index] = output.data;
    if (perToken && run.shape.rows != run.shape.tokens)
      run.padded[run.paddedCount++] = {output.data, known.width};
  }
  return ok(status);
}

Program forwardProgram(const bertc_model &model) {
  const bertc_model_desc &desc = *model.desc;
  const bertc_variant &variant = desc.variants[model.variant];
  return {variant.forward, &variant.workspace, desc.outputs, desc.output_count,
          model.weights.data};
}

template <typename Inputs>
bertc_code prepareRun(bertc_session &session, const Program &program,
                      const Inputs &inputs, const bertc_output *outputs,
                      size_t outputCount, bertc_call &call, Run &run,
                      bertc_status *status) {
  const bertc_model_desc &desc = *session.model->desc;
  memset(&run, 0, sizeof(run));
  memset(&call, 0, sizeof(call));
  run.session = &session;
  run.enter = program.enter;
  run.call = &call;
  if (session.model->log >= LogLevel::Debug)
    run.begun = nowNanoseconds();
  Shape &shape = run.shape;
  bertc_code code = measure(inputs, desc, shape, status);
  if (!code)
    code = bindOutputs(program, outputs, outputCount, run, status);
  if (code)
    return code;

  uint32_t threads = session.pool.threads();
  WorkspaceLayout layout;
  if (!layoutWorkspace(*program.workspace, threads, shape, layout))
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

  call.weights = program.weights;
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
  }
  return ok(status);
}

bertc_code enterRun(Run &run, bertc_status *status) {
  bertc_session &session = *run.session;
  if (session.profiled)
    if (bertc_code code = session.profile.start(session.pool.threads(),
                                                heapAllocator(), status))
      return code;
  session.pool.run(enter, &run);
  if (session.profiled)
    if (bertc_code code = session.profile.finish(status))
      return code;

  if (session.model->log >= LogLevel::Debug)
    log("ran %lld tokens in %lld sequences, the longest %lld, on %u threads in "
        "%lld us, workspace %zu bytes",
        static_cast<long long>(run.shape.tokens),
        static_cast<long long>(run.shape.sequences),
        static_cast<long long>(run.shape.longest), session.pool.threads(),
        static_cast<long long>((nowNanoseconds() - run.begun) / 1000),
        session.workspace.size());
  return ok(status);
}

template <typename Inputs>
bertc_code runSession(bertc_session &session, const Inputs &inputs,
                      const bertc_output *outputs, size_t outputCount,
                      bertc_status *status, const Program *program) {
  if (!outputs || outputCount == 0)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "outputs is empty, expected at least one wanted output");
  bertc_call call;
  Run run;
  bertc_code code =
      prepareRun(session, program ? *program : forwardProgram(*session.model),
                 inputs, outputs, outputCount, call, run, status);
  return code ? code : enterRun(run, status);
}

template bertc_code prepareRun(bertc_session &, const Program &,
                               const bertc_padded_inputs &,
                               const bertc_output *, size_t, bertc_call &,
                               Run &, bertc_status *);
template bertc_code prepareRun(bertc_session &, const Program &,
                               const bertc_packed_inputs &,
                               const bertc_output *, size_t, bertc_call &,
                               Run &, bertc_status *);
template bertc_code runSession(bertc_session &, const bertc_padded_inputs &,
                               const bertc_output *, size_t, bertc_status *,
                               const Program *);
template bertc_code runSession(bertc_session &, const bertc_packed_inputs &,
                               const bertc_output *, size_t, bertc_status *,
                               const Program *);

} // namespace bertc::rt
