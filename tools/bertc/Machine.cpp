//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The FMA loops keep 12 (AVX-512: 24) independent sums in registers, enough to
// cover the latency of two units; each measurement is the best of several,
// because other programs can only make it worse.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Machine.h"
#include "runtime/cpu/CpuFeatures.h"
#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <immintrin.h>
#include <memory>
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

/// Keeps a result from being optimised away.
static void use(float value) { __asm__ volatile("" : : "x"(value)); }

__attribute__((target("avx2,fma"))) static void fmaAvx2(int64_t steps) {
  constexpr int count = 12;
  __m256 sums[count];
  for (__m256 &sum : sums)
    sum = _mm256_setzero_ps();
  __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
  for (int64_t step = 0; step < steps; ++step) {
#pragma clang loop unroll(full)
    for (int i = 0; i < count; ++i)
      sums[i] = _mm256_fmadd_ps(a, sums[i], b);
    // The sums must stay separate instructions of this loop.
    __asm__ volatile("" : "+x"(a), "+x"(b));
  }
  for (const __m256 &sum : sums)
    use(_mm256_cvtss_f32(sum));
}

__attribute__((target("avx512f"))) static void fmaAvx512(int64_t steps) {
  constexpr int count = 24;
  __m512 sums[count];
  for (__m512 &sum : sums)
    sum = _mm512_setzero_ps();
  __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  for (int64_t step = 0; step < steps; ++step) {
#pragma clang loop unroll(full)
    for (int i = 0; i < count; ++i)
      sums[i] = _mm512_fmadd_ps(a, sums[i], b);
    __asm__ volatile("" : "+v"(a), "+v"(b));
  }
  for (const __m512 &sum : sums)
    use(_mm512_cvtss_f32(sum));
}

static double gflops(unsigned threads, double flopsPerStep,
                     void (*kernel)(int64_t)) {
  constexpr int64_t steps = 4000000; // tens of milliseconds
  double seconds = bestTime(threads, [&](unsigned) { kernel(steps); });
  return threads * flopsPerStep * double(steps) / seconds / 1e9;
}

double tool::fmaCeiling(const std::string &variant, unsigned threads) {
  uint64_t bits = rt::detectCpu().bits;
  if (variant == "x86-64-v4" && (bits & BERTC_CPU_X86_64_V4))
    return gflops(threads, 24 * 16 * 2, fmaAvx512);
  if (variant == "x86-64-v3" && (bits & BERTC_CPU_X86_64_V3))
    return gflops(threads, 12 * 8 * 2, fmaAvx2);
  return 0;
}

std::vector<FmaCeiling> tool::measureFma(unsigned threads) {
  std::vector<FmaCeiling> result;
  if (double rate = fmaCeiling("x86-64-v3", threads))
    result.push_back({"avx2", rate});
  if (double rate = fmaCeiling("x86-64-v4", threads))
    result.push_back({"avx512f", rate});
  return result;
}

__attribute__((target("avx2"))) static void readAll(const float *data,
                                                    size_t count) {
  __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(),
                    _mm256_setzero_ps(), _mm256_setzero_ps()};
  for (size_t i = 0; i + 32 <= count; i += 32)
    for (int j = 0; j < 4; ++j)
      sums[j] = _mm256_add_ps(sums[j], _mm256_loadu_ps(data + i + 8 * j));
  for (const __m256 &sum : sums)
    use(_mm256_cvtss_f32(sum));
}

double tool::measureReadBandwidth(unsigned threads) {
  if (!(rt::detectCpu().bits & BERTC_CPU_X86_64_V3))
    return 0;
  constexpr size_t floats = size_t(64) << 20; // 256 MiB in all
  size_t share = floats / threads;
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
