//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything the stand-in driver knows, under one lock.
//
// Work of a stream waits in a queue until something waits for it, as it may on
// a device: a program that reads a result, or reuses memory, too early is found
// out.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_DRIVER_STATE_H
#define BERTC_TOOLS_GPU_EMULATOR_DRIVER_STATE_H

#include "runtime/cuda/Driver.h"
#include "tools/gpu-emulator/Emulator.h"
#include "tools/gpu-emulator/driver/Settings.h"
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

// Every function with the type that the runtime calls it with.
namespace bertc::rt::cuda {
#define BERTC_STANDIN_DECLARE(name, parameters)                                \
  extern "C" __attribute__((visibility("default"))) Result name parameters;
BERTC_CUDA_FUNCTIONS(BERTC_STANDIN_DECLARE)
BERTC_CUDA_OPTIONAL_FUNCTIONS(BERTC_STANDIN_DECLARE)
#undef BERTC_STANDIN_DECLARE

/// More of CUDA_ERROR_*.
enum : Result {
  invalidContext = 201,
  invalidHandle = 400,
  illegalAddress = 700,
  notReady = 600,
  captureUnsupported = 900,
  captureInvalidated = 901,
  captureUnmatched = 903,
};

using Work = std::function<Result()>;

struct StreamHandle {
  Context context = nullptr;
  std::deque<Work> queue;
  uint64_t submitted = 0, done = 0;
  bool working = false; ///< On the work that was first in the queue.
  bool capturing = false, invalidated = false;
  std::thread::id capturer;
  std::vector<Work> captured;
};

/// When a stream came by an event, which may be gone by then.
struct EventTime {
  bool reached = false;
  std::chrono::steady_clock::time_point time;
};

struct EventHandle {
  Context context = nullptr;
  Stream stream = nullptr; ///< Null: not recorded yet.
  uint64_t position = 0;   ///< When that much of the stream is done.
  bool timed = false;
  std::shared_ptr<EventTime> time; ///< Of the last record.
};

struct GraphHandle {
  std::vector<Work> work;
};
struct GraphExecHandle {
  std::vector<Work> work;
};

struct FunctionHandle {
  Context context = nullptr;
  std::string name;
  const emulator::EmulatedKernel *kernel = nullptr;
  std::vector<uint32_t> parameterBytes;
  int maxDynamicShared = 48 << 10;
};

struct ModuleHandle {
  std::map<std::string, FunctionHandle> functions;
};

struct ContextHandle {
  DeviceId device = 0;
  unsigned users = 0;
  uint64_t used = 0;        ///< Bytes.
  Result failure = success; ///< Of a kernel; the context is lost.
  StreamHandle *legacy = nullptr;
  std::set<Stream> streams; ///< Also the legacy one.
  std::set<Event> events;
  std::set<Module> modules;
};
} // namespace bertc::rt::cuda

namespace bertc::standin {

namespace cuda = rt::cuda;

struct Allocation {
  cuda::Context context = nullptr;
  size_t bytes = 0;
};

struct State {
  std::recursive_mutex mutex;
  bool started = false;
  Settings settings;
  std::map<std::string, uint64_t> calls;
  std::vector<cuda::Context> contexts; ///< Of each device, or null.
  std::map<uint64_t, Allocation> memory, pinned;
  std::set<cuda::Graph> graphs;
  std::set<cuda::GraphExec> execs;
  uint64_t leaks = 0; ///< What was there when its context was destroyed.
};
State &state();

/// What must hold for a call.
enum class Needs {
  Nothing,
  Started,  ///< cuInit was called.
  Context,  ///< One is current, and no kernel failed in it.
  NoCapture ///< And this thread is not capturing, or the capture fails.
};

/// At the beginning of each function: takes the lock, counts the call, and
/// fails if it was told to or must.
class Entered {
public:
  Entered(const char *name, Needs needs);
  cuda::Result result = cuda::success;
  /// The current context.
  cuda::Context context = nullptr;

private:
  std::unique_lock<std::recursive_mutex> lock;
};

#define BERTC_STANDIN_ENTER(name, needs)                                       \
  bertc::standin::Entered entered(#name, bertc::standin::Needs::needs);        \
  if (entered.result)                                                          \
    return entered.result;

/// Says on standard error why a call is wrong, and returns `result`.
__attribute__((format(printf, 2, 3))) cuda::Result
refuse(cuda::Result result, const char *format, ...);

/// The stream of the context, or null if there is none such.
cuda::Stream findStream(cuda::Context context, cuda::Stream stream);

/// Puts work into a stream, or into its capture.
cuda::Result submit(cuda::Stream stream, cuda::Work work);

/// Does the work of a stream up to a position, or all of it.
cuda::Result drain(cuda::Stream stream, uint64_t position = ~uint64_t(0));
/// Of all streams of a context.
cuda::Result drainAll(cuda::Context context);

/// Whether [address, address + bytes) lies in one of `ranges`.
bool isInside(const std::map<uint64_t, Allocation> &ranges, uint64_t address,
              uint64_t bytes);

} // namespace bertc::standin

#endif // BERTC_TOOLS_GPU_EMULATOR_DRIVER_STATE_H
