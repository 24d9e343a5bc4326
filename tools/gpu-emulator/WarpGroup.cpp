//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wgmma: four warps multiply what lies in shared memory. What is read counts as
// read until the group was waited for, so that who writes there before is
// found; results are handed out then and not before.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Calls.h"
#include "tools/gpu-emulator/Cluster.h"
#include "tools/gpu-emulator/Numbers.h"
#include "tools/gpu-emulator/TensorMap.h"
#include "tools/gpu-emulator/Text.h"
#include <cstring>

using namespace bertc::emulator;

static constexpr uint32_t m = 64, k = 16, mostN = GroupResult::mostColumns;
static constexpr uint32_t descriptorWords = 4;

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
  uint32_t fence = 0; // the last of the group
  for (uint32_t i = 0; i < Block::groupSize; ++i)
    fence = std::max(fence, block.thread(reader.index + i).proxyFence);
  const auto shared = reinterpret_cast<uint64_t>(block.shared.data());
  constexpr uint64_t low = 0x3ffff;
  for (uint32_t row = 0; row < rows; ++row)
    for (uint32_t part = 0; part < k / 8; ++part) {
      const auto *from = reinterpret_cast<const char *>(
          (shared & ~low) + operand.address(row, part));
      block.checkShared(reader, site, from, 16, 16);
      block.accessShared(reader, site, from, 16, AccessKind::Load,
                         /*counts=*/false);
      const uint32_t offset = block.shared.offsetOf(from);
      block.checkProxy(reader, site, fence, offset, 16, "fence.proxy.async");
      block.groupReads[reader.index / Block::groupSize].add(&site, offset);
      uint16_t halves[8];
      memcpy(halves, from, sizeof(halves));
      for (uint32_t i = 0; i < 8; ++i)
        to[row][part * 8 + i] =
            isBF16 ? fromBF16(halves[i]) : fromF16(halves[i]);
    }
}

/// Row and column of what thread `i` of the group has as its r-th sum: as in
/// mma.m16n8, for each warp's 16 rows.
static uint32_t placeOf(uint32_t i, uint32_t r) {
  const uint32_t lane = i % 32;
  const uint32_t row = i / 32 * 16 + lane / 4 + r / 2 % 2 * 8;
  return row * GroupResult::mostColumns + r / 4 * 8 + lane % 4 * 2 + r % 2;
}

/// The number that a register holds. `where` is not known: it is used as one of
/// another accumulator, as it is.
static float takenFrom(GroupResults &results, uint32_t word, uint32_t place) {
  if (!GroupResults::isMark(word))
    return floatOf(word);
  const GroupResult *result = results.find(word);
  return result ? result->sums[place] : floatOf(~0u);
}

/// What registers held before, as sums of a result. That of the product before,
/// if all of them are its.
static GroupResult &accumulators(Block &block, const GroupMeeting &meeting,
                                 Thread &last, const Site &site) {
  const uint32_t group = last.index / Block::groupSize;
  const uint32_t count = site.parameters[0] / 2;
  GroupResults &results = block.groupResults[group];
  const uint32_t first = meeting.in[0][descriptorWords];
  bool isOne = GroupResults::isMark(first), isFenced = true;
  for (uint32_t i = 0; i < Block::groupSize; ++i) {
    const uint32_t *words = meeting.in[i] + descriptorWords;
    for (uint32_t r = 0; r < count && isOne; ++r)
      isOne = words[r] == first;
    isFenced = isFenced && block.thread(group * Block::groupSize + i).isFenced;
  }
  GroupResult *before = isOne ? results.find(first) : nullptr;
  if (isOne && !before)
    block.fatal(last, site, [] {
      return "bad accumulator, another product has taken its registers";
    });
  // Products of one shape may follow each other without.
  if (!isFenced && (!before || before->wasRead))
    block.error(last, site,
                "no wgmma.fence, between a product and what its registers were "
                "used for before");
  if (before)
    return *before;
  GroupResult &made = results.add();
  for (uint32_t i = 0; i < Block::groupSize; ++i)
    for (uint32_t r = 0; r < count; ++r)
      made.sums[placeOf(i, r)] =
          takenFrom(results, meeting.in[i][descriptorWords + r], placeOf(i, r));
  return made;
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
  const uint32_t group = thread->index / Block::groupSize;
  Thread &reader = block.thread(group * Block::groupSize);
  static float a[m][k], b[mostN][k], transposed[k][mostN];
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
  GroupResult &result = accumulators(block, *meeting, *thread, *site);
  for (uint32_t column = 0; column < n; ++column)
    for (uint32_t i = 0; i < k; ++i)
      transposed[i][column] = b[column][i];
  for (uint32_t row = 0; row < m; ++row) {
    float *sums = &result.sums[row * GroupResult::mostColumns];
    if (!adds)
      std::fill_n(sums, n, 0.0f);
    for (uint32_t i = 0; i < k; ++i)
      for (uint32_t column = 0; column < n; ++column)
        sums[column] += sign * a[row][i] * transposed[i][column];
  }
  const uint32_t mark = block.groupResults[group].renew(result, site);
  for (uint32_t i = 0; i < Block::groupSize; ++i)
    std::fill_n(meeting->out[i], n / 2, mark);
  block.dismissGroup(meeting);
}

void bertc_gpu_emulator_group_read(Thread *thread, Site *site,
                                   const uint32_t *in, uint32_t *out) {
  Block &block = *thread->block;
  ++block.report->steps;
  out[0] = in[0];
  if (!GroupResults::isMark(in[0]))
    return;
  GroupResults &results = block.groupResults[thread->index / Block::groupSize];
  GroupResult *result = results.find(in[0]);
  if (!result)
    block.fatal(*thread, *site, [] {
      return "bad accumulator, another product has taken its registers";
    });
  const uint32_t place =
      placeOf(thread->index % Block::groupSize, site->parameters[0]);
  memcpy(out, &result->sums[place], sizeof(float));
  result->wasRead = true;
  thread->isFenced = false;
  if (results.isComplete(*result))
    return;
  out[0] = ~0u;
  block.error(*thread, *result->site,
              std::string("result of a product that was not waited for, it is "
                          "read at ") +
                  site->text);
}

void bertc_gpu_emulator_group_fence(Thread *thread, Site *) {
  ++thread->block->report->steps;
  thread->isFenced = true;
}

void bertc_gpu_emulator_group_commit(Thread *thread, Site *site,
                                     const uint32_t *in, uint32_t *out) {
  Block &block = *thread->block;
  ++block.report->steps;
  GroupMeeting *meeting = block.meetGroup(*thread, *site, in, out);
  if (!meeting)
    return;
  const uint32_t group = thread->index / Block::groupSize;
  block.groupReads[group].commit();
  block.groupResults[group].commit();
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
  block.groupResults[group].wait(site->parameters[0]);
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
