//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both layouts go through one function that places a token, which knows how to
// name an element of the layout in messages. Elements are read by memcpy, as
// the caller's arrays may come straight from a file without alignment.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Pack.h"

#include <cstdio>
#include <cstring>

namespace bertc::rt {

static constexpr int64_t mostRows = INT32_MAX;

int64_t readElement(const void *array, uint32_t dtype, int64_t index) {
  if (dtype == BERTC_I32) {
    int32_t value;
    memcpy(&value, static_cast<const char *>(array) + index * 4, 4);
    return value;
  }
  int64_t value;
  memcpy(&value, static_cast<const char *>(array) + index * 8, 8);
  return value;
}

static bertc_code checkCommon(uint32_t dtype, const void *ids,
                              const char *inputs, bertc_status *status) {
  if (dtype != BERTC_I64 && dtype != BERTC_I32)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s.dtype is %u, expected BERTC_I64 or BERTC_I32", inputs,
                dtype);
  if (!ids)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s.input_ids is null, expected an array", inputs);
  return ok(status);
}

static bertc_code checkCount(int64_t count, const char *name,
                             bertc_status *status) {
  if (count >= 1)
    return ok(status);
  return fail(status, BERTC_BAD_INPUT, "%s is %lld, expected at least 1", name,
              static_cast<long long>(count));
}

static bertc_code failTooLong(const char *what, int64_t index, int64_t length,
                              const bertc_model_desc &desc,
                              bertc_status *status) {
  return fail(status, BERTC_BAD_INPUT,
              "%s %lld has %lld tokens, expected at most %u, the model's "
              "max_position_embeddings\nhelp: cut the text, or split it",
              what, static_cast<long long>(index),
              static_cast<long long>(length), desc.max_position_embeddings);
}

bertc_code measure(const bertc_padded_inputs &inputs,
                   const bertc_model_desc &desc, Shape &shape,
                   bertc_status *status) {
  bertc_code code = checkCommon(inputs.dtype, inputs.input_ids,
                                "bertc_padded_inputs", status);
  if (!code)
    code = checkCount(inputs.batch, "bertc_padded_inputs.batch", status);
  if (!code)
    code = checkCount(inputs.seq, "bertc_padded_inputs.seq", status);
  if (code)
    return code;
  if (inputs.batch > mostRows / inputs.seq)
    return fail(status, BERTC_BAD_INPUT,
                "batch * seq is %lld * %lld, expected less than 2^31",
                static_cast<long long>(inputs.batch),
                static_cast<long long>(inputs.seq));
  shape = {0, inputs.batch, 0, inputs.batch * inputs.seq, inputs.seq};
  for (int64_t row = 0; row < inputs.batch; ++row) {
    int64_t length = inputs.seq;
    if (inputs.attention_mask) {
      length = 0;
      for (int64_t column = 0; column < inputs.seq; ++column) {
        int64_t value = readElement(inputs.attention_mask, inputs.dtype,
                                    row * inputs.seq + column);
        if (value != 0 && value != 1)
          return fail(status, BERTC_BAD_INPUT,
                      "attention_mask[%lld, %lld] is %lld, expected 0 or 1",
                      static_cast<long long>(row),
                      static_cast<long long>(column),
                      static_cast<long long>(value));
        length += value;
      }
    }
    if (length == 0)
      return fail(status, BERTC_BAD_INPUT,
                  "attention_mask row %lld is all 0, expected at least one "
                  "real token in each row\nhelp: leave the row out",
                  static_cast<long long>(row));
    if (length > desc.max_position_embeddings)
      return failTooLong("row", row, length, desc, status);
    shape.tokens += length;
    if (length > shape.longest)
      shape.longest = length;
  }
  return ok(status);
}

bertc_code measure(const bertc_packed_inputs &inputs,
                   const bertc_model_desc &desc, Shape &shape,
                   bertc_status *status) {
  bertc_code code = checkCommon(inputs.dtype, inputs.input_ids,
                                "bertc_packed_inputs", status);
  if (!code && !inputs.cu_seqlens)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_packed_inputs.cu_seqlens is null, expected an array");
  if (!code)
    code = checkCount(inputs.tokens, "bertc_packed_inputs.tokens", status);
  if (!code)
    code =
        checkCount(inputs.sequences, "bertc_packed_inputs.sequences", status);
  if (code)
    return code;
  if (inputs.tokens > mostRows)
    return fail(status, BERTC_BAD_INPUT,
                "bertc_packed_inputs.tokens is %lld, expected less than 2^31",
                static_cast<long long>(inputs.tokens));
  if (inputs.sequences > inputs.tokens)
    return fail(status, BERTC_BAD_INPUT,
                "bertc_packed_inputs.sequences is %lld, expected at most the "
                "number of tokens, %lld",
                static_cast<long long>(inputs.sequences),
                static_cast<long long>(inputs.tokens));
  shape = {inputs.tokens, inputs.sequences, 0, inputs.tokens, 0};
  int64_t begin = readElement(inputs.cu_seqlens, inputs.dtype, 0);
  if (begin != 0)
    return fail(status, BERTC_BAD_INPUT, "cu_seqlens[0] is %lld, expected 0",
                static_cast<long long>(begin));
  for (int64_t i = 0; i < inputs.sequences; ++i) {
    int64_t end = readElement(inputs.cu_seqlens, inputs.dtype, i + 1);
    if (end <= begin || end > inputs.tokens)
      return fail(status, BERTC_BAD_INPUT,
                  "cu_seqlens[%lld] is %lld, expected %lld to %lld, as each "
                  "sequence has at least one token",
                  static_cast<long long>(i + 1), static_cast<long long>(end),
                  static_cast<long long>(begin + 1),
                  static_cast<long long>(inputs.tokens));
    if (end - begin > desc.max_position_embeddings)
      return failTooLong("sequence", i, end - begin, desc, status);
    if (end - begin > shape.longest)
      shape.longest = end - begin;
    begin = end;
  }
  if (begin != inputs.tokens)
    return fail(status, BERTC_BAD_INPUT,
                "cu_seqlens[%lld] is %lld, expected the number of tokens, %lld",
                static_cast<long long>(inputs.sequences),
                static_cast<long long>(begin),
                static_cast<long long>(inputs.tokens));
  shape.pairLength = shape.longest;
  return ok(status);
}

namespace {

/// Places tokens one after another, from elements of the caller's arrays.
struct Packer {
  const bertc_model_desc &desc;
  const PackedArrays &arrays;
  bertc_status *status;
  uint32_t dtype;
  const void *ids;
  const void *types;
  const void *positions;
  int64_t columns; // of the padded layout; 0 if packed
  int64_t count = 0;

  bertc_code failElement(const char *array, int64_t element, int64_t value,
                         int64_t limit, const char *config) const {
    char index[48];
    if (columns)
      snprintf(index, sizeof(index), "%lld, %lld",
               static_cast<long long>(element / columns),
               static_cast<long long>(element % columns));
    else
      snprintf(index, sizeof(index), "%lld", static_cast<long long>(element));
    return fail(status, BERTC_BAD_INPUT,
                "%s[%s] is %lld, expected 0 to %lld, as %s is %lld", array,
                index, static_cast<long long>(value),
                static_cast<long long>(limit - 1), config,
                static_cast<long long>(limit));
  }

  bertc_code place(int64_t element, int64_t position) {
    int64_t id = readElement(ids, dtype, element);
    if (id < 0 || id >= desc.vocab_size)
      return failElement("input_ids", element, id, desc.vocab_size,
                         "vocab_size");
    int64_t type = types ? readElement(types, dtype, element) : 0;
    if (types && (type < 0 || type >= desc.type_vocab_size))
      return failElement("token_type_ids", element, type, desc.type_vocab_size,
                         "type_vocab_size");
    if (positions)
      position = readElement(positions, dtype, element);
    if (position < 0 || position >= desc.max_position_embeddings)
      return failElement(positions ? "position_ids" : "position of input_ids",
                         element, position, desc.max_position_embeddings,
                         "max_position_embeddings");
    arrays.ids[count] = static_cast<int32_t>(id);
    arrays.types[count] = static_cast<int32_t>(type);
    arrays.positions[count] = static_cast<int32_t>(position);
    arrays.rows[count] = static_cast<int32_t>(element);
    ++count;
    return BERTC_OK;
  }
};

} // namespace

bertc_code pack(const bertc_padded_inputs &inputs, const bertc_model_desc &desc,
                const Shape &shape, const PackedArrays &arrays,
                bertc_status *status) {
  Packer packer = {desc,
                   arrays,
                   status,
                   inputs.dtype,
                   inputs.input_ids,
                   inputs.token_type_ids,
                   inputs.position_ids,
                   inputs.seq};
  for (int64_t row = 0; row < inputs.batch; ++row) {
    arrays.offsets[row] = static_cast<int32_t>(packer.count);
    for (int64_t column = 0; column < inputs.seq; ++column) {
      int64_t element = row * inputs.seq + column;
      if (inputs.attention_mask &&
          readElement(inputs.attention_mask, inputs.dtype, element) == 0)
        continue;
      // Another thread that writes the mask meanwhile must not lead us astray.
      if (packer.count == shape.tokens)
        return fail(status, BERTC_BAD_INPUT,
                    "attention_mask changed during the call");
      if (bertc_code code = packer.place(element, column))
        return code;
    }
  }
  arrays.offsets[inputs.batch] = static_cast<int32_t>(packer.count);
  if (packer.count != shape.tokens)
    return fail(status, BERTC_BAD_INPUT,
                "attention_mask changed during the call");
  return ok(status);
}

bertc_code pack(const bertc_packed_inputs &inputs, const bertc_model_desc &desc,
                const Shape &shape, const PackedArrays &arrays,
                bertc_status *status) {
  Packer packer = {desc,
                   arrays,
                   status,
                   inputs.dtype,
                   inputs.input_ids,
                   inputs.token_type_ids,
                   inputs.position_ids,
                   /*columns=*/0};
  arrays.offsets[0] = 0;
  for (int64_t i = 0; i < shape.sequences; ++i) {
    int64_t begin = packer.count;
    int64_t end = readElement(inputs.cu_seqlens, inputs.dtype, i + 1);
    if (end <= begin || end > shape.tokens || end - begin > shape.longest)
      return fail(status, BERTC_BAD_INPUT,
                  "cu_seqlens changed during the call");
    for (int64_t element = begin; element < end; ++element)
      if (bertc_code code = packer.place(element, element - begin))
        return code;
    arrays.offsets[i + 1] = static_cast<int32_t>(end);
  }
  if (packer.count != shape.tokens)
    return fail(status, BERTC_BAD_INPUT, "cu_seqlens changed during the call");
  return ok(status);
}

} // namespace bertc::rt
