//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parameters of a model as its user knows them, under their Hugging Face
// names and in their shapes, and where they lie in packed memory.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_PARAMETERS_H
#define BERTC_RUNTIME_TRAIN_PARAMETERS_H

#include "runtime/abi/abi.h"
#include "runtime/core/Status.h"
#include "runtime/include/bertc_train.h"

namespace bertc::rt {

/// The four memories of a trainer: weights in the layout of the segment, the
/// others all in that of the gradients.
struct TrainMemory {
  float *weights;
  float *gradients;
  float *firstMoments;
  float *secondMoments;
};

/// A parameter of one layer, or outside of the layers.
struct Parameter {
  const bertc_parameter_desc *desc;
  const char *name;
  int32_t layer; // -1: outside of the layers
  /// Floats from the begin of TrainMemory.weights, and of the others.
  uint64_t weight;
  uint64_t gradient; // BERTC_FROZEN if it has none
  bool trained() const { return gradient != BERTC_FROZEN; }
  uint64_t size() const { return uint64_t(desc->rows) * desc->columns; }
};

class Parameters {
public:
  /// Lists what `desc` describes, and checks that it fits into memories of so
  /// many bytes.
  bertc_code open(const bertc_train_desc &desc, uint64_t weightsSize,
                  bertc_status *status);
  void close();

  uint32_t count() const { return number; }
  const Parameter &operator[](uint32_t index) const { return list[index]; }

private:
  Parameter *list = nullptr;
  char *names = nullptr;
  uint32_t number = 0;
};

/// Copies rows [first, first + rows) of the packed range to the dense array at
/// `data`, or back.
void unpackRows(const bertc_parameter_desc &desc, const float *packed,
                uint64_t first, uint64_t rows, float *data);
void packRows(const bertc_parameter_desc &desc, float *packed, uint64_t first,
              uint64_t rows, const float *data);

/// Draws the value of a new parameter.
void drawParameter(const Parameter &parameter, uint64_t seed, double deviation,
                   float *packed);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_PARAMETERS_H
