//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fused ops: what the kernels compute in one go. Each equals the unfused ops in
// its description. Optional results exist for the backward pass only: what it
// reads and the kernel has in registers anyway.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCFUSEDOPS_TD
#define BERTC_DIALECTS_ENC_IR_ENCFUSEDOPS_TD

/// Dropout inside of a fused op; the three are given together.
class Enc_WithDropout<dag before, dag after> {
  dag arguments = !con(before, (ins Optional<Enc_RandomType>:$random), after,
                       (ins OptionalAttr<I64Attr>:$site,
                            OptionalAttr<F64Attr>:$rate,
                            OptionalAttr<AnyAttr>:$plan));
}

def Enc_FusedEmbedNormOp : Enc_WeightedOp<"fused_embed_norm"> {
  let summary = "sum of three embeddings, normalised";
  let description = [{
    `layer_norm((word[ids] + type[types]) + position[positions])`.

    * (fused_embed_norm_c1) ids, types and positions are `!enc.tokens<i32>`.
    * (fused_embed_norm_c2) the tables are `[rows, H]`, gain and bias `[H]`.
    * (fused_embed_norm_c3) epsilon is finite and positive.

    ```mlir
    %y = enc.fused_embed_norm %ids, %types, %positions word(@word) type(@type)
        position(@position) gain(@gain) bias(@bias) epsilon 1.0e-12
        : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$ids, Enc_TokensType:$types,
                       Enc_TokensType:$positions,
                       FlatSymbolRefAttr:$wordTable,
                       FlatSymbolRefAttr:$typeTable,
                       FlatSymbolRefAttr:$positionTable,
                       FlatSymbolRefAttr:$gain,
                       FlatSymbolRefAttr:$bias, F64Attr:$epsilon,
                       OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $ids `,` $types `,` $positions `word` `(` $wordTable `)` `type` `(` $typeTable
    `)` `position` `(` $positionTable `)` `gain` `(` $gain `)` `bias` `(` $bias `)`
    `epsilon` $epsilon attr-dict `:` qualified(type($ids)) `,`
    qualified(type($types)) `,` qualified(type($positions)) `->`
    qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_FusedQKVOp : Enc_WeightedOp<"fused_qkv"> {
  let summary = "query, key and value projections side by side";
  let description = [{
    `result[t, 0]`, `[t, 1]`, `[t, 2]` are the query, key and value linear
    layers of x, each split into heads.

    * (fused_qkv_c1) the input is `!enc.tokens<Kxf>`, the result
      `!enc.tokens<3xNxDxf>`.
    * (fused_qkv_c2) the three weights are `[N * D, K]`, the biases `[N * D]`.

    ```mlir
    %qkv = enc.fused_qkv %x query(@q, @q_bias) key(@k, @k_bias) value(@v, @v_bias)
        : !enc.tokens<768xf32> -> !enc.tokens<3x12x64xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$input, FlatSymbolRefAttr:$query,
                       FlatSymbolRefAttr:$key, FlatSymbolRefAttr:$value,
                       FlatSymbolRefAttr:$queryBias, FlatSymbolRefAttr:$keyBias,
                       FlatSymbolRefAttr:$valueBias,
                       OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $input `query` `(` $query `,` $queryBias `)` `key` `(` $key `,` $keyBias
    `)` `value` `(` $value `,` $valueBias `)` attr-dict `:`
    qualified(type($input)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_FusedAttentionOp
    : Enc_Op<"fused_attention", [Pure, AttrSizedResultSegments]> {
  let summary = "softmax(scale q k^T) v, heads merged";
  let description = [{
    `enc.scores`, `enc.softmax`, `enc.context` and `enc.merge_heads` on the
    parts of `qkv`. (Vaswani et al., arXiv:1706.03762, eq. 1)

    * (fused_attention_c1) qkv is `!enc.tokens<3xNxDxf>`.
    * (fused_attention_c2) the result is `!enc.tokens<N*Dxf>`.
    * (fused_attention_c3) scale is finite and positive.
    * (fused_attention_c4) with `log_sum_exp`, the logarithm of each softmax's
      denominator is a result of type `!enc.tokens<Nxf>`.
    * (fused_attention_c5) with `dropout`, the probabilities pass `enc.dropout`
      of that site and rate, of at most 4096 heads.
    * (fused_attention_c6) with `probabilities`, what `enc.softmax` computes is a
      result of type `!enc.scores<Nxf>`; not with `dropout`.

    ```mlir
    %y = enc.fused_attention %qkv, %offsets scale 0.125
        : !enc.tokens<3x12x64xf32> -> !enc.tokens<768xf32>
    ```
  }];
  let arguments = Enc_WithDropout<
      (ins Enc_TokensType:$qkv, Enc_OffsetsType:$offsets),
      (ins F64Attr:$scale)>.arguments;
  let results = (outs Enc_TokensType:$result,
                      Optional<Enc_TokensType>:$logSumExp,
                      Optional<Enc_ScoresType>:$probabilities);
  let assemblyFormat = [{
    $qkv `,` $offsets `scale` $scale
    (`dropout` `(` $random^ `,` `site` $site `,` `rate` $rate `)`)?
    attr-dict `:` qualified(type($qkv)) `->` qualified(type($result))
    (`log_sum_exp` qualified(type($logSumExp))^)?
    (`probabilities` qualified(type($probabilities))^)?
  }];
  let builders = [OpBuilder<(ins "Value":$qkv, "Value":$offsets,
                                 "FloatAttr":$scale, "bool":$probabilities,
                                 "Attribute":$plan)>];
  let extraClassDeclaration = [{
    /// Of the first result.
    Type getType() { return getResult().getType(); }
  }];
  let hasVerifier = 1;
}

def Enc_FusedLinearAddNormOp
    : Enc_WeightedOp<"fused_linear_add_norm",
                     [InferTypeOpAdaptorWithIsCompatible]> {
  let summary = "layer_norm(linear(x) + residual)";
  let description = [{
    * (fused_linear_add_norm_c1) the input is `!enc.tokens<Kxf>`, residual and
      result are `!enc.tokens<Nxf>`.
    * (fused_linear_add_norm_c2) the weight is `[N, K]`; bias, gain and norm
      bias are `[N]`.
    * (fused_linear_add_norm_c3) epsilon is finite and positive.
    * (fused_linear_add_norm_c4) with `sum`, the input of the norm is a result of
      the type of the first.
    * (fused_linear_add_norm_c5) with `dropout`, the linear layer's result passes
      `enc.dropout` of that site and rate.

    ```mlir
    %y = enc.fused_linear_add_norm %x, %residual weight(@w) bias(@b) gain(@gain)
        norm_bias(@norm_bias) epsilon 1.0e-12
        : !enc.tokens<3072xf32>, !enc.tokens<768xf32> -> !enc.tokens<768xf32>
    ```
  }];
  let arguments = Enc_WithDropout<
      (ins Enc_TokensType:$input, Enc_TokensType:$residual),
      (ins FlatSymbolRefAttr:$weight, FlatSymbolRefAttr:$bias,
           FlatSymbolRefAttr:$gain, FlatSymbolRefAttr:$normBias,
           F64Attr:$epsilon)>.arguments;
  let results = (outs Enc_TokensType:$result, Optional<Enc_TokensType>:$sum);
  let assemblyFormat = [{
    $input `,` $residual `weight` `(` $weight `)` `bias` `(` $bias `)` `gain`
    `(` $gain `)` `norm_bias` `(` $normBias `)` `epsilon` $epsilon
    (`dropout` `(` $random^ `,` `site` $site `,` `rate` $rate `)`)? attr-dict
    `:` qualified(type($input)) `,` qualified(type($residual)) `->`
    qualified(type($result)) (`sum` qualified(type($sum))^)?
  }];
  let builders = [OpBuilder<(ins "Value":$input, "Value":$residual,
                                 "FlatSymbolRefAttr":$weight,
                                 "FlatSymbolRefAttr":$bias,
                                 "FlatSymbolRefAttr":$gain,
                                 "FlatSymbolRefAttr":$normBias,
                                 "FloatAttr":$epsilon, "Attribute":$plan), [{
    build($_builder, $_state, input, residual, Value(), weight, bias, gain,
          normBias, epsilon, IntegerAttr(), FloatAttr(), plan);
  }]>];
  let extraClassDeclaration = [{
    /// Of the first result.
    Type getType() { return getResult().getType(); }
  }];
  let hasVerifier = 1;
}

def Enc_FusedFeedForwardOp
    : Enc_WeightedOp<"fused_feed_forward", [AllTypesMatch<["input", "result"]>,
                                            AttrSizedResultSegments]> {
  let summary = "layer_norm(linear(activation(linear(x))) + x)";
  let description = [{
    The feed-forward block with its residual and norm.

    * (fused_feed_forward_c1) the input is tokens of one dimension H.
    * (fused_feed_forward_c2) up is `[I, H]`, its bias `[I]`, down `[H, I]`, its
      bias, gain and norm bias `[H]`.
    * (fused_feed_forward_c3) epsilon is finite and positive.
    * (fused_feed_forward_c4) with `sum`, the input of the norm is a result of
      the type of the first; with `up`, the input of the activation is one of
      type `!enc.tokens<Ixf>`.
    * (fused_feed_forward_c5) with `dropout`, the second linear layer's result
      passes `enc.dropout` of that site and rate.

    ```mlir
    %y = enc.fused_feed_forward %x activation(gelu) up(@up, @up_bias)
        down(@down, @down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 1.0e-12
        : !enc.tokens<768xf32>
    ```
  }];
  let arguments = Enc_WithDropout<
      (ins Enc_TokensType:$input),
      (ins Enc_ActivationAttr:$activation, FlatSymbolRefAttr:$up,
           FlatSymbolRefAttr:$upBias, FlatSymbolRefAttr:$down,
           FlatSymbolRefAttr:$downBias, FlatSymbolRefAttr:$gain,
           FlatSymbolRefAttr:$normBias, F64Attr:$epsilon)>.arguments;
  let results = (outs Enc_TokensType:$result, Optional<Enc_TokensType>:$sum,
                      Optional<Enc_TokensType>:$upResult);
  let assemblyFormat = [{
    $input `activation` `(` custom<Activation>($activation) `)` `up` `(` $up `,` $upBias `)` `down`
    `(` $down `,` $downBias `)` `gain` `(` $gain `)` `norm_bias` `(` $normBias
    `)` `epsilon` $epsilon
    (`dropout` `(` $random^ `,` `site` $site `,` `rate` $rate `)`)? attr-dict `:`
    qualified(type($input)) (`sum` qualified(type($sum))^)?
    (`up` qualified(type($upResult))^)?
  }];
  let extraClassDeclaration = [{
    /// Of the first result.
    Type getType() { return getResult().getType(); }
  }];
  let hasVerifier = 1;
}

#endif // BERTC_DIALECTS_ENC_IR_ENCFUSEDOPS_TD
