//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types of packed activations.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCTYPES_TD
#define BERTC_DIALECTS_ENC_IR_ENCTYPES_TD

include "dialects/Enc/IR/EncDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Enc_Type<string name, string typeMnemonic> : TypeDef<Enc_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Enc_TokensType : Enc_Type<"Tokens", "tokens"> {
  let summary = "one row per real token of the packed batch";
  let description = [{
    `!enc.tokens<768xf32>` is `[T, 768]` for T tokens; `!enc.tokens<12x64xf32>`
    is the per-head view `[T, 12, 64]`; `!enc.tokens<i32>` holds one id a token.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [TypeBuilderWithInferredContext<
      (ins "ArrayRef<int64_t>":$shape, "Type":$elementType), [{
    return $_get(elementType.getContext(), shape, elementType);
  }]>];
}

def Enc_SequencesType : Enc_Type<"Sequences", "sequences"> {
  let summary = "one row per sequence of the batch";
  let description = [{`!enc.sequences<384xf32>` is `[B, 384]` for B sequences.}];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [TypeBuilderWithInferredContext<
      (ins "ArrayRef<int64_t>":$shape, "Type":$elementType), [{
    return $_get(elementType.getContext(), shape, elementType);
  }]>];
}

def Enc_ScoresType : Enc_Type<"Scores", "scores"> {
  let summary = "a ragged set of attention matrices";
  let description = [{
    `!enc.scores<12xf32>` holds, for each sequence i of length s_i, 12 matrices
    `[s_i, s_i]`: queries in rows, keys in columns.
  }];
  let parameters = (ins "int64_t":$heads, "Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [TypeBuilderWithInferredContext<
      (ins "int64_t":$heads, "Type":$elementType), [{
    return $_get(elementType.getContext(), heads, elementType);
  }]>];
}

def Enc_OffsetsType : Enc_Type<"Offsets", "offsets"> {
  let summary = "where the sequences of the packed batch begin";
  let description = [{`[B + 1]` of i32: 0, then the end of each sequence.}];
}

def Enc_ScalarType : Enc_Type<"Scalar", "scalar"> {
  let summary = "one number for the whole batch";
  let description = [{`!enc.scalar<f32>` is what a loss computes.}];
  let parameters = (ins "Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
  let genVerifyDecl = 1;
  let builders = [TypeBuilderWithInferredContext<(ins "Type":$elementType), [{
    return $_get(elementType.getContext(), elementType);
  }]>];
}

def Enc_StackType : Enc_Type<"Stack", "stack"> {
  let summary = "a value of each trip of a loop";
  let description = [{
    `!enc.stack<6x!enc.tokens<768xf32>>` is what six trips of `enc.layers` saved,
    rows of tokens or attention matrices (`!enc.scores`), for
    `enc.layers_backward` or `enc.entry`.
  }];
  let parameters = (ins "int64_t":$count, "Type":$rows);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [TypeBuilderWithInferredContext<
      (ins "int64_t":$count, "Type":$rows), [{
    return $_get(rows.getContext(), count, rows);
  }]>];
}

def Enc_RandomType : Enc_Type<"Random", "random"> {
  let summary = "what random numbers are drawn from: a seed and a step";
  let description = [{
    Two integers: the seed of the run and the number of the training step. See
    `enc.dropout` for how they become bits.
  }];
}

#endif // BERTC_DIALECTS_ENC_IR_ENCTYPES_TD
