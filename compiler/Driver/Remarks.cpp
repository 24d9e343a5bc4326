//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The context owns the streamer, and may outlive whoever asked for the remarks.
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Remarks.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringExtras.h"

using namespace bertc;
using mlir::remark::detail::Remark;

namespace {

class Collector : public mlir::remark::detail::MLIRRemarkStreamerBase {
public:
  explicit Collector(std::shared_ptr<std::vector<FusionRemark>> remarks)
      : remarks(std::move(remarks)) {}

  void streamOptimizationRemark(const Remark &remark) override {
    std::vector<std::string> parts;
    for (const Remark::Arg &argument : remark.getArgs())
      parts.push_back(argument.val);
    remarks->push_back(
        {remark.getRemarkName().str(),
         remark.getRemarkType() == llvm::remarks::Type::Passed,
         llvm::join(parts, " "),
         remark.getRemarkType() == llvm::remarks::Type::Analysis});
  }

private:
  std::shared_ptr<std::vector<FusionRemark>> remarks;
};

} // namespace

void bertc::collectRemarks(mlir::MLIRContext &context,
                           std::shared_ptr<std::vector<FusionRemark>> remarks) {
  mlir::remark::RemarkCategories categories;
  // `all` alone only narrows the others, it enables none of them.
  categories.passed = categories.missed = "fusion";
  categories.analysis = "backward";
  (void)mlir::remark::enableOptimizationRemarks(
      context, std::make_unique<Collector>(std::move(remarks)),
      std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories);
}

std::string bertc::formatRemark(const FusionRemark &remark) {
  if (remark.analysis)
    return "remark: " + remark.pass + " pass " + remark.text;
  return "remark: fusion '" + remark.pass +
         (remark.made ? "' passed: " : "' missed: ") + remark.text;
}
