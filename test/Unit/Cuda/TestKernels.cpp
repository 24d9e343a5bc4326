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
#include <initializer_list>

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

/// embed(ids, workspace, tokens): a copy of the ids, by the first blocks of the
/// grid along y: those of the others would race.
void embed(void **params) {
  Thread *thread = bertc_gpu_emulator_thread();
  const uint32_t *registers = reinterpret_cast<const uint32_t *>(thread);
  uint64_t token = number(thread);
  if (!registers[BlockY] && token < argument<uint32_t>(params, 2))
    store(thread, argument<uint64_t>(params, 1) + token * 4,
          load<int32_t>(thread, argument<uint64_t>(params, 0) + token * 4));
}

/// pair(ids, workspace, tokens): the same in clusters of two blocks.

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

/// matrices(workspace, offsets, out, sequences, heads, longest):
/// out[b][h][i][j] = 1 + 10000 * h + 100 * id i + id j, zero behind the tokens.
void matrices(void **params) {
  Thread *thread = bertc_gpu_emulator_thread();
  uint64_t heads = argument<uint64_t>(params, 4);
  uint64_t longest = argument<uint64_t>(params, 5);
  uint64_t sequence = number(thread);
  if (sequence >= argument<uint64_t>(params, 3))
    return;
  uint64_t offsets = argument<uint64_t>(params, 1) + sequence * 4;
  uint64_t begin = uint64_t(load<int32_t>(thread, offsets));
  uint64_t length = uint64_t(load<int32_t>(thread, offsets + 4)) - begin;
  auto id = [&](uint64_t i) {
    return float(
        load<int32_t>(thread, argument<uint64_t>(params, 0) + (begin + i) * 4));
  };
  uint64_t to =
      argument<uint64_t>(params, 2) + sequence * heads * longest * longest * 4;
  for (uint64_t h = 0; h < heads; ++h)
    for (uint64_t i = 0; i < longest; ++i)
      for (uint64_t j = 0; j < longest; ++j, to += 4)
        store(thread, to,
              i < length && j < length
                  ? 1 + 10000 * float(h) + 100 * id(i) + id(j)
                  : 0.0f);
}

Site loadWide = {"load", 3, 8, 8, {uint32_t(AccessKind::Load)}, 0, 0, 0};
Site storeWide = {"store", 4, 8, 8, {uint32_t(AccessKind::Store)}, 0, 0, 0};

/// A chunk of bertc_parameter_chunk: where it begins and how long it is.
struct Chunk {
  uint64_t weight, gradient;
  uint32_t count;

  Chunk(Thread *thread, uint64_t chunks, uint64_t index) {
    uint64_t at = chunks + index * 24;
    for (uint64_t *value : {&weight, &gradient}) {
      bertc_gpu_emulator_access_global(thread, &loadWide,
                                       reinterpret_cast<const void *>(at));
      *value = *reinterpret_cast<const uint64_t *>(at);
      at += 8;
    }
    count = load<uint32_t>(thread, at);
  }
};

/// gradient(gradients, labels, ids, loss, tokens, seed, step): gradients[i] +=
/// the first label + i; the loss is the sum of ids, the seed and 1000 times the
/// number of the step.
void gradient(void **params) {
  Thread *thread = bertc_gpu_emulator_thread();
  uint64_t i = number(thread);
  if (i >= 16)
    return;
  auto label = load<int32_t>(thread, argument<uint64_t>(params, 1));
  uint64_t place = argument<uint64_t>(params, 0) + i * 4;
  store(thread, place, load<float>(thread, place) + float(label) + float(i));
  if (i)
    return;
  float loss =
      float(argument<uint64_t>(params, 5)) +
      1000 * float(load<uint32_t>(thread, argument<uint64_t>(params, 6)));
  for (uint32_t t = 0; t < argument<uint32_t>(params, 4); ++t)
    loss += float(load<int32_t>(thread, argument<uint64_t>(params, 2) + t * 4));
  store(thread, argument<uint64_t>(params, 3), loss);
}

/// refresh(parameters, weights): weights[i] = 2 * parameters[i].
void refresh(void **params) {
  Thread *thread = bertc_gpu_emulator_thread();
  uint64_t i = number(thread);
  if (i < 16)
    store(thread, argument<uint64_t>(params, 1) + i * 4,
          2 * load<float>(thread, argument<uint64_t>(params, 0) + i * 4));
}

/// squares(gradients, chunks, sums)
void squares(void **params) {
  Thread *thread = bertc_gpu_emulator_thread();
  uint64_t index = number(thread);
  Chunk chunk(thread, argument<uint64_t>(params, 1), index);
  double sum = 0;
  for (uint64_t i = 0; i < chunk.count; ++i) {
    auto value = load<float>(thread, argument<uint64_t>(params, 0) +
                                         (chunk.gradient + i) * 4);
    sum += double(value) * double(value);
  }
  uint64_t to = argument<uint64_t>(params, 2) + index * 8;
  bertc_gpu_emulator_access_global(thread, &storeWide,
                                   reinterpret_cast<const void *>(to));
  *reinterpret_cast<double *>(to) = sum;
}

/// update(weights, gradients, first, second, chunks, nine floats): weights +=
/// the last float * gradients; moments become the gradients.
void update(void **params) {
  Thread *thread = bertc_gpu_emulator_thread();
  Chunk chunk(thread, argument<uint64_t>(params, 4), number(thread));
  for (uint64_t i = 0; i < chunk.count; ++i) {
    uint64_t weight = argument<uint64_t>(params, 0) + (chunk.weight + i) * 4;
    uint64_t at = (chunk.gradient + i) * 4;
    uint64_t place = argument<uint64_t>(params, 1) + at;
    auto value = load<float>(thread, place);
    store(thread, weight,
          load<float>(thread, weight) + argument<float>(params, 13) * value);
    store(thread, argument<uint64_t>(params, 2) + at, value);
    store(thread, argument<uint64_t>(params, 3) + at, value);
    store(thread, place, 0.0f);
  }
}

const uint32_t gradientBytes[] = {8, 8, 8, 8, 4, 8, 8};
const uint32_t refreshBytes[] = {8, 8};
const uint32_t squaresBytes[] = {8, 8, 8};
const uint32_t updateBytes[] = {8, 8, 8, 8, 8, 4, 4, 4, 4, 4, 4, 4, 4, 4};
const uint32_t embedBytes[] = {8, 8, 4};
const uint32_t rowsBytes[] = {8, 8, 8, 8, 8, 8, 4};
const uint32_t poolBytes[] = {8, 8, 8, 8};
const uint32_t matricesBytes[] = {8, 8, 8, 8, 8, 8};

} // namespace

extern "C" {
__attribute__((visibility(
    "default"))) extern const EmulatedKernel bertc_emulated_kernels[] = {
    {"embed", embed, 32, 3, embedBytes},
    {"rows", rows, 64, 7, rowsBytes},
    {"pool", pool, 32, 4, poolBytes},
    {"gradient", gradient, 32, 7, gradientBytes},
    {"refresh", refresh, 32, 2, refreshBytes},
    {"squares", squares, 1, 3, squaresBytes},
    {"update", update, 1, 14, updateBytes},
    {"pair", embed, 32, 3, embedBytes, {1, 2, 1}},
    {"matrices", matrices, 32, 6, matricesBytes}};
__attribute__((visibility(
    "default"))) extern const uint64_t bertc_emulated_kernel_count = 9;
}
