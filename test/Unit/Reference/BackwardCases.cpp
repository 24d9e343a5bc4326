//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cases are text with placeholders, and a weight is declared by being named, so
// that a case is as long as what it is about.
//
//===----------------------------------------------------------------------===//
#include "BackwardCases.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

namespace {

struct Weight {
  llvm::StringLiteral symbol, tensor, shape;
};

/// Layered ones have {layer} in their name.
constexpr Weight table[] = {
    {"a", "a.weight", "6x6"},
    {"ab", "a.bias", "6"},
    {"b", "b.weight", "6x6"},
    {"bb", "b.bias", "6"},
    {"head", "classifier.weight", "2x6"},
    {"head_bias", "classifier.bias", "2"},
    {"gain", "norm.weight", "6"},
    {"norm_bias", "norm.bias", "6"},
    {"up", "up.weight", "10x6"},
    {"up_bias", "up.bias", "10"},
    {"down", "down.weight", "6x10"},
    {"down_bias", "down.bias", "6"},
    {"q", "q.weight", "6x6"},
    {"qb", "q.bias", "6"},
    {"k", "k.weight", "6x6"},
    {"kb", "k.bias", "6"},
    {"v", "v.weight", "6x6"},
    {"vb", "v.bias", "6"},
    {"word", "embeddings.word.weight", "7x6"},
    {"type", "embeddings.type.weight", "2x6"},
    {"position", "embeddings.position.weight", "5x6"},
    {"lq", "encoder.layer.{layer}.q.weight", "6x6"},
    {"lqb", "encoder.layer.{layer}.q.bias", "6"},
    {"lk", "encoder.layer.{layer}.k.weight", "6x6"},
    {"lkb", "encoder.layer.{layer}.k.bias", "6"},
    {"lv", "encoder.layer.{layer}.v.weight", "6x6"},
    {"lvb", "encoder.layer.{layer}.v.bias", "6"},
    {"lo", "encoder.layer.{layer}.out.weight", "6x6"},
    {"lob", "encoder.layer.{layer}.out.bias", "6"},
    {"lg", "encoder.layer.{layer}.norm1.weight", "6"},
    {"lgb", "encoder.layer.{layer}.norm1.bias", "6"},
    {"lu", "encoder.layer.{layer}.up.weight", "10x6"},
    {"lub", "encoder.layer.{layer}.up.bias", "10"},
    {"ld", "encoder.layer.{layer}.down.weight", "6x10"},
    {"ldb", "encoder.layer.{layer}.down.bias", "6"},
    {"lh", "encoder.layer.{layer}.norm2.weight", "6"},
    {"lhb", "encoder.layer.{layer}.norm2.bias", "6"},
};

std::string replaceAll(std::string text, llvm::StringRef from,
                       llvm::StringRef to) {
  for (size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string expand(std::string text) {
  text = replaceAll(text, "$T", "!enc.tokens<6xf32>");
  text = replaceAll(text, "$S", "!enc.sequences<6xf32>");
  text = replaceAll(text, "$I", "!enc.tokens<i32>");
  text = replaceAll(text, "$Q", "!enc.tokens<3x2x3xf32>");
  return replaceAll(text, "$L", "!enc.scalar<f32>");
}

} // namespace

std::string BackwardCase::module() const {
  std::string text;
  for (const Weight &weight : table)
    if (body.find("@" + weight.symbol.str() + ")") != std::string::npos ||
        body.find("@" + weight.symbol.str() + ",") != std::string::npos)
      text += "enc.weight " +
              std::string(weight.tensor.contains('{') ? "layers 3 @" : "@") +
              weight.symbol.str() + " = \"" + weight.tensor.str() +
              "\" : tensor<" + weight.shape.str() + "xf32>\n";
  return text +
         expand("func.func @forward(%x: $T, %ids: $I, %offsets: !enc.offsets, "
                "%random: !enc.random" +
                arguments + ") -> $L {\n" + body + "\nreturn %loss : $L\n}\n");
}

/// The case `middle`, which makes %y of %h, between a linear layer and a loss.
static BackwardCase around(std::string name, std::string middle) {
  return {name, ", %labels: $T",
          "%h = enc.linear %x weight(@a) bias(@ab) : $T -> $T\n" + middle +
              "\n%loss = enc.mse %y, %labels : $T -> $L"};
}

/// Of one encoder layer.
static std::string layer(std::string activation, bool dropout) {
  auto drop = [&](int site) {
    return dropout
               ? " dropout(%random, site " + llvm::utostr(site) + ", rate 0.25)"
               : "";
  };
  return "%qkv = enc.fused_qkv %h query(@lq, @lqb) key(@lk, @lkb) "
         "value(@lv, @lvb) : $T -> $Q\n"
         "%m = enc.fused_attention %qkv, %offsets scale 0.5" +
         drop(1) +
         " : $Q -> $T\n"
         "%s = enc.fused_linear_add_norm %m, %h weight(@lo) bias(@lob) "
         "gain(@lg) norm_bias(@lgb) epsilon 1.0e-5" +
         drop(2) +
         " : $T, $T -> $T\n"
         "%n = enc.fused_feed_forward %s activation(" +
         activation +
         ") up(@lu, @lub) down(@ld, @ldb) gain(@lh) norm_bias(@lhb) "
         "epsilon 1.0e-5" +
         drop(3) +
         " : $T\n"
         "enc.yield %n : $T\n";
}

/// Embeddings, three layers, a pooled classifier.
static BackwardCase encoder(std::string name, bool dropout) {
  return {name, ", %types: $I, %positions: $I, %labels: !enc.sequences<i32>",
          "%e = enc.fused_embed_norm %ids, %types, %positions word(@word) "
          "type(@type) position(@position) gain(@gain) bias(@norm_bias) "
          "epsilon 1.0e-5 : $I, $I, $I -> $T\n"
          "%last = enc.layers 3 (%h = %e) : $T {\n" +
              layer("gelu", dropout) +
              "}\n"
              "%c = enc.pool cls %last, %offsets : $T -> $S\n"
              "%p = enc.linear %c weight(@a) bias(@ab) : $S -> $S\n"
              "%t = enc.tanh %p : $S\n"
              "%logits = enc.linear %t weight(@head) bias(@head_bias) : $S -> "
              "!enc.sequences<2xf32>\n"
              "%loss = enc.cross_entropy %logits, %labels : "
              "!enc.sequences<2xf32>, !enc.sequences<i32> -> $L"};
}

static void addUnfused(std::vector<BackwardCase> &cases) {
  for (std::string name : {"gelu", "gelu_tanh", "relu", "silu", "tanh"})
    cases.push_back(around(name, "%y = enc." + name + " %h : $T"));
  cases.push_back(
      around("linear", "%y = enc.linear %h weight(@b) bias(@bb) : $T -> $T"));
  cases.push_back(around("linear_without_bias",
                         "%y = enc.linear %h weight(@b) : $T -> $T"));
  cases.push_back(around("add", "%g = enc.tanh %h : $T\n"
                                "%f = enc.add %g, %h : $T\n"
                                "%y = enc.add %f, %f : $T"));
  cases.push_back(around("layer_norm", "%y = enc.layer_norm %h gain(@gain) "
                                       "bias(@norm_bias) epsilon 1.0e-3 : $T"));
  cases.push_back(
      around("dropout", "%y = enc.dropout %h, %random site 9 rate 0.5 : $T"));
  cases.push_back({"embed", ", %labels: $T",
                   "%y = enc.embed %ids table(@word) : $I -> $T\n"
                   "%loss = enc.mse %y, %labels : $T -> $L"});
  for (std::string mode : {"cls", "mean", "max", "mean_sqrt_len"})
    cases.push_back({"pool_" + mode, ", %labels: $S",
                     "%h = enc.linear %x weight(@a) bias(@ab) : $T -> $T\n"
                     "%p = enc.pool " +
                         mode +
                         " %h, %offsets : $T -> $S\n"
                         "%d = enc.dropout %p, %random site 1 rate 0.2 : $S\n"
                         "%y = enc.normalize %d : $S\n"
                         "%loss = enc.mse %y, %labels : $S -> $L"});
}

static void addLosses(std::vector<BackwardCase> &cases) {
  std::string logits =
      "%y = enc.linear %x weight(@head) bias(@head_bias) : $T -> "
      "!enc.tokens<2xf32>\n";
  cases.push_back({"cross_entropy_of_tokens", ", %labels: $I",
                   logits + "%loss = enc.cross_entropy %y, %labels : "
                            "!enc.tokens<2xf32>, $I -> $L"});
  cases.push_back({"binary_cross_entropy", ", %labels: !enc.tokens<2xf32>",
                   logits + "%loss = enc.binary_cross_entropy %y, %labels : "
                            "!enc.tokens<2xf32> -> $L"});
  cases.push_back({"span_loss", ", %labels: !enc.sequences<2xi32>",
                   logits + "%loss = enc.span_loss %y, %labels, %offsets : "
                            "!enc.tokens<2xf32>, !enc.sequences<2xi32> -> $L"});
}

static void addFused(std::vector<BackwardCase> &cases) {
  cases.push_back(
      {"fused_embed_norm", ", %types: $I, %positions: $I, %labels: $T",
       "%y = enc.fused_embed_norm %ids, %types, %positions word(@word) "
       "type(@type) position(@position) gain(@gain) bias(@norm_bias) epsilon "
       "1.0e-5 : $I, $I, $I -> $T\n"
       "%loss = enc.mse %y, %labels : $T -> $L"});
  for (std::string drop : {"", " dropout(%random, site 4, rate 0.25)"}) {
    std::string with = drop.empty() ? "" : "_with_dropout";
    cases.push_back(around(
        "fused_attention" + with,
        "%qkv = enc.fused_qkv %h query(@q, @qb) key(@k, @kb) value(@v, @vb) : "
        "$T -> $Q\n%y = enc.fused_attention %qkv, %offsets scale 0.7" +
            drop + " : $Q -> $T"));
    cases.push_back(around("fused_linear_add_norm" + with,
                           "%y = enc.fused_linear_add_norm %h, %x weight(@b) "
                           "bias(@bb) gain(@gain) norm_bias(@norm_bias) "
                           "epsilon 1.0e-4" +
                               drop + " : $T, $T -> $T"));
    cases.push_back(around(
        "fused_feed_forward" + with,
        "%y = enc.fused_feed_forward %h activation(gelu) up(@up, @up_bias) "
        "down(@down, @down_bias) gain(@gain) norm_bias(@norm_bias) epsilon "
        "1.0e-4" +
            drop + " : $T"));
  }
  for (std::string name : {"gelu_tanh", "relu", "silu", "tanh"})
    cases.push_back(around("fused_feed_forward_" + name,
                           "%y = enc.fused_feed_forward %h activation(" + name +
                               ") up(@up, @up_bias) down(@down, @down_bias) "
                               "gain(@gain) norm_bias(@norm_bias) epsilon "
                               "1.0e-4 : $T"));
}

/// All tensors of layer `index`.
static void freezeLayer(std::set<std::string> &frozen, int index) {
  for (const Weight &weight : table)
    if (weight.tensor.contains('{'))
      frozen.insert(
          replaceAll(weight.tensor.str(), "{layer}", llvm::utostr(index)));
}

static void addEncoders(std::vector<BackwardCase> &cases) {
  cases.push_back(encoder("encoder", false));
  cases.push_back(encoder("encoder_with_dropout", true));
  // Bytes a token and layer: input 24, qkv 72, attention 24, log-sum-exp 8,
  // sums 24 and 24, norm 24, up 40.
  for (int64_t budget : {720, 648, 528, 312, 72}) {
    BackwardCase test =
        encoder("encoder_within_" + llvm::utostr(budget) + "_bytes", true);
    test.activationMemory = budget;
    cases.push_back(test);
  }
  std::set<std::string> embeddings = {"embeddings.word.weight",
                                      "embeddings.type.weight",
                                      "embeddings.position.weight"};
  BackwardCase prefix = encoder("frozen_prefix", true);
  prefix.freeze = {"embeddings", "norm\\.(weight|bias)$", "layers[0-1]"};
  prefix.frozen = embeddings;
  prefix.frozen.insert({"norm.weight", "norm.bias"});
  freezeLayer(prefix.frozen, 0);
  freezeLayer(prefix.frozen, 1);
  cases.push_back(prefix);
  BackwardCase middle = encoder("frozen_layer_in_the_middle", false);
  middle.freeze = {"layers[1]"};
  freezeLayer(middle.frozen, 1);
  cases.push_back(middle);
  BackwardCase biases = encoder("only_biases_learn", false);
  biases.freeze = {"weight$"};
  for (const Weight &weight : table)
    for (int i = 0; i < 3; ++i)
      if (weight.tensor.ends_with("weight"))
        biases.frozen.insert(
            replaceAll(weight.tensor.str(), "{layer}", llvm::utostr(i)));
  cases.push_back(biases);
  BackwardCase downs = encoder("only_second_linear_learns_in_layer_2", false);
  downs.freeze = {"bias$",       "norm",     "embeddings",
                  "layers[0-1]", "a.weight", "(q|k|v|out|up)\\.weight"};
  downs.frozen = biases.frozen;
  for (const Weight &weight : table)
    for (int i = 0; i < 3; ++i)
      downs.frozen.insert(
          replaceAll(weight.tensor.str(), "{layer}", llvm::utostr(i)));
  downs.frozen.erase("encoder.layer.2.down.weight");
  downs.frozen.erase("classifier.weight");
  cases.push_back(downs);
}

std::vector<BackwardCase> backwardCases() {
  std::vector<BackwardCase> cases;
  addUnfused(cases);
  addLosses(cases);
  addFused(cases);
  addEncoders(cases);
  return cases;
}
