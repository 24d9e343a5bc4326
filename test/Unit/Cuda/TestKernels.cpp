//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels of the model of DeviceTestModel.h, as bertc-gpu-emulate would make
// them from a device module: one thread at a time, which tells the emulator
// what memory it touches. A library of its own, for BERTC_GPU_EMULATED.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Calls.h"
#include <cstring>

using namespace bertc::emulator;

namespace {

template <typename T> T argument(void **params, int index) {
  T value;
  memcpy(&value, params[index], sizeof(T));
  return value;
}

/// Number of this thread in the grid.
uint64_t number(Thread *thread) {
  const uint32_t *registers = reinterpret_cast<const uint32_t *>(thread);
  return uint64_t(registers[BlockX]) * registers[BlockSizeX] +
         registers[ThreadX];
}

Site loadSite = {"load", 1, 4, 4, {uint32_t(AccessKind::Load)}, 0, 0, 0};
Site storeSite = {"store", 2, 4, 4, {uint32_t(AccessKind::Store)}, 0, 0, 0};

template <typename T> T load(Thread *thread, uint64_t address) {
  bertc_gpu_emulator_access_global(thread, &loadSite,
                                   reinterpret_cast<const void *>(address));
  return *reinterpret_cast<const T *>(address);
}
template <typename T> void store(Thread *thread, uint64_t address, T value) {
  bertc_gpu_emulator_access_global(thread, &storeSite,
                                   reinterpret_cast<const void *>(address));
  *reinterpret_cast<T *>(address) = value;
}

/// embed(ids, workspace, tokens): a copy of the ids.
void embed(void **params) {
  Thread *thread = bertc_gpu_emulator_thread();
  uint64_t token = number(thread);
  if (token < argument<uint32_t>(params, 2))
    store(thread, argument<uint64_t>(params, 1) + token * 4,
          load<int32_t>(thread, argument<uint64_t>(params, 0) + token * 4));
}

/// rows(workspace, types, positions, rows, weights, out, tokens):
/// out[rows[t]][c] = weights[id][c] + 100 * type + 1000 * position.
void rows(void **params) {
  Thread *thread = bertc_gpu_emulator_thread();
  uint64_t token = number(thread);
  if (token >= argument<uint32_t>(params, 6))
    return;
  int32_t values[4];
  for (int i = 0; i < 4; ++i)
    values[i] =
        load<int32_t>(thread, argument<uint64_t>(params, i) + token * 4);
  for (uint64_t c = 0; c < 4; ++c) {
    float weight = load<float>(thread, argument<uint64_t>(params, 4) +
                                           (uint64_t(values[0]) * 4 + c) * 4);
    store(thread,
          argument<uint64_t>(params, 5) + (uint64_t(values[3]) * 4 + c) * 4,
          weight + 100.0f * float(values[1]) + 1000.0f * float(values[2]));
  }
}

/// pool(workspace, offsets, out, sequences): length and sum of ids.
void pool(void **params) {
  Thread *thread = bertc_gpu_emulator_thread();
  uint64_t sequence = number(thread);
  if (sequence >= argument<uint64_t>(params, 3))
    return;
  uint64_t offsets = argument<uint64_t>(params, 1) + sequence * 4;
  int32_t begin = load<int32_t>(thread, offsets);
  int32_t end = load<int32_t>(thread, offsets + 4);
  float sum = 0;
  for (int32_t t = begin; t < end; ++t)
    sum += float(
        load<int32_t>(thread, argument<uint64_t>(params, 0) + uint64_t(t) * 4));
  uint64_t out = argument<uint64_t>(params, 2) + sequence * 8;
  store(thread, out, float(end - begin));
  store(thread, out + 4, sum);
}

const uint32_t embedBytes[] = {8, 8, 4};
const uint32_t rowsBytes[] = {8, 8, 8, 8, 8, 8, 4};
const uint32_t poolBytes[] = {8, 8, 8, 8};

} // namespace

extern "C" {
__attribute__((visibility(
    "default"))) extern const EmulatedKernel bertc_emulated_kernels[] = {
    {"embed", embed, 32, 3, embedBytes},
    {"rows", rows, 64, 7, rowsBytes},
    {"pool", pool, 32, 4, poolBytes}};
__attribute__((visibility(
    "default"))) extern const uint64_t bertc_emulated_kernel_count = 3;
}
