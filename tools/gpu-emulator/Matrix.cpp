//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensor cores: which lane holds which element is that of the PTX manual's
// figures for mma.m16n8k*, where a word holds 1, 2 or 4 neighbours along k. The
// sum over k is float32, in rising order; what real tensor cores add in is not
// documented and differs in the last bits.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Block.h"
#include "tools/gpu-emulator/Calls.h"
#include "tools/gpu-emulator/Numbers.h"
#include <cstring>

using namespace bertc::emulator;

/// Matrices are 8 x 8 elements of 16 bits.
static constexpr uint32_t rows = 8, rowBytes = 16;

static Meeting *meetWarp(Thread *thread, Site *site, const uint32_t *in,
                         uint32_t *out) {
  ++thread->block->report->steps;
  return thread->block->meet(*thread, *site, ~0u, in, out);
}

/// Checks the rows that lanes point to and counts their banks, matrix by
/// matrix, which is how they are moved.
static void accessRows(Block &block, const Meeting &meeting, Site &site,
                       uint32_t warp, AccessKind kind,
                       char *rowsOf[Block::warpSize]) {
  const uint32_t lanes = site.parameters[0] * rows;
  uint32_t addresses[Block::warpSize] = {};
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    Thread &thread = block.thread(warp * Block::warpSize + lane);
    memcpy(&rowsOf[lane], meeting.in[lane], sizeof(char *));
    block.checkShared(thread, site, rowsOf[lane], rowBytes, rowBytes);
    block.accessShared(thread, site, rowsOf[lane], rowBytes, kind,
                       /*counts=*/false);
    addresses[lane] = block.shared.offsetOf(rowsOf[lane]);
    if (kind == AccessKind::Store)
      block.shared.markGeneric(addresses[lane], rowBytes);
  }
  block.banks.count(lanes == Block::warpSize ? ~0u : (1u << lanes) - 1,
                    rowBytes, addresses);
}

void bertc_gpu_emulator_load_matrix(Thread *thread, Site *site,
                                    const uint32_t *in, uint32_t *out) {
  Meeting *meeting = meetWarp(thread, site, in, out);
  if (!meeting)
    return;
  char *from[Block::warpSize];
  accessRows(*thread->block, *meeting, *site, thread->warp, AccessKind::Load,
             from);
  for (uint32_t m = 0; m < site->parameters[0]; ++m) {
    uint16_t matrix[rows][8];
    for (uint32_t row = 0; row < rows; ++row)
      memcpy(matrix[row], from[m * rows + row], rowBytes);
    for (uint32_t lane = 0; lane < Block::warpSize; ++lane) {
      const uint32_t a = lane / 4, b = lane % 4 * 2;
      meeting->out[lane][m] =
          site->parameters[1] ? matrix[b][a] | uint32_t(matrix[b + 1][a]) << 16
                              : matrix[a][b] | uint32_t(matrix[a][b + 1]) << 16;
    }
  }
  thread->block->dismiss(meeting);
}

void bertc_gpu_emulator_store_matrix(Thread *thread, Site *site,
                                     const uint32_t *in, uint32_t *out) {
  Meeting *meeting = meetWarp(thread, site, in, out);
  if (!meeting)
    return;
  constexpr uint32_t addressWords = 2;
  char *to[Block::warpSize];
  accessRows(*thread->block, *meeting, *site, thread->warp, AccessKind::Store,
             to);
  for (uint32_t m = 0; m < site->parameters[0]; ++m) {
    uint16_t matrix[rows][8];
    for (uint32_t lane = 0; lane < Block::warpSize; ++lane) {
      const uint32_t a = lane / 4, b = lane % 4 * 2;
      const uint32_t word = meeting->in[lane][addressWords + m];
      const auto low = static_cast<uint16_t>(word);
      const auto high = static_cast<uint16_t>(word >> 16);
      (site->parameters[1] ? matrix[b][a] : matrix[a][b]) = low;
      (site->parameters[1] ? matrix[b + 1][a] : matrix[a][b + 1]) = high;
    }
    for (uint32_t row = 0; row < rows; ++row)
      memcpy(to[m * rows + row], matrix[row], rowBytes);
  }
  thread->block->dismiss(meeting);
}

//===----------------------------------------------------------------------===//
// mma.sync
//===----------------------------------------------------------------------===//

namespace {
struct Shape {
  static constexpr uint32_t m = 16, n = 8, mostK = 32;
};
/// a as [m][k], b as [k][n], c as [m][n].
template <typename T, typename Sum> struct Operands {
  T a[Shape::m][Shape::mostK];
  T b[Shape::mostK][Shape::n];
  Sum c[Shape::m][Shape::n];
};
} // namespace

/// Puts the words of all lanes together. `unpack(word, values)` makes
/// `elements` numbers of a word.
template <typename T, typename Sum, typename Unpack>
static void gather(const Meeting &meeting, uint32_t k, uint32_t elements,
                   Operands<T, Sum> &to, Unpack unpackA, Unpack unpackB) {
  const uint32_t kWords = k / (4 * elements); // along k in a lane
  for (uint32_t lane = 0; lane < Block::warpSize; ++lane) {
    const uint32_t *word = meeting.in[lane];
    const uint32_t group = lane / 4, inGroup = lane % 4;
    T values[4];
    for (uint32_t r = 0; r < 2 * kWords; ++r) {
      unpackA(*word++, values);
      const uint32_t first = r / 2 * 4 * elements + inGroup * elements;
      for (uint32_t j = 0; j < elements; ++j)
        to.a[group + r % 2 * 8][first + j] = values[j];
    }
    for (uint32_t r = 0; r < kWords; ++r) {
      unpackB(*word++, values);
      const uint32_t first = r * 4 * elements + inGroup * elements;
      for (uint32_t j = 0; j < elements; ++j)
        to.b[first + j][group] = values[j];
    }
    for (uint32_t r = 0; r < 4; ++r)
      memcpy(&to.c[group + r / 2 * 8][inGroup * 2 + r % 2], word++,
             sizeof(Sum));
  }
}

template <typename Sum>
static void scatter(const Meeting &meeting,
                    const Sum (&c)[Shape::m][Shape::n]) {
  for (uint32_t lane = 0; lane < Block::warpSize; ++lane)
    for (uint32_t r = 0; r < 4; ++r)
      memcpy(&meeting.out[lane][r],
             &c[lane / 4 + r / 2 * 8][lane % 4 * 2 + r % 2], sizeof(Sum));
}

static constexpr auto unpackBF16 = [](uint32_t word, float *to) {
  to[0] = fromBF16(static_cast<uint16_t>(word));
  to[1] = fromBF16(static_cast<uint16_t>(word >> 16));
};
static constexpr auto unpackF16 = [](uint32_t word, float *to) {
  to[0] = fromF16(static_cast<uint16_t>(word));
  to[1] = fromF16(static_cast<uint16_t>(word >> 16));
};
/// The lower 13 bits are not looked at.
static constexpr auto unpackTF32 = [](uint32_t word, float *to) {
  to[0] = floatOf(word & 0xffffe000);
};

template <typename Unpack>
static void multiplyFloats(const Meeting &meeting, uint32_t k,
                           uint32_t elements, Unpack unpack) {
  Operands<float, float> x;
  gather(meeting, k, elements, x, unpack, unpack);
  // A row at a time: most of what an emulated model does is done here.
  typedef float Row __attribute__((vector_size(sizeof(x.c[0]))));
  for (uint32_t row = 0; row < Shape::m; ++row) {
    Row sum, b;
    memcpy(&sum, x.c[row], sizeof(Row));
    for (uint32_t i = 0; i < k; ++i) {
      memcpy(&b, x.b[i], sizeof(Row));
      sum += x.a[row][i] * b;
    }
    memcpy(x.c[row], &sum, sizeof(Row));
  }
  scatter(meeting, x.c);
}

using UnpackBytes = void (*)(uint32_t, int32_t *);
static const UnpackBytes unpackS8 = [](uint32_t word, int32_t *to) {
  for (int j = 0; j < 4; ++j)
    to[j] = static_cast<int8_t>(word >> 8 * j);
};
static const UnpackBytes unpackU8 = [](uint32_t word, int32_t *to) {
  for (int j = 0; j < 4; ++j)
    to[j] = static_cast<uint8_t>(word >> 8 * j);
};

static void multiplyBytes(const Meeting &meeting, uint32_t k, MatrixType a,
                          MatrixType b, bool saturates) {
  Operands<int32_t, int32_t> x;
  gather(meeting, k, 4, x, a == MatrixType::S8 ? unpackS8 : unpackU8,
         b == MatrixType::S8 ? unpackS8 : unpackU8);
  for (uint32_t row = 0; row < Shape::m; ++row)
    for (uint32_t column = 0; column < Shape::n; ++column) {
      int64_t sum = x.c[row][column];
      for (uint32_t i = 0; i < k; ++i)
        sum += x.a[row][i] * x.b[i][column];
      if (saturates)
        sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
      x.c[row][column] = static_cast<int32_t>(static_cast<uint32_t>(sum));
    }
  scatter(meeting, x.c);
}

void bertc_gpu_emulator_multiply(Thread *thread, Site *site, const uint32_t *in,
                                 uint32_t *out) {
  Meeting *meeting = meetWarp(thread, site, in, out);
  if (!meeting)
    return;
  const uint32_t k = site->parameters[2];
  const auto a = MatrixType(site->parameters[3]);
  switch (a) {
  case MatrixType::BF16:
    multiplyFloats(*meeting, k, 2, unpackBF16);
    break;
  case MatrixType::F16:
    multiplyFloats(*meeting, k, 2, unpackF16);
    break;
  case MatrixType::TF32:
    multiplyFloats(*meeting, k, 1, unpackTF32);
    break;
  case MatrixType::S8:
  case MatrixType::U8:
    multiplyBytes(*meeting, k, a, MatrixType(site->parameters[4]),
                  site->parameters[5]);
    break;
  }
  thread->block->dismiss(meeting);
}
