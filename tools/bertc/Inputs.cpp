//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values are checked by the runtime, which knows the model; shapes and types
// here.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Inputs.h"
#include "compiler/Import/Safetensors.h"
#include "llvm/ADT/StringExtras.h"

using namespace bertc;
using namespace bertc::tool;

static const llvm::StringRef inputNames[] = {"input_ids", "attention_mask",
                                             "token_type_ids", "position_ids"};

bool tool::isInput(llvm::StringRef name) {
  return llvm::is_contained(inputNames, name);
}

bertc_padded_inputs Inputs::padded() const {
  bertc_padded_inputs inputs = BERTC_INIT(bertc_padded_inputs);
  auto data = [](const IntTensor *tensor) -> const void * {
    return tensor ? tensor->data.data() : nullptr;
  };
  inputs.batch = batch;
  inputs.seq = seq;
  inputs.dtype = BERTC_I64;
  inputs.input_ids = data(ids);
  inputs.attention_mask = data(mask);
  inputs.token_type_ids = data(types);
  inputs.position_ids = data(positions);
  return inputs;
}

static llvm::Error bad(const TensorFile &file, const llvm::Twine &message,
                       const llvm::Twine &help = "") {
  return bertc::makeError(ExitCode::BadInput, file.path, message, help);
}

static llvm::Error unknownTensor(const TensorFile &file, llvm::StringRef name) {
  return bad(file,
             "unknown input tensor " + bertc::quoted(name) + ", expected " +
                 llvm::join(llvm::ArrayRef(inputNames), ", "),
             suggestion(name, inputNames));
}

static llvm::Error checkTypes(const TensorFile &file, bool only) {
  for (const FloatTensor &tensor : file.floats) {
    if (isInput(tensor.name))
      return bad(file, "tensor " + bertc::quoted(tensor.name) +
                           " is floating point, expected I64 or I32");
    if (only)
      return unknownTensor(file, tensor.name);
  }
  for (const std::string &name : file.others) {
    if (isInput(name))
      return bad(file, "tensor " + bertc::quoted(name) +
                           " has an unsupported type, expected I64 or I32");
    if (only)
      return unknownTensor(file, name);
  }
  if (only)
    for (const IntTensor &tensor : file.integers)
      if (!isInput(tensor.name))
        return unknownTensor(file, tensor.name);
  return llvm::Error::success();
}

llvm::Expected<Inputs> tool::findInputs(const TensorFile &file, bool only) {
  if (llvm::Error error = checkTypes(file, only))
    return error;
  Inputs result;
  const IntTensor **slots[] = {&result.ids, &result.mask, &result.types,
                               &result.positions};
  for (auto [name, slot] : llvm::zip(inputNames, slots))
    *slot = file.findInteger(name);
  if (!result.ids)
    return bad(file, "no tensor 'input_ids', expected I64 or I32 of shape "
                     "[batch, seq]");
  for (auto [name, slot] : llvm::zip(inputNames, slots)) {
    const IntTensor *tensor = *slot;
    if (!tensor)
      continue;
    if (tensor->shape.size() != 2)
      return bad(file, "tensor '" + name + "' has shape " +
                           formatShape(tensor->shape) +
                           ", expected [batch, seq]");
    if (tensor->shape != result.ids->shape)
      return bad(file, "tensor '" + name + "' has shape " +
                           formatShape(tensor->shape) + ", expected " +
                           formatShape(result.ids->shape) + " like input_ids");
  }
  result.batch = result.ids->shape[0];
  result.seq = result.ids->shape[1];
  if (result.batch == 0 || result.seq == 0)
    return bad(file, "tensor 'input_ids' has shape " +
                         formatShape(result.ids->shape) +
                         ", expected at least one row and one column");
  return result;
}
