//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value's layout follows from its producer: attention leaves its heads padded
// to 16 columns, everything else packs its columns at the front of the row. A
// gradient has the layout of what it is the gradient of.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/Buffers.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "compiler/Plan/PlanAttributes.h"
#include "dialects/Enc/IR/EncOps.h"

using namespace mlir;
using namespace bertc;

int64_t bertc::rowStride(int64_t paddedColumns) {
  constexpr int64_t line = 16, aliasing = 128; // f32 elements
  return paddedColumns % aliasing ? paddedColumns : paddedColumns + line;
}

int64_t Buffer::words(int64_t rows) const {
  return (staged ? roundUp(rows, 2 * tileLines) : rows) * stride;
}

static Grouping plain(int64_t columns) {
  return {1, columns, roundUp(columns, lanes)};
}

static Grouping heads(int64_t count, int64_t size) {
  return {count, size, roundUp(size, lanes)};
}

BufferAssignment::BufferAssignment(func::FuncOp forward, Workspace &workspace,
                                   int64_t planes, bool int8)
    : workspace(workspace), planes(planes), int8(int8) {
  assignBlock(forward.getBody().front());
}

/// Whether the rows of `value` go from tile registers to tile registers only,
/// which would round them: from query, key and value to attention, or from
/// attention to a linear layer.
static bool staysBF16(Value value, const Grouping &columns) {
  Operation *producer = value.getDefiningOp();
  if (!isa_and_nonnull<enc::FusedQKVOp, enc::FusedAttentionOp>(producer))
    return false;
  std::optional<Arithmetic> from = peekArithmetic(producer);
  return from && llvm::all_of(value.getUses(), [&](OpOperand &use) {
           Operation *user = use.getOwner();
           std::optional<Arithmetic> to = peekArithmetic(user);
           if (!to || use.getOperandNumber() != 0)
             return false;
           if (isa<enc::FusedQKVOp>(producer))
             return isa<enc::FusedAttentionOp>(user) &&
                    passesBF16(*from, *to, columns.stride);
           return isa<enc::LinearOp, enc::FusedLinearAddNormOp>(user) &&
                  columns.padded() % 64 == 0 &&
                  passesBF16(*from, *to, columns.stride);
         });
}

namespace {
/// What reads a value, through loops that carry it on and stacks that it is
/// saved in.
struct Readers {
  SmallVector<OpOperand *> uses;
  llvm::SmallDenseSet<Value> seen;
  bool carried = false;

  void collect(Value value);

private:
  void collectCarried(Operation *loop) {
    carried = true;
    collect(loop->getRegion(0).front().getArgument(0));
    collect(loop->getResult(0));
  }
};
} // namespace

void Readers::collect(Value value) {
  if (!seen.insert(value).second)
    return;
  if (auto argument = dyn_cast<BlockArgument>(value))
    if (Operation *loop = value.getParentBlock()->getParentOp();
        isa<enc::LayersOp, enc::LayersBackwardOp>(loop) &&
        argument.getArgNumber() == 0)
      collectCarried(loop);
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    unsigned number = use.getOperandNumber();
    if (isa<enc::YieldOp>(user)) {
      Operation *loop = user->getParentOp();
      if (number == 0)
        collectCarried(loop);
      else
        collect(cast<enc::LayersOp>(loop).getStacks()[number - 1]);
    } else if (auto backward = dyn_cast<enc::LayersBackwardOp>(user);
               backward && number > 0) {
      collect(backward.getBody().getArgument(number));
    } else if (isa<enc::LayersOp, enc::LayersBackwardOp>(user)) {
      collectCarried(user);
    } else {
      uses.push_back(&use);
    }
  }
}

/// Whether a matrix product of a device reads the operand.
static bool isOfProduct(OpOperand &use) {
  Operation *user = use.getOwner();
  if (isa<enc::FusedQKVOp, enc::LinearOp, enc::FusedAttentionOp,
          enc::FusedLinearAddNormOp, enc::FusedFeedForwardOp,
          enc::LinearInputGradientOp, enc::FusedQKVInputGradientOp,
          enc::FusedActivationGradientOp>(user))
    return use.getOperandNumber() == 0;
  if (auto gradient = dyn_cast<enc::AttentionGradientOp>(user))
    return use.get() != gradient.getLogSumExp();
  if (auto gradient = dyn_cast<enc::LinearWeightGradientOp>(user))
    return gradient.getInput() != nullptr;
  if (auto gradient = dyn_cast<enc::FusedQKVWeightGradientOp>(user))
    return gradient.getInput() != nullptr;
  return false;
}

/// Whether the op reads float32 of the operand, too: a residual, or sums of the
/// columns of a gradient. Where products have one plane, it does for the sums.
static bool isReadTwice(OpOperand &use, int64_t planes) {
  return isa<enc::FusedFeedForwardOp>(use.getOwner()) ||
         (planes > 1 &&
          isa<enc::LinearWeightGradientOp, enc::FusedQKVWeightGradientOp>(
              use.getOwner()) &&
          use.getOperandNumber() == 0);
}

/// Whether the value is what a feed-forward block saves for the gradient of its
/// activation, and nothing else reads.
static bool isIntermediate(Value value, ArrayRef<OpOperand *> readers) {
  auto block = value.getDefiningOp<enc::FusedFeedForwardOp>();
  return block && value == block.getUpResult() &&
         llvm::all_of(readers, [](OpOperand *use) {
           auto gradient =
               dyn_cast<enc::FusedActivationGradientOp>(use->getOwner());
           return gradient && use->get() == gradient.getUp();
         });
}

/// Matrix products read planes, or int8 if a factor is a weight, all else reads
/// float32. What is normalised behind a product is float32 on the way, and a
/// carried value in both forms, which keeps those of its producers equal. An
/// intermediate is a plane where that is all that products have, as PyTorch's
/// autocast saves it.
void BufferAssignment::setForms(Value value, Buffer &buffer) const {
  Readers readers;
  readers.collect(value);
  if (planes == 1 && isIntermediate(value, readers.uses)) {
    buffer.f32 = false;
    buffer.planes = planes;
    return;
  }
  buffer.f32 =
      isa_and_nonnull<enc::FusedLinearAddNormOp, enc::FusedFeedForwardOp>(
          value.getDefiningOp()) ||
      readers.carried;
  for (OpOperand *use : readers.uses) {
    bool product = isOfProduct(*use);
    if (product && int8 && !isa<enc::FusedAttentionOp>(use->getOwner()))
      buffer.int8 = true;
    else if (product)
      buffer.planes = planes;
    buffer.f32 |= !product || isReadTwice(*use, planes);
  }
  // What nothing reads is written nevertheless.
  buffer.f32 |= !buffer.planes && !buffer.int8;
}

/// The ops that read `value`, those of the backward pass through the stack that
/// it is saved in.
static SmallVector<OpOperand *> readers(Value value) {
  SmallVector<OpOperand *> all;
  for (OpOperand &use : value.getUses()) {
    auto yield = dyn_cast<enc::YieldOp>(use.getOwner());
    unsigned carried = 1; // operands before those that are saved
    if (!yield || use.getOperandNumber() < carried) {
      all.push_back(&use);
      continue;
    }
    auto layers = cast<enc::LayersOp>(yield->getParentOp());
    Value stack = layers.getStacks()[use.getOperandNumber() - carried];
    for (OpOperand &saved : stack.getUses()) {
      auto backward = cast<enc::LayersBackwardOp>(saved.getOwner());
      unsigned argument = saved.getOperandNumber();
      for (OpOperand &read : backward.getBody().getArgument(argument).getUses())
        all.push_back(&read);
    }
  }
  return all;
}

/// Whether queries, keys and values are what tiles compute for the attention of
/// a training function. It widens them: what is saved is half as large, and
/// rounded as by PyTorch's autocast.
static bool isBF16ForTraining(Value value, const Grouping &columns) {
  auto producer = value.getDefiningOp<enc::FusedQKVOp>();
  if (!producer || peekArithmetic(producer) != Arithmetic::BF16Tile ||
      columns.stride % 32)
    return false;
  return llvm::all_of(readers(value), [&](OpOperand *use) {
    if (auto gradient = dyn_cast<enc::AttentionGradientOp>(use->getOwner()))
      return use->get() == gradient.getQkv();
    return isa<enc::FusedAttentionOp>(use->getOwner()) &&
           use->getOperandNumber() == 0 &&
           peekArithmetic(use->getOwner()) == Arithmetic::F32;
  });
}

/// Whether a training function keeps in bfloat16 what tiles of a feed-forward
/// block compute for tiles: the intermediate before its activation, and behind
/// it as the gradient of the second weight reads it.
static bool isBF16Intermediate(Value value, const Grouping &columns) {
  Operation *producer = value.getDefiningOp();
  auto gradient = dyn_cast_or_null<enc::FusedActivationGradientOp>(producer);
  auto block = dyn_cast_or_null<enc::FusedFeedForwardOp>(producer);
  if (columns.padded() % 64)
    return false;
  if (gradient)
    return value == gradient.getActivated() &&
           peekArithmetic(gradient) == Arithmetic::BF16Tile &&
           llvm::all_of(value.getUses(), [](OpOperand &use) {
             auto weight =
                 dyn_cast<enc::LinearWeightGradientOp>(use.getOwner());
             return weight && use.get() == weight.getInput() &&
                    use.get() != weight.getGradient() &&
                    peekArithmetic(weight) == Arithmetic::BF16Tile;
           });
  if (block ? value != block.getUpResult()
            : !isa_and_nonnull<enc::LinearOp>(producer))
    return false;
  auto isTiled = [&](StringRef part) {
    return peekArithmetic(producer, part) == Arithmetic::BF16Tile;
  };
  if (block ? !isTiled("up") || !isTiled("down") : !isTiled({}))
    return false;
  SmallVector<OpOperand *> reads = readers(value);
  return !reads.empty() && llvm::all_of(reads, [](OpOperand *use) {
    auto gradient = dyn_cast<enc::FusedActivationGradientOp>(use->getOwner());
    return gradient && use->get() == gradient.getUp() &&
           peekArithmetic(gradient) == Arithmetic::BF16Tile;
  });
}

Buffer BufferAssignment::describe(Value value) const {
  Buffer buffer;
  Operation *producer = value.getDefiningOp();
  if (auto tokens = dyn_cast<enc::TokensType>(value.getType())) {
    ArrayRef<int64_t> shape = tokens.getShape();
    if (auto attention = dyn_cast_or_null<enc::FusedAttentionOp>(producer);
        attention && value == attention.getResult()) {
      auto input = cast<enc::TokensType>(attention.getQkv().getType());
      buffer.columns = heads(input.getShape()[1], input.getShape()[2]);
    } else if (shape.size() == 3) {
      buffer.columns = heads(shape[0] * shape[1], shape[2]);
    } else if (isa_and_nonnull<enc::GeluOp, enc::GeluTanhOp, enc::ReluOp,
                               enc::SiluOp, enc::TanhOp, enc::AddOp,
                               enc::DropoutOp, enc::ActivationGradientOp>(
                   producer)) {
      Value like = producer->getOperand(0);
      auto known = buffers.find(like);
      buffer.columns =
          (known == buffers.end() ? describe(like) : known->second).columns;
    } else if (auto gradient =
                   dyn_cast_or_null<enc::LinearInputGradientOp>(producer)) {
      auto depth = depths.find(gradient.getWeightAttr());
      buffer.columns =
          depth == depths.end() ? plain(shape.back()) : depth->second;
    } else {
      buffer.columns = plain(shape.back());
    }
  } else {
    auto sequences = cast<enc::SequencesType>(value.getType());
    buffer.extent = Extent::PerSequence;
    buffer.columns = plain(sequences.getShape().back());
  }
  if (planes) {
    buffer.stride = buffer.columns.padded();
    setForms(value, buffer);
    return buffer;
  }
  buffer.staged = staysBF16(value, buffer.columns) ||
                  isBF16ForTraining(value, buffer.columns) ||
                  isBF16Intermediate(value, buffer.columns);
  buffer.stride = buffer.staged ? stagedStride(Arithmetic::BF16Tile,
                                               buffer.columns.padded())
                                : rowStride(buffer.columns.padded());
  return buffer;
}

static bool hasBuffer(Value value) {
  if (auto tokens = dyn_cast<enc::TokensType>(value.getType()))
    return isa<FloatType>(tokens.getElementType());
  if (auto stack = dyn_cast<enc::StackType>(value.getType()))
    return isa<enc::TokensType>(stack.getRows());
  return isa<enc::SequencesType>(value.getType());
}

void BufferAssignment::assignResult(Value value) {
  if (!hasBuffer(value))
    return;
  Buffer buffer = describe(value);
  acquire(buffer);
  buffers[value] = buffer;
}

void BufferAssignment::acquire(Buffer &buffer, int64_t copies) {
  if (buffer.f32)
    buffer.slot = workspace.acquire(buffer.extent, copies * buffer.stride);
  if (buffer.planes)
    buffer.planesSlot = workspace.acquire(
        buffer.extent, copies * planesWords(buffer.planes, buffer.stride));
  if (buffer.int8)
    buffer.int8Slot =
        workspace.acquire(buffer.extent, copies * int8Words(buffer.stride));
}

void BufferAssignment::release(const Buffer &buffer) {
  if (buffer.f32)
    workspace.release(buffer.slot);
  if (buffer.planes)
    workspace.release(buffer.planesSlot);
  if (buffer.int8)
    workspace.release(buffer.int8Slot);
}

/// No use of `value` comes after `op`, which lies in the value's own block.
bool BufferAssignment::diesAt(Value value, Operation *op) const {
  for (Operation *user : value.getUsers()) {
    Operation *ancestor = op->getBlock()->findAncestorOpInBlock(*user);
    // A use outside of this block (a value from around enc.layers) is one in a
    // later iteration as well.
    if (!ancestor || op->isBeforeInBlock(ancestor))
      return false;
  }
  return value.getParentBlock() == op->getBlock();
}

void BufferAssignment::releaseOperands(Operation *op) {
  llvm::SmallDenseSet<Value> seen;
  for (Value operand : op->getOperands())
    if (hasBuffer(operand) && seen.insert(operand).second &&
        diesAt(operand, op) && !isa<BlockArgument>(operand)) {
      // The carried value of a loop keeps the slot it took over.
      if (isa<enc::LayersOp, enc::LayersBackwardOp>(op))
        if (buffers[op->getResult(0)].slot == buffers[operand].slot)
          continue;
      // An entry of a stack is there until the stack is not.
      if (!buffers[operand].stacked || isa<enc::StackType>(operand.getType()))
        release(buffers[operand]);
    }
}

void BufferAssignment::assignCarried(Operation *op, Value init, Block &body) {
  Value carried = body.getArgument(0);
  Buffer buffer = (*this)[init];
  if (!diesAt(init, op)) {
    buffer = describe(carried);
    acquire(buffer);
  }
  buffers[carried] = buffer;
  buffers[op->getResult(0)] = buffer;
}

void BufferAssignment::assignLayers(Operation *op) {
  auto layers = cast<enc::LayersOp>(op);
  Block &body = layers.getBody().front();
  Value carried = body.getArgument(0);
  assignCarried(op, layers.getInit(), body);
  Buffer buffer = buffers[carried];
  for (Value result : layers.getResults().drop_front())
    if (!isa<enc::StackType>(result.getType()))
      assignResult(result);
  assignStacks(op);
  assignNext(op, body);
}

/// The memory of what a loop saves, taken before that of the body, whose slots
/// serve each trip anew. Values lie there, but the carried one, which is copied
/// when the trip begins.
void BufferAssignment::assignStacks(Operation *op) {
  auto layers = cast<enc::LayersOp>(op);
  auto yield = cast<enc::YieldOp>(layers.getBody().front().getTerminator());
  for (auto [value, stack] :
       llvm::zip_equal(yield.getSaved(), layers.getStacks())) {
    if (!hasBuffer(stack))
      continue;
    Buffer buffer = describe(value);
    int64_t count = cast<enc::StackType>(stack.getType()).getCount();
    acquire(buffer, count);
    buffer.stacked = true;
    buffer.firstTrip = layers.getFirstTrip();
    buffers[stack] = buffer;
    if (!isa<BlockArgument>(value))
      buffers[value] = buffer;
  }
}

void BufferAssignment::assignLayersBackward(Operation *op) {
  auto layers = cast<enc::LayersBackwardOp>(op);
  Block &body = layers.getBody().front();
  assignCarried(op, layers.getInit(), body);
  for (auto [stack, argument] :
       llvm::zip_equal(layers.getSaved(), body.getArguments().drop_front()))
    buffers[argument] = buffers[stack];
  assignNext(op, body);
}

void BufferAssignment::assignNext(Operation *op, Block &body) {
  Value carried = body.getArgument(0);
  Buffer buffer = buffers[carried];

  // The next value is written straight into the carried slot if nothing reads
  // the old one from its producer on; else it is copied at the end.
  Value next = body.getTerminator()->getOperand(0);
  Operation *producer = next.getDefiningOp();
  bool inPlace = producer && producer->getBlock() == &body &&
                 describe(next).stride == buffer.stride &&
                 llvm::all_of(carried.getUsers(), [&](Operation *user) {
                   return user->isBeforeInBlock(producer) ||
                          user == body.getTerminator(); // saved by then
                 });
  if (inPlace && !buffers.contains(next))
    buffers[next] = buffer;
  else
    copied.insert(op);
  assignBlock(body);
}

void BufferAssignment::noteDepth(Operation *op) {
  auto note = [&](Attribute weight, Value input) {
    if (auto found = buffers.find(input); found != buffers.end())
      depths[weight] = found->second.columns;
  };
  if (auto linear = dyn_cast<enc::LinearOp>(op))
    note(linear.getWeightAttr(), linear.getInput());
  if (auto linear = dyn_cast<enc::FusedLinearAddNormOp>(op))
    note(linear.getWeightAttr(), linear.getInput());
}

void BufferAssignment::assignBlock(Block &block) {
  for (Operation &op : block) {
    noteDepth(&op);
    if (isa<enc::LayersOp>(op)) {
      assignLayers(&op);
    } else if (isa<enc::LayersBackwardOp>(op)) {
      assignLayersBackward(&op);
    } else {
      for (Value result : op.getResults())
        if (!buffers.contains(result))
          assignResult(result);
    }
    if (!op.hasTrait<OpTrait::IsTerminator>())
      releaseOperands(&op);
  }
}
