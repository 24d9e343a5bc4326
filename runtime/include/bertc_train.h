/*===----------------------------------------------------------------------===*
 *
 * Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * The C API of training. A library made by `bertc compile --train` exports
 * bertc_get_train_api besides bertc_get_api; others do not contain training
 * code. A trainer holds its own copy of the parameters of an open model, and
 * changes that copy only.
 *
 *   const bertc_train_api *train =
 *       bertc_get_train_api(BERTC_TRAIN_API_VERSION);
 *   bertc_trainer_options options = BERTC_INIT(bertc_trainer_options);
 *   options.learning_rate = 2e-5;
 *   options.max_steps = 100;
 *   bertc_trainer *trainer;
 *   train->trainer_create(model, &options, &trainer, &status);
 *   for (...) {
 *     bertc_train_batch batch = BERTC_INIT(bertc_train_batch);
 *     batch.packed = &inputs;
 *     batch.labels = labels;
 *     bertc_step_result result = BERTC_INIT(bertc_step_result);
 *     train->step(trainer, &batch, &result, &status);
 *   }
 *   train->save_model(trainer, "fine-tuned", &status);
 *
 * The conventions of bertc.h hold here too. Besides:
 * - Threads: a trainer belongs to one caller at a time, as a session does; a
 *   second one gets BERTC_BUSY. It does not survive fork(2).
 * - Numbers: parameters, gradients, moments and losses are float32; norms and
 *   rates are computed in float64. No bit depends on the number of threads.
 * - A call that fails leaves parameters, moments and global_step as they were.
 *
 *===----------------------------------------------------------------------===*/
#ifndef BERTC_TRAIN_H
#define BERTC_TRAIN_H

#include "bertc.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTC_TRAIN_API_VERSION 1u

typedef struct bertc_trainer bertc_trainer;

/*===--- Trainers ---------------------------------------------------------===*/

/* The learning rate of update number k (0: the first), as a multiple of
 * learning_rate. While k < warmup_steps it is k / warmup_steps, except for
 * BERTC_SCHEDULE_CONSTANT; then, with
 *   p = (k - warmup_steps) / max(1, max_steps - warmup_steps),
 * what stands below, and 0 from max_steps on where it falls. These are the
 * schedules of transformers/optimization.py. */
typedef enum bertc_schedule {
  BERTC_SCHEDULE_LINEAR = 0,              /* 1 - p */
  BERTC_SCHEDULE_COSINE = 1,              /* (1 + cos(pi * p)) / 2 */
  BERTC_SCHEDULE_CONSTANT = 2,            /* 1 */
  BERTC_SCHEDULE_CONSTANT_WITH_WARMUP = 3 /* 1 */
} bertc_schedule;

/* Names and defaults are those of transformers.TrainingArguments, but for
 * max_grad_norm, which is 1 there. 0 means the default, in brackets. */
typedef struct bertc_trainer_options {
  size_t struct_size;
  uint32_t threads;           /* as in bertc_session_options */
  uint32_t flags;             /* 0 or BERTC_SESSION_PROFILE */
  uint64_t seed;              /* of dropout and of new parameters [0] */
  double learning_rate;       /* > 0 [5e-5] */
  double adam_beta1;          /* > 0 and < 1 [0.9] */
  double adam_beta2;          /* > 0 and < 1 [0.999] */
  double adam_epsilon;        /* > 0 [1e-8] */
  double weight_decay;        /* >= 0; not of biases and norms [0] */
  double max_grad_norm;       /* > 0, or 0: gradients are not clipped [0] */
  uint32_t lr_scheduler_type; /* bertc_schedule [linear] */
  uint32_t gradient_accumulation_steps; /* calls of step for an update [1] */
  int64_t warmup_steps;                 /* updates, >= 0 [0] */
  /* Updates in all, at which linear and cosine schedules end; they need it.
   * Further updates are possible, with the rate of the end. */
  int64_t max_steps;
} bertc_trainer_options;

/* What labels are; `n` is num_labels. Integers have the dtype of the inputs,
 * numbers are floats. An integer label -100 is ignored; the mean is over the
 * others, and 0 if there are none.
 *                 shape, padded      packed              values
 *   ..._CLASS     [batch]            [sequences]         0 .. n - 1, or -100
 *   ..._MULTI     [batch, n]         [sequences, n]      floats, 0 .. 1
 *   ..._NUMBER    [batch, n]         [sequences, n]      finite floats
 *   ..._TOKEN     [batch, seq]       [tokens]            0 .. n - 1, or -100
 *   ..._SPAN      [batch, 2]         [sequences, 2]      first and last token
 * Those of masked positions are not read. Tokens of a span are counted as the
 * inputs are: the column if padded, the place in the sequence if packed; each
 * must be a real token of its sequence, or -100. */
typedef enum bertc_label_kind {
  BERTC_LABELS_CLASS = 0,  /* cross entropy of the sequence's logits */
  BERTC_LABELS_MULTI = 1,  /* binary cross entropy of each logit */
  BERTC_LABELS_NUMBER = 2, /* mean squared error */
  BERTC_LABELS_TOKEN = 3,  /* cross entropy of each token's logits */
  BERTC_LABELS_SPAN = 4    /* mean of the cross entropies of first and last */
} bertc_label_kind;

/* What can be known without a trainer. */
typedef struct bertc_train_info {
  size_t struct_size;
  uint32_t label_kind;  /* bertc_label_kind */
  uint32_t num_labels;  /* columns of the logits */
  uint32_t logits_kind; /* bertc_kind: what the logits' rows stand for */
  uint32_t file_count;  /* see file_info */
  /* The output, by its name in bertc.h, up to which all is frozen, or NULL if
   * there is none; see bertc_train_batch.frozen. */
  const char *frozen_output;
} bertc_train_info;

/* A file of the model directory that the library carries along. */
typedef struct bertc_file_info {
  size_t struct_size;
  const char *name; /* "config.json", ...; lives as long as the model */
  const void *data; /* as long as the model */
  uint64_t size;    /* bytes */
} bertc_file_info;

typedef struct bertc_trainer_info {
  size_t struct_size;
  uint32_t label_kind;  /* bertc_label_kind */
  uint32_t num_labels;  /* columns of the logits */
  uint32_t logits_kind; /* bertc_kind: what the logits' rows stand for */
  uint32_t threads;
  uint32_t parameter_count;    /* see parameter_info */
  uint32_t accumulated;        /* calls whose gradients await an update */
  int64_t global_step;         /* updates so far */
  int64_t batches;             /* calls of step and backward so far */
  double learning_rate;        /* of the next update */
  uint64_t parameters;         /* elements of all parameters */
  uint64_t trained_parameters; /* elements of those that are trained */
  uint64_t parameter_bytes;    /* memory held now */
  uint64_t gradient_bytes;
  uint64_t optimizer_bytes;
  uint64_t activation_bytes; /* grows to the largest batch seen */
  uint32_t phase_count;      /* see phase_info */
  uint32_t reserved;
} bertc_trainer_info;

/*===--- Parameters -------------------------------------------------------===*/

typedef struct bertc_parameter_info {
  size_t struct_size;
  const char *name;  /* Hugging Face name; lives as long as the trainer */
  uint32_t rank;     /* 1 or 2 */
  int32_t layer;     /* -1 outside of the layers */
  uint64_t shape[2]; /* shape[1] is 1 if rank is 1 */
  uint64_t size;     /* elements */
  uint32_t trained;  /* 0: frozen, it has a value only */
  uint32_t decays;   /* 1 if weight decay applies */
  /* 1 if the checkpoint had no such parameter: biases start at 0, others from
   * the normal distribution of deviation initializer_range, drawn from the
   * seed by Philox 4x32-10 (Salmon et al. 2011), element by element. */
  uint32_t is_new;
  uint32_t reserved;
} bertc_parameter_info;

typedef enum bertc_parameter_part {
  BERTC_PART_VALUE = 0,
  BERTC_PART_GRADIENT = 1,     /* mean over the calls since the last update */
  BERTC_PART_FIRST_MOMENT = 2, /* of AdamW, as in PyTorch's exp_avg */
  BERTC_PART_SECOND_MOMENT = 3 /* exp_avg_sq */
} bertc_parameter_part;

/*===--- Steps ------------------------------------------------------------===*/

typedef struct bertc_train_batch {
  size_t struct_size;
  const bertc_packed_inputs *packed; /* one of both, the other NULL */
  const bertc_padded_inputs *padded;
  const void *labels; /* see bertc_label_kind */
  size_t label_count; /* elements at labels, at least those of the shape */
  /* Where the logits go, computed with dropout, in the shape of an output of
   * bertc.h; NULL: not wanted. */
  float *logits;
  size_t logits_size; /* floats */
  /* NULL, or the rows of bertc_train_info.frozen_output for this batch, as
   * evaluate_packed gives them: the frozen layers are not computed, and what is
   * dropped out in them in training is not. With packed inputs only. */
  const float *frozen;
  size_t frozen_size; /* floats: rows times the width of the output */
} bertc_train_batch;

typedef struct bertc_step_result {
  size_t struct_size;
  double loss;          /* mean over this batch */
  int64_t global_step;  /* updates so far */
  uint32_t updated;     /* 1 if parameters changed; else the rest is 0 */
  uint32_t accumulated; /* calls in the update */
  double grad_norm;     /* of all gradients together, before clipping */
  double learning_rate; /* of this update */
} bertc_step_result;

/*===--- The table --------------------------------------------------------===*/

typedef struct bertc_train_api {
  size_t struct_size; /* later versions append functions */
  uint32_t version;
  uint32_t reserved;

  /* A trainer at the model's parameters, step 0. It keeps the model alive. The
   * memory of parameters, gradients and moments is taken here. options may be
   * NULL, unless max_steps is needed. Freed by trainer_destroy. Of a model that
   * is open on a CUDA device all of it is there, too, and everything is
   * computed there; what the functions below read is copied when they do. */
  bertc_code (*trainer_create)(bertc_model *model,
                               const bertc_trainer_options *options,
                               bertc_trainer **trainer, bertc_status *status);
  /* No call may be in progress. NULL is allowed. */
  void (*trainer_destroy)(bertc_trainer *trainer);
  bertc_code (*trainer_info)(const bertc_trainer *trainer,
                             bertc_trainer_info *info, bertc_status *status);

  /* backward, and after each gradient_accumulation_steps calls update. result
   * may be NULL. */
  bertc_code (*step)(bertc_trainer *trainer, const bertc_train_batch *batch,
                     bertc_step_result *result, bertc_status *status);
  /* Adds the gradients of the mean loss of a batch to those that wait. A loss
   * that is not finite is BERTC_NOT_FINITE: `loss` is set, and all gradients
   * that wait are dropped. loss may be NULL. */
  bertc_code (*backward)(bertc_trainer *trainer, const bertc_train_batch *batch,
                         double *loss, bertc_status *status);
  /* One update with the mean of the gradients that wait; an error if there are
   * none. `loss` of the result is 0; result may be NULL. Clipping is that of
   * torch.nn.utils.clip_grad_norm_: a factor min(1, max_grad_norm / (norm +
   * 1e-6)). The update is that of torch.optim.AdamW (Loshchilov and Hutter
   * 2019), in its order of operations. A norm that is not finite is
   * BERTC_NOT_FINITE, and all gradients that wait are dropped. */
  bertc_code (*update)(bertc_trainer *trainer, bertc_step_result *result,
                       bertc_status *status);
  /* Drops the gradients that wait. */
  bertc_code (*zero_gradients)(bertc_trainer *trainer, bertc_status *status);
  /* The forward pass with the trainer's parameters and without dropout, as
   * run_packed and run_padded of bertc.h; the logits are the output "logits".
   */
  bertc_code (*evaluate_packed)(bertc_trainer *trainer,
                                const bertc_packed_inputs *inputs,
                                const bertc_output *outputs,
                                size_t output_count, bertc_status *status);
  bertc_code (*evaluate_padded)(bertc_trainer *trainer,
                                const bertc_padded_inputs *inputs,
                                const bertc_output *outputs,
                                size_t output_count, bertc_status *status);

  /* Parameters of a layer come together, index in [0, parameter_count). */
  bertc_code (*parameter_info)(const bertc_trainer *trainer, uint32_t index,
                               bertc_parameter_info *info,
                               bertc_status *status);
  /* Copies a part (bertc_parameter_part) of a parameter, row-major, in the
   * Hugging Face shape. `size` must be the number of elements. A part that a
   * frozen parameter does not have is BERTC_NOT_IN_MODEL. */
  bertc_code (*read_parameter)(bertc_trainer *trainer, uint32_t index,
                               uint32_t part, float *data, size_t size,
                               bertc_status *status);
  /* Sets the value or a moment, which must be finite. */
  bertc_code (*write_parameter)(bertc_trainer *trainer, uint32_t index,
                                uint32_t part, const float *data, size_t size,
                                bertc_status *status);

  /* Writes a directory that transformers' from_pretrained loads, and makes it
   * if it does not exist: model.safetensors (Hugging Face names, float32),
   * config.json and the tokenizer's files. Each file is replaced as a whole or
   * not at all, model.safetensors last; other files are left alone. */
  bertc_code (*save_model)(bertc_trainer *trainer, const char *directory,
                           bertc_status *status);
  /* Writes a directory from which load_checkpoint goes on, byte for byte: what
   * save_model writes, optimizer.safetensors (the moments, under the
   * parameters' names with ".exp_avg" and ".exp_avg_sq"), `user_size` bytes of
   * the caller's in user_data.bin, and trainer_state.json (step, options,
   * sizes and hashes). It is written under the name "<directory>.tmp", to disk,
   * and then renamed, so it is whole or not there, whatever happens; a
   * directory that was there is replaced in the same moment. Gradients that
   * wait are not saved: an error while there are any. */
  bertc_code (*save_checkpoint)(bertc_trainer *trainer, const char *directory,
                                const void *user_data, size_t user_size,
                                bertc_status *status);
  /* Takes over parameters, moments and step of a checkpoint of the same model
   * with the same options; threads may differ. Files whose size or hash is not
   * that of trainer_state.json are BERTC_CORRUPT, other models, shapes and
   * options BERTC_INVALID_ARGUMENT, with the difference. *user_size gets the
   * size of the caller's bytes; they go to user_data unless it is NULL; if
   * they are more than `capacity`, it fails. After an error the trainer is as
   * it was before. Gradients that wait are dropped. */
  bertc_code (*load_checkpoint)(bertc_trainer *trainer, const char *directory,
                                void *user_data, size_t capacity,
                                size_t *user_size, bertc_status *status);
  /* The checkpoint of the highest step among the directories
   * "<directory>/checkpoint-<step>" whose files have the sizes and hashes in
   * their trainer_state.json; damaged and unfinished ones are passed over. Its
   * path, with a NUL, goes to `path` of `capacity` bytes, its step to *step.
   * None: path is "" and *step -1, which is not an error. */
  bertc_code (*find_checkpoint)(const char *directory, char *path,
                                size_t capacity, int64_t *step,
                                bertc_status *status);

  bertc_code (*train_info)(const bertc_model *model, bertc_train_info *info,
                           bertc_status *status);
  /* A file that save_model writes besides the parameters, index in
   * [0, file_count): config.json with the head, and the tokenizer's. */
  bertc_code (*file_info)(const bertc_model *model, uint32_t index,
                          bertc_file_info *info, bertc_status *status);

  /* The phases of training code, as phase_info of bertc.h has those of forward
   * code; bertc_trainer_info.phase_count of them. Updates are not among them.
   * On a CUDA device they are all kernels of the variant. */
  bertc_code (*phase_info)(const bertc_trainer *trainer, uint32_t index,
                           bertc_phase_info *info, bertc_status *status);
  /* The records of the last step, backward or evaluation of a trainer made
   * with BERTC_SESSION_PROFILE, as session_profile of bertc.h. */
  bertc_code (*profile)(bertc_trainer *trainer,
                        const bertc_phase_record **records, size_t *count,
                        bertc_status *status);
} bertc_train_api;

/* NULL if this library does not speak that version. */
__attribute__((visibility("default"))) const bertc_train_api *
bertc_get_train_api(uint32_t version);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif
