//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The packed weights of a model: inside the library, or mapped from a file
// beside it.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_WEIGHTS_H
#define BERTC_RUNTIME_CORE_WEIGHTS_H

#include "runtime/abi/abi.h"
#include "runtime/core/Status.h"

namespace bertc::rt {

struct Weights {
  const uint8_t *data;
  void *mapped; // null if inside the library
  size_t mappedSize;
};

/// Finds the weights of `desc`. `path` is the caller's file, or null; the hash
/// is compared unless it was not known to the compiler or `skipHash` is set.
bertc_code openWeights(const bertc_model_desc &desc, const char *path,
                       bool skipHash, Weights &weights, bertc_status *status);

void closeWeights(Weights &weights);

/// Copies all `size` bytes of the weights and lets go of the memory of the
/// original where it can be read from its file again, so that there is no
/// moment with both.
void copyWeights(const Weights &weights, size_t size, void *to);

} // namespace bertc::rt

#endif
