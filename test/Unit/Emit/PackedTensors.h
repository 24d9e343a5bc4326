//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors in a file, and what a packed layout of them must hold, element by
// element as the comments of WeightLayout.h define it.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_EMIT_PACKEDTENSORS_H
#define BERTC_TEST_UNIT_EMIT_PACKEDTENSORS_H

#include "compiler/Emit/PackWeights.h"
#include "test/Unit/Import/TestModel.h"
#include <map>

namespace bertc::test {

class PackedTensors : public ::testing::Test {
protected:
  /// A tensor with a value of its own in every element.
  void add(const std::string &name, std::vector<int64_t> shape);
  float &at(const std::string &name, int64_t index) {
    return values[name][index];
  }
  void open();
  /// What the linear layer of a weight reads, see InputRanges.
  void setRanges(const std::string &name, std::vector<float> ranges) {
    inputRanges[name] = std::move(ranges);
  }

  llvm::Expected<std::vector<uint8_t>> pack(const WeightLayout &layout);
  /// The message of the error that packing fails with.
  std::string packError(const WeightLayout &layout);
  std::vector<uint8_t> reference(const WeightLayout &layout);
  void expectPacked(const WeightLayout &layout);

private:
  void fill(const PackedWeight &weight, int64_t layer, int64_t source,
            uint8_t *to);
  std::vector<float> factors(const PackedWeight &weight, int64_t layer);

  TemporaryFolder folder;
  std::map<std::string, std::vector<float>> values, inputRanges;
  std::vector<std::pair<std::string, std::vector<int64_t>>> order;
  std::unique_ptr<SafetensorsFile> tensors;
};

PackedWeight panels(std::vector<std::string> sources, Grouping columns,
                    Grouping depth,
                    PackedWeight::Element element = PackedWeight::Element::F32);
PackedWeight rows(std::vector<std::string> sources, Grouping columns,
                  int64_t count);
/// A vector of the int8 weight that `panels` would make.
PackedWeight derived(PackedWeight::Derived what,
                     std::vector<std::string> sources, Grouping columns,
                     Grouping depth);

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_EMIT_PACKEDTENSORS_H
