//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of the public API, and the functions that need no more than a few
// lines. It is the only file that refers to the model description, so a
// program may link the rest of the runtime without a model.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Info.h"
#include "runtime/core/Session.h"
#include "runtime/core/Structs.h"
#include "runtime/core/Text.h"
#include "runtime/cuda/DeviceRun.h"

namespace bertc::rt {

static bertc_code modelOpen(const bertc_model_options *options,
                            bertc_model **model, bertc_status *status) {
  return openModel(bertc_model_description, detectCpu(), options, model,
                   status);
}

static void modelClose(bertc_model *model) {
  if (!checkModel(model, nullptr))
    releaseModel(model);
}

static bertc_code sessionInfo(const bertc_session *session,
                              bertc_session_info *info, bertc_status *status) {
  if (bertc_code code = checkSession(session, status))
    return code;
  bertc_session_info known = {};
  known.threads = session->pool.threads();
  known.workspace_size = session->workspace.size();
  if (const cuda::DeviceSession *device = session->device) {
    known.workspace_size = device->memorySize;
    known.staging_size = device->stagingSize;
    known.graphs = device->graphs.count();
  }
  return fillStruct(known, info, "bertc_session_info", status);
}

/// The checks that both kinds of run share.
template <typename Inputs>
static bertc_code run(bertc_session *session, const Inputs *inputs,
                      const char *name, const bertc_output *outputs,
                      size_t outputCount, bertc_status *status) {
  SessionLock lock(session, status);
  if (lock.code())
    return lock.code();
  if (!inputs)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s is null, expected a pointer to a struct", name);
  Inputs given;
  if (bertc_code code = readStruct(inputs, given, name, status))
    return code;
  return runSession(*session, given, outputs, outputCount, status);
}

static bertc_code runPadded(bertc_session *session,
                            const bertc_padded_inputs *inputs,
                            const bertc_output *outputs, size_t outputCount,
                            bertc_status *status) {
  return run(session, inputs, "bertc_padded_inputs", outputs, outputCount,
             status);
}

static bertc_code runPacked(bertc_session *session,
                            const bertc_packed_inputs *inputs,
                            const bertc_output *outputs, size_t outputCount,
                            bertc_status *status) {
  return run(session, inputs, "bertc_packed_inputs", outputs, outputCount,
             status);
}

static constexpr bertc_api table = {
    sizeof(bertc_api), BERTC_API_VERSION, /*reserved=*/0, modelOpen,
    modelClose,        modelInfo,         outputInfo,     variantInfo,
    workspaceSize,     createSession,     destroySession, sessionInfo,
    runPadded,         runPacked,         tokenize,       tokenText,
    embedTexts,        phaseInfo,         sessionProfile, cuda::runDevice,
};

} // namespace bertc::rt

extern "C" const bertc_api *bertc_get_api(uint32_t version) {
  return version == BERTC_API_VERSION ? &bertc::rt::table : nullptr;
}
