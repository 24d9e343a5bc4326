//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Own memory is aligned to huge pages once it is larger than one, and asks for
// them: activations are read many times, and small pages cost address
// translations.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Workspace.h"
#include "runtime/core/HugePages.h"

#include <cstdlib>

namespace bertc::rt {

static bool multiply(uint64_t a, uint64_t b, uint64_t &result) {
  return !__builtin_mul_overflow(a, b, &result);
}

static bool append(uint64_t &total, uint64_t bytes) {
  return !__builtin_add_overflow(total, bytes, &total);
}

static bool alignUp(uint64_t &total) {
  constexpr uint64_t mask = BERTC_ALIGNMENT - 1;
  return append(total, (0 - total) & mask);
}

bool layoutWorkspace(const bertc_workspace &formula, int64_t threads,
                     const Shape &shape, WorkspaceLayout &layout) {
  uint64_t total = formula.fixed;
  uint64_t part;
  uint64_t keys = (static_cast<uint64_t>(shape.longest) + 15) / 16 * 16;
  uint64_t perThread = formula.per_thread;
  if (!multiply(formula.per_token, shape.tokens, part) ||
      !append(total, part) ||
      !multiply(formula.per_sequence, shape.sequences, part) ||
      !append(total, part) || !multiply(formula.per_thread_key, keys, part) ||
      !append(perThread, part) || !multiply(perThread, threads, part) ||
      !append(total, part) || !alignUp(total))
    return false;
  size_t *const arrays[] = {&layout.ids, &layout.types, &layout.positions,
                            &layout.rows, &layout.offsets};
  for (size_t *array : arrays) {
    *array = total;
    uint64_t count = array == &layout.offsets
                         ? static_cast<uint64_t>(shape.sequences) + 1
                         : static_cast<uint64_t>(shape.tokens);
    if (!multiply(count, sizeof(int32_t), part) || !append(total, part) ||
        !alignUp(total))
      return false;
  }
  layout.total = total;
  return true;
}

void Workspace::borrow(void *caller, size_t size) {
  memory = static_cast<uint8_t *>(caller);
  capacity = size;
  borrowed = true;
}

bertc_code Workspace::reserve(size_t size, bertc_status *status) {
  if (size <= capacity)
    return ok(status);
  if (borrowed)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "the caller's workspace has %zu bytes, expected at least %zu "
                "for this run\nhelp: ask workspace_size for the largest run",
                capacity, size);
  // Lengths of real texts creep up; growing in steps keeps that cheap.
  size_t wanted = capacity + capacity / 4;
  if (wanted < size)
    wanted = size;
  release();
  void *block = nullptr;
  if (posix_memalign(&block, wanted < hugePage ? BERTC_ALIGNMENT : hugePage,
                     wanted) != 0)
    return fail(status, BERTC_OUT_OF_MEMORY,
                "no memory for a workspace of %zu bytes", wanted);
  adviseHugePages(block, wanted);
  memory = static_cast<uint8_t *>(block);
  capacity = wanted;
  return ok(status);
}

void Workspace::release() {
  if (!borrowed)
    free(memory);
  memory = nullptr;
  capacity = 0;
}

} // namespace bertc::rt
