//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/DeviceActivation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"

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

// Of x / 2 (1 + tanh p): p = x (c0 + c1 x^2 + c2 x^4), in this order; empty for
// other functions.
static ArrayRef<double> tanhArguments(ActivationFunction activation) {
  // Of the function with erf, a fit that minimizes the largest error of y,
  // 2.6e-5.
  static constexpr double gelu[] = {0.7975078838, 0.03700564644,
                                    -0.0003515168521};
  static constexpr double geluTanh[] = {0.7978845608, 0.7978845608 * 0.044715};
  static constexpr double silu[] = {0.5};
  switch (activation) {
  case ActivationFunction::Gelu:
    return gelu;
  case ActivationFunction::GeluTanh:
    return geluTanh;
  case ActivationFunction::Silu:
    return silu;
  default:
    return {};
  }
}

static Value emitHalfTanh(GpuBuilder &k, Value x, ArrayRef<double> arguments) {
  // Further out tanh is 1, while the last term would turn p around.
  constexpr double mostSquare = 49;
  Value p = k.scalar(arguments.back());
  if (arguments.size() > 1) {
    Value square = k.minf(k.mulf(x, x), k.scalar(mostSquare));
    for (double next : llvm::reverse(arguments.drop_back()))
      p = k.fma(p, square, k.scalar(next));
  }
  Value half = k.mulf(x, k.scalar(0.5));
  return k.fma(half, k.tanh(k.mulf(x, p)), half);
}

Value bertc::emitDeviceActivation(GpuBuilder &k, ActivationFunction activation,
                                  Value x, const DeviceForms &forms) {
  bool rounded = !forms.f32 && !forms.int8 && forms.planes == 1 &&
                 forms.type == HalfType::BF16;
  ArrayRef<double> arguments = tanhArguments(activation);
  if (rounded && !arguments.empty())
    return emitHalfTanh(k, x, arguments);
  ApproximateDivisions scope(k.b);
  return emitActivation(k.b, k.loc, activation, x);
}

Value bertc::emitDeviceActivationDerivative(GpuBuilder &k,
                                            ActivationFunction activation,
                                            Value x) {
  ApproximateDivisions scope(k.b);
  return emitActivationDerivative(k.b, k.loc, activation, x);
}
