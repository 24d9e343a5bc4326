/*===----------------------------------------------------------------------===*
 *
 * Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * Runs compiled models on a processor that only an emulator has: for each
 * library named, opens it with the variant that fits, runs sequences of the
 * lengths given first, and prints a hash of the bits of every output. Written
 * in C because the emulated machine has nothing but libc.
 *
 * usage: emulated-run LENGTH,LENGTH,... LIBRARY...
 *
 *===----------------------------------------------------------------------===*/
#include "bertc.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MaxTokens = 4096, MaxSequences = 64 };

/* The ids of the test: the same integers as `ids` of emulated.py. */
static int32_t tokenId(uint32_t i, uint32_t vocabulary) {
  return (int32_t)((i * 2654435761u >> 8) % vocabulary);
}

static uint64_t hashBits(const float *data, size_t count) {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits;
    memcpy(&bits, data + i, sizeof(bits));
    hash = (hash ^ bits) * 0x100000001B3ull;
  }
  return hash;
}

static int run(const char *path, const int32_t *offsets, int sequences) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    printf("%s: dlopen: %s\n", path, dlerror());
    return 1;
  }
  const bertc_api *(*get)(uint32_t);
  *(void **)&get = dlsym(library, "bertc_get_api");
  const bertc_api *api = get ? get(BERTC_API_VERSION) : NULL;
  if (!api) {
    printf("%s: no API\n", path);
    return 1;
  }
  bertc_status status;
  bertc_model *model;
  bertc_session *session;
  if (api->model_open(NULL, &model, &status) != BERTC_OK) {
    printf("%s: code %d: %s\n", path, (int)status.code, status.message);
    return (int)status.code;
  }
  bertc_model_info info = BERTC_INIT(bertc_model_info);
  bertc_variant_info variant = BERTC_INIT(bertc_variant_info);
  bertc_session_options options = BERTC_INIT(bertc_session_options);
  options.threads = 2;
  if (api->model_info(model, &info, &status) != BERTC_OK ||
      api->variant_info(model, info.variant, &variant, &status) != BERTC_OK ||
      api->session_create(model, &options, &session, &status) != BERTC_OK) {
    printf("%s: code %d: %s\n", path, (int)status.code, status.message);
    return 1;
  }
  printf("%s: variant %s\n", path, variant.name);

  static int32_t ids[MaxTokens];
  int32_t tokens = offsets[sequences];
  int32_t longest = 0;
  for (int i = 0; i < sequences; ++i)
    if (offsets[i + 1] - offsets[i] > longest)
      longest = offsets[i + 1] - offsets[i];
  for (int32_t i = 0; i < tokens; ++i)
    ids[i] = tokenId((uint32_t)i, info.vocab_size);
  bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
  inputs.tokens = tokens;
  inputs.sequences = sequences;
  inputs.dtype = BERTC_I32;
  inputs.input_ids = ids;
  inputs.cu_seqlens = offsets;
  for (uint32_t i = 0; i < info.output_count; ++i) {
    bertc_output_info about = BERTC_INIT(bertc_output_info);
    api->output_info(model, i, &about, NULL);
    size_t rows = (size_t)sequences;
    if (about.kind == BERTC_KIND_TOKEN)
      rows = (size_t)tokens;
    else if (about.kind == BERTC_KIND_PAIR)
      rows *= (size_t)longest * (size_t)longest;
    bertc_output output = {about.name, NULL, rows * about.width};
    output.data = malloc(output.size * sizeof(float));
    if (!output.data ||
        api->run_packed(session, &inputs, &output, 1, &status) != BERTC_OK) {
      printf("%s: %s: %s\n", path, about.name, status.message);
      return 1;
    }
    printf("%s: %s %016llx\n", path, about.name,
           (unsigned long long)hashBits(output.data, output.size));
    free(output.data);
  }
  api->session_destroy(session);
  api->model_close(model);
  return 0;
}

int main(int argc, char **argv) {
  int32_t offsets[MaxSequences + 1] = {0};
  int sequences = 0;
  if (argc < 3)
    return 2;
  for (char *at = argv[1]; *at && sequences < MaxSequences; ++sequences) {
    offsets[sequences + 1] = offsets[sequences] + (int32_t)strtol(at, &at, 10);
    at += *at == ',';
  }
  if (offsets[sequences] > MaxTokens)
    return 2;
  int bad = 0;
  for (int i = 2; i < argc; ++i)
    bad |= run(argv[i], offsets, sequences);
  return bad;
}
