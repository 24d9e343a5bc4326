//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes every call of the driver fail once, in work that the stand-in does.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_CUDA_DEVICEFAILURES_H
#define BERTC_TEST_UNIT_CUDA_DEVICEFAILURES_H

#include "DeviceTestModel.h"
#include "runtime/core/Model.h"
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bertc::test {

/// Quiet: the stand-in driver tells what is wrong.
template <typename Work> std::string quietly(Work work) {
  testing::internal::CaptureStderr();
  work();
  return testing::internal::GetCapturedStderr();
}

/// Opens a session with `flags`, runs so often and closes; the message of the
/// first error.
struct RunAttempt {
  static constexpr uint64_t closingPushes = 2;
  bertc_code code = BERTC_OK;
  std::string message;

protected:
  /// `behind(session, result)` follows each run.
  template <typename Behind>
  RunAttempt(uint32_t flags, int runs, Behind behind) {
    static bertc_model_desc desc;
    desc = deviceModel();
    bertc_model *model = nullptr;
    bertc_session *session = nullptr;
    note(rt::openModel(desc, fullCpu(), nullptr, &model, &status));
    bertc_session_options options = BERTC_INIT(bertc_session_options);
    options.flags = flags;
    if (model)
      note(api().session_create(model, &options, &session, &status));
    for (int seed = 0; seed < runs && session; ++seed) {
      Batch batch({3, 5}, seed);
      bertc_packed_inputs inputs = batch.packed();
      std::vector<float> hidden(batch.hidden.size(), -1.0f);
      bertc_output wanted = {"last_hidden_state", hidden.data(), hidden.size()};
      bertc_code run = api().run_packed(session, &inputs, &wanted, 1, &status);
      note(run);
      if (!run)
        EXPECT_EQ(hidden, batch.hidden);
      behind(session, run);
    }
    api().session_destroy(session);
    api().model_close(model);
  }

  bertc_status status = {};
  void note(bertc_code result) {
    if (code || !result)
      return;
    code = result;
    message = status.message;
  }
};

/// Does the work `Attempt()`, which has the `code` and `message` of its first
/// error, once for each call of the driver that then fails: each is reported,
/// and nothing is lost. Returns the number of failures.
template <typename Attempt> int failEveryCall() {
  const char *functions[] = {
#define BERTC_TEST_NAME(name, parameters) #name,
      BERTC_CUDA_FUNCTIONS(BERTC_TEST_NAME)
#undef BERTC_TEST_NAME
  };
  // What a run does without, and what frees: there is nothing to be done.
  auto mayBeSilent = [](const std::string &name) {
    for (const char *part :
         {"Destroy", "Free", "Unload", "GetError", "MemGetInfo"})
      if (name.find(part) != std::string::npos)
        return true;
    return false;
  };
  // Contexts that are not given back would be there in all tests that follow.
  auto cannotFail = [](const std::string &name) {
    return name == "cuCtxPopCurrent_v2" ||
           name == "cuDevicePrimaryCtxRelease_v2" ||
           name == "cuDriverGetVersion";
  };
  int failures = 0;
  for (const char *function : functions) {
    if (cannotFail(function))
      continue;
    uint64_t usual;
    {
      StandIn standIn;
      Attempt attempt;
      EXPECT_EQ(attempt.code, BERTC_OK) << attempt.message;
      usual = StandIn::calls(function);
    }
    for (uint64_t call = 1; call <= usual; ++call) {
      StandIn standIn({"BERTC_EMULATED_GPU_FAIL=" + std::string(function) +
                       ":" + std::to_string(call) + ":999"});
      SCOPED_TRACE(std::string(function) + ":" + std::to_string(call));
      // The last ones are for closing.
      bool silent =
          mayBeSilent(function) || (!strcmp(function, "cuCtxPushCurrent_v2") &&
                                    call + Attempt::closingPushes > usual);
      std::string output = quietly([&] {
        Attempt attempt;
        if (silent)
          return;
        EXPECT_NE(attempt.code, BERTC_OK);
        EXPECT_THAT(attempt.message, testing::HasSubstr("CUDA_ERROR_UNKNOWN"));
      });
      if (!silent)
        EXPECT_EQ(StandIn::leaks(), 0u) << output;
      ++failures;
    }
  }
  // And everything works afterwards.
  StandIn standIn;
  EXPECT_EQ(Attempt().code, BERTC_OK);
  return failures;
}

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_CUDA_DEVICEFAILURES_H
