//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The model: a processor works on the stages of its blocks at the pace of the
// slowest of tensor cores, shared memory and L2, unless the steps of one block,
// each of which waits for the one before, take longer; and the GPU not faster
// than memory gives the operands. Its constants are fitted to an H200, where 60
// kernels of BERT-base and BERT-large took 128 to 12288 tokens.
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/DevicePlan.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <tuple>

using namespace bertc;

static constexpr int64_t warp = 32;
static constexpr int64_t tileBytes = 32;         // of a row, of one instruction
static constexpr int64_t reservedShared = 1024;  // of each block, by the system
static constexpr int64_t wordsOfRegisters = 256; // registers come in these

static constexpr int64_t warpGroup = 128;

int64_t DeviceLinearPlan::threads() const {
  return wgmma ? (warpRows + 1) * warpGroup : warpRows * warpColumns * warp;
}
int64_t DeviceLinearPlan::sharedBytes() const {
  // Two barriers of 8 bytes for each stage, and for the turns.
  int64_t more = wgmma ? wgmmaAlignment + (stages + pingPong) * 16 : 0;
  return stages * stageBytes() + more;
}

// The register file belongs to one block then.
static constexpr int64_t registerFile = 65536;
int64_t DeviceLinearPlan::producerRegisters() const {
  return warpRows > 2 ? 32 : 40;
}
int64_t DeviceLinearPlan::consumerRegisters() const {
  int64_t left = registerFile / warpGroup - producerRegisters();
  return std::min<int64_t>(left / warpRows / 8 * 8, 240);
}

// Of a warp's tile with mma.sync: sums, two sets of operands, one for each
// copy's source, and 32 for the rest, of which the epilogue is the larger part.
// With as many the assembler needs no memory, for every tile below, any number
// of planes, with splits and tails.
int64_t DeviceLinearPlan::registers() const {
  if (wgmma)
    return std::min<int64_t>(registerFile / threads() / 8 * 8, 248);
  int64_t rows = blockRows / warpRows, columns = blockColumns / warpColumns;
  int64_t copies = llvm::divideCeil(stageBytes() / 16, threads());
  int64_t count =
      rows * columns / warp + 2 * (rows + columns) / 4 + copies + 32;
  return std::min<int64_t>(llvm::alignTo(count, 8), 255);
}
int64_t DeviceLinearPlan::resident() const {
  constexpr int64_t mostShared = 228 * 1024; // of a processor of any GPU
  int64_t blocks = std::min(registerFile / (registers() * threads()),
                            mostShared / (sharedBytes() + reservedShared));
  return std::max<int64_t>(blocks, 1);
}
int64_t DeviceLinearPlan::instructions() const {
  int64_t tiles = wgmma ? blockRows / 64 : blockRows / 16 * (blockColumns / 8);
  return tiles * (rowBytes() / tileBytes);
}
std::string DeviceLinearPlan::name() const {
  std::string name =
      llvm::formatv("{0}x{1}x{2}_{3}x{4}_{5}", blockRows, blockColumns,
                    blockDepth, warpRows, warpColumns, stages);
  if (wgmma)
    name += pingPong ? "_wgmma_pingpong" : "_wgmma";
  if (cluster > 1)
    name += llvm::formatv("_cluster{0}", cluster);
  if (splits > 1)
    name += llvm::formatv("_split{0}", splits);
  return name;
}
static auto fields(const DeviceLinearPlan &plan) {
  return std::tie(plan.blockRows, plan.blockColumns, plan.blockDepth,
                  plan.warpRows, plan.warpColumns, plan.stages, plan.splits,
                  plan.wgmma, plan.pingPong, plan.cluster, plan.elementBytes);
}
bool DeviceLinearPlan::operator==(const DeviceLinearPlan &other) const {
  return fields(*this) == fields(other);
}

//===----------------------------------------------------------------------===//
// Cost
//===----------------------------------------------------------------------===//

int64_t bertc::deviceOccupancy(const GpuModel &gpu, int64_t threads,
                               int64_t registers, int64_t sharedBytes) {
  int64_t blocks = std::min({gpu.sharedBytes / (sharedBytes + reservedShared),
                             gpu.threads / threads, gpu.blocks});
  if (!registers)
    return blocks;
  int64_t all = llvm::alignTo(registers * warp, wordsOfRegisters) *
                llvm::divideCeil(threads, warp);
  return std::min(blocks, gpu.registers / all);
}

int64_t bertc::deviceLinearOccupancy(const GpuModel &gpu,
                                     const DeviceLinearPlan &plan) {
  return deviceOccupancy(gpu, plan.threads(), plan.registers(),
                         plan.sharedBytes());
}

int64_t bertc::deviceLinearBlocks(const DeviceLinearFacts &facts,
                                  const DeviceLinearPlan &plan,
                                  int64_t tokens) {
  return llvm::divideCeil(facts.columns, plan.blockColumns) *
         llvm::divideCeil(tokens, plan.blockRows * plan.cluster) *
         plan.cluster * plan.splits;
}

// Cycles: from a request to memory to its data; of a kernel before its first
// product, and behind its last; of sums that go through memory.
static constexpr double memoryLatency = 800;
static constexpr double kernelLatency = 1500;
static constexpr double splitLatency = 3000, latencyOfSplit = 600;

/// Cycles of a step of one block of mma.sync that has the processor to itself:
/// of copies, barriers and products that wait for each other.
static double stepLatency(const DeviceLinearPlan &plan) {
  double sums = double(plan.blockRows) / plan.warpRows * plan.blockColumns /
                plan.warpColumns;
  return (190 + 0.3 * sums) * plan.rowBytes() / 128;
}

/// Cycles of a processor for one stage of one block.
static double stageCycles(const GpuModel &gpu, const DeviceLinearPlan &plan) {
  double rows = plan.blockRows, columns = plan.blockColumns;
  double flops = 2 * rows * columns * plan.blockDepth;
  double tensor = flops / (gpu.tensorFlopsCycle * (2.0 / plan.elementBytes));
  double level2 = (rows + columns / plan.cluster) * plan.rowBytes() /
                  gpu.levelTwoBytesCycle;
  if (plan.wgmma) {
    // Between the products of a stage and the next; of groups that take turns
    // one follows the other, and clusters ask for less. Boxes take less of L2
    // than pieces.
    constexpr double gap = 180, gapOfTurns = 50, gapOfCluster = 35;
    constexpr double boxFactor = 1.33;
    double between = !plan.pingPong      ? gap
                     : plan.cluster == 1 ? gapOfTurns
                                         : gapOfCluster;
    return std::max(tensor + between, level2 / boxFactor);
  }
  // One warp for each of the four tensor cores leaves gaps between its
  // products.
  double warps = plan.threads() / warp;
  tensor /= gpu.mmaFraction * warps / (warps + 0.5);
  // Every warp reads its rows of x, and all of them the weights.
  double read = (rows / plan.warpRows + columns / plan.warpColumns) * warps *
                plan.rowBytes();
  double shared = (read + plan.stageBytes()) / gpu.sharedBytesCycle;
  return std::max({tensor, shared, level2});
}

/// Cycles of a processor for `tiles` of wgmma, of `steps` each.
static double wgmmaCycles(const GpuModel &gpu, const DeviceLinearPlan &plan,
                          int64_t tiles, double steps, double tileBytes) {
  // What a warp group reads and writes in its epilogue; of clusters the blocks
  // wait for each other, and for their neighbour to start.
  constexpr double groupBytesCycle = 11, clusterWrites = 1.5;
  constexpr double clusterLatency = 2500;
  bool alone = plan.cluster == 1;
  double products = steps * stageCycles(gpu, plan);
  double writes = tileBytes / groupBytesCycle * (alone ? 1 : clusterWrites);
  double cycles;
  if (plan.pingPong) {
    // Either is the tensor cores' time the longer, or that of each group.
    double turns = llvm::divideCeil(tiles, 2) * (products + writes);
    cycles =
        std::max(tiles * products + writes, turns + (tiles > 1 ? products : 0));
  } else {
    cycles = tiles * (products + writes / plan.warpRows);
  }
  return alone ? cycles : cycles + clusterLatency;
}

double bertc::deviceLinearBytes(const DeviceLinearFacts &facts,
                                int64_t tokens) {
  double operands = double(facts.elementBytes()) * facts.planes * facts.depth *
                    (facts.columns + tokens);
  double each = facts.outputBytes + facts.residual * 4;
  return operands + each * facts.columns * tokens;
}

double bertc::deviceLinearSeconds(const GpuModel &gpu,
                                  const DeviceLinearFacts &facts,
                                  const DeviceLinearPlan &plan,
                                  int64_t tokens) {
  int64_t blocks = deviceLinearBlocks(facts, plan, tokens);
  int64_t steps =
      llvm::divideCeil(facts.depth, plan.blockDepth) * facts.products();
  double blockSteps = llvm::divideCeil(steps, plan.splits);
  double tileElements = plan.blockRows * plan.blockColumns;
  double tileBytes = tileElements * (facts.outputBytes + facts.residual * 4);
  int64_t each = llvm::divideCeil(blocks, gpu.processors); // of a processor
  double atLeast = deviceLinearBytes(facts, tokens) / gpu.memoryBytesSecond;
  double latency = kernelLatency;
  if (plan.wgmma) {
    // Where some columns do not exist each group of them is asked for.
    constexpr double askingFactor = 1.5;
    if (facts.columns % plan.blockColumns != 0)
      tileBytes *= askingFactor;
    double cycles =
        wgmmaCycles(gpu, plan, each, blockSteps, tileBytes) + latency;
    return std::max(cycles / gpu.clock, atLeast) + latency / gpu.clock;
  }
  int64_t resident = std::min(deviceLinearOccupancy(gpu, plan), each);
  double writes = tileBytes / gpu.levelTwoBytesCycle;
  if (plan.splits > 1)
    writes =
        writes / plan.splits + 2 * tileElements * 4 / gpu.levelTwoBytesCycle;
  // What no other block hides: filling the stages, and the last writes.
  latency += writes;
  if (plan.splits > 1)
    latency += splitLatency + plan.splits * latencyOfSplit +
               plan.splits * tileElements * 4 / (4 * gpu.levelTwoBytesCycle);
  double stage = std::max({stageCycles(gpu, plan), stepLatency(plan) / resident,
                           memoryLatency / (plan.stages - 1) / resident});
  double cycles = each * (blockSteps * stage + writes * (resident > 1)) +
                  latency * (resident > 1 ? 1 : each);
  return std::max(cycles / gpu.clock, atLeast) + kernelLatency / gpu.clock;
}

//===----------------------------------------------------------------------===//
// Choice
//===----------------------------------------------------------------------===//

namespace {
struct Shape {
  int64_t rows, columns, warpRows, warpColumns;
  bool pingPong = false;
};
} // namespace

// Tiles of y. Larger tiles of a warp need less of shared memory, 64 x 64 is
// what the registers hold.
static constexpr Shape mmaShapes[] = {
    {16, 64, 1, 4},   {16, 128, 1, 4},  {32, 64, 1, 4},  {32, 128, 1, 4},
    {64, 64, 2, 2},   {64, 128, 2, 2},  {128, 64, 2, 2}, {128, 128, 2, 2},
    {128, 128, 2, 4}, {128, 256, 2, 4}, {256, 128, 4, 2}};

static constexpr Shape wgmmaShapes[] = {
    {64, 32, 1, 1},   {64, 64, 1, 1},   {128, 64, 2, 1},
    {128, 96, 2, 1},  {128, 128, 2, 1}, {128, 128, 2, 1, true},
    {128, 192, 2, 1}, {128, 256, 2, 1}};

static constexpr int64_t splitCounts[] = {1, 2, 3, 4, 6, 8, 12, 16};
static constexpr int64_t mostStages = 5;
static constexpr int64_t mostWgmmaStages = 8; // boxes need no registers
static constexpr int64_t wgmmaDepth = 64;     // rows of 128 bytes

/// The longest k block without zeros behind the depth, which are copied and
/// multiplied, too; in a long depth they do not matter.
static int64_t chooseBlockDepth(const DeviceLinearFacts &facts) {
  constexpr int64_t longest = 128; // bytes
  int64_t bytes = facts.depth * facts.elementBytes(), block = longest;
  while (block > tileBytes && bytes % block != 0 && bytes <= 8 * longest)
    block /= 2;
  return block / facts.elementBytes();
}

static llvm::SmallVector<DeviceLinearPlan>
candidates(const DeviceTarget &target, const DeviceLinearFacts &facts) {
  const GpuModel &gpu = *target.planned;
  llvm::SmallVector<DeviceLinearPlan> result;
  auto add = [&](const Shape &shape, int64_t depth, bool wgmma,
                 int64_t cluster = 1) {
    DeviceLinearPlan plan;
    plan.cluster = cluster;
    plan.blockRows = shape.rows;
    plan.blockColumns = shape.columns;
    plan.blockDepth = depth;
    plan.warpRows = shape.warpRows;
    plan.warpColumns = shape.warpColumns;
    plan.wgmma = wgmma;
    plan.pingPong = shape.pingPong;
    plan.elementBytes = facts.elementBytes();
    int64_t steps = llvm::divideCeil(facts.depth, depth) * facts.products();
    // Of equal plans the one with more stages comes first.
    for (plan.stages = wgmma ? mostWgmmaStages : mostStages; plan.stages >= 2;
         --plan.stages)
      for (int64_t splits : splitCounts) {
        plan.splits = splits;
        if (splits <= (wgmma ? 1 : steps) &&
            plan.sharedBytes() <= target.blockSharedBytes &&
            deviceLinearOccupancy(gpu, plan) > 0)
          result.push_back(plan);
      }
  };
  for (const Shape &shape : mmaShapes)
    add(shape, chooseBlockDepth(facts), /*wgmma=*/false);
  if (target.wgmma && !facts.int8)
    for (const Shape &shape : wgmmaShapes)
      for (int64_t cluster : {1, 2})
        add(shape, wgmmaDepth, /*wgmma=*/true, cluster);
  return result;
}

static DeviceLinearPlan cheapest(const GpuModel &gpu,
                                 const DeviceLinearFacts &facts,
                                 llvm::ArrayRef<DeviceLinearPlan> plans,
                                 int64_t tokens) {
  const DeviceLinearPlan *best = nullptr;
  double least = 0;
  for (const DeviceLinearPlan &plan : plans) {
    double seconds = deviceLinearSeconds(gpu, facts, plan, tokens);
    if (!best || seconds < least) {
      best = &plan;
      least = seconds;
    }
  }
  return *best;
}

DeviceLinearPlan bertc::planDeviceLinear(const DeviceTarget &target,
                                         const DeviceLinearFacts &facts,
                                         int64_t tokens) {
  const GpuModel &gpu = *target.planned;
  return cheapest(gpu, facts, candidates(target, facts), tokens);
}

// The last counts of the classes; the plan of the last class is for many.
static constexpr int64_t classEnds[] = {16,  64,   128,  256,
                                        512, 1024, 4096, 16384};
// A plan stays for the next class while it costs at most this much more; in the
// last are the batches that take the time.
static constexpr double tolerance = 1.1, lastTolerance = 1.01;

DeviceLinearPlans bertc::choosePlans(const GpuModel &gpu,
                                     const DeviceLinearFacts &facts,
                                     llvm::ArrayRef<DeviceLinearPlan> plans) {
  llvm::SmallVector<DeviceLinearPlan> all(plans);
  DeviceLinearPlans result;
  int64_t from = 1;
  for (int64_t end : classEnds) {
    bool isLast = end == std::end(classEnds)[-1];
    if (isLast)
      llvm::erase_if(all, [](const auto &plan) { return plan.splits > 1; });
    auto seconds = [&](const DeviceLinearPlan &plan) {
      return deviceLinearSeconds(gpu, facts, plan, end);
    };
    DeviceLinearPlan best = cheapest(gpu, facts, all, end);
    bool stays = !result.empty() &&
                 llvm::is_contained(all, result.back().second) &&
                 seconds(result.back().second) <=
                     (isLast ? lastTolerance : tolerance) * seconds(best);
    if (!stays)
      result.push_back({from, best});
    from = end + 1;
  }
  return result;
}

DeviceLinearPlans bertc::planDeviceLinear(const DeviceTarget &target,
                                          const DeviceLinearFacts &facts) {
  return choosePlans(*target.planned, facts, candidates(target, facts));
}
