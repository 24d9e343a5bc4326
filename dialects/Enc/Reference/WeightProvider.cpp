//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The generator is SplitMix64 over a hash of the name, written out here: the
// numbers stay the same on every machine and with every version of LLVM.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/WeightProvider.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace mlir::enc::reference;

WeightProvider::~WeightProvider() = default;

static uint64_t hashName(StringRef name, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325u ^ seed; // FNV-1a
  for (unsigned char c : name)
    hash = (hash ^ c) * 0x100000001b3u;
  return hash;
}

static uint64_t splitMix(uint64_t &state) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

llvm::Error RandomWeights::read(StringRef name, ArrayRef<int64_t> shape,
                                MutableArrayRef<float> destination) {
  bool isGain = shape.size() == 1 && name.ends_with("weight");
  double center = isGain ? 1.0 : 0.0;
  // Uniform on (-spread, spread): a variance of 1 / columns for matrices.
  double spread =
      shape.size() == 1 ? 0.1 : std::sqrt(3.0 / std::max<int64_t>(shape[1], 1));
  uint64_t state = hashName(name, seed);
  for (float &value : destination) {
    double unit = (splitMix(state) >> 11) * 0x1p-53;
    value = static_cast<float>(center + spread * (2.0 * unit - 1.0));
  }
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
