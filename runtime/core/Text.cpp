//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Texts to tokens and to embeddings. Texts are gathered into packed batches in
// the order they come: without padding, sorting by length would gain nothing,
// and results do not depend on what a text is batched with.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Text.h"
#include "runtime/core/Structs.h"

#include <cstring>

namespace bertc::rt {

static constexpr size_t defaultBatchTokens = 4096;

static bertc_code checkTokenizer(const bertc_model *model,
                                 bertc_status *status) {
  if (bertc_code code = checkModel(model, status))
    return code;
  if (model->desc->tokenizer)
    return ok(status);
  return fail(status, BERTC_NOT_IN_MODEL,
              "this model has no tokenizer\n"
              "help: compile a directory that has tokenizer.json or vocab.txt");
}

/// Options of the tokenizer for a caller's max_tokens (0: the default).
static bertc_code resolveLimit(const bertc_model &model, uint32_t wanted,
                               EncodeOptions &options, bertc_status *status) {
  uint32_t most = model.desc->max_position_embeddings;
  if (wanted > most)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "max_tokens is %u, expected at most %u, the model's "
                "max_position_embeddings",
                wanted, most);
  uint32_t usual = model.tokenizer.header->max_tokens;
  options = {};
  options.maxTokens = wanted ? wanted : usual && usual < most ? usual : most;
  return ok(status);
}

static Text makeText(const char *data, size_t size) {
  return {data, size == BERTC_NUL_TERMINATED && data ? strlen(data) : size};
}

/// Writes the status of the tokenizer; `index` tells the text of several.
static bertc_code report(TextStatus result, const EncodeOptions &options,
                         size_t index, bertc_status *status) {
  switch (result) {
  case TextStatus::Ok:
    return ok(status);
  case TextStatus::OutOfMemory:
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory to tokenize text %zu",
                index);
  case TextStatus::TextTooLong:
    return fail(status, BERTC_BAD_INPUT,
                "text %zu is too long, expected less than 2^32 - 1 bytes",
                index);
  case TextStatus::LimitTooSmall:
    return fail(status, BERTC_INVALID_ARGUMENT,
                "max_tokens is %u, expected room for the special tokens",
                options.maxTokens);
  case TextStatus::Corrupt:
  case TextStatus::BufferTooSmall:
  case TextStatus::NoSuchToken:
    break;
  }
  return fail(status, BERTC_INTERNAL, "cannot tokenize text %zu", index);
}

bertc_code tokenize(const bertc_model *model, const char *text, size_t length,
                    const char *pair, size_t pairLength,
                    const bertc_tokenize_options *options,
                    bertc_encoding *encoding, bertc_status *status) {
  bertc_code code = checkTokenizer(model, status);
  if (code)
    return code;
  if (!text)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "text is null, expected UTF-8 bytes");
  if (!encoding)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_encoding is null, expected a pointer to a struct");
  bertc_tokenize_options given;
  bertc_encoding wanted;
  EncodeOptions resolved;
  code = readStruct(options, given, "bertc_tokenize_options", status);
  if (!code)
    code = readStruct(encoding, wanted, "bertc_encoding", status);
  if (!code)
    code = resolveLimit(*model, given.max_tokens, resolved, status);
  if (code)
    return code;
  constexpr uint32_t known =
      BERTC_TOKENIZE_NO_TRUNCATION | BERTC_TOKENIZE_NO_SPECIAL;
  if (given.flags & ~known)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_tokenize_options.flags is 0x%x, expected "
                "BERTC_TOKENIZE_* bits",
                given.flags);
  resolved.noTruncation = given.flags & BERTC_TOKENIZE_NO_TRUNCATION;
  resolved.noSpecialTokens = given.flags & BERTC_TOKENIZE_NO_SPECIAL;

  EncodeResult result = {};
  result.ids = wanted.ids;
  result.typeIds = wanted.type_ids;
  result.begin = wanted.begin;
  result.end = wanted.end;
  result.specialMask = wanted.special;
  result.capacity = wanted.capacity;
  TextScratch scratch = makeTextScratch(heapAllocator());
  TextStatus outcome =
      encodeText(model->tokenizer, &scratch, makeText(text, length),
                 makeText(pair, pairLength), resolved, &result);
  releaseTextScratch(&scratch);
  if (outcome != TextStatus::Ok && outcome != TextStatus::BufferTooSmall)
    return report(outcome, resolved, 0, status);
  wanted.count = result.count;
  wanted.dropped = result.dropped;
  wanted.malformed = result.malformed;
  code = fillStruct(wanted, encoding, "bertc_encoding", status);
  if (code || outcome == TextStatus::Ok)
    return code;
  return fail(status, BERTC_INVALID_ARGUMENT,
              "bertc_encoding.capacity is %zu, expected at least %zu",
              wanted.capacity, wanted.count);
}

bertc_code tokenText(const bertc_model *model, int32_t id, const char **text,
                     size_t *length, bertc_status *status) {
  if (bertc_code code = checkTokenizer(model, status))
    return code;
  if (!text || !length)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "%s is null, expected where to store the result",
                text ? "length" : "text");
  if (id >= 0 && tokenString(model->tokenizer, static_cast<uint32_t>(id), text,
                             length) == TextStatus::Ok)
    return ok(status);
  return fail(status, BERTC_BAD_INPUT, "token id is %d, expected 0 to %u", id,
              model->tokenizer.header->token_count - 1);
}

/// Appends the tokens of a text to the batch.
static bertc_code appendText(const bertc_model &model, TextBatch &batch,
                             const EncodeOptions &options, Text text,
                             size_t index, size_t &dropped,
                             bertc_status *status) {
  const TextAllocator &allocator = batch.scratch.allocator;
  size_t begin = batch.ids.size;
  if (!batch.ids.reserve(allocator, begin + options.maxTokens) ||
      !batch.types.reserve(allocator, begin + options.maxTokens) ||
      !batch.offsets.push(allocator, static_cast<int32_t>(begin)))
    return report(TextStatus::OutOfMemory, options, index, status);
  EncodeResult result = {};
  result.ids = batch.ids.data + begin;
  result.typeIds = batch.types.data + begin;
  result.capacity = options.maxTokens;
  TextStatus outcome = encodeText(model.tokenizer, &batch.scratch, text,
                                  /*second=*/{}, options, &result);
  if (bertc_code code = report(outcome, options, index, status))
    return code;
  if (result.count == 0)
    return fail(status, BERTC_BAD_INPUT,
                "text %zu has no tokens, expected at least one", index);
  batch.ids.size = batch.types.size = begin + result.count;
  dropped = result.dropped;
  return ok(status);
}

/// Computes the batch, writes its embeddings and empties it.
static bertc_code runBatch(bertc_session &session, uint32_t width,
                           float *embeddings, bertc_status *status) {
  TextBatch &batch = session.batch;
  size_t count = batch.offsets.size;
  if (!batch.offsets.push(batch.scratch.allocator,
                          static_cast<int32_t>(batch.ids.size)))
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a batch");
  bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
  inputs.tokens = static_cast<int64_t>(batch.ids.size);
  inputs.sequences = static_cast<int64_t>(count);
  inputs.dtype = BERTC_I32;
  inputs.input_ids = batch.ids.data;
  inputs.cu_seqlens = batch.offsets.data;
  inputs.token_type_ids = batch.types.data;
  bertc_output output = {"sentence_embedding", embeddings, count * width};
  bertc_code code = runSession(session, inputs, &output, 1, status);
  batch.ids.size = batch.types.size = batch.offsets.size = 0;
  return code;
}

static bertc_code embedAll(bertc_session &session, const char *const *texts,
                           const size_t *lengths, size_t count, uint32_t width,
                           const EncodeOptions &options, size_t batchTokens,
                           float *embeddings, size_t *dropped,
                           bertc_status *status) {
  TextBatch &batch = session.batch;
  batch.ids.size = batch.types.size = batch.offsets.size = 0;
  size_t done = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!texts[i])
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "texts[%zu] is null, expected UTF-8 bytes", i);
    Text text = makeText(texts[i], lengths ? lengths[i] : BERTC_NUL_TERMINATED);
    size_t cut = 0;
    if (bertc_code code =
            appendText(*session.model, batch, options, text, i, cut, status))
      return code;
    if (dropped)
      dropped[i] = cut;
    // Full, or no longer sure that the next text fits.
    if (batch.ids.size + options.maxTokens <= batchTokens && i + 1 < count)
      continue;
    if (bertc_code code =
            runBatch(session, width, embeddings + done * width, status))
      return code;
    done = i + 1;
  }
  return ok(status);
}

bertc_code embedTexts(bertc_session *session, const char *const *texts,
                      const size_t *lengths, size_t count,
                      const bertc_embed_options *options, float *embeddings,
                      size_t *dropped, bertc_status *status) {
  SessionLock lock(session, status);
  if (lock.code())
    return lock.code();
  const bertc_model &model = *session->model;
  if (bertc_code code = checkTokenizer(&model, status))
    return code;
  uint32_t output = findOutput(*model.desc, "sentence_embedding");
  if (output == model.desc->output_count)
    return fail(status, BERTC_NOT_IN_MODEL,
                "this model has no output 'sentence_embedding'\n"
                "help: compile a directory that has modules.json, with "
                "sentence_embedding among --outputs");
  if (!texts || !embeddings)
    return fail(status, BERTC_INVALID_ARGUMENT, "%s is null, expected an array",
                texts ? "embeddings" : "texts");
  if (count == 0)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "count is 0, expected at least one text");
  bertc_embed_options given;
  EncodeOptions resolved;
  bertc_code code = readStruct(options, given, "bertc_embed_options", status);
  if (!code)
    code = resolveLimit(model, given.max_tokens, resolved, status);
  if (code)
    return code;
  size_t batchTokens =
      given.batch_tokens ? given.batch_tokens : defaultBatchTokens;
  if (batchTokens > INT32_MAX)
    batchTokens = INT32_MAX;
  return embedAll(*session, texts, lengths, count,
                  model.desc->outputs[output].width, resolved, batchTokens,
                  embeddings, dropped, status);
}

} // namespace bertc::rt
