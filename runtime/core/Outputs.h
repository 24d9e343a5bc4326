//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The caller's list of wanted outputs, checked against what a program has.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_OUTPUTS_H
#define BERTC_RUNTIME_CORE_OUTPUTS_H

#include "runtime/core/Pack.h"

namespace bertc::rt {

/// An error unless the caller wants something.
bertc_code checkWanted(const bertc_output *outputs, size_t count,
                       bertc_status *status);

/// The floats of an output in the layout of `shape`; false if they do not fit
/// into 64 bits.
bool countFloats(const bertc_output_desc &output, const Shape &shape,
                 uint64_t &floats);

/// Puts the caller's buffers where their outputs are among the `knownCount`
/// ones at `known`; `bound` has been zeroed.
bertc_code bindOutputs(const bertc_output_desc *known, uint32_t knownCount,
                       const bertc_output *outputs, size_t count,
                       const Shape &shape, float *bound[BERTC_MAX_OUTPUTS],
                       bertc_status *status);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_CORE_OUTPUTS_H
