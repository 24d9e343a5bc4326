//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The forms in which a GPU keeps rows. What is added, normalised or returned is
// float32. What a matrix product reads are planes of 16 bits, whose sum is the
// value: one plane for bf16 and f16, two for f32-fast, three for f32. For
// products of int8 they are bytes with a scale and a zero for each row.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_DEVICEROWS_H
#define BERTC_COMPILER_KERNELS_GPU_DEVICEROWS_H

#include "compiler/Kernels/GPU/GpuBuilder.h"

namespace bertc {

/// Rows of `width` real columns, `stride` elements apart (a multiple of 16);
/// the columns from width to stride are zero on entry and on exit.
struct DeviceRows {
  int64_t width = 0;
  int64_t stride = 0;
};

struct DeviceForms {
  bool f32 = false;
  int64_t planes = 0; ///< 0 to 3.
  HalfType type = HalfType::BF16;
  /// Only of kernels that have whole rows at hand, see Quantize.h.
  bool int8 = false;

  int64_t bytes() const { return (f32 ? 4 : 0) + 2 * planes; } ///< Of one.
  /// "f32", "bf16x2", "f32_bf16", "f32_int8", for names of kernels.
  std::string name() const;
};

/// What a row of int8 has beside its bytes, two words of 32 bits: the step
/// (float32) and the integer that stands for 0 (int32). The value of byte q is
/// step * (q - zero).
constexpr int64_t int8RowWords = 2;

/// Which planes of x and of the weights are multiplied, the smallest products
/// first: all whose numbers add up to less than `planes`.
llvm::SmallVector<std::pair<int64_t, int64_t>> planeProducts(int64_t planes);

/// Arguments of a kernel that rows are written to: a pointer for float32, a
/// pointer and the elements (i64) from plane to plane for planes, pointers to
/// bytes and to what belongs to their rows for int8.
class RowWriter {
public:
  RowWriter(GpuBuilder &k, DeviceForms forms, int64_t stride)
      : k(k), forms(forms), stride(stride) {}

  /// Appends the types of the arguments.
  void addTypes(llvm::SmallVectorImpl<mlir::Type> &types) const;
  /// Takes them from the front of `arguments`.
  void take(mlir::ValueRange &arguments);
  bool hasElements() const { return forms.f32 || forms.planes; }
  bool hasInt8() const { return forms.int8; }
  /// Writes 1, 2 or 4 neighbours in all forms but int8; `column` is a multiple
  /// of their number.
  void write(mlir::Value row, mlir::Value column, mlir::ValueRange values) {
    write(at(row, column), 0, 0, values);
  }

  /// An element of each form: of float32, then of each plane.
  using Place = llvm::SmallVector<mlir::Value>;
  Place at(mlir::Value row, mlir::Value column);
  /// Writes so many rows and columns behind `place`: constants, which need no
  /// registers.
  void write(const Place &place, int64_t rows, int64_t columns,
             mlir::ValueRange values);

  /// Bytes of int8, four in each word, from `column` on.
  void writeBytes(mlir::Value row, mlir::Value column, mlir::ValueRange words);
  void writeScale(mlir::Value row, mlir::Value step, mlir::Value zero);

private:
  GpuBuilder &k;
  DeviceForms forms;
  int64_t stride;
  mlir::Value rows, planes, planeStride, bytes, scales;
};

/// Element `row * stride + column` behind `pointer`: the product has 64 bits.
mlir::Value elementAt(GpuBuilder &k, mlir::Value pointer, mlir::Value row,
                      int64_t stride, mlir::Value column, mlir::Type element);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_DEVICEROWS_H
