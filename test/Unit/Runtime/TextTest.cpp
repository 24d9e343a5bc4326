//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Texts through the C API: the fake model with a real tokenizer of a few
// words, whose blob the compiler writes.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"
#include "compiler/Import/Tokenizer.h"
#include "runtime/core/Model.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace bertc::test;
using bertc::TemplatePiece;

namespace {

constexpr int cls = 2, sep = 3;

/// [CLS] text [SEP], and [CLS] text [SEP] text [SEP] with types 0 and 1.
const std::string &blob() {
  static const std::string bytes = [] {
    bertc::TokenizerData data;
    data.tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "##c"};
    data.vocabularySize = 7;
    data.modelMaxLength = 8;
    data.unkId = 1;
    data.clsId = cls;
    data.sepId = sep;
    data.padId = 0;
    data.single = {{TemplatePiece::Token, cls, 0},
                   {TemplatePiece::First, 0, 0},
                   {TemplatePiece::Token, sep, 0}};
    data.pair = {{TemplatePiece::Token, cls, 0},
                 {TemplatePiece::First, 0, 0},
                 {TemplatePiece::Token, sep, 0},
                 {TemplatePiece::Second, 0, 1},
                 {TemplatePiece::Token, sep, 1}};
    return bertc::serializeTokenizer(data);
  }();
  return bytes;
}

class TextApi : public testing::Test {
protected:
  void SetUp() override {
    // The blob needs the alignment that a library gives it.
    aligned.resize(blob().size() / 8 + 1);
    memcpy(aligned.data(), blob().data(), blob().size());
    desc = fakeDescription();
    desc.tokenizer = reinterpret_cast<const uint8_t *>(aligned.data());
    desc.tokenizer_size = blob().size();
    ASSERT_EQ(bertc::rt::openModel(desc, fullCpu(), nullptr, &model, &status),
              BERTC_OK)
        << status.message;
    bertc_session_options options = BERTC_INIT(bertc_session_options);
    options.threads = 2;
    ASSERT_EQ(api().session_create(model, &options, &session, &status),
              BERTC_OK);
    observed.faults = 0;
  }
  void TearDown() override {
    api().session_destroy(session);
    api().model_close(model);
    EXPECT_EQ(observed.faults, 0);
  }

  /// Tokenizes; ids are empty after an error, which is in `status`.
  std::vector<int32_t> ids(const char *text, const char *pair = nullptr,
                           uint32_t maxTokens = 0, uint32_t flags = 0) {
    bertc_tokenize_options options = BERTC_INIT(bertc_tokenize_options);
    options.max_tokens = maxTokens;
    options.flags = flags;
    std::vector<int32_t> ids(64), types(64);
    std::vector<uint32_t> begin(64), end(64);
    std::vector<uint8_t> special(64);
    encoding = BERTC_INIT(bertc_encoding);
    encoding.capacity = 64;
    encoding.ids = ids.data();
    encoding.type_ids = types.data();
    encoding.begin = begin.data();
    encoding.end = end.data();
    encoding.special = special.data();
    if (api().tokenize(model, text, BERTC_NUL_TERMINATED, pair,
                       BERTC_NUL_TERMINATED, &options, &encoding, &status))
      return {};
    for (auto *array : {&ids, &types})
      array->resize(encoding.count);
    typeIds = types;
    spans.clear();
    for (size_t i = 0; i < encoding.count; ++i)
      spans.push_back({begin[i], end[i]});
    return ids;
  }

  std::vector<float> embed(const std::vector<const char *> &texts,
                           size_t batchTokens = 0, uint32_t maxTokens = 0) {
    bertc_embed_options options = BERTC_INIT(bertc_embed_options);
    options.batch_tokens = batchTokens;
    options.max_tokens = maxTokens;
    std::vector<float> rows(texts.size() * embeddingWidth, -1);
    dropped.assign(texts.size(), 99);
    if (api().embed_texts(session, texts.data(), nullptr, texts.size(),
                          &options, rows.data(), dropped.data(), &status))
      return {};
    return rows;
  }

  std::vector<uint64_t> aligned;
  bertc_model_desc desc;
  bertc_model *model = nullptr;
  bertc_session *session = nullptr;
  bertc_status status;
  bertc_encoding encoding;
  std::vector<int32_t> typeIds;
  std::vector<std::pair<uint32_t, uint32_t>> spans;
  std::vector<size_t> dropped;
};

using Ids = std::vector<int32_t>;
using Floats = std::vector<float>;

} // namespace

TEST_F(TextApi, Tokenize) {
  EXPECT_EQ(ids("A bc \xc3\x84"), (Ids{cls, 4, 5, 6, 4, sep}));
  EXPECT_EQ(typeIds, (Ids{0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(encoding.dropped, 0u);
  EXPECT_EQ(spans,
            (decltype(spans){{0, 0}, {0, 1}, {2, 3}, {3, 4}, {5, 7}, {0, 0}}));
  EXPECT_EQ(ids(""), (Ids{cls, sep}));
  EXPECT_EQ(ids("nothing known"), (Ids{cls, 1, 1, sep}));
  EXPECT_EQ(ids("a", "b"), (Ids{cls, 4, sep, 5, sep}));
  EXPECT_EQ(typeIds, (Ids{0, 0, 0, 1, 1}));
  EXPECT_EQ(ids("a b", nullptr, 0, BERTC_TOKENIZE_NO_SPECIAL), (Ids{4, 5}));
  EXPECT_EQ(ids("a\xff"), (Ids{cls, 4, sep}))
      << "U+FFFD is removed, as BERT does";
  EXPECT_EQ(encoding.malformed, 1u);
}

TEST_F(TextApi, Truncation) {
  EXPECT_EQ(ids("a a a a b b b"), (Ids{cls, 4, 4, 4, 4, 5, 5, sep}));
  EXPECT_EQ(encoding.dropped, 1u);
  EXPECT_EQ(ids("a b a", nullptr, 3), (Ids{cls, 4, sep}));
  EXPECT_EQ(encoding.dropped, 2u);
  // More than the tokenizer's usual limit, as long as the model has positions.
  EXPECT_EQ(ids("a a a a b b b", nullptr, maxPositions).size(), 9u);
  EXPECT_EQ(
      ids("a a a a b b b", nullptr, 0, BERTC_TOKENIZE_NO_TRUNCATION).size(),
      9u);
}

TEST_F(TextApi, LengthIsInBytes) {
  bertc_encoding counted = BERTC_INIT(bertc_encoding);
  EXPECT_EQ(api().tokenize(model, "a b\0a", 5, nullptr, 0, nullptr, &counted,
                           &status),
            BERTC_OK);
  EXPECT_EQ(counted.count, 4u) << "NUL is removed, as BERT does: a, ba";
  EXPECT_EQ(
      api().tokenize(model, "a b", 1, "b a", 1, nullptr, &counted, &status),
      BERTC_OK);
  EXPECT_EQ(counted.count, 5u);
}

TEST_F(TextApi, BadTokenizeCalls) {
  auto refused = [&](bertc_code code, const char *message) {
    EXPECT_EQ(code, BERTC_INVALID_ARGUMENT);
    EXPECT_STREQ(status.message, message);
  };
  bertc_encoding small = BERTC_INIT(bertc_encoding);
  int32_t two[2];
  small.capacity = 2;
  small.ids = two;
  refused(api().tokenize(model, "a", 1, nullptr, 0, nullptr, &small, &status),
          "bertc_encoding.capacity is 2, expected at least 3");
  EXPECT_EQ(small.count, 3u);
  refused(
      api().tokenize(model, nullptr, 1, nullptr, 0, nullptr, &small, &status),
      "text is null, expected UTF-8 bytes");
  refused(api().tokenize(model, "a", 1, nullptr, 0, nullptr, nullptr, &status),
          "bertc_encoding is null, expected a pointer to a struct");
  refused(api().tokenize(nullptr, "a", 1, nullptr, 0, nullptr, &small, &status),
          "model is null, expected a handle from model_open");
  EXPECT_EQ(ids("a", nullptr, 17), Ids{});
  EXPECT_STREQ(status.message, "max_tokens is 17, expected at most 16, the "
                               "model's max_position_embeddings");
  EXPECT_EQ(ids("a", nullptr, 1), Ids{});
  EXPECT_STREQ(status.message,
               "max_tokens is 1, expected room for the special tokens");
  EXPECT_EQ(ids("a", nullptr, 0, 8), Ids{});
  EXPECT_STREQ(status.message, "bertc_tokenize_options.flags is 0x8, expected "
                               "BERTC_TOKENIZE_* bits");
}

TEST_F(TextApi, TokenText) {
  const char *text;
  size_t length;
  ASSERT_EQ(api().token_text(model, 6, &text, &length, &status), BERTC_OK);
  EXPECT_EQ(std::string(text, length), "##c");
  for (int32_t id : {-1, 7, INT32_MAX}) {
    EXPECT_EQ(api().token_text(model, id, &text, &length, &status),
              BERTC_BAD_INPUT);
    EXPECT_EQ(std::string(status.message),
              "token id is " + std::to_string(id) + ", expected 0 to 6");
  }
  EXPECT_EQ(api().token_text(model, 0, nullptr, &length, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(api().token_text(model, 0, &text, nullptr, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "length is null, expected where to store the result");
}

// The fake model's embedding is the number of tokens and the last id.
TEST_F(TextApi, Embed) {
  bertc_model_info info = BERTC_INIT(bertc_model_info);
  ASSERT_EQ(api().model_info(model, &info, nullptr), BERTC_OK);
  EXPECT_EQ(info.has_tokenizer, 1u);
  EXPECT_EQ(info.embedding_width, unsigned(embeddingWidth));
  Floats expected{3, sep, 2, sep, 8, sep, 4, sep, 3, sep};
  for (size_t batchTokens : {0, 1, 9, 16, 100}) {
    SCOPED_TRACE(batchTokens);
    EXPECT_EQ(embed({"a", "", "a b a b a b a b", "a b", "?"}, batchTokens),
              expected);
    EXPECT_EQ(dropped, (std::vector<size_t>{0, 0, 2, 0, 0}));
  }
  EXPECT_EQ(embed({"a b a b"}, 0, 4), (Floats{4, sep}));
  EXPECT_EQ(dropped[0], 2u);
}

TEST_F(TextApi, EmbedByLengths) {
  const char *texts[] = {"a b a", "b"};
  size_t lengths[] = {3, BERTC_NUL_TERMINATED};
  float rows[2 * embeddingWidth];
  ASSERT_EQ(api().embed_texts(session, texts, lengths, 2, nullptr, rows,
                              nullptr, nullptr),
            BERTC_OK);
  EXPECT_EQ(rows[0], 4);
  EXPECT_EQ(rows[2], 3);
}

TEST_F(TextApi, BadEmbedCalls) {
  const char *texts[] = {"a"};
  float row[embeddingWidth];
  auto refused = [&](bertc_code code, const char *message) {
    EXPECT_EQ(code, BERTC_INVALID_ARGUMENT);
    EXPECT_STREQ(status.message, message);
  };
  refused(api().embed_texts(nullptr, texts, nullptr, 1, nullptr, row, nullptr,
                            &status),
          "session is null, expected a handle from session_create");
  refused(api().embed_texts(session, nullptr, nullptr, 1, nullptr, row, nullptr,
                            &status),
          "texts is null, expected an array");
  refused(api().embed_texts(session, texts, nullptr, 1, nullptr, nullptr,
                            nullptr, &status),
          "embeddings is null, expected an array");
  refused(api().embed_texts(session, texts, nullptr, 0, nullptr, row, nullptr,
                            &status),
          "count is 0, expected at least one text");
  EXPECT_EQ(embed({"a", nullptr}), Floats{});
  EXPECT_STREQ(status.message, "texts[1] is null, expected UTF-8 bytes");
  EXPECT_EQ(embed({"a"}, 0, 17), Floats{});
  EXPECT_STREQ(status.message, "max_tokens is 17, expected at most 16, the "
                               "model's max_position_embeddings");
  EXPECT_EQ(embed({"a"}, 0, 1), Floats{});
  EXPECT_STREQ(status.message,
               "max_tokens is 1, expected room for the special tokens");
  // The session works afterwards, and nothing is left of the refused texts.
  EXPECT_EQ(embed({"b"}), (Floats{3, sep}));
}

TEST_F(TextApi, NoSentenceEmbedding) {
  bertc_model_desc plain = desc;
  plain.output_count = 2;
  bertc_model *other;
  bertc_session *otherSession;
  ASSERT_EQ(bertc::rt::openModel(plain, fullCpu(), nullptr, &other, nullptr),
            BERTC_OK);
  ASSERT_EQ(api().session_create(other, nullptr, &otherSession, nullptr),
            BERTC_OK);
  const char *texts[] = {"a"};
  float row[embeddingWidth];
  EXPECT_EQ(api().embed_texts(otherSession, texts, nullptr, 1, nullptr, row,
                              nullptr, &status),
            BERTC_NOT_IN_MODEL);
  EXPECT_STREQ(status.message,
               "this model has no output 'sentence_embedding'\n"
               "help: compile a directory that has modules.json, with "
               "sentence_embedding among --outputs");
  api().session_destroy(otherSession);
  api().model_close(other);
}

// Tables that were cut are refused.
TEST_F(TextApi, DamagedTokenizer) {
  bertc_model_desc damaged = desc;
  bertc_model *other;
  for (size_t size : {size_t(0), size_t(8), desc.tokenizer_size / 2,
                      size_t(desc.tokenizer_size - 1)}) {
    damaged.tokenizer_size = size;
    EXPECT_EQ(
        bertc::rt::openModel(damaged, fullCpu(), nullptr, &other, &status),
        BERTC_CORRUPT);
    EXPECT_EQ(other, nullptr);
    EXPECT_EQ(std::string(status.message)
                  .find("the tokenizer of the model is damaged: "),
              0u);
  }
}
