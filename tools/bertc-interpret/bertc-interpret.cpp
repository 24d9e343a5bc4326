//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a function of enc IR in the reference interpreter on seeded weights and
// inputs. With --passes it runs it again after those passes and compares: both
// runs see the same weights, because weights are drawn by the tensor's name in
// the checkpoint and not by their symbol.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Reference/Interpreter.h"
#include "dialects/Enc/Reference/RandomArguments.h"
#include "dialects/Enc/Reference/WeightProvider.h"
#include "dialects/Enc/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <map>

using namespace mlir;
using namespace mlir::enc::reference;
namespace cl = llvm::cl;

static cl::OptionCategory category("bertc-interpret options");

static cl::opt<std::string> inputFile(cl::Positional, cl::init("-"),
                                      cl::desc("<IR file, - for stdin>"),
                                      cl::cat(category));
static cl::opt<std::string> entry("entry", cl::init("forward"),
                                  cl::desc("function to run"),
                                  cl::cat(category));
static cl::list<int64_t>
    lengths("lengths", cl::CommaSeparated,
            cl::desc("tokens of each sequence (default 5,1,3)"),
            cl::cat(category));
static cl::opt<uint64_t> seed("seed", cl::init(1),
                              cl::desc("seed of weights and inputs"),
                              cl::cat(category));
static cl::opt<bool> roundToFloat("round-to-float",
                                  cl::desc("round each result to float"),
                                  cl::cat(category));
static cl::opt<std::string>
    passes("passes", cl::desc("pass pipeline to run and to compare after"),
           cl::cat(category));
static cl::opt<double>
    tolerance("tolerance", cl::init(1e-12),
              cl::desc("largest accepted |before - after| / max(1, |before|)"),
              cl::cat(category));

using Results = std::vector<NamedTensor>;

static std::string formatShape(ArrayRef<int64_t> shape) {
  return llvm::formatv("[{0:$[, ]}]",
                       llvm::make_range(shape.begin(), shape.end()));
}

static void print(const Twine &name, const Tensor &tensor) {
  double square = 0;
  for (double value : tensor.data)
    square += value * value;
  size_t count = std::max<size_t>(tensor.data.size(), 1);
  llvm::outs() << name << ": " << formatShape(tensor.shape)
               << llvm::formatv(", rms {0:F6}, first",
                                std::sqrt(square / count));
  for (double value : ArrayRef(tensor.data).take_front(4))
    llvm::outs() << llvm::formatv(" {0:F6}", value);
  llvm::outs() << "\n";
}

static double difference(const Tensor &before, const Tensor &after) {
  double worst = 0;
  for (auto [a, b] : llvm::zip_equal(before.data, after.data)) {
    double one = std::fabs(a - b) / std::max(1.0, std::fabs(a));
    // A NaN counts as a difference.
    worst = one <= worst ? worst : one;
  }
  return worst;
}

static LogicalResult compare(const Results &before, const Results &after) {
  if (before.size() != after.size()) {
    llvm::errs() << "error: the passes changed the number of results from "
                 << before.size() << " to " << after.size() << "\n";
    return failure();
  }
  bool equal = true;
  for (auto [a, b] : llvm::zip_equal(before, after)) {
    if (a.name != b.name || a.tensor.shape != b.tensor.shape) {
      llvm::errs() << "error: the passes changed result '" << a.name << "' "
                   << formatShape(a.tensor.shape) << " to '" << b.name << "' "
                   << formatShape(b.tensor.shape) << "\n";
      return failure();
    }
    double worst = difference(a.tensor, b.tensor);
    llvm::outs() << a.name << ": " << formatShape(a.tensor.shape)
                 << llvm::formatv(", largest difference {0:E1}\n", worst);
    equal &= worst <= tolerance;
  }
  if (!equal)
    llvm::errs() << llvm::formatv(
        "error: the passes changed results by more than {0:E1}\n",
        tolerance.getValue());
  return success(equal);
}

/// "2 enc.linear", one line for each kind of op, so that a test can see that
/// the passes did something.
static void printOps(ModuleOp module) {
  std::map<std::string, int> counts;
  module->walk(
      [&](Operation *op) { ++counts[op->getName().getStringRef().str()]; });
  for (auto &[name, count] : counts)
    if (StringRef(name).starts_with("enc.") && name != "enc.weight")
      llvm::outs() << count << " " << name << "\n";
}

static LogicalResult runTool() {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<enc::EncDialect, func::FuncDialect>();
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(inputFile, sources, ParserConfig(&context));
  if (!module)
    return failure();
  SmallVector<int64_t> sequences(lengths.begin(), lengths.end());
  if (sequences.empty())
    sequences = {5, 1, 3};
  for (int64_t length : sequences)
    if (length < 1 || length > 100000) {
      llvm::errs() << "error: --lengths expects 1 to 100000 tokens for each "
                   << "sequence, got " << length << "\n";
      return failure();
    }
  auto find = [&] { return module->lookupSymbol<func::FuncOp>(entry); };
  if (!find()) {
    llvm::errs() << "error: no function '" << entry << "' in " << inputFile
                 << "\nhelp: --entry names another one\n";
    return failure();
  }

  RandomWeights weights(seed);
  WeightGradients gradients;
  InterpreterOptions options;
  options.roundToFloat = roundToFloat;
  options.gradients = &gradients;
  std::vector<Tensor> arguments = randomArguments(find(), sequences, seed);
  FailureOr<Results> before = interpret(find(), arguments, weights, options);
  if (failed(before))
    return failure();
  if (passes.empty()) {
    for (const NamedTensor &result : *before)
      print(result.name, result.tensor);
    for (const auto &[name, gradient] : gradients)
      print("gradient of " + name, gradient);
    return success();
  }

  PassManager manager(&context);
  if (failed(parsePassPipeline(passes, manager)) ||
      failed(manager.run(*module)))
    return failure();
  printOps(*module);
  if (!find()) {
    llvm::errs() << "error: the passes removed function '" << entry << "'\n";
    return failure();
  }
  for (auto &[name, gradient] : gradients)
    before->push_back({"gradient of " + name, std::move(gradient)});
  gradients.clear();
  FailureOr<Results> after = interpret(find(), arguments, weights, options);
  if (failed(after))
    return failure();
  for (auto &[name, gradient] : gradients)
    after->push_back({"gradient of " + name, std::move(gradient)});
  return compare(*before, *after);
}

int main(int argc, char **argv) {
  enc::registerEncPasses();
  registerTransformsPasses();
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "runs enc IR in the reference interpreter\n");
  return failed(runTool());
}
