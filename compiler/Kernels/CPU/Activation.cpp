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

Value bertc::emitActivation(KernelBuilder &k, ActivationFunction activation,
                            Value x) {
  switch (activation) {
  case ActivationFunction::None:
    return x;
  case ActivationFunction::Gelu:
    return emitGelu(k.b, k.loc, x);
  case ActivationFunction::GeluTanh:
    return emitGeluTanh(k.b, k.loc, x);
  case ActivationFunction::Relu:
    return emitRelu(k.b, k.loc, x);
  case ActivationFunction::Silu:
    return emitSilu(k.b, k.loc, x);
  case ActivationFunction::Tanh:
    return emitTanh(k.b, k.loc, x);
  }
  return x;
}

Value bertc::emitActivationDerivative(KernelBuilder &k,
                                      ActivationFunction activation, Value x) {
  switch (activation) {
  case ActivationFunction::None:
    return k.splat(1.0);
  case ActivationFunction::Gelu:
    return emitGeluDerivative(k.b, k.loc, x);
  case ActivationFunction::GeluTanh:
    return emitGeluTanhDerivative(k.b, k.loc, x);
  case ActivationFunction::Relu:
    return emitReluDerivative(k.b, k.loc, x);
  case ActivationFunction::Silu:
    return emitSiluDerivative(k.b, k.loc, x);
  case ActivationFunction::Tanh:
    return emitTanhDerivative(k.b, k.loc, x);
  }
  return x;
}
