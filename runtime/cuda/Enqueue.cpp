//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first run of its kind is launched kernel by kernel, so that a shape that
// never comes again costs no graph; the second is captured. Capturing happens
// on the session's own stream, whatever stream the graph then runs on.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Enqueue.h"

#include <cstring>

namespace bertc::rt::cuda {

namespace {

/// What launch() works with, and the first error.
struct LaunchState {
  const DeviceModel *device;
  Stream stream;
  bool wait;              // for each kernel
  LaunchProfile *profile; // or null
  int64_t layer;
  Result result;
  int64_t kernel; // that it is about, -1: a copy
  bool badMark;   // it is about an event of the profile
  bool badKernel; // host code launched one that does not exist
  int64_t grid[3];
  bool tooManyBlocks; // in that grid
  bool badMap;        // the driver refused that of:
  bertc_tensor_desc tensor;
};

} // namespace

/// Of a grid, on every device.
static constexpr int64_t mostBlocks[] = {INT32_MAX, 65535, 65535};

bertc_device_call makeCall(const DeviceSession &session, const Shape &shape) {
  bertc_device_call call;
  memset(&call, 0, sizeof(call));
  call.weights = session.weights;
  call.workspace = session.memory;
  call.output_rows = session.constants;
  call.tokens = shape.tokens;
  call.sequences = shape.sequences;
  call.longest = shape.longest;
  call.multiprocessors = session.device->facts.multiprocessors;
  return call;
}

/// Blocks along y, of `gridY`, that share all work.
static int64_t sharedRows(const bertc_kernel_desc &kernel, int64_t resident,
                          int64_t gridX, int64_t gridY) {
  int64_t cluster = kernel.cluster ? kernel.cluster : 1;
  int64_t clusters = resident / gridX / cluster;
  int64_t rows = (clusters ? clusters : 1) * cluster;
  return gridY < rows ? gridY : rows;
}

static void enterLayer(const bertc_device_call *call, int64_t layer) {
  static_cast<LaunchState *>(call->launch_state)->layer = layer;
}

static void launch(const bertc_device_call *call, int64_t kernel, int64_t gridX,
                   int64_t gridY, int64_t gridZ, void **params) {
  LaunchState &state = *static_cast<LaunchState *>(call->launch_state);
  if (state.result || state.badKernel)
    return;
  state.kernel = kernel;
  const DeviceModel &device = *state.device;
  if (kernel < 0 || uint64_t(kernel) >= device.variant->kernel_count) {
    state.badKernel = true;
    return;
  }
  state.grid[0] = gridX;
  state.grid[1] = gridY;
  state.grid[2] = gridZ;
  const bertc_kernel_desc &desc = device.variant->kernels[kernel];
  int64_t resident = device.residentBlocks[kernel];
  if (resident && gridX >= 1)
    state.grid[1] = gridY = sharedRows(desc, resident, gridX, gridY);
  bool isEmpty = gridX < 1 || gridY < 1 || gridZ < 1;
  state.tooManyBlocks =
      gridX > mostBlocks[0] || gridY > mostBlocks[1] || gridZ > mostBlocks[2];
  if (isEmpty || state.tooManyBlocks) {
    state.result = invalidValue;
    return;
  }
  LaunchProfile *profile = state.profile;
  if (profile)
    state.result = profile->before(*device.driver, state.stream);
  state.badMark = state.result;
  if (state.result)
    return;
  state.result = device.driver->cuLaunchKernel(
      device.functions[kernel], unsigned(gridX), unsigned(gridY),
      unsigned(gridZ), desc.threads, 1, 1, desc.shared_bytes, state.stream,
      params, nullptr);
  if (profile && !state.result) {
    state.result =
        profile->after(*device.driver, state.stream, kernel, state.layer);
    state.badMark = state.result;
  }
  if (state.wait && !state.result)
    state.result = device.driver->cuStreamSynchronize(state.stream);
}

/// Numbers of CUDA for what a tensor's description says; false if it is wrong.
static bool encoding(const bertc_tensor_desc &tensor, int &type, int &swizzle) {
  switch (tensor.element) {
  case BERTC_ELEMENT_BF16:
    type = mapBFloat16;
    break;
  case BERTC_ELEMENT_F16:
    type = mapFloat16;
    break;
  case BERTC_ELEMENT_F32:
    type = mapFloat32;
    break;
  default:
    return false;
  }
  switch (tensor.swizzle) {
  case 0:
    swizzle = mapSwizzleNone;
    return true;
  case 32:
    swizzle = mapSwizzle32;
    return true;
  case 64:
    swizzle = mapSwizzle64;
    return true;
  case 128:
    swizzle = mapSwizzle128;
    return true;
  default:
    return false;
  }
}

static void encodeMap(const bertc_device_call *call,
                      const bertc_tensor_desc *tensor, void *map) {
  LaunchState &state = *static_cast<LaunchState *>(call->launch_state);
  if (state.result || state.badKernel)
    return;
  const Driver &driver = *state.device->driver;
  int type = 0, swizzle = 0;
  if (!driver.cuTensorMapEncodeTiled || tensor->columns < 1 ||
      tensor->rows < 1 || !encoding(*tensor, type, swizzle)) {
    state.result = invalidValue;
  } else {
    const unsigned long long sizes[] = {
        static_cast<unsigned long long>(tensor->columns),
        static_cast<unsigned long long>(tensor->rows)};
    const unsigned long long stride =
        static_cast<unsigned long long>(tensor->row_bytes);
    const unsigned box[] = {tensor->box_columns, tensor->box_rows};
    const unsigned steps[] = {1, 1};
    state.result = driver.cuTensorMapEncodeTiled(
        static_cast<TensorMapBytes *>(map), type, 2,
        reinterpret_cast<void *>(tensor->address), sizes, &stride, box, steps,
        mapNotInterleaved, swizzle, mapLevelTwo128, mapFillZeros);
  }
  if (state.result) {
    state.badMap = true;
    state.tensor = *tensor;
  }
}

static bertc_code failMap(const LaunchState &state, bertc_status *status) {
  const bertc_tensor_desc &tensor = state.tensor;
  return failCuda(
      status, *state.device->driver, state.result,
      "no tensor map on %s of %lld x %lld elements of kind %u at 0x%llx, rows "
      "of %lld bytes, in boxes of %u x %u, permuted in %u bytes",
      state.device->facts.label, static_cast<long long>(tensor.rows),
      static_cast<long long>(tensor.columns), tensor.element,
      static_cast<unsigned long long>(tensor.address),
      static_cast<long long>(tensor.row_bytes), tensor.box_rows,
      tensor.box_columns, tensor.swizzle);
}

static bertc_code failLaunch(const LaunchState &state, bertc_status *status) {
  const DeviceModel &device = *state.device;
  const char *label = device.facts.label;
  if (state.badKernel)
    return fail(status, BERTC_INTERNAL,
                "the code of %.60s launches kernel %lld, expected 0 to %llu",
                device.variant->name, static_cast<long long>(state.kernel),
                static_cast<unsigned long long>(device.variant->kernel_count) -
                    1);
  if (state.badMap)
    return failMap(state, status);
  if (state.badMark)
    return failCuda(status, *device.driver, state.result,
                    "cannot keep a profile of a run on %s", label);
  if (state.tooManyBlocks)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "the batch is too large for kernel '%.100s' on %s: its grid is "
                "%lld x %lld x %lld blocks, expected at most %lld x %lld x "
                "%lld\n"
                "help: run fewer sequences at a time",
                device.variant->kernels[state.kernel].name, label,
                static_cast<long long>(state.grid[0]),
                static_cast<long long>(state.grid[1]),
                static_cast<long long>(state.grid[2]),
                static_cast<long long>(mostBlocks[0]),
                static_cast<long long>(mostBlocks[1]),
                static_cast<long long>(mostBlocks[2]));
  if (state.kernel < 0)
    return failCuda(status, *device.driver, state.result,
                    "cannot copy to or from %s", label);
  return failCuda(
      status, *device.driver, state.result,
      "kernel '%.100s' failed on %s with a grid of %lld x %lld x %lld blocks",
      device.variant->kernels[state.kernel].name, label,
      static_cast<long long>(state.grid[0]),
      static_cast<long long>(state.grid[1]),
      static_cast<long long>(state.grid[2]));
}

/// Begins the profile of a run, if it is wanted.
static void startProfile(LaunchState &state, const DeviceSession &session,
                         const HostCode &code) {
  state.profile = code.profiled ? session.profile : nullptr;
  if (state.profile)
    state.result = state.profile->start(*state.device->driver, state.stream);
  state.badMark = state.result;
}

static bertc_code finishLaunches(const LaunchState &state,
                                 bertc_status *status) {
  if (!state.result && !state.badKernel)
    return ok(status);
  if (state.profile)
    state.profile->clear();
  return failLaunch(state, status);
}

/// Copies and kernels one by one.
static void put(LaunchState &state, const bertc_device_call &call,
                const HostCode &code, const StagedCopies *copies) {
  const DeviceModel &device = *state.device;
  const Driver &driver = *device.driver;
  if (copies && copies->inputs.bytes && !state.result)
    state.result =
        driver.cuMemcpyHtoDAsync_v2(copies->inputs.device, copies->inputs.host,
                                    copies->inputs.bytes, state.stream);
  for (uint32_t i = 0; copies && i < copies->outputCount; ++i)
    if (const auto &copy = copies->outputs[i]; copy.zeroed && !state.result)
      state.result =
          driver.cuMemsetD8Async(copy.device, 0, copy.bytes, state.stream);
  if (!state.result)
    code.enter(&call, code.argument);
  if (!copies || state.result || state.badKernel)
    return;
  for (uint32_t i = 0; i < copies->outputCount && !state.result; ++i) {
    const StagedCopies::Copy &copy = copies->outputs[i];
    state.result = driver.cuMemcpyDtoHAsync_v2(copy.host, copy.device,
                                               copy.bytes, state.stream);
    if (state.result)
      state.kernel = -1;
  }
}

/// Makes a graph of the run, or returns an error.
static bertc_code capture(DeviceSession &session, LaunchState state,
                          bertc_device_call &call, const HostCode &host,
                          const StagedCopies *copies, GraphExec &graph,
                          bertc_status *status) {
  const Driver &driver = *state.device->driver;
  const char *label = state.device->facts.label;
  state.stream = session.stream;
  call.launch_state = &state;
  if (Result result = driver.cuStreamBeginCapture_v2(session.stream,
                                                     captureModeThreadLocal))
    return failCuda(status, driver, result, "cannot begin a CUDA graph on %s",
                    label);
  put(state, call, host, copies);
  // The stream must leave its capture whatever happened.
  Graph captured = nullptr;
  Result result = driver.cuStreamEndCapture(session.stream, &captured);
  bertc_code code = finishLaunches(state, status);
  if (!code && !result)
    result = driver.cuGraphInstantiateWithFlags(&graph, captured, 0);
  if (!code && result)
    code = failCuda(status, driver, result, "cannot make a CUDA graph on %s",
                    label);
  if (captured)
    driver.cuGraphDestroy(captured);
  return code;
}

static LaunchState makeState(const DeviceSession &session, Stream stream,
                             bertc_device_call &call) {
  LaunchState state = {};
  state.device = session.device;
  state.stream = stream;
  state.wait = session.waitForKernels;
  state.kernel = state.layer = -1;
  call.launch = launch;
  call.encode_map = encodeMap;
  call.enter_layer = enterLayer;
  return state;
}

static void enterForward(const bertc_device_call *call, void *function) {
  (*static_cast<const bertc_device_forward_fn *>(function))(call);
}

HostCode forwardCode(const DeviceSession &session) {
  HostCode code = {};
  auto *variant = const_cast<bertc_device_variant *>(session.device->variant);
  code.enter = enterForward;
  code.argument = &variant->forward;
  code.identity = code.argument;
  code.profiled = true;
  return code;
}

bertc_code launchKernels(DeviceSession &session, bertc_device_call &call,
                         const HostCode &code, bertc_status *status) {
  LaunchState state = makeState(session, session.stream, call);
  call.launch_state = &state;
  startProfile(state, session, code);
  if (!state.result)
    code.enter(&call, code.argument);
  return finishLaunches(state, status);
}

bertc_code enqueue(DeviceSession &session, bertc_device_call &call,
                   const HostCode &host, const StagedCopies *copies,
                   Stream stream, bool mayUseGraph, bertc_status *status) {
  const DeviceModel &device = *session.device;
  const Driver &driver = *device.driver;
  LaunchState state = makeState(session, stream, call);

  GraphCache::Entry *entry = nullptr;
  if (mayUseGraph && session.graphsWanted)
    entry = session.graphs.find(driver, call, host, copies);
  if (entry && !entry->graph)
    if (bertc_code code =
            capture(session, state, call, host, copies, entry->graph, status))
      return code;
  if (entry) {
    if (Result result = driver.cuGraphLaunch(entry->graph, stream))
      return failCuda(status, driver, result, "a CUDA graph failed on %s",
                      device.facts.label);
    return ok(status);
  }
  call.launch_state = &state;
  startProfile(state, session, host);
  put(state, call, host, copies);
  return finishLaunches(state, status);
}

} // namespace bertc::rt::cuda
