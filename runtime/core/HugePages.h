//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Huge pages, where the system gives them: fewer address translations, and
// fewer page faults when a model is opened. Weights get them from file systems
// with large folios (ext4, xfs, btrfs on recent kernels), so processes go on
// sharing them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_HUGEPAGES_H
#define BERTC_RUNTIME_CORE_HUGEPAGES_H

#include <cstddef>
#include <cstdint>
#include <sys/mman.h>

namespace bertc::rt {

inline constexpr size_t hugePage = 2u << 20;

/// Asks for huge pages in `size` bytes from `begin` on, if they start on one.
/// A wish: what the system answers changes speed only.
inline void adviseHugePages(const void *begin, size_t size) {
  if (reinterpret_cast<uintptr_t>(begin) % hugePage == 0 && size >= hugePage)
    madvise(const_cast<void *>(begin), size / hugePage * hugePage,
            MADV_HUGEPAGE);
}

} // namespace bertc::rt

#endif // BERTC_RUNTIME_CORE_HUGEPAGES_H
