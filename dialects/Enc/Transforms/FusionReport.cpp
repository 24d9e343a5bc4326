//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Remarks of the category "fusion", see mlir/IR/Remarks.h.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/Transforms/FusionReport.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace mlir::enc;

static remark::RemarkOpts options(StringRef name, Operation *op) {
  StringRef function;
  if (auto parent = op->getParentOfType<func::FuncOp>())
    function = parent.getName();
  return remark::RemarkOpts::name(name).category("fusion").function(function);
}

void FusionReport::passed(Operation *op) {
  ++made;
  remark::passed(op->getLoc(), options(name, op))
      << remark::add("made {0}", op->getName().getStringRef());
}

void FusionReport::missed(Operation *op, const Twine &reason) {
  std::string text = reason.str();
  remark::missed(op->getLoc(), options(name, op))
      << remark::reason("{0}", text);
  if (!require)
    return;
  failed = true;
  op->emitError("required fusion '") << name << "' missed: " << text;
}

LogicalResult FusionReport::finish(func::FuncOp function) {
  // A declaration has nothing to fuse.
  if (require && made == 0 && !failed && !function.isDeclaration()) {
    failed = true;
    function.emitError("required fusion '")
        << name << "' found no candidate in the function";
  }
  return failure(failed);
}

void enc::eraseChain(ArrayRef<Operation *> ops) {
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}
