//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The special instructions of x86 as functions that kernels call. Each emits
// one LLVM intrinsic, so that a kernel decides which instruction runs, and
// enc-emulate-isa (compiler/Lowering) finds them to replace. AMX tiles are the
// numbered registers and not values: the kernel allocates them, a configuration
// outlives the function that loads it, and no tile is ever spilled.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_ISA_H
#define BERTC_COMPILER_KERNELS_CPU_ISA_H

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include <array>

namespace bertc {

//===----------------------------------------------------------------------===//
// Vectors. Registers of 512 bits are meant where no other width is named.
//===----------------------------------------------------------------------===//

/// `value` as a vector of the same size with other elements.
mlir::Value emitBitcast(KernelBuilder &k, mlir::Value value,
                        mlir::Type element);

/// vdpbf16ps: acc[i] + a[2i+1] * b[2i+1] + a[2i] * b[2i], added in this order,
/// each sum rounded once; subnormal numbers count as zero. acc: vector<16xf32>;
/// a, b: vector<32xbf16>. Needs avx512bf16.
mlir::Value emitDotBF16(KernelBuilder &k, mlir::Value acc, mlir::Value a,
                        mlir::Value b);

/// vpdpbusd: acc[i] + the sum over j < 4 of a[4i+j] * b[4i+j], a without sign
/// (0..255), b with sign; exact, wraps like i32. acc: vector<16xi32>; a, b:
/// vector<64xi8>. Needs avx512vnni. With vector<8xi32> and vector<32xi8> it is
/// the 256-bit instruction.
mlir::Value emitDotInt8(KernelBuilder &k, mlir::Value acc, mlir::Value a,
                        mlir::Value b);

/// vpmaddwd: a[2i] * b[2i] + a[2i+1] * b[2i+1], with sign; exact, but for all
/// four equal to -32768. vector<16xi16> gives vector<8xi32> (AVX2),
/// vector<32xi16> gives vector<16xi32> (x86-64-v4).
mlir::Value emitMaddInt16(KernelBuilder &k, mlir::Value a, mlir::Value b);

/// How to round float32 to bfloat16. Both give the same bits.
enum class BF16Rounding {
  Integer, ///< Integer arithmetic, on every ISA.
  Native,  ///< vcvtne2ps2bf16; needs avx512bf16.
};

/// Rounds two vector<16xf32> to one vector<32xbf16>, `low` first: to nearest,
/// ties to even. As the instruction does, subnormal numbers become a zero of
/// their sign, and a NaN stays one (quiet, upper bits kept).
mlir::Value emitToBF16(KernelBuilder &k, mlir::Value low, mlir::Value high,
                       BF16Rounding rounding);

/// The same natively, as 16 words of 32 bits: vector<16xf32>. In the order of
/// emitToBF16, and in turns, `even` in the lower halves.
mlir::Value emitBF16Words(KernelBuilder &k, mlir::Value low, mlir::Value high);
mlir::Value emitBF16Pairs(KernelBuilder &k, mlir::Value even, mlir::Value odd);

/// The exact float32 values of a vector of bfloat16 pairs, vector<2N x bf16>:
/// {elements 2i, elements 2i+1}, each vector<N x f32>.
std::pair<mlir::Value, mlir::Value> emitFromBF16Pairs(KernelBuilder &k,
                                                      mlir::Value pairs);
/// The same in the order of the elements: the first and the second half.
std::pair<mlir::Value, mlir::Value> emitFromBF16Words(KernelBuilder &k,
                                                      mlir::Value words);

//===----------------------------------------------------------------------===//
// AMX. Needs amx-tile; the products amx-bf16 and amx-int8.
//===----------------------------------------------------------------------===//

constexpr int tileCount = 8;
constexpr int64_t tileRows = 16;
constexpr int64_t tileRowBytes = 64;

/// The part of a tile register that its instructions touch. A tile that is not
/// used has none.
struct TileShape {
  int64_t rows = 0;  ///< 0..16
  int64_t bytes = 0; ///< of a row: 0..64, a multiple of 4
  bool operator==(const TileShape &o) const {
    return rows == o.rows && bytes == o.bytes;
  }
};
using TileConfig = std::array<TileShape, tileCount>;

/// Loads the configuration and sets all tiles to zero. It holds for the thread
/// until the next one, across calls of kernels, but not across calls of the
/// runtime that may use tiles themselves (there are none).
void emitTileConfigure(KernelBuilder &k, const TileConfig &config);

/// Gives the tile registers back. A thread that used tiles ends with it:
/// otherwise the system saves 8 KiB at each switch, and cores stay awake.
void emitTileRelease(KernelBuilder &k);

/// The address of `p` as an !llvm.ptr; what `buffer` holds has `elementBytes`.
mlir::Value emitAddress(KernelBuilder &k, Place p, int64_t elementBytes = 4);

void emitTileZero(KernelBuilder &k, int tile);
/// Rows from `pointer`, `stride` bytes (an index value) apart.
void emitTileLoad(KernelBuilder &k, int tile, mlir::Value pointer,
                  mlir::Value stride);
void emitTileStore(KernelBuilder &k, int tile, mlir::Value pointer,
                   mlir::Value stride);

/// tdpbf16ps: sum[m][n] += the sum over k of a[m][k] * b[k/2][2n + k%2].
/// Even and odd k are two chains of fused multiply-adds in rising order that
/// begin at zero; sum + (even + odd) is the result. Subnormals count as zero.
void emitTileDotBF16(KernelBuilder &k, int sum, int a, int b);

/// tdpbssd: the same for int8 with sign, four k in a row of b; exact.
void emitTileDotInt8(KernelBuilder &k, int sum, int a, int b);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ISA_H
