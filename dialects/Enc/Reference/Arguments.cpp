//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two offsets arguments must be equal: scores and contexts of one sequence
// structure are then the only ones there are.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/Arguments.h"
#include "dialects/Enc/IR/EncTypes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <cmath>
#include <optional>

using namespace mlir;
using namespace mlir::enc;
using namespace mlir::enc::reference;

static Tensor fromIntegers(const std::vector<int32_t> &values) {
  Tensor tensor({static_cast<int64_t>(values.size())});
  llvm::copy(values, tensor.data.begin());
  return tensor;
}

FailureOr<std::vector<Tensor>>
reference::bindInputs(func::FuncOp forward, const ModelInputs &inputs) {
  const std::vector<int32_t> *tokens[] = {&inputs.ids, &inputs.types,
                                          &inputs.positions};
  size_t next = 0;
  std::vector<Tensor> arguments;
  for (auto [index, type] : llvm::enumerate(forward.getArgumentTypes())) {
    if (isa<OffsetsType>(type)) {
      arguments.push_back(fromIntegers(inputs.offsets));
      continue;
    }
    auto tokensType = dyn_cast<TokensType>(type);
    if (!tokensType || !tokensType.getElementType().isInteger(32) ||
        next == std::size(tokens))
      return forward.emitError("argument ")
             << index << " of a model is expected to be ids, types, positions "
             << "or offsets, got " << type;
    arguments.push_back(fromIntegers(*tokens[next++]));
  }
  return arguments;
}

namespace {

/// Counts that several arguments must agree on.
struct Sizes {
  std::optional<int64_t> tokens;
  std::optional<int64_t> sequences;
};

} // namespace

static LogicalResult agree(func::FuncOp function, unsigned index,
                           StringRef what, std::optional<int64_t> &size,
                           int64_t got) {
  if (size && *size != got)
    return function.emitError("argument ")
           << index << " has " << got << " " << what << ", expected " << *size;
  size = got;
  return success();
}

static LogicalResult checkOffsets(func::FuncOp function, unsigned index,
                                  const Tensor &tensor, Sizes &sizes) {
  const std::vector<double> &offsets = tensor.data;
  if (tensor.shape.size() != 1 || offsets.size() < 2 || offsets[0] != 0)
    return function.emitError("argument ")
           << index << " holds offsets: expected 0 and the end of each "
           << "sequence, got " << offsets.size() << " numbers";
  for (size_t i = 1; i < offsets.size(); ++i)
    if (!(offsets[i] > offsets[i - 1]) || offsets[i] != std::floor(offsets[i]))
      return function.emitError("argument ")
             << index << " holds offsets: expected sequence " << i - 1
             << " to end after " << static_cast<int64_t>(offsets[i - 1])
             << ", got " << offsets[i];
  if (failed(agree(function, index, "tokens", sizes.tokens,
                   static_cast<int64_t>(offsets.back()))))
    return failure();
  return agree(function, index, "sequences", sizes.sequences,
               offsets.size() - 1);
}

static LogicalResult checkRows(func::FuncOp function, unsigned index,
                               const Tensor &tensor, Type type, Sizes &sizes) {
  if (tensor.shape.empty() ||
      ArrayRef(tensor.shape).drop_front() != getRowShape(type) ||
      static_cast<int64_t>(tensor.data.size()) !=
          Tensor::elements(tensor.shape))
    return function.emitError("argument ")
           << index << " is expected to be rows of " << type << ", got "
           << tensor.data.size() << " numbers";
  if (isa<TokensType>(type))
    return agree(function, index, "tokens", sizes.tokens, tensor.rows());
  return agree(function, index, "sequences", sizes.sequences, tensor.rows());
}

/// Integers that a double holds exactly.
static LogicalResult checkRandom(func::FuncOp function, unsigned index,
                                 const Tensor &tensor) {
  auto isSeed = [](double value) {
    return value >= 0 && value < 0x1p53 && value == std::floor(value);
  };
  if (tensor.data.size() == 2 && llvm::all_of(tensor.data, isSeed))
    return success();
  return function.emitError("argument ")
         << index << " is expected to hold a seed and a step of 0 to 2^53, got "
         << tensor.data.size() << " numbers";
}

LogicalResult reference::checkArguments(func::FuncOp function,
                                        ArrayRef<Tensor> arguments) {
  if (!function.getBody().hasOneBlock())
    return function.emitError("expected a function of one block");
  if (arguments.size() != function.getNumArguments())
    return function.emitError("expected ")
           << function.getNumArguments() << " arguments, got "
           << arguments.size();
  Sizes sizes;
  // Offsets first: they say what the other arguments should have.
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    if (isa<OffsetsType>(type) &&
        failed(checkOffsets(function, index, arguments[index], sizes)))
      return failure();
  std::optional<unsigned> offsets;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    if (isa<OffsetsType>(type)) {
      if (offsets && arguments[*offsets].data != arguments[index].data)
        return function.emitError("arguments ")
               << *offsets << " and " << index
               << " are expected to hold the same offsets";
      offsets = index;
    } else if (isa<TokensType, SequencesType>(type)) {
      if (failed(checkRows(function, index, arguments[index], type, sizes)))
        return failure();
    } else if (isa<RandomType>(type)) {
      if (failed(checkRandom(function, index, arguments[index])))
        return failure();
    } else {
      return function.emitError("argument ")
             << index << " has type " << type
             << ", expected enc tokens, sequences, offsets or random";
    }
  }
  return success();
}
