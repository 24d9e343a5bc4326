//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Heads: where they come from, what they are made of, and what is said when
// there is none.
//
//===----------------------------------------------------------------------===//
#include "TestModel.h"
#include "compiler/Import/BuildModule.h"
#include "dialects/Enc/IR/EncOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace bertc;
using namespace bertc::test;
namespace enc = mlir::enc;

namespace {
class Heads : public testing::Test {
protected:
  /// The program of a head, or what is said instead of it.
  std::string build(const TestModel &model, llvm::StringRef head) {
    model.write();
    auto directory = loadModelDirectory(model.folder.path());
    if (!directory)
      return llvm::toString(directory.takeError());
    auto spec = parseHead(head, *directory);
    if (!spec)
      return llvm::toString(spec.takeError());
    auto built = buildTrainingModule(context, *directory, *spec);
    if (!built)
      return llvm::toString(built.takeError());
    module = std::move(*built);
    return "";
  }
  mlir::func::FuncOp forward() {
    return module->lookupSymbol<mlir::func::FuncOp>("forward");
  }
  /// What comes after the layers.
  std::string opsOfTheHead() {
    std::string ops;
    for (mlir::Operation &op : forward().getBody().front())
      if (mlir::isa<enc::LayersOp>(op))
        ops.clear();
      else
        ops += op.getName().stripDialect().str() + " ";
    return ops;
  }
  std::string labels() {
    std::string text;
    llvm::raw_string_ostream(text) << forward().getArgumentTypes()[4];
    return text;
  }
  llvm::ArrayRef<int64_t> shape(llvm::StringRef weight) {
    auto op = module->lookupSymbol<enc::WeightOp>(weight);
    return op ? mlir::cast<mlir::RankedTensorType>(op.getType()).getShape()
              : llvm::ArrayRef<int64_t>();
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};
} // namespace

TEST_F(Heads, ClassifyReadsThePooler) {
  ASSERT_EQ(build(TestModel(), "classify:3"), "");
  EXPECT_EQ(opsOfTheHead(),
            "pool linear tanh dropout linear cross_entropy return ");
  EXPECT_EQ(labels(), "!enc.sequences<i32>");
  EXPECT_EQ(shape("classifier_weight"), (llvm::ArrayRef<int64_t>{3, 32}));
  EXPECT_EQ(shape("classifier_bias"), (llvm::ArrayRef<int64_t>{3}));
  EXPECT_EQ(
      module->lookupSymbol<enc::WeightOp>("classifier_weight").getTensor(),
      "classifier.weight");
  EXPECT_EQ(forward().getResultAttrOfType<mlir::StringAttr>(0, "enc.name"),
            "loss");
  EXPECT_EQ(forward().getResultAttrOfType<mlir::StringAttr>(1, "enc.name"),
            "logits");
}

TEST_F(Heads, OtherLosses) {
  ASSERT_EQ(build(TestModel(), "multilabel:4"), "");
  EXPECT_EQ(opsOfTheHead(),
            "pool linear tanh dropout linear binary_cross_entropy return ");
  EXPECT_EQ(labels(), "!enc.sequences<4xf32>");
  ASSERT_EQ(build(TestModel(), "regress"), "");
  EXPECT_EQ(opsOfTheHead(), "pool linear tanh dropout linear mse return ");
  EXPECT_EQ(labels(), "!enc.sequences<1xf32>");
  ASSERT_EQ(build(TestModel(), "tag:9"), "");
  EXPECT_EQ(opsOfTheHead(), "dropout linear cross_entropy return ");
  EXPECT_EQ(labels(), "!enc.tokens<i32>");
  ASSERT_EQ(build(TestModel(), "answer"), "");
  EXPECT_EQ(opsOfTheHead(), "linear span_loss return ");
  EXPECT_EQ(labels(), "!enc.sequences<2xi32>");
  EXPECT_EQ(shape("qa_outputs_weight"), (llvm::ArrayRef<int64_t>{2, 32}));
}

TEST_F(Heads, OfTheModel) {
  TestModel model;
  model.config["architectures"] =
      llvm::json::Array{"BertForSequenceClassification"};
  model.config["id2label"] =
      llvm::json::Object{{"0", "a"}, {"1", "b"}, {"2", "c"}};
  ASSERT_EQ(build(model, ""), "");
  EXPECT_EQ(shape("classifier_weight"), (llvm::ArrayRef<int64_t>{3, 32}));
  EXPECT_EQ(labels(), "!enc.sequences<i32>");

  TestModel multi = TestModel();
  multi.config["architectures"] =
      llvm::json::Array{"BertForSequenceClassification"};
  multi.config["num_labels"] = 5;
  multi.config["problem_type"] = "multi_label_classification";
  ASSERT_EQ(build(multi, ""), "");
  EXPECT_EQ(labels(), "!enc.sequences<5xf32>");

  TestModel one;
  one.config["architectures"] =
      llvm::json::Array{"BertForSequenceClassification"};
  one.config["num_labels"] = 1;
  ASSERT_EQ(build(one, ""), "");
  EXPECT_EQ(labels(), "!enc.sequences<1xf32>");

  TestModel answer;
  answer.config["architectures"] =
      llvm::json::Array{"BertForQuestionAnswering"};
  ASSERT_EQ(build(answer, ""), "");
  EXPECT_EQ(labels(), "!enc.sequences<2xi32>");
  TestModel tag;
  tag.config["architectures"] = llvm::json::Array{"BertForTokenClassification"};
  ASSERT_EQ(build(tag, ""), "");
  EXPECT_EQ(labels(), "!enc.tokens<i32>");
}

TEST_F(Heads, DropoutOfTheConfig) {
  TestModel model;
  model.config["hidden_dropout_prob"] = 0.25;
  model.config["attention_probs_dropout_prob"] = 0.125;
  model.config["classifier_dropout"] = 0.5;
  ASSERT_EQ(build(model, "classify:2"), "");
  std::vector<std::pair<uint64_t, double>> found;
  module->walk([&](enc::DropoutOp op) {
    found.push_back({op.getSite(), op.getRate().convertToDouble()});
  });
  std::vector<std::pair<uint64_t, double>> expected = {
      {0, 0.25}, {1, 0.125}, {2, 0.25}, {3, 0.25}, {4, 0.5}};
  EXPECT_EQ(found, expected);

  TestModel none;
  none.config["hidden_dropout_prob"] = 0;
  none.config["attention_probs_dropout_prob"] = 0;
  ASSERT_EQ(build(none, "classify:2"), "");
  module->walk([&](enc::DropoutOp op) { FAIL() << "dropout of rate 0"; });
}

TEST_F(Heads, WhatIsWrong) {
  auto says = [&](const TestModel &model, llvm::StringRef head,
                  llvm::StringRef message) {
    std::string text = build(model, head);
    EXPECT_NE(text.find(message.str()), std::string::npos) << text;
  };
  says(TestModel(), "", "the model has no head to train");
  says(TestModel(), "", "add --head: write classify:3");
  says(TestModel(), "clasify:2", "unknown head 'clasify' for --head");
  says(TestModel(), "classify",
       "expected 2 to 1048576 labels for --head=classify, got ''");
  says(TestModel(), "classify:1", "got '1'");
  says(TestModel(), "tag:x", "got 'x'");
  says(TestModel(), "answer:2", "--head=answer takes no number");
  TestModel rate;
  rate.config["hidden_dropout_prob"] = 1.5;
  says(rate, "classify:2",
       "'hidden_dropout_prob' is out of range, expected at least 0 and less "
       "than 1, got 1.5");
  TestModel labels;
  labels.config["id2label"] = llvm::json::Object{};
  says(labels, "classify:2", "expected 1 to 1048576 labels in 'id2label'");
  TestModel type;
  type.config["problem_type"] = "ranking";
  says(type, "classify:2", "unknown 'problem_type' 'ranking'");
}

// Nothing of this keeps a model from being compiled for inference.
TEST_F(Heads, InferenceDoesNotCare) {
  TestModel model;
  model.config["hidden_dropout_prob"] = "much";
  model.write();
  auto directory = loadModelDirectory(model.folder.path());
  ASSERT_TRUE(bool(directory)) << llvm::toString(directory.takeError());
  auto built = buildModule(context, *directory);
  EXPECT_TRUE(bool(built)) << llvm::toString(built.takeError());
}
