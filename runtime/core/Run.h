//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A run of generated code in a session, in two steps, so that a caller may add
// to the packed inputs before the code is entered.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_RUN_H
#define BERTC_RUNTIME_CORE_RUN_H

#include "runtime/core/Pairs.h"
#include "runtime/core/Session.h"

namespace bertc::rt {

/// Generated code, and what it must be given.
struct Program {
  bertc_forward_fn enter;
  const bertc_workspace *workspace;
  const bertc_output_desc *outputs;
  uint32_t outputCount;
  const uint8_t *weights;
};

/// The forward code of a session's model with its own weights.
Program forwardProgram(const bertc_model &model);

struct Run {
  /// A per-token output in the padded layout, whose other rows become zero.
  struct Padded {
    float *data;
    size_t width;
  };

  bertc_session *session;
  bertc_forward_fn enter;
  bertc_call *call; // the caller's, filled by prepareRun
  Shape shape;
  int64_t begun; // nanoseconds, if the run is logged
  uint32_t paddedCount;
  Padded padded[BERTC_MAX_OUTPUTS];
  /// The program's outputs, some of them wanted.
  const bertc_output_desc *outputs;
  uint32_t outputCount;
  PairLayout pairs;
  bool fillsPairs; // wanted matrices have floats that no code writes
  bool movesPairs; // or that it writes at other places
};

/// Checks inputs (bertc_padded_inputs or bertc_packed_inputs) and outputs,
/// packs the inputs into the session's workspace and fills `call`; the caller
/// holds the session's lock.
template <typename Inputs>
bertc_code prepareRun(bertc_session &session, const Program &program,
                      const Inputs &inputs, const bertc_output *outputs,
                      size_t outputCount, bertc_call &call, Run &run,
                      bertc_status *status);

/// Enters the program on all threads.
bertc_code enterRun(Run &run, bertc_status *status);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_CORE_RUN_H
