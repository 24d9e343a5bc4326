//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights, the layer loop and the unfused ops, which follow the modules of
// Hugging Face transformers one to one.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCOPS_TD
#define BERTC_DIALECTS_ENC_IR_ENCOPS_TD

include "dialects/Enc/IR/EncAttrs.td"
include "dialects/Enc/IR/EncTypes.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Enc_Op<string mnemonic, list<Trait> traits = []>
    : Op<Enc_Dialect, mnemonic, traits>;

/// A pure op whose weights are checked against their symbols.
class Enc_WeightedOp<string mnemonic, list<Trait> traits = []>
    : Enc_Op<mnemonic, traits # [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]>;

/// A pure op whose result type follows from its operands, so builders need none.
/// Inference answers for any operands and verify() judges the answer, because the
/// generic "inferred types are incompatible" says less than a labelled constraint.
class Enc_InferredOp<string mnemonic, list<Trait> traits = []>
    : Enc_Op<mnemonic, traits # [Pure, InferTypeOpAdaptorWithIsCompatible]>;

def Enc_Rows : AnyTypeOf<[Enc_TokensType, Enc_SequencesType]>;

//===----------------------------------------------------------------------===//
// Weights and layers
//===----------------------------------------------------------------------===//

def Enc_WeightOp : Enc_Op<"weight", [Symbol]> {
  let summary = "a tensor of the checkpoint";
  let description = [{
    Declares a weight under a symbol. `tensor` is the name in the checkpoint
    (without model prefix); with `layers`, it contains `{layer}` and stands for
    that many tensors, one for each trip of `enc.layers`.

    * (weight_c1) the type is a static, non-empty tensor of rank 1 or 2.
    * (weight_c2) the element type is a float or an integer.
    * (weight_c3) `layers` is at least 1.
    * (weight_c4) `tensor` contains `{layer}` exactly when `layers` is given.

    ```mlir
    enc.weight layers 12 @query = "encoder.layer.{layer}.attention.self.query.weight" : tensor<768x768xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$tensor,
                       TypeAttrOf<AnyRankedTensor>:$type,
                       OptionalAttr<I64Attr>:$layers,
                       OptionalAttr<StrAttr>:$sym_visibility);
  let assemblyFormat = [{
    (`layers` $layers^)? $sym_name `=` $tensor attr-dict `:` $type
  }];
  let builders = [OpBuilder<(ins "StringRef":$name, "StringRef":$tensor,
                                 "RankedTensorType":$type,
                                 CArg<"std::optional<int64_t>", "{}">:$layers)>];
  let hasVerifier = 1;
}

def Enc_LayersOp : Enc_Op<"layers", [SingleBlock, AutomaticAllocationScope,
                                     RecursiveMemoryEffects]> {
  let summary = "one layer body, repeated";
  let description = [{
    Runs the body `trip_count` times on the carried value. Weights of the body
    that have `layers` are indexed by the trip. The first result is the final
    value; each entry i of `collect` adds a result: the carried value before
    trip i, or the final one for i = trip_count (hidden state i). Each value
    that the body yields after `saving` adds a result after those: that value of
    every trip, stacked.

    With `from` and `to`, only the trips [from, to) of the `trip_count` layers
    run; they default to 0 and `trip_count`.

    * (layers_c1) the trip count is 1 to 1000.
    * (layers_c2) the body has one argument of the type of `init`.
    * (layers_c3) the body yields one value of that type.
    * (layers_c4) there are 1 + |collect| results of that type.
    * (layers_c5) entries of `collect` lie in [from, to] and rise.
    * (layers_c6) loops do not nest.
    * (layers_c7) 0 <= from < to <= trip_count.
    * (layers_c8) the results after those are stacks of the saved values.

    ```mlir
    %last, %first = enc.layers 12 (%h = %x) collect [0] : !enc.tokens<768xf32> {
      %0 = enc.linear %h weight(@query) : !enc.tokens<768xf32> -> !enc.tokens<768xf32>
      %next = enc.gelu %0 : !enc.tokens<768xf32>
      enc.yield %next : !enc.tokens<768xf32>
    }
    ```
  }];
  let arguments = (ins Enc_TokensType:$init, I64Attr:$tripCount,
                       DenseI64ArrayAttr:$collect, OptionalAttr<I64Attr>:$from,
                       OptionalAttr<I64Attr>:$to);
  let results = (outs Variadic<AnyTypeOf<[Enc_TokensType, Enc_StackType]>>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasCanonicalizer = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let builders = [OpBuilder<(ins "Value":$init, "int64_t":$tripCount,
                                 CArg<"ArrayRef<int64_t>", "{}">:$collect,
                                 CArg<"IntegerAttr", "{}">:$from,
                                 CArg<"IntegerAttr", "{}">:$to,
                                 CArg<"TypeRange", "{}">:$stacks)>];
  let skipDefaultBuilders = 1;
  let extraClassDeclaration = [{
    /// The trips that run: [first, end) of getTripCount().
    int64_t getFirstTrip() { return getFrom().value_or(0); }
    int64_t getEndTrip() { return getTo().value_or(getTripCount()); }
    /// One stack for each value that the body saves.
    ResultRange getStacks() {
      return getResults().drop_front(1 + getCollect().size());
    }
  }];
}

def Enc_YieldOp : Enc_Op<"yield", [Pure, Terminator, ReturnLike,
                                   ParentOneOf<["LayersOp", "LayersBackwardOp"]>]> {
  let summary = "the carried value of the next layer";
  let description = [{
    With `saving`, also what the loop's backward pass or `enc.entry` will read;
    only in `enc.layers`.

    ```mlir
    enc.yield %next : !enc.tokens<768xf32>
    enc.yield %next saving %x, %qkv
        : !enc.tokens<768xf32>, !enc.tokens<768xf32>, !enc.tokens<3x12x64xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$value,
                       Variadic<AnyTypeOf<[Enc_TokensType, Enc_ScoresType]>>:$saved);
  let assemblyFormat = [{
    $value (`saving` $saved^)? attr-dict `:` qualified(type($value))
    (`,` qualified(type($saved))^)?
  }];
  let builders = [OpBuilder<(ins "Value":$value), [{
    build($_builder, $_state, value, ValueRange());
  }]>];
}

def Enc_EntryOp : Enc_InferredOp<"entry"> {
  let summary = "one value of a stack";
  let description = [{
    What trip `index` of the loop saved, counted from the first trip that ran.

    * (entry_c1) index is less than the count of the stack.
    * (entry_c2) the result has the type of what is stacked.

    ```mlir
    %p = enc.entry 3 of %stack : !enc.stack<12x!enc.scores<12xf32>> -> !enc.scores<12xf32>
    ```
  }];
  let arguments = (ins Enc_StackType:$stack,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$index);
  let results = (outs AnyTypeOf<[Enc_TokensType, Enc_ScoresType]>:$result);
  let assemblyFormat = [{
    $index `of` $stack attr-dict `:` qualified(type($stack)) `->`
    qualified(type($result))
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Embeddings, linear layers, norms
//===----------------------------------------------------------------------===//

def Enc_EmbedOp : Enc_WeightedOp<"embed"> {
  let summary = "rows of a table";
  let description = [{
    `y[t, :] = table[ids[t], :]`, ids `[T]` i32, table `[rows, H]`, y `[T, H]`.

    * (embed_c1) ids are `!enc.tokens<i32>`.
    * (embed_c2) the table is `tensor<rows x H x f>`, the result `!enc.tokens<Hxf>`.

    ```mlir
    %y = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$ids, FlatSymbolRefAttr:$table,
                       OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $ids `table` `(` $table `)` attr-dict `:` qualified(type($ids)) `->`
    qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_LinearOp : Enc_WeightedOp<"linear"> {
  let summary = "x W^T + b";
  let description = [{
    `y[r, n] = sum_k x[r, k] * weight[n, k] + bias[n]`, x `[rows, K]`, weight
    `[N, K]` as Hugging Face stores it, bias `[N]`.

    * (linear_c1) input and result are rows of one dimension, both of tokens or
      both of sequences.
    * (linear_c2) the weight is `[N, K]`.
    * (linear_c3) the bias is `[N]`.

    ```mlir
    %y = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<768xf32> -> !enc.tokens<3072xf32>
    ```
  }];
  let arguments = (ins Enc_Rows:$input, FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$bias,
                       OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_Rows:$result);
  let assemblyFormat = [{
    $input `weight` `(` $weight `)` (`bias` `(` $bias^ `)`)? attr-dict `:`
    qualified(type($input)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_LayerNormOp : Enc_WeightedOp<"layer_norm", [SameOperandsAndResultType]> {
  let summary = "layer normalisation over a row";
  let description = [{
    `y = (x - mean(x)) / sqrt(var(x) + epsilon) * gain + bias` over each row of
    H elements; the variance divides by H. (Ba et al., arXiv:1607.06450)

    * (layer_norm_c1) the input is rows of one dimension.
    * (layer_norm_c2) gain and bias are `[H]`.
    * (layer_norm_c3) epsilon is finite and positive.

    ```mlir
    %y = enc.layer_norm %x gain(@gain) bias(@bias) epsilon 1.0e-12 : !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_Rows:$input, FlatSymbolRefAttr:$gain,
                       FlatSymbolRefAttr:$bias, F64Attr:$epsilon,
                       OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_Rows:$result);
  let assemblyFormat = [{
    $input `gain` `(` $gain `)` `bias` `(` $bias `)` `epsilon` $epsilon
    attr-dict `:` qualified(type($input))
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Enc_SplitHeadsOp : Enc_Op<"split_heads", [Pure]> {
  let summary = "view rows as heads";
  let description = [{
    `!enc.tokens<Hxf>` as `!enc.tokens<NxDxf>`; no data moves.

    * (split_heads_c1) H = N * D, same element type.

    ```mlir
    %h = enc.split_heads %x : !enc.tokens<768xf32> -> !enc.tokens<12x64xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$input);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $input attr-dict `:` qualified(type($input)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Enc_MergeHeadsOp : Enc_InferredOp<"merge_heads"> {
  let summary = "view heads as rows";
  let description = [{
    The inverse of `enc.split_heads`.

    * (merge_heads_c1) H = N * D, same element type.

    ```mlir
    %x = enc.merge_heads %h : !enc.tokens<12x64xf32> -> !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$input);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $input attr-dict `:` qualified(type($input)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Enc_PartOp : Enc_InferredOp<"part"> {
  let summary = "view the query, key or value of a fused projection";
  let description = [{
    `y[t] = x[t, index]`: 0 is the query, 1 the key, 2 the value. Stands between
    `enc.fused_qkv` and attention that is not fused yet; no data moves.

    * (part_c1) the input is `!enc.tokens<3xNxDxf>`, the result `!enc.tokens<NxDxf>`.
    * (part_c2) index is 0 to 2.

    ```mlir
    %key = enc.part 1 of %qkv : !enc.tokens<3x12x64xf32> -> !enc.tokens<12x64xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$input, I64Attr:$index);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $index `of` $input attr-dict `:` qualified(type($input)) `->`
    qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_ScoresOp : Enc_InferredOp<"scores"> {
  let summary = "scaled products of queries and keys";
  let description = [{
    For tokens i, j of the same sequence: `s[n, i, j] = scale * q[i, n, :] . k[j, n, :]`.

    * (scores_c1) query and key are per-head tokens of floats of the same type.
    * (scores_c2) the result has their heads and element type.
    * (scores_c3) scale is finite and positive.

    ```mlir
    %s = enc.scores %q, %k, %offsets scale 0.125
        : !enc.tokens<12x64xf32>, !enc.tokens<12x64xf32> -> !enc.scores<12xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$query, Enc_TokensType:$key,
                       Enc_OffsetsType:$offsets, F64Attr:$scale);
  let results = (outs Enc_ScoresType:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $offsets `scale` $scale attr-dict `:`
    qualified(type($query)) `,` qualified(type($key)) `->`
    qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_SoftmaxOp : Enc_Op<"softmax", [Pure, SameOperandsAndResultType]> {
  let summary = "softmax over the keys";
  let description = [{
    `p[n, i, j] = exp(s[n, i, j]) / sum_j exp(s[n, i, j])`.

    * (softmax_c1) the scores are floats.

    ```mlir
    %p = enc.softmax %s : !enc.scores<12xf32>
    ```
  }];
  let arguments = (ins Enc_ScoresType:$input);
  let results = (outs Enc_ScoresType:$result);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input))";
  let hasVerifier = 1;
}

def Enc_ContextOp : Enc_InferredOp<"context"> {
  let summary = "values weighted by probabilities";
  let description = [{
    `c[i, n, :] = sum_j p[n, i, j] * v[j, n, :]` over tokens j of i's sequence.

    * (context_c1) the value is per-head tokens; heads and element type are
      those of the probabilities; the result has its type.

    ```mlir
    %c = enc.context %p, %v, %offsets
        : !enc.scores<12xf32>, !enc.tokens<12x64xf32> -> !enc.tokens<12x64xf32>
    ```
  }];
  let arguments = (ins Enc_ScoresType:$probabilities, Enc_TokensType:$value,
                       Enc_OffsetsType:$offsets);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $probabilities `,` $value `,` $offsets attr-dict `:`
    qualified(type($probabilities)) `,` qualified(type($value)) `->`
    qualified(type($result))
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

class Enc_ActivationOp<string mnemonic, string formula>
    : Enc_Op<mnemonic, [Pure, SameOperandsAndResultType]> {
  let summary = formula;
  let description = "`y = " # formula # "`, element by element.\n\n* (" #
                    mnemonic # "_c1) rows of one dimension of floats.\n\n" #
                    "```mlir\n%y = enc." # mnemonic #
                    " %x : !enc.tokens<768xf32>\n```";
  let arguments = (ins Enc_Rows:$input);
  let results = (outs Enc_Rows:$result);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input))";
  let hasVerifier = 1;
}

def Enc_GeluOp : Enc_ActivationOp<"gelu", "0.5 x (1 + erf(x / sqrt(2)))">;
def Enc_GeluTanhOp : Enc_ActivationOp<"gelu_tanh",
    "0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))">;
def Enc_ReluOp : Enc_ActivationOp<"relu", "max(x, 0)"> {
  let hasFolder = 1;
}
def Enc_SiluOp : Enc_ActivationOp<"silu", "x / (1 + exp(-x))">;
def Enc_TanhOp : Enc_ActivationOp<"tanh", "tanh(x)">;

def Enc_AddOp : Enc_Op<"add", [Pure, Commutative, SameOperandsAndResultType]> {
  let summary = "sum";
  let description = [{
    `y = lhs + rhs`, element by element.

    * (add_c1) rows of one dimension of floats.

    ```mlir
    %y = enc.add %a, %b : !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_Rows:$lhs, Enc_Rows:$rhs);
  let results = (outs Enc_Rows:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` qualified(type($lhs))";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

def Enc_PoolOp : Enc_InferredOp<"pool"> {
  let summary = "one row per sequence";
  let description = [{
    Over the tokens t of sequence i, as sentence-transformers defines them:
    cls: `x[first]`; mean: `sum x[t] / s_i`; max: `max x[t]`; mean_sqrt_len:
    `sum x[t] / sqrt(s_i)`.

    * (pool_c1) `!enc.tokens<Hxf>` becomes `!enc.sequences<Hxf>`.

    ```mlir
    %y = enc.pool mean %x, %offsets : !enc.tokens<384xf32> -> !enc.sequences<384xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$input, Enc_OffsetsType:$offsets,
                       Enc_PoolModeAttr:$mode, OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_SequencesType:$result);
  let assemblyFormat = [{
    custom<PoolMode>($mode) $input `,` $offsets attr-dict `:` qualified(type($input)) `->`
    qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_NormalizeOp : Enc_Op<"normalize", [Pure, SameOperandsAndResultType]> {
  let summary = "unit length";
  let description = [{
    `y = x / max(|x|_2, 1e-12)` over each row. Not idempotent: a row shorter than
    1e-12 grows at each application, so two of them are not folded to one.

    * (normalize_c1) rows of one dimension of floats.

    ```mlir
    %y = enc.normalize %x : !enc.sequences<384xf32>
    ```
  }];
  let arguments = (ins Enc_SequencesType:$input);
  let results = (outs Enc_SequencesType:$result);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input))";
  let hasVerifier = 1;
}

include "dialects/Enc/IR/EncFusedOps.td"
include "dialects/Enc/IR/EncTrainingOps.td"
include "dialects/Enc/IR/EncGradientOps.td"

#endif // BERTC_DIALECTS_ENC_IR_ENCOPS_TD
