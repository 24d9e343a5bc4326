//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function of Activation.h is a switch over those of Math.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Activation.h"
#include "compiler/Kernels/CPU/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace bertc;

llvm::StringRef bertc::activationFunctionName(ActivationFunction activation) {
  switch (activation) {
  case ActivationFunction::None:
    return "none";
  case ActivationFunction::Gelu:
    return "gelu";
  case ActivationFunction::GeluTanh:
    return "gelu_tanh";
  case ActivationFunction::Relu:
    return "relu";
  case ActivationFunction::Silu:
    return "silu";
  case ActivationFunction::Tanh:
    return "tanh";
  }
  return "none";
}

Value bertc::emitActivation(OpBuilder &b, Location loc,
                            ActivationFunction activation, Value x) {
  switch (activation) {
  case ActivationFunction::None:
    return x;
  case ActivationFunction::Gelu:
    return emitGelu(b, loc, x);
  case ActivationFunction::GeluTanh:
    return emitGeluTanh(b, loc, x);
  case ActivationFunction::Relu:
    return emitRelu(b, loc, x);
  case ActivationFunction::Silu:
    return emitSilu(b, loc, x);
  case ActivationFunction::Tanh:
    return emitTanh(b, loc, x);
  }
  return x;
}

Value bertc::emitActivationDerivative(OpBuilder &b, Location loc,
                                      ActivationFunction activation, Value x) {
  switch (activation) {
  case ActivationFunction::None:
    return arith::ConstantOp::create(b, loc, b.getOneAttr(x.getType()));
  case ActivationFunction::Gelu:
    return emitGeluDerivative(b, loc, x);
  case ActivationFunction::GeluTanh:
    return emitGeluTanhDerivative(b, loc, x);
  case ActivationFunction::Relu:
    return emitReluDerivative(b, loc, x);
  case ActivationFunction::Silu:
    return emitSiluDerivative(b, loc, x);
  case ActivationFunction::Tanh:
    return emitTanhDerivative(b, loc, x);
  }
  return x;
}
