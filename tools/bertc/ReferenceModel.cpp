//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights are read from the checkpoint op by op, so that memory does not grow
// with the model.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/ReferenceModel.h"
#include "compiler/Import/BuildModule.h"
#include "dialects/Enc/Reference/WeightProvider.h"
#include "mlir/IR/Diagnostics.h"

using namespace bertc;
using namespace bertc::tool;
namespace reference = mlir::enc::reference;

namespace {

class CheckpointWeights : public reference::WeightProvider {
public:
  explicit CheckpointWeights(const Checkpoint &checkpoint)
      : checkpoint(checkpoint) {}

  llvm::Error read(llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
                   llvm::MutableArrayRef<float> destination) override {
    const TensorInfo *tensor = checkpoint.find(name);
    if (!tensor || tensor->elements() != int64_t(destination.size()))
      return llvm::createStringError("no tensor '" + name + "' of shape " +
                                     formatShape(shape));
    return checkpoint.readAsF32(*tensor, 0, tensor->elements(),
                                destination.data());
  }

private:
  const Checkpoint &checkpoint;
};

} // namespace

llvm::Expected<std::unique_ptr<ReferenceModel>>
ReferenceModel::load(llvm::StringRef directory, llvm::StringRef outputs) {
  auto model = loadModelDirectory(directory);
  if (!model)
    return model.takeError();
  if (!model->weights.hasWeights())
    return bertc::makeError(ExitCode::BadModel, directory,
                            "expected a model with weights, got a config only");
  auto result = std::make_unique<ReferenceModel>();
  result->path = directory.str();
  result->model = std::move(*model);
  ImportOptions options;
  options.outputs = outputs.str();
  auto module = buildModule(result->context, result->model, options);
  if (!module)
    return module.takeError();
  result->module = std::move(*module);
  return std::move(result);
}

mlir::func::FuncOp ReferenceModel::forward() const {
  mlir::ModuleOp program = *module;
  return program.lookupSymbol<mlir::func::FuncOp>("forward");
}

llvm::Expected<std::vector<reference::NamedTensor>>
ReferenceModel::run(const reference::ModelInputs &inputs,
                    const reference::InterpreterOptions &options) {
  std::string problems;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          problems += "\n" + diagnostic.str();
                                        });
  CheckpointWeights weights(model.weights);
  auto results = reference::interpret(forward(), inputs, weights, options);
  if (mlir::failed(results))
    return bertc::makeError(ExitCode::Failure, path,
                            "the reference interpreter failed" + problems);
  return std::move(*results);
}
