//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of the API that take text.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_TEXT_H
#define BERTC_RUNTIME_CORE_TEXT_H

#include "runtime/core/Session.h"

namespace bertc::rt {

bertc_code tokenize(const bertc_model *model, const char *text, size_t length,
                    const char *pair, size_t pairLength,
                    const bertc_tokenize_options *options,
                    bertc_encoding *encoding, bertc_status *status);
bertc_code tokenText(const bertc_model *model, int32_t id, const char **text,
                     size_t *length, bertc_status *status);
bertc_code embedTexts(bertc_session *session, const char *const *texts,
                      const size_t *lengths, size_t count,
                      const bertc_embed_options *options, float *embeddings,
                      size_t *dropped, bertc_status *status);

} // namespace bertc::rt

#endif
