//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/DeviceActivation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace bertc;

namespace {
/// While it lives, divisions that a builder makes may be approximations.
class ApproximateDivisions : public OpBuilder::Listener {
public:
  explicit ApproximateDivisions(OpBuilder &b) : b(b), outer(b.getListener()) {
    b.setListener(this);
  }
  ~ApproximateDivisions() { b.setListener(outer); }

  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override {
    if (auto quotient = dyn_cast<arith::DivFOp>(op))
      quotient.setFastmath(arith::FastMathFlags::afn);
  }

private:
  OpBuilder &b;
  OpBuilder::Listener *outer;
};
} // namespace

Value bertc::emitDeviceActivation(GpuBuilder &k, ActivationFunction activation,
                                  Value x) {
  ApproximateDivisions scope(k.b);
  return emitActivation(k.b, k.loc, activation, x);
}

Value bertc::emitDeviceActivationDerivative(GpuBuilder &k,
                                            ActivationFunction activation,
                                            Value x) {
  ApproximateDivisions scope(k.b);
  return emitActivationDerivative(k.b, k.loc, activation, x);
}
