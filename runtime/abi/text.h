/*===----------------------------------------------------------------------===*
 *
 * Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * A tokenizer as bytes: the compiler writes it, the runtime walks it in place.
 * One blob holds everything, Unicode included, so that a library gives the same
 * ids whatever Unicode version its host knows. It has offsets instead of
 * pointers, needs 8-byte alignment, and is little-endian.
 *
 *===----------------------------------------------------------------------===*/
#ifndef BERTC_RUNTIME_ABI_TEXT_H
#define BERTC_RUNTIME_ABI_TEXT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BERTC_TEXT_MAGIC 0x4b4f544354524542ull /* "BERTCTOK" */

/* Raised with every change below. */
#define BERTC_TEXT_VERSION 1

/* An id, trie node or value that does not exist. */
#define BERTC_TEXT_NONE 0xffffffffu

/* `count` elements at byte `offset` of the blob, a multiple of 8. */
typedef struct bertc_text_section {
  uint32_t offset;
  uint32_t count;
} bertc_text_section;

/* A double-array trie over bytes. The child of node n for byte b is node
 * units[n].base + 1 + b, and exists if its `check` is n. The value of n is in
 * the `base` of node units[n].base, if that node's `check` is n. Node 0 is the
 * root. */
typedef struct bertc_text_unit {
  uint32_t base;
  uint32_t check;
} bertc_text_unit;

enum {
  BERTC_TOKEN_SPECIAL = 1u << 0,
  BERTC_TOKEN_SINGLE_WORD = 1u << 1, /* not beside a word character */
  BERTC_TOKEN_LSTRIP = 1u << 2,      /* takes the white space before it */
  BERTC_TOKEN_RSTRIP = 1u << 3       /* and after it */
};

/* A token that is looked for in the text before words are. Its index is the
 * value in the trie `raw` or `normalized`. */
typedef struct bertc_text_added {
  uint32_t id;
  uint32_t flags; /* BERTC_TOKEN_* */
} bertc_text_added;

enum {
  BERTC_TEMPLATE_TOKEN = 0,  /* the special token `id` */
  BERTC_TEMPLATE_FIRST = 1,  /* the tokens of the first text */
  BERTC_TEMPLATE_SECOND = 2, /* the tokens of the second text */
};

/* A piece of the result. A template has each text that it is for once. */
typedef struct bertc_text_piece {
  uint32_t kind; /* BERTC_TEMPLATE_* */
  uint32_t id;
  uint32_t type_id;
} bertc_text_piece;

enum {
  BERTC_CHAR_REMOVED = 1u << 0, /* deleted by clean_text */
  BERTC_CHAR_SPACE = 1u << 1,   /* separates words */
  BERTC_CHAR_PUNCT = 1u << 2,   /* a word of its own */
  BERTC_CHAR_MARK = 1u << 3,    /* deleted by strip_accents */
  BERTC_CHAR_CJK = 1u << 4,     /* a word of its own, if split_cjk */
  BERTC_CHAR_WORD = 1u << 5,    /* a word character for SINGLE_WORD */
  BERTC_CHAR_HANGUL = 1u << 6   /* decomposes by the rule for syllables */
};

/* What a code point is. Records are shared: that of code point c is
 * records[blocks[pages[c >> 7] * 128 + (c & 127)]]. */
typedef struct bertc_text_record {
  uint8_t flags;           /* BERTC_CHAR_* */
  uint8_t combining_class; /* canonical, 0 for starters */
  uint8_t decomposed;      /* code points of the full decomposition, or 0 */
  uint8_t lowered;         /* code points of the lower case, or 0: itself */
  uint32_t decomposition;  /* where they begin in `points` */
  uint32_t lower;          /* likewise; if lowered is 1: what to add to c */
} bertc_text_record;

#define BERTC_TEXT_BLOCK_SHIFT 7
#define BERTC_TEXT_BLOCK (1u << BERTC_TEXT_BLOCK_SHIFT)
#define BERTC_TEXT_PAGES (0x110000u >> BERTC_TEXT_BLOCK_SHIFT)

enum {
  BERTC_TEXT_CLEAN = 1u << 0,         /* drop control, unify white space */
  BERTC_TEXT_SPLIT_CJK = 1u << 1,     /* handle_chinese_chars */
  BERTC_TEXT_STRIP_ACCENTS = 1u << 2, /* decompose, drop marks */
  BERTC_TEXT_LOWERCASE = 1u << 3
};

typedef struct bertc_text_header {
  uint64_t magic;
  uint32_t version;
  uint32_t header_size;
  uint64_t blob_size;
  uint32_t options;        /* BERTC_TEXT_* */
  uint32_t token_count;    /* ids are 0 to token_count - 1 */
  uint32_t max_word_chars; /* longer words are unknown */
  uint32_t max_tokens;     /* model_max_length; 0: no limit */
  uint32_t pad_id;         /* BERTC_TEXT_NONE if there is none, as for mask */
  uint32_t unk_id;
  uint32_t cls_id;
  uint32_t sep_id;
  uint32_t mask_id;
  uint32_t continuation; /* node of `words` after the prefix "##", or NONE */

  bertc_text_section strings;    /* uint32_t[token_count + 1] into bytes */
  bertc_text_section bytes;      /* uint8_t, the tokens one after another */
  bertc_text_section words;      /* bertc_text_unit, token -> id */
  bertc_text_section raw;        /* bertc_text_unit, matched in the text */
  bertc_text_section normalized; /* bertc_text_unit, after normalization */
  bertc_text_section added;      /* bertc_text_added */
  bertc_text_section single;     /* bertc_text_piece */
  bertc_text_section pair;       /* bertc_text_piece */
  bertc_text_section pages;      /* uint16_t[BERTC_TEXT_PAGES] */
  bertc_text_section blocks;     /* uint16_t[n * BERTC_TEXT_BLOCK] */
  bertc_text_section records;    /* bertc_text_record */
  bertc_text_section points;     /* uint32_t, code points of mappings */
} bertc_text_header;

#ifdef __cplusplus
}
#endif
#endif
