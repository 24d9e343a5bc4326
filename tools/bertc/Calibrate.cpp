//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ranges are those of the interpreter, in double precision, not of a compiled
// model: they need neither a second compilation nor a processor of the target.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Calibrate.h"
#include "compiler/Driver/Compile.h"
#include "dialects/Enc/IR/EncOps.h"
#include "runtime/text/Tokenizer.h"
#include "tools/bertc/ReferenceModel.h"
#include "tools/bertc/Texts.h"

using namespace bertc;
using namespace bertc::tool;
using namespace mlir;
namespace reference = mlir::enc::reference;

/// Texts that are interpreted together, which bounds the memory.
static constexpr size_t groupTexts = 16;

namespace {

/// Watches every op. What a linear layer reads was computed by the op before it
/// or, for the first of a layer, by the last of the layer before.
class Observer {
public:
  explicit Observer(Calibration &calibration) : calibration(calibration) {}

  void see(Operation *op, const reference::Tensor &result);
  /// Layers count from 0 again.
  void restart() { trips.clear(); }

private:
  Calibration &calibration;
  DenseMap<Value, std::vector<float>> ranges; // of the latest values
  DenseMap<Operation *, int64_t> trips;
};

/// The tokenizer in memory that fits it.
class TextEncoder {
public:
  static llvm::Expected<std::unique_ptr<TextEncoder>>
  create(const ModelDirectory &model, llvm::StringRef directory);
  ~TextEncoder() { rt::releaseTextScratch(&scratch); }

  llvm::Error append(llvm::StringRef text, llvm::StringRef subject,
                     reference::ModelInputs &inputs);

private:
  std::vector<uint64_t> blob;
  rt::Tokenizer tokenizer = {};
  rt::TextScratch scratch = {};
  rt::EncodeOptions options = {};
};

} // namespace

void Observer::see(Operation *op, const reference::Tensor &result) {
  if (auto linear = dyn_cast<enc::LinearOp>(op)) {
    int64_t trip = trips[op]++;
    Value input = linear.getInput();
    if (auto argument = dyn_cast<BlockArgument>(input))
      if (auto layers =
              dyn_cast<enc::LayersOp>(argument.getOwner()->getParentOp()))
        input = trip == 0 ? layers.getInit()
                          : argument.getOwner()->getTerminator()->getOperand(0);
    const std::vector<float> &seen = ranges[input];
    std::vector<float> &range = calibration[{linear.getWeight().str(), trip}];
    range.resize(seen.size());
    for (auto [total, value] : llvm::zip(range, seen))
      total = std::max(total, value);
  }
  // Scores are ragged, and no linear layer reads them.
  if (!result.lengths.empty() || result.shape.empty())
    return;
  std::vector<float> &range = ranges[op->getResult(0)];
  range.assign(result.width(), 0.0f);
  for (int64_t row = 0; row < result.rows(); ++row)
    for (int64_t i = 0; i < result.width(); ++i)
      range[i] = std::max(range[i], float(std::abs(result.row(row)[i])));
}

static void *resize(void *, void *block, size_t bytes) {
  if (bytes)
    return realloc(block, bytes);
  free(block);
  return nullptr;
}

llvm::Expected<std::unique_ptr<TextEncoder>>
TextEncoder::create(const ModelDirectory &model, llvm::StringRef directory) {
  std::vector<bertc::Diagnostic> notes; // compile shows them
  auto bytes = compileTokenizer(model, notes);
  if (!bytes)
    return bytes.takeError();
  if (bytes->empty())
    return bertc::makeError(ExitCode::BadModel, directory,
                            "--calibrate needs a tokenizer, but the model has "
                            "none",
                            "add its vocab.txt or tokenizer.json");
  auto result = std::make_unique<TextEncoder>();
  result->blob.resize((bytes->size() + 7) / 8);
  std::memcpy(result->blob.data(), bytes->data(), bytes->size());
  const char *reason = "";
  if (rt::loadTokenizer(result->blob.data(), bytes->size(), &result->tokenizer,
                        &reason) != rt::TextStatus::Ok)
    return bertc::makeError(ExitCode::Failure, directory,
                            llvm::Twine("the compiled tokenizer: ") + reason);
  result->scratch = rt::makeTextScratch({resize, nullptr});
  // The limit of embed_texts.
  uint32_t most = uint32_t(model.config.maxPositionEmbeddings);
  uint32_t usual = result->tokenizer.header->max_tokens;
  result->options.maxTokens = usual && usual < most ? usual : most;
  return std::move(result);
}

llvm::Error TextEncoder::append(llvm::StringRef text, llvm::StringRef subject,
                                reference::ModelInputs &inputs) {
  rt::EncodeResult result = {};
  // Once to count, once to fill.
  for (int pass = 0; pass < 2; ++pass) {
    rt::TextStatus status = rt::encodeText(
        tokenizer, &scratch, {text.data(), text.size()}, {}, options, &result);
    if (status != rt::TextStatus::Ok)
      return bertc::makeError(ExitCode::BadInput, subject,
                              "cannot tokenize " + quoted(text));
    if (pass)
      break;
    size_t begin = inputs.ids.size(), end = begin + result.count;
    inputs.ids.resize(end);
    inputs.types.resize(end);
    for (size_t i = 0; i < result.count; ++i)
      inputs.positions.push_back(int32_t(i));
    inputs.offsets.push_back(int32_t(end));
    result.ids = inputs.ids.data() + begin;
    result.typeIds = inputs.types.data() + begin;
    result.capacity = result.count;
  }
  return llvm::Error::success();
}

llvm::Expected<Calibration> tool::calibrate(llvm::StringRef directory,
                                            llvm::StringRef outputs,
                                            llvm::StringRef file) {
  auto texts = readTexts({{}, file.str()});
  if (!texts)
    return texts.takeError();
  if (texts->empty())
    return bertc::makeError(ExitCode::BadInput, file,
                            "expected texts, one a line, got none");
  auto model = ReferenceModel::load(directory, outputs);
  if (!model)
    return model.takeError();
  auto encoder = TextEncoder::create((*model)->directory(), directory);
  if (!encoder)
    return encoder.takeError();
  Calibration calibration;
  Observer observer(calibration);
  reference::InterpreterOptions options;
  options.observer = [&](Operation *op, ArrayRef<reference::Tensor> results) {
    observer.see(op, results.front());
  };
  for (size_t first = 0; first < texts->size(); first += groupTexts) {
    reference::ModelInputs inputs;
    inputs.offsets.push_back(0);
    for (size_t i = first; i < std::min(first + groupTexts, texts->size()); ++i)
      if (llvm::Error error = (*encoder)->append((*texts)[i], file, inputs))
        return std::move(error);
    observer.restart();
    auto results = (*model)->run(inputs, options);
    if (!results)
      return results.takeError();
  }
  return calibration;
}
