//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the time of a run on a device goes. The stream itself notes the times
// of events before and behind each kernel; they are read when someone asks for
// the records, which waits for the run.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CUDA_LAUNCHPROFILE_H
#define BERTC_RUNTIME_CUDA_LAUNCHPROFILE_H

#include "runtime/cuda/DeviceModel.h"
#include "runtime/text/Buffer.h"

namespace bertc::rt::cuda {

class LaunchProfile {
public:
  /// A run begins in `stream`; its records replace those of the last one.
  Result start(const Driver &driver, Stream stream);
  /// Around the launch of a kernel.
  Result before(const Driver &driver, Stream stream);
  Result after(const Driver &driver, Stream stream, int64_t kernel,
               int64_t layer);
  /// The run failed: it has no records.
  void clear();

  /// Makes the records of the run, for which it waits; the context is current.
  bertc_code read(const DeviceModel &device, bertc_status *status);
  const bertc_phase_record *records() const { return made.data; }
  size_t count() const { return made.size; }

  void release(const Driver &driver);
  /// The same in a process where the events do not exist.
  void forget();

private:
  struct Mark {
    int32_t kernel, layer;
  };
  Result record(const Driver &driver, Stream stream);

  /// The first is that of the run's begin, then there are two for each mark.
  /// They stay for the next run.
  Buffer<Event> events = {};
  size_t recorded = 0;
  Buffer<Mark> marks = {};
  Buffer<bertc_phase_record> made = {};
  bool unread = false;
  bool lost = false; // memory ran out
};

} // namespace bertc::rt::cuda

#endif // BERTC_RUNTIME_CUDA_LAUNCHPROFILE_H
