//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A typo in a pattern would train what was meant to be frozen, hence the error
// for one that matches nothing.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/Transforms/Trainable.h"
#include "dialects/Enc/IR/EncOps.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace mlir::enc;

namespace {
/// One entry of `freeze`.
struct FreezePattern {
  SmallVector<StringRef> prefixes;
  int64_t first = 0, last = -1; ///< Layers, if any.
  llvm::Regex regex = llvm::Regex("^$");

  bool matches(StringRef tensor, bool layered, int64_t layer) const {
    return llvm::any_of(prefixes,
                        [&](StringRef p) { return tensor.starts_with(p); }) ||
           (layered && layer >= first && layer <= last) || regex.match(tensor);
  }
};
} // namespace

/// "layers[0-5]" or "layers[2]"; false if it is neither.
static bool parseLayers(StringRef text, FreezePattern &pattern) {
  if (!text.consume_front("layers[") || !text.consume_back("]"))
    return false;
  auto [first, last] = text.split('-');
  if (!text.contains('-'))
    last = first;
  return !first.getAsInteger(10, pattern.first) &&
         !last.getAsInteger(10, pattern.last) && pattern.first >= 0 &&
         pattern.first <= pattern.last;
}

static LogicalResult parsePattern(ModuleOp module, StringRef text,
                                  FreezePattern &pattern) {
  if (text == "embeddings") {
    pattern.prefixes = {"embeddings."};
    return success();
  }
  if (text == "encoder") {
    // All that comes from the pretrained model.
    pattern.prefixes = {"embeddings.", "encoder.", "pooler."};
    return success();
  }
  if (text.starts_with("layers[")) {
    if (parseLayers(text, pattern))
      return success();
    InFlightDiagnostic error = module.emitError("cannot freeze '")
                               << text << "'";
    error.attachNote()
        << "help: layers are written as layers[2] or layers[0-5]";
    return error;
  }
  pattern.regex = llvm::Regex(text);
  std::string problem;
  if (!text.empty() && pattern.regex.isValid(problem))
    return success();
  InFlightDiagnostic error = module.emitError("cannot freeze '")
                             << text
                             << "': " << (text.empty() ? "empty" : problem);
  error.attachNote() << "help: expected embeddings, encoder, layers[0-5] or a "
                        "regular expression for names of weights";
  return error;
}

static std::string tensorName(WeightOp weight, int64_t layer) {
  constexpr StringRef placeholder = "{layer}";
  std::string name = weight.getTensor().str();
  if (size_t at = name.find(placeholder); at != std::string::npos)
    name.replace(at, placeholder.size(), std::to_string(layer));
  return name;
}

FailureOr<Trainable> Trainable::parse(ModuleOp module,
                                      ArrayRef<std::string> freeze) {
  std::vector<FreezePattern> patterns(freeze.size());
  for (auto [text, pattern] : llvm::zip_equal(freeze, patterns))
    if (failed(parsePattern(module, text, pattern)))
      return failure();
  Trainable result;
  std::vector<bool> used(patterns.size());
  int64_t most = 0;
  for (auto weight : module.getOps<WeightOp>()) {
    int64_t layers = weight.getLayers().value_or(0);
    most = std::max(most, layers);
    SmallVector<bool> &learns = result.weights[weight.getSymName()];
    learns.assign(std::max<int64_t>(layers, 1), true);
    for (auto [layer, learnsHere] : llvm::enumerate(learns))
      for (auto [index, pattern] : llvm::enumerate(patterns))
        if (pattern.matches(tensorName(weight, layer), layers > 0, layer)) {
          learnsHere = false;
          used[index] = true;
        }
  }
  for (auto [index, pattern] : llvm::enumerate(patterns)) {
    if (used[index] && pattern.last < most)
      continue;
    InFlightDiagnostic error = module.emitError("cannot freeze '")
                               << freeze[index] << "': ";
    if (pattern.last >= 0)
      error << "the model has " << most << " layers, counted from 0";
    else
      error << "no weight has such a name";
    return error;
  }
  return result;
}

bool Trainable::contains(StringRef symbol, int64_t layer) const {
  auto it = weights.find(symbol);
  return it != weights.end() && it->second[it->second.size() == 1 ? 0 : layer];
}
