//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The life of a session. A second caller is found by an atomic flag and
// refused rather than made to wait: to wait would hide the mistake and cost
// both their speed.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Session.h"
#include "runtime/core/Structs.h"
#include "runtime/cpu/ThreadCount.h"
#include "runtime/cuda/DeviceSession.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <unistd.h>

namespace bertc::rt {

static constexpr uint32_t sessionMagic = 0x73736573; // "sess"

bertc_code resolveThreads(uint32_t wanted, uint32_t &threads,
                          bertc_status *status) {
  constexpr uint32_t most = ThreadPool::maxThreads;
  threads = wanted;
  if (wanted > most)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "threads is %u, expected at most %u", wanted, most);
  if (wanted)
    return ok(status);
  const char *text = getenv("BERTC_THREADS");
  if (!text || !*text) {
    threads = availableCpus();
    if (threads > most)
      threads = most;
    return ok(status);
  }
  threads = parseThreads(text, most);
  if (threads)
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT,
              "BERTC_THREADS is '%.100s', expected a number from 1 to %u", text,
              most);
}

static void *resize(void *, void *block, size_t bytes) {
  if (bytes)
    return realloc(block, bytes);
  free(block);
  return nullptr;
}

TextAllocator heapAllocator() { return {resize, nullptr}; }

static bertc_code checkOptions(const bertc_session_options &options,
                               bertc_status *status) {
  if (options.flags & ~(BERTC_SESSION_PROFILE | BERTC_SESSION_NO_GRAPHS))
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_session_options.flags is 0x%x, expected 0 or "
                "BERTC_SESSION_PROFILE",
                options.flags);
  if (!options.workspace && options.workspace_size)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_session_options.workspace is null, expected %zu bytes",
                options.workspace_size);
  if (options.workspace && !options.workspace_size)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_session_options.workspace_size is 0, expected the size "
                "of the workspace");
  if (reinterpret_cast<uintptr_t>(options.workspace) % BERTC_ALIGNMENT)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_session_options.workspace is at %p, expected a multiple "
                "of %d",
                options.workspace, BERTC_ALIGNMENT);
  return ok(status);
}

bertc_code createSession(bertc_model *model,
                         const bertc_session_options *options,
                         bertc_session **session, bertc_status *status) {
  if (!session)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "session is null, expected where to store the handle");
  *session = nullptr;
  bertc_session_options given;
  uint32_t threads = 0;
  bertc_code code = checkModel(model, status);
  if (!code)
    code = readStruct(options, given, "bertc_session_options", status);
  if (!code)
    code = checkOptions(given, status);
  if (!code)
    code = resolveThreads(given.threads, threads, status);
  if (code)
    return code;
  cuda::DeviceSession *device = nullptr;
  if (model->device) {
    code = cuda::createDeviceSession(*model->device, given, model->log, device,
                                     status);
    if (code)
      return code;
    threads = 1;
  }

  void *memory = nullptr;
  if (posix_memalign(&memory, alignof(bertc_session), sizeof(bertc_session))) {
    cuda::destroyDeviceSession(device);
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a session handle");
  }
  bertc_session *made = new (memory) bertc_session{};
  made->magic = sessionMagic;
  made->model = model;
  made->process = getpid();
  made->device = device;
  made->profiled = given.flags & BERTC_SESSION_PROFILE;
  made->batch.scratch = makeTextScratch(heapAllocator());
  if (given.workspace)
    made->workspace.borrow(given.workspace, given.workspace_size);
  if (int error = made->pool.start(threads, availableCpus())) {
    cuda::destroyDeviceSession(device);
    free(made);
    return fail(status, error == ENOSYS ? BERTC_INTERNAL : BERTC_OUT_OF_MEMORY,
                "cannot start %u threads: %s\nhelp: use fewer threads", threads,
                strerror(error));
  }
  retainModel(model);
  *session = made;
  if (model->log >= LogLevel::Info)
    log("made a session of %u threads on %s", threads, deviceLabel(*model));
  return ok(status);
}

void destroySession(bertc_session *session) {
  if (!session || session->magic != sessionMagic)
    return;
  // In a forked child the threads do not exist, and cannot be joined.
  if (session->process == getpid())
    session->pool.stop();
  cuda::destroyDeviceSession(session->device);
  session->workspace.release();
  TextAllocator allocator = session->batch.scratch.allocator;
  releaseTextScratch(&session->batch.scratch);
  session->batch.ids.release(allocator);
  session->batch.types.release(allocator);
  session->batch.offsets.release(allocator);
  session->profile.release(allocator);
  session->magic = 0;
  releaseModel(session->model);
  free(session);
}

bertc_code checkSession(const bertc_session *session, bertc_status *status) {
  if (!session || session->magic != sessionMagic)
    return fail(status, BERTC_INVALID_ARGUMENT,
                session ? "session is not a session, expected a handle from "
                          "session_create"
                        : "session is null, expected a handle from "
                          "session_create");
  if (session->process != getpid())
    return fail(status, BERTC_INVALID_ARGUMENT,
                "the session was made in process %d, before a fork, expected "
                "process %d\nhelp: make sessions after forking",
                static_cast<int>(session->process), static_cast<int>(getpid()));
  return ok(status);
}

SessionLock::SessionLock(bertc_session *wanted, bertc_status *status)
    : session(nullptr), result(checkSession(wanted, status)) {
  if (result)
    return;
  if (__atomic_exchange_n(&wanted->busy, 1, __ATOMIC_ACQUIRE)) {
    result = fail(status, BERTC_BUSY,
                  "the session is in use by another thread\n"
                  "help: make a session for each thread, they share the model");
    return;
  }
  session = wanted;
}

SessionLock::~SessionLock() {
  if (session)
    __atomic_store_n(&session->busy, 0, __ATOMIC_RELEASE);
}

} // namespace bertc::rt
