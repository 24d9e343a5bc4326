//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs kernels that write rows, in every form that rows have.
//
//   std::vector<float> y = runInAllForms(
//       {rows, width, stride}, grid,
//       [&](GpuBuilder &k, DeviceForms forms) { return someKernel(k, forms); },
//       [&](Arguments &a) { a.add(x).outputs().add(int32_t(rows)); });
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_ROWSRUN_H
#define BERTC_TEST_UNIT_GPU_ROWSRUN_H

#include "compiler/Kernels/GPU/DeviceRows.h"
#include "test/Unit/Gpu/Arguments.h"

namespace bertc::test {

struct RowsSize {
  int64_t rows, width, stride;
  int64_t written() const { return (width + 15) / 16 * 16; }
};

/// Rows of float32 that a kernel writes. Written with other forms, they have
/// the same numbers in those, bit by bit, and nothing is written behind
/// size.written() columns of a row.
std::vector<float> runInAllForms(
    RowsSize size, Grid grid,
    const std::function<DeviceKernel(GpuBuilder &, DeviceForms)> &make,
    const std::function<void(Arguments &)> &fill);

/// Random rows with zeros behind their width.
std::vector<float> paddedRows(RowsSize size, uint32_t seed, float scale = 1);

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_ROWSRUN_H
