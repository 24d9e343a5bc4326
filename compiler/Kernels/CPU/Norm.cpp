//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Mean and variance take two passes over a row, which is in L1.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Norm.h"
#include "compiler/Kernels/CPU/RowLoops.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

/// Normalises the row x into y.
static void normRow(KernelBuilder &k, RowShape shape, Value epsilon, Place x,
                    Place y, Place gain, Place bias) {
  Moments moments = momentsOf(k, shape, epsilon, x);
  Value mean = k.broadcast(moments.mean);
  Value inverse = k.broadcast(moments.inverse);
  // Padding columns: gain and bias are zero there, so y is zero.
  mapRow(k, shape, [&](Value column) {
    Value v = k.mulf(k.subf(k.load(k.at(x, column)), mean), inverse);
    k.store(k.fma(v, k.load(k.at(gain, column)), k.load(k.at(bias, column))),
            k.at(y, column));
  });
}

void bertc::callLayerNorm(KernelBuilder &k, RowShape shape, double epsilon,
                          Place x, Place y, Place gain, Place bias,
                          Value rows) {
  std::string name =
      llvm::formatv("layer_norm_{0}_ld{1}", shape.width, shape.stride);
  Type buffer = k.bufferType(), index = k.indexType();
  auto kernel = k.kernel(name,
                         {buffer, index, buffer, index, buffer, index, buffer,
                          index, index, k.b.getF32Type()},
                         [&](ValueRange v) {
                           k.forLoop(k.index(0), v[8], 1, [&](Value row) {
                             Value offset = k.mul(row, shape.stride);
                             normRow(k, shape, v[9], k.at({v[0], v[1]}, offset),
                                     k.at({v[2], v[3]}, offset), {v[4], v[5]},
                                     {v[6], v[7]});
                           });
                         });
  k.call(kernel,
         {x.buffer, x.offset, y.buffer, y.offset, gain.buffer, gain.offset,
          bias.buffer, bias.offset, rows, k.scalar(epsilon)});
}

void bertc::callEmbedNorm(KernelBuilder &k, RowShape shape, double epsilon,
                          const EmbeddingOperands &o) {
  std::string name =
      llvm::formatv("embed_norm_{0}_ld{1}", shape.width, shape.stride);
  Type buffer = k.bufferType(), ints = k.intBufferType(), index = k.indexType();
  SmallVector<Type> types(3, ints);
  for (int i = 0; i < 6; ++i)
    types.append({buffer, index});
  types.append({index, index, k.b.getF32Type()});
  int64_t tableStride = shape.vectors() * lanes;
  auto kernel = k.kernel(name, types, [&](ValueRange v) {
    Place tables[3] = {{v[3], v[4]}, {v[5], v[6]}, {v[7], v[8]}};
    k.forLoop(v[15], v[16], 1, [&](Value token) {
      Place rows[3], y = k.at({v[13], v[14]}, k.mul(token, shape.stride));
      for (int i = 0; i < 3; ++i)
        rows[i] = k.at(tables[i], k.mul(k.loadIndex(v[i], token), tableStride));
      mapRow(k, shape, [&](Value column) {
        Value sum = k.addf(k.load(k.at(rows[0], column)),
                           k.load(k.at(rows[1], column)));
        k.store(k.addf(sum, k.load(k.at(rows[2], column))), k.at(y, column));
      });
      normRow(k, shape, v[17], y, y, {v[9], v[10]}, {v[11], v[12]});
    });
  });
  k.call(kernel,
         {o.ids, o.types, o.positions, o.word.buffer, o.word.offset,
          o.type.buffer, o.type.offset, o.position.buffer, o.position.offset,
          o.gain.buffer, o.gain.offset, o.bias.buffer, o.bias.offset,
          o.y.buffer, o.y.offset, o.begin, o.end, k.scalar(epsilon)});
}

void bertc::callEmbed(KernelBuilder &k, RowShape shape, Value ids, Place table,
                      Place y, Value begin, Value end) {
  std::string name =
      llvm::formatv("embed_{0}_ld{1}", shape.width, shape.stride);
  Type buffer = k.bufferType(), index = k.indexType();
  int64_t tableStride = shape.vectors() * lanes;
  auto kernel = k.kernel(
      name, {k.intBufferType(), buffer, index, buffer, index, index, index},
      [&](ValueRange v) {
        k.forLoop(v[5], v[6], 1, [&](Value token) {
          Place from =
              k.at({v[1], v[2]}, k.mul(k.loadIndex(v[0], token), tableStride));
          Place to = k.at({v[3], v[4]}, k.mul(token, shape.stride));
          mapRow(k, shape, [&](Value column) {
            k.store(k.load(k.at(from, column)), k.at(to, column));
          });
        });
      });
  k.call(kernel,
         {ids, table.buffer, table.offset, y.buffer, y.offset, begin, end});
}

void bertc::callNormalize(KernelBuilder &k, RowShape shape, Place x, Place y,
                          Value rows) {
  std::string name =
      llvm::formatv("normalize_{0}_ld{1}", shape.width, shape.stride);
  Type buffer = k.bufferType(), index = k.indexType();
  auto kernel =
      k.kernel(name, {buffer, index, buffer, index, index}, [&](ValueRange v) {
        k.forLoop(k.index(0), v[4], 1, [&](Value row) {
          Value offset = k.mul(row, shape.stride);
          Place from = k.at({v[0], v[1]}, offset);
          Place to = k.at({v[2], v[3]}, offset);
          Value square = sumRow(k, shape, [&](Value column) {
            Value e = k.load(k.at(from, column));
            return k.mulf(e, e);
          });
          Value length = math::SqrtOp::create(k.b, k.loc, square);
          Value divisor = k.broadcast(k.maxf(length, k.scalar(1e-12)));
          mapRow(k, shape, [&](Value column) {
            k.store(k.divf(k.load(k.at(from, column)), divisor),
                    k.at(to, column));
          });
        });
      });
  k.call(kernel, {x.buffer, x.offset, y.buffer, y.offset, rows});
}
