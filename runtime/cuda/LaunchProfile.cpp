//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel has two events of its own: with one between neighbours, the time
// that the stream waits for the next launch would be taken for a kernel's.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/LaunchProfile.h"
#include "runtime/core/Session.h"

namespace bertc::rt::cuda {

Result LaunchProfile::start(const Driver &driver, Stream stream) {
  clear();
  Result result = record(driver, stream);
  unread = !result;
  return result;
}

Result LaunchProfile::record(const Driver &driver, Stream stream) {
  if (recorded == events.size) {
    Event event = nullptr;
    if (Result result = driver.cuEventCreate(&event, 0))
      return result;
    if (!events.push(heapAllocator(), event)) {
      driver.cuEventDestroy_v2(event);
      lost = true;
      return success;
    }
  }
  Result result = driver.cuEventRecord(events.data[recorded], stream);
  recorded += !result;
  return result;
}

Result LaunchProfile::before(const Driver &driver, Stream stream) {
  return record(driver, stream);
}

Result LaunchProfile::after(const Driver &driver, Stream stream, int64_t kernel,
                            int64_t layer) {
  lost |= !marks.push(heapAllocator(), {int32_t(kernel), int32_t(layer)});
  return record(driver, stream);
}

void LaunchProfile::clear() {
  recorded = 0;
  marks.size = 0;
  made.size = 0;
  unread = lost = false;
}

bertc_code LaunchProfile::read(const DeviceModel &device,
                               bertc_status *status) {
  if (!unread)
    return ok(status);
  const Driver &driver = *device.driver;
  made.size = 0;
  lost |= !made.reserve(heapAllocator(), marks.size);
  if (lost)
    return fail(status, BERTC_OUT_OF_MEMORY,
                "no memory for a profile\nhelp: profile a smaller batch");
  Event first = events.data[0];
  Result result = driver.cuEventSynchronize(events.data[recorded - 1]);
  // A float has nanoseconds up to some ten milliseconds, and is never off by
  // more than a ten-millionth.
  auto sinceBegin = [&](Event event) {
    float milliseconds = 0;
    if (!result)
      result = driver.cuEventElapsedTime(&milliseconds, first, event);
    return int64_t(double(milliseconds) * 1e6);
  };
  for (size_t i = 0; i < marks.size && !result; ++i) {
    bertc_phase_record record = {};
    record.phase = marks.data[i].kernel;
    record.layer = marks.data[i].layer;
    record.begin_ns = sinceBegin(events.data[1 + 2 * i]);
    record.end_ns = sinceBegin(events.data[2 + 2 * i]);
    made.push(heapAllocator(), record);
  }
  if (result) {
    made.size = 0;
    return failCuda(status, driver, result,
                    "cannot read the profile of a run on %s",
                    device.facts.label);
  }
  unread = false;
  return ok(status);
}

void LaunchProfile::release(const Driver &driver) {
  for (size_t i = 0; i < events.size; ++i)
    driver.cuEventDestroy_v2(events.data[i]);
  forget();
}

void LaunchProfile::forget() {
  clear();
  events.release(heapAllocator());
  marks.release(heapAllocator());
  made.release(heapAllocator());
}

} // namespace bertc::rt::cuda
