//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A field that says "as usual" is left out: one split, no cluster.
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/DevicePlanAttributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Operation.h"

using namespace mlir;
using namespace bertc;

namespace {
/// A dictionary in the making.
class Fields {
public:
  explicit Fields(MLIRContext *context) : b(context) {}

  Fields &number(StringRef name, int64_t value) {
    return add(name, b.getI64IntegerAttr(value));
  }
  Fields &numberUnless(StringRef name, int64_t value, int64_t usual) {
    return value == usual ? *this : number(name, value);
  }
  Fields &flag(StringRef name, bool value) {
    return value ? add(name, b.getUnitAttr()) : *this;
  }
  DictionaryAttr done() { return b.getDictionaryAttr(entries); }

private:
  Fields &add(StringRef name, Attribute value) {
    entries.push_back(b.getNamedAttr(name, value));
    return *this;
  }
  Builder b;
  SmallVector<NamedAttribute> entries;
};
} // namespace

ArrayAttr bertc::toAttribute(MLIRContext *context,
                             const DeviceLinearPlans &plans) {
  SmallVector<Attribute> classes;
  for (const auto &[from, plan] : plans)
    classes.push_back(Fields(context)
                          .number("from", from)
                          .number("block_rows", plan.blockRows)
                          .number("block_columns", plan.blockColumns)
                          .number("block_depth", plan.blockDepth)
                          .number("warp_rows", plan.warpRows)
                          .number("warp_columns", plan.warpColumns)
                          .number("stages", plan.stages)
                          .numberUnless("splits", plan.splits, 1)
                          .flag("wgmma", plan.wgmma)
                          .flag("ping_pong", plan.pingPong)
                          .numberUnless("cluster", plan.cluster, 1)
                          .done());
  return ArrayAttr::get(context, classes);
}

ArrayAttr bertc::toAttribute(MLIRContext *context,
                             const DeviceAttentionPlans &plans) {
  SmallVector<Attribute> classes;
  for (const auto &[from, plan] : plans)
    classes.push_back(Fields(context)
                          .number("from", from)
                          .number("rows", plan.rows)
                          .number("keys", plan.keys)
                          .number("warps", plan.warps)
                          .number("stages", plan.stages)
                          .numberUnless("shared_planes", plan.sharedPlanes, 0)
                          .flag("split_keys", plan.splitKeys)
                          .done());
  return ArrayAttr::get(context, classes);
}

DictionaryAttr bertc::toAttribute(MLIRContext *context,
                                  const DeviceAttentionGradientPlans &plans) {
  auto side = [&](const DeviceAttentionGradientPlan &plan) {
    return Fields(context)
        .number("rows", plan.rows)
        .number("columns", plan.columns)
        .number("warps", plan.warps)
        .number("stages", plan.stages)
        .flag("resident", plan.resident)
        .done();
  };
  Builder b(context);
  return b.getDictionaryAttr({b.getNamedAttr("keys", side(plans.keys)),
                              b.getNamedAttr("queries", side(plans.queries))});
}

void bertc::writePlan(Operation *op, Attribute plan, StringRef part) {
  if (part.empty())
    return op->setAttr("plan", plan);
  NamedAttrList parts(op->getAttrOfType<DictionaryAttr>("plan"));
  parts.set(part, plan);
  op->setAttr("plan", parts.getDictionary(op->getContext()));
}
