/*===----------------------------------------------------------------------===*
 *
 * Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * The C API of a compiled model. A library made by `bertc compile` exports
 * bertc_get_api; everything else is reached through the table it returns, so a
 * program may load any number of models, each with its own runtime inside.
 *
 *   const bertc_api *api = bertc_get_api(BERTC_API_VERSION);
 *   bertc_status status;
 *   bertc_model *model;
 *   if (api->model_open(NULL, &model, &status) != BERTC_OK)
 *     fprintf(stderr, "%s\n", status.message);
 *
 * Conventions
 * - Errors: functions return a code, and write code and message to `status`
 *   when it is not NULL. A message is one line, or two with a `help:` line.
 *   On failure output handles are set to NULL and output buffers may be partly
 *   written. Nothing is printed, and no call ends the process.
 * - Versions: every struct begins with struct_size; set it with
 *   BERTC_INIT(type), which zeroes the rest. Zero means the default. A program
 *   built with an older header passes a shorter struct, and one built with a
 *   newer header a longer one; a field the library does not know must be zero.
 * - Threads: a model may be used by any number of threads at once. A session
 *   belongs to one caller at a time; a second one gets BERTC_BUSY.
 * - Fork: a model survives fork(2). A session's threads do not, so a session
 *   made before a fork is refused in the child; make one there.
 * - Ownership: a handle is freed by the function named beside its creation;
 *   free all before dlclose, since a session's threads run code of the library.
 *   Strings live as long as their model. Input and output buffers belong to
 *   the caller, need only the alignment of their type, and must not overlap.
 * - Numbers: float32, row-major and dense. A token's result depends on its own
 *   sequence only: batch, padding and thread count never change a bit. While
 *   the model computes, subnormal numbers count as zero.
 * - Limits: rows * columns of a batch stay below 2^31.
 *
 *===----------------------------------------------------------------------===*/
#ifndef BERTC_H
#define BERTC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BERTC_API_VERSION 1u

/* `bertc_padded_inputs in = BERTC_INIT(bertc_padded_inputs);` */
#ifdef __cplusplus
#define BERTC_INIT(type) (bertc_init<type>())
#else
#define BERTC_INIT(type) {.struct_size = sizeof(type)}
#endif

/*===--- Status -----------------------------------------------------------===*/

/* Codes up to 5 are also the exit codes of the command line, which has 5 for
 * BERTC_NO_DEVICE, too. */
typedef enum bertc_code {
  BERTC_OK = 0,
  BERTC_INTERNAL = 1,         /* a fault of bertc itself, or of the system */
  BERTC_INVALID_ARGUMENT = 2, /* the call is wrong: a null pointer, a size */
  BERTC_CORRUPT = 3,          /* library or weights are damaged or foreign */
  BERTC_BAD_INPUT = 4,        /* the data are wrong: a token id, a mask, text */
  BERTC_UNSUPPORTED_CPU = 5,  /* no usable variant for this processor */
  BERTC_OUT_OF_MEMORY = 7,
  BERTC_IO = 8,            /* a file cannot be opened, read or mapped */
  BERTC_BUSY = 9,          /* another thread is using this session */
  BERTC_NOT_IN_MODEL = 10, /* no such output, or no tokenizer, in this model */
  BERTC_NOT_FINITE = 11,   /* a loss or gradient is infinite or not a number */
  BERTC_NO_DEVICE = 12     /* no driver, no such device, or no variant for it */
} bertc_code;

typedef struct bertc_status {
  bertc_code code;
  char message[508]; /* empty for BERTC_OK; always terminated */
} bertc_status;

/*===--- Models -----------------------------------------------------------===*/

typedef struct bertc_model bertc_model;
typedef struct bertc_session bertc_session;

enum {
  /* Do not compare the hash of external weights; it reads the whole file. */
  BERTC_OPEN_SKIP_HASH = 1u << 0
};

typedef struct bertc_model_options {
  size_t struct_size;
  /* File of a model compiled with --external-weights. NULL: the file named at
   * compile time, in the folder of the library. The file is mapped, and must
   * not be changed while the model is open: if it is cut short, reading the
   * lost part raises SIGBUS, as with every mapped file. */
  const char *weights_path;
  /* Variant to run, such as "x86-64-v3" or, on a CUDA device, "cuda:sm_80".
   * NULL: the one that the environment variable BERTC_CPU names, if the model
   * is opened on the processor, or else the best one. */
  const char *variant;
  uint32_t flags; /* BERTC_OPEN_* */
  uint32_t reserved;
  /* Where the model runs: "cpu", or "cuda:0" for the first CUDA device, "cuda"
   * for short. NULL: what the environment variable BERTC_DEVICE says, or else
   * "cpu" if the model was compiled for processors, and "cuda:0" if not. A
   * device that cannot be used is an error; nothing else is tried. */
  const char *device;
} bertc_model_options;

typedef struct bertc_model_info {
  size_t struct_size;
  uint32_t hidden_size;
  uint32_t num_hidden_layers;
  uint32_t num_attention_heads;
  uint32_t intermediate_size;
  uint32_t vocab_size;
  uint32_t max_position_embeddings; /* longest sequence, in tokens */
  uint32_t type_vocab_size;
  uint32_t pad_token_id;
  uint32_t output_count;    /* see output_info */
  uint32_t variant_count;   /* for processors and devices, see variant_info */
  uint32_t variant;         /* index of the variant in use */
  uint32_t has_tokenizer;   /* 1 if tokenize works */
  uint32_t embedding_width; /* columns of embed_texts; 0 if it cannot work */
  uint32_t phase_count;     /* of the variant in use, see phase_info */
  uint64_t weights_size;    /* bytes */
  const char *manifest; /* JSON text of manifest_size bytes; may lack a NUL */
  size_t manifest_size;
  const char *device;      /* where the model runs: "cpu", "cuda:0" */
  const char *device_name; /* "NVIDIA H100 80GB HBM3"; empty on the processor */
} bertc_model_info;

/* What the rows of an output stand for. */
typedef enum bertc_kind {
  BERTC_KIND_TOKEN = 0,    /* a row per token: last_hidden_state */
  BERTC_KIND_SEQUENCE = 1, /* a row per sequence: pooler_output */
  /* matrices of a row per query and a column per key token: attentions */
  BERTC_KIND_PAIR = 2
} bertc_kind;

typedef struct bertc_output_info {
  size_t struct_size;
  const char *name; /* as in Hugging Face transformers */
  uint32_t kind;    /* bertc_kind */
  uint32_t width; /* columns, in floats; of BERTC_KIND_PAIR, matrices: heads */
} bertc_output_info;

typedef struct bertc_variant_info {
  size_t struct_size;
  const char *name;
  /* 1 if this processor, or the device that the model is open on, can run it */
  uint32_t supported;
  uint32_t reserved;
  char missing[240]; /* what is lacking: "avx512f, avx512bw" */
} bertc_variant_info;

/* What the generated code does between two marks of a profile; on a CUDA
 * device, what one launch of a kernel does. All threads together do
 *   flops_per_token * tokens + flops_per_sequence * sequences
 *   + flops_per_pair * (sum of the squared lengths of the sequences)
 * multiplications and additions of matrix products in it, once in each layer;
 * on a device, with each launch. */
typedef struct bertc_phase_info {
  size_t struct_size;
  /* "query_key_value", "attention", "intermediate", ...; of a device, the
   * kernel's */
  const char *name;
  uint64_t flops_per_token;
  uint64_t flops_per_sequence;
  uint64_t flops_per_pair;
  uint64_t weight_bytes; /* of its matrices in one layer */
} bertc_phase_info;

/*===--- Sessions and runs ------------------------------------------------===*/

enum {
  /* Keep a record of each phase of the last run, see session_profile. Such runs
   * use the heap besides the workspace, and are a little slower. On a CUDA
   * device they are launched kernel by kernel, never as a graph. */
  BERTC_SESSION_PROFILE = 1u << 0,
  /* On a CUDA device: launch kernels one by one, never as a graph. */
  BERTC_SESSION_NO_GRAPHS = 1u << 1
};

typedef struct bertc_session_options {
  size_t struct_size;
  /* Threads that compute, the calling one included, 1 to 1024. 0: the number
   * in BERTC_THREADS, or else what the processor affinity and the cgroup CPU
   * quota of the process allow. On a CUDA device only the calling one is used.
   */
  uint32_t threads;
  uint32_t flags; /* BERTC_SESSION_* */
  /* Memory for intermediate results, 64-byte aligned, kept by the caller until
   * the session is destroyed, and not shared with another session. A run whose
   * workspace_size is larger fails. With it a run allocates nothing. NULL: the
   * session owns its memory, which grows to the largest run and stays. Not on a
   * CUDA device. */
  void *workspace;
  size_t workspace_size; /* bytes */
  /* On a CUDA device: how many graphs are kept. A graph is made when a run has
   * the same tokens, sequences, longest sequence and wanted outputs (and
   * addresses, for run_device) as one before; the one that was not used for the
   * longest time goes first. 0: 32; at most 1024. */
  uint32_t graphs;
  uint32_t reserved;
} bertc_session_options;

typedef struct bertc_session_info {
  size_t struct_size;
  uint32_t threads;
  uint32_t reserved;
  size_t workspace_size; /* bytes held now; on a CUDA device, its memory */
  uint32_t graphs;       /* that are kept now */
  uint32_t reserved2;
  size_t staging_size; /* bytes of pinned memory for copies to a device */
} bertc_session_info;

/* bertc_phase_record.phase of a thread that waits for the others. */
#define BERTC_PHASE_WAIT (-1)

/* What one thread did for some time; on a CUDA device, one launch of a kernel,
 * by the clock of the device. */
typedef struct bertc_phase_record {
  int32_t phase;   /* index for phase_info, or BERTC_PHASE_WAIT */
  int32_t layer;   /* -1 outside of the layers */
  uint32_t thread; /* 0: the calling one */
  uint32_t reserved;
  int64_t begin_ns; /* since shortly after the run began */
  int64_t end_ns;
} bertc_phase_record;

/* Element type of all integer arrays of one call. */
typedef enum bertc_dtype { BERTC_I64 = 0, BERTC_I32 = 1 } bertc_dtype;

/* Rows of equal length, with a mask. Only positions whose mask is 1 are
 * computed; masked ones may be anywhere in a row and are never read. Every row
 * needs at least one real token. */
typedef struct bertc_padded_inputs {
  size_t struct_size;
  int64_t batch;  /* rows, >= 1 */
  int64_t seq;    /* columns, >= 1 */
  uint32_t dtype; /* bertc_dtype */
  uint32_t reserved;
  const void *input_ids;      /* [batch, seq], in [0, vocab_size) */
  const void *attention_mask; /* [batch, seq], 0 or 1; NULL: all 1 */
  const void *token_type_ids; /* [batch, seq]; NULL: all 0 */
  const void *position_ids;   /* [batch, seq]; NULL: the column, as BERT does */
} bertc_padded_inputs;

/* Sequences of any lengths, one after another, without padding. */
typedef struct bertc_packed_inputs {
  size_t struct_size;
  int64_t tokens;    /* of all sequences, >= 1 */
  int64_t sequences; /* >= 1 */
  uint32_t dtype;    /* bertc_dtype */
  uint32_t reserved;
  const void *input_ids; /* [tokens], in [0, vocab_size) */
  /* [sequences + 1]: sequence i is tokens cu_seqlens[i] to cu_seqlens[i + 1];
   * first 0, last `tokens`, each sequence at least one token. */
  const void *cu_seqlens;
  const void *token_type_ids; /* [tokens]; NULL: all 0 */
  const void *position_ids;   /* [tokens]; NULL: index within the sequence */
} bertc_packed_inputs;

/* A wanted output, and where it goes. Shapes:
 *                        padded                    packed
 *   BERTC_KIND_TOKEN     [batch, seq, width]       [tokens, width]
 *   BERTC_KIND_SEQUENCE  [batch, width]            [sequences, width]
 *   BERTC_KIND_PAIR      [batch, width, seq, seq]  [sequences, width, longest,
 *                                                   longest]
 * where `longest` is the length of the longest sequence. Rows of masked
 * positions are set to zero, and so are, of BERTC_KIND_PAIR, their columns,
 * and rows and columns behind the end of a shorter sequence. */
typedef struct bertc_output {
  const char *name;
  float *data;
  size_t size; /* floats that data holds, at least those of the shape */
} bertc_output;

/* Sequences without padding, in memory of the CUDA device that the model is
 * open on. All arrays are read when the stream gets there, and their values
 * cannot be checked: a wrong one makes results wrong, or the device fail. */
typedef struct bertc_device_inputs {
  size_t struct_size;
  int64_t tokens;                /* of all sequences, >= 1 */
  int64_t sequences;             /* >= 1 */
  int64_t longest;               /* length of the longest sequence, at most
                                    max_position_embeddings */
  const int32_t *input_ids;      /* [tokens] */
  const int32_t *cu_seqlens;     /* [sequences + 1], see bertc_packed_inputs */
  const int32_t *token_type_ids; /* [tokens]; NULL: all 0 */
  const int32_t *position_ids;   /* [tokens] */
} bertc_device_inputs;

/*===--- Text -------------------------------------------------------------===*/

/* Length of a text that ends at its first NUL. */
#define BERTC_NUL_TERMINATED ((size_t)-1)

enum {
  /* Keep every token, however long the result. */
  BERTC_TOKENIZE_NO_TRUNCATION = 1u << 0,
  /* Leave out the special tokens around the texts. */
  BERTC_TOKENIZE_NO_SPECIAL = 1u << 1
};

typedef struct bertc_tokenize_options {
  size_t struct_size;
  /* Longest result, special tokens included, at most
   * max_position_embeddings; 0: the limit of the model's tokenizer. Of a pair,
   * the longer text is cut first. */
  uint32_t max_tokens;
  uint32_t flags; /* BERTC_TOKENIZE_* */
} bertc_tokenize_options;

/* The result of tokenize. The caller sets struct_size, capacity and the arrays,
 * each of `capacity` entries or NULL when not wanted. */
typedef struct bertc_encoding {
  size_t struct_size;
  size_t capacity;
  int32_t *ids;
  int32_t *type_ids; /* 0 in the first text, 1 in the second */
  /* Bytes [begin, end) of the text that became the token, in the text that
   * type_ids tells; both 0 for special tokens that were added. */
  uint32_t *begin;
  uint32_t *end;
  size_t count;     /* out: tokens of the result, also when above capacity */
  size_t dropped;   /* out: tokens cut off to stay within max_tokens */
  uint8_t *special; /* 1 for special tokens that were added */
  size_t malformed; /* out: malformed UTF-8 sequences, each read as U+FFFD */
} bertc_encoding;

typedef struct bertc_embed_options {
  size_t struct_size;
  uint32_t max_tokens; /* per text, as for tokenize */
  uint32_t reserved;
  /* Tokens computed together, which bounds the memory; 0: 4096. A longer text
   * is computed by itself. The results do not depend on it. */
  size_t batch_tokens;
} bertc_embed_options;

/*===--- The table --------------------------------------------------------===*/

typedef struct bertc_api {
  size_t struct_size; /* later versions append functions */
  uint32_t version;
  uint32_t reserved;

  /* Opens the model that is inside this library. options may be NULL. Freed by
   * model_close. */
  bertc_code (*model_open)(const bertc_model_options *options,
                           bertc_model **model, bertc_status *status);
  /* Sessions keep their model alive. NULL is allowed. */
  void (*model_close)(bertc_model *model);
  /* Each fills the struct up to the struct_size it is given. */
  bertc_code (*model_info)(const bertc_model *model, bertc_model_info *info,
                           bertc_status *status);
  bertc_code (*output_info)(const bertc_model *model, uint32_t index,
                            bertc_output_info *info, bertc_status *status);
  bertc_code (*variant_info)(const bertc_model *model, uint32_t index,
                             bertc_variant_info *info, bertc_status *status);

  /* Bytes of workspace for a run of so many tokens in so many sequences, the
   * longest of `longest` tokens, with so many threads (0: the default). Rises
   * with each of them, so the largest values give a size for all runs; for
   * padded inputs batch * seq tokens, batch sequences and seq are enough. On a
   * CUDA device: of its memory, besides the outputs of a run. */
  bertc_code (*workspace_size)(const bertc_model *model, uint32_t threads,
                               int64_t tokens, int64_t sequences,
                               int64_t longest, size_t *bytes,
                               bertc_status *status);
  /* options may be NULL. Freed by session_destroy. */
  bertc_code (*session_create)(bertc_model *model,
                               const bertc_session_options *options,
                               bertc_session **session, bertc_status *status);
  /* No run may be in progress. NULL is allowed. */
  void (*session_destroy)(bertc_session *session);
  bertc_code (*session_info)(const bertc_session *session,
                             bertc_session_info *info, bertc_status *status);

  bertc_code (*run_padded)(bertc_session *session,
                           const bertc_padded_inputs *inputs,
                           const bertc_output *outputs, size_t output_count,
                           bertc_status *status);
  bertc_code (*run_packed)(bertc_session *session,
                           const bertc_packed_inputs *inputs,
                           const bertc_output *outputs, size_t output_count,
                           bertc_status *status);

  /* Token ids of a text (UTF-8, `length` bytes), or of a pair of texts if
   * `pair` is not NULL. With capacity 0 it only counts; a result longer than
   * another capacity is BERTC_INVALID_ARGUMENT, and count is set. options may
   * be NULL. */
  bertc_code (*tokenize)(const bertc_model *model, const char *text,
                         size_t length, const char *pair, size_t pair_length,
                         const bertc_tokenize_options *options,
                         bertc_encoding *encoding, bertc_status *status);
  /* The vocabulary entry of an id: `length` bytes at `text`, no NUL. */
  bertc_code (*token_text)(const bertc_model *model, int32_t id,
                           const char **text, size_t *length,
                           bertc_status *status);

  /* Sentence embeddings as the model directory defines them: row i of the
   * [count, embedding_width] floats at `embeddings` for texts[i]. lengths NULL:
   * texts end at their NUL. dropped, if not NULL, gets for each text the number
   * of tokens cut off to stay within max_tokens. options may be NULL. Uses the
   * heap besides the workspace. */
  bertc_code (*embed_texts)(bertc_session *session, const char *const *texts,
                            const size_t *lengths, size_t count,
                            const bertc_embed_options *options,
                            float *embeddings, size_t *dropped,
                            bertc_status *status);

  /* A phase of the variant in use. */
  bertc_code (*phase_info)(const bertc_model *model, uint32_t index,
                           bertc_phase_info *info, bertc_status *status);
  /* The records of the last run of a session with BERTC_SESSION_PROFILE, by
   * thread and then by time: `count` at `records`, which belong to the session
   * and are valid until its next call. A phase may have several records in one
   * layer. On a CUDA device there is a record for each launch, in the order of
   * the launches, and the call waits for a run of run_device that is not done.
   */
  bertc_code (*session_profile)(bertc_session *session,
                                const bertc_phase_record **records,
                                size_t *count, bertc_status *status);

  /* A run of a model that is open on a CUDA device, with inputs and outputs in
   * its memory: data of an output is an address of the device, 16-byte aligned,
   * for what run_packed gives; every float of it is written. `stream` is a
   * CUstream (or cudaStream_t) of the device's primary context; NULL: the
   * default one. The call returns when the work is in the stream; arrays and
   * session must live until it is done. Runs of one session come one after
   * another, on whatever streams. A stream that is being captured gets the
   * kernels themselves, if a run of this size was made before and the session
   * keeps no profile; then the order of runs is the caller's affair. */
  bertc_code (*run_device)(bertc_session *session,
                           const bertc_device_inputs *inputs,
                           const bertc_output *outputs, size_t output_count,
                           void *stream, bertc_status *status);
} bertc_api;

/* NULL if this library does not speak that version. */
__attribute__((visibility("default"))) const bertc_api *
bertc_get_api(uint32_t version);

#ifdef __cplusplus
} /* extern "C" */

template <typename T> inline T bertc_init() {
  T value = T();
  value.struct_size = sizeof(T);
  return value;
}
#endif
#endif
