//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks that can go on nowhere while threads wait are the one sign of
// divergence: lanes that came to different ops, or with different masks, wait
// in different meetings, none of which becomes complete.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Cluster.h"

#include "tools/gpu-emulator/Calls.h"
#include <cstdlib>
#include <cstring>

using namespace bertc::emulator;

void Cluster::prepare(const Launch &launch, Report &newReport) {
  report = &newReport;
  const EmulatedKernel &kernel = *launch.kernel;
  threadCount = kernel.threads;
  blockCount = 1;
  clusters = 1;
  for (int i = 0; i < 3; ++i) {
    sizes[i] = clusterBlocks(kernel, i);
    grid[i] = launch.grid[i] / sizes[i];
    blockCount *= sizes[i];
    clusters *= grid[i];
  }
  while (blocks.size() < blockCount)
    blocks.push_back(std::make_unique<Block>());
  for (uint32_t rank = 0; rank < blockCount; ++rank)
    blocks[rank]->prepare(launch, newReport, *this, rank);
  ready.resize(uint64_t(blockCount) * threadCount);
  aborted = false;
  reported.clear();
  ran.clear();
  memory.beginLaunch();
}

void Cluster::placeOf(uint64_t n, uint32_t rank, uint32_t (&at)[3]) const {
  const uint64_t place[] = {n % grid[0], n / grid[0] % grid[1],
                            n / grid[0] / grid[1]};
  const uint32_t inside[] = {rank % sizes[0], rank / sizes[0] % sizes[1],
                             rank / sizes[0] / sizes[1]};
  for (int i = 0; i < 3; ++i)
    at[i] = static_cast<uint32_t>(place[i] * sizes[i]) + inside[i];
}

bool Cluster::run(uint64_t n) {
  ran.push_back(n);
  memory.beginCluster();
  // Each block has one more for the engine that copies boxes.
  clocks.reset(blockCount * (threadCount + 1));
  firstReady = readyCount = 0;
  alive = blockCount * threadCount;
  arrived = phase = 0;
  waiting.clear();
  arriving.clear();
  complete.clear();
  for (uint32_t rank = 0; rank < blockCount; ++rank) {
    uint32_t at[3];
    placeOf(n, rank, at);
    blocks[rank]->start(at[0], at[1], at[2]);
  }
  current = ready[0];
  firstReady = 1 % ready.size();
  --readyCount;
  Fiber::transfer(host, current->fiber);
  // Who waits first stands for all.
  for (uint32_t rank = 0; rank < blockCount && !aborted && alive > 0; ++rank)
    if (Thread *first = blocks[rank]->firstWaiting()) {
      blocks[rank]->error(*first, *first->waiting,
                          "divergence, threads that do not come together: " +
                              whoWaits());
      aborted = true;
    }
  for (uint32_t rank = 0; rank < blockCount && !aborted; ++rank)
    blocks[rank]->finish();
  return !aborted;
}

void Cluster::finish() {
  for (uint32_t rank = 0; rank < blockCount; ++rank) {
    report->bankConflicts += blocks[rank]->banks.conflicts;
    report->transactions += blocks[rank]->banks.transactions;
  }
}

std::string Cluster::whoWaits() const {
  std::string text;
  for (uint32_t rank = 0; rank < blockCount; ++rank)
    text += (rank ? "; " : "") +
            (blockCount > 1 ? "block " + std::to_string(rank) + ": " : "") +
            blocks[rank]->whoWaits();
  for (uint32_t rank = 0; rank < blockCount; ++rank)
    text += blocks[rank]->missingArrivals();
  return text;
}

std::string Cluster::nameOf(uint32_t clock) const {
  const uint32_t index = clock % (threadCount + 1);
  const std::string name = index == threadCount
                               ? "a copy of a box"
                               : "thread " + std::to_string(index);
  if (blockCount == 1)
    return name;
  return name + " of block " + std::to_string(clock / (threadCount + 1)) +
         " of the cluster";
}

std::string Cluster::nameOfOther(uint32_t n, const uint16_t *clock) const {
  uint32_t at[3];
  placeOf(ran[n], clock ? *clock / (threadCount + 1) : 0, at);
  return (clock ? "thread " + std::to_string(*clock % (threadCount + 1)) +
                      " of block ("
                : std::string("block (")) +
         std::to_string(at[0]) + ", " + std::to_string(at[1]) + ", " +
         std::to_string(at[2]) + ")";
}

Block *Cluster::owner(const void *address) {
  for (uint32_t rank = 0; rank < blockCount; ++rank)
    if (blocks[rank]->shared.contains(address, 0))
      return blocks[rank].get();
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

void Cluster::abandon() {
  aborted = true;
  Fiber::transfer(current->fiber, host, /*forever=*/true);
  abort(); // an abandoned fibre is never resumed
}

void Cluster::wake(Thread &thread) {
  thread.waiting = nullptr;
  const auto capacity = static_cast<uint32_t>(ready.size());
  uint32_t place = firstReady + readyCount++;
  ready[place < capacity ? place : place - capacity] = &thread;
}

void Cluster::next(Thread &from) {
  if (readyCount == 0) {
    Fiber::transfer(from.fiber, host, from.finished);
    return;
  }
  current = ready[firstReady];
  firstReady = firstReady + 1 < ready.size() ? firstReady + 1 : 0;
  --readyCount;
  Fiber::transfer(from.fiber, current->fiber, from.finished);
}

//===----------------------------------------------------------------------===//
// The barrier
//===----------------------------------------------------------------------===//

void Cluster::completeIfDone() {
  if (arrived == 0 || arrived < alive)
    return;
  arrived = 0;
  ++phase;
  complete = arriving;
  for (Thread *thread : waiting)
    wake(*thread);
  waiting.clear();
}

void Cluster::arrive(Thread &thread, const Site &site) {
  if (thread.hasArrived)
    thread.block->fatal(thread, site, [] {
      return "bad cluster barrier, a thread arrives that did not wait after it "
             "arrived before";
    });
  thread.hasArrived = true;
  thread.arrivedIn = phase;
  ++arrived;
  // What it does until it waits is not ordered.
  clocks.release(thread.clock, arriving);
  completeIfDone();
}

void Cluster::wait(Thread &thread, const Site &site) {
  if (!thread.hasArrived)
    thread.block->fatal(thread, site, [] {
      return "bad cluster barrier, a thread waits that did not arrive";
    });
  while (phase == thread.arrivedIn) {
    waiting.push_back(&thread);
    thread.block->wait(thread, site);
  }
  thread.hasArrived = false;
  clocks.acquire(thread.clock, complete);
}

void Cluster::leave(Thread &thread) {
  --alive;
  if (thread.hasArrived && thread.arrivedIn == phase)
    --arrived;
  completeIfDone();
}

void bertc_gpu_emulator_cluster_arrive(Thread *thread, Site *site) {
  ++thread->block->report->steps;
  thread->block->cluster->arrive(*thread, *site);
}
void bertc_gpu_emulator_cluster_wait(Thread *thread, Site *site) {
  ++thread->block->report->steps;
  thread->block->cluster->wait(*thread, *site);
}

void bertc_gpu_emulator_map_shared(Thread *thread, Site *site,
                                   const uint32_t *in, uint32_t *out) {
  Block &block = *thread->block;
  ++block.report->steps;
  struct {
    char *address;
    uint32_t rank;
  } operands;
  memcpy(&operands.address, in, sizeof(operands.address));
  memcpy(&operands.rank, in + 2, sizeof(operands.rank));
  block.checkShared(*thread, *site, operands.address, 0, 1);
  if (operands.rank >= block.cluster->size())
    block.fatal(*thread, *site, [&] {
      return "no such block, " + std::to_string(operands.rank) +
             " of a cluster of " + std::to_string(block.cluster->size());
    });
  const char *there = block.cluster->block(operands.rank).shared.data() +
                      block.shared.offsetOf(operands.address);
  memcpy(out, &there, sizeof(there));
}
