//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text functions.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Text.h"

namespace bertc::rt {

static bertc_code checkTokenizer(const bertc_model *model,
                                 bertc_status *status) {
  if (bertc_code code = checkModel(model, status))
    return code;
  return fail(status, BERTC_NOT_IN_MODEL,
              "this model has no tokenizer\n"
              "help: compile a directory that has tokenizer.json or vocab.txt");
}

bertc_code tokenize(const bertc_model *model, const char *, size_t,
                    const char *, size_t, const bertc_tokenize_options *,
                    bertc_encoding *, bertc_status *status) {
  return checkTokenizer(model, status);
}

bertc_code tokenText(const bertc_model *model, int32_t, const char **, size_t *,
                     bertc_status *status) {
  return checkTokenizer(model, status);
}

bertc_code embedTexts(bertc_session *session, const char *const *,
                      const size_t *, size_t, const bertc_embed_options *,
                      float *, size_t *, bertc_status *status) {
  SessionLock lock(session, status);
  if (lock.code())
    return lock.code();
  return checkTokenizer(session->model, status);
}

} // namespace bertc::rt
