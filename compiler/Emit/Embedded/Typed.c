//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions that a generated header declares, compiled like a user's
// program against the public API. They serve every model: a typed struct of
// outputs is an array of pointers in the order of the model description. The
// linker gives them the names of the model, see Header.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/abi/abi.h"
#include <bertc.h>

/* The same prefix as in Header.cpp. */
#define TYPED(name) bertc_typed_##name

const bertc_api *TYPED(api)(void) { return bertc_get_api(BERTC_API_VERSION); }

bertc_code TYPED(open)(bertc_model **model, bertc_status *status) {
  return TYPED(api)()->model_open(NULL, model, status);
}

void TYPED(close)(bertc_model *model) { TYPED(api)()->model_close(model); }

bertc_code TYPED(session_create)(bertc_model *model, uint32_t threads,
                                 bertc_session **session,
                                 bertc_status *status) {
  bertc_session_options options = BERTC_INIT(bertc_session_options);
  options.threads = threads;
  return TYPED(api)()->session_create(model, &options, session, status);
}

void TYPED(session_destroy)(bertc_session *session) {
  TYPED(api)()->session_destroy(session);
}

/* The wanted ones of `outputs`, with their names. A typed struct says what must
 * be there, not what is, so every size is enough. */
static size_t collect(float *const *outputs, bertc_output *list) {
  const bertc_model_desc *model = &bertc_model_description;
  size_t count = 0;
  for (uint32_t i = 0; outputs && i < model->output_count; ++i) {
    if (!outputs[i])
      continue;
    list[count].name = model->outputs[i].name;
    list[count].data = outputs[i];
    list[count].size = SIZE_MAX;
    ++count;
  }
  return count;
}

bertc_code TYPED(run)(bertc_session *session, int64_t batch, int64_t seq,
                      const int64_t *input_ids, const int64_t *attention_mask,
                      const int64_t *token_type_ids, float *const *outputs,
                      bertc_status *status) {
  bertc_padded_inputs inputs = BERTC_INIT(bertc_padded_inputs);
  bertc_output list[BERTC_MAX_OUTPUTS];
  inputs.batch = batch;
  inputs.seq = seq;
  inputs.dtype = BERTC_I64;
  inputs.input_ids = input_ids;
  inputs.attention_mask = attention_mask;
  inputs.token_type_ids = token_type_ids;
  size_t count = collect(outputs, list);
  return TYPED(api)()->run_padded(session, &inputs, list, count, status);
}

bertc_code TYPED(run_packed)(bertc_session *session, int64_t tokens,
                             int64_t sequences, const int32_t *input_ids,
                             const int32_t *cu_seqlens,
                             const int32_t *token_type_ids,
                             float *const *outputs, bertc_status *status) {
  bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
  bertc_output list[BERTC_MAX_OUTPUTS];
  inputs.tokens = tokens;
  inputs.sequences = sequences;
  inputs.dtype = BERTC_I32;
  inputs.input_ids = input_ids;
  inputs.cu_seqlens = cu_seqlens;
  inputs.token_type_ids = token_type_ids;
  size_t count = collect(outputs, list);
  return TYPED(api)()->run_packed(session, &inputs, list, count, status);
}

bertc_code TYPED(embed)(bertc_session *session, const char *const *texts,
                        size_t count, float *embeddings, bertc_status *status) {
  return TYPED(api)()->embed_texts(session, texts, NULL, count, NULL,
                                   embeddings, NULL, status);
}
