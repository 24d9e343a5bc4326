//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/DeviceReport.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace bertc;

DeviceLinearReport bertc::reportDeviceLinear(const GpuModel &gpu,
                                             const DeviceLinearFacts &facts,
                                             const DeviceLinearPlan &plan,
                                             int64_t tokens) {
  DeviceLinearReport report;
  report.flops = 2.0 * facts.depth * facts.columns * tokens * facts.products();
  report.bytes = deviceLinearBytes(facts, tokens);
  report.instructions = plan.instructions();
  report.threads = plan.threads();
  report.registers = plan.registers();
  report.sharedBytes = plan.sharedBytes();
  report.occupancy = deviceLinearOccupancy(gpu, plan);
  report.blocks = deviceLinearBlocks(facts, plan, tokens);
  report.waves = double(report.blocks) / gpu.processors;
  report.tensorSeconds = report.flops / gpu.tensorFlops(facts.elementBytes());
  report.memorySeconds = report.bytes / gpu.memoryBytesSecond;
  report.seconds = deviceLinearSeconds(gpu, facts, plan, tokens);
  return report;
}

static constexpr int64_t reportedTokens[] = {1, 128, 1024, 4096};
static constexpr int64_t reportedLength = 128; // of sequences, at most

static bool runsOn(const DeviceTarget &target, const GpuModel &gpu) {
  return target.exact ? gpu.capability == target.capability
                      : gpu.capability >= target.capability;
}

std::vector<DeviceLinearEstimate>
bertc::estimateDeviceLinear(const DeviceTarget &target,
                            const DeviceLinearFacts &facts,
                            const DeviceLinearPlans &plans) {
  std::vector<DeviceLinearEstimate> result;
  for (int64_t tokens : reportedTokens) {
    const DeviceLinearPlan *plan = nullptr;
    for (const auto &[from, candidate] : plans)
      if (from <= tokens)
        plan = &candidate;
    for (const GpuModel &gpu : gpuModels())
      if (runsOn(target, gpu))
        result.push_back({&gpu, tokens, plan,
                          reportDeviceLinear(gpu, facts, *plan, tokens)});
  }
  return result;
}

DeviceWorkReport bertc::reportDeviceWork(const GpuModel &gpu,
                                         const DeviceWork &work, int64_t tokens,
                                         int64_t sequences, int64_t pairs) {
  DeviceWorkReport report;
  report.flops = work.flopsPerToken * tokens +
                 work.flopsPerSequence * sequences + work.flopsPerPair * pairs;
  report.bytes = work.bytes + work.bytesPerToken * tokens +
                 work.bytesPerSequence * sequences;
  report.occupancy =
      deviceOccupancy(gpu, work.threads, work.registers, work.sharedBytes);
  report.tensorSeconds = report.flops / gpu.tensorFlops();
  report.memorySeconds = report.bytes / gpu.memoryBytesSecond;
  return report;
}

std::vector<DeviceWorkEstimate>
bertc::estimateDeviceWork(const DeviceTarget &target, const DeviceWork &work) {
  std::vector<DeviceWorkEstimate> result;
  auto add = [&](int64_t rows, int64_t tokens, int64_t sequences,
                 int64_t pairs) {
    for (const GpuModel &gpu : gpuModels())
      if (runsOn(target, gpu))
        result.push_back(
            {&gpu, rows,
             reportDeviceWork(gpu, work, tokens, sequences, pairs)});
  };
  if (!work.isPerToken() && !work.bytesPerSequence && !work.flopsPerSequence) {
    add(0, 0, 0, 0);
    return result;
  }
  for (int64_t rows : reportedTokens) {
    int64_t full = rows / reportedLength, rest = rows % reportedLength;
    if (work.isPerToken())
      add(rows, rows, full + (rest > 0),
          full * reportedLength * reportedLength + rest * rest);
    else
      add(rows, 0, rows, 0);
  }
  return result;
}

void bertc::printDeviceLinear(llvm::raw_ostream &os, const DeviceTarget &target,
                              const DeviceLinearFacts &facts) {
  DeviceLinearPlans plans = planDeviceLinear(target, facts);
  for (const DeviceLinearEstimate &e :
       estimateDeviceLinear(target, facts, plans)) {
    const DeviceLinearReport &r = e.report;
    os << "linear " << facts.depth << "x" << facts.columns << " x"
       << facts.planes << (facts.int8 ? " int8, " : ", ") << e.tokens
       << " tokens, " << e.gpu->name << ": " << e.plan->name() << ", "
       << r.instructions << " products a stage, " << r.threads << " threads of "
       << r.registers << " registers, " << r.sharedBytes << " bytes shared, "
       << r.occupancy << " blocks resident, "
       << llvm::format("%.2f waves, %.3g GFLOP, %.3g MB, %.2f us, "
                       "%.0f %% of the roofline\n",
                       r.waves, r.flops * 1e-9, r.bytes * 1e-6, r.seconds * 1e6,
                       r.fraction() * 100);
  }
}
