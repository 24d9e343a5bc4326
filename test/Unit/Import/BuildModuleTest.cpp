//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The module that a model becomes: it verifies, survives printing and parsing,
// and its ops, weights, results and locations are those of the model.
//
//===----------------------------------------------------------------------===//
#include "TestModel.h"

#include "compiler/Import/BuildModule.h"
#include "dialects/Enc/IR/EncOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLExtras.h"
#include <array>

using namespace bertc;
using namespace bertc::test;
namespace enc = mlir::enc;

namespace {
class BuildModule : public ::testing::Test {
protected:
  /// Builds the module of `model` with these outputs.
  mlir::ModuleOp build(const TestModel &model, std::string outputs = "",
                       llvm::StringRef path = "") {
    model.write();
    auto directory = loadModelDirectory(model.folder.path(path));
    if (!directory) {
      ADD_FAILURE() << llvm::toString(directory.takeError());
      return {};
    }
    auto built = buildModule(context, *directory, {std::move(outputs)});
    if (!built) {
      ADD_FAILURE() << llvm::toString(built.takeError());
      return {};
    }
    module = std::move(*built);
    return *module;
  }
  mlir::func::FuncOp forward() {
    return module->lookupSymbol<mlir::func::FuncOp>("forward");
  }
  std::string resultNames() {
    std::string names;
    for (unsigned i = 0; i < forward().getNumResults(); ++i)
      names +=
          forward().getResultAttrOfType<mlir::StringAttr>(i, "enc.name").str() +
          " ";
    return names;
  }
  template <typename Op> llvm::SmallVector<Op> all() {
    llvm::SmallVector<Op> ops;
    module->walk([&](Op op) { ops.push_back(op); });
    return ops;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

std::string print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os);
  return text;
}
} // namespace

TEST_F(BuildModule, PrintsWhatParsesBackToTheSame) {
  TestModel model;
  model.writeSentenceFiles();
  ASSERT_TRUE(build(model, "last_hidden_state,pooler_output,"
                           "hidden_states[all],sentence_embedding"));
  std::string text = print(*module);
  auto parsed = mlir::parseSourceString<mlir::ModuleOp>(
      text, mlir::ParserConfig(&context));
  ASSERT_TRUE(parsed) << text;
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*parsed)));
  EXPECT_EQ(print(*parsed), text);
}

TEST_F(BuildModule, OpsOfTheBodyInOrder) {
  TestModel model;
  ASSERT_TRUE(build(model, "last_hidden_state"));
  std::string top, body;
  for (mlir::Operation &op : forward().getBody().front())
    top += op.getName().stripDialect().str() + " ";
  EXPECT_EQ(top, "embed embed add embed add layer_norm layers return ");
  auto layers = all<enc::LayersOp>();
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0].getTripCount(), 2u);
  for (mlir::Operation &op : layers[0].getBody().front())
    body += op.getName().stripDialect().str() + " ";
  EXPECT_EQ(body, "linear split_heads linear split_heads linear split_heads "
                  "scores softmax context merge_heads "
                  "linear add layer_norm linear gelu linear add layer_norm "
                  "yield ");
  auto scores = all<enc::ScoresOp>();
  EXPECT_EQ(scores[0].getScale().convertToDouble(), 0.25);
  EXPECT_EQ(scores[0].getType().getHeads(), 2);
}

TEST_F(BuildModule, WeightsNameTheTensorsOfTheCheckpoint) {
  TestModel model;
  ASSERT_TRUE(build(model, "last_hidden_state"));
  EXPECT_EQ(all<enc::WeightOp>().size(), 21u) << "none of the pooler";
  auto query = module->lookupSymbol<enc::WeightOp>("query_weight");
  ASSERT_TRUE(query);
  EXPECT_EQ(query.getTensor(),
            "encoder.layer.{layer}.attention.self.query.weight");
  EXPECT_EQ(query.getLayers(), 2);
  auto table = module->lookupSymbol<enc::WeightOp>("word_embeddings");
  ASSERT_TRUE(table);
  EXPECT_FALSE(table.getLayers());
  EXPECT_EQ(mlir::cast<mlir::RankedTensorType>(table.getType()).getShape(),
            (llvm::ArrayRef<int64_t>{20, 32}));

  auto directory = loadModelDirectory(model.folder.path());
  ASSERT_TRUE(bool(directory));
  for (enc::WeightOp weight : all<enc::WeightOp>())
    for (int64_t layer = 0; layer < 2; ++layer) {
      auto tensor =
          resolveWeight(directory->weights, weight.getTensor(), layer);
      ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
      EXPECT_EQ(
          llvm::ArrayRef<int64_t>((*tensor)->shape),
          mlir::cast<mlir::RankedTensorType>(weight.getType()).getShape());
    }
}

TEST_F(BuildModule, ResultsFollowTheOutputs) {
  TestModel model;
  model.writeSentenceFiles();
  ASSERT_TRUE(build(model));
  EXPECT_EQ(resultNames(),
            "last_hidden_state pooler_output sentence_embedding ");
  ASSERT_TRUE(build(model, "hidden_states[2,0],sentence_embedding"));
  EXPECT_EQ(resultNames(),
            "hidden_states.2 hidden_states.0 sentence_embedding ");
  auto layers = all<enc::LayersOp>()[0];
  EXPECT_EQ(layers.getCollect(), (llvm::ArrayRef<int64_t>{0, 2}));
  mlir::Operation *end = forward().getBody().front().getTerminator();
  EXPECT_EQ(end->getOperand(0), layers.getResult(2));
  EXPECT_EQ(end->getOperand(1), layers.getResult(1));
  EXPECT_TRUE(end->getOperand(2).getDefiningOp<enc::NormalizeOp>());
}

TEST_F(BuildModule, AttentionsAreEntriesOfOneStack) {
  TestModel model;
  ASSERT_TRUE(build(model, "attentions[1,0],last_hidden_state"));
  EXPECT_EQ(resultNames(), "attentions.1 attentions.0 last_hidden_state ");
  auto layers = all<enc::LayersOp>()[0];
  ASSERT_EQ(layers.getStacks().size(), 1u);
  auto entries = all<enc::EntryOp>();
  ASSERT_EQ(entries.size(), 2u);
  for (auto [entry, index] : llvm::zip_equal(entries, std::array{1u, 0u})) {
    EXPECT_EQ(entry.getStack(), layers.getStacks()[0]);
    EXPECT_EQ(entry.getIndex(), index);
  }
  auto yield =
      mlir::cast<enc::YieldOp>(layers.getBody().front().getTerminator());
  EXPECT_TRUE(yield.getSaved()[0].getDefiningOp<enc::SoftmaxOp>());
}

TEST_F(BuildModule, PoolingAndPooler) {
  TestModel model;
  model.writeSentenceFiles();
  ASSERT_TRUE(build(model, "pooler_output,sentence_embedding"));
  auto pools = all<enc::PoolOp>();
  ASSERT_EQ(pools.size(), 2u);
  EXPECT_EQ(pools[0].getMode(), enc::PoolMode::Cls);
  EXPECT_EQ(pools[1].getMode(), enc::PoolMode::Mean);
  for (auto [text, mode] :
       {std::pair("max", enc::PoolMode::Max),
        {"cls", enc::PoolMode::Cls},
        {"mean_sqrt_len_tokens", enc::PoolMode::MeanSqrtLen}}) {
    model.folder.write("1_Pooling/config.json",
                       std::string("{\"pooling_mode\": \"") + text + "\"}");
    ASSERT_TRUE(build(model, "sentence_embedding"));
    EXPECT_EQ(all<enc::PoolOp>()[0].getMode(), mode) << text;
  }
}

TEST_F(BuildModule, ActivationsAreOpsOfTheirOwn) {
  auto count = [&](const char *name, auto op) {
    TestModel model;
    model.config["hidden_act"] = name;
    EXPECT_TRUE(build(model, "last_hidden_state"));
    return all<decltype(op)>().size();
  };
  EXPECT_EQ(count("gelu", enc::GeluOp()), 1u);
  EXPECT_EQ(count("gelu_new", enc::GeluTanhOp()), 1u);
  EXPECT_EQ(count("gelu_pytorch_tanh", enc::GeluTanhOp()), 1u);
  EXPECT_EQ(count("relu", enc::ReluOp()), 1u);
  EXPECT_EQ(count("silu", enc::SiluOp()), 1u);
  EXPECT_EQ(count("tanh", enc::TanhOp()), 1u);
}

TEST_F(BuildModule, SizeDoesNotDependOnTheModel) {
  auto count = [&](int64_t hidden, int64_t heads, int64_t layers) {
    TestModel model;
    model.folder.write(
        "c.json", llvm::formatv(R"({{"model_type": "bert", "hidden_size": {0},
                  "num_attention_heads": {1}, "num_hidden_layers": {2}})",
                                hidden, heads, layers)
                      .str());
    EXPECT_TRUE(build(model, "last_hidden_state", "c.json"));
    size_t ops = 0;
    module->walk([&](mlir::Operation *) { ++ops; });
    return ops;
  };
  size_t small = count(32, 2, 1);
  EXPECT_EQ(count(1024, 16, 24), small);
  EXPECT_EQ(count(34, 2, 1000), small);
}

TEST_F(BuildModule, LocationsNameTheModulesOfTheModel) {
  TestModel model;
  ASSERT_TRUE(build(model));
  auto name = [](mlir::Operation *op) {
    return mlir::cast<mlir::NameLoc>(op->getLoc()).getName().str();
  };
  EXPECT_EQ(name(all<enc::ScoresOp>()[0]),
            "encoder.layer.{layer}.attention.self");
  EXPECT_EQ(name(all<enc::LinearOp>()[0]),
            "encoder.layer.{layer}.attention.self.query");
  EXPECT_EQ(name(all<enc::PoolOp>()[0]), "pooler");
  auto weight = module->lookupSymbol("query_weight");
  auto place = mlir::dyn_cast<mlir::FileLineColLoc>(
      mlir::cast<mlir::NameLoc>(weight->getLoc()).getChildLoc());
  ASSERT_TRUE(place);
  EXPECT_TRUE(
      place.getFilename().strref().ends_with("model.safetensors(header)"));
  EXPECT_GT(place.getColumn(), 1u);
}

TEST_F(BuildModule, AnUnknownOutputIsAnError) {
  TestModel model;
  model.write();
  auto directory = loadModelDirectory(model.folder.path());
  ASSERT_TRUE(bool(directory));
  auto built = buildModule(context, *directory, {"attention"});
  ASSERT_FALSE(bool(built));
  EXPECT_NE(llvm::toString(built.takeError()).find("unknown output"),
            std::string::npos);
}
