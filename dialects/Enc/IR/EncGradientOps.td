//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients, at the grain at which one kernel computes them. `gradient` is
// always the gradient of the forward op's result. Weights are symbols, and so
// are their gradients: an op reads the weights that it names as its forward op
// does, and adds to the gradients of those in `into`, which is an effect.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCGRADIENTOPS_TD
#define BERTC_DIALECTS_ENC_IR_ENCGRADIENTOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"

/// An op that adds to gradients of weights.
class Enc_AccumulatingOp<string mnemonic, list<Trait> traits = []>
    : Enc_Op<mnemonic, traits # [
          DeclareOpInterfaceMethods<SymbolUserOpInterface>,
          DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

def Enc_LayersBackwardOp : Enc_Op<"layers_backward", [
    SingleBlock, AutomaticAllocationScope, RecursiveMemoryEffects]> {
  let summary = "the trips of enc.layers, last to first";
  let description = [{
    Runs the body for the trips to - 1 down to `from` on the carried gradient.
    Each of `saved` is a stack of `enc.layers` of the same trips; the body sees
    its own trip's rows.

    * (layers_backward_c1) the trip count is 1 to 1000, and
      0 <= from < to <= trip_count.
    * (layers_backward_c2) each stack has to - from entries.
    * (layers_backward_c3) the body has an argument of the type of `init`, then
      one of each stack's rows.
    * (layers_backward_c4) the body yields one value of the type of `init`, which
      is also that of the result, and saves none.
    * (layers_backward_c5) loops do not nest.

    ```mlir
    %dx = enc.layers_backward 12 from 6 (%h = %dy) saved(%u = %stack) : !enc.tokens<768xf32>, !enc.stack<6x!enc.tokens<768xf32>> {
      %0 = enc.activation_gradient %h, %u activation(gelu) : !enc.tokens<768xf32>
      enc.yield %0 : !enc.tokens<768xf32>
    }
    ```
  }];
  let arguments = (ins Enc_TokensType:$init, Variadic<Enc_StackType>:$saved,
                       I64Attr:$tripCount, OptionalAttr<I64Attr>:$from,
                       OptionalAttr<I64Attr>:$to);
  let results = (outs Enc_TokensType:$result);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The trips that run: [first, end) of getTripCount().
    int64_t getFirstTrip() { return getFrom().value_or(0); }
    int64_t getEndTrip() { return getTo().value_or(getTripCount()); }
  }];
}

//===----------------------------------------------------------------------===//
// Embeddings, linear layers, norms
//===----------------------------------------------------------------------===//

def Enc_EmbedGradientOp : Enc_AccumulatingOp<"embed_gradient"> {
  let summary = "rows added to a table's gradient";
  let description = [{
    `dtable[ids[t], :] += dy[t, :]`, in rising order of t for each row.

    * (embed_gradient_c1) ids are `!enc.tokens<i32>`.
    * (embed_gradient_c2) the table is `tensor<rows x H x f>`, the gradient
      `!enc.tokens<Hxf>`.
    * (embed_gradient_c3) `into` is the table.

    ```mlir
    enc.embed_gradient %dy, %ids table(@word) into [@word]
        : !enc.tokens<768xf32>, !enc.tokens<i32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$gradient, Enc_TokensType:$ids,
                       FlatSymbolRefAttr:$table, FlatSymbolRefArrayAttr:$into,
                       OptionalAttr<AnyAttr>:$plan);
  let assemblyFormat = [{
    $gradient `,` $ids `table` `(` $table `)` `into` $into attr-dict `:`
    qualified(type($gradient)) `,` qualified(type($ids))
  }];
}

def Enc_LinearInputGradientOp : Enc_WeightedOp<"linear_input_gradient"> {
  let summary = "dy W";
  let description = [{
    `dx[r, k] = sum_n dy[r, n] * weight[n, k]`, plus `plus[r, k]` when given: the
    gradient that the input has from its other uses.

    * (linear_input_gradient_c1) gradient and result are rows of one dimension,
      both of tokens or both of sequences.
    * (linear_input_gradient_c2) the weight is `[N, K]`.
    * (linear_input_gradient_c3) `plus` has the type of the result.

    ```mlir
    %dx = enc.linear_input_gradient %dy weight(@up) : !enc.tokens<3072xf32> -> !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_Rows:$gradient, Optional<Enc_Rows>:$plus,
                       FlatSymbolRefAttr:$weight, OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_Rows:$result);
  let assemblyFormat = [{
    $gradient (`plus` $plus^ `:` qualified(type($plus)))? `weight` `(` $weight
    `)` attr-dict `:` qualified(type($gradient)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_LinearWeightGradientOp : Enc_AccumulatingOp<"linear_weight_gradient"> {
  let summary = "dy^T x, and column sums of dy";
  let description = [{
    `dweight[n, k] += sum_r dy[r, n] * x[r, k]`, `dbias[n] += sum_r dy[r, n]`,
    for those of `into`, in an order of the rows r that depends on their number
    only.

    * (linear_weight_gradient_c1) gradient and input are rows of one dimension,
      both of tokens or both of sequences.
    * (linear_weight_gradient_c2) the weight is `[N, K]`, the bias `[N]`.
    * (linear_weight_gradient_c3) `into` holds weight, bias or both.
    * (linear_weight_gradient_c4) the input is given exactly when the weight is
      in `into`.

    ```mlir
    enc.linear_weight_gradient %dy, %x weight(@up) bias(@up_bias) into [@up, @up_bias]
        : !enc.tokens<3072xf32>, !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_Rows:$gradient, Optional<Enc_Rows>:$input,
                       FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$bias,
                       FlatSymbolRefArrayAttr:$into,
                       OptionalAttr<AnyAttr>:$plan);
  let assemblyFormat = [{
    $gradient (`,` $input^)? `weight` `(` $weight `)` (`bias` `(` $bias^ `)`)?
    `into` $into attr-dict `:` qualified(type($gradient))
    (`,` qualified(type($input))^)?
  }];
}

def Enc_LayerNormGradientOp
    : Enc_AccumulatingOp<"layer_norm_gradient", [SameOperandsAndResultType]> {
  let summary = "gradient of layer normalisation";
  let description = [{
    With `n = (x - mean) / sqrt(var + epsilon)` of the forward op's input x and
    `g = gain * dy`: `dx = (g - mean(g) - n mean(g n)) / sqrt(var + epsilon)`,
    `dgain += sum_r dy n`, `dbias += sum_r dy`, for those of `into`. Mean and
    variance are computed again: x is read anyway.

    * (layer_norm_gradient_c1) rows of one dimension.
    * (layer_norm_gradient_c2) gain and bias are `[H]`.
    * (layer_norm_gradient_c3) epsilon is finite and positive.
    * (layer_norm_gradient_c4) `into` holds gain, bias, both or nothing.

    ```mlir
    %dx = enc.layer_norm_gradient %dy, %x gain(@gain) bias(@bias) epsilon 1.0e-12
        into [@gain, @bias] : !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_Rows:$gradient, Enc_Rows:$input,
                       FlatSymbolRefAttr:$gain, FlatSymbolRefAttr:$bias,
                       F64Attr:$epsilon, FlatSymbolRefArrayAttr:$into,
                       OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_Rows:$result);
  let assemblyFormat = [{
    $gradient `,` $input `gain` `(` $gain `)` `bias` `(` $bias `)` `epsilon`
    $epsilon `into` $into attr-dict `:` qualified(type($gradient))
  }];
}

def Enc_FusedEmbedNormGradientOp
    : Enc_AccumulatingOp<"fused_embed_norm_gradient"> {
  let summary = "gradients of three tables and their norm";
  let description = [{
    `enc.layer_norm_gradient` of the sum of embeddings, which is gathered again,
    then `enc.embed_gradient` into each table of `into`.

    * (fused_embed_norm_gradient_c1) ids, types and positions are `!enc.tokens<i32>`.
    * (fused_embed_norm_gradient_c2) the tables are `[rows, H]`, gain and bias
      `[H]`, the gradient `!enc.tokens<Hxf>`.
    * (fused_embed_norm_gradient_c3) epsilon is finite and positive.
    * (fused_embed_norm_gradient_c4) `into` holds some of the five.

    ```mlir
    enc.fused_embed_norm_gradient %dy, %ids, %types, %positions word(@word)
        type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0e-12
        into [@word, @type, @position, @gain, @bias]
        : !enc.tokens<768xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$gradient, Enc_TokensType:$ids,
                       Enc_TokensType:$types, Enc_TokensType:$positions,
                       FlatSymbolRefAttr:$wordTable,
                       FlatSymbolRefAttr:$typeTable,
                       FlatSymbolRefAttr:$positionTable,
                       FlatSymbolRefAttr:$gain, FlatSymbolRefAttr:$bias,
                       F64Attr:$epsilon, FlatSymbolRefArrayAttr:$into,
                       OptionalAttr<AnyAttr>:$plan);
  let assemblyFormat = [{
    $gradient `,` $ids `,` $types `,` $positions `word` `(` $wordTable `)` `type`
    `(` $typeTable `)` `position` `(` $positionTable `)` `gain` `(` $gain `)`
    `bias` `(` $bias `)` `epsilon` $epsilon `into` $into attr-dict `:`
    qualified(type($gradient)) `,` qualified(type($ids)) `,`
    qualified(type($types)) `,` qualified(type($positions))
  }];
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Enc_AttentionGradientOp : Enc_Op<"attention_gradient", [
    Pure, AllTypesMatch<["qkv", "result"]>, AllTypesMatch<["gradient", "output"]>]> {
  let summary = "gradient of query, key and value";
  let description = [{
    With `p = exp(scale q k^T - log_sum_exp)`, the dropout of the forward op
    written `m` (1 without) and `d = sum(dy * y)` over each head of a row:
    `dp = m (dy v^T)`, `ds = scale p (dp - d)`, `dq = ds k`, `dk = ds^T q`,
    `dv = (m p)^T dy`. No matrix over pairs of tokens is stored. (Dao,
    arXiv:2307.08691)

    * (attention_gradient_c1) qkv is `!enc.tokens<3xNxDxf>`.
    * (attention_gradient_c2) the gradient is `!enc.tokens<N*Dxf>`.
    * (attention_gradient_c3) log_sum_exp is `!enc.tokens<Nxf>`.
    * (attention_gradient_c4) scale is finite and positive.
    * (attention_gradient_c5) `dropout` is as in `enc.fused_attention`.

    ```mlir
    %dqkv = enc.attention_gradient %dy, %y, %qkv, %log_sum_exp, %offsets scale 0.125
        : !enc.tokens<768xf32>, !enc.tokens<768xf32>, !enc.tokens<3x12x64xf32>, !enc.tokens<12xf32>
    ```
  }];
  let arguments = Enc_WithDropout<
      (ins Enc_TokensType:$gradient, Enc_TokensType:$output, Enc_TokensType:$qkv,
           Enc_TokensType:$logSumExp, Enc_OffsetsType:$offsets),
      (ins F64Attr:$scale)>.arguments;
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $gradient `,` $output `,` $qkv `,` $logSumExp `,` $offsets `scale` $scale
    (`dropout` `(` $random^ `,` `site` $site `,` `rate` $rate `)`)? attr-dict `:`
    qualified(type($gradient)) `,` qualified(type($output)) `,`
    qualified(type($qkv)) `,` qualified(type($logSumExp))
  }];
  let hasVerifier = 1;
}

def Enc_FusedQKVInputGradientOp : Enc_WeightedOp<"fused_qkv_input_gradient"> {
  let summary = "sum of the input gradients of three linear layers";
  let description = [{
    `dx = dq Wq + dk Wk + dv Wv`, plus `plus` when given.

    * (fused_qkv_input_gradient_c1) the gradient is `!enc.tokens<3xNxDxf>`, the
      result `!enc.tokens<Kxf>`.
    * (fused_qkv_input_gradient_c2) the three weights are `[N * D, K]`.
    * (fused_qkv_input_gradient_c3) `plus` has the type of the result.

    ```mlir
    %dx = enc.fused_qkv_input_gradient %dqkv query(@q) key(@k) value(@v)
        : !enc.tokens<3x12x64xf32> -> !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$gradient, Optional<Enc_TokensType>:$plus,
                       FlatSymbolRefAttr:$query, FlatSymbolRefAttr:$key,
                       FlatSymbolRefAttr:$value, OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $gradient (`plus` $plus^ `:` qualified(type($plus)))? `query` `(` $query `)`
    `key` `(` $key `)` `value` `(` $value `)` attr-dict `:`
    qualified(type($gradient)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_FusedQKVWeightGradientOp
    : Enc_AccumulatingOp<"fused_qkv_weight_gradient"> {
  let summary = "weight gradients of three linear layers";
  let description = [{
    `enc.linear_weight_gradient` of query, key and value, for those of `into`.

    * (fused_qkv_weight_gradient_c1) the gradient is `!enc.tokens<3xNxDxf>`, the
      input `!enc.tokens<Kxf>`.
    * (fused_qkv_weight_gradient_c2) the three weights are `[N * D, K]`, the
      biases `[N * D]`.
    * (fused_qkv_weight_gradient_c3) `into` holds some of the six.
    * (fused_qkv_weight_gradient_c4) the input is given exactly when a weight
      other than a bias is in `into`.

    ```mlir
    enc.fused_qkv_weight_gradient %dqkv, %x query(@q, @q_bias) key(@k, @k_bias)
        value(@v, @v_bias) into [@q, @k, @v, @q_bias, @k_bias, @v_bias]
        : !enc.tokens<3x12x64xf32>, !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$gradient, Optional<Enc_TokensType>:$input,
                       FlatSymbolRefAttr:$query, FlatSymbolRefAttr:$key,
                       FlatSymbolRefAttr:$value, FlatSymbolRefAttr:$queryBias,
                       FlatSymbolRefAttr:$keyBias, FlatSymbolRefAttr:$valueBias,
                       FlatSymbolRefArrayAttr:$into,
                       OptionalAttr<AnyAttr>:$plan);
  let assemblyFormat = [{
    $gradient (`,` $input^)? `query` `(` $query `,` $queryBias `)` `key` `(` $key
    `,` $keyBias `)` `value` `(` $value `,` $valueBias `)` `into` $into attr-dict
    `:` qualified(type($gradient)) (`,` qualified(type($input))^)?
  }];
}

//===----------------------------------------------------------------------===//
// Elementwise and sequences
//===----------------------------------------------------------------------===//

def Enc_ActivationGradientOp
    : Enc_Op<"activation_gradient", [Pure, SameOperandsAndResultType]> {
  let summary = "gradient of an activation";
  let description = [{
    `dx = dy f'(x)`; the slope of relu at 0 is 0.

    * (activation_gradient_c1) rows of one dimension of floats.

    ```mlir
    %dx = enc.activation_gradient %dy, %x activation(tanh) : !enc.sequences<768xf32>
    ```
  }];
  let arguments = (ins Enc_Rows:$gradient, Enc_Rows:$input,
                       Enc_ActivationAttr:$activation);
  let results = (outs Enc_Rows:$result);
  let assemblyFormat = [{
    $gradient `,` $input `activation` `(` custom<Activation>($activation) `)`
    attr-dict `:` qualified(type($gradient))
  }];
  let hasVerifier = 1;
}

def Enc_FusedActivationGradientOp
    : Enc_WeightedOp<"fused_activation_gradient", [AllTypesMatch<["up", "result"]>]> {
  let summary = "gradient between the linear layers of a feed-forward";
  let description = [{
    `enc.linear_input_gradient` of the second linear layer, then
    `enc.activation_gradient` of the activation between the two, whose input is
    `up`. With `activated`, the activation of `up` is a result too: the weight
    gradient of the second layer reads it, and it was never stored.

    * (fused_activation_gradient_c1) gradient and up are tokens of one dimension.
    * (fused_activation_gradient_c2) the weight is `[H, I]`.
    * (fused_activation_gradient_c3) `activated` has the type of up.

    ```mlir
    %du, %a = enc.fused_activation_gradient %dy, %u activation(gelu) down(@down)
        : !enc.tokens<768xf32>, !enc.tokens<3072xf32> activated !enc.tokens<3072xf32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$gradient, Enc_TokensType:$up,
                       Enc_ActivationAttr:$activation, FlatSymbolRefAttr:$down,
                       OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_TokensType:$result, Optional<Enc_TokensType>:$activated);
  let assemblyFormat = [{
    $gradient `,` $up `activation` `(` custom<Activation>($activation) `)` `down`
    `(` $down `)` attr-dict `:` qualified(type($gradient)) `,`
    qualified(type($up)) (`activated` qualified(type($activated))^)?
  }];
  let hasVerifier = 1;
}

def Enc_PoolGradientOp : Enc_Op<"pool_gradient", [Pure]> {
  let summary = "gradient of pooling";
  let description = [{
    Over the tokens t of sequence i, cls: `dx[first] = dy[i]`, others 0; mean:
    `dx[t] = dy[i] / s_i`; mean_sqrt_len: `dx[t] = dy[i] / sqrt(s_i)`; max:
    `dx[t] = dy[i]` for the first t with the largest `x[t]`, others 0, column by
    column.

    * (pool_gradient_c1) `!enc.sequences<Hxf>` becomes `!enc.tokens<Hxf>`.
    * (pool_gradient_c2) the input is given exactly for max, with the type of the
      result.

    ```mlir
    %dx = enc.pool_gradient mean %dy, %offsets : !enc.sequences<384xf32> -> !enc.tokens<384xf32>
    ```
  }];
  let arguments = (ins Enc_SequencesType:$gradient, Optional<Enc_TokensType>:$input,
                       Enc_OffsetsType:$offsets, Enc_PoolModeAttr:$mode,
                       OptionalAttr<AnyAttr>:$plan);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    custom<PoolMode>($mode) $gradient `,` $offsets
    (`input` $input^ `:` qualified(type($input)))? attr-dict `:`
    qualified(type($gradient)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Enc_NormalizeGradientOp
    : Enc_Op<"normalize_gradient", [Pure, SameOperandsAndResultType]> {
  let summary = "gradient of unit length";
  let description = [{
    With `n = max(|x|_2, 1e-12)` and `y = x / n`: `dx = (dy - y (y . dy)) / n`,
    and `dy / n` for a row shorter than 1e-12.

    * (normalize_gradient_c1) rows of one dimension of floats.

    ```mlir
    %dx = enc.normalize_gradient %dy, %x : !enc.sequences<384xf32>
    ```
  }];
  let arguments = (ins Enc_SequencesType:$gradient, Enc_SequencesType:$input);
  let results = (outs Enc_SequencesType:$result);
  let assemblyFormat = [{
    $gradient `,` $input attr-dict `:` qualified(type($gradient))
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Losses: the gradient of the loss is 1, so they take none
//===----------------------------------------------------------------------===//

def Enc_CrossEntropyGradientOp
    : Enc_Op<"cross_entropy_gradient", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "gradient of enc.cross_entropy";
  let description = [{
    `dx[r, j] = (softmax(x[r])[j] - (j == labels[r])) / count` for the rows that
    count, 0 for others.

    * (cross_entropy_gradient_c1) the logits are rows of one dimension of floats.
    * (cross_entropy_gradient_c2) the labels are i32, one a row of the same kind.

    ```mlir
    %dx = enc.cross_entropy_gradient %x, %labels : !enc.sequences<2xf32>, !enc.sequences<i32>
    ```
  }];
  let arguments = (ins Enc_Rows:$input, Enc_Rows:$labels);
  let results = (outs Enc_Rows:$result);
  let assemblyFormat = [{
    $input `,` $labels attr-dict `:` qualified(type($input)) `,`
    qualified(type($labels))
  }];
  let hasVerifier = 1;
}

class Enc_PointwiseLossGradientOp<string loss, string formula>
    : Enc_Op<loss # "_gradient", [Pure, SameOperandsAndResultType]> {
  let summary = "gradient of enc." # loss;
  let description = "`" # formula # "`, of all elements.\n\n* (" # loss #
      "_gradient_c1) predictions and labels are rows of one dimension of floats, "
      "of one type.\n\n```mlir\n%dx = enc." # loss # "_gradient %x, %labels : "
      "!enc.sequences<4xf32>\n```";
  let arguments = (ins Enc_Rows:$input, Enc_Rows:$labels);
  let results = (outs Enc_Rows:$result);
  let assemblyFormat = [{
    $input `,` $labels attr-dict `:` qualified(type($input))
  }];
  let hasVerifier = 1;
}

def Enc_MseGradientOp
    : Enc_PointwiseLossGradientOp<"mse", "2 (x - label) / count">;
def Enc_BinaryCrossEntropyGradientOp
    : Enc_PointwiseLossGradientOp<"binary_cross_entropy",
                                  "(1 / (1 + exp(-x)) - label) / count">;

def Enc_SpanLossGradientOp
    : Enc_Op<"span_loss_gradient", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "gradient of enc.span_loss";
  let description = [{
    Half of `enc.cross_entropy_gradient` of each column, over the tokens of each
    sequence whose label counts.

    * (span_loss_gradient_c1) the logits are `!enc.tokens<2xf>`.
    * (span_loss_gradient_c2) the labels are `!enc.sequences<2xi32>`.

    ```mlir
    %dx = enc.span_loss_gradient %x, %labels, %offsets : !enc.tokens<2xf32>, !enc.sequences<2xi32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$input, Enc_SequencesType:$labels,
                       Enc_OffsetsType:$offsets);
  let results = (outs Enc_TokensType:$result);
  let assemblyFormat = [{
    $input `,` $labels `,` $offsets attr-dict `:` qualified(type($input)) `,`
    qualified(type($labels))
  }];
  let hasVerifier = 1;
}

#endif // BERTC_DIALECTS_ENC_IR_ENCGRADIENTOPS_TD
