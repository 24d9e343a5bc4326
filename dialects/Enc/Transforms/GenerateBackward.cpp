//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The training function is made anew for each level of recomputation until what
// it saves fits the budget, so nothing has to predict what the rules will ask
// for.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Transforms/BackwardRules.h"
#include "dialects/Enc/Transforms/Passes.h"
#include "dialects/Enc/Transforms/SavedValues.h"
#include "dialects/Enc/Transforms/Trainable.h"
#include "mlir/IR/Remarks.h"

namespace mlir::enc {
#define GEN_PASS_DEF_GENERATEBACKWARDPASS
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

using namespace mlir;
using namespace mlir::enc;

//===----------------------------------------------------------------------===//
// Loops of layers that do not all learn the same
//===----------------------------------------------------------------------===//

/// The symbols that `op` names.
static SmallVector<FlatSymbolRefAttr> weightsOf(Operation *op) {
  SmallVector<FlatSymbolRefAttr> weights;
  for (NamedAttribute attribute : op->getAttrs())
    if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
      weights.push_back(symbol);
  return weights;
}

/// The trips at which the set of weights that learn changes, with both ends.
static SmallVector<int64_t> segments(LayersOp op, const Trainable &trainable) {
  SmallVector<FlatSymbolRefAttr> weights;
  op.getBody().walk(
      [&](Operation *inner) { llvm::append_range(weights, weightsOf(inner)); });
  SmallVector<int64_t> bounds = {op.getFirstTrip()};
  for (int64_t trip = bounds[0] + 1; trip < op.getEndTrip(); ++trip)
    if (llvm::any_of(weights, [&](FlatSymbolRefAttr weight) {
          return trainable.contains(weight.getValue(), trip) !=
                 trainable.contains(weight.getValue(), trip - 1);
        }))
      bounds.push_back(trip);
  bounds.push_back(op.getEndTrip());
  return bounds;
}

/// One loop for each segment, so that in each of them a weight learns in all
/// trips or in none.
static void splitLayers(LayersOp op, const Trainable &trainable) {
  SmallVector<int64_t> bounds = segments(op, trainable);
  if (bounds.size() == 2)
    return;
  OpBuilder b(op);
  Value carried = op.getInit();
  SmallVector<Value> states;
  for (auto [from, to] :
       llvm::zip(ArrayRef(bounds).drop_back(), ArrayRef(bounds).drop_front())) {
    SmallVector<int64_t> collect;
    for (int64_t index : op.getCollect())
      if (index >= from && (index < to || to == op.getEndTrip()))
        collect.push_back(index);
    auto part =
        LayersOp::create(b, op.getLoc(), carried, op.getTripCount(), collect,
                         b.getI64IntegerAttr(from), b.getI64IntegerAttr(to));
    IRMapping mapping;
    part.getBody().getBlocks().clear();
    op.getBody().cloneInto(&part.getBody(), mapping);
    carried = part.getResult(0);
    llvm::append_range(states, part.getResults().drop_front());
  }
  op.getResult(0).replaceAllUsesWith(carried);
  for (auto [before, after] :
       llvm::zip_equal(op.getResults().drop_front(), states))
    before.replaceAllUsesWith(after);
  op.erase();
}

//===----------------------------------------------------------------------===//
// The reverse walk
//===----------------------------------------------------------------------===//

namespace {
class Generator : public BackwardContext {
public:
  Generator(func::FuncOp function, const Trainable &trainable, Recompute level)
      : BackwardContext(OpBuilder(function.getContext())), function(function),
        trainable(trainable), level(level) {}

  LogicalResult run(Operation *loss);

  bool needsGradient(Value value) override { return needed.contains(value); }
  Value forward(Value value) override {
    return saved ? saved->get(b, value) : value;
  }
  ArrayAttr into(ArrayRef<FlatSymbolRefAttr> weights) override;

private:
  bool learns(FlatSymbolRefAttr weight) const {
    return trainable.contains(weight.getValue(), trip);
  }
  /// Marks the values of `block` that something trainable lies behind.
  void markNeeded(Block &block);
  LogicalResult differentiate(Block &block);
  LogicalResult differentiate(LayersOp op);

  func::FuncOp function;
  const Trainable &trainable;
  Recompute level;
  DenseSet<Value> needed;
  /// Of the loop around the builder.
  SavedValues *saved = nullptr;
  int64_t trip = 0;
};
} // namespace

ArrayAttr Generator::into(ArrayRef<FlatSymbolRefAttr> weights) {
  SmallVector<Attribute> learning;
  for (FlatSymbolRefAttr weight : weights)
    if (weight && learns(weight) && !llvm::is_contained(learning, weight))
      learning.push_back(weight);
  return b.getArrayAttr(learning);
}

void Generator::markNeeded(Block &block) {
  auto isNeeded = [&](Value value) { return needed.contains(value); };
  for (Operation &op : block) {
    bool mark = llvm::any_of(op.getOperands(), isNeeded) ||
                llvm::any_of(weightsOf(&op), [&](FlatSymbolRefAttr weight) {
                  return learns(weight);
                });
    if (auto layers = dyn_cast<LayersOp>(op)) {
      trip = layers.getFirstTrip();
      // What learns in one trip lies behind the value carried into the next.
      layers.getBody().walk([&](Operation *inner) {
        mark |= llvm::any_of(weightsOf(inner), [&](FlatSymbolRefAttr weight) {
          return learns(weight);
        });
      });
      if (mark)
        needed.insert(layers.getBody().getArgument(0));
      markNeeded(layers.getBody().front());
      trip = 0;
    }
    if (mark)
      needed.insert_range(op.getResults());
  }
}

LogicalResult Generator::differentiate(Block &block) {
  // A loop is replaced while it is differentiated.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    auto isWanted = [&](Value value) { return gradient(value) != Value(); };
    if (llvm::none_of(op.getResults(), isWanted))
      continue;
    if (auto layers = dyn_cast<LayersOp>(op)) {
      if (failed(differentiate(layers)))
        return failure();
      continue;
    }
    const BackwardRule *rule = findBackwardRule(&op);
    if (!rule) {
      InFlightDiagnostic error = op.emitError("no backward rule for '")
                                 << op.getName() << "'";
      error.attachNote()
          << "help: only fused functions are differentiated; the "
             "fusion remarks tell what was not fused and why";
      return error;
    }
    rule->apply(&op, *this);
  }
  return success();
}

LogicalResult Generator::differentiate(LayersOp op) {
  for (Value state : op.getResults().drop_front())
    if (gradient(state))
      return op.emitError("no backward rule for collected states").attachNote()
             << "help: compute the loss from the last hidden state";
  Type type = op.getInit().getType();
  Block *body = new Block();
  Value dy = gradient(op.getResult(0)),
        carried = body->addArgument(type, op.getLoc());
  Block &forwardBody = op.getBody().front();
  auto yield = cast<YieldOp>(forwardBody.getTerminator());
  SavedValues values(forwardBody, *body, level);
  Value dx;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(body);
    saved = &values;
    trip = op.getFirstTrip();
    gradients[yield.getValue()] = carried;
    LogicalResult result = differentiate(forwardBody);
    dx = take(forwardBody.getArgument(0));
    if (failed(result) || !dx) {
      delete body;
      return failed(result)
                 ? failure()
                 : op.emitError("the gradient does not reach the body's input");
    }
    YieldOp::create(b, yield.getLoc(), dx);
    saved = nullptr;
    trip = 0;
  }

  SmallVector<Type> stacks;
  int64_t trips = op.getEndTrip() - op.getFirstTrip();
  for (Value value : values.saved())
    stacks.push_back(StackType::get(trips, cast<TokensType>(value.getType())));
  OpBuilder before(op);
  auto loop = LayersOp::create(before, op.getLoc(), op.getInit(),
                               op.getTripCount(), op.getCollect(),
                               op.getFromAttr(), op.getToAttr(), stacks);
  loop->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  loop.getBody().takeBody(op.getBody());
  yield.getSavedMutable().assign(values.saved());
  for (auto [old, made] : llvm::zip_first(op.getResults(), loop.getResults()))
    old.replaceAllUsesWith(made);
  auto backward = LayersBackwardOp::create(
      b, op.getLoc(), type, dy, loop.getStacks(), op.getTripCountAttr(),
      op.getFromAttr(), op.getToAttr());
  backward.getBody().push_back(body);
  add(op.getInit(), backward.getResult());
  op.erase();
  return success();
}

LogicalResult Generator::run(Operation *loss) {
  Block &body = function.getBody().front();
  markNeeded(body);
  const BackwardRule *rule = findBackwardRule(loss);
  if (!needsGradient(loss->getResult(0))) {
    InFlightDiagnostic error =
        function.emitError("no weight that the loss depends on learns");
    error.attachNote() << "help: freeze less";
    return error;
  }
  b.setInsertionPoint(body.getTerminator());
  rule->apply(loss, *this);
  return differentiate(body);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// The op that makes the only scalar result of `function`.
static FailureOr<Operation *> findLoss(func::FuncOp function) {
  auto isScalar = [](Value value) { return isa<ScalarType>(value.getType()); };
  auto results = llvm::make_filter_range(
      function.getBody().front().getTerminator()->getOperands(), isScalar);
  size_t count = std::distance(results.begin(), results.end());
  Operation *loss = count == 1 ? (*results.begin()).getDefiningOp() : nullptr;
  if (loss && loss->hasOneUse() &&
      isa<CrossEntropyOp, MseOp, BinaryCrossEntropyOp, SpanLossOp>(loss))
    return loss;
  InFlightDiagnostic error = function.emitError(
      "expected one result that is a loss and has no other use, got ");
  error << count << " scalar results";
  error.attachNote() << "help: a training function returns what "
                        "enc.cross_entropy or another loss computes";
  return error;
}

/// Bytes of one row of tokens.
static int64_t rowBytes(Type type) {
  int64_t bits = getRowElementType(type).getIntOrFloatBitWidth();
  for (int64_t size : getRowShape(type))
    bits *= size;
  return bits / 8;
}

/// Bytes a token that the loops of `function` save.
static int64_t savedBytes(func::FuncOp function) {
  int64_t bytes = 0;
  function.walk([&](LayersBackwardOp op) {
    for (Value stack : op.getSaved()) {
      auto type = cast<StackType>(stack.getType());
      bytes += type.getCount() * rowBytes(type.getRows());
    }
  });
  return bytes;
}

/// One remark for each value that a loop saves, and one for the function.
static void report(func::FuncOp function, Recompute level) {
  auto options = remark::RemarkOpts::name("backward")
                     .category("backward")
                     .function(function.getName());
  function.walk([&](LayersOp op) {
    auto yield = cast<YieldOp>(op.getBody().front().getTerminator());
    for (Value value : yield.getSaved()) {
      Operation *producer = value.getDefiningOp();
      std::string text;
      llvm::raw_string_ostream(text)
          << "saves " << value.getType() << " of "
          << (producer ? producer->getName().getStringRef() : "the layer input")
          << ", " << rowBytes(value.getType()) << " bytes a token in each of "
          << op.getEndTrip() - op.getFirstTrip() << " layers";
      remark::analysis(value.getLoc(), options) << remark::add("{0}", text);
    }
  });
  std::string text;
  llvm::raw_string_ostream(text)
      << "saves " << savedBytes(function) << " bytes a token, computes "
      << describe(level) << " again";
  remark::analysis(function.getLoc(), options) << remark::add("{0}", text);
}

namespace {
struct GenerateBackwardPass
    : public enc::impl::GenerateBackwardPassBase<GenerateBackwardPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(generate()))
      signalPassFailure();
  }
  LogicalResult generate();
  /// The training function of `forward` at one level.
  FailureOr<func::FuncOp> generate(func::FuncOp forward,
                                   const Trainable &trainable, Recompute level);
};
} // namespace

FailureOr<func::FuncOp>
GenerateBackwardPass::generate(func::FuncOp forward, const Trainable &trainable,
                               Recompute level) {
  OpBuilder b(forward);
  b.setInsertionPointAfter(forward);
  auto train = cast<func::FuncOp>(b.clone(*forward));
  train.setName("train");
  SmallVector<LayersOp> loops;
  train.walk([&](LayersOp op) { loops.push_back(op); });
  for (LayersOp op : loops)
    splitLayers(op, trainable);
  addBackwardResults(train);
  FailureOr<Operation *> loss = findLoss(train);
  if (failed(loss) || failed(Generator(train, trainable, level).run(*loss))) {
    train.erase();
    return failure();
  }
  dropUnusedResults(train);
  return train;
}

LogicalResult GenerateBackwardPass::generate() {
  ModuleOp module = getOperation();
  auto forward = module.lookupSymbol<func::FuncOp>(function);
  if (!forward || !forward.getBody().hasOneBlock())
    return module.emitError("expected a function @")
           << function << " of one block to differentiate";
  if (Operation *other = module.lookupSymbol("train"))
    return other->emitError("expected no @train before it is generated");
  FailureOr<Trainable> trainable = Trainable::parse(
      module, SmallVector<std::string>(freeze.begin(), freeze.end()));
  if (failed(trainable))
    return failure();
  int64_t bytes = 0;
  for (Recompute level : {Recompute::Nothing, Recompute::Norms, Recompute::Up,
                          Recompute::QKV, Recompute::Layers}) {
    FailureOr<func::FuncOp> train = generate(forward, *trainable, level);
    if (failed(train))
      return failure();
    bytes = savedBytes(*train);
    if (activationMemory == 0 || bytes <= activationMemory) {
      report(*train, level);
      return success();
    }
    train->erase();
  }
  InFlightDiagnostic error = forward.emitError("cannot train within ")
                             << activationMemory.getValue()
                             << " bytes a token of saved "
                                "activations";
  error.attachNote() << "help: with everything but the input of each layer "
                        "computed again, "
                     << bytes << " are left";
  return error;
}
