//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which variant of a model runs, on processors of all kinds and by the user's
// will.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"
#include "runtime/core/Model.h"

#include <gtest/gtest.h>

using namespace bertc::test;
using namespace bertc::rt;

namespace {

constexpr uint64_t v3 = BERTC_CPU_X86_64_V3;
constexpr uint64_t v4 = BERTC_CPU_X86_64_V3 | BERTC_CPU_X86_64_V4;

const bertc_variant realVariants[] = {
    {"x86-64-v3", v3, nullptr, {}, nullptr, 0},
    {"x86-64-v4", v4, nullptr, {}, nullptr, 0},
};

bertc_model_desc realModel() {
  bertc_model_desc desc = fakeDescription();
  desc.variants = realVariants;
  desc.variant_count = 2;
  return desc;
}

/// Opens and tells the variant, or the message.
std::string open(CpuFeatures cpu, const char *option = nullptr,
                 bertc_code expected = BERTC_OK) {
  static bertc_model_desc desc;
  desc = realModel();
  bertc_model_options options = BERTC_INIT(bertc_model_options);
  options.variant = option;
  bertc_model *model;
  bertc_status status;
  EXPECT_EQ(openModel(desc, cpu, &options, &model, &status), expected);
  if (!model)
    return status.message;
  std::string name = desc.variants[model->variant].name;
  releaseModel(model);
  return name;
}

CpuFeatures avx2Only() {
  return {v3, 0xffff}; // the first 16 entries are those of x86-64-v3
}

} // namespace

TEST(Variant, BestThatTheProcessorRuns) {
  EXPECT_EQ(open(fullCpu()), "x86-64-v4");
  EXPECT_EQ(open(avx2Only()), "x86-64-v3");
}

TEST(Variant, NoneFits) {
  std::string message = open(bareCpu(), nullptr, BERTC_UNSUPPORTED_CPU);
  EXPECT_EQ(message.find("this processor can run no variant of the model: "
                         "x86-64-v3 lacks sse3, "),
            0u);
  EXPECT_NE(message.find("avx2, fma"), std::string::npos);
  EXPECT_NE(message.find("; x86-64-v4 lacks "), std::string::npos);
}

TEST(Variant, ForcedByEnvironment) {
  ScopedEnv env("BERTC_CPU", "x86-64-v3");
  EXPECT_EQ(open(fullCpu()), "x86-64-v3");
  // What the program asks for comes first.
  EXPECT_EQ(open(fullCpu(), "x86-64-v4"), "x86-64-v4");
}

TEST(Variant, EmptyEnvironmentIsNone) {
  ScopedEnv env("BERTC_CPU", "");
  EXPECT_EQ(open(fullCpu()), "x86-64-v4");
}

TEST(Variant, ForcedButUnknown) {
  ScopedEnv env("BERTC_CPU", "zen5");
  EXPECT_EQ(open(fullCpu(), nullptr, BERTC_INVALID_ARGUMENT),
            "BERTC_CPU is 'zen5', expected a variant of this model: x86-64-v3, "
            "x86-64-v4");
}

TEST(Variant, ForcedButUnsupported) {
  ScopedEnv env("BERTC_CPU", "x86-64-v4");
  EXPECT_EQ(open(avx2Only(), nullptr, BERTC_UNSUPPORTED_CPU),
            "BERTC_CPU is x86-64-v4, but this processor lacks avx512f, "
            "avx512bw, avx512cd, avx512dq, avx512vl, zmm state of the system");
}

TEST(Variant, AskedForButUnknown) {
  EXPECT_EQ(open(fullCpu(), "", BERTC_INVALID_ARGUMENT),
            "bertc_model_options.variant is '', expected a variant of this "
            "model: x86-64-v3, x86-64-v4");
}

TEST(Variant, RunsWhatWasChosen) {
  for (const char *name : {"first", "second"}) {
    ScopedEnv env("BERTC_CPU", name);
    Opened opened;
    std::vector<int64_t> ids = {1};
    bertc_padded_inputs inputs = padded(1, 1, ids);
    float pooler[poolerWidth];
    bertc_output output = {"pooler_output", pooler, poolerWidth};
    ASSERT_EQ(api().run_padded(opened.session, &inputs, &output, 1, nullptr),
              BERTC_OK);
    EXPECT_STREQ(observed.variant, name);
    EXPECT_EQ(observed.weights.load(), fakeDescription().weights);
  }
}

// Descriptions of another compiler, or none of ours.
TEST(Variant, BadDescription) {
  auto refused = [](bertc_model_desc desc, const std::string &message) {
    bertc_model *model;
    bertc_status status;
    EXPECT_EQ(openModel(desc, fullCpu(), nullptr, &model, &status),
              BERTC_CORRUPT);
    EXPECT_EQ(std::string(status.message).substr(0, message.size()), message);
  };
  bertc_model_desc desc = realModel();
  desc.abi_version = 99;
  refused(desc, "the model has ABI version 99 and a description of ");
  desc = realModel();
  desc.struct_size = 8;
  refused(desc, "the model has ABI version " +
                    std::to_string(BERTC_ABI_VERSION) +
                    " and a description of 8 bytes");
  desc = realModel();
  desc.variant_count = 0;
  refused(desc, "the model has no variants");
  desc = realModel();
  desc.output_count = 129;
  refused(desc, "the model has 129 outputs, expected 1 to 128");
  desc = realModel();
  desc.outputs = nullptr;
  refused(desc, "the model has 4 outputs, expected 1 to 128");
}

TEST(Variant, UnknownFlag) {
  bertc_model_options options = BERTC_INIT(bertc_model_options);
  options.flags = 6;
  bertc_model *model;
  bertc_status status;
  EXPECT_EQ(api().model_open(&options, &model, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "bertc_model_options.flags is 0x6, expected BERTC_OPEN_* bits");
}

TEST(Log, TellsWhatHappens) {
  for (const char *level : {"info", "debug", "loud"}) {
    ScopedEnv env("BERTC_LOG", level);
    testing::internal::CaptureStderr();
    {
      Opened opened(2);
      std::vector<int64_t> ids = {1};
      bertc_padded_inputs inputs = padded(1, 1, ids);
      float pooler[poolerWidth];
      bertc_output output = {"pooler_output", pooler, poolerWidth};
      api().run_padded(opened.session, &inputs, &output, 1, nullptr);
    }
    std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("bertc: opened a model of 2 layers, hidden size 4, "
                        "variant second on cpu, 4096 bytes of weights\n"),
              std::string::npos);
    EXPECT_NE(text.find("bertc: made a session of 2 threads on cpu\n"),
              std::string::npos);
    EXPECT_EQ(text.find("bertc: ran 1 tokens in 1 sequences") !=
                  std::string::npos,
              std::string(level) == "debug");
    EXPECT_EQ(
        text.find("bertc: BERTC_LOG is 'loud', expected info or debug\n") !=
            std::string::npos,
        std::string(level) == "loud");
  }
}
