//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block's shared memory and what is known about each of its bytes: whether it
// was written, whether an asynchronous copy is on its way to it, who wrote it
// last and who has read it since.
//
// Memory is watched in lines of 16 bytes. Between two barriers of the block a
// line is divided no finer than its accesses are, so that wide accesses are as
// cheap as narrow ones.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_SHAREDMEMORY_H
#define BERTC_TOOLS_GPU_EMULATOR_SHAREDMEMORY_H

#include "compiler/Lowering/EmulatedGpu.h"
#include "tools/gpu-emulator/Clocks.h"
#include <cstddef>
#include <memory>

namespace bertc::emulator {

class SharedMemory {
public:
  enum class Fault : uint8_t {
    None,
    Uninitialised, ///< Read before it was written.
    InFlight,      ///< An asynchronous copy was not waited for.
    Race,          ///< Nothing orders it and another thread's access.
  };
  struct Result {
    Fault fault = Fault::None;
    uint32_t offset = 0; ///< Of the first byte concerned.
    Stamp other;         ///< The access it is not ordered with.
    bool otherIsWrite = false;
  };

  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory &) = delete;

  char *data() const { return base; }
  uint32_t size() const { return bytes; }
  /// What a block of any GPU can have at most.
  static constexpr uint32_t capacity = 227 * 1024;

  /// New contents, of which nothing is known.
  void reset(uint32_t bytes);

  /// Whether [pointer, pointer + size) lies inside.
  bool contains(const void *pointer, uint64_t size) const {
    uint64_t offset = static_cast<const char *>(pointer) - base;
    return offset <= bytes && size <= bytes - offset;
  }
  uint32_t offsetOf(const void *pointer) const {
    return static_cast<uint32_t>(static_cast<const char *>(pointer) - base);
  }

  /// Judges an access and takes note of it. The caller knows it is inside.
  Result access(const Clocks &clocks, const Stamp &now, uint32_t offset,
                uint32_t size, AccessKind kind);

  /// An asynchronous copy to these bytes was begun; poisons them.
  Result begin(const Clocks &clocks, const Stamp &now, uint32_t offset,
               uint32_t size);
  /// It was waited for. `now` is the thread that waited.
  void land(const Clocks &clocks, const Stamp &now, uint32_t offset,
            const void *from, uint32_t size);

  // The asynchronous proxy (copies of boxes, wgmma) sees what threads wrote
  // behind a fence only: of who wrote, of who asks it to look, or in between.
  enum class ProxyFault : uint8_t { None, NoFence, FenceNotSeen };
  /// A thread wrote these bytes.
  void markGeneric(uint32_t offset, uint32_t size);
  /// The number of another fence.
  uint32_t nextFence() { return ++fenceCount; }
  /// Fence `number` makes what its thread has seen of these bytes visible.
  void fenceProxy(const Clocks &clocks, const Stamp &now, uint32_t number,
                  uint32_t offset, uint32_t size);
  /// Whether the asynchronous proxy sees them, if `thread` asks it to look,
  /// whose last fence is `own`.
  ProxyFault checkProxy(const Clocks &clocks, uint32_t thread, uint32_t own,
                        uint32_t offset, uint32_t size) const;

  /// Site of a stamp is an atomic access; set by who makes stamps.
  std::vector<const Site *> sites;

private:
  static constexpr uint32_t lineBytes = 16;
  static constexpr uint32_t readers = 3;
  struct Line {
    uint32_t generation = 0;
    uint16_t initialised = 0, inFlight = 0; ///< A bit for each byte.
    uint16_t unfenced = 0;                  ///< Those that a thread wrote.
    uint8_t shift = 0;                      ///< log2 of the bytes of a cell.
  };
  /// At most `readers` that are not ordered among each other are kept.
  struct Cell {
    Stamp write;
    Stamp reads[readers];
  };

  struct Fence {
    Stamp stamp;
    uint32_t number = 0;
  };

  void divide(Line &line, Cell *cells, uint32_t shift);
  void prepare(const Clocks &clocks, uint32_t index, uint32_t first,
               uint32_t size);
  bool isAtomic(const Stamp &stamp) const;
  Result judge(const Clocks &clocks, const Stamp &now, uint32_t index,
               uint32_t first, uint32_t size, AccessKind kind);

  void *mapping = nullptr;
  char *base = nullptr;
  uint32_t bytes = 0;
  std::unique_ptr<Line[]> lines;
  std::unique_ptr<Cell[]> cells;   ///< `lineBytes` for each line.
  std::unique_ptr<Fence[]> fences; ///< The last that made bytes of it visible.
  uint32_t fenceCount = 0;
  uint32_t firstFenced = 0, lastFenced = 0; ///< Lines that have one: [).
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_SHAREDMEMORY_H
