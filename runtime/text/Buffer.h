//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arrays that grow, for plain data. All memory comes from one hook, and an
// array that could not grow stays as it was, so callers may check once, late.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TEXT_BUFFER_H
#define BERTC_RUNTIME_TEXT_BUFFER_H

#include <stddef.h>
#include <stdint.h>

namespace bertc::rt {

/// Where the tokenizer gets memory. `resize` works like realloc(3), and frees
/// `block` and returns null when `bytes` is 0.
struct TextAllocator {
  void *(*resize)(void *state, void *block, size_t bytes);
  void *state;
};

template <typename T> struct Buffer {
  T *data;
  size_t size;
  size_t capacity;

  /// Makes room for `count` elements; false if there is no memory.
  bool reserve(const TextAllocator &allocator, size_t count) {
    if (count <= capacity)
      return true;
    size_t wanted = capacity < 64 ? 64 : capacity;
    while (wanted < count) {
      if (wanted > SIZE_MAX / (2 * sizeof(T)))
        return false;
      wanted *= 2;
    }
    void *grown = allocator.resize(allocator.state, data, wanted * sizeof(T));
    if (!grown)
      return false;
    data = static_cast<T *>(grown);
    capacity = wanted;
    return true;
  }

  bool push(const TextAllocator &allocator, const T &value) {
    if (size == capacity && !reserve(allocator, size + 1))
      return false;
    data[size++] = value;
    return true;
  }

  void release(const TextAllocator &allocator) {
    if (data)
      allocator.resize(allocator.state, data, 0);
    data = nullptr;
    size = capacity = 0;
  }
};

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TEXT_BUFFER_H
