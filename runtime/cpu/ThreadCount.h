//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How many threads a session gets by default: what the processor affinity and
// the cgroup CPU quota of the process allow. A container with a quota of two
// processors on a machine of 64 shows 64, and 64 threads there would wait for
// each other.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CPU_THREADCOUNT_H
#define BERTC_RUNTIME_CPU_THREADCOUNT_H

#include <cstddef>
#include <cstdint>

namespace bertc::rt {

/// Processors in the affinity mask of the calling thread, at least 1.
uint32_t affinityCpus();

/// Processors that the tightest quota allows of the cgroup that `cgroupFile`
/// ("/proc/self/cgroup") names, or of one above it, rounded up; 0 if there is
/// none. `mount` ("/sys/fs/cgroup") holds version 2, or the controllers of
/// version 1.
uint32_t cgroupCpus(const char *cgroupFile, const char *mount);

/// The smaller of both, at least 1.
uint32_t availableCpus();

/// Reads a decimal number of threads, 1 to `most`; 0 if it is not one.
uint32_t parseThreads(const char *text, uint32_t most);

} // namespace bertc::rt

#endif
