//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tile registers are numbered by hand: 0 to 3 hold C, 4 and 5 tiles of A, 6 and
// 7 tiles of B. One pass of the loop is four loads and four products. The
// functions call nothing, so nothing disturbs the registers.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/TileKernel.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/MicroKernel.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

static constexpr int firstA = 4, firstB = 6;

void bertc::emitTilesBegin(KernelBuilder &k) {
  TileConfig config;
  config.fill({tileRows, tileRowBytes});
  emitTileConfigure(k, config);
}

void bertc::emitTilesEnd(KernelBuilder &k) { emitTileRelease(k); }

/// The share of one chunk in what is done beside the products.
static void emitFinish(KernelBuilder &k, Value chunk, int64_t panels,
                       Value perChunk, EpilogueRows &epilogue,
                       const TileFinish &finish) {
  Value begin = k.mul(chunk, perChunk);
  k.forLoop(begin, k.min(k.add(begin, perChunk), finish.rows), 1,
            [&](Value row) { epilogue.emitRow(row); });
  int64_t stride = finish.shape.outputStride;
  Place out = k.at(finish.out, k.mul(k.mul(chunk, finish.outRows), stride));
  k.forLoop(k.index(0), finish.outRows, 1, [&](Value row) {
    int64_t lines = finish.shape.stagedOutput ? (panels + 1) / 2 : panels;
    for (int64_t p = 0; p < lines; ++p)
      k.prefetch(k.at(k.at(out, k.mul(row, stride)), p * lanes));
  });
}

static void emitTileKernel(KernelBuilder &k, Arithmetic arithmetic, int64_t lda,
                           int rows, int panels, const TileOperands &o,
                           const std::optional<TileFinish> &finish) {
  std::optional<EpilogueRows> epilogue;
  Value perChunk;
  if (finish) {
    epilogue.emplace(k, finish->shape, finish->previous, panels);
    perChunk = k.ceilDiv(finish->rows, o.chunks);
  }
  Value strideA = k.index(4 * lda), strideB = k.index(tileRowBytes);
  auto sum = [&](int r, int p) { return r * 2 + p; };
  auto forSums = [&](llvm::function_ref<void(int, Value)> body) {
    for (int r = 0; r < rows; ++r)
      for (int p = 0; p < panels; ++p) {
        Place own = k.at(o.c, r * tileRows * lanes);
        own = o.outputStride ? k.at(own, k.mul(o.outputStride, p))
                             : k.at(own, p * tileSumWords);
        body(sum(r, p), emitAddress(k, own));
      }
  };
  k.ifThen(
      o.accumulate,
      [&] {
        forSums(
            [&](int tile, Value at) { emitTileLoad(k, tile, at, strideB); });
      },
      [&] { forSums([&](int tile, Value) { emitTileZero(k, tile); }); });
  k.forLoop(k.index(0), o.chunks, 1, [&](Value chunk) {
    Place a = k.at(o.a, k.mul(chunk, lanes));
    Place b = k.at(o.b, k.mul(chunk, tileLines * lanes));
    for (int p = 0; p < panels; ++p)
      emitTileLoad(k, firstB + p,
                   emitAddress(k, k.at(b, k.mul(o.panelStride, p))), strideB);
    for (int r = 0; r < rows; ++r) {
      emitTileLoad(k, firstA + r, emitAddress(k, k.at(a, r * tileRows * lda)),
                   strideA);
      for (int p = 0; p < panels; ++p) {
        if (isInt8(arithmetic))
          emitTileDotInt8(k, sum(r, p), firstA + r, firstB + p);
        else
          emitTileDotBF16(k, sum(r, p), firstA + r, firstB + p);
      }
    }
    Place ahead = k.at(o.ahead, k.mul(k.mul(chunk, o.aheadLines), lanes));
    k.forLoop(k.index(0), o.aheadLines, 1, [&](Value line) {
      for (int p = 0; p < panels; ++p)
        k.prefetch(
            k.at(k.at(ahead, k.mul(line, lanes)),
                 k.mul(o.aheadStride ? o.aheadStride : o.panelStride, p)));
    });
    if (finish)
      emitFinish(k, chunk, panels, perChunk, *epilogue, *finish);
  });
  forSums([&](int tile, Value at) { emitTileStore(k, tile, at, strideB); });
}

static std::string finishName(const TileFinish &finish) {
  std::string name = finish.shape.bias ? "_bias" : "";
  if (finish.shape.activation != ActivationFunction::None)
    name += "_" + activationFunctionName(finish.shape.activation).str();
  if (finish.shape.residual)
    name += "_residual" + std::to_string(finish.shape.residualStride);
  if (finish.shape.stagedOutput)
    name += "_to_bf16";
  return name + "_ld" + std::to_string(finish.shape.outputStride);
}

static SmallVector<Value *> finishSlots(TileFinish &finish) {
  Epilogue &e = finish.previous;
  SmallVector<Place *> places = {&e.sums.place, &e.y, &finish.out};
  for (Place *place : {&e.residual, &e.bias, &e.sums.rowScale,
                       &e.sums.columnScale, &e.sums.columnSum})
    if (place->buffer)
      places.push_back(place);
  SmallVector<Value *> slots = slotsOf(places);
  slots.append({&finish.rows, &finish.outRows});
  return slots;
}

void bertc::callTileKernel(KernelBuilder &k, Arithmetic arithmetic, int64_t lda,
                           Value rows, int64_t panels,
                           const TileOperands &operands,
                           std::optional<TileFinish> finish) {
  k.switchOn(k.ceilDiv(rows, tileRows), 2, [&](int64_t count) {
    std::string name =
        llvm::formatv("tile_{0}_{1}x{2}_lda{3}", arithmeticName(arithmetic),
                      count * tileRows, panels * lanes, lda);
    TileOperands o = operands;
    SmallVector<Value *> slots = {
        &o.a.buffer,    &o.a.offset,     &o.b.buffer,     &o.b.offset,
        &o.panelStride, &o.c.buffer,     &o.c.offset,     &o.chunks,
        &o.accumulate,  &o.ahead.buffer, &o.ahead.offset, &o.aheadLines};
    if (o.aheadStride) {
      name += "_apart";
      slots.push_back(&o.aheadStride);
    }
    if (o.outputStride) {
      name += "_panels";
      slots.push_back(&o.outputStride);
    }
    std::optional<TileFinish> f = finish;
    if (f) {
      name += finishName(*f);
      slots.append(finishSlots(*f));
    }
    k.callKernel(name, slots, [&] {
      emitTileKernel(k, arithmetic, lda, int(count), int(panels), o, f);
    });
  });
}

static void emitTileBlock(KernelBuilder &k, int rows, int panels, Place b,
                          Place c, const TileBlocksOperands &o) {
  Value strideA = k.mul(o.lda, 4), strideC = k.mul(o.ldc, 4);
  Value strideB = k.index(tileRowBytes);
  auto sum = [&](int r, int p) { return r * 2 + p; };
  auto rowsOf = [&](Place place, Value stride, int r) {
    return k.at(place, k.mul(stride, r * tileRows));
  };
  for (int r = 0; r < rows; ++r)
    for (int p = 0; p < panels; ++p)
      emitTileZero(k, sum(r, p));
  k.forLoop(k.index(0), o.chunks, 1, [&](Value chunk) {
    Place aChunk = k.at(o.a, k.mul(chunk, lanes));
    Place bChunk = k.at(b, k.mul(chunk, tileLines * lanes));
    for (int p = 0; p < panels; ++p)
      emitTileLoad(k, firstB + p,
                   emitAddress(k, k.at(bChunk, k.mul(o.panelStride, p))),
                   strideB);
    for (int r = 0; r < rows; ++r) {
      emitTileLoad(k, firstA + r, emitAddress(k, rowsOf(aChunk, o.lda, r)),
                   strideA);
      for (int p = 0; p < panels; ++p)
        emitTileDotBF16(k, sum(r, p), firstA + r, firstB + p);
    }
  });
  for (int r = 0; r < rows; ++r)
    for (int p = 0; p < panels; ++p)
      emitTileStore(k, sum(r, p),
                    emitAddress(k, k.at(rowsOf(c, o.ldc, r), p * lanes)),
                    strideC);
}

void bertc::callTileBlocks(KernelBuilder &k, Value rows, int64_t group,
                           const TileBlocksOperands &operands) {
  k.switchOn(k.ceilDiv(rows, tileRows), 2, [&](int64_t count) {
    std::string name = llvm::formatv("tile_bf16_tile_{0}x{1}_ldan_blocks",
                                     count * tileRows, group * lanes);
    TileBlocksOperands o = operands;
    auto body = [&] {
      forPanelGroups(k, k.index(0), o.panels, group,
                     [&](Value panel, int64_t panels) {
                       emitTileBlock(k, int(count), int(panels),
                                     k.at(o.b, k.mul(panel, o.panelStride)),
                                     k.at(o.c, k.mul(panel, lanes)), o);
                     });
    };
    k.callKernel(name,
                 {&o.a.buffer, &o.a.offset, &o.lda, &o.b.buffer, &o.b.offset,
                  &o.panelStride, &o.panels, &o.c.buffer, &o.c.offset, &o.ldc,
                  &o.chunks},
                 body);
  });
}
