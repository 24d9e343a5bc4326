//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the caller's inputs to the packed arrays that generated code reads. It
// happens in two steps, because the workspace that holds the arrays is sized
// by the first: measure, then pack. Together they check every value, so
// generated code trusts its inputs.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_PACK_H
#define BERTC_RUNTIME_CORE_PACK_H

#include "runtime/abi/abi.h"
#include "runtime/core/Status.h"

namespace bertc::rt {

/// The sizes of a run.
struct Shape {
  int64_t tokens;
  int64_t sequences;
  int64_t longest;
  int64_t rows;       // of a per-token output in the caller's layout
  int64_t pairLength; // rows and columns of a matrix of a per-pair output there
};

/// Arrays for shape.tokens entries; offsets for shape.sequences + 1.
struct PackedArrays {
  int32_t *ids;
  int32_t *types;
  int32_t *positions;
  int32_t *rows;
  int32_t *offsets;
};

/// Element `index` of an array of bertc_dtype `dtype`, aligned or not.
int64_t readElement(const void *array, uint32_t dtype, int64_t index);

/// Checks sizes, pointers and the mask, and counts the real tokens.
bertc_code measure(const bertc_padded_inputs &inputs,
                   const bertc_model_desc &desc, Shape &shape,
                   bertc_status *status);
/// Checks sizes, pointers and cu_seqlens.
bertc_code measure(const bertc_packed_inputs &inputs,
                   const bertc_model_desc &desc, Shape &shape,
                   bertc_status *status);

/// Fills the arrays from inputs that were measured, and checks ids, types and
/// positions.
bertc_code pack(const bertc_padded_inputs &inputs, const bertc_model_desc &desc,
                const Shape &shape, const PackedArrays &arrays,
                bertc_status *status);
bertc_code pack(const bertc_packed_inputs &inputs, const bertc_model_desc &desc,
                const Shape &shape, const PackedArrays &arrays,
                bertc_status *status);

} // namespace bertc::rt

#endif
