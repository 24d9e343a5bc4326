//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Keys and values of one head of one sequence as panels of 16 columns, as
// micro-kernels and tiles read them: lines of 16 words, a word being one
// float32 or two bfloat16 that are neighbours along k. For scores k is the
// head's column and a panel 16 keys; for the context k is the key.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_ATTENTIONPACK_H
#define BERTC_COMPILER_KERNELS_CPU_ATTENTIONPACK_H

#include "compiler/Kernels/CPU/Attention.h"

namespace bertc {

/// Transposes n rows of n lanes, n a power of two.
void emitTranspose(KernelBuilder &k, llvm::MutableArrayRef<mlir::Value> rows);

/// Whether queries, keys and values are bfloat16 for float32 arithmetic: rows
/// are widened in scratch before they are read.
bool isWidened(const AttentionShape &shape, Arithmetic arithmetic);
/// Rows of one head, as float32 in rows of shape.headStride.
void emitWidenRows(KernelBuilder &k, const AttentionShape &shape, Place from,
                   Place to, mlir::Value rows);

/// Lines of a panel of keys; whole tiles where tiles read them.
int64_t keyLines(const AttentionShape &shape, Arithmetic arithmetic);
/// Lines of a panel of the values of `length` keys.
mlir::Value valueLines(KernelBuilder &k, Arithmetic arithmetic,
                       mlir::Value length);

/// Panels of ceil(length / 16) * 16 keys. Those past the end repeat the last
/// one, their scores are masked; lines past the head's columns are zero.
void emitPackKeys(KernelBuilder &k, const AttentionShape &shape,
                  Arithmetic arithmetic, Place key, Place panels,
                  mlir::Value length);
/// Panels of the head's columns. Keys past the end are zero.
void emitPackValues(KernelBuilder &k, const AttentionShape &shape,
                    Arithmetic arithmetic, Place value, Place panels,
                    mlir::Value length);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ATTENTIONPACK_H
