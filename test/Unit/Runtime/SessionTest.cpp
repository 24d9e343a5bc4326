//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sessions: one caller at a time, forks, and both kinds of workspace.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define SANITIZED_THREADS
#endif
#if __has_feature(address_sanitizer) || defined(SANITIZED_THREADS)
#define SANITIZED
#endif
#endif

using namespace bertc::test;

namespace {

bertc_session *current;

bertc_code runOne(bertc_session *session, bertc_status *status,
                  int64_t tokens = 1) {
  std::vector<int64_t> ids(tokens, 1);
  bertc_padded_inputs inputs = padded(1, tokens, ids);
  float pooler[poolerWidth];
  bertc_output output = {"pooler_output", pooler, poolerWidth};
  return api().run_padded(session, &inputs, &output, 1, status);
}

} // namespace

// While thread 0 is inside a run, another caller is refused.
TEST(Session, SecondCallerIsRefused) {
  Opened opened(2);
  current = opened.session;
  static bertc_status second;
  observed.inside = [] {
    std::thread([] {
      runOne(current, &second);
      EXPECT_EQ(second.code, BERTC_BUSY);
    }).join();
  };
  bertc_status first;
  EXPECT_EQ(runOne(opened.session, &first), BERTC_OK);
  EXPECT_STREQ(second.message,
               "the session is in use by another thread\n"
               "help: make a session for each thread, they share the model");
  observed.inside = nullptr;
  EXPECT_EQ(runOne(opened.session, &first), BERTC_OK);
}

TEST(Session, SessionsRunAtOnce) {
  Opened opened(1);
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i)
    callers.emplace_back([&] {
      bertc_session_options options = BERTC_INIT(bertc_session_options);
      options.threads = 2;
      bertc_session *session;
      ASSERT_EQ(api().session_create(opened.model, &options, &session, nullptr),
                BERTC_OK);
      for (int run = 0; run < 50; ++run)
        EXPECT_EQ(runOne(session, nullptr, 1 + run % 16), BERTC_OK);
      api().session_destroy(session);
    });
  for (std::thread &caller : callers)
    caller.join();
}

// In a forked child the old session is refused and can be destroyed, and a new
// one works.
TEST(Session, Fork) {
#ifdef SANITIZED_THREADS
  GTEST_SKIP() << "ThreadSanitizer allows no threads in a forked child";
#endif
  Opened opened(3);
  ASSERT_EQ(runOne(opened.session, nullptr), BERTC_OK);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bertc_status status;
    int result = 0;
    if (runOne(opened.session, &status) != BERTC_INVALID_ARGUMENT ||
        !strstr(status.message, "before a fork"))
      result = 1;
    api().session_destroy(opened.session);
    bertc_session *session;
    if (api().session_create(opened.model, nullptr, &session, nullptr) ||
        runOne(session, nullptr))
      result = 2;
    api().session_destroy(session);
    _exit(result);
  }
  int result = -1;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
  EXPECT_EQ(runOne(opened.session, nullptr), BERTC_OK);
}

// Without memory for stacks the threads that did start are ended again, and
// without memory for a large batch a small one still runs.
TEST(Session, LittleMemory) {
#ifdef SANITIZED
  GTEST_SKIP() << "sanitizers need the address space that this test takes away";
#endif
  Opened opened;
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr int64_t batch = 4 << 20;
    int64_t *ids = static_cast<int64_t *>(calloc(batch, sizeof(int64_t)));
    float *pooler = static_cast<float *>(malloc(batch * 3 * sizeof(float)));
    if (!ids || !pooler)
      _exit(3);
    // The stacks, and the workspace of the batch, take more than is left.
    rlimit limit = {250u << 20, 250u << 20};
    setrlimit(RLIMIT_AS, &limit);
    bertc_session_options options = BERTC_INIT(bertc_session_options);
    options.threads = 200;
    bertc_session *session;
    bertc_status status;
    if (api().session_create(opened.model, &options, &session, &status) !=
            BERTC_OUT_OF_MEMORY ||
        session || !strstr(status.message, "cannot start 200 threads: "))
      _exit(1);
    options.threads = 2;
    if (api().session_create(opened.model, &options, &session, &status))
      _exit(2);
    bertc_padded_inputs inputs = BERTC_INIT(bertc_padded_inputs);
    inputs.batch = batch;
    inputs.seq = 1;
    inputs.input_ids = ids;
    bertc_output output = {"pooler_output", pooler, batch * 3};
    if (api().run_padded(session, &inputs, &output, 1, &status) !=
            BERTC_OUT_OF_MEMORY ||
        !strstr(status.message, "no memory for a workspace of "))
      _exit(4);
    _exit(runOne(session, &status, 16) == BERTC_OK ? 0 : 5);
  }
  int result = -1;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
}

TEST(Session, WorkspaceSize) {
  Opened opened;
  size_t bytes;
  // Computed by hand from the formula of the fake model: compute memory 64 + 16
  // * 10 + 8 * 2 + 3 * (128 + 32 * 16) = 2160, rounded to 2176; four arrays of
  // 10 and one of 3 integers, each rounded to 64.
  ASSERT_EQ(api().workspace_size(opened.model, 3, 10, 2, 7, &bytes, nullptr),
            BERTC_OK);
  EXPECT_EQ(bytes, 2176u + 5 * 64);
  size_t more;
  ASSERT_EQ(api().workspace_size(opened.model, 3, 17, 2, 16, &more, nullptr),
            BERTC_OK);
  EXPECT_GT(more, bytes);
}

TEST(Session, BadWorkspaceSize) {
  Opened opened;
  size_t bytes = 1;
  bertc_status status;
  struct {
    int64_t tokens, sequences, longest;
  } bad[] = {{0, 1, 1}, {4, 0, 1},    {4, 1, 0},        {4, 5, 1},
             {4, 1, 5}, {-1, -1, -1}, {1ll << 31, 1, 1}};
  for (const auto &sizes : bad) {
    EXPECT_EQ(api().workspace_size(opened.model, 1, sizes.tokens,
                                   sizes.sequences, sizes.longest, &bytes,
                                   &status),
              BERTC_INVALID_ARGUMENT);
    EXPECT_EQ(bytes, 0u);
    EXPECT_NE(strstr(status.message, "expected tokens from 1 to 2^31 - 1"),
              nullptr);
  }
  EXPECT_EQ(api().workspace_size(opened.model, 2000, 1, 1, 1, &bytes, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message, "threads is 2000, expected at most 1024");
  EXPECT_EQ(api().workspace_size(opened.model, 1, 1, 1, 1, nullptr, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "bytes is null, expected where to store the size");
}

// A run fits into exactly the bytes that workspace_size tells, and one byte
// less is refused.
TEST(Session, CallersWorkspace) {
  Opened opened;
  for (uint32_t threads = 1; threads <= 4; ++threads) {
    size_t bytes;
    ASSERT_EQ(
        api().workspace_size(opened.model, threads, 5, 1, 5, &bytes, nullptr),
        BERTC_OK);
    void *memory = aligned_alloc(64, bytes);
    bertc_session_options options = BERTC_INIT(bertc_session_options);
    options.threads = threads;
    options.workspace = memory;
    options.workspace_size = bytes;
    bertc_session *session;
    bertc_status status;
    ASSERT_EQ(api().session_create(opened.model, &options, &session, &status),
              BERTC_OK)
        << status.message;
    EXPECT_EQ(runOne(session, &status, 5), BERTC_OK) << status.message;
    EXPECT_EQ(runOne(session, &status, 3), BERTC_OK) << status.message;
    EXPECT_EQ(runOne(session, &status, 16), BERTC_INVALID_ARGUMENT);
    EXPECT_NE(strstr(status.message, "the caller's workspace has "), nullptr);
    EXPECT_NE(strstr(status.message, "help: ask workspace_size"), nullptr);
    api().session_destroy(session);

    options.workspace_size = bytes - 1;
    ASSERT_EQ(api().session_create(opened.model, &options, &session, &status),
              BERTC_OK);
    EXPECT_EQ(runOne(session, &status, 5), BERTC_INVALID_ARGUMENT);
    api().session_destroy(session);
    free(memory);
  }
}

TEST(Session, OwnWorkspaceGrowsAndStays) {
  Opened opened;
  bertc_session_info info = BERTC_INIT(bertc_session_info);
  ASSERT_EQ(api().session_info(opened.session, &info, nullptr), BERTC_OK);
  EXPECT_EQ(info.workspace_size, 0u);
  ASSERT_EQ(runOne(opened.session, nullptr, 16), BERTC_OK);
  ASSERT_EQ(api().session_info(opened.session, &info, nullptr), BERTC_OK);
  size_t large = info.workspace_size;
  EXPECT_GT(large, 0u);
  ASSERT_EQ(runOne(opened.session, nullptr, 2), BERTC_OK);
  ASSERT_EQ(api().session_info(opened.session, &info, nullptr), BERTC_OK);
  EXPECT_EQ(info.workspace_size, large);
}
