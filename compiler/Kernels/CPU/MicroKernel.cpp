//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The accumulators are rows * panels separate vectors carried through the k
// loop: a 2-D vector carried whole makes LLVM spill.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/MicroKernel.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

int64_t bertc::inputWords(Arithmetic arithmetic) {
  switch (arithmetic) {
  case Arithmetic::BF16Convert:
  case Arithmetic::Split:
  case Arithmetic::Int8Madd:
  case Arithmetic::Int8Madd512:
    return 2;
  default:
    return 1;
  }
}

int64_t bertc::linesPerPass(Arithmetic arithmetic) {
  return 4 / inputWords(arithmetic);
}

namespace {

using Values = SmallVector<Value>;

/// The arithmetic of one line. A panel's accumulator is one vector of 16 lanes,
/// or two of 8 where the instruction has 256 bits.
class Line {
public:
  Line(KernelBuilder &k, Arithmetic arithmetic)
      : k(k), arithmetic(arithmetic) {}

  int64_t parts() const { return arithmetic == Arithmetic::Int8Madd ? 2 : 1; }
  Value zero() const;
  /// What a line of a panel is to input word 0, 1, ...: parts() vectors each.
  /// `rest` is the lower half of split weights.
  SmallVector<Values> operands(Value line, Value rest) const;
  Value operand(Value word) const;
  Value multiply(Value x, Value column, Value sum) const;
  /// The panel's sums as float32, scaled.
  Value finish(ArrayRef<Value> sums, Value rowScale, Value rowZero,
               Value columnScale, Value columnSum) const;

private:
  Type i8() const { return k.b.getI8Type(); }
  Type i16() const { return k.b.getI16Type(); }
  Type i32() const { return k.b.getI32Type(); }

  KernelBuilder &k;
  Arithmetic arithmetic;
};

} // namespace

Value Line::zero() const {
  if (!isInt8(arithmetic))
    return k.splat(0.0);
  auto type = VectorType::get({lanes / parts()}, i32());
  return arith::ConstantOp::create(k.b, k.loc, k.b.getZeroAttr(type));
}

/// Bytes 2i (low) or 2i+1 (high) of each int16, with their sign.
static Value widen(KernelBuilder &k, Value bytes, bool high) {
  Value pairs = emitBitcast(k, bytes, k.b.getI16Type());
  auto type = cast<VectorType>(pairs.getType());
  Value eight = arith::ConstantOp::create(
      k.b, k.loc, DenseElementsAttr::get(type, k.b.getI16IntegerAttr(8)));
  if (!high)
    pairs = arith::ShLIOp::create(k.b, k.loc, pairs, eight);
  return arith::ShRSIOp::create(k.b, k.loc, pairs, eight);
}

SmallVector<Values> Line::operands(Value line, Value rest) const {
  switch (arithmetic) {
  case Arithmetic::BF16Convert: {
    auto [even, odd] =
        emitFromBF16Pairs(k, emitBitcast(k, line, k.b.getBF16Type()));
    return {{even}, {odd}};
  }
  case Arithmetic::Split: {
    Type bf16 = k.b.getBF16Type();
    auto [even, odd] = emitFromBF16Pairs(k, emitBitcast(k, line, bf16));
    auto [lowEven, lowOdd] = emitFromBF16Pairs(k, emitBitcast(k, rest, bf16));
    return {{k.addf(even, lowEven)}, {k.addf(odd, lowOdd)}};
  }
  case Arithmetic::BF16Dot:
    return {{emitBitcast(k, line, k.b.getBF16Type())}};
  case Arithmetic::Int8Madd: {
    SmallVector<Values> result(2);
    for (int64_t half = 0; half < 2; ++half) {
      Value bytes = vector::ExtractStridedSliceOp::create(k.b, k.loc, line,
                                                          half * 8, 8, 1);
      result[0].push_back(widen(k, bytes, /*high=*/false));
      result[1].push_back(widen(k, bytes, /*high=*/true));
    }
    return result;
  }
  case Arithmetic::Int8Madd512:
    return {{widen(k, line, /*high=*/false)}, {widen(k, line, /*high=*/true)}};
  case Arithmetic::Int8Dot:
    return {{emitBitcast(k, line, i8())}};
  default:
    return {{line}};
  }
}

Value Line::operand(Value word) const {
  Value all = k.broadcast(word, lanes / parts());
  switch (arithmetic) {
  case Arithmetic::BF16Dot:
    return emitBitcast(k, all, k.b.getBF16Type());
  case Arithmetic::Int8Madd:
  case Arithmetic::Int8Madd512:
    return emitBitcast(k, all, i16());
  case Arithmetic::Int8Dot:
    return emitBitcast(k, all, i8());
  default:
    return all;
  }
}

Value Line::multiply(Value x, Value column, Value sum) const {
  switch (arithmetic) {
  case Arithmetic::BF16Dot:
    return emitDotBF16(k, sum, x, column);
  case Arithmetic::Int8Madd:
  case Arithmetic::Int8Madd512:
    return arith::AddIOp::create(k.b, k.loc, sum, emitMaddInt16(k, x, column));
  case Arithmetic::Int8Dot:
    return emitDotInt8(k, sum, x, column);
  default:
    return k.fma(x, column, sum);
  }
}

Value Line::finish(ArrayRef<Value> sums, Value rowScale, Value rowZero,
                   Value columnScale, Value columnSum) const {
  if (!isInt8(arithmetic))
    return sums[0];
  Value sum = sums[0];
  if (parts() == 2) {
    SmallVector<int64_t> both = llvm::to_vector(llvm::seq<int64_t>(0, lanes));
    sum = vector::ShuffleOp::create(k.b, k.loc, sums[0], sums[1], both);
  }
  return emitScaledSum(k, sum, rowScale, rowZero, columnScale, columnSum);
}

/// The arguments of a micro-kernel, in the order of its function.
static SmallVector<Value *> argumentsOf(MicroOperands &o,
                                        const MicroShape &shape) {
  SmallVector<Value *> all = {
      &o.a.buffer,    &o.a.offset, &o.lda,      &o.b.buffer, &o.b.offset,
      &o.panelStride, &o.c.buffer, &o.c.offset, &o.ldc,      &o.lines};
  if (o.ahead.buffer)
    all.append({&o.ahead.buffer, &o.ahead.offset, &o.aheadStep});
  if (o.aheadStride)
    all.push_back(&o.aheadStride);
  if (isSplit(shape.arithmetic))
    all.push_back(&o.restStride);
  for (Value *stride : {&o.wordStride, &o.outputStride})
    if (*stride)
      all.push_back(stride);
  if (isInt8(shape.arithmetic))
    all.append({&o.rowScale.buffer, &o.rowScale.offset, &o.columnScale.buffer,
                &o.columnScale.offset, &o.columnSum.buffer,
                &o.columnSum.offset});
  else
    all.push_back(o.blocks ? &o.blocks : &o.accumulate);
  if (o.rowFactor.buffer)
    all.append({&o.rowFactor.buffer, &o.rowFactor.offset});
  return all;
}

static void emitMicroBlock(KernelBuilder &k, const MicroShape &shape,
                           const MicroOperands &o) {
  int64_t rows = shape.rows, panels = shape.panels;
  bool split = isSplit(shape.arithmetic);
  Line line(k, shape.arithmetic);
  int64_t words = inputWords(shape.arithmetic), parts = line.parts();
  Value lda = shape.lda ? k.index(shape.lda) : o.lda;
  Values aRow(rows), cRow(rows), panelStart(panels);
  for (int64_t r = 0; r < rows; ++r) {
    aRow[r] = r ? k.add(aRow[r - 1], lda) : o.a.offset;
    cRow[r] = r ? k.add(cRow[r - 1], o.ldc) : o.c.offset;
  }
  for (int64_t p = 0; p < panels; ++p)
    panelStart[p] = p ? k.add(panelStart[p - 1], o.panelStride) : o.b.offset;
  auto cPlace = [&](int64_t r, int64_t p) {
    return Place{o.c.buffer,
                 k.add(cRow[r], o.outputStride ? k.mul(o.outputStride, p)
                                               : k.index(p * lanes))};
  };

  // Zero or the partial sums of the k blocks before this one. Built as a loop
  // of zero or one step, whose result needs no join of 12 to 24 values by hand.
  Values sums(rows * panels * parts, line.zero());
  if (!isInt8(shape.arithmetic) && !o.blocks) {
    Value once = k.select(o.accumulate, k.index(1), k.index(0));
    sums = k.forLoop(k.index(0), once, 1, sums, [&](Value, ValueRange) {
      Values loaded;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t p = 0; p < panels; ++p)
          loaded.push_back(k.load(cPlace(r, p)));
      return loaded;
    });
  }

  // LLVM loads all lines of a pass first; with addresses of rows to hold, too,
  // 24 sums leave no room for four.
  bool crowded = !shape.lda && rows * panels > 16;
  int64_t pass = linesPerPass(shape.arithmetic) / (crowded ? 2 : 1);
  auto prefetch = [&](Value at) {
    Value ahead = k.add(o.ahead.offset, k.mul(k.div(at, pass), o.aheadStep));
    for (int64_t p = 0; p < panels; ++p) {
      k.prefetch({o.ahead.buffer, ahead});
      if (split)
        k.prefetch({o.ahead.buffer, k.add(ahead, o.restStride)});
      ahead = k.add(ahead, o.aheadStride ? o.aheadStride : o.panelStride);
    }
  };
  auto multiplyLine = [&](Value at, MutableArrayRef<Value> sums) {
    SmallVector<SmallVector<Values>> columns;
    for (int64_t p = 0; p < panels; ++p) {
      Place here{o.b.buffer, k.add(panelStart[p], k.mul(at, lanes))};
      Value rest = split ? k.load(k.at(here, o.restStride)) : Value();
      columns.push_back(line.operands(k.load(here), rest));
    }
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t w = 0; w < words; ++w) {
        Value word = k.add(k.mul(at, words), w);
        if (o.wordStride)
          word = k.mul(word, o.wordStride);
        Value x =
            line.operand(k.loadScalar({o.a.buffer, k.add(aRow[r], word)}));
        for (int64_t p = 0; p < panels; ++p)
          for (int64_t part = 0; part < parts; ++part) {
            Value &sum = sums[(r * panels + p) * parts + part];
            sum = line.multiply(x, columns[p][w][part], sum);
          }
      }
  };
  auto run = [&](Value begin, Value end, int64_t unroll, ValueRange start) {
    return k.forLoop(begin, end, unroll, start, [&](Value at, ValueRange acc) {
      Values sums(acc);
      if (o.ahead.buffer && unroll == pass)
        prefetch(at);
      for (int64_t u = 0; u < unroll; ++u)
        multiplyLine(k.add(at, u), sums);
      return sums;
    });
  };
  Value whole = k.mul(k.div(o.lines, pass), pass);
  sums = run(whole, o.lines, 1, run(k.index(0), whole, pass, sums));

  Values columnScale(panels), columnSum(panels);
  if (isInt8(shape.arithmetic))
    for (int64_t p = 0; p < panels; ++p) {
      columnScale[p] = k.load(k.at(o.columnScale, p * lanes));
      columnSum[p] = k.load(k.at(o.columnSum, p * lanes));
    }
  for (int64_t r = 0; r < rows; ++r) {
    Value rowScale, rowZero;
    if (isInt8(shape.arithmetic)) {
      Place row = k.at(o.rowScale, r * scaleWords);
      rowScale = k.broadcast(k.loadScalar(row));
      rowZero = k.broadcast(k.loadScalar(k.at(row, 1)));
    }
    Value factor;
    if (o.rowFactor.buffer)
      factor = k.broadcast(k.loadScalar(k.at(o.rowFactor, r)));
    for (int64_t p = 0; p < panels; ++p) {
      ArrayRef<Value> own =
          ArrayRef(sums).slice((r * panels + p) * parts, parts);
      Value sum =
          line.finish(own, rowScale, rowZero, columnScale[p], columnSum[p]);
      k.store(factor ? k.mulf(sum, factor) : sum, cPlace(r, p));
    }
  }
}

static void emitMicroKernel(KernelBuilder &k, const MicroShape &shape,
                            const MicroOperands &o) {
  if (!o.blocks)
    return emitMicroBlock(k, shape, o);
  Value step = k.mul(o.panelStride, shape.panels);
  k.forLoop(k.index(0), o.blocks, 1, [&](Value block) {
    MicroOperands own = o;
    own.b = k.at(o.b, k.mul(block, step));
    own.c = k.at(o.c, k.mul(block, shape.panels * lanes));
    emitMicroBlock(k, shape, own);
  });
}

void bertc::callMicroKernel(KernelBuilder &k, const MicroShape &shape,
                            int64_t panels, Value rows,
                            const MicroOperands &operands) {
  k.switchOn(rows, shape.rows, [&](int64_t count) {
    MicroShape block = shape;
    block.rows = count;
    block.panels = panels;
    MicroOperands o = operands;
    if (shape.lda)
      o.lda = k.index(shape.lda);
    std::string name = llvm::formatv(
        "micro_{0}_{1}x{2}_lda{3}{4}{5}{6}", arithmeticName(shape.arithmetic),
        count, panels * lanes, shape.lda ? std::to_string(shape.lda) : "n",
        o.ahead.buffer ? "_prefetch" : "", o.blocks ? "_blocks" : "",
        o.rowFactor.buffer ? "_scaled" : "");
    if (o.wordStride)
      name += "_transposed";
    if (o.outputStride)
      name += "_panels";
    if (o.aheadStride)
      name += "_apart";
    k.callKernel(name, argumentsOf(o, shape),
                 [&] { emitMicroKernel(k, block, o); });
  });
}

void bertc::forBalancedRows(KernelBuilder &k, Value rows, int64_t tileRows,
                            llvm::function_ref<void(Value, Value)> body) {
  Value tiles = k.ceilDiv(rows, tileRows);
  k.forLoop(k.index(0), tiles, 1, [&](Value tile) {
    auto [begin, end] = k.share(rows, tile, tiles);
    body(begin, k.sub(end, begin));
  });
}

void bertc::forPanelGroups(KernelBuilder &k, Value begin, Value end,
                           int64_t group,
                           llvm::function_ref<void(Value, int64_t)> body) {
  Value groups = k.div(k.sub(end, begin), group);
  Value middle = k.add(begin, k.mul(groups, group));
  k.forLoop(begin, middle, group, [&](Value panel) { body(panel, group); });
  if (group > 1)
    k.forLoop(middle, end, 1, [&](Value panel) { body(panel, 1); });
}

void bertc::forPanelRuns(KernelBuilder &k, Value begin, Value end,
                         int64_t group,
                         llvm::function_ref<void(Value, int64_t, Value)> body) {
  Value groups = k.div(k.sub(end, begin), group);
  Value middle = k.add(begin, k.mul(groups, group));
  k.ifThen(k.less(begin, middle), [&] { body(begin, group, groups); });
  if (group > 1)
    k.ifThen(k.less(middle, end), [&] { body(middle, 1, k.sub(end, middle)); });
}
