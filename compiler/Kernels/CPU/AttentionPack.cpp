//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Keys are transposed in registers: a square of words at a time, 8 x 8 in
// float32 and 16 x 16 pairs of bfloat16.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/AttentionPack.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/TileKernel.h"

using namespace mlir;
using namespace bertc;

bool bertc::isWidened(const AttentionShape &shape, Arithmetic arithmetic) {
  return shape.bf16 && arithmetic == Arithmetic::F32;
}

void bertc::emitWidenRows(KernelBuilder &k, const AttentionShape &shape,
                          Place from, Place to, Value rows) {
  k.forLoop(k.index(0), rows, 1, [&](Value row) {
    Place words = k.at(from, k.mul(row, shape.rowStride));
    Place own = k.at(to, k.mul(row, shape.headStride));
    for (int64_t c = 0; c < shape.headStride; c += 2 * lanes) {
      auto [low, high] = emitFromBF16Words(k, k.load(k.at(words, c / 2)));
      k.store(low, k.at(own, c));
      k.store(high, k.at(own, c + lanes));
    }
  });
}

int64_t bertc::keyLines(const AttentionShape &shape, Arithmetic arithmetic) {
  int64_t lines = shape.headStride / depthPerLine(arithmetic);
  return isTile(arithmetic) ? roundUp(lines, tileLines) : lines;
}

Value bertc::valueLines(KernelBuilder &k, Arithmetic arithmetic, Value length) {
  if (isTile(arithmetic))
    return k.mul(k.ceilDiv(length, 2 * tileLines), tileLines);
  return k.ceilDiv(length, depthPerLine(arithmetic));
}

/// Rounds of exchanging halves between rows that lie n/2, ..., 2 and 1 apart.
void bertc::emitTranspose(KernelBuilder &k, MutableArrayRef<Value> rows) {
  int64_t n = rows.size();
  for (int64_t half = n / 2; half >= 1; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < n; ++i) {
      bool second = i & half;
      low.push_back(second ? n + i - half : i);
      high.push_back(second ? n + i : i + half);
    }
    for (int64_t i = 0; i < n; ++i) {
      if (i & half)
        continue;
      Value a = rows[i], c = rows[i + half];
      rows[i] = k.shuffle(a, c, low);
      rows[i + half] = k.shuffle(a, c, high);
    }
  }
}

static void packKeysF32(KernelBuilder &k, const AttentionShape &shape,
                        Place key, Place panels, Value length) {
  Value lastRow = k.sub(length, k.index(1));
  Value eights = k.mul(k.ceilDiv(length, lanes), 2);
  k.forLoop(k.index(0), eights, 1, [&](Value eight) {
    SmallVector<Value> rowOffset;
    for (int64_t i = 0; i < 8; ++i) {
      Value row = k.min(k.add(k.mul(eight, 8), i), lastRow);
      rowOffset.push_back(k.mul(row, shape.rowStride));
    }
    Value panel = k.mul(k.div(eight, 2), shape.headStride * lanes);
    Value inPanel = k.mul(k.sub(eight, k.mul(k.div(eight, 2), 2)), 8);
    Place target = k.at(panels, k.add(panel, inPanel));
    k.forLoop(
        k.index(0), k.index(roundUp(shape.headSize, 8)), 8, [&](Value column) {
          SmallVector<Value> rows;
          for (int64_t i = 0; i < 8; ++i)
            rows.push_back(k.load(k.at(key, k.add(rowOffset[i], column)), 8));
          emitTranspose(k, rows);
          for (int64_t i = 0; i < 8; ++i)
            k.store(rows[i], k.at(target, k.mul(k.add(column, i), lanes)));
        });
  });
}

static void packValuesF32(KernelBuilder &k, const AttentionShape &shape,
                          Place value, Place panels, Value length) {
  Value panelStride = k.mul(length, lanes);
  k.forLoop(k.index(0), length, 1, [&](Value row) {
    Place from = k.at(value, k.mul(row, shape.rowStride));
    Place to = k.at(panels, k.mul(row, lanes));
    for (int64_t p = 0; p < shape.headStride / lanes; ++p)
      k.store(k.load(k.at(from, p * lanes)), k.at(to, k.mul(panelStride, p)));
  });
}

static void packKeysBF16(KernelBuilder &k, const AttentionShape &shape,
                         int64_t lines, Place key, Place panels, Value length) {
  Value lastRow = k.sub(length, k.index(1));
  k.forLoop(k.index(0), k.ceilDiv(length, lanes), 1, [&](Value panel) {
    SmallVector<Place> from;
    for (int64_t i = 0; i < lanes; ++i) {
      Value row = k.min(k.add(k.mul(panel, lanes), i), lastRow);
      from.push_back(k.at(key, k.mul(row, shape.rowStride)));
    }
    Place to = k.at(panels, k.mul(panel, lines * lanes));
    // A line is two columns, a square of 16 lines is 32.
    for (int64_t line = 0; line < lines; line += lanes) {
      bool whole = 2 * line + lanes < shape.headStride;
      SmallVector<Value> words;
      for (int64_t i = 0; i < lanes; ++i) {
        if (shape.bf16) {
          words.push_back(k.load(k.at(from[i], line)));
          continue;
        }
        Place at = k.at(from[i], 2 * line);
        Value high = whole ? k.load(k.at(at, lanes)) : k.splat(0.0);
        words.push_back(emitBF16Words(k, k.load(at), high));
      }
      emitTranspose(k, words);
      for (int64_t i = 0; i < lanes && line + i < lines; ++i)
        k.store(words[i], k.at(to, (line + i) * lanes));
    }
  });
}

/// Two panels of a line from 32 columns of two rows that are bfloat16 already.
static std::pair<Value, Value> zip(KernelBuilder &k, Value even, Value odd) {
  Type bf16 = k.b.getBF16Type();
  Value a = emitBitcast(k, even, bf16), c = emitBitcast(k, odd, bf16);
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < lanes; ++i) {
    low.append({i, 2 * lanes + i});
    high.append({lanes + i, 3 * lanes + i});
  }
  Type f32 = k.b.getF32Type();
  return {emitBitcast(k, k.shuffle(a, c, low), f32),
          emitBitcast(k, k.shuffle(a, c, high), f32)};
}

static void packValuesBF16(KernelBuilder &k, const AttentionShape &shape,
                           Value lines, Place value, Place panels,
                           Value length) {
  Value panelStride = k.mul(lines, lanes);
  auto pack = [&](Value line, bool hasEven, bool hasOdd) {
    Place even = k.at(value, k.mul(line, 2 * shape.rowStride));
    Place odd = k.at(even, shape.rowStride);
    Place to = k.at(panels, k.mul(line, lanes));
    for (int64_t p = 0; shape.bf16 && p < shape.headStride / lanes; p += 2) {
      Value none = k.splat(0.0);
      Value a = hasEven ? k.load(k.at(even, p * lanes / 2)) : none;
      Value c = hasOdd ? k.load(k.at(odd, p * lanes / 2)) : none;
      auto [first, second] = zip(k, a, c);
      k.store(first, k.at(to, k.mul(panelStride, p)));
      k.store(second, k.at(to, k.mul(panelStride, p + 1)));
    }
    for (int64_t p = 0; !shape.bf16 && p < shape.headStride / lanes; ++p) {
      auto columns = [&](Place row, bool has) {
        return has ? k.load(k.at(row, p * lanes)) : k.splat(0.0);
      };
      Value words =
          hasEven ? emitBF16Pairs(k, columns(even, true), columns(odd, hasOdd))
                  : k.splat(0.0);
      k.store(words, k.at(to, k.mul(panelStride, p)));
    }
  };
  Value pairs = k.div(length, 2), real = k.ceilDiv(length, 2);
  k.forLoop(k.index(0), pairs, 1, [&](Value line) { pack(line, true, true); });
  k.forLoop(pairs, real, 1, [&](Value line) { pack(line, true, false); });
  k.forLoop(real, lines, 1, [&](Value line) { pack(line, false, false); });
}

void bertc::emitPackKeys(KernelBuilder &k, const AttentionShape &shape,
                         Arithmetic arithmetic, Place key, Place panels,
                         Value length) {
  if (arithmetic == Arithmetic::F32)
    packKeysF32(k, shape, key, panels, length);
  else
    packKeysBF16(k, shape, keyLines(shape, arithmetic), key, panels, length);
}

void bertc::emitPackValues(KernelBuilder &k, const AttentionShape &shape,
                           Arithmetic arithmetic, Place value, Place panels,
                           Value length) {
  if (arithmetic == Arithmetic::F32)
    packValuesF32(k, shape, value, panels, length);
  else
    packValuesBF16(k, shape, valueLines(k, arithmetic, length), value, panels,
                   length);
}
