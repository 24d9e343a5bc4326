//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packing keeps the column of a token as its position, so masks with holes mean
// what they mean to Hugging Face's models.
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Interpret.h"
#include "compiler/Import/BuildModule.h"
#include "compiler/Pipelines/Pipelines.h"
#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Reference/Interpreter.h"
#include "dialects/Enc/Reference/WeightProvider.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include <limits>

using namespace bertc;
namespace reference = mlir::enc::reference;

namespace {

class CheckpointWeights : public reference::WeightProvider {
public:
  explicit CheckpointWeights(const Checkpoint &checkpoint)
      : checkpoint(checkpoint) {}

  llvm::Error read(llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
                   llvm::MutableArrayRef<float> destination) override {
    const TensorInfo *tensor = checkpoint.find(name);
    if (!tensor)
      return llvm::createStringError("no tensor '" + name + "'");
    if (llvm::ArrayRef<int64_t>(tensor->shape) != shape)
      return llvm::createStringError("tensor '" + name +
                                     "' has another shape than its symbol");
    return checkpoint.readAsF32(*tensor, 0, destination.size(),
                                destination.data());
  }

private:
  const Checkpoint &checkpoint;
};

/// The packed batch, and for each of its tokens the element of [batch, seq].
struct Packed {
  reference::ModelInputs inputs;
  std::vector<int64_t> cells;
};

} // namespace

static llvm::Error checkSize(llvm::StringRef name,
                             const std::vector<int64_t> &values,
                             const PaddedBatch &batch, bool optional) {
  if ((optional && values.empty()) ||
      int64_t(values.size()) == batch.batch * batch.seq)
    return llvm::Error::success();
  return makeError(ExitCode::BadInput, name,
                   "expected " + llvm::Twine(batch.batch) + " x " +
                       llvm::Twine(batch.seq) + " numbers, got " +
                       llvm::Twine(values.size()));
}

/// Ids and types are checked by the interpreter, against its tables.
static int32_t clampToInt32(int64_t value) {
  if (value < 0 || value > std::numeric_limits<int32_t>::max())
    return -1;
  return int32_t(value);
}

static llvm::Expected<Packed> pack(const PaddedBatch &batch) {
  if (batch.batch < 1 || batch.seq < 1)
    return makeError(ExitCode::BadInput, "input_ids",
                     "expected at least one sequence of one token");
  if (llvm::Error error =
          checkSize("input_ids", batch.inputIds, batch, /*optional=*/false))
    return error;
  if (llvm::Error error = checkSize("attention_mask", batch.attentionMask,
                                    batch, /*optional=*/true))
    return error;
  if (llvm::Error error = checkSize("token_type_ids", batch.tokenTypeIds, batch,
                                    /*optional=*/true))
    return error;
  Packed packed;
  packed.inputs.offsets.push_back(0);
  for (int64_t row = 0; row < batch.batch; ++row) {
    for (int64_t column = 0; column < batch.seq; ++column) {
      int64_t cell = row * batch.seq + column;
      if (!batch.attentionMask.empty() && batch.attentionMask[cell] == 0)
        continue;
      packed.inputs.ids.push_back(clampToInt32(batch.inputIds[cell]));
      packed.inputs.types.push_back(
          batch.tokenTypeIds.empty() ? 0
                                     : clampToInt32(batch.tokenTypeIds[cell]));
      packed.inputs.positions.push_back(int32_t(column));
      packed.cells.push_back(cell);
    }
    if (int32_t(packed.cells.size()) == packed.inputs.offsets.back())
      return makeError(ExitCode::BadInput, "attention_mask",
                       "expected a real token in each sequence, got none in "
                       "sequence " +
                           llvm::Twine(row),
                       "leave that sequence out");
    packed.inputs.offsets.push_back(int32_t(packed.cells.size()));
  }
  return packed;
}

static ReferenceOutput unpack(const reference::NamedTensor &result,
                              bool ofTokens, const Packed &packed,
                              const PaddedBatch &batch) {
  ReferenceOutput output;
  output.name = result.name;
  if (!ofTokens) {
    output.shape.assign(result.tensor.shape.begin(), result.tensor.shape.end());
    output.data = result.tensor.data;
    return output;
  }
  int64_t width = result.tensor.width();
  output.shape = {batch.batch, batch.seq};
  llvm::append_range(output.shape,
                     llvm::ArrayRef(result.tensor.shape).drop_front());
  output.data.resize(batch.batch * batch.seq * width);
  for (auto [token, cell] : llvm::enumerate(packed.cells))
    std::copy_n(result.tensor.row(token), width,
                output.data.begin() + cell * width);
  return output;
}

llvm::Expected<std::vector<ReferenceOutput>>
bertc::interpretModel(const ModelDirectory &model, const PaddedBatch &batch,
                      const ReferenceOptions &options) {
  if (!model.weights.hasWeights())
    return makeError(ExitCode::BadModel, model.path,
                     "expected a model with weights",
                     "a config.json alone cannot be run");
  auto packed = pack(batch);
  if (!packed)
    return packed.takeError();

  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::string problems;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        problems += (problems.empty() ? "" : "\n") + diagnostic.str();
        return mlir::success();
      });
  ImportOptions import;
  import.outputs = options.outputs;
  auto module = buildModule(context, model, import);
  if (!module)
    return module.takeError();
  if (options.fuse) {
    mlir::PassManager manager(&context);
    buildFusionPipeline(manager, {});
    if (mlir::failed(manager.run(**module)))
      return makeError(ExitCode::Failure, model.path, problems);
  }

  CheckpointWeights weights(model.weights);
  auto forward = (*module)->lookupSymbol<mlir::func::FuncOp>("forward");
  auto results = reference::interpret(forward, packed->inputs, weights);
  if (mlir::failed(results))
    return makeError(ExitCode::BadInput, model.path, problems);
  std::vector<ReferenceOutput> outputs;
  for (auto [index, result] : llvm::enumerate(*results))
    outputs.push_back(unpack(
        result,
        mlir::isa<mlir::enc::TokensType>(forward.getResultTypes()[index]),
        *packed, batch));
  return outputs;
}
