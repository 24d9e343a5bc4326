//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Padding is taken out before and put back after, as the runtime does: the
// program knows packed tokens only.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Interpret.h"
#include "dialects/Enc/IR/EncTypes.h"
#include "tools/bertc/ReferenceModel.h"

using namespace bertc;
using namespace bertc::tool;
namespace reference = mlir::enc::reference;

namespace {

/// The real tokens, and where in the padded batch each one is.
struct Packed {
  reference::ModelInputs inputs;
  std::vector<int64_t> rows;
};

} // namespace

static llvm::Error bad(llvm::StringRef subject, const llvm::Twine &name,
                       int64_t value, int64_t limit) {
  return bertc::makeError(ExitCode::BadInput, subject,
                          name + " has the value " + llvm::Twine(value) +
                              ", expected 0 to " + llvm::Twine(limit - 1));
}

static llvm::Expected<Packed>
pack(const Inputs &inputs, const ModelConfig &config, llvm::StringRef subject) {
  Packed result;
  result.inputs.offsets.push_back(0);
  for (int64_t i = 0; i < inputs.batch * inputs.seq; ++i) {
    int64_t mask = inputs.mask ? inputs.mask->data[i] : 1;
    if (mask != 0 && mask != 1)
      return bad(subject, "attention_mask", mask, 2);
    int64_t id = inputs.ids->data[i];
    int64_t type = inputs.types ? inputs.types->data[i] : 0;
    int64_t position =
        inputs.positions ? inputs.positions->data[i] : i % inputs.seq;
    if (mask) {
      if (id < 0 || id >= config.vocabSize)
        return bad(subject, "input_ids", id, config.vocabSize);
      if (type < 0 || type >= config.typeVocabSize)
        return bad(subject, "token_type_ids", type, config.typeVocabSize);
      if (position < 0 || position >= config.maxPositionEmbeddings)
        return bad(subject, "position_ids", position,
                   config.maxPositionEmbeddings);
      result.inputs.ids.push_back(int32_t(id));
      result.inputs.types.push_back(int32_t(type));
      result.inputs.positions.push_back(int32_t(position));
      result.rows.push_back(i);
    }
    if (i % inputs.seq != inputs.seq - 1)
      continue;
    if (int32_t(result.rows.size()) == result.inputs.offsets.back())
      return bertc::makeError(ExitCode::BadInput, subject,
                              "row " + llvm::Twine(i / inputs.seq) +
                                  " of attention_mask has no real token");
    result.inputs.offsets.push_back(int32_t(result.rows.size()));
  }
  return result;
}

/// Ragged matrices back to [batch, heads, seq, seq].
static FloatTensor unpackPairs(const reference::NamedTensor &result,
                               const Packed &packed, const Inputs &inputs) {
  int64_t heads = result.tensor.shape.front(), seq = inputs.seq;
  FloatTensor out{result.name, {inputs.batch, heads, seq, seq}, {}};
  out.data.resize(reference::Tensor::elements(out.shape), 0.0f);
  const double *from = result.tensor.data.data();
  for (auto [sequence, length] : llvm::enumerate(result.tensor.lengths)) {
    auto column = [&, sequence = int64_t(sequence)](int64_t token) {
      int64_t first = packed.inputs.offsets[sequence];
      return packed.rows[first + token] - sequence * seq;
    };
    for (int64_t head = 0; head < heads; ++head) {
      float *matrix =
          out.data.data() + (int64_t(sequence) * heads + head) * seq * seq;
      for (int64_t i = 0; i < length; ++i)
        for (int64_t j = 0; j < length; ++j)
          matrix[column(i) * seq + column(j)] = float(*from++);
    }
  }
  return out;
}

/// Rows of tokens back to [batch, seq, width], rows of sequences as they are.
static FloatTensor unpack(const reference::NamedTensor &result, bool tokens,
                          const Packed &packed, const Inputs &inputs) {
  int64_t width = result.tensor.width();
  FloatTensor out{result.name, {inputs.batch, width}, {}};
  if (tokens)
    out.shape = {inputs.batch, inputs.seq, width};
  out.data.resize(reference::Tensor::elements(out.shape), 0.0f);
  for (int64_t row = 0; row < result.tensor.rows(); ++row)
    std::copy_n(result.tensor.row(row), width,
                out.data.begin() + (tokens ? packed.rows[row] : row) * width);
  return out;
}

llvm::Expected<std::vector<FloatTensor>>
tool::interpretModel(llvm::StringRef directory, llvm::StringRef outputs,
                     const Inputs &inputs, llvm::StringRef subject) {
  auto model = ReferenceModel::load(directory, outputs);
  if (!model)
    return model.takeError();
  auto packed = pack(inputs, (*model)->directory().config, subject);
  if (!packed)
    return packed.takeError();
  auto results = (*model)->run(packed->inputs);
  if (!results)
    return results.takeError();
  std::vector<FloatTensor> tensors;
  for (auto [result, type] :
       llvm::zip(*results, (*model)->forward().getResultTypes()))
    tensors.push_back(llvm::isa<mlir::enc::ScoresType>(type)
                          ? unpackPairs(result, *packed, inputs)
                          : unpack(result,
                                   llvm::isa<mlir::enc::TokensType>(type),
                                   *packed, inputs));
  return tensors;
}
