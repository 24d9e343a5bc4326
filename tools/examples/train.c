/*===----------------------------------------------------------------------===*
 *
 * Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * A program that teaches a model to classify texts, and saves a directory that
 * transformers' from_pretrained loads. It needs no Python, and no more than a
 * library that was compiled for training:
 *
 *   bertc compile all-MiniLM-L6-v2 --train --head classify:2 -o minilm.so
 *   cc -I <bertc>/include train.c ./minilm.so -Wl,-rpath,'$ORIGIN' -o train
 *   printf '1\tHow old are you?\n0\tI am old.\n' > examples.tsv
 *   ./train examples.tsv fine-tuned 3 5e-5
 *
 *===----------------------------------------------------------------------===*/
#include "bertc_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 8, MOST_TEXTS = 4096, MOST_TOKENS = 512 };

typedef struct example {
  int32_t label;
  size_t count;
  int32_t ids[MOST_TOKENS], types[MOST_TOKENS];
} example;

static const bertc_api *api;
static const bertc_train_api *train;
static bertc_status status;

/* Ends the program with the exit code that the command line would have. */
static void check(bertc_code code) {
  if (code == BERTC_OK)
    return;
  fprintf(stderr, "train: error: %s\n", status.message);
  exit(code <= BERTC_UNSUPPORTED_CPU ? (int)code : 1);
}

static void *take(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (!memory) {
    fprintf(stderr, "train: error: out of memory\n");
    exit(1);
  }
  return memory;
}

/* Lines of a label, a tab and a text. */
static size_t read_examples(const char *path, const bertc_model *model,
                            example *examples) {
  char line[8192];
  size_t count = 0;
  FILE *file = fopen(path, "r");
  if (!file) {
    perror(path);
    exit(1);
  }
  while (count < MOST_TEXTS && fgets(line, sizeof(line), file)) {
    example *e = &examples[count++];
    bertc_tokenize_options options = BERTC_INIT(bertc_tokenize_options);
    bertc_encoding encoding = BERTC_INIT(bertc_encoding);
    char *text = strchr(line, '\t');
    if (!text) {
      fprintf(stderr, "train: error: %s:%zu: no tab, expected label and text\n",
              path, count);
      exit(4);
    }
    line[strcspn(line, "\r\n")] = '\0';
    e->label = (int32_t)strtol(line, NULL, 10);
    encoding.capacity = MOST_TOKENS;
    encoding.ids = e->ids;
    encoding.type_ids = e->types;
    check(api->tokenize(model, text + 1, BERTC_NUL_TERMINATED, NULL, 0,
                        &options, &encoding, &status));
    e->count = encoding.count;
  }
  fclose(file);
  if (count == 0) {
    fprintf(stderr, "train: error: %s has no examples\n", path);
    exit(4);
  }
  return count;
}

/* Some sequences, one after another. */
typedef struct batch {
  bertc_packed_inputs inputs;
  int32_t ids[BATCH * MOST_TOKENS], types[BATCH * MOST_TOKENS];
  int32_t offsets[BATCH + 1], labels[BATCH];
} batch;

static void fill(batch *b, const example *examples, size_t count) {
  size_t tokens = 0;
  for (size_t i = 0; i < count; ++i) {
    const example *e = &examples[i];
    memcpy(b->ids + tokens, e->ids, e->count * sizeof(int32_t));
    memcpy(b->types + tokens, e->types, e->count * sizeof(int32_t));
    b->labels[i] = e->label;
    tokens += e->count;
    b->offsets[i + 1] = (int32_t)tokens;
  }
  b->inputs.tokens = (int64_t)tokens;
  b->inputs.sequences = (int64_t)count;
}

static void epoch(bertc_trainer *trainer, const example *examples, size_t count,
                  batch *b) {
  for (size_t begin = 0; begin < count; begin += BATCH) {
    size_t size = count - begin < BATCH ? count - begin : BATCH;
    bertc_train_batch given = BERTC_INIT(bertc_train_batch);
    bertc_step_result result = BERTC_INIT(bertc_step_result);
    fill(b, examples + begin, size);
    given.packed = &b->inputs;
    given.labels = b->labels;
    given.label_count = size;
    check(train->step(trainer, &given, &result, &status));
    printf("step %lld: loss %.4f, norm of gradients %.3f, learning rate %.2e\n",
           (long long)result.global_step, result.loss, result.grad_norm,
           result.learning_rate);
  }
}

/* The share of examples whose largest logit is the label's. */
static double accuracy(bertc_trainer *trainer, const example *examples,
                       size_t count, uint32_t labels, batch *b) {
  float *logits = take((size_t)BATCH * labels, sizeof(float));
  bertc_output output = {"logits", logits, (size_t)BATCH * labels};
  size_t right = 0;
  for (size_t begin = 0; begin < count; begin += BATCH) {
    size_t size = count - begin < BATCH ? count - begin : BATCH;
    fill(b, examples + begin, size);
    check(train->evaluate_packed(trainer, &b->inputs, &output, 1, &status));
    for (size_t i = 0; i < size; ++i) {
      uint32_t best = 0;
      for (uint32_t c = 1; c < labels; ++c)
        if (logits[i * labels + c] > logits[i * labels + best])
          best = c;
      right += (int32_t)best == b->labels[i];
    }
  }
  free(logits);
  return (double)right / (double)count;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: train EXAMPLES DIRECTORY EPOCHS LEARNING_RATE\n");
    return 2;
  }
  api = bertc_get_api(BERTC_API_VERSION);
  train = bertc_get_train_api(BERTC_TRAIN_API_VERSION);
  if (!api || !train) {
    fprintf(stderr, "train: error: the model speaks another API version\n");
    return 1;
  }
  bertc_model *model;
  check(api->model_open(NULL, &model, &status));
  example *examples = take(MOST_TEXTS, sizeof(example));
  batch *b = take(1, sizeof(batch));
  bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
  b->inputs = inputs;
  b->inputs.dtype = BERTC_I32;
  b->inputs.input_ids = b->ids;
  b->inputs.token_type_ids = b->types;
  b->inputs.cu_seqlens = b->offsets;
  size_t count = read_examples(argv[1], model, examples);

  long epochs = strtol(argv[3], NULL, 10);
  bertc_trainer *trainer;
  bertc_trainer_options options = BERTC_INIT(bertc_trainer_options);
  options.learning_rate = strtod(argv[4], NULL);
  options.weight_decay = 0.01;
  options.max_grad_norm = 1;
  options.max_steps = epochs * (int64_t)((count + BATCH - 1) / BATCH);
  check(train->trainer_create(model, &options, &trainer, &status));
  bertc_trainer_info info = BERTC_INIT(bertc_trainer_info);
  check(train->trainer_info(trainer, &info, &status));
  if (info.label_kind != BERTC_LABELS_CLASS) {
    fprintf(stderr, "train: error: compile the model with --head classify:N\n");
    return 3;
  }
  for (long i = 0; i < epochs; ++i)
    epoch(trainer, examples, count, b);
  printf("accuracy on the examples: %.3f\n",
         accuracy(trainer, examples, count, info.num_labels, b));
  check(train->save_model(trainer, argv[2], &status));

  train->trainer_destroy(trainer);
  api->model_close(model);
  free(examples);
  free(b);
  return 0;
}
