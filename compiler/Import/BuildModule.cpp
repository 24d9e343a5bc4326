//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Follows BertModel of transformers module by module, in its order of
// additions. The location of each op is the name of that module, so that a
// diagnostic about an op is one about the model.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/BuildModule.h"

#include "compiler/Import/BertWeights.h"
#include "compiler/Import/Outputs.h"
#include "dialects/Enc/IR/EncOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

using namespace mlir;
using namespace bertc;

namespace {
class ModuleBuilder {
public:
  ModuleBuilder(MLIRContext &context, const ModelDirectory &model,
                llvm::ArrayRef<OutputSpec> outputs,
                std::optional<HeadSpec> head, bool training)
      : model(model), config(model.config), outputs(outputs), head(head),
        training(training), specs(bertWeights(model.config, /*pooler=*/true)),
        b(&context), f32(b.getF32Type()),
        tokens(enc::TokensType::get({config.hiddenSize}, f32)) {
    if (head)
      llvm::append_range(specs, headWeights(*head, config));
  }

  OwningOpRef<ModuleOp> build();

private:
  Location at(llvm::StringRef module) {
    return NameLoc::get(b.getStringAttr(module),
                        FileLineColLoc::get(b.getContext(), config.file, 1, 1));
  }
  /// The weight of this symbol, which will be declared.
  const WeightSpec &use(const std::string &symbol) {
    used.insert(symbol);
    return *llvm::find_if(
        specs, [&](const WeightSpec &spec) { return spec.symbol == symbol; });
  }
  FlatSymbolRefAttr ref(const WeightSpec &spec) {
    return FlatSymbolRefAttr::get(b.getContext(), spec.symbol);
  }
  /// The module that a weight belongs to.
  Location at(const WeightSpec &spec) {
    return at(spec.tensor.rsplit('.').first);
  }

  Value embed(Value ids, const std::string &name);
  Value linear(Value x, const std::string &name);
  Value norm(Value x, const std::string &name);
  Value activate(Location loc, Value x);
  Value embeddings(Value ids, Value types, Value positions);
  /// `probabilities` are those of the layer, for outputs.
  Value attention(Value x, Value offsets, Value &probabilities);
  Value layer(Value x, Value offsets, Value &probabilities);
  enc::LayersOp layers(Value x, Value offsets);
  /// Where random bits are drawn, one number for each place in the model.
  enum Site { Embeddings, Probabilities, AttentionOutput, LayerOutput, Head };
  Value dropout(Location loc, Value x, Site site, double rate);
  Value poolerOutput(Value last, Value offsets);
  Value logits(Value last, Value offsets);
  Type labelsType();
  Value loss(Value logits, Value labels, Value offsets);
  Value sentenceEmbedding(Value last, Value offsets);
  llvm::SmallVector<Value> results(enc::LayersOp layers, Value offsets);
  void declareWeights(ModuleOp module);

  const ModelDirectory &model;
  const ModelConfig &config;
  llvm::ArrayRef<OutputSpec> outputs;
  std::optional<HeadSpec> head;
  bool training; ///< With labels and a loss.
  Value random;  ///< Of the function, for training.
  std::vector<WeightSpec> specs;
  llvm::StringSet<> used;
  OpBuilder b;
  Type f32;
  Type tokens;
};
} // namespace

Value ModuleBuilder::embed(Value ids, const std::string &name) {
  const WeightSpec &table = use(name);
  return enc::EmbedOp::create(b, at(table), tokens, ids, ref(table),
                              Attribute());
}

/// Applies the weights `<name>_weight` and `<name>_bias`.
Value ModuleBuilder::linear(Value x, const std::string &name) {
  const WeightSpec &weight = use(name + "_weight");
  const WeightSpec &bias = use(name + "_bias");
  Type type = isa<enc::SequencesType>(x.getType())
                  ? Type(enc::SequencesType::get({weight.shape[0]}, f32))
                  : Type(enc::TokensType::get({weight.shape[0]}, f32));
  return enc::LinearOp::create(b, at(weight), type, x, ref(weight), ref(bias),
                               Attribute());
}

/// Applies the weights `<name>_gain` and `<name>_bias`.
Value ModuleBuilder::norm(Value x, const std::string &name) {
  const WeightSpec &gain = use(name + "_gain");
  const WeightSpec &bias = use(name + "_bias");
  return enc::LayerNormOp::create(b, at(gain), x, ref(gain), ref(bias),
                                  b.getF64FloatAttr(config.layerNormEps),
                                  Attribute());
}

Value ModuleBuilder::activate(Location loc, Value x) {
  switch (config.hiddenAct) {
  case Activation::Gelu:
    return enc::GeluOp::create(b, loc, x);
  case Activation::GeluTanh:
    return enc::GeluTanhOp::create(b, loc, x);
  case Activation::Relu:
    return enc::ReluOp::create(b, loc, x);
  case Activation::Silu:
    return enc::SiluOp::create(b, loc, x);
  case Activation::Tanh:
    return enc::TanhOp::create(b, loc, x);
  }
  llvm_unreachable("unknown activation");
}

/// Nothing in inference, or at rate 0.
Value ModuleBuilder::dropout(Location loc, Value x, Site site, double rate) {
  if (!random || rate == 0)
    return x;
  return enc::DropoutOp::create(b, loc, x.getType(), x, random,
                                b.getI64IntegerAttr(site),
                                b.getF64FloatAttr(rate));
}

Value ModuleBuilder::embeddings(Value ids, Value types, Value positions) {
  Location loc = at("embeddings");
  Value sum = enc::AddOp::create(b, loc, embed(ids, "word_embeddings"),
                                 embed(types, "token_type_embeddings"));
  sum =
      enc::AddOp::create(b, loc, sum, embed(positions, "position_embeddings"));
  return dropout(loc, norm(sum, "embeddings_norm"), Embeddings,
                 config.hiddenDropout);
}

Value ModuleBuilder::attention(Value x, Value offsets, Value &probabilities) {
  Location loc = at("encoder.layer.{layer}.attention.self");
  int64_t heads = config.numAttentionHeads;
  Type perHead = enc::TokensType::get({heads, config.headSize()}, f32);
  auto project = [&](const std::string &name) -> Value {
    return enc::SplitHeadsOp::create(b, loc, perHead, linear(x, name));
  };
  Value query = project("query"), key = project("key");
  Value value = project("value");
  double scale = 1.0 / std::sqrt(static_cast<double>(config.headSize()));
  Value scores =
      enc::ScoresOp::create(b, loc, enc::ScoresType::get(heads, f32), query,
                            key, offsets, b.getF64FloatAttr(scale));
  probabilities = enc::SoftmaxOp::create(b, loc, scores);
  Value weights =
      dropout(loc, probabilities, Probabilities, config.attentionDropout);
  Value context =
      enc::ContextOp::create(b, loc, perHead, weights, value, offsets);
  return enc::MergeHeadsOp::create(b, loc, tokens, context);
}

Value ModuleBuilder::layer(Value x, Value offsets, Value &probabilities) {
  Value attended =
      linear(attention(x, offsets, probabilities), "attention_output");
  Location output = at("encoder.layer.{layer}.attention.output");
  attended = dropout(output, attended, AttentionOutput, config.hiddenDropout);
  attended = enc::AddOp::create(b, output, attended, x);
  attended = norm(attended, "attention_norm");
  Value inner = linear(attended, "intermediate");
  inner = activate(at("encoder.layer.{layer}.intermediate"), inner);
  output = at("encoder.layer.{layer}.output");
  Value next = linear(inner, "output");
  next = dropout(output, next, LayerOutput, config.hiddenDropout);
  next = enc::AddOp::create(b, output, next, attended);
  return norm(next, "output_norm");
}

enc::LayersOp ModuleBuilder::layers(Value x, Value offsets) {
  llvm::SmallVector<int64_t> collect;
  llvm::SmallVector<Type> stacks;
  int64_t trips = config.numHiddenLayers;
  for (const OutputSpec &output : outputs) {
    if (output.kind == OutputSpec::HiddenState)
      collect.push_back(output.index);
    if (output.kind == OutputSpec::Attentions && stacks.empty())
      stacks.push_back(enc::StackType::get(
          trips, enc::ScoresType::get(config.numAttentionHeads, f32)));
  }
  llvm::sort(collect);
  auto op = enc::LayersOp::create(b, at("encoder"), x, trips, collect,
                                  /*from=*/{}, /*to=*/{}, stacks);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&op.getBody().front());
  Value probabilities;
  Value next = layer(op.getBody().getArgument(0), offsets, probabilities);
  llvm::SmallVector<Value> saved;
  if (!stacks.empty())
    saved.push_back(probabilities);
  enc::YieldOp::create(b, at("encoder.layer.{layer}"), next, saved);
  return op;
}

Value ModuleBuilder::poolerOutput(Value last, Value offsets) {
  Location loc = at("pooler");
  Value first = enc::PoolOp::create(
      b, loc, enc::SequencesType::get({config.hiddenSize}, f32), last, offsets,
      enc::PoolMode::Cls, Attribute());
  return enc::TanhOp::create(b, loc, linear(first, "pooler"));
}

Value ModuleBuilder::sentenceEmbedding(Value last, Value offsets) {
  auto mode = [&] {
    switch (model.sentence.pooling) {
    case PoolingMode::Cls:
      return enc::PoolMode::Cls;
    case PoolingMode::Mean:
      return enc::PoolMode::Mean;
    case PoolingMode::Max:
      return enc::PoolMode::Max;
    case PoolingMode::MeanSqrtLen:
      return enc::PoolMode::MeanSqrtLen;
    }
    llvm_unreachable("unknown pooling");
  };
  Value pooled = enc::PoolOp::create(
      b, at("1_Pooling"), enc::SequencesType::get({config.hiddenSize}, f32),
      last, offsets, mode(), Attribute());
  if (!model.sentence.normalize)
    return pooled;
  return enc::NormalizeOp::create(b, at("2_Normalize"), pooled);
}

Value ModuleBuilder::logits(Value last, Value offsets) {
  Location loc = at(head->module());
  Value x = head->hasPooler() ? poolerOutput(last, offsets) : last;
  // BertForQuestionAnswering has no dropout here.
  if (head->kind != HeadSpec::Answer)
    x = dropout(loc, x, Head,
                config.classifierDropout.value_or(config.hiddenDropout));
  return linear(x, head->module().str());
}

Type ModuleBuilder::labelsType() {
  Type i32 = b.getI32Type();
  switch (head->kind) {
  case HeadSpec::Classify:
    return enc::SequencesType::get({}, i32);
  case HeadSpec::MultiLabel:
  case HeadSpec::Regress:
    return enc::SequencesType::get({head->labels}, f32);
  case HeadSpec::Tag:
    return enc::TokensType::get({}, i32);
  case HeadSpec::Answer:
    return enc::SequencesType::get({2}, i32);
  }
  llvm_unreachable("unknown head");
}

Value ModuleBuilder::loss(Value logits, Value labels, Value offsets) {
  Location loc = at("loss");
  switch (head->kind) {
  case HeadSpec::Classify:
  case HeadSpec::Tag:
    return enc::CrossEntropyOp::create(b, loc, logits, labels);
  case HeadSpec::MultiLabel:
    return enc::BinaryCrossEntropyOp::create(b, loc, logits, labels);
  case HeadSpec::Regress:
    return enc::MseOp::create(b, loc, logits, labels);
  case HeadSpec::Answer:
    return enc::SpanLossOp::create(b, loc, logits, labels, offsets);
  }
  llvm_unreachable("unknown head");
}

llvm::SmallVector<Value> ModuleBuilder::results(enc::LayersOp layers,
                                                Value offsets) {
  Value last = layers.getResult(0);
  llvm::SmallVector<Value> values;
  for (const OutputSpec &output : outputs) {
    switch (output.kind) {
    case OutputSpec::LastHiddenState:
      values.push_back(last);
      break;
    case OutputSpec::PoolerOutput:
      values.push_back(poolerOutput(last, offsets));
      break;
    case OutputSpec::HiddenState: {
      size_t at = llvm::find(layers.getCollect(), output.index) -
                  layers.getCollect().begin();
      values.push_back(layers.getResult(1 + at));
      break;
    }
    case OutputSpec::Attentions:
      values.push_back(enc::EntryOp::create(
          b, at("encoder"), layers.getStacks().front(), output.index));
      break;
    case OutputSpec::SentenceEmbedding:
      values.push_back(sentenceEmbedding(last, offsets));
      break;
    case OutputSpec::Logits:
      values.push_back(logits(last, offsets));
      break;
    }
  }
  return values;
}

void ModuleBuilder::declareWeights(ModuleOp module) {
  b.setInsertionPointToStart(module.getBody());
  for (const WeightSpec &spec : specs) {
    if (!used.contains(spec.symbol))
      continue;
    Location loc = at(spec.tensor);
    // With weights, point at the tensor of the first layer.
    if (const TensorInfo *tensor = model.weights.find(spec.tensorName())) {
      SourceLocation source = tensor->file->locate(*tensor);
      loc = NameLoc::get(b.getStringAttr(spec.tensor),
                         FileLineColLoc::get(b.getContext(), source.file,
                                             source.line, source.column));
    }
    enc::WeightOp::create(b, loc, spec.symbol, spec.tensor,
                          RankedTensorType::get(spec.shape, f32),
                          spec.layered
                              ? std::optional<int64_t>(config.numHiddenLayers)
                              : std::nullopt);
  }
}

OwningOpRef<ModuleOp> ModuleBuilder::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(b, at("model"));
  b.setInsertionPointToStart(module->getBody());
  Type ids = enc::TokensType::get({}, b.getI32Type());
  llvm::SmallVector<Type> types = {ids, ids, ids,
                                   enc::OffsetsType::get(b.getContext())};
  llvm::SmallVector<Location> locations = {
      at("input_ids"), at("token_type_ids"), at("position_ids"), at("offsets")};
  if (training) {
    llvm::append_values(types, labelsType(),
                        enc::RandomType::get(b.getContext()));
    llvm::append_values(locations, at("labels"), at("random"));
  }
  // The result types follow from the body, so it is built first.
  auto forward = func::FuncOp::create(b, at("model"), "forward",
                                      b.getFunctionType(types, {}));
  Block *body = b.createBlock(&forward.getBody(), {}, types, locations);
  Value offsets = body->getArgument(3);
  if (training)
    random = body->getArgument(5);
  Value x = embeddings(body->getArgument(0), body->getArgument(1),
                       body->getArgument(2));
  enc::LayersOp encoder = layers(x, offsets);
  llvm::SmallVector<Value> values;
  llvm::SmallVector<std::string> names;
  if (training) {
    Value made = logits(encoder.getResult(0), offsets);
    values = {loss(made, body->getArgument(4), offsets), made};
    names = {"loss", "logits"};
  } else {
    values = results(encoder, offsets);
    for (const OutputSpec &output : outputs)
      names.push_back(output.name());
  }
  func::ReturnOp::create(b, at("model"), values);
  forward.setType(b.getFunctionType(types, TypeRange(ValueRange(values))));
  for (auto [i, name] : llvm::enumerate(names))
    forward.setResultAttr(i, "enc.name", b.getStringAttr(name));
  declareWeights(*module);
  return module;
}

static llvm::Expected<OwningOpRef<ModuleOp>>
checked(OwningOpRef<ModuleOp> module, const ModelDirectory &model) {
  if (failed(verify(*module)))
    return makeError(ExitCode::Failure, model.path,
                     "the imported module does not verify");
  return module;
}

llvm::Expected<OwningOpRef<ModuleOp>>
bertc::buildModule(MLIRContext &context, const ModelDirectory &model,
                   const ImportOptions &options) {
  std::optional<HeadSpec> head = options.head ? options.head : findHead(model);
  llvm::Expected<std::vector<OutputSpec>> outputs =
      parseOutputs(options.outputs, model, head);
  if (!outputs)
    return outputs.takeError();
  context.loadDialect<enc::EncDialect, func::FuncDialect>();
  return checked(
      ModuleBuilder(context, model, *outputs, head, /*training=*/false).build(),
      model);
}

llvm::Expected<OwningOpRef<ModuleOp>>
bertc::buildTrainingModule(MLIRContext &context, const ModelDirectory &model,
                           const HeadSpec &head) {
  context.loadDialect<enc::EncDialect, func::FuncDialect>();
  return checked(
      ModuleBuilder(context, model, {}, head, /*training=*/true).build(),
      model);
}
