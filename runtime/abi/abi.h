/*===----------------------------------------------------------------------===*
 *
 * Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * What the compiler bakes into a library and the runtime reads: the model
 * description, and the frame that generated code is called with. Both sides
 * include this file, so a layout is written down exactly once. Everything is
 * plain C with fixed-size fields; pointers are 8 bytes (x86-64 only).
 *
 *===----------------------------------------------------------------------===*/
#ifndef BERTC_RUNTIME_ABI_ABI_H
#define BERTC_RUNTIME_ABI_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every change of a struct below. */
#define BERTC_ABI_VERSION 8

/* Upper bound of requested outputs of one compiled model. */
#define BERTC_MAX_OUTPUTS 128

/* All offsets inside workspace and weights are multiples of this, in bytes. */
#define BERTC_ALIGNMENT 64

/* CPU features a variant needs, found by CPUID and XGETBV. */
enum {
  BERTC_CPU_X86_64_V3 = 1u << 0, /* AVX2, FMA, BMI1/2, F16C, LZCNT, MOVBE */
  BERTC_CPU_X86_64_V4 = 1u << 1, /* AVX512F/BW/CD/DQ/VL and zmm state */
  BERTC_CPU_AVX512_BF16 = 1u << 2,
  BERTC_CPU_AVX512_VNNI = 1u << 3,
  BERTC_CPU_AVX_VNNI = 1u << 4,
  BERTC_CPU_AMX_TILE = 1u << 5,
  BERTC_CPU_AMX_BF16 = 1u << 6,
  BERTC_CPU_AMX_INT8 = 1u << 7
};

/* One call of the generated code. All threads share it. Token arrays are
 * packed: the real tokens of all sequences, one after another. */
typedef struct bertc_call {
  const uint8_t *weights;        /* packed weights, page aligned */
  uint8_t *workspace;            /* bertc_workspace_bytes() bytes, 64-aligned */
  const int32_t *input_ids;      /* [tokens], each in [0, vocab_size) */
  const int32_t *token_type_ids; /* [tokens], each in [0, type_vocab_size) */
  const int32_t *position_ids;   /* [tokens], each in [0, max_positions) */
  const int32_t *offsets;        /* [sequences + 1], offsets[0] == 0, rising */
  const int32_t *output_rows;    /* [tokens], row of a per-token output that
                                    token t is written to (scatter to padded) */
  int64_t tokens;                /* T >= 1 */
  int64_t sequences;             /* B >= 1 */
  int64_t longest;               /* longest sequence, >= 1 */
  int64_t pair_length;           /* rows and columns of a matrix of a per-pair
                                    output, >= longest */
  int64_t threads;               /* threads that enter the generated function */
  /* Meets all threads of the call; called by each thread. */
  void (*barrier)(const struct bertc_call *call, int64_t tid);
  void *barrier_state;
  /* NULL unless the run is profiled. Called by each thread when it begins phase
   * `phase` (an index into bertc_variant.phases) of layer `layer`, or -1
   * outside of the layers. A phase ends where the next one or a barrier begins.
   */
  void (*phase)(const struct bertc_call *call, int64_t tid, int64_t phase,
                int64_t layer);
  /* outputs[i] for bertc_model_desc.outputs[i]; NULL: not wanted. Of a per-pair
   * output the code writes, for sequence b of n tokens,
   *   out[((b * width + h) * pair_length + i) * pair_length + j], i and j < n,
   * where i and j count the tokens of the sequence, and nothing else: the
   * runtime has zeroed the rest, and moves what the caller wants at other
   * places when the code is done. */
  float *outputs[BERTC_MAX_OUTPUTS];
} bertc_call;

/* Entered once by each thread, tid in [0, call->threads). */
typedef void (*bertc_forward_fn)(const bertc_call *call, int64_t tid);

/* Bytes of workspace =
 *   fixed + per_token * tokens + per_sequence * sequences
 *   + threads * (per_thread + per_thread_key * round_up(longest, 16)). */
typedef struct bertc_workspace {
  uint64_t fixed;
  uint64_t per_token;
  uint64_t per_sequence;
  uint64_t per_thread;
  uint64_t per_thread_key;
} bertc_workspace;

/* What generated code does between two marks of time. All threads together do
 *   flops_per_token * tokens + flops_per_sequence * sequences
 *   + flops_per_pair * (sum of the squared lengths of the sequences)
 * multiplications and additions of matrix products in it, once a layer. */
typedef struct bertc_phase_desc {
  const char *name;
  uint64_t flops_per_token;
  uint64_t flops_per_sequence;
  uint64_t flops_per_pair;
  uint64_t weight_bytes; /* of matrices, each read at least once */
} bertc_phase_desc;

typedef struct bertc_variant {
  const char *name;  /* "x86-64-v3", ... */
  uint64_t features; /* BERTC_CPU_* bits that must all be present */
  bertc_forward_fn forward;
  bertc_workspace workspace;
  const bertc_phase_desc *phases;
  uint64_t phase_count;
} bertc_variant;

enum {
  BERTC_PER_TOKEN = 0,
  BERTC_PER_SEQUENCE = 1,
  BERTC_PER_PAIR = 2 /* a value for each query, key token and head */
};

typedef struct bertc_output_desc {
  const char *name; /* Hugging Face name: "last_hidden_state", ... */
  uint32_t kind;    /* BERTC_PER_*; of a program for training, not _PAIR */
  uint32_t width;   /* columns; rows are dense, float32; _PAIR: heads */
} bertc_output_desc;

/*===--- Devices ----------------------------------------------------------===*/

/* Elements of a tensor that a map describes. */
enum { BERTC_ELEMENT_BF16 = 0, BERTC_ELEMENT_F16 = 1, BERTC_ELEMENT_F32 = 2 };

/* Rows of memory of a device whose boxes a kernel copies by a tensor map (TMA).
 * What lies outside of the tensor is zero in a box. */
typedef struct bertc_tensor_desc {
  uint64_t address;     /* of the first element, a multiple of 16 */
  int64_t columns;      /* elements, one after another */
  int64_t rows;         /* at least 1, as columns */
  int64_t row_bytes;    /* from row to row, a multiple of 16 */
  uint32_t box_columns; /* up to 256 */
  uint32_t box_rows;    /* up to 256 */
  uint32_t element;     /* BERTC_ELEMENT_* */
  uint32_t swizzle;     /* 0, 32, 64 or 128: bytes of a box's row within
                           which pieces of 16 are permuted */
} bertc_tensor_desc;

/* Of a tensor map, in bytes. */
enum { BERTC_TENSOR_MAP_SIZE = 128, BERTC_TENSOR_MAP_ALIGNMENT = 128 };

/* One call of the host code of a device variant. It runs on the calling thread
 * and does nothing but compute addresses and grids and launch kernels, so that
 * a call can be captured as a CUDA graph. Every uint64_t is an address on the
 * device, aligned to BERTC_ALIGNMENT unless the caller gave it. Tokens are
 * packed as in bertc_call. */
typedef struct bertc_device_call {
  uint64_t weights;        /* of bertc_device_variant.weights_offset */
  uint64_t workspace;      /* as the variant's formula with 1 thread says; its
                              `fixed` bytes, the first, are zero before the
                              first call and as calls leave them after */
  uint64_t input_ids;      /* int32 [tokens], each in [0, vocab_size) */
  uint64_t token_type_ids; /* int32 [tokens], each in [0, type_vocab_size) */
  uint64_t position_ids;   /* int32 [tokens], each in [0, max_positions) */
  uint64_t offsets;        /* int32 [sequences + 1] */
  uint64_t output_rows;    /* int32 [tokens]: row of a per-token output */
  int64_t tokens;
  int64_t sequences;
  int64_t longest;
  int64_t multiprocessors; /* of the device */
  /* Launches bertc_device_variant.kernels[kernel] after those before it.
   * params[i] points to argument i, which is copied before the call returns.
   * After an error, which the runtime keeps, it does nothing. */
  void (*launch)(const struct bertc_device_call *call, int64_t kernel,
                 int64_t grid_x, int64_t grid_y, int64_t grid_z, void **params);
  /* Fills `map`, BERTC_TENSOR_MAP_SIZE bytes, an argument of kernels. Errors
   * are kept as those of launches are. */
  void (*encode_map)(const struct bertc_device_call *call,
                     const bertc_tensor_desc *tensor, void *map);
  /* What is launched from now on belongs to layer `layer`, or to none if it is
   * -1, as before the first call. */
  void (*enter_layer)(const struct bertc_device_call *call, int64_t layer);
  void *launch_state;
  /* Float rows of bertc_model_desc.outputs[i], dense; 0: not wanted. A per-pair
   * output is [sequences][width][longest][longest], of which every float is
   * written: zero behind a sequence's end. */
  uint64_t outputs[BERTC_MAX_OUTPUTS];
} bertc_device_call;

typedef void (*bertc_device_forward_fn)(const bertc_device_call *call);

enum {
  /* Its blocks share the work however many there are along y, a multiple of
   * `cluster`: no more are launched than run at a time. */
  BERTC_KERNEL_SHARES_WORK = 1u << 0
};

/* One launch does flops_per_token * tokens + ... operations of matrix products,
 * as in bertc_phase_desc. */
typedef struct bertc_kernel_desc {
  const char *name;      /* of the entry in the PTX */
  uint32_t threads;      /* of a block, which has one dimension */
  uint32_t shared_bytes; /* dynamic shared memory of a block */
  uint64_t flops_per_token;
  uint64_t flops_per_sequence;
  uint64_t flops_per_pair;
  uint32_t cluster; /* blocks along y that run together; 0: each by itself */
  uint32_t flags;   /* BERTC_KERNEL_* */
  uint64_t weight_bytes; /* of matrices, each read at least once */
} bertc_kernel_desc;

enum {
  /* Runs on devices of exactly its compute capability (sm_90a), not on later
   * ones. */
  BERTC_DEVICE_EXACT = 1u << 0,
  /* Its host code calls encode_map. */
  BERTC_DEVICE_TENSOR_MAPS = 1u << 1
};

typedef struct bertc_device_variant {
  const char *name;            /* "cuda:sm_80" */
  uint32_t compute_capability; /* 80 for 8.0 */
  uint32_t flags;              /* BERTC_DEVICE_* */
  const char *ptx;             /* text with a NUL at its end, or NULL */
  uint64_t ptx_size;           /* without the NUL */
  const uint8_t *cubin;        /* machine code for this capability, or NULL */
  uint64_t cubin_size;
  bertc_device_forward_fn forward;
  bertc_workspace workspace;
  const bertc_kernel_desc *kernels;
  uint64_t kernel_count;
  uint64_t weights_offset; /* the part of the packed weights, in bytes, that */
  uint64_t weights_size;   /* is copied to the device */
} bertc_device_variant;

/*===--- Training ---------------------------------------------------------===*/

/* One call of training code: outputs, loss and gradients of a batch. */
typedef struct bertc_train_call {
  /* As for a forward call, except that `weights` is memory of the trainer, in
   * the layout of the segment, and outputs[i] is bertc_train_desc.outputs[i].
   */
  bertc_call call;
  /* bertc_train_desc.gradients_size bytes, 64-aligned, which the gradients of
   * the mean loss of this batch are added to. */
  uint8_t *gradients;
  /* As bertc_train_desc.labels says, rows packed like tokens or sequences. */
  const void *labels;
  float *loss;   /* the mean loss of this batch */
  uint64_t seed; /* of dropout, with `step`: */
  uint64_t step; /* differs for each batch of a training */
  /* NULL, or rows of bertc_train_desc.frozen_output for this batch, each of
   * round_up(width, 16) floats, padding zero: what comes before is not
   * computed. */
  const float *frozen;
} bertc_train_call;

/* Entered once by each thread, tid in [0, call->call.threads). */
typedef void (*bertc_train_fn)(const bertc_train_call *call, int64_t tid);

enum {
  BERTC_PARAMETER_PANELS = 0, /* [columns/16][depth][16] floats */
  BERTC_PARAMETER_ROWS = 1    /* [depth][columns] floats, dense */
};
enum {
  BERTC_PARAMETER_DECAYS = 1u << 0, /* not a bias, not of a norm */
  BERTC_PARAMETER_NEW = 1u << 1     /* not in the checkpoint: to be drawn */
};
/* No gradient: the parameter is frozen in every layer. */
#define BERTC_FROZEN (~(uint64_t)0)

/* A parameter in the packed segment: one contiguous range in each layer.
 * Element [r][c] of the Hugging Face tensor is, in PANELS, at column pad(r,
 * column) and depth pad(c, depth); in ROWS (vectors have one row) at depth r
 * and column pad(c, column), where pad(i, axis) = i / axis_group * axis_stride
 * + i % axis_group. What no element is at, is zero, and so is its gradient. */
typedef struct bertc_parameter_desc {
  const char *name; /* Hugging Face name; "{layer}" stands for the layer */
  uint32_t layout;  /* BERTC_PARAMETER_PANELS or _ROWS */
  uint32_t flags;   /* BERTC_PARAMETER_* */
  uint32_t rank;    /* 1: [columns], 2: [rows, columns] */
  uint32_t rows;    /* of the tensor; 1 if rank is 1 */
  uint32_t columns; /* of the tensor */
  uint32_t column_group, column_stride;
  uint32_t depth_group, depth_stride; /* PANELS only */
  uint32_t layer_count;
  uint32_t first_trained_layer; /* gradients of layers below do not exist, */
  uint32_t last_frozen_layers;  /* nor do those of so many at the end */
  uint64_t packed_size;         /* floats of the range */
  uint64_t weight_offset;       /* bytes, layer 0 */
  uint64_t weight_layer_stride; /* bytes */
  uint64_t gradient_offset;     /* bytes, of first_trained_layer, or FROZEN */
  uint64_t gradient_layer_stride;
} bertc_parameter_desc;

/* A piece of a parameter's packed range, for updates. Sums are formed by piece
 * and then over the pieces, so that they do not depend on who computes which.
 * Moments are where gradients are. */
typedef struct bertc_parameter_chunk {
  uint64_t weight, gradient; /* floats from the begin of the memories */
  uint32_t count;            /* floats */
  uint32_t decays;           /* 1: BERTC_PARAMETER_DECAYS */
} bertc_parameter_chunk;

/* What the labels of a batch are. */
enum {
  BERTC_LABEL_CLASS = 0,  /* int32 [sequences], -100: ignored */
  BERTC_LABEL_MULTI = 1,  /* float [sequences, label_width], each in 0..1 */
  BERTC_LABEL_NUMBER = 2, /* float [sequences, label_width] */
  BERTC_LABEL_TOKEN = 3,  /* int32 [tokens], -100: ignored */
  BERTC_LABEL_SPAN = 4    /* int32 [sequences, 2]: first and last token of the
                             answer, counted in the sequence */
};

/* A file of the model directory that a trained model needs too: config.json
 * with the head, tokenizer files. */
typedef struct bertc_file_desc {
  const char *name; /* with '/', never outside of the directory */
  const uint8_t *data;
  uint64_t size;
} bertc_file_desc;

typedef struct bertc_train_variant {
  bertc_train_fn train;
  bertc_workspace workspace;
  const bertc_phase_desc *phases;
  uint64_t phase_count;
} bertc_train_variant;

/* The same on a device: addresses are the device's, and launches go in stream
 * order, as with bertc_device_call. */
typedef struct bertc_device_train_call {
  /* `weights` is memory of the trainer, in the layout of the variant's part of
   * the segment; outputs[i] is bertc_train_desc.outputs[i]. */
  bertc_device_call call;
  uint64_t parameters; /* weights as bertc_parameter_desc has them */
  uint64_t gradients;  /* as of bertc_train_call, as is all below */
  uint64_t labels;
  uint64_t loss;
  uint64_t frozen; /* or 0 */
  uint64_t seed;
  uint64_t step; /* address of its lower 32 bits: a graph is for all steps */
} bertc_device_train_call;

typedef void (*bertc_device_train_fn)(const bertc_device_train_call *call);

typedef struct bertc_device_train_variant {
  bertc_device_train_fn train;
  /* Makes call.weights of `parameters`: after each change of them. */
  bertc_device_train_fn refresh;
  bertc_workspace workspace; /* as that of bertc_device_variant */
  /* Kernels of the optimizer, block b has chunk b. Arguments of the first:
   * gradients, chunks, and a float64 for each chunk, which becomes the sum of
   * the squares; of the second: weights, gradients, first and second moments,
   * chunks, and the floats of an update (runtime/train/AdamW.h). */
  int64_t sum_of_squares;
  int64_t adam_w;
} bertc_device_train_variant;

typedef struct bertc_train_desc {
  uint32_t struct_size;
  uint32_t label_kind;  /* BERTC_LABEL_* */
  uint32_t label_width; /* number of labels of the head */
  uint32_t output_count;
  const bertc_output_desc *outputs;    /* "logits" first */
  const bertc_train_variant *variants; /* one for each of the model's */
  const bertc_parameter_desc *parameters;
  uint64_t parameter_count;
  uint64_t gradients_size; /* bytes */
  float initializer_range; /* standard deviation of new parameters */
  uint32_t reserved;
  const bertc_file_desc *files;
  uint64_t file_count;
  /* The output of the model, by name, up to which nothing is trained, or NULL
   * if there is none; see bertc_train_call.frozen. */
  const char *frozen_output;
  /* One for each of the model's variants for devices. */
  const bertc_device_train_variant *device_variants;
  uint64_t parameters_size; /* bytes, from the begin of the segment */
} bertc_train_desc;

/* The one symbol that links the runtime to a compiled model, declared below. */
typedef struct bertc_model_desc {
  uint32_t abi_version;
  uint32_t struct_size;
  const char *manifest; /* JSON text, see compiler/Emit/README.md */
  uint64_t manifest_size;

  uint32_t hidden_size;
  uint32_t num_hidden_layers;
  uint32_t num_attention_heads;
  uint32_t intermediate_size;
  uint32_t vocab_size;
  uint32_t max_position_embeddings;
  uint32_t type_vocab_size;
  uint32_t pad_token_id;

  /* NULL when the weights are in a file beside the library. */
  const uint8_t *weights;
  uint64_t weights_size;
  uint64_t weights_hash;    /* bertc_hash64() of the packed bytes,
                               or 0: not known when compiled */
  const char *weights_file; /* file name without folder, or NULL */

  const bertc_variant *variants; /* for processors, by rising preference */
  uint32_t variant_count;        /* may be 0 if there is a device variant */
  uint32_t output_count;
  const bertc_output_desc *outputs;

  const uint8_t *tokenizer; /* runtime/abi/text.h, or NULL */
  uint64_t tokenizer_size;

  const bertc_train_desc *train; /* NULL unless compiled with --train */

  const bertc_device_variant *device_variants;
  uint64_t device_variant_count;
} bertc_model_desc;

/* The linker symbol is "bertc_model"; in C the name belongs to the handle type
 * of bertc.h. */
extern const bertc_model_desc bertc_model_description __asm__("bertc_model");

#ifdef __cplusplus
}
#endif
#endif
