//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients of every parameter against transformers, through all that makes a
// training function: import with a head, fusion, backward pass. The interpreter
// runs it on packed tokens, transformers ran padded batches.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/BuildModule.h"
#include "compiler/Import/Safetensors.h"
#include "dialects/Enc/Reference/Interpreter.h"
#include "dialects/Enc/Reference/WeightProvider.h"
#include "dialects/Enc/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include <cmath>
#include <gtest/gtest.h>
#include <map>

using namespace mlir;
using namespace mlir::enc::reference;

namespace {

const std::string folder = BERTC_GOLDEN_DIR "/training/";

/// All tensors of a file; none if it cannot be read.
std::map<std::string, Tensor> readFile(const std::string &path) {
  std::map<std::string, Tensor> tensors;
  auto file = bertc::SafetensorsFile::open(path);
  if (!file) {
    ADD_FAILURE() << llvm::toString(file.takeError());
    return tensors;
  }
  for (const bertc::TensorInfo &info : (*file)->getTensors()) {
    std::vector<float> data(info.elements());
    if (llvm::Error error =
            (*file)->readAsF32(info, 0, data.size(), data.data()))
      ADD_FAILURE() << llvm::toString(std::move(error));
    Tensor tensor(info.shape);
    llvm::copy(data, tensor.data.begin());
    tensors[info.name] = std::move(tensor);
  }
  return tensors;
}

class Gradients : public testing::TestWithParam<const char *> {
protected:
  Gradients() : golden(readFile(folder + GetParam() + ".safetensors")) {
    for (auto &[name, tensor] : readFile(folder + "model.safetensors"))
      setWeight(name, tensor);
    for (auto &[name, tensor] : golden)
      if (StringRef(name).starts_with("weight."))
        setWeight(StringRef(name).drop_front(7), tensor);
  }
  void setWeight(StringRef name, const Tensor &tensor) {
    weights.set(name, tensor.shape, {tensor.data.begin(), tensor.data.end()});
  }

  /// `@train` of the model with the head `text`.
  func::FuncOp generate(StringRef text, StringRef options) {
    auto model = bertc::loadModelDirectory(folder);
    if (!model) {
      ADD_FAILURE() << llvm::toString(model.takeError());
      return {};
    }
    auto head = bertc::parseHead(text, *model);
    EXPECT_TRUE(bool(head));
    auto built = bertc::buildTrainingModule(context, *model, *head);
    EXPECT_TRUE(bool(built));
    module = std::move(*built);
    enc::registerEncPasses();
    PassManager manager(&context);
    std::string passes =
        "func.func(enc-fuse-embeddings{require=true},enc-fuse-qkv{require=true}"
        ",enc-fuse-attention{require=true},enc-fuse-linear-add-norm{require="
        "true},enc-fuse-feed-forward{require=true},enc-verify-fused{training="
        "true}),enc-generate-backward" +
        options.str();
    EXPECT_TRUE(succeeded(parsePassPipeline(passes, manager)));
    EXPECT_TRUE(succeeded(manager.run(*module)));
    return module->lookupSymbol<func::FuncOp>("train");
  }

  /// Padded [batch, seq] without its padding.
  Tensor pack(const Tensor &padded) {
    Tensor packed;
    for (auto [value, real] :
         llvm::zip_equal(padded.data, golden["attention_mask"].data))
      if (real != 0)
        packed.data.push_back(value);
    packed.shape = {static_cast<int64_t>(packed.data.size())};
    return packed;
  }
  std::vector<Tensor> arguments(StringRef head) {
    const Tensor &mask = golden["attention_mask"];
    Tensor positions(mask.shape), offsets({mask.rows() + 1}), random({2});
    for (int64_t i = 0; i < mask.rows(); ++i) {
      offsets.data[i + 1] = offsets.data[i];
      for (int64_t j = 0; j < mask.width(); ++j) {
        positions.row(i)[j] = j;
        offsets.data[i + 1] += mask.row(i)[j];
      }
    }
    Tensor labels = golden["labels"];
    if (head.starts_with("tag"))
      labels = pack(labels);
    if (head == "answer") {
      labels = Tensor({mask.rows(), 2});
      for (int64_t i = 0; i < mask.rows(); ++i) {
        labels.row(i)[0] = golden["start_positions"].data[i];
        labels.row(i)[1] = golden["end_positions"].data[i];
      }
    }
    return {pack(golden["input_ids"]),
            pack(golden["token_type_ids"]),
            pack(positions),
            offsets,
            labels,
            random};
  }

  void compare(const WeightGradients &gradients, const Tensor &loss) {
    EXPECT_NEAR(loss.data[0], golden["loss"].data[0], 1e-6);
    double largest = 0;
    auto rms = [](const std::vector<double> &values) {
      double square = 0;
      for (double value : values)
        square += value * value;
      return std::sqrt(square / values.size());
    };
    for (auto &[name, tensor] : golden)
      if (StringRef(name).starts_with("gradient."))
        largest = std::max(largest, rms(tensor.data));
    size_t count = 0;
    for (auto &[name, expected] : golden) {
      if (!StringRef(name).starts_with("gradient."))
        continue;
      ++count;
      auto it = gradients.find(name.substr(9));
      ASSERT_NE(it, gradients.end()) << name;
      const Tensor &got = it->second;
      ASSERT_EQ(ArrayRef(got.shape), ArrayRef(expected.shape)) << name;
      std::vector<double> difference(got.data.size());
      for (size_t i = 0; i < difference.size(); ++i)
        difference[i] = got.data[i] - expected.data[i];
      // Softmax does not see key biases: their gradients are zero but for
      // rounding, which has no relative error.
      double relative =
          rms(difference) / std::max(rms(expected.data), 1e-9 * largest);
      std::printf("%s: relative RMS of the difference %.1e\n", name.c_str(),
                  relative);
      EXPECT_LE(relative, 1e-6) << name;
    }
    EXPECT_EQ(count, gradients.size());
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::map<std::string, Tensor> golden;
  MapWeights weights;
};

} // namespace

TEST_P(Gradients, EqualThoseOfTransformers) {
  // "classify-3.ragged": a head of three labels.
  auto [kind, labels] = StringRef(GetParam()).split('.').first.split('-');
  bool counted = kind != "regress" && kind != "answer";
  std::string head = counted ? (kind + ":" + labels).str() : kind.str();
  // Once with everything saved, once with whole layers computed again.
  for (StringRef options : {"", "{activation-memory=256}"}) {
    func::FuncOp train = generate(head, options);
    ASSERT_TRUE(train);
    WeightGradients gradients;
    InterpreterOptions settings;
    settings.gradients = &gradients;
    auto results = interpret(train, arguments(head), weights, settings);
    ASSERT_TRUE(succeeded(results));
    ASSERT_EQ(results->front().name, "loss");
    compare(gradients, results->front().tensor);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Gradients,
                         testing::Values("classify-3.ragged", "classify-3.full",
                                         "multilabel-4.ragged",
                                         "regress-1.ragged", "tag-5.ragged",
                                         "answer-2.ragged", "answer-2.full"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });
