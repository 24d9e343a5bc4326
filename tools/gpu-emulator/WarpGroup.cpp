//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wgmma: four warps multiply what lies in shared memory. Results are there at
// once, but what is read counts as read until the group was waited for, so that
// who writes there before is found.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Calls.h"
#include "tools/gpu-emulator/Cluster.h"
#include "tools/gpu-emulator/Numbers.h"
#include "tools/gpu-emulator/TensorMap.h"
#include "tools/gpu-emulator/Text.h"
#include <cstring>

using namespace bertc::emulator;

static constexpr uint32_t m = 64, k = 16, mostN = 256;

namespace {
/// A matrix descriptor's fields.
struct Operand {
  explicit Operand(uint64_t bits)
      : start((bits & 0x3fff) << 4), leading((bits >> 16 & 0x3fff) << 4),
        stride((bits >> 32 & 0x3fff) << 4), base(bits >> 49 & 7),
        swizzle(bits >> 62 == 0 ? Swizzle::None : Swizzle(4 - (bits >> 62))) {}

  /// Low 18 bits of the address of 8 elements: those of `row` from k step
  /// `part` * 8 on.
  uint32_t address(uint32_t row, uint32_t part) const {
    if (swizzle == Swizzle::None)
      return start + row / 8 * stride + row % 8 * 16 + part * leading;
    const uint32_t rowBytes = 16u << uint32_t(swizzle);
    return permute(start + row / 8 * stride + row % 8 * rowBytes + part * 16,
                   swizzle);
  }

  uint32_t start, leading, stride, base;
  Swizzle swizzle;
};
} // namespace

/// Reads `rows` rows of 16 elements. The reads count as those of `reader`.
static void readOperand(Thread &reader, Site &site, const Operand &operand,
                        uint32_t rows, bool isBF16, float (*to)[k]) {
  Block &block = *reader.block;
  if (operand.base != 0)
    block.fatal(reader, site, [] {
      return "bad matrix descriptor, base offsets are not emulated";
    });
  const auto shared = reinterpret_cast<uint64_t>(block.shared.data());
  constexpr uint64_t low = 0x3ffff;
  for (uint32_t row = 0; row < rows; ++row)
    for (uint32_t part = 0; part < k / 8; ++part) {
      const auto *from = reinterpret_cast<const char *>(
          (shared & ~low) + operand.address(row, part));
      block.checkShared(reader, site, from, 16, 16);
      block.accessShared(reader, site, from, 16, AccessKind::Load,
                         /*counts=*/false);
      block.groupReads[reader.index / Block::groupSize].add(
          &site, block.shared.offsetOf(from));
      uint16_t halves[8];
      memcpy(halves, from, sizeof(halves));
      for (uint32_t i = 0; i < 8; ++i)
        to[row][part * 8 + i] =
            isBF16 ? fromBF16(halves[i]) : fromF16(halves[i]);
    }
}

void bertc_gpu_emulator_group_multiply(Thread *thread, Site *site,
                                       const uint32_t *in, uint32_t *out) {
  Block &block = *thread->block;
  ++block.report->steps;
  GroupMeeting *meeting = block.meetGroup(*thread, *site, in, out);
  if (!meeting)
    return;
  const uint32_t n = site->parameters[0];
  const bool isBF16 = MatrixType(site->parameters[1]) == MatrixType::BF16;
  const bool adds = site->parameters[2];
  const float sign = site->parameters[3] ? -1.0f : 1.0f;
  Thread &reader =
      block.thread(thread->index / Block::groupSize * Block::groupSize);
  static float a[m][k], b[mostN][k], transposed[k][mostN], sums[m][mostN];
  constexpr uint32_t descriptorWords = 4;
  for (uint32_t i = 1; i < Block::groupSize; ++i)
    if (memcmp(meeting->in[i], meeting->in[0], descriptorWords * 4) != 0)
      block.fatal(*thread, *site, [] {
        return "divergence, threads of a warp group have different matrix "
               "descriptors";
      });
  uint64_t descriptors[2];
  memcpy(descriptors, meeting->in[0], sizeof(descriptors));
  readOperand(reader, *site, Operand(descriptors[0]), m, isBF16, a);
  readOperand(reader, *site, Operand(descriptors[1]), n, isBF16, b);
  // Which thread holds what is that of mma.m16n8, for each warp's 16 rows.
  auto place = [n](uint32_t i, uint32_t r, uint32_t &row, uint32_t &column) {
    const uint32_t lane = i % 32;
    row = i / 32 * 16 + lane / 4 + r / 2 % 2 * 8;
    column = r / 4 * 8 + lane % 4 * 2 + r % 2;
    return column < n;
  };
  for (uint32_t i = 0; i < Block::groupSize; ++i)
    for (uint32_t r = 0, row, column; r < n / 2; ++r)
      if (place(i, r, row, column)) {
        sums[row][column] =
            adds ? floatOf(meeting->in[i][descriptorWords + r]) : 0.0f;
      }
  for (uint32_t column = 0; column < n; ++column)
    for (uint32_t i = 0; i < k; ++i)
      transposed[i][column] = b[column][i];
  for (uint32_t row = 0; row < m; ++row)
    for (uint32_t i = 0; i < k; ++i)
      for (uint32_t column = 0; column < n; ++column)
        sums[row][column] += sign * a[row][i] * transposed[i][column];
  for (uint32_t i = 0; i < Block::groupSize; ++i)
    for (uint32_t r = 0, row, column; r < n / 2; ++r)
      if (place(i, r, row, column))
        memcpy(&meeting->out[i][r], &sums[row][column], 4);
  block.dismissGroup(meeting);
}

void bertc_gpu_emulator_group_commit(Thread *thread, Site *site,
                                     const uint32_t *in, uint32_t *out) {
  Block &block = *thread->block;
  ++block.report->steps;
  GroupMeeting *meeting = block.meetGroup(*thread, *site, in, out);
  if (!meeting)
    return;
  block.groupReads[thread->index / Block::groupSize].commit();
  block.dismissGroup(meeting);
}

void bertc_gpu_emulator_group_wait(Thread *thread, Site *site,
                                   const uint32_t *in, uint32_t *out) {
  Block &block = *thread->block;
  ++block.report->steps;
  GroupMeeting *meeting = block.meetGroup(*thread, *site, in, out);
  if (!meeting)
    return;
  const uint32_t group = thread->index / Block::groupSize;
  Thread &reader = block.thread(group * Block::groupSize);
  block.groupReads[group].wait(
      site->parameters[0], [&](const Site &where, uint32_t offset) {
        block.accessShared(reader, where, block.shared.data() + offset, 16,
                           AccessKind::Load, /*counts=*/false);
      });
  // Whoever of the group goes on has seen that the reads are done.
  Clocks::Row row;
  Clocks &clocks = block.cluster->clocks;
  clocks.release(reader.clock, row);
  for (uint32_t i = 1; i < Block::groupSize; ++i)
    clocks.acquireOne(reader.clock + i, reader.clock, row);
  block.dismissGroup(meeting);
}
