//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shapes are compared before a number is copied: a provider may be given
// tensors of another model.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/WeightProvider.h"
#include "dialects/Enc/Reference/RandomNumbers.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace mlir::enc::reference;

WeightProvider::~WeightProvider() = default;

llvm::Error RandomWeights::read(StringRef name, ArrayRef<int64_t> shape,
                                MutableArrayRef<float> destination) {
  bool isGain = shape.size() == 1 && name.ends_with("weight");
  double center = isGain ? 1.0 : 0.0;
  // Uniform on (-spread, spread): a variance of 1 / columns for matrices.
  double spread =
      shape.size() == 1 ? 0.1 : std::sqrt(3.0 / std::max<int64_t>(shape[1], 1));
  RandomNumbers numbers(name, seed);
  for (float &value : destination)
    value = numbers.uniform(center, spread);
  return llvm::Error::success();
}

void MapWeights::set(StringRef name, ArrayRef<int64_t> shape,
                     std::vector<float> data) {
  tensors[name.str()] = {shape.vec(), std::move(data)};
}

static std::string formatShape(ArrayRef<int64_t> shape) {
  return llvm::formatv("[{0:$[, ]}]",
                       llvm::make_range(shape.begin(), shape.end()));
}

llvm::Error MapWeights::read(StringRef name, ArrayRef<int64_t> shape,
                             MutableArrayRef<float> destination) {
  auto it = tensors.find(name.str());
  if (it == tensors.end())
    return llvm::createStringError(
        llvm::formatv("no tensor '{0}' among the given weights", name));
  const Entry &entry = it->second;
  if (ArrayRef(entry.shape) != shape || entry.data.size() != destination.size())
    return llvm::createStringError(
        llvm::formatv("tensor '{0}' has shape {1}, expected {2}", name,
                      formatShape(entry.shape), formatShape(shape)));
  llvm::copy(entry.data, destination.begin());
  return llvm::Error::success();
}
