//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the passes report about fusions, kept in order for `--remarks` and for
// the report.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_REMARKS_H
#define BERTC_COMPILER_DRIVER_REMARKS_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringRef.h"
#include <memory>
#include <string>
#include <vector>

namespace bertc {

struct FusionRemark {
  std::string pass;  ///< "attention", ...
  bool made = false; ///< Or missed.
  std::string text;  ///< What was made, or why not.
  /// Says what a pass found out instead of what it did.
  bool analysis = false;
};

/// Collects the remarks of everything that runs in `context`, into a list that
/// the caller shares.
void collectRemarks(mlir::MLIRContext &context,
                    std::shared_ptr<std::vector<FusionRemark>> remarks);

/// "remark: fusion 'attention' passed: made enc.fused_attention".
std::string formatRemark(const FusionRemark &remark);

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_REMARKS_H
