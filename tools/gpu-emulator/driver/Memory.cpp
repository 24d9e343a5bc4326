//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory of the device is memory of the host, filled with not-a-number, so that
// who reads what was never written sees it. Each allocation is global memory of
// the emulator by itself.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/driver/State.h"
#include <cstdlib>
#include <cstring>

using namespace bertc;
using namespace bertc::standin;

namespace bertc::rt::cuda {

static uint64_t freeBytes(Context context) {
  return state().settings.memory -
         std::min(state().settings.memory, context->used);
}

Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  BERTC_STANDIN_ENTER(cuMemGetInfo_v2, Context)
  *free = freeBytes(entered.context);
  *total = state().settings.memory;
  return success;
}

static void *allocate(size_t bytes) {
  // A gap behind each block: the end of one must not look like the next one.
  constexpr size_t gap = 256;
  void *block = nullptr;
  if (bytes > SIZE_MAX - 2 * gap ||
      posix_memalign(&block, gap, (bytes + 2 * gap) / gap * gap))
    return nullptr;
  return block;
}

Result cuMemAlloc_v2(DeviceAddress *address, size_t bytes) {
  BERTC_STANDIN_ENTER(cuMemAlloc_v2, NoCapture)
  if (!bytes)
    return invalidValue;
  if (bytes > freeBytes(entered.context))
    return outOfMemory;
  void *block = allocate(bytes);
  if (!block)
    return outOfMemory;
  memset(block, 0xff, bytes);
  auto start = reinterpret_cast<uint64_t>(block);
  state().memory[start] = {entered.context, bytes};
  entered.context->used += bytes;
  static unsigned number = 0;
  emulator::registerMemory(block, bytes,
                           "cuMemAlloc " + std::to_string(++number));
  *address = start;
  return success;
}

Result cuMemFree_v2(DeviceAddress address) {
  BERTC_STANDIN_ENTER(cuMemFree_v2, NoCapture)
  auto found = state().memory.find(address);
  if (found == state().memory.end() || found->second.context != entered.context)
    return refuse(invalidValue, "cuMemFree of 0x%llx, which was not allocated",
                  address);
  if (Result result = drainAll(entered.context))
    return result;
  auto *block = reinterpret_cast<void *>(address);
  emulator::unregisterMemory(block);
  entered.context->used -= found->second.bytes;
  state().memory.erase(found);
  free(block);
  return success;
}

Result cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
  BERTC_STANDIN_ENTER(cuMemHostAlloc, NoCapture)
  if (!bytes)
    return invalidValue;
  *memory = allocate(bytes);
  if (!*memory)
    return outOfMemory;
  memset(*memory, 0xff, bytes);
  state().pinned[reinterpret_cast<uint64_t>(*memory)] = {entered.context,
                                                         bytes};
  return success;
}

Result cuMemFreeHost(void *memory) {
  BERTC_STANDIN_ENTER(cuMemFreeHost, NoCapture)
  auto found = state().pinned.find(reinterpret_cast<uint64_t>(memory));
  if (found == state().pinned.end())
    return refuse(invalidValue, "cuMemFreeHost of %p, which was not allocated",
                  memory);
  if (Result result = drainAll(entered.context))
    return result;
  state().pinned.erase(found);
  free(memory);
  return success;
}

static bool isDevice(DeviceAddress address, size_t bytes) {
  return isInside(state().memory, address, bytes);
}
static bool isPinned(const void *memory, size_t bytes) {
  return isInside(state().pinned, reinterpret_cast<uint64_t>(memory), bytes);
}

Result cuMemcpyHtoD_v2(DeviceAddress to, const void *from, size_t bytes) {
  BERTC_STANDIN_ENTER(cuMemcpyHtoD_v2, NoCapture)
  if (!isDevice(to, bytes))
    return refuse(invalidValue,
                  "cuMemcpyHtoD of %zu bytes to 0x%llx, which "
                  "is not all memory of the device",
                  bytes, to);
  // It may still be on its way when the call returns: memory that is not
  // pinned was read, and the legacy stream has to be waited for.
  std::vector<char> staged(static_cast<const char *>(from),
                           static_cast<const char *>(from) + bytes);
  return submit(entered.context->legacy, [=, staged = std::move(staged)] {
    if (!isDevice(to, bytes))
      return Result(illegalAddress);
    memcpy(reinterpret_cast<void *>(to), staged.data(), bytes);
    return Result(success);
  });
}

/// A copy between pinned memory and the device. What is freed meanwhile is
/// noticed when the stream gets there.
static Result copyAsync(Entered &entered, void *to, const void *from,
                        DeviceAddress device, const void *host, size_t bytes,
                        Stream stream) {
  stream = findStream(entered.context, stream);
  if (!stream)
    return refuse(invalidHandle, "a copy in a stream that does not exist");
  if (!isPinned(host, bytes))
    return refuse(invalidValue,
                  "an asynchronous copy of %zu bytes at %p, "
                  "which is not pinned memory",
                  bytes, host);
  if (!isDevice(device, bytes))
    return refuse(invalidValue,
                  "a copy of %zu bytes at 0x%llx, which is not "
                  "all memory of the device",
                  bytes, device);
  return submit(stream, [=] {
    if (!isPinned(host, bytes) || !isDevice(device, bytes))
      return refuse(illegalAddress,
                    "a copy of %zu bytes between %p and "
                    "0x%llx, one of which was freed",
                    bytes, host, device);
    memcpy(to, from, bytes);
    return Result(success);
  });
}

Result cuMemcpyHtoDAsync_v2(DeviceAddress to, const void *from, size_t bytes,
                            Stream stream) {
  BERTC_STANDIN_ENTER(cuMemcpyHtoDAsync_v2, Context)
  return copyAsync(entered, reinterpret_cast<void *>(to), from, to, from, bytes,
                   stream);
}

Result cuMemcpyDtoH_v2(void *to, DeviceAddress from, size_t bytes) {
  BERTC_STANDIN_ENTER(cuMemcpyDtoH_v2, NoCapture)
  if (!isDevice(from, bytes))
    return refuse(invalidValue,
                  "cuMemcpyDtoH of %zu bytes from 0x%llx, which "
                  "is not all memory of the device",
                  bytes, from);
  Result result = drain(entered.context->legacy);
  if (!result)
    memcpy(to, reinterpret_cast<const void *>(from), bytes);
  return result;
}

Result cuMemcpyDtoHAsync_v2(void *to, DeviceAddress from, size_t bytes,
                            Stream stream) {
  BERTC_STANDIN_ENTER(cuMemcpyDtoHAsync_v2, Context)
  return copyAsync(entered, to, reinterpret_cast<const void *>(from), from, to,
                   bytes, stream);
}

Result cuMemsetD8Async(DeviceAddress to, unsigned char value, size_t bytes,
                       Stream stream) {
  BERTC_STANDIN_ENTER(cuMemsetD8Async, Context)
  stream = findStream(entered.context, stream);
  if (!stream)
    return invalidHandle;
  if (!isDevice(to, bytes))
    return refuse(invalidValue,
                  "cuMemsetD8Async of %zu bytes at 0x%llx, which is not all "
                  "memory of the device",
                  bytes, to);
  return submit(stream, [=] {
    if (!isDevice(to, bytes))
      return Result(illegalAddress);
    memset(reinterpret_cast<void *>(to), value, bytes);
    return Result(success);
  });
}

Result cuPointerGetAttribute(void *value, int what, DeviceAddress address) {
  BERTC_STANDIN_ENTER(cuPointerGetAttribute, Started)
  const std::map<uint64_t, Allocation> *ranges =
      isDevice(address, 1)                   ? &state().memory
      : isInside(state().pinned, address, 1) ? &state().pinned
                                             : nullptr;
  if (!ranges)
    return invalidValue;
  const Allocation &range = std::prev(ranges->upper_bound(address))->second;
  if (what == pointerMemoryType)
    *static_cast<unsigned *>(value) = ranges == &state().memory ? 2 : 1;
  else if (what == pointerDeviceOrdinal)
    *static_cast<int *>(value) = range.context->device;
  else
    return refuse(invalidValue, "unknown attribute %d of an address", what);
  return success;
}

} // namespace bertc::rt::cuda
