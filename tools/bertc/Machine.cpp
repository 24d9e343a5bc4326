//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each measurement is the best of several, because other programs can only make
// it worse. A kernel whose instructions this processor lacks is never entered.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Machine.h"
#include "compiler/Target/Device.h"
#include "compiler/Target/Target.h"
#include "runtime/cpu/CpuFeatures.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <thread>

using namespace bertc;
using namespace bertc::tool;
using Clock = std::chrono::steady_clock;

static constexpr int repeats = 7;

/// Runs `body` on `threads` threads at once; the shortest time in seconds.
static double bestTime(unsigned threads,
                       const std::function<void(unsigned)> &body) {
  double best = 1e30;
  for (int i = 0; i < repeats; ++i) {
    auto start = Clock::now();
    std::vector<std::thread> others;
    for (unsigned tid = 1; tid < threads; ++tid)
      others.emplace_back(body, tid);
    body(0);
    for (std::thread &thread : others)
      thread.join();
    best = std::min(
        best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

/// The features of this processor, AMX only if the system lets us use it.
static uint64_t usableFeatures() {
  rt::CpuFeatures features = rt::detectCpu();
  if ((features.bits & BERTC_CPU_AMX_TILE) && !rt::askForAmx())
    rt::withoutAmx(features);
  return features.bits;
}

static double rate(const MachineKernel &kernel, unsigned threads) {
  // About 20 ms, in which the start of the threads does not count.
  int64_t steps = 1000;
  for (; steps < (int64_t(1) << 40); steps *= 4) {
    auto start = Clock::now();
    kernel.run(steps);
    if (Clock::now() - start > std::chrono::milliseconds(10))
      break;
  }
  double seconds = bestTime(threads, [&](unsigned) { kernel.run(steps); });
  return threads * kernel.operations * double(steps) / seconds / 1e9;
}

std::vector<MachineRate> tool::measureRates(unsigned threads) {
  uint64_t features = usableFeatures();
  std::vector<MachineRate> result;
  for (const MachineKernel &kernel : machineKernels()) {
    bool present = (kernel.features & ~features) == 0;
    result.push_back({&kernel, present ? rate(kernel, threads) : 0});
  }
  return result;
}

/// How many multiplications of `arithmetic` make one of a model of `precision`;
/// 0: it cannot use them.
static double cost(Precision precision, llvm::StringRef arithmetic) {
  switch (precision) {
  case Precision::F32:
    return arithmetic == "f32" ? 1 : 0;
  case Precision::BF16: // also widened to float32
  case Precision::BF16W8:
    return arithmetic == "bf16" || arithmetic == "f32" ? 1 : 0;
  case Precision::Int8:
    return arithmetic == "int8" ? 1 : 0;
  case Precision::F32Fast: // each half of x by each half of the weights
    return arithmetic == "f32" ? 1 : arithmetic == "bf16" ? 4 : 0;
  case Precision::F16: // of GPUs
    return 0;
  }
  return 0;
}

Ceiling tool::measureCeiling(Precision precision, llvm::StringRef variant,
                             unsigned threads) {
  if (findDeviceTarget(variant))
    return {}; // what the processor reaches says nothing about a device
  uint64_t features = usableFeatures();
  if (const TargetInfo *target = findTarget(variant))
    features &= target->features;
  // Without bfloat16 products it runs the program of int8.
  if (precision == Precision::BF16W8 && !(features & BERTC_CPU_AVX512_BF16))
    precision = Precision::Int8;
  Ceiling best;
  for (const MachineKernel &kernel : machineKernels()) {
    double each = cost(precision, kernel.precision);
    if (each == 0 || (kernel.features & ~features))
      continue;
    double gops = rate(kernel, threads) / each;
    if (gops > best.gops)
      best = {std::string(kernel.arithmetic) + " (" + kernel.isa + ")", gops};
  }
  return best;
}

double tool::measureReadBandwidth(unsigned threads) {
  if (!(rt::detectCpu().bits & BERTC_CPU_X86_64_V3))
    return 0;
  constexpr size_t floats = size_t(64) << 20; // 256 MiB in all
  size_t share = floats / threads / 32 * 32;
  std::vector<std::unique_ptr<float[]>> parts;
  for (unsigned i = 0; i < threads; ++i) {
    parts.emplace_back(new float[share]);
    std::fill_n(parts.back().get(), share, 1.0f); // fault the pages in
  }
  double seconds = bestTime(
      threads, [&](unsigned tid) { readAll(parts[tid].get(), share); });
  return double(share) * threads * sizeof(float) / seconds / 1e9;
}

std::string tool::processorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) {
      size_t colon = line.find(": ");
      return colon == std::string::npos ? "" : line.substr(colon + 2);
    }
  return "";
}

double tool::loadAverage() {
  double load = -1;
  return getloadavg(&load, 1) == 1 ? load : -1;
}

/// The number of bytes in a line like "VmRSS:   1234 kB".
static uint64_t bytesOf(const std::string &line) {
  std::istringstream stream(line.substr(line.find(':') + 1));
  uint64_t kilobytes = 0;
  stream >> kilobytes;
  return kilobytes * 1024;
}

ResidentMemory tool::residentMemory() {
  ResidentMemory result;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0)
      result.all = bytesOf(line);
    else if (line.rfind("RssAnon:", 0) == 0)
      result.anonymous = bytesOf(line);
    else if (line.rfind("RssFile:", 0) == 0)
      result.files = bytesOf(line);
  }
  std::ifstream rollup("/proc/self/smaps_rollup");
  for (std::string line; std::getline(rollup, line);)
    if (line.rfind("AnonHugePages:", 0) == 0 ||
        line.rfind("FilePmdMapped:", 0) == 0)
      result.huge += bytesOf(line);
  return result;
}
