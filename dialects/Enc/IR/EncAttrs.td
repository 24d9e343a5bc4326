//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Enumerations of ops.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCATTRS_TD
#define BERTC_DIALECTS_ENC_IR_ENCATTRS_TD

include "dialects/Enc/IR/EncDialect.td"
include "mlir/IR/EnumAttr.td"

class Enc_Enum<string name, string text, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, text, cases> {
  let cppNamespace = "::mlir::enc";
  let genSpecializedAttr = 0;
}

def Enc_PoolMode : Enc_Enum<"PoolMode", "how rows of a sequence become one", [
  I32EnumAttrCase<"Cls", 0, "cls">, I32EnumAttrCase<"Mean", 1, "mean">,
  I32EnumAttrCase<"Max", 2, "max">,
  I32EnumAttrCase<"MeanSqrtLen", 3, "mean_sqrt_len">
]>;
def Enc_PoolModeAttr : EnumAttr<Enc_Dialect, Enc_PoolMode, "pool_mode">;

def Enc_Activation : Enc_Enum<"ActivationKind", "activation of a feed-forward", [
  I32EnumAttrCase<"Gelu", 0, "gelu">,
  I32EnumAttrCase<"GeluTanh", 1, "gelu_tanh">,
  I32EnumAttrCase<"Relu", 2, "relu">, I32EnumAttrCase<"Silu", 3, "silu">,
  I32EnumAttrCase<"Tanh", 4, "tanh">
]>;
def Enc_ActivationAttr : EnumAttr<Enc_Dialect, Enc_Activation, "activation">;

#endif // BERTC_DIALECTS_ENC_IR_ENCATTRS_TD
