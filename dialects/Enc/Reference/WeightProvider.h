//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the interpreter gets weights from. A tensor is asked for by the name it
// has in the checkpoint, so that modules before and after fusion, which differ
// in their symbols, see the same numbers.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_WEIGHTPROVIDER_H
#define BERTC_DIALECTS_ENC_REFERENCE_WEIGHTPROVIDER_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mlir::enc::reference {

class WeightProvider {
public:
  virtual ~WeightProvider();
  /// Fills `destination`, which has as many elements as `shape`, with the
  /// tensor `name` ({layer} is already replaced by a number).
  virtual llvm::Error read(StringRef name, ArrayRef<int64_t> shape,
                           MutableArrayRef<float> destination) = 0;
};

/// Numbers that depend only on the seed and the tensor's name. They have the
/// scale of trained weights: one-dimensional tensors whose name ends in
/// "weight" (gains) are near 1, other ones near 0; matrices are spread such
/// that a linear layer keeps the size of its input.
class RandomWeights : public WeightProvider {
public:
  explicit RandomWeights(uint64_t seed) : seed(seed) {}
  llvm::Error read(StringRef name, ArrayRef<int64_t> shape,
                   MutableArrayRef<float> destination) override;

private:
  uint64_t seed;
};

/// Tensors given by name.
class MapWeights : public WeightProvider {
public:
  void set(StringRef name, ArrayRef<int64_t> shape, std::vector<float> data);
  llvm::Error read(StringRef name, ArrayRef<int64_t> shape,
                   MutableArrayRef<float> destination) override;

private:
  struct Entry {
    std::vector<int64_t> shape;
    std::vector<float> data;
  };
  std::map<std::string, Entry> tensors;
};

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_WEIGHTPROVIDER_H
