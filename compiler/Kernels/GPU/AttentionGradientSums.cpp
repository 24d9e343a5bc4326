//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A few neighbouring lanes share a head of a token, 16 bytes of it each at a
// time.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/GPU/AttentionGradient.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace bertc;

static constexpr int64_t blockThreads = 256;
static constexpr int64_t chunkElements = 8, chunkWords = 4;

/// Lanes of a head: shuffles want a power of two.
static int64_t lanesOfHead(const DeviceAttentionGradientShape &shape) {
  return llvm::bit_floor(
      static_cast<uint64_t>(shape.headStride / chunkElements));
}
int64_t bertc::attentionSumsOfBlock(const DeviceAttentionGradientShape &shape) {
  return blockThreads / lanesOfHead(shape);
}

int64_t
bertc::attentionGradientSumsBlocks(const DeviceAttentionGradientShape &shape,
                                   int64_t rows) {
  int64_t heads = attentionSumsOfBlock(shape);
  return (rows * shape.heads + heads - 1) / heads;
}

/// Eight elements, from the planes of which the first is at `place`.
static SmallVector<Value> loadChunk(GpuBuilder &k,
                                    const DeviceAttentionGradientShape &shape,
                                    Value place, Value planeStride) {
  SmallVector<Value> values;
  for (int64_t plane = 0; plane < shape.planes; ++plane) {
    if (plane)
      place = k.at(place, planeStride, k.half(shape.type));
    Value words = k.load(place, k.vectorOf(k.i32(), chunkWords));
    for (int64_t i = 0; i < chunkWords; ++i) {
      auto [low, high] = k.widenPair(k.element(words, i), shape.type);
      if (!plane) {
        values.append({low, high});
        continue;
      }
      values[2 * i] = k.addf(values[2 * i], low);
      values[2 * i + 1] = k.addf(values[2 * i + 1], high);
    }
  }
  return values;
}

static void emitSums(GpuBuilder &k, const DeviceAttentionGradientShape &shape,
                     ValueRange arguments) {
  Value y = arguments[0], planeStride = arguments[1];
  Value gradient = arguments[2], gradientPlaneStride = arguments[3];
  Value sums = arguments[4], rows = arguments[5];
  int64_t group = lanesOfHead(shape);
  int64_t chunks = shape.headStride / chunkElements;
  Type element = k.half(shape.type);

  Value number = k.add(k.mul(k.blockId(), attentionSumsOfBlock(shape)),
                       k.div(k.threadId(), group));
  Value count = k.mul(rows, shape.heads);
  // Lanes behind the last head meet the others at shuffles.
  Value known = k.min(number, k.sub(count, k.index(1)));
  Value token = k.div(known, shape.heads), head = k.rem(known, shape.heads);
  Value lane = k.rem(k.threadId(), group);
  Value sum = k.scalar(0);
  for (int64_t i = 0; i < chunks; i += group) {
    Value chunk = k.add(lane, i);
    auto add = [&] {
      Value column =
          k.add(k.mul(head, shape.headStride), k.mul(chunk, chunkElements));
      auto load = [&](Value rowsOf, Value stride) {
        return loadChunk(
            k, shape,
            elementAt(k, rowsOf, token, shape.outputStride, column, element),
            stride);
      };
      Value result = sum;
      for (auto [a, c] : llvm::zip_equal(load(y, planeStride),
                                         load(gradient, gradientPlaneStride)))
        result = k.fma(a, c, result);
      return result;
    };
    sum = i + group <= chunks ? add()
                              : k.ifElse(k.less(chunk, k.index(chunks)), add,
                                         [&] { return sum; });
  }
  for (int64_t mask = group / 2; mask; mask /= 2)
    sum = k.addf(sum, k.shuffleXor(sum, mask));
  k.ifThen(k.both(k.equal(lane, k.index(0)), k.less(number, count)), [&] {
    k.store(sum, elementAt(k, sums, token, roundUp(shape.heads, lanes), head,
                           k.f32()));
  });
}

DeviceKernel
bertc::attentionGradientSumsKernel(GpuBuilder &k,
                                   const DeviceAttentionGradientShape &shape) {
  DeviceForms input;
  input.planes = shape.planes;
  input.type = shape.type;
  std::string name =
      llvm::formatv("attention_gradient_sums_{0}x{1}_ld{2}_{3}", shape.heads,
                    shape.headStride, shape.outputStride, input.name());
  return k.kernel(
      name, blockThreads, /*sharedBytes=*/0,
      {k.global(), k.i64(), k.global(), k.i64(), k.global(), k.i32()},
      [&](ValueRange v) { emitSums(k, shape, v); });
}
