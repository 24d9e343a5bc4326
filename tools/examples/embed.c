/*===----------------------------------------------------------------------===*
 *
 * Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * A program that embeds sentences with a compiled model, and tells how similar
 * each is to the first. It links the model like any other library:
 *
 *   bertc compile all-MiniLM-L6-v2 -o minilm.so
 *   cc -I <bertc>/include embed.c ./minilm.so -lm -Wl,-rpath,'$ORIGIN' -o embed
 *   ./embed "A man is eating food." "Someone eats." "The sky is blue."
 *
 *===----------------------------------------------------------------------===*/
#include "bertc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program with the exit code that the command line would have. */
static void check(bertc_code code, const bertc_status *status) {
  if (code == BERTC_OK)
    return;
  fprintf(stderr, "embed: error: %s\n", status->message);
  exit(code <= BERTC_UNSUPPORTED_CPU ? (int)code : 1);
}

static double cosine(const float *a, const float *b, size_t width) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < width; ++i) {
    ab += (double)a[i] * b[i];
    aa += (double)a[i] * a[i];
    bb += (double)b[i] * b[i];
  }
  return ab / sqrt(aa * bb);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: embed TEXT...\n");
    return 2;
  }
  const bertc_api *api = bertc_get_api(BERTC_API_VERSION);
  if (!api) {
    fprintf(stderr, "embed: error: the model speaks another API version\n");
    return 1;
  }
  bertc_status status;
  bertc_model *model;
  bertc_session *session;
  bertc_model_info info = BERTC_INIT(bertc_model_info);
  check(api->model_open(NULL, &model, &status), &status);
  check(api->model_info(model, &info, &status), &status);
  check(api->session_create(model, NULL, &session, &status), &status);

  size_t count = (size_t)argc - 1, width = info.embedding_width;
  const char *const *texts = (const char *const *)argv + 1;
  float *embeddings = calloc(count * width + 1, sizeof(float));
  size_t *dropped = calloc(count, sizeof(size_t));
  if (!embeddings || !dropped) {
    fprintf(stderr, "embed: error: out of memory\n");
    return 1;
  }
  check(api->embed_texts(session, texts, NULL, count, NULL, embeddings, dropped,
                         &status),
        &status);
  for (size_t i = 0; i < count; ++i) {
    const float *row = embeddings + i * width;
    printf("%9.6f  [%.5f, %.5f, ... %zu in all]  %s\n",
           cosine(embeddings, row, width), row[0], row[1], width, texts[i]);
    if (dropped[i])
      fprintf(stderr, "embed: note: %zu tokens of text %zu were cut off\n",
              dropped[i], i);
  }

  free(dropped);
  free(embeddings);
  api->session_destroy(session);
  api->model_close(model);
  return 0;
}
