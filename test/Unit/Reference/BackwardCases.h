//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Functions that end in a loss: one for each backward rule, then whole
// encoders.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_REFERENCE_BACKWARDCASES_H
#define BERTC_TEST_UNIT_REFERENCE_BACKWARDCASES_H

#include <cstdint>
#include <ostream>
#include <set>
#include <string>
#include <vector>

struct BackwardCase {
  std::string name;
  /// After %x (tokens<6xf32>), %ids, %offsets and %random.
  std::string arguments;
  /// Makes %loss; T stands for !enc.tokens<6xf32>, S for !enc.sequences<6xf32>.
  std::string body;
  std::vector<std::string> freeze = {};
  int64_t activationMemory = 0;
  /// Tensors that get no gradient.
  std::set<std::string> frozen = {};

  /// With the weights that the body names.
  std::string module() const;
};

inline std::ostream &operator<<(std::ostream &out, const BackwardCase &test) {
  return out << test.name;
}

std::vector<BackwardCase> backwardCases();

#endif // BERTC_TEST_UNIT_REFERENCE_BACKWARDCASES_H
