//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fusion passes, the contract that closes the fused stage, and the backward pass.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_TRANSFORMS_PASSES_TD
#define BERTC_DIALECTS_ENC_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

class FusionPass<string passName> : Pass<passName, "::mlir::func::FuncOp"> {
  let dependentDialects = ["::mlir::enc::EncDialect"];
  let options = [
    Option<"require", "require", "bool", "false",
           "a missed fusion, or none at all, is an error">
  ];
}

def FuseEmbeddingsPass : FusionPass<"enc-fuse-embeddings"> {
  let summary = "sum of three embeddings and its norm to one op";
  let description = [{
    ```mlir
    %0 = enc.embed %ids table(@word)
    %1 = enc.embed %types table(@type)
    %2 = enc.add %0, %1
    %3 = enc.embed %positions table(@position)
    %4 = enc.add %2, %3
    %5 = enc.layer_norm %4 ...
    // becomes
    %5 = enc.fused_embed_norm %ids, %types, %positions ...
    ```
    Missed when there are not three tables in that order of additions, or when
    an intermediate value has another use.
  }];
}

def FuseQKVPass : FusionPass<"enc-fuse-qkv"> {
  let summary = "query, key and value projections to one op";
  let description = [{
    Three `enc.linear` + `enc.split_heads` that feed one attention become
    `enc.fused_qkv` and three `enc.part` views. Missed when they read different
    values, have no bias, lie outside of the attention's block, are not split
    into the same heads, or have other uses.
  }];
}

def FuseAttentionPass : FusionPass<"enc-fuse-attention"> {
  let summary = "scores, softmax, context and merged heads to one op";
  let description = [{
    Runs after `enc-fuse-qkv`. Dropout of the probabilities becomes a part of
    the op. Missed when query, key and value are not the
    parts of one `enc.fused_qkv`, when scores and context use other offsets, or
    when scores or probabilities have another use.
  }];
}

def FuseLinearAddNormPass : FusionPass<"enc-fuse-linear-add-norm"> {
  let summary = "linear layer, residual sum and norm to one op";
  let description = [{
    `enc.layer_norm(enc.add(enc.linear(x), residual))` on tokens, with dropout of
    the linear layer's result or without. Missed when the linear layer has no bias
    or is in another block, or when it, its dropout or the sum has another use.
  }];
}

def FuseFeedForwardPass : FusionPass<"enc-fuse-feed-forward"> {
  let summary = "both linear layers of a feed-forward block to one op";
  let description = [{
    Runs after `enc-fuse-linear-add-norm`: a linear layer and an activation
    before an `enc.fused_linear_add_norm` whose residual is the first layer's
    input. Missed when the residual is another value, when the first layer has
    no bias or is in another block, or when an intermediate value has another
    use.
  }];
}

def VerifyFusedPass : Pass<"enc-verify-fused", "::mlir::func::FuncOp"> {
  let summary = "the contract of the fused stage";
  let description = [{
    Only `enc` ops with a kernel, on f32 rows, may remain. Each other op is an
    error: attention in parts, views of heads, ops of other dialects. With
    `training`, losses, dropout, labels and random may remain too.
  }];
  let options = [
    Option<"training", "training", "bool", "false",
           "the function will get a backward pass">
  ];
}

def GenerateBackwardPass : Pass<"enc-generate-backward", "::mlir::ModuleOp"> {
  let summary = "a function that computes a loss and all gradients";
  let description = [{
    Adds `@train` to a module whose fused `@forward` returns a loss: the forward
    pass with the values saved that the backward pass reads, then the ops of the
    forward pass in reverse, each by its entry in the table of backward rules.
    Gradients of weights are added to, as an effect; arguments and results are
    those of `@forward`.

    ```mlir
    %last = enc.layers 12 (%h = %x) { ... }
    %logits = enc.linear %last weight(@w) bias(@b)
    %loss = enc.cross_entropy %logits, %labels
    return %loss
    // becomes
    %last, %stack... = enc.layers 12 (%h = %x) { ... enc.yield %n saving ... }
    %logits = enc.linear %last weight(@w) bias(@b)
    %loss = enc.cross_entropy %logits, %labels
    %d0 = enc.cross_entropy_gradient %logits, %labels
    enc.linear_weight_gradient %d0, %last weight(@w) bias(@b) into [@w, @b]
    %d1 = enc.linear_input_gradient %d0 weight(@w)
    %d2 = enc.layers_backward 12 (%d = %d1) saved(%s = %stack...) { ... }
    return %loss
    ```
    What is frozen has no gradient ops, and the walk ends where nothing that
    learns lies behind. A loop whose layers do not all learn the same is split
    into one for each range that does.

    With `activation-memory`, what layers save is given up until it fits, cheapest
    first: outputs of norms, inputs of activations, projections of attention, then
    all but the input of each layer; that is computed again in the backward loop.
  }];
  let dependentDialects = ["::mlir::enc::EncDialect"];
  let options = [
    Option<"function", "function", "std::string", "\"forward\"",
           "the function to differentiate">,
    ListOption<"freeze", "freeze", "std::string",
               "what does not learn: embeddings, encoder, layers[0-5], regular "
               "expressions for names of weights">,
    Option<"activationMemory", "activation-memory", "int64_t", "0",
           "bytes a token that layers may save; 0 for no limit">
  ];
}

def VerifyBackwardPass : Pass<"enc-verify-backward", "::mlir::func::FuncOp"> {
  let summary = "the contract of the backward stage";
  let description = [{
    Only fused forward ops, losses, dropout and gradients, on f32, may remain.
    Each other op is an error.
  }];
}

#endif // BERTC_DIALECTS_ENC_TRANSFORMS_PASSES_TD
