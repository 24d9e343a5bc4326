//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A session: the threads and the memory of one caller. The model's generated
// code runs here.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_SESSION_H
#define BERTC_RUNTIME_CORE_SESSION_H

#include "runtime/core/Model.h"
#include "runtime/core/Profile.h"
#include "runtime/core/Workspace.h"
#include "runtime/cpu/ThreadPool.h"

#include <sys/types.h>

namespace bertc::rt {

namespace cuda {
struct DeviceSession;
} // namespace cuda

/// Tokens of the texts of one batch, kept from call to call.
struct TextBatch {
  TextScratch scratch;
  Buffer<int32_t> ids;
  Buffer<int32_t> types;
  Buffer<int32_t> offsets;
};

} // namespace bertc::rt

struct bertc_session {
  uint32_t magic; // tells a session from other memory
  uint32_t busy;  // 1 while a caller is inside
  bertc_model *model;
  bertc::rt::ThreadPool pool;
  bertc::rt::Workspace workspace;
  bertc::rt::TextBatch batch;
  bool profiled; // BERTC_SESSION_PROFILE
  bertc::rt::Profile profile;
  pid_t process;                          // that made the threads
  bertc::rt::cuda::DeviceSession *device; // null on the processor
};

namespace bertc::rt {

/// The number of threads for a caller who asked for `wanted` (0: the default,
/// which BERTC_THREADS may set).
bertc_code resolveThreads(uint32_t wanted, uint32_t &threads,
                          bertc_status *status);

bertc_code createSession(bertc_model *model,
                         const bertc_session_options *options,
                         bertc_session **session, bertc_status *status);
void destroySession(bertc_session *session);

/// An error unless `session` is a session of this process.
bertc_code checkSession(const bertc_session *session, bertc_status *status);

/// Memory for texts and profiles, from realloc.
TextAllocator heapAllocator();

/// Keeps other callers out of a session during one call.
class SessionLock {
public:
  /// Check code() before use.
  SessionLock(bertc_session *session, bertc_status *status);
  ~SessionLock();
  SessionLock(const SessionLock &) = delete;
  SessionLock &operator=(const SessionLock &) = delete;

  bertc_code code() const { return result; }

private:
  bertc_session *session;
  bertc_code result;
};

struct Program;

/// Runs a program, which is the model's own if null; the caller holds the lock.
/// Inputs are bertc_padded_inputs or bertc_packed_inputs.
template <typename Inputs>
bertc_code runSession(bertc_session &session, const Inputs &inputs,
                      const bertc_output *outputs, size_t outputCount,
                      bertc_status *status, const Program *program = nullptr);

} // namespace bertc::rt

#endif
