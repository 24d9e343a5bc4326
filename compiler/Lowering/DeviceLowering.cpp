//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The host function of a device and its kernels. A first emission, which is
// thrown away, registers weights and memory; only then are their places known.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/DeviceLowering.h"
#include "compiler/Lowering/DeviceProgram.h"
#include "compiler/Lowering/ForwardLowering.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace bertc;

/// Emits the host function and the kernels of `program` into two modules.
static LogicalResult emitModules(DeviceProgram &program, Location loc,
                                 StringRef entry, LoweredDevice &result) {
  result.kernels = ModuleOp::create(loc);
  result.host = ModuleOp::create(loc);
  GpuBuilder device(*result.kernels);
  KernelBuilder k(*result.host);
  k.b.setInsertionPointToEnd(result.host->getBody());
  Type pointer = LLVM::LLVMPointerType::get(k.b.getContext());
  auto function = func::FuncOp::create(k.b, k.loc, entry,
                                       k.b.getFunctionType({pointer}, {}));
  Block *block = function.addEntryBlock();
  k.b.setInsertionPointToStart(block);
  DeviceFrame frame(k, block->getArgument(0));
  if (failed(program.emit(k, frame, device)))
    return failure();
  func::ReturnOp::create(k.b, k.loc);
  result.table = program.table();
  result.tensorMaps = frame.makesMaps();
  return success();
}

FailureOr<LoweredDevice> bertc::lowerDevice(ModuleOp module,
                                            const DeviceTarget &target,
                                            int64_t planes) {
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  if (!forward)
    return module.emitError("has no function @forward");
  LoweredDevice result;
  FailureOr<std::vector<LoweredOutput>> outputs = verifyForward(forward);
  if (failed(outputs))
    return failure();
  result.outputs = std::move(*outputs);
  result.entry = "bertc_forward_" + target.name.str();
  llvm::replace(result.entry, ':', '_');

  WeightLayoutBuilder weights;
  DeviceProgram program(forward, target, planes, weights);
  if (failed(emitModules(program, module.getLoc(), result.entry, result)))
    return failure();
  weights.finish();
  if (failed(emitModules(program, module.getLoc(), result.entry, result)))
    return failure();
  result.weights = weights.layout();
  result.workspace = program.workspaceFormula();
  if (failed(verify(*result.kernels)) || failed(verify(*result.host)))
    return failure();
  return result;
}
