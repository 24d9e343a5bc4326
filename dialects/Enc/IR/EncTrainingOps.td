//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a model has only while it learns: losses and dropout. A loss reduces the
// batch to one number, so it is the only op with a scalar result.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCTRAININGOPS_TD
#define BERTC_DIALECTS_ENC_IR_ENCTRAININGOPS_TD

def Enc_DropoutOp : Enc_Op<"dropout", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "random elements to zero, the others grown";
  let description = [{
    `y = keep ? x / (1 - rate) : 0`. Whether an element is kept depends on its
    place alone, so the backward pass asks again instead of storing a mask, and
    neither threads nor padding change it. The bits are those of Philox4x32-10
    (Salmon et al., SC 2011) with

    * key: the seed (its two halves of 32 bits);
    * counter: `column / 4`, row, `site + 256 layer + 2^20 head`, step;
    * draw `column % 4` of the four; kept if it is at least `rate * 2^32`.

    Row and column of tokens or sequences are those of the packed batch. In
    scores, the row is the query's token, the column the key's place in its
    sequence. `layer` is the trip of `enc.layers`, 0 outside. Each op has a site
    of its own in its model, and its gradient is the same op of the same site.

    * (dropout_c1) rows of one dimension of floats, or scores of floats of at
      most 4096 heads.
    * (dropout_c2) the site is 0 to 255.
    * (dropout_c3) the rate is at least 0 and below 1.

    ```mlir
    %y = enc.dropout %x, %random site 3 rate 0.1 : !enc.tokens<768xf32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Enc_TokensType, Enc_SequencesType,
                                  Enc_ScoresType]>:$input,
                       Enc_RandomType:$random, I64Attr:$site, F64Attr:$rate);
  let results = (outs AnyTypeOf<[Enc_TokensType, Enc_SequencesType,
                                 Enc_ScoresType]>:$result);
  let assemblyFormat = [{
    $input `,` $random `site` $site `rate` $rate attr-dict `:`
    qualified(type($input))
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

class Enc_LossOp<string mnemonic, list<Trait> traits = []>
    : Enc_InferredOp<mnemonic, traits> {
  let results = (outs Enc_ScalarType:$result);
  let hasVerifier = 1;
}

def Enc_CrossEntropyOp : Enc_LossOp<"cross_entropy"> {
  let summary = "how unlikely the logits make the labels";
  let description = [{
    The mean of `log(sum_j exp(x[r, j])) - x[r, labels[r]]` over the rows r whose
    label is not -100; 0 if there is none.

    * (cross_entropy_c1) the logits are rows of one dimension of floats.
    * (cross_entropy_c2) the labels are i32, one a row of the same kind.
    * (cross_entropy_c3) the result is a scalar of the logits' elements.

    ```mlir
    %loss = enc.cross_entropy %x, %labels
        : !enc.sequences<2xf32>, !enc.sequences<i32> -> !enc.scalar<f32>
    ```
  }];
  let arguments = (ins Enc_Rows:$input, Enc_Rows:$labels);
  let assemblyFormat = [{
    $input `,` $labels attr-dict `:` qualified(type($input)) `,`
    qualified(type($labels)) `->` qualified(type($result))
  }];
}

class Enc_PointwiseLossOp<string mnemonic, string text, string formula>
    : Enc_LossOp<mnemonic, [AllTypesMatch<["input", "labels"]>]> {
  let summary = text;
  let description = "The mean of `" # formula # "` over all elements.\n\n* (" #
      mnemonic # "_c1) predictions and labels are rows of one dimension of "
      "floats, of one type.\n* (" # mnemonic # "_c2) the result is a scalar of "
      "their elements.\n\n```mlir\n%loss = enc." # mnemonic # " %x, %labels "
      ": !enc.sequences<4xf32> -> !enc.scalar<f32>\n```";
  let arguments = (ins Enc_Rows:$input, Enc_Rows:$labels);
  let assemblyFormat = [{
    $input `,` $labels attr-dict `:` qualified(type($input)) `->`
    qualified(type($result))
  }];
}

def Enc_MseOp : Enc_PointwiseLossOp<"mse", "mean squared error",
                                    "(x - label)^2">;
def Enc_BinaryCrossEntropyOp
    : Enc_PointwiseLossOp<"binary_cross_entropy",
                          "each column a question of its own, answered 0 to 1",
                          "log(1 + exp(x)) - label x">;

def Enc_SpanLossOp : Enc_LossOp<"span_loss"> {
  let summary = "where an answer begins and ends";
  let description = [{
    Half the sum of two cross entropies, of the begin (column 0) and of the end
    (column 1), each over the tokens of the label's own sequence. Labels are
    places in the sequence; one that lies outside of it is ignored, and each mean
    is over what counts, 0 if nothing does.

    * (span_loss_c1) the logits are `!enc.tokens<2xf>`.
    * (span_loss_c2) the labels are `!enc.sequences<2xi32>`.
    * (span_loss_c3) the result is a scalar of the logits' elements.

    ```mlir
    %loss = enc.span_loss %x, %labels, %offsets
        : !enc.tokens<2xf32>, !enc.sequences<2xi32> -> !enc.scalar<f32>
    ```
  }];
  let arguments = (ins Enc_TokensType:$input, Enc_SequencesType:$labels,
                       Enc_OffsetsType:$offsets);
  let assemblyFormat = [{
    $input `,` $labels `,` $offsets attr-dict `:` qualified(type($input)) `,`
    qualified(type($labels)) `->` qualified(type($result))
  }];
}

#endif // BERTC_DIALECTS_ENC_IR_ENCTRAININGOPS_TD
