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
#include "runtime/core/Outputs.h"
#include "runtime/cuda/DeviceRun.h"

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

/// This thread's share of the matrices of all wanted per-pair outputs.
static void eachPairs(const Run &run, int64_t tid,
                      void (*change)(const PairLayout &, float *, int64_t,
                                     int64_t, int64_t)) {
  for (uint32_t i = 0; i < run.outputCount; ++i) {
    float *output = run.call->outputs[i];
    if (!output || run.outputs[i].kind != BERTC_PER_PAIR)
      continue;
    int64_t heads = run.outputs[i].width, threads = run.call->threads;
    int64_t matrices = run.call->sequences * heads;
    change(run.pairs, output, heads, matrices * tid / threads,
           matrices * (tid + 1) / threads);
  }
}

static void enter(void *argument, int64_t tid) {
  const Run &run = *static_cast<const Run *>(argument);
  FloatMode mode;
  if (run.paddedCount)
    zeroGaps(run, tid);
  if (run.fillsPairs)
    eachPairs(run, tid, zeroPairs);
  run.enter(run.call, tid);
  if (run.movesPairs)
    run.call->barrier(run.call, tid);
  if (run.call->phase)
    run.call->phase(run.call, tid, Profile::end, -1);
  if (run.movesPairs)
    eachPairs(run, tid, movePairs);
}

/// Notes which outputs have rows that no token is written to.
static void listPadded(const Program &program, Run &run) {
  for (uint32_t i = 0; i < program.outputCount; ++i) {
    const bertc_output_desc &known = program.outputs[i];
    if (run.call->outputs[i] && known.kind == BERTC_PER_TOKEN &&
        run.shape.rows != run.shape.tokens)
      run.padded[run.paddedCount++] = {run.call->outputs[i], known.width};
  }
}

/// Notes what is to be done for wanted per-pair outputs; the inputs are packed.
static void planPairs(const Program &program, const PackedArrays &arrays,
                      Run &run) {
  run.outputs = program.outputs;
  run.outputCount = program.outputCount;
  const Shape &shape = run.shape;
  bool wanted = false;
  for (uint32_t i = 0; i < program.outputCount; ++i)
    wanted |= run.call->outputs[i] && program.outputs[i].kind == BERTC_PER_PAIR;
  if (!wanted)
    return;
  run.pairs = layoutPairs(shape, arrays);
  run.fillsPairs = shape.tokens != shape.sequences * shape.pairLength;
  for (int64_t i = 0; run.fillsPairs && i < shape.sequences; ++i)
    run.movesPairs |= !run.pairs.isCompact(i);
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
    code = bindOutputs(program.outputs, program.outputCount, outputs,
                       outputCount, shape, call.outputs, status);
  if (code)
    return code;
  listPadded(program, run);

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

  planPairs(program, arrays, run);
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
  call.pair_length = shape.pairLength;
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
  if (bertc_code code = checkWanted(outputs, outputCount, status))
    return code;
  if (session.device)
    return cuda::runOnDevice(session, inputs, outputs, outputCount, status);
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
