//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table of fields per plan serves printing and reading.
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/PlanAttributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Operation.h"

using namespace mlir;
using namespace bertc;

namespace {
template <typename Plan> struct Field {
  llvm::StringLiteral name;
  int64_t Plan::*value;
};
} // namespace

static constexpr Field<LinearPlan> linearFields[] = {
    {"rows", &LinearPlan::rows},
    {"panels", &LinearPlan::panels},
    {"depth_block", &LinearPlan::depthBlock},
    {"group", &LinearPlan::group},
    {"row_block", &LinearPlan::rowBlock}};
static constexpr Field<AttentionPlan> attentionFields[] = {
    {"rows", &AttentionPlan::rows},
    {"key_panels", &AttentionPlan::keyPanels},
    {"value_panels", &AttentionPlan::valuePanels}};
static constexpr Field<WeightGradientPlan> weightGradientFields[] = {
    {"rows", &WeightGradientPlan::rows},
    {"panels", &WeightGradientPlan::panels},
    {"depth_block", &WeightGradientPlan::depthBlock},
    {"row_block", &WeightGradientPlan::rowBlock},
    {"group", &WeightGradientPlan::group}};
static constexpr Field<AttentionGradientPlan> attentionGradientFields[] = {
    {"rows", &AttentionGradientPlan::rows},
    {"key_panels", &AttentionGradientPlan::keyPanels},
    {"head_panels", &AttentionGradientPlan::headPanels},
    {"row_block", &AttentionGradientPlan::rowBlock}};

template <typename Plan, size_t n>
static DictionaryAttr write(MLIRContext *context, const Plan &plan,
                            const Field<Plan> (&fields)[n],
                            ArrayRef<NamedAttribute> others = {}) {
  Builder b(context);
  SmallVector<NamedAttribute> entries(others);
  for (const Field<Plan> &field : fields)
    entries.push_back(
        b.getNamedAttr(field.name, b.getI64IntegerAttr(plan.*field.value)));
  return b.getDictionaryAttr(entries);
}

static DictionaryAttr planOf(Operation *op, StringRef part) {
  auto plan = op->getAttrOfType<DictionaryAttr>("plan");
  if (plan && !part.empty())
    plan = plan.getAs<DictionaryAttr>(part);
  return plan;
}

std::optional<Arithmetic> bertc::peekArithmetic(Operation *op, StringRef part) {
  DictionaryAttr plan = planOf(op, part);
  auto name = plan ? plan.getAs<StringAttr>("arithmetic") : StringAttr();
  return name ? findArithmetic(name) : std::nullopt;
}

template <typename Plan, size_t n>
static FailureOr<Plan> read(Operation *op, StringRef part,
                            const Field<Plan> (&fields)[n]) {
  DictionaryAttr plan = planOf(op, part);
  if (!plan)
    return op->emitOpError("has no plan")
           << (part.empty() ? "" : " for its part ") << part
           << "; run enc-plan before lowering";
  Plan result;
  for (const Field<Plan> &field : fields) {
    auto value = plan.template getAs<IntegerAttr>(field.name);
    if (!value)
      return op->emitOpError("plan lacks the integer '") << field.name << "'";
    int64_t number = value.getInt();
    bool tile = field.name == "rows" || field.name.ends_with("panels");
    if (number < 1 || (tile && number > 32))
      return op->emitOpError("plan has '")
             << field.name << "' = " << number << ", expected 1 to "
             << (tile ? "32" : "any size");
    result.*field.value = number;
  }
  return result;
}

template <typename Plan, size_t n>
static DictionaryAttr writeAll(MLIRContext *context, const Plan &plan,
                               const Field<Plan> (&fields)[n]) {
  Builder b(context);
  return write(context, plan, fields,
               b.getNamedAttr("arithmetic", b.getStringAttr(arithmeticName(
                                                plan.arithmetic))));
}
DictionaryAttr bertc::toAttribute(MLIRContext *context,
                                  const LinearPlan &plan) {
  return writeAll(context, plan, linearFields);
}
DictionaryAttr bertc::toAttribute(MLIRContext *context,
                                  const AttentionPlan &plan) {
  return writeAll(context, plan, attentionFields);
}

DictionaryAttr bertc::toAttribute(MLIRContext *context,
                                  const WeightGradientPlan &plan) {
  return writeAll(context, plan, weightGradientFields);
}
DictionaryAttr bertc::toAttribute(MLIRContext *context,
                                  const AttentionGradientPlan &plan) {
  return write(context, plan, attentionGradientFields);
}

FailureOr<AttentionGradientPlan> bertc::attentionGradientPlan(Operation *op) {
  return read(op, {}, attentionGradientFields);
}

/// The plan with its arithmetic; that of tiles wants the register tile that
/// tiles have.
template <typename Plan, size_t n>
static FailureOr<Plan> readAll(Operation *op, StringRef part,
                               const Field<Plan> (&fields)[n],
                               llvm::function_ref<int64_t(Plan)> widest) {
  FailureOr<Plan> plan = read(op, part, fields);
  if (failed(plan))
    return plan;
  auto name = planOf(op, part).template getAs<StringAttr>("arithmetic");
  std::optional<Arithmetic> arithmetic =
      name ? findArithmetic(name) : std::nullopt;
  if (!arithmetic)
    return op->emitOpError("plan lacks an 'arithmetic' that is known");
  plan->arithmetic = *arithmetic;
  int64_t wide = widest(*plan);
  if (isTile(*arithmetic) && (plan->rows != 32 || wide > 2))
    return op->emitOpError("plan has a register tile of ")
           << plan->rows << " rows and " << wide
           << " panels, expected 32 rows and 1 or 2 panels of tile registers";
  return plan;
}
FailureOr<WeightGradientPlan> bertc::weightGradientPlan(Operation *op) {
  FailureOr<WeightGradientPlan> plan = readAll<WeightGradientPlan>(
      op, {}, weightGradientFields,
      [](WeightGradientPlan plan) { return plan.panels; });
  if (failed(plan))
    return plan;
  Arithmetic a = plan->arithmetic;
  if (a != Arithmetic::F32 && a != Arithmetic::BF16Tile)
    return op->emitOpError("plan has arithmetic '")
           << arithmeticName(a)
           << "', expected f32 or bf16_tile for the gradient of a weight";
  return plan;
}
FailureOr<LinearPlan> bertc::linearPlan(Operation *op, StringRef part) {
  FailureOr<LinearPlan> plan = readAll<LinearPlan>(
      op, part, linearFields, [](LinearPlan plan) { return plan.panels; });
  if (failed(plan))
    return plan;
  constexpr int64_t wholeTile = 32; // k steps; in quads as they are stored
  if (isWidened(plan->arithmetic) && plan->depthBlock % wholeTile != 0)
    return op->emitOpError("plan has 'depth_block' = ")
           << plan->depthBlock << ", expected a multiple of " << wholeTile
           << " where weights are widened";
  return plan;
}
FailureOr<AttentionPlan> bertc::attentionPlan(Operation *op) {
  FailureOr<AttentionPlan> plan =
      readAll<AttentionPlan>(op, {}, attentionFields, [](AttentionPlan plan) {
        return std::max(plan.keyPanels, plan.valuePanels);
      });
  if (failed(plan))
    return plan;
  Arithmetic a = plan->arithmetic;
  if (a != Arithmetic::F32 && a != Arithmetic::BF16Dot &&
      a != Arithmetic::BF16Tile)
    return op->emitOpError("plan has arithmetic '")
           << arithmeticName(a)
           << "', expected f32, bf16_dot or bf16_tile for attention";
  return plan;
}
