//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect of encoder models, and the bases of its types and ops.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCDIALECT_TD
#define BERTC_DIALECTS_ENC_IR_ENCDIALECT_TD

include "mlir/IR/OpBase.td"

def Enc_Dialect : Dialect {
  let name = "enc";
  let cppNamespace = "::mlir::enc";
  let summary = "Transformer encoders over packed tokens";
  let description = [{
    Ops of BERT-family encoders. Activations hold one row per real token of the
    batch (no padding); `!enc.offsets` tells where sequences begin. Weights are
    symbols that name tensors of a checkpoint, so they never enter the IR. See
    `Rationale.md`.

    Results of a function are the outputs of the model. The result attribute
    `enc.name` names one, as in `{enc.name = "last_hidden_state"}`:

    * (output_c1) there is no other attribute of this dialect on a result.
    * (output_c2) the name is a string that is not empty.
    * (output_c3) no two results of a function have the same name.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let hasRegionResultAttrVerify = 1;
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

#endif // BERTC_DIALECTS_ENC_IR_ENCDIALECT_TD
