//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The meaning of losses, dropout and gradients, in plain loops and double
// precision. Gradients are written from their formulas, not derived from the
// forward functions: finite differences of those are what they are tested with.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_TRAININGFUNCTIONS_H
#define BERTC_DIALECTS_ENC_REFERENCE_TRAININGFUNCTIONS_H

#include "dialects/Enc/Reference/Functions.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir::enc::reference {

/// One row of scores: a token, its head, and the tokens [first, first + count)
/// that it attends to.
struct ScoreRow {
  int64_t token;
  int64_t head;
  int64_t first;
  int64_t count;
  int64_t at; ///< Index of the row's first score.
};

/// All rows of ragged scores in order.
void forScoreRows(const std::vector<int64_t> &lengths, int64_t heads,
                  llvm::function_ref<void(const ScoreRow &)> body);

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

/// Where the random bits of one dropout come from.
struct DropoutSource {
  uint64_t seed = 0;
  uint32_t step = 0;
  uint32_t site = 0;
  uint32_t layer = 0;
  double rate = 0;
};

/// What an element is multiplied by: 0 or 1 / (1 - rate).
double dropoutFactor(const DropoutSource &source, int64_t row, int64_t column,
                     int64_t head);

/// Of rows, or of ragged scores.
Tensor dropout(Tensor x, const DropoutSource &source);

//===----------------------------------------------------------------------===//
// Losses: with `gradient`, that of the input is written there
//===----------------------------------------------------------------------===//

double crossEntropy(const Tensor &x, const Tensor &labels, Tensor *gradient);
double meanSquaredError(const Tensor &x, const Tensor &labels,
                        Tensor *gradient);
double binaryCrossEntropy(const Tensor &x, const Tensor &labels,
                          Tensor *gradient);
double spanLoss(const Tensor &x, const Tensor &labels, const Tensor &offsets,
                Tensor *gradient);

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

/// dy w with w [out, in].
Tensor linearInputGradient(const Tensor &dy, const Weight &weight, int64_t in);
/// dy^T x.
std::vector<double> linearWeightGradient(const Tensor &dy, const Tensor &x);
std::vector<double> columnSums(const Tensor &dy);
/// Rows of dy added up by id.
std::vector<double> embedGradient(const Tensor &dy, const Tensor &ids,
                                  int64_t rows);

struct NormGradients {
  Tensor input;
  std::vector<double> gain, bias;
};
NormGradients layerNormGradient(const Tensor &dy, const Tensor &x,
                                const Weight &gain, double epsilon);

double geluSlope(double x);
double geluTanhSlope(double x);
double reluSlope(double x);
double siluSlope(double x);
double tanhSlope(double x);

/// log(sum(exp)) of each row of ragged scores -> [tokens, heads].
Tensor logSumExp(const Tensor &scores);
/// [tokens, 3, heads, size], of softmax(scale q k^T) v with merged heads.
Tensor attentionGradient(const Tensor &dy, const Tensor &y, const Tensor &qkv,
                         const Tensor &logSumExp, const Tensor &offsets,
                         double scale, const DropoutSource *dropout);

/// `x` is read for Max only.
Tensor poolGradient(const Tensor &dy, const Tensor *x, const Tensor &offsets,
                    Pooling mode);
Tensor normalizeGradient(const Tensor &dy, const Tensor &x);

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_TRAININGFUNCTIONS_H
