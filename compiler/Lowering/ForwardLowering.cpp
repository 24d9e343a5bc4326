//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds the function `bertc_forward_<variant>`: reads the call frame, then
// takes the program that fits the batch. `bertc_train_<variant>` is always
// split by rows: batches that teach are large.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/ForwardLowering.h"
#include "compiler/Lowering/Attentions.h"
#include "compiler/Lowering/CallFrame.h"
#include "compiler/Lowering/TrainProgram.h"
#include "compiler/Plan/PlanAttributes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace bertc;

/// The larger of each coefficient: one workspace serves both programs.
static bertc_workspace both(const bertc_workspace &a,
                            const bertc_workspace &b) {
  return {std::max(a.fixed, b.fixed), std::max(a.per_token, b.per_token),
          std::max(a.per_sequence, b.per_sequence),
          std::max(a.per_thread, b.per_thread),
          std::max(a.per_thread_key, b.per_thread_key)};
}

static FailureOr<std::vector<LoweredOutput>> outputsOf(func::FuncOp forward) {
  std::vector<LoweredOutput> outputs;
  if (forward.getNumResults() > BERTC_MAX_OUTPUTS)
    return forward.emitOpError("returns ")
           << forward.getNumResults() << " values, expected at most "
           << BERTC_MAX_OUTPUTS;
  for (auto [i, type] : llvm::enumerate(forward.getResultTypes())) {
    if (isa<enc::ScalarType>(type))
      continue; // the loss
    auto name = forward.getResultAttrOfType<StringAttr>(i, "enc.name");
    if (auto scores = dyn_cast<enc::ScoresType>(type); scores && name) {
      outputs.push_back({name.str(), BERTC_PER_PAIR, scores.getHeads()});
      continue;
    }
    ArrayRef<int64_t> shape = enc::getRowShape(type);
    if (!name || shape.size() != 1)
      return forward.emitOpError("result ")
             << i << " needs a name ('enc.name') and one row dimension, got "
             << type;
    outputs.push_back(
        {name.str(),
         isa<enc::TokensType>(type) ? BERTC_PER_TOKEN : BERTC_PER_SEQUENCE,
         shape[0]});
  }
  return outputs;
}

static LogicalResult verifyArguments(func::FuncOp forward, bool training) {
  MLIRContext *context = forward.getContext();
  Type ids = enc::TokensType::get({}, IntegerType::get(context, 32));
  Type offsets = enc::OffsetsType::get(context);
  ArrayRef<Type> types = forward.getArgumentTypes();
  size_t extra = training ? 2 : 0;
  if (types.size() == 4 + extra &&
      types.take_front(4) == ArrayRef<Type>{ids, ids, ids, offsets} &&
      (!training || isa<enc::RandomType>(types.back())) &&
      forward.getBody().hasOneBlock())
    return success();
  return forward.emitOpError("expected one block and the arguments input ids, "
                             "token type ids, position ids")
         << (training ? ", offsets, labels and random" : " and offsets");
}

FailureOr<std::vector<LoweredOutput>>
bertc::verifyForward(func::FuncOp forward) {
  if (failed(verifyArguments(forward, false)) ||
      failed(verifyAttentions(forward)))
    return failure();
  return outputsOf(forward);
}

FailureOr<std::vector<LoweredOutput>>
bertc::verifyTraining(func::FuncOp train) {
  if (failed(verifyArguments(train, true)))
    return failure();
  return outputsOf(train);
}

namespace {
/// The training function of a module, if it has one.
struct Training {
  explicit Training(ModuleOp module)
      : function(module.lookupSymbol<func::FuncOp>("train")) {}

  LogicalResult assign(WeightLayoutBuilder &weights) {
    if (!function)
      return success();
    FailureOr<std::vector<LoweredOutput>> outputs = verifyTraining(function);
    if (failed(outputs))
      return failure();
    lowered.outputs = std::move(*outputs);
    lowered.frozenOutput = frozenPrefix(function).output;
    gradients.add(function);
    program.emplace(function, weights, gradients);
    return program->assign();
  }
  void emit(KernelBuilder &k, Value call, Value tid) {
    TrainFrame frame(k, call, tid);
    PhaseTable table;
    program->emit(k, frame, table);
    lowered.phases = std::move(table.phases);
  }

  func::FuncOp function;
  GradientLayout gradients;
  std::optional<TrainProgram> program;
  LoweredTraining lowered;
};
} // namespace

void bertc::emitEntry(KernelBuilder &k, StringRef name, TypeRange more,
                      llvm::function_ref<void(ValueRange)> body) {
  k.b.setInsertionPointToEnd(k.module.getBody());
  SmallVector<Type> types = {LLVM::LLVMPointerType::get(k.b.getContext())};
  llvm::append_range(types, more);
  auto entry =
      func::FuncOp::create(k.b, k.loc, name, k.b.getFunctionType(types, {}));
  Block *block = entry.addEntryBlock();
  k.b.setInsertionPointToStart(block);
  body(block->getArguments());
  func::ReturnOp::create(k.b, k.loc);
}

FailureOr<LoweredForward> bertc::lowerForward(ModuleOp module,
                                              StringRef variant) {
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  if (!forward)
    return module.emitError("has no function @forward");
  auto splitTokens = module->getAttrOfType<IntegerAttr>(rowSplitTokensName);
  if (!splitTokens || splitTokens.getInt() < 1)
    return module.emitError("lacks a positive '")
           << rowSplitTokensName << "'; run enc-plan before lowering";
  FailureOr<std::vector<LoweredOutput>> outputs = verifyForward(forward);
  if (failed(outputs))
    return failure();

  WeightLayoutBuilder weights;
  Program byRows(forward, SplitBy::Rows, splitTokens.getInt(), weights);
  Program byPanels(forward, SplitBy::Panels, splitTokens.getInt(), weights);
  Training training(module);
  if (failed(byRows.assign()) || failed(byPanels.assign()) ||
      failed(training.assign(weights)))
    return failure();
  weights.finish();

  LoweredForward result;
  result.outputs = std::move(*outputs);
  result.weights = weights.layout();
  result.workspace =
      both(byRows.workspaceFormula(), byPanels.workspaceFormula());
  std::string suffix = variant.str();
  std::replace(suffix.begin(), suffix.end(), '-', '_');
  result.entry = "bertc_forward_" + suffix;

  result.kernels = ModuleOp::create(module.getLoc());
  KernelBuilder k(*result.kernels);
  emitEntry(k, result.entry, k.indexType(), [&](ValueRange arguments) {
    CallFrame frame(k, arguments[0], arguments[1]);
    Value few = k.less(frame.tokens, k.index(splitTokens.getInt()));
    PhaseTable table;
    k.ifThen(
        few, [&] { byPanels.emit(k, frame, table); },
        [&] { byRows.emit(k, frame, table); });
    result.phases = std::move(table.phases);
  });
  if (training.function) {
    if (failed(training.gradients.finish(module, result.weights)))
      return failure();
    LoweredTraining &lowered = training.lowered;
    lowered.entry = "bertc_train_" + suffix;
    lowered.workspace = training.program->workspaceFormula();
    lowered.parameters = training.gradients.parameters();
    lowered.gradientsSize = training.gradients.size();
    emitEntry(k, lowered.entry, k.indexType(), [&](ValueRange arguments) {
      training.emit(k, arguments[0], arguments[1]);
    });
    result.training = std::move(lowered);
  }
  if (failed(verify(*result.kernels)))
    return failure();
  return result;
}
