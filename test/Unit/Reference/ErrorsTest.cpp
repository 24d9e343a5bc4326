//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the interpreter says about arguments, weights and ops that it cannot
// use. Each test names the one message it expects; none may crash.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Reference/Interpreter.h"
#include "dialects/Enc/Reference/WeightProvider.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::enc::reference;

namespace {

class InterpreterErrors : public testing::Test {
protected:
  InterpreterErrors() {
    context.loadDialect<enc::EncDialect, func::FuncDialect>();
    context.allowUnregisteredDialects();
  }

  /// Every message of parsing and running `source` on `inputs`, in a line.
  template <typename Inputs>
  std::string run(StringRef source, const Inputs &inputs,
                  WeightProvider &weights) {
    std::string messages;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      messages += diagnostic.str() + "; ";
      for (Diagnostic &note : diagnostic.getNotes())
        messages += note.str() + "; ";
      return success();
    });
    auto module = parseSourceString<ModuleOp>(source, ParserConfig(&context));
    if (!module)
      return "does not parse: " + messages;
    auto results =
        interpret(*module->getOps<func::FuncOp>().begin(), inputs, weights);
    EXPECT_EQ(succeeded(results), messages.empty());
    return messages;
  }
  template <typename Inputs>
  std::string run(StringRef source, const Inputs &inputs) {
    RandomWeights weights(1);
    return run(source, inputs, weights);
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
};

constexpr StringRef embedding = R"(
  enc.weight @word = "word" : tensor<5x4xf32>
  func.func @f(%ids: !enc.tokens<i32>, %o: !enc.offsets) -> !enc.sequences<4xf32> {
    %x = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<4xf32>
    %y = enc.pool mean %x, %o : !enc.tokens<4xf32> -> !enc.sequences<4xf32>
    return %y : !enc.sequences<4xf32>
  })";

ModelInputs batch(std::vector<int32_t> ids, std::vector<int32_t> offsets) {
  return {ids, {}, {}, offsets};
}

#define EXPECT_MESSAGE(run, part)                                              \
  EXPECT_NE((run).find(part), std::string::npos) << (run)

TEST_F(InterpreterErrors, RunsWhatIsRight) {
  EXPECT_EQ(run(embedding, batch({0, 4, 2}, {0, 1, 3})), "");
}

TEST_F(InterpreterErrors, IdBeyondItsTable) {
  EXPECT_MESSAGE(run(embedding, batch({0, 5, 2}, {0, 1, 3})),
                 "expects ids within the 5 rows of @word, got 5 at token 1");
  EXPECT_MESSAGE(run(embedding, batch({0, 1, -1}, {0, 1, 3})),
                 "got -1 at token 2");
}

TEST_F(InterpreterErrors, DamagedOffsets) {
  EXPECT_MESSAGE(run(embedding, batch({0, 1, 2}, {})),
                 "expected 0 and the end of each sequence, got 0 numbers");
  EXPECT_MESSAGE(run(embedding, batch({0, 1, 2}, {1, 3})),
                 "expected 0 and the end of each sequence");
  EXPECT_MESSAGE(run(embedding, batch({0, 1, 2}, {0, 2, 2, 3})),
                 "expected sequence 1 to end after 2, got 2");
  EXPECT_MESSAGE(run(embedding, batch({0, 1, 2}, {0, 4})),
                 "has 3 tokens, expected 4");
}

TEST_F(InterpreterErrors, ArgumentsThatAModelDoesNotHave) {
  EXPECT_MESSAGE(run("func.func @f(%x: !enc.tokens<4xf32>) -> "
                     "!enc.tokens<4xf32> { return %x : !enc.tokens<4xf32> }",
                     batch({0}, {0, 1})),
                 "expected to be ids, types, positions or offsets, got "
                 "'!enc.tokens<4xf32>'");
}

TEST_F(InterpreterErrors, ArgumentsOfTheWrongShape) {
  constexpr StringRef source =
      "func.func @f(%a: !enc.tokens<4xf32>, %b: !enc.tokens<4xf32>) -> "
      "!enc.tokens<4xf32> { %y = enc.add %a, %b : !enc.tokens<4xf32> return %y "
      ": !enc.tokens<4xf32> }";
  using Arguments = std::vector<Tensor>;
  EXPECT_EQ(run(source, Arguments{Tensor({2, 4}), Tensor({2, 4})}), "");
  EXPECT_MESSAGE(run(source, Arguments{Tensor({2, 4})}),
                 "expected 2 arguments, got 1");
  EXPECT_MESSAGE(run(source, Arguments{Tensor({2, 4}), Tensor({3, 4})}),
                 "argument 1 has 3 tokens, expected 2");
  EXPECT_MESSAGE(run(source, Arguments{Tensor({2, 4}), Tensor({2, 5})}),
                 "argument 1 is expected to be rows of");
  EXPECT_MESSAGE(run(source, Arguments{Tensor(), Tensor()}),
                 "argument 0 is expected to be rows of");
}

TEST_F(InterpreterErrors, WeightsThatCannotBeRead) {
  MapWeights none, other;
  other.set("word", {4, 5}, std::vector<float>(20));
  ModelInputs inputs = batch({0}, {0, 1});
  EXPECT_MESSAGE(run(embedding, inputs, none),
                 "cannot read its weight @word: no tensor 'word'");
  EXPECT_MESSAGE(run(embedding, inputs, other),
                 "tensor 'word' has shape [4, 5], expected [5, 4]");
}

TEST_F(InterpreterErrors, OpsItDoesNotKnow) {
  std::vector<Tensor> arguments{Tensor({2, 4})};
  EXPECT_MESSAGE(run("func.func @f(%x: !enc.tokens<4xf32>) -> "
                     "!enc.tokens<4xf32> { %y = \"test.op\"(%x) : "
                     "(!enc.tokens<4xf32>) -> !enc.tokens<4xf32> return %y : "
                     "!enc.tokens<4xf32> }",
                     arguments),
                 "the interpreter does not know 'test.op'");
  EXPECT_MESSAGE(run("func.func @f(%x: !enc.tokens<4xf32>) { \"test.none\"() : "
                     "() -> () return }",
                     arguments),
                 "the interpreter does not know 'test.none'");
  EXPECT_MESSAGE(run("func.func private @f(!enc.tokens<4xf32>)", arguments),
                 "expected a function of one block");
  EXPECT_MESSAGE(
      run("func.func @f(%x: i32) { return }", std::vector<Tensor>{Tensor({1})}),
      "has type 'i32', expected enc tokens, sequences, offsets or random");
}

TEST_F(InterpreterErrors, Training) {
  Tensor labels({2}), random({2});
  labels.data = {-100, 4};
  EXPECT_MESSAGE(run("func.func @f(%x: !enc.tokens<4xf32>, %l: "
                     "!enc.tokens<i32>) { %y = enc.cross_entropy %x, %l : "
                     "!enc.tokens<4xf32>, !enc.tokens<i32> -> "
                     "!enc.scalar<f32> return }",
                     std::vector<Tensor>{Tensor({2, 4}), labels}),
                 "expects labels of 0 to 3 or -100, got 4 in row 1");
  random.data = {-1, 0};
  EXPECT_MESSAGE(run("func.func @f(%r: !enc.random) { return }",
                     std::vector<Tensor>{random}),
                 "argument 0 is expected to hold a seed and a step of 0 to "
                 "2^53");
  EXPECT_MESSAGE(run("enc.weight @w = \"w\" : tensor<4x4xf32>\n"
                     "func.func @f(%x: !enc.tokens<4xf32>) { "
                     "enc.linear_weight_gradient %x, %x weight(@w) into [@w] : "
                     "!enc.tokens<4xf32>, !enc.tokens<4xf32> return }",
                     std::vector<Tensor>{Tensor({2, 4})}),
                 "accumulates gradients, but the caller of the interpreter "
                 "keeps none");
}

} // namespace
