//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the lanes of a warp do together: the last to come does it for all.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Block.h"
#include "tools/gpu-emulator/Calls.h"
#include "tools/gpu-emulator/Text.h"

using namespace bertc::emulator;

template <typename Act>
static void meet(Thread *thread, Site *site, const uint32_t *in, uint32_t *out,
                 Act act) {
  Block &block = *thread->block;
  ++block.report->steps;
  // Threads of a last warp that is not whole do not exist.
  const uint32_t inWarp = std::min(
      block.threadCount() - thread->warp * Block::warpSize, Block::warpSize);
  const uint32_t exist = inWarp == Block::warpSize ? ~0u : (1u << inWarp) - 1;
  Meeting *meeting = block.meet(*thread, *site, in[0] & exist, in, out);
  if (!meeting)
    return;
  for (uint32_t lane = 0; lane < Block::warpSize; ++lane)
    if (meeting->mask >> lane & 1)
      act(*meeting, lane);
  block.dismiss(meeting);
}

void bertc_gpu_emulator_warp_sync(Thread *thread, Site *site,
                                  const uint32_t *in, uint32_t *out) {
  Block &block = *thread->block;
  bool isFirst = true;
  meet(thread, site, in, out, [&](const Meeting &meeting, uint32_t) {
    if (isFirst)
      block.orderLanes(thread->warp, meeting.mask);
    isFirst = false;
  });
}

void bertc_gpu_emulator_shuffle(Thread *thread, Site *site, const uint32_t *in,
                                uint32_t *out) {
  Block &block = *thread->block;
  meet(thread, site, in, out, [&](const Meeting &meeting, uint32_t lane) {
    // As in the pseudocode of the PTX manual.
    const uint32_t b = meeting.in[lane][2] & 31, c = meeting.in[lane][3];
    const uint32_t clamp = c & 31, segment = c >> 8 & 31;
    const uint32_t maxLane = (lane & segment) | (clamp & ~segment);
    const uint32_t minLane = lane & segment;
    uint32_t from = 0;
    bool valid = false;
    switch (ShuffleKind(site->parameters[0])) {
    case ShuffleKind::Up:
      from = lane - b;
      valid = static_cast<int32_t>(from) >= static_cast<int32_t>(maxLane);
      break;
    case ShuffleKind::Down:
      from = lane + b;
      valid = from <= maxLane;
      break;
    case ShuffleKind::Butterfly:
      from = lane ^ b;
      valid = from <= maxLane;
      break;
    case ShuffleKind::Index:
      from = minLane | (b & ~segment);
      valid = from <= maxLane;
      break;
    }
    if (!valid)
      from = lane;
    if (!(meeting.mask >> from & 1))
      block.fatal(block.thread(thread->warp * Block::warpSize + lane), *site,
                  [&] {
                    return "bad shuffle, lane " + std::to_string(from) +
                           " is not in the mask " + hexadecimal(meeting.mask);
                  });
    meeting.out[lane][0] = meeting.in[from][1];
    if (site->parameters[1])
      meeting.out[lane][1] = valid;
  });
}

void bertc_gpu_emulator_vote(Thread *thread, Site *site, const uint32_t *in,
                             uint32_t *out) {
  meet(thread, site, in, out, [&](const Meeting &meeting, uint32_t lane) {
    uint32_t ballot = 0;
    for (uint32_t i = 0; i < Block::warpSize; ++i)
      if (meeting.mask >> i & 1)
        ballot |= (meeting.in[i][1] & 1) << i;
    uint32_t &result = meeting.out[lane][0];
    switch (VoteKind(site->parameters[0])) {
    case VoteKind::Any:
      result = ballot != 0;
      break;
    case VoteKind::All:
      result = ballot == meeting.mask;
      break;
    case VoteKind::Ballot:
      result = ballot;
      break;
    case VoteKind::Uniform:
      result = ballot == 0 || ballot == meeting.mask;
      break;
    }
  });
}

static uint32_t reduce(ReduceKind kind, uint32_t a, uint32_t b) {
  const auto x = static_cast<int32_t>(a), y = static_cast<int32_t>(b);
  switch (kind) {
  case ReduceKind::Add:
    return a + b;
  case ReduceKind::And:
    return a & b;
  case ReduceKind::Or:
    return a | b;
  case ReduceKind::Xor:
    return a ^ b;
  case ReduceKind::Min:
    return static_cast<uint32_t>(std::min(x, y));
  case ReduceKind::Max:
    return static_cast<uint32_t>(std::max(x, y));
  case ReduceKind::UnsignedMin:
    return std::min(a, b);
  case ReduceKind::UnsignedMax:
    return std::max(a, b);
  }
  return 0;
}

void bertc_gpu_emulator_reduce(Thread *thread, Site *site, const uint32_t *in,
                               uint32_t *out) {
  meet(thread, site, in, out, [&](const Meeting &meeting, uint32_t lane) {
    uint32_t i = __builtin_ctz(meeting.mask);
    uint32_t result = meeting.in[i][1];
    while (++i < Block::warpSize)
      if (meeting.mask >> i & 1)
        result =
            reduce(ReduceKind(site->parameters[0]), result, meeting.in[i][1]);
    meeting.out[lane][0] = result;
  });
}

void bertc_gpu_emulator_elect(Thread *thread, Site *site, const uint32_t *in,
                              uint32_t *out) {
  meet(thread, site, in, out, [](const Meeting &meeting, uint32_t lane) {
    meeting.out[lane][0] = lane == uint32_t(__builtin_ctz(meeting.mask));
  });
}

//===----------------------------------------------------------------------===//
// Barriers of a block
//===----------------------------------------------------------------------===//

void bertc_gpu_emulator_barrier(Thread *thread, Site *site, uint32_t id,
                                uint32_t count) {
  Block &block = *thread->block;
  ++block.report->steps;
  block.barrier(*thread, *site, id, count, /*waits=*/true);
}

void bertc_gpu_emulator_barrier_arrive(Thread *thread, Site *site, uint32_t id,
                                       uint32_t count) {
  Block &block = *thread->block;
  ++block.report->steps;
  block.barrier(*thread, *site, id, count, /*waits=*/false);
}
