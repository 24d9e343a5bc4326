//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loops keep 12 (with 32 registers: 24) independent sums, enough to cover
// the latency of two units, and four tiles of AMX. Each function is compiled
// for its own instructions, whatever the rest of the program is compiled for.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/MachineKernels.h"
#include "runtime/abi/abi.h"
#include <immintrin.h>

using namespace bertc;
using namespace bertc::tool;

/// Keeps a result from being optimised away.
static void use(float value) { __asm__ volatile("" : : "x"(value)); }
static void use(int value) { __asm__ volatile("" : : "r"(value)); }

/// The body of a kernel: `count` sums, each `sums[i] = step` a round. The empty
/// assembly keeps the rounds apart. Twelve hide every latency; more would be
/// spilled, since without AVX512VL clang uses 16 registers.
#define BERTC_LOOP(vector, count, zero, constraint, step, first)               \
  vector sums[count];                                                          \
  for (vector &sum : sums)                                                     \
    sum = zero;                                                                \
  for (int64_t round = 0; round < steps; ++round) {                            \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < count; ++i)         \
        sums[i] = step;                                                        \
    __asm__ volatile("" : "+" constraint(a), "+" constraint(b));               \
  }                                                                            \
  for (const vector &sum : sums)                                               \
  use(first)

__attribute__((target("avx2,fma"))) static void fmaAvx2(int64_t steps) {
  __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
  BERTC_LOOP(__m256, 12, _mm256_setzero_ps(), "x",
             _mm256_fmadd_ps(a, sums[i], b), _mm256_cvtss_f32(sum));
}

__attribute__((target("avx512f"))) static void fmaAvx512(int64_t steps) {
  __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  BERTC_LOOP(__m512, 12, _mm512_setzero_ps(), "v",
             _mm512_fmadd_ps(a, sums[i], b), _mm512_cvtss_f32(sum));
}

__attribute__((target("avx512f,avx512bf16"))) static void
dotBf16(int64_t steps) {
  __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f00), b = a; // 0.5
  BERTC_LOOP(__m512, 12, _mm512_setzero_ps(), "v",
             _mm512_dpbf16_ps(sums[i], a, b), _mm512_cvtss_f32(sum));
}

__attribute__((target("avx2"))) static void maddAvx2(int64_t steps) {
  __m256i a = _mm256_set1_epi16(3), b = _mm256_set1_epi16(5);
  // The product must be made anew for each sum, so one operand differs.
  BERTC_LOOP(__m256i, 12, _mm256_setzero_si256(), "x",
             _mm256_add_epi32(b, _mm256_madd_epi16(a, sums[i])),
             _mm256_cvtsi256_si32(sum));
}

__attribute__((target("avx512f,avx512bw"))) static void
maddAvx512(int64_t steps) {
  __m512i a = _mm512_set1_epi16(3), b = _mm512_set1_epi16(5);
  BERTC_LOOP(__m512i, 12, _mm512_setzero_si512(), "v",
             _mm512_add_epi32(b, _mm512_madd_epi16(a, sums[i])),
             _mm512_cvtsi512_si32(sum));
}

__attribute__((target("avx2,avxvnni"))) static void dotAvxVnni(int64_t steps) {
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  BERTC_LOOP(__m256i, 12, _mm256_setzero_si256(), "x",
             _mm256_dpbusd_avx_epi32(sums[i], a, b), _mm256_cvtsi256_si32(sum));
}

__attribute__((target("avx512f,avx512vnni"))) static void
dotAvx512Vnni(int64_t steps) {
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  BERTC_LOOP(__m512i, 12, _mm512_setzero_si512(), "v",
             _mm512_dpbusd_epi32(sums[i], a, b), _mm512_cvtsi512_si32(sum));
}

#undef BERTC_LOOP

namespace {

/// What ldtilecfg reads: eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t columns[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

} // namespace

__attribute__((target("amx-tile"))) static void beginTiles() {
  TileConfiguration configuration;
  _tile_loadconfig(&configuration);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
}

/// Four sums in tiles 0 to 3, as a kernel of 2x2 tiles has them.
__attribute__((target("amx-tile,amx-bf16"))) static void
tileBf16(int64_t steps) {
  beginTiles();
  for (int64_t round = 0; round < steps; ++round) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
}

__attribute__((target("amx-tile,amx-int8"))) static void
tileInt8(int64_t steps) {
  beginTiles();
  for (int64_t round = 0; round < steps; ++round) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
}

llvm::ArrayRef<MachineKernel> tool::machineKernels() {
  constexpr uint64_t v3 = BERTC_CPU_X86_64_V3, v4 = BERTC_CPU_X86_64_V4;
  constexpr uint64_t tile = BERTC_CPU_AMX_TILE;
  static const MachineKernel kernels[] = {
      {"f32 FMA", "avx2", "f32", v3, 12 * 8 * 2, fmaAvx2},
      {"f32 FMA", "avx512f", "f32", v4, 12 * 16 * 2, fmaAvx512},
      {"bf16 dot", "avx512bf16", "bf16", v4 | BERTC_CPU_AVX512_BF16,
       12 * 32 * 2, dotBf16},
      {"bf16 tile", "amx-bf16", "bf16", v4 | tile | BERTC_CPU_AMX_BF16,
       4 * 16 * 16 * 32 * 2, tileBf16},
      {"int8 madd", "avx2", "int8", v3, 12 * 16 * 2, maddAvx2},
      {"int8 madd", "avx512bw", "int8", v4, 12 * 32 * 2, maddAvx512},
      {"int8 dot", "avxvnni", "int8", v3 | BERTC_CPU_AVX_VNNI, 12 * 32 * 2,
       dotAvxVnni},
      {"int8 dot", "avx512vnni", "int8", v4 | BERTC_CPU_AVX512_VNNI,
       12 * 64 * 2, dotAvx512Vnni},
      {"int8 tile", "amx-int8", "int8", v4 | tile | BERTC_CPU_AMX_INT8,
       4 * 16 * 16 * 64 * 2, tileInt8},
  };
  return kernels;
}

__attribute__((target("avx2"))) void tool::readAll(const float *data,
                                                   size_t count) {
  __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(),
                    _mm256_setzero_ps(), _mm256_setzero_ps()};
  for (size_t i = 0; i + 32 <= count; i += 32)
    for (int j = 0; j < 4; ++j)
      sums[j] = _mm256_add_ps(sums[j], _mm256_loadu_ps(data + i + 8 * j));
  for (const __m256 &sum : sums)
    use(_mm256_cvtss_f32(sum));
}
