//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds the function `bertc_forward_<variant>`: reads the call frame, then
// takes the program that fits the batch.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/ForwardLowering.h"
#include "compiler/Lowering/CallFrame.h"
#include "compiler/Lowering/Program.h"
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
    auto name = forward.getResultAttrOfType<StringAttr>(i, "enc.name");
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

static LogicalResult verifyArguments(func::FuncOp forward) {
  MLIRContext *context = forward.getContext();
  Type ids = enc::TokensType::get({}, IntegerType::get(context, 32));
  Type offsets = enc::OffsetsType::get(context);
  if (forward.getArgumentTypes() == ArrayRef<Type>{ids, ids, ids, offsets} &&
      forward.getBody().hasOneBlock())
    return success();
  return forward.emitOpError("expected one block and the arguments input ids, "
                             "token type ids, position ids and offsets");
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
  FailureOr<std::vector<LoweredOutput>> outputs = outputsOf(forward);
  if (failed(outputs) || failed(verifyArguments(forward)))
    return failure();

  WeightLayoutBuilder weights;
  Program byRows(forward, SplitBy::Rows, splitTokens.getInt(), weights);
  if (!byRows.isValid())
    return failure();
  Program byPanels(forward, SplitBy::Panels, splitTokens.getInt(), weights);
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
  k.b.setInsertionPointToEnd(result.kernels->getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  auto entry =
      func::FuncOp::create(k.b, k.loc, result.entry,
                           k.b.getFunctionType({pointer, k.indexType()}, {}));
  Block *block = entry.addEntryBlock();
  k.b.setInsertionPointToStart(block);
  CallFrame frame(k, block->getArgument(0), block->getArgument(1));
  Value few = k.less(frame.tokens, k.index(splitTokens.getInt()));
  PhaseTable table;
  k.ifThen(
      few, [&] { byPanels.emit(k, frame, table); },
      [&] { byRows.emit(k, frame, table); });
  result.phases = std::move(table.phases);
  func::ReturnOp::create(k.b, k.loc);
  if (failed(verify(*result.kernels)))
    return failure();
  return result;
}
