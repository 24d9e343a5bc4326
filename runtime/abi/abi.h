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
#define BERTC_ABI_VERSION 2

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
  /* outputs[i] for bertc_model_desc.outputs[i]; NULL: not wanted. */
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

enum { BERTC_PER_TOKEN = 0, BERTC_PER_SEQUENCE = 1 };

typedef struct bertc_output_desc {
  const char *name; /* Hugging Face name: "last_hidden_state", ... */
  uint32_t kind;    /* BERTC_PER_TOKEN or BERTC_PER_SEQUENCE */
  uint32_t width;   /* columns; rows are dense, float32 */
} bertc_output_desc;

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

  const bertc_variant *variants; /* rising preference */
  uint32_t variant_count;
  uint32_t output_count;
  const bertc_output_desc *outputs;

  const uint8_t *tokenizer; /* runtime/abi/text.h, or NULL */
  uint64_t tokenizer_size;
} bertc_model_desc;

/* The linker symbol is "bertc_model"; in C the name belongs to the handle type
 * of bertc.h. */
extern const bertc_model_desc bertc_model_description __asm__("bertc_model");

#ifdef __cplusplus
}
#endif
#endif
