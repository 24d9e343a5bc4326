//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lowerForward() as a pass, so that planned text can be taken further by hand.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/ForwardLowering.h"
#include "compiler/Lowering/Passes.h"
#include "compiler/Plan/PlanAttributes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace bertc {
#define GEN_PASS_DEF_LOWERTOKERNELSPASS
#include "compiler/Lowering/Passes.h.inc"
} // namespace bertc

using namespace mlir;
using namespace bertc;

namespace {
struct LowerToKernelsPass
    : public bertc::impl::LowerToKernelsPassBase<LowerToKernelsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto target = module->getAttrOfType<StringAttr>(targetName);
    if (!target) {
      module.emitError("lacks '") << targetName << "'; run enc-plan first";
      return signalPassFailure();
    }
    FailureOr<LoweredForward> lowered = lowerForward(module, target);
    if (failed(lowered))
      return signalPassFailure();
    module.getBody()->clear();
    module->setAttrs(DictionaryAttr::get(&getContext()));
    module.getBody()->getOperations().splice(
        module.getBody()->end(), lowered->kernels->getBody()->getOperations());
  }
};
} // namespace
