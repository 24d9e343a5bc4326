//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle against PyTorch: every case of enc-ops.json, to 1e-12. The cases
// are data (IR, arguments, weights, results), so a new op needs no code here;
// a last test sees to it that no op is left out. Cases with gradients are run
// through their backward pass, which is what brings in the gradient ops.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Reference/Interpreter.h"
#include "dialects/Enc/Reference/WeightProvider.h"
#include "dialects/Enc/Transforms/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cctype>
#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace mlir;
using namespace mlir::enc::reference;

static std::string readFile(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

static const llvm::json::Array &cases() {
  static llvm::Expected<llvm::json::Value> json =
      llvm::json::parse(readFile(BERTC_GOLDEN_DIR "/enc-ops.json"));
  static llvm::json::Array none;
  return json && json->getAsArray() ? *json->getAsArray() : none;
}

static Tensor toTensor(const llvm::json::Object &object) {
  llvm::SmallVector<int64_t> shape;
  for (const llvm::json::Value &size : *object.getArray("shape"))
    shape.push_back(*size.getAsInteger());
  Tensor tensor(shape);
  for (auto [to, value] :
       llvm::zip_equal(tensor.data, *object.getArray("data")))
    to = *value.getAsNumber();
  return tensor;
}

/// The module of a case, with its backward pass if it has gradients.
static OwningOpRef<ModuleOp> load(const llvm::json::Object &golden,
                                  MLIRContext *context) {
  auto module = parseSourceString<ModuleOp>(*golden.getString("module"),
                                            ParserConfig(context));
  if (!module || !golden.getObject("gradients"))
    return module;
  enc::GenerateBackwardPassOptions options;
  options.function = "f";
  PassManager manager(context);
  manager.addPass(enc::createGenerateBackwardPass(options));
  return succeeded(manager.run(*module)) ? std::move(module) : nullptr;
}

/// Relative to numbers above 1.
static double difference(const Tensor &got, const Tensor &expected) {
  double worst = 0;
  for (auto [a, b] : llvm::zip_equal(got.data, expected.data)) {
    double one = std::fabs(a - b) / std::max(1.0, std::fabs(b));
    worst = one <= worst ? worst : one; // A NaN counts.
  }
  return worst;
}

class EncOps : public testing::TestWithParam<size_t> {
protected:
  EncOps() { context.loadDialect<enc::EncDialect, func::FuncDialect>(); }
  MLIRContext context{MLIRContext::Threading::DISABLED};
};

TEST_P(EncOps, EqualsPyTorch) {
  const llvm::json::Object &golden = *cases()[GetParam()].getAsObject();
  OwningOpRef<ModuleOp> module = load(golden, &context);
  ASSERT_TRUE(module) << golden.getString("module")->str();

  MapWeights weights;
  for (const auto &[name, value] : *golden.getObject("weights")) {
    Tensor tensor = toTensor(*value.getAsObject());
    weights.set(name, tensor.shape, {tensor.data.begin(), tensor.data.end()});
  }
  std::vector<Tensor> arguments;
  for (const llvm::json::Value &value : *golden.getArray("arguments"))
    arguments.push_back(toTensor(*value.getAsObject()));

  const llvm::json::Object *expectedGradients = golden.getObject("gradients");
  WeightGradients gradients;
  InterpreterOptions options;
  options.gradients = &gradients;
  auto function =
      module->lookupSymbol<func::FuncOp>(expectedGradients ? "train" : "f");
  auto results = interpret(function, arguments, weights, options);
  ASSERT_TRUE(succeeded(results));
  ASSERT_EQ(results->size(), 1u);
  const Tensor &got = results->front().tensor;
  Tensor expected = toTensor(*golden.getObject("result"));
  ASSERT_EQ(ArrayRef(got.shape), ArrayRef(expected.shape));
  double worst = difference(got, expected);
  std::printf("largest difference %.1e\n", worst);
  EXPECT_LE(worst, 1e-12);

  if (!expectedGradients)
    return;
  EXPECT_EQ(gradients.size(), expectedGradients->size());
  for (const auto &[name, value] : *expectedGradients) {
    Tensor expected = toTensor(*value.getAsObject());
    ASSERT_TRUE(gradients.count(name.str())) << name.str();
    const Tensor &gradient = gradients[name.str()];
    ASSERT_EQ(ArrayRef(gradient.shape), ArrayRef(expected.shape));
    double worst = difference(gradient, expected);
    std::printf("gradient of %s: largest difference %.1e\n", name.str().c_str(),
                worst);
    EXPECT_LE(worst, 1e-12) << name.str();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Golden, EncOps, testing::Range<size_t>(0, cases().size()),
    [](const auto &info) {
      std::string name =
          cases()[info.param].getAsObject()->getString("name")->str();
      for (char &c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)))
          c = '_';
      return name;
    });

TEST(EncOpsGolden, CoversEveryOp) {
  MLIRContext context;
  context.loadDialect<enc::EncDialect, func::FuncDialect>();
  std::set<std::string> seen;
  for (const llvm::json::Value &value : cases()) {
    OwningOpRef<ModuleOp> module = load(*value.getAsObject(), &context);
    ASSERT_TRUE(module);
    module->walk([&](Operation *op) {
      seen.insert(op->getName().getStringRef().str());
    });
  }
  for (RegisteredOperationName name : context.getRegisteredOperations())
    if (name.getDialectNamespace() == "enc")
      EXPECT_TRUE(seen.count(name.getStringRef().str()))
          << "no case has " << name.getStringRef().str();
}
