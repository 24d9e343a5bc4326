//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the fusion passes say about themselves: one remark for each fusion made
// and for each candidate that failed a precondition. Fusions are walks, not
// greedy patterns, so that a candidate is looked at, and reported, once.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_TRANSFORMS_FUSIONREPORT_H
#define BERTC_DIALECTS_ENC_TRANSFORMS_FUSIONREPORT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::enc {

class FusionReport {
public:
  /// `name` as in `--require-fusion`: "attention".
  FusionReport(StringRef name, bool require) : name(name), require(require) {}

  /// `op` is the fused op.
  void passed(Operation *op);
  /// `op` is the candidate, `reason` the precondition that failed.
  void missed(Operation *op, const Twine &reason);
  /// Failure if something required was missed or never found.
  LogicalResult finish(func::FuncOp function);

private:
  StringRef name;
  bool require;
  int64_t made = 0;
  bool failed = false;
};

/// The body of a fusion pass: `fuse` for each `Anchor` of the function. They
/// are collected first, since a fusion erases ops around its anchor.
template <typename Anchor>
LogicalResult fuseEach(func::FuncOp function, StringRef name, bool require,
                       void (*fuse)(Anchor, FusionReport &)) {
  FusionReport report(name, require);
  SmallVector<Anchor> anchors;
  function.walk([&](Anchor anchor) { anchors.push_back(anchor); });
  for (Anchor anchor : anchors)
    fuse(anchor, report);
  return report.finish(function);
}

/// Makes `dropout`, which lies between parts of `fused`, a part of it.
template <typename Fused, typename Dropout>
void takeDropout(Fused fused, Dropout dropout) {
  fused.getRandomMutable().assign(dropout.getRandom());
  fused.setSiteAttr(dropout.getSiteAttr());
  fused.setRateAttr(dropout.getRateAttr());
}

/// Erases `ops`, which lie in program order, last first.
void eraseChain(ArrayRef<Operation *> ops);

} // namespace mlir::enc

#endif // BERTC_DIALECTS_ENC_TRANSFORMS_FUSIONREPORT_H
