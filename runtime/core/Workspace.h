//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where everything that a run needs lies in one block of memory: what
// generated code computes with comes first, the packed inputs after it.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_WORKSPACE_H
#define BERTC_RUNTIME_CORE_WORKSPACE_H

#include "runtime/core/Pack.h"

#include <cstddef>

namespace bertc::rt {

struct WorkspaceLayout {
  size_t ids;
  size_t types;
  size_t positions;
  size_t rows;
  size_t offsets;
  size_t total;
};

/// False if the sizes do not fit into 64 bits.
bool layoutWorkspace(const bertc_workspace &formula, int64_t threads,
                     const Shape &shape, WorkspaceLayout &layout);

/// A block of memory that a session computes in.
class Workspace {
public:
  /// Uses the caller's memory, which must be 64-byte aligned, and never grows.
  void borrow(void *memory, size_t size);

  /// Makes at least `size` bytes available; the old content is lost.
  bertc_code reserve(size_t size, bertc_status *status);

  void release();

  uint8_t *data() const { return memory; }
  size_t size() const { return capacity; }

private:
  uint8_t *memory = nullptr;
  size_t capacity = 0;
  bool borrowed = false;
};

} // namespace bertc::rt

#endif
