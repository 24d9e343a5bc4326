//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table, the structs of older and newer programs, what a model tells about
// itself, and calls with wrong handles.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace bertc::test;

TEST(Api, Versions) {
  ASSERT_NE(bertc_get_api(1), nullptr);
  EXPECT_EQ(bertc_get_api(1)->struct_size, sizeof(bertc_api));
  EXPECT_EQ(bertc_get_api(1)->version, 1u);
  EXPECT_EQ(bertc_get_api(0), nullptr);
  EXPECT_EQ(bertc_get_api(2), nullptr);
}

TEST(Api, EveryFunctionIsThere) {
  void *functions[(sizeof(bertc_api) - offsetof(bertc_api, model_open)) /
                  sizeof(void *)];
  memcpy(functions,
         reinterpret_cast<const char *>(&api()) +
             offsetof(bertc_api, model_open),
         sizeof(functions));
  for (void *function : functions)
    EXPECT_NE(function, nullptr);
}

TEST(Api, ModelInfo) {
  Opened opened;
  bertc_model_info info = BERTC_INIT(bertc_model_info);
  ASSERT_EQ(api().model_info(opened.model, &info, nullptr), BERTC_OK);
  EXPECT_EQ(info.struct_size, sizeof(info));
  EXPECT_EQ(info.hidden_size, 4u);
  EXPECT_EQ(info.num_hidden_layers, 2u);
  EXPECT_EQ(info.vocab_size, 100u);
  EXPECT_EQ(info.max_position_embeddings, 16u);
  EXPECT_EQ(info.output_count, 4u);
  EXPECT_EQ(info.variant_count, 3u);
  EXPECT_EQ(info.variant, 1u);
  EXPECT_EQ(info.has_tokenizer, 0u);
  EXPECT_EQ(info.embedding_width, 0u);
  EXPECT_EQ(info.weights_size, 4096u);
  EXPECT_EQ(std::string(info.manifest, info.manifest_size),
            "{\"model_type\": \"fake\"}");
}

TEST(Api, OutputsAndVariants) {
  Opened opened;
  bertc_output_info output = BERTC_INIT(bertc_output_info);
  ASSERT_EQ(api().output_info(opened.model, 0, &output, nullptr), BERTC_OK);
  EXPECT_STREQ(output.name, "last_hidden_state");
  EXPECT_EQ(output.kind, BERTC_KIND_TOKEN);
  EXPECT_EQ(output.width, 4u);
  ASSERT_EQ(api().output_info(opened.model, 1, &output, nullptr), BERTC_OK);
  EXPECT_STREQ(output.name, "pooler_output");
  EXPECT_EQ(output.kind, BERTC_KIND_SEQUENCE);
  ASSERT_EQ(api().output_info(opened.model, 3, &output, nullptr), BERTC_OK);
  EXPECT_STREQ(output.name, "attentions.0");
  EXPECT_EQ(output.kind, BERTC_KIND_PAIR);
  EXPECT_EQ(output.width, unsigned(headCount));

  bertc_variant_info variant = BERTC_INIT(bertc_variant_info);
  ASSERT_EQ(api().variant_info(opened.model, 0, &variant, nullptr), BERTC_OK);
  EXPECT_STREQ(variant.name, "first");
  EXPECT_EQ(variant.supported, 1u);
  EXPECT_STREQ(variant.missing, "");
  ASSERT_EQ(api().variant_info(opened.model, 2, &variant, nullptr), BERTC_OK);
  EXPECT_EQ(variant.supported, 0u);
  EXPECT_STREQ(variant.missing, "features unknown to it");
}

// A program with an older bertc.h: only the part that it knows is written.
TEST(Api, OlderStructs) {
  Opened opened;
  bertc_model_info info;
  memset(&info, 0x77, sizeof(info));
  info.struct_size = offsetof(bertc_model_info, num_hidden_layers);
  ASSERT_EQ(api().model_info(opened.model, &info, nullptr), BERTC_OK);
  EXPECT_EQ(info.hidden_size, 4u);
  EXPECT_EQ(info.num_hidden_layers, 0x77777777u);
}

// A program with a newer bertc.h: what this library does not know reads as
// zero, and asking for it is an error.
TEST(Api, NewerStructs) {
  Opened opened;
  struct {
    bertc_model_info info;
    uint64_t later;
  } info;
  memset(&info, 0x77, sizeof(info));
  info.info.struct_size = sizeof(info);
  ASSERT_EQ(api().model_info(opened.model, &info.info, nullptr), BERTC_OK);
  EXPECT_EQ(info.later, 0u);

  struct {
    bertc_session_options options;
    uint64_t later;
  } options = {};
  options.options.struct_size = sizeof(options);
  options.options.threads = 1;
  bertc_session *session;
  ASSERT_EQ(
      api().session_create(opened.model, &options.options, &session, nullptr),
      BERTC_OK);
  api().session_destroy(session);
  options.later = 1;
  bertc_status status;
  EXPECT_EQ(
      api().session_create(opened.model, &options.options, &session, &status),
      BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(session, nullptr);
  EXPECT_STREQ(
      status.message,
      "bertc_session_options sets a field at byte 40 that this library "
      "does not know\nhelp: compile the model again with a newer bertc");
}

TEST(Api, NothingToClose) {
  api().model_close(nullptr);
  api().session_destroy(nullptr);
}

// A session keeps the model that its maker closed.
TEST(Api, ModelClosedBeforeSession) {
  Opened opened;
  api().model_close(opened.model);
  opened.model = nullptr;
  std::vector<int64_t> ids = {1};
  bertc_padded_inputs inputs = padded(1, 1, ids);
  float pooler[poolerWidth];
  bertc_output output = {"pooler_output", pooler, poolerWidth};
  EXPECT_EQ(api().run_padded(opened.session, &inputs, &output, 1, nullptr),
            BERTC_OK);
}

TEST(Api, BadCalls) {
  Opened opened;
  bertc_status status;
  bertc_model_info info = BERTC_INIT(bertc_model_info);
  bertc_output_info output = BERTC_INIT(bertc_output_info);
  bertc_variant_info variant = BERTC_INIT(bertc_variant_info);
  bertc_session_info session = BERTC_INIT(bertc_session_info);
  bertc_model *notModel = reinterpret_cast<bertc_model *>(opened.session);
  bertc_session *notSession = reinterpret_cast<bertc_session *>(opened.model);
  auto refused = [&](bertc_code code, const char *message) {
    EXPECT_EQ(code, BERTC_INVALID_ARGUMENT);
    EXPECT_EQ(status.code, BERTC_INVALID_ARGUMENT);
    EXPECT_STREQ(status.message, message);
  };
  refused(api().model_open(nullptr, nullptr, &status),
          "model is null, expected where to store the handle");
  refused(api().model_info(nullptr, &info, &status),
          "model is null, expected a handle from model_open");
  refused(api().model_info(notModel, &info, &status),
          "model is not an open model, expected a handle from model_open");
  refused(api().model_info(opened.model, nullptr, &status),
          "bertc_model_info is null, expected a pointer to a struct");
  info.struct_size = 1;
  refused(api().model_info(opened.model, &info, &status),
          "bertc_model_info has struct_size 1, expected its size in bytes\n"
          "help: initialise it with BERTC_INIT(bertc_model_info)");
  refused(api().output_info(opened.model, 4, &output, &status),
          "index is 4, expected 0 to 3");
  refused(api().output_info(nullptr, 0, &output, &status),
          "model is null, expected a handle from model_open");
  refused(api().variant_info(opened.model, ~0u, &variant, &status),
          "index is 4294967295, expected 0 to 2");
  refused(api().variant_info(opened.model, 0, nullptr, &status),
          "bertc_variant_info is null, expected a pointer to a struct");
  refused(api().session_info(nullptr, &session, &status),
          "session is null, expected a handle from session_create");
  refused(api().session_info(notSession, &session, &status),
          "session is not a session, expected a handle from session_create");
  refused(api().session_info(opened.session, nullptr, &status),
          "bertc_session_info is null, expected a pointer to a struct");
  bertc_session *made = opened.session;
  refused(api().session_create(nullptr, nullptr, &made, &status),
          "model is null, expected a handle from model_open");
  EXPECT_EQ(made, nullptr);
  refused(api().session_create(opened.model, nullptr, nullptr, &status),
          "session is null, expected where to store the handle");
  // Wrong handles are not freed either.
  api().model_close(notModel);
  api().session_destroy(notSession);
}

TEST(Api, BadSessionOptions) {
  Opened opened;
  bertc_status status;
  alignas(64) char memory[128];
  auto refused = [&](uint32_t threads, void *workspace, size_t size,
                     const std::string &message) {
    bertc_session_options options = BERTC_INIT(bertc_session_options);
    options.threads = threads;
    options.workspace = workspace;
    options.workspace_size = size;
    bertc_session *session;
    EXPECT_EQ(api().session_create(opened.model, &options, &session, &status),
              BERTC_INVALID_ARGUMENT);
    EXPECT_EQ(session, nullptr);
    EXPECT_EQ(std::string(status.message).substr(0, message.size()), message);
  };
  refused(1025, nullptr, 0, "threads is 1025, expected at most 1024");
  refused(1, nullptr, 64,
          "bertc_session_options.workspace is null, expected 64 bytes");
  refused(1, memory, 0,
          "bertc_session_options.workspace_size is 0, expected the size");
  refused(1, memory + 4, 64, "bertc_session_options.workspace is at 0x");
  for (const char *text :
       {"0", "-1", "two", "4x", "1025", "99999999999999999999"}) {
    ScopedEnv env("BERTC_THREADS", text);
    refused(0, nullptr, 0,
            "BERTC_THREADS is '" + std::string(text) +
                "', expected a number from 1 to 1024");
  }
}

TEST(Api, ThreadsFromTheEnvironment) {
  Opened opened;
  bertc_session_info info = BERTC_INIT(bertc_session_info);
  bertc_session *session;
  {
    ScopedEnv env("BERTC_THREADS", "3");
    ASSERT_EQ(api().session_create(opened.model, nullptr, &session, nullptr),
              BERTC_OK);
    ASSERT_EQ(api().session_info(session, &info, nullptr), BERTC_OK);
    EXPECT_EQ(info.threads, 3u);
    api().session_destroy(session);
  }
  ScopedEnv env("BERTC_THREADS", "");
  ASSERT_EQ(api().session_create(opened.model, nullptr, &session, nullptr),
            BERTC_OK);
  ASSERT_EQ(api().session_info(session, &info, nullptr), BERTC_OK);
  EXPECT_GE(info.threads, 1u);
  api().session_destroy(session);
}

TEST(Api, NoTokenizer) {
  Opened opened;
  bertc_status status;
  bertc_encoding encoding = BERTC_INIT(bertc_encoding);
  EXPECT_EQ(api().tokenize(opened.model, "a", 1, nullptr, 0, nullptr, &encoding,
                           &status),
            BERTC_NOT_IN_MODEL);
  EXPECT_STREQ(
      status.message,
      "this model has no tokenizer\n"
      "help: compile a directory that has tokenizer.json or vocab.txt");
  const char *text;
  size_t length;
  EXPECT_EQ(api().token_text(opened.model, 0, &text, &length, &status),
            BERTC_NOT_IN_MODEL);
  const char *texts[] = {"a"};
  float embedding[embeddingWidth];
  EXPECT_EQ(api().embed_texts(opened.session, texts, nullptr, 1, nullptr,
                              embedding, nullptr, &status),
            BERTC_NOT_IN_MODEL);
}
