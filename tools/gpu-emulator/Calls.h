//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions that emulated code calls, as a list of macros: name, result and
// arguments after thread and site. `in` and `out` hold the operands and results
// of one thread, a 32-bit word for each 32 bits of a value, one after another.
//
// Parameters of sites:
//   access_*               AccessKind, bits of MemoryOrder
//   shuffle                ShuffleKind, whether a predicate is wanted
//   vote                   VoteKind
//   reduce                 ReduceKind
//   load_matrix            matrices, whether transposed
//   store_matrix           matrices, whether transposed
//   mbarrier_*             AccessKind
//   copy_tensor            AccessKind, dimensions, whether to several blocks
//   group_multiply         n, MatrixType, whether c is added, whether negated
//   group_read             which of a thread's results
//   group_wait             groups that may be on their way
//   multiply               m, n, k, MatrixType of a, MatrixType of b
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_CALLS_H
#define BERTC_TOOLS_GPU_EMULATOR_CALLS_H

#include "compiler/Lowering/EmulatedGpu.h"

// clang-format off
#define BERTC_GPU_EMULATOR_CALLS(X)                                            \
  /* An access of memory that is about to happen. */                           \
  X(access_global, (const void *address))                                      \
  X(access_shared, (const void *address))                                      \
  X(access_generic, (const void *address))                                     \
  /* Orders accesses of global memory among blocks. */                         \
  X(fence, ())                                                                 \
  /* bar.sync, bar.arrive; a count of 0 is the whole block. */                 \
  X(barrier, (uint32_t id, uint32_t count))                                    \
  X(barrier_arrive, (uint32_t id, uint32_t count))                             \
  /* Lanes of a warp meet. */                                                  \
  X(warp_sync, (const uint32_t *in, uint32_t *out))   /* mask */               \
  X(shuffle, (const uint32_t *in, uint32_t *out))     /* mask value lane clamp */ \
  X(vote, (const uint32_t *in, uint32_t *out))        /* mask predicate */     \
  X(reduce, (const uint32_t *in, uint32_t *out))      /* mask value */         \
  X(elect, (const uint32_t *in, uint32_t *out))       /* mask */               \
  X(load_matrix, (const uint32_t *in, uint32_t *out)) /* address as 64 bits */ \
  X(store_matrix, (const uint32_t *in, uint32_t *out))/* address, words */     \
  X(multiply, (const uint32_t *in, uint32_t *out))    /* a, b, c */            \
  /* cp.async: `bytes` of the site's are read, zeros follow. */                \
  X(copy_async, (void *to, const void *from, uint32_t bytes))                  \
  X(commit_group, ())                                                          \
  X(wait_group, (uint32_t newest))                                             \
  /* mbarriers. `bytes` are expected, too. */                                  \
  X(mbarrier_init, (void *address, uint32_t count, uint32_t predicate))        \
  X(mbarrier_expect, (void *address, uint32_t bytes))                          \
  X(mbarrier_arrive, (void *address, uint32_t count, uint32_t bytes,           \
                      uint32_t predicate))                                     \
  X(mbarrier_wait, (void *address, uint32_t parity))                           \
  /* What threads wrote becomes visible to copies of boxes and wgmma. */        \
  X(proxy_fence, ())                                                           \
  X(mbarrier_fence, ())                                                        \
  /* TMA: destination, map, predicate, mask of blocks, mbarrier,               \
     coordinates. */                                                           \
  X(copy_tensor, (const uint32_t *in, uint32_t *out))                          \
  /* Clusters. mapa: address, block. */                                        \
  X(cluster_arrive, ())                                                        \
  X(cluster_wait, ())                                                          \
  X(map_shared, (const uint32_t *in, uint32_t *out))                           \
  /* wgmma: descriptors of a and b, c. */                                      \
  X(group_fence, ())                                                           \
  X(group_multiply, (const uint32_t *in, uint32_t *out))                       \
  X(group_read, (const uint32_t *in, uint32_t *out))  /* register */           \
  X(group_commit, (const uint32_t *in, uint32_t *out))                         \
  X(group_wait, (const uint32_t *in, uint32_t *out))
// clang-format on

namespace bertc::emulator {
struct Thread;
} // namespace bertc::emulator

#define BERTC_GPU_EMULATOR_ARGUMENTS(...)                                      \
  (bertc::emulator::Thread * thread, bertc::emulator::Site * site,             \
   ##__VA_ARGS__)
#define BERTC_GPU_EMULATOR_DECLARE(NAME, ARGUMENTS)                            \
  void bertc_gpu_emulator_##NAME BERTC_GPU_EMULATOR_ARGUMENTS ARGUMENTS;

extern "C" {
BERTC_GPU_EMULATOR_CALLS(BERTC_GPU_EMULATOR_DECLARE)
/// The thread that runs; the first call of a kernel.
bertc::emulator::Thread *bertc_gpu_emulator_thread();
/// Its block's shared memory, below 2 GiB.
void *bertc_gpu_emulator_shared(bertc::emulator::Thread *thread);
}

#endif // BERTC_TOOLS_GPU_EMULATOR_CALLS_H
