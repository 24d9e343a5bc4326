//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Backward rules against finite differences of the forward function, weight by
// weight. Weights are multiples of 2^-12 and steps are powers of two, so that a
// step is exact in float; two step sizes cancel the error of second order.
//
//===----------------------------------------------------------------------===//
#include "BackwardCases.h"
#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Reference/Interpreter.h"
#include "dialects/Enc/Reference/RandomArguments.h"
#include "dialects/Enc/Reference/WeightProvider.h"
#include "dialects/Enc/Transforms/BackwardRules.h"
#include "dialects/Enc/Transforms/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace mlir;
using namespace mlir::enc::reference;

namespace {

/// Seeded weights with one element moved.
class MovedWeights : public WeightProvider {
public:
  llvm::Error read(StringRef name, ArrayRef<int64_t> shape,
                   MutableArrayRef<float> destination) override {
    if (llvm::Error error = RandomWeights(5).read(name, shape, destination))
      return error;
    for (float &value : destination)
      value = std::round(value * 0x1p12f) * 0x1p-12f;
    if (name == tensor)
      destination[index] += step;
    return llvm::Error::success();
  }

  std::string tensor;
  size_t index = 0;
  float step = 0;
};

class Backward : public testing::TestWithParam<BackwardCase> {
protected:
  Backward() { context.loadDialect<enc::EncDialect, func::FuncDialect>(); }

  void generate(const BackwardCase &test) {
    module = parseSourceString<ModuleOp>(test.module(), &context);
    ASSERT_TRUE(module) << test.module();
    PassManager manager(&context);
    enc::GenerateBackwardPassOptions options;
    options.freeze.assign(test.freeze.begin(), test.freeze.end());
    options.activationMemory = test.activationMemory;
    manager.addPass(enc::createGenerateBackwardPass(options));
    ASSERT_TRUE(succeeded(manager.run(*module))) << test.module();
  }
  func::FuncOp find(StringRef name) {
    return module->lookupSymbol<func::FuncOp>(name);
  }
  double loss() {
    auto results = interpret(find("forward"), arguments, weights);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? results->front().tensor.data[0] : NAN;
  }
  /// By central differences.
  double slope(StringRef tensor, size_t index) {
    weights.tensor = tensor.str();
    weights.index = index;
    auto difference = [&](float step) {
      weights.step = step;
      double above = loss();
      weights.step = -step;
      return (above - loss()) / (2 * step);
    };
    double wide = difference(0x1p-10f), narrow = difference(0x1p-11f);
    weights.tensor.clear();
    return (4 * narrow - wide) / 3;
  }
  /// Every tensor of the module.
  std::set<std::string> tensors() {
    std::set<std::string> names;
    for (auto weight : module->getOps<enc::WeightOp>())
      for (uint64_t layer = 0; layer < weight.getLayers().value_or(1);
           ++layer) {
        std::string name = weight.getTensor().str();
        if (size_t at = name.find("{layer}"); at != std::string::npos)
          name.replace(at, 7, std::to_string(layer));
        names.insert(name);
      }
    return names;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::vector<Tensor> arguments;
  MovedWeights weights;
};

TEST_P(Backward, EqualsFiniteDifferences) {
  const BackwardCase &test = GetParam();
  ASSERT_NO_FATAL_FAILURE(generate(test));
  arguments = randomArguments(find("train"), {3, 1, 5}, 11);
  WeightGradients gradients;
  InterpreterOptions options;
  options.gradients = &gradients;
  auto results = interpret(find("train"), arguments, weights, options);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ(results->front().tensor.data[0], loss());

  std::set<std::string> learned;
  for (const auto &[name, gradient] : gradients) {
    learned.insert(name);
    double worst = 0, largest = 0;
    // A prime stride visits other rows and columns in each tensor.
    size_t stride = gradient.data.size() > 40 ? 7 : 1;
    for (size_t i = 0; i < gradient.data.size(); i += stride) {
      double expected = slope(name, i);
      worst = std::max(worst, std::fabs(gradient.data[i] - expected));
      largest = std::max(largest, std::fabs(expected));
      ASSERT_NEAR(gradient.data[i], expected, 1e-9 * std::max(1.0, largest))
          << name << " at " << i;
    }
    std::printf("%s: largest gradient %.1e, largest difference %.1e\n",
                name.c_str(), largest, worst);
  }
  std::set<std::string> expected;
  for (const std::string &name : tensors())
    if (!test.frozen.count(name))
      expected.insert(name);
  EXPECT_EQ(learned, expected);
}

INSTANTIATE_TEST_SUITE_P(Rules, Backward, testing::ValuesIn(backwardCases()),
                         [](const auto &info) { return info.param.name; });

TEST(BackwardRules, EveryRuleHasACase) {
  MLIRContext context;
  context.loadDialect<enc::EncDialect, func::FuncDialect>();
  std::set<std::string> seen;
  for (const BackwardCase &test : backwardCases()) {
    auto module = parseSourceString<ModuleOp>(test.module(), &context);
    ASSERT_TRUE(module) << test.module();
    module->walk([&](Operation *op) {
      seen.insert(op->getName().getStringRef().str());
    });
  }
  for (const enc::BackwardRule &rule : enc::getBackwardRules())
    EXPECT_TRUE(seen.count(rule.forward.str()))
        << "no case has " << rule.forward.str();
}

} // namespace
