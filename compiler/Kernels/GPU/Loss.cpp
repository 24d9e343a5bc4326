//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thread has rows, or a warp where rows are wide or a sequence is one. The
// largest logit is subtracted before exp, and added to the logarithm again.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Loss.h"
#include "compiler/Kernels/CPU/Math.h"
#include "compiler/Kernels/GPU/RowLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"
#include <limits>

using namespace mlir;
using namespace bertc;

static constexpr int64_t lossThreads = 256;
static constexpr int64_t lossWarps = lossThreads / warpSize;
static constexpr int64_t blockSums = 4; // that a kernel may take

/// The sum of the values of all threads, in all of them; `number` is another
/// one for each sum of a kernel.
static Value emitBlockSum(GpuBuilder &k, int64_t number, Value value) {
  Value sums = k.at(k.sharedMemory(), number * lossWarps, k.f32());
  Value own = k.warpAdd(value);
  k.ifThen(k.equal(k.laneId(), k.index(0)),
           [&] { k.store(own, k.at(sums, k.warpId(), k.f32())); });
  k.barrier();
  Value sum = k.scalar(0);
  for (int64_t warp = 0; warp < lossWarps; ++warp)
    sum = k.addf(sum, k.load(k.at(sums, warp, k.f32()), k.f32()));
  return sum;
}

/// What of [0, total) comes to a thread or warp `first` of `step`, with a sum.
static Value emitSum(GpuBuilder &k, Value first, Value total, int64_t step,
                     llvm::function_ref<Value(Value)> term) {
  return k.forLoop(first, total, k.index(step), k.scalar(0),
                   [&](Value i, ValueRange sum) -> SmallVector<Value> {
                     return {k.addf(sum[0], term(i))};
                   })[0];
}

/// The kernel `name` of `inputs` pointers, the loss, the gradient and a number;
/// `body(inputs, writer, number)` gives the loss.
static DeviceKernel
lossKernel(GpuBuilder &k, llvm::StringRef name, DeviceRows shape,
           DeviceForms gradient, int64_t inputs,
           llvm::function_ref<Value(ValueRange, RowWriter &, Value)> body) {
  RowWriter writer(k, gradient, shape.stride);
  SmallVector<Type> types(inputs + 1, k.global());
  writer.addTypes(types);
  types.push_back(k.i32());
  std::string full = llvm::formatv("{0}_{1}_ld{2}_{3}", name, shape.width,
                                   shape.stride, gradient.name());
  return k.kernel(full, lossThreads, blockSums * lossWarps * sizeof(float),
                  types, [&](ValueRange v) {
                    ValueRange rest = v.drop_front(inputs + 1);
                    writer.take(rest);
                    Value loss = body(v.take_front(inputs), writer, v.back());
                    k.ifThen(k.equal(k.threadId(), k.index(0)),
                             [&] { k.store(loss, v[inputs]); });
                  });
}

static Value loadLabel(GpuBuilder &k, Value labels, Value at) {
  return k.load(k.at(labels, at, k.i32()), k.i32());
}

/// 1 / how many of [0, total) count, or 1 if none does.
static Value emitWeight(GpuBuilder &k, int64_t number, Value total,
                        llvm::function_ref<Value(Value)> counts) {
  Value one = k.scalar(1);
  Value own = emitSum(k, k.threadId(), total, lossThreads, [&](Value i) {
    return k.select(counts(i), one, k.scalar(0));
  });
  return k.divf(one, k.maxf(emitBlockSum(k, number, own), one));
}

static Value lowest(GpuBuilder &k) {
  return k.scalar(-std::numeric_limits<double>::infinity());
}

//===----------------------------------------------------------------------===//
// Cross entropy of rows
//===----------------------------------------------------------------------===//

namespace {
/// One row, by one thread or by all lanes of a warp.
struct LogitRow {
  GpuBuilder &k;
  DeviceRows shape;
  int64_t threads; // 1 or warpSize
  Value x, number, firstColumn;

  /// Element j of four columns, or `otherwise` where there is no such column.
  Value real(Value column, int64_t j, Value value, Value otherwise) {
    return k.select(k.less(k.add(column, j), k.index(shape.width)), value,
                    otherwise);
  }
  SmallVector<Value> logits(Value column) {
    return loadFour(k, x, number, shape.stride, column);
  }
  /// One number of all columns, from `join(soFar, logit)`.
  Value fold(Value init, llvm::function_ref<Value(Value, Value)> join) {
    return k.forLoop(firstColumn, k.index(shape.width),
                     k.index(threads * vectorWidth), init,
                     [&](Value column, ValueRange soFar) {
                       Value result = soFar[0];
                       for (auto [j, logit] : llvm::enumerate(logits(column)))
                         result = real(column, j, join(result, logit), result);
                       return SmallVector<Value>{result};
                     })[0];
  }
};
} // namespace

/// -log softmax(x)[label] if `counts`, or else 0; writes `weight` times its
/// gradient.
static Value emitSurprise(LogitRow &row, Value label, Value counts,
                          Value weight, RowWriter &writer) {
  GpuBuilder &k = row.k;
  Value zero = k.scalar(0);
  Value largest = row.fold(
      lowest(k), [&](Value a, Value logit) { return k.maxf(logit, a); });
  if (row.threads == warpSize)
    largest = k.warpMax(largest);
  auto exponential = [&](Value logit) {
    return emitExp(k.b, k.loc, k.subf(logit, largest));
  };
  Value sum = row.fold(zero, [&](Value soFar, Value logit) {
    return k.addf(soFar, exponential(logit));
  });
  if (row.threads == warpSize)
    sum = k.warpAdd(sum);
  k.forLoop(row.firstColumn, k.index(row.shape.stride),
            row.threads * vectorWidth, [&](Value column) {
              SmallVector<Value> d = row.logits(column);
              for (auto [j, value] : llvm::enumerate(d)) {
                Value own = k.select(k.equal(k.add(column, j), label),
                                     k.scalar(1), zero);
                value = k.subf(k.divf(exponential(value), sum), own);
                value = k.select(counts, k.mulf(value, weight), zero);
                value = row.real(column, j, value, zero);
              }
              writer.write(row.number, column, d);
            });
  Value place = k.select(counts, label, k.index(0));
  Value logit =
      k.load(elementAt(k, row.x, row.number, row.shape.stride, place, k.f32()),
             k.f32());
  Value surprise = k.addf(emitLog(k.b, k.loc, sum), k.subf(largest, logit));
  return k.select(counts, surprise, zero);
}

DeviceKernel bertc::crossEntropyKernel(GpuBuilder &k, DeviceRows shape,
                                       DeviceForms gradient) {
  constexpr int64_t columnsOfThread = 16;
  int64_t threads = shape.width > columnsOfThread ? warpSize : 1;
  return lossKernel(
      k, "cross_entropy", shape, gradient, 2,
      [&](ValueRange in, RowWriter &writer, Value rows) {
        // -100 is a huge number without its sign.
        auto counts = [&](Value label) {
          return k.less(label, k.index(shape.width));
        };
        Value weight = emitWeight(k, 0, rows, [&](Value row) {
          return counts(loadLabel(k, in[1], row));
        });
        Value lane = k.rem(k.threadId(), threads);
        Value first = k.div(k.threadId(), threads);
        Value own =
            emitSum(k, first, rows, lossThreads / threads, [&](Value number) {
              Value label = loadLabel(k, in[1], number);
              LogitRow row = {k,     shape,  threads,
                              in[0], number, k.mul(lane, vectorWidth)};
              Value loss =
                  emitSurprise(row, label, counts(label), weight, writer);
              return k.select(k.equal(lane, k.index(0)), loss, k.scalar(0));
            });
        return k.mulf(emitBlockSum(k, 1, own), weight);
      });
}

//===----------------------------------------------------------------------===//
// Cross entropies of tokens
//===----------------------------------------------------------------------===//

static constexpr int64_t sides = 2; // begin and end of an answer

namespace {
/// One sequence, by a warp.
struct Answer {
  Value first, length;
  Value labels[sides], counts[sides], weights[sides];
};
} // namespace

/// The surprises of both sides; writes the gradients of all tokens.
static SmallVector<Value> emitSpan(GpuBuilder &k, DeviceRows shape, Value x,
                                   const Answer &answer, RowWriter &writer) {
  Value zero = k.scalar(0);
  auto logits = [&](Value row) {
    Value pair = k.load(elementAt(k, x, row, shape.stride, k.index(0), k.f32()),
                        k.vectorOf(k.f32(), sides));
    return std::array<Value, sides>{k.element(pair, 0), k.element(pair, 1)};
  };
  auto fold = [&](Value init,
                  llvm::function_ref<Value(int64_t, Value, Value)> join) {
    SmallVector<Value> start(sides, init);
    return k.forLoop(k.laneId(), answer.length, k.index(warpSize), start,
                     [&](Value token, ValueRange soFar) {
                       auto both = logits(k.add(answer.first, token));
                       SmallVector<Value> next;
                       for (int64_t side = 0; side < sides; ++side)
                         next.push_back(join(side, soFar[side], both[side]));
                       return next;
                     });
  };
  SmallVector<Value> largest =
      fold(lowest(k), [&](int64_t, Value soFar, Value logit) {
        return k.maxf(logit, soFar);
      });
  for (Value &value : largest)
    value = k.warpMax(value);
  auto exponential = [&](int64_t side, Value logit) {
    return emitExp(k.b, k.loc, k.subf(logit, largest[side]));
  };
  SmallVector<Value> sums =
      fold(zero, [&](int64_t side, Value soFar, Value logit) {
        return k.addf(soFar, exponential(side, logit));
      });
  for (Value &value : sums)
    value = k.warpAdd(value);
  k.forLoop(k.laneId(), answer.length, warpSize, [&](Value token) {
    Value row = k.add(answer.first, token);
    auto both = logits(row);
    SmallVector<Value> d(vectorWidth, zero);
    for (int64_t side = 0; side < sides; ++side) {
      Value own =
          k.select(k.equal(token, answer.labels[side]), k.scalar(1), zero);
      Value slope =
          k.subf(k.divf(exponential(side, both[side]), sums[side]), own);
      d[side] = k.select(answer.counts[side],
                         k.mulf(slope, answer.weights[side]), zero);
    }
    writer.write(row, k.index(0), d);
    d.assign(vectorWidth, zero);
    k.forLoop(k.index(vectorWidth), k.index(shape.stride), vectorWidth,
              [&](Value column) { writer.write(row, column, d); });
  });
  SmallVector<Value> surprises;
  for (int64_t side = 0; side < sides; ++side) {
    Value label =
        k.select(answer.counts[side], answer.labels[side], k.index(0));
    Value logit = logits(k.add(answer.first, label))[side];
    Value surprise =
        k.addf(emitLog(k.b, k.loc, sums[side]), k.subf(largest[side], logit));
    surprises.push_back(k.select(answer.counts[side], surprise, zero));
  }
  return surprises;
}

DeviceKernel bertc::spanLossKernel(GpuBuilder &k, DeviceRows shape,
                                   DeviceForms gradient) {
  return lossKernel(
      k, "span_loss", shape, gradient, 3,
      [&](ValueRange in, RowWriter &writer, Value sequences) {
        auto offset = [&](Value s) { return loadLabel(k, in[2], s); };
        auto answerOf = [&](Value s) {
          Answer answer;
          answer.first = offset(s);
          answer.length = k.sub(offset(k.add(s, 1)), answer.first);
          for (int64_t side = 0; side < sides; ++side) {
            Value at = k.add(k.mul(s, sides), side);
            answer.labels[side] = loadLabel(k, in[1], at);
            answer.counts[side] = k.less(answer.labels[side], answer.length);
          }
          return answer;
        };
        Value weights[sides], half = k.scalar(0.5);
        for (int64_t side = 0; side < sides; ++side)
          weights[side] = emitWeight(k, side, sequences, [&](Value s) {
            return answerOf(s).counts[side];
          });
        SmallVector<Value> sums(sides, k.scalar(0));
        sums = k.forLoop(
            k.warpId(), sequences, k.index(lossWarps), sums,
            [&](Value s, ValueRange soFar) {
              Answer answer = answerOf(s);
              for (int64_t side = 0; side < sides; ++side)
                answer.weights[side] = k.mulf(weights[side], half);
              SmallVector<Value> next;
              for (auto [sum, surprise] :
                   llvm::zip(soFar, emitSpan(k, shape, in[0], answer, writer)))
                next.push_back(k.addf(sum, surprise));
              return next;
            });
        // All lanes of a warp have the same.
        Value counts = k.equal(k.laneId(), k.index(0)), loss = k.scalar(0);
        for (int64_t side = 0; side < sides; ++side) {
          Value own = k.select(counts, sums[side], k.scalar(0));
          Value mean =
              k.mulf(emitBlockSum(k, sides + side, own), weights[side]);
          loss = k.addf(loss, k.mulf(mean, half));
        }
        return loss;
      });
}

//===----------------------------------------------------------------------===//
// Losses of elements
//===----------------------------------------------------------------------===//

/// The mean over all elements of value(x, target), with derivative(x, target).
static DeviceKernel
pointwiseKernel(GpuBuilder &k, llvm::StringRef name, DeviceRows shape,
                DeviceForms gradient,
                llvm::function_ref<Value(Value, Value)> value,
                llvm::function_ref<Value(Value, Value)> derivative) {
  return lossKernel(
      k, name, shape, gradient, 2,
      [&](ValueRange in, RowWriter &writer, Value rows) {
        int64_t vectors = shape.stride / vectorWidth;
        Value count = k.toFloat(k.mul(rows, shape.width));
        Value weight = k.divf(k.scalar(1), count), zero = k.scalar(0);
        auto term = [&](Value i) {
          Value row = k.div(i, vectors);
          Value column = k.mul(k.rem(i, vectors), vectorWidth);
          SmallVector<Value> d = loadFour(k, in[0], row, shape.stride, column);
          Value sum = zero;
          for (auto [j, x] : llvm::enumerate(d)) {
            Value at = k.add(column, j);
            Value real = k.less(at, k.index(shape.width));
            at = k.select(real, at, k.index(0));
            Value target = k.load(
                elementAt(k, in[1], row, shape.width, at, k.f32()), k.f32());
            sum = k.addf(sum, k.select(real, value(x, target), zero));
            x = k.select(real, k.mulf(derivative(x, target), weight), zero);
          }
          writer.write(row, column, d);
          return sum;
        };
        Value own =
            emitSum(k, k.threadId(), k.mul(rows, vectors), lossThreads, term);
        return k.mulf(emitBlockSum(k, 0, own), weight);
      });
}

DeviceKernel bertc::meanSquaredErrorKernel(GpuBuilder &k, DeviceRows shape,
                                           DeviceForms gradient) {
  return pointwiseKernel(
      k, "mse", shape, gradient,
      [&](Value x, Value target) {
        Value d = k.subf(x, target);
        return k.mulf(d, d);
      },
      [&](Value x, Value target) {
        return k.mulf(k.scalar(2), k.subf(x, target));
      });
}

DeviceKernel bertc::binaryCrossEntropyKernel(GpuBuilder &k, DeviceRows shape,
                                             DeviceForms gradient) {
  auto expOfMinusSize = [&](Value x) {
    Value size = math::AbsFOp::create(k.b, k.loc, x);
    return emitExp(k.b, k.loc, k.subf(k.scalar(0), size));
  };
  return pointwiseKernel(
      k, "binary_cross_entropy", shape, gradient,
      [&](Value x, Value target) {
        // max(x, 0) + log(1 + e^-|x|) does not overflow.
        Value rest =
            emitLog(k.b, k.loc, k.addf(k.scalar(1), expOfMinusSize(x)));
        return k.subf(k.addf(k.maxf(x, k.scalar(0)), rest), k.mulf(target, x));
      },
      [&](Value x, Value target) {
        Value e = expOfMinusSize(x), one = k.scalar(1);
        Value above = arith::CmpFOp::create(
            k.b, k.loc, arith::CmpFPredicate::OGE, x, k.scalar(0));
        Value likely = k.divf(k.select(above, one, e), k.addf(one, e));
        return k.subf(likely, target);
      });
}
