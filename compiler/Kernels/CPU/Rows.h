//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Row-wise data movement and elementwise work outside of the big kernels:
// pooling, sums, activations and the copy into the caller's outputs.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_ROWS_H
#define BERTC_COMPILER_KERNELS_CPU_ROWS_H

#include "compiler/Kernels/CPU/Activation.h"
#include "compiler/Kernels/CPU/Norm.h"

namespace bertc {

enum class Pooling { Cls, Mean, Max, MeanSqrtLen };
llvm::StringRef poolingName(Pooling mode);

/// What the sum of `count` rows is divided by, broadcast; null for cls and max.
mlir::Value poolDivisor(KernelBuilder &k, Pooling mode, mlir::Value count);

/// Rows of a map. Those of bfloat16 have whole vectors of words.
struct MapRows {
  Place place;
  RowShape shape;
};
/// "ld<stride>", with the elements if they are not float32.
std::string rowsName(RowShape shape);

/// A kernel that computes each vector of y from those of the inputs, all as
/// wide as the first of them.
void callMap(KernelBuilder &k, llvm::StringRef name,
             llvm::ArrayRef<MapRows> inputs, MapRows y, mlir::Value rows,
             llvm::function_ref<mlir::Value(llvm::ArrayRef<mlir::Value>)> map);

/// y[s] = pooled rows [offsets[s], offsets[s + 1]) of x, s in [begin, end).
void callPool(KernelBuilder &k, RowShape x, RowShape y, Pooling mode,
              mlir::Value offsets, Place from, Place to, mlir::Value begin,
              mlir::Value end);

/// y = x + z, row by row; y may be x or z.
void callAdd(KernelBuilder &k, RowShape shape, Place x, Place z, Place y,
             mlir::Value rows);

/// y = activation(x), both in float32 or bfloat16; y may be x.
void callActivation(KernelBuilder &k, ActivationFunction activation, MapRows x,
                    MapRows y, mlir::Value rows);

/// y = x.
void callCopy(KernelBuilder &k, RowShape from, RowShape to, Place x, Place y,
              mlir::Value rows);

/// Row r of x, r in [begin, end), goes to row map[r] of `out` (row r when
/// `map` is null), whose rows are dense: `shape.width` elements.
void callWriteOutput(KernelBuilder &k, RowShape shape, Place x, mlir::Value out,
                     mlir::Value map, mlir::Value begin, mlir::Value end);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ROWS_H
