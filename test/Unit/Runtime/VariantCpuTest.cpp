//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which variant of a fat library runs on which processor: the better the
// processor, the higher the variant, and leave to use AMX is asked for only
// when it matters.
//
//===----------------------------------------------------------------------===//
#include "FakeCpu.h"
#include "FakeModel.h"
#include "runtime/core/Model.h"

#include <gtest/gtest.h>

using namespace bertc::test;
using namespace bertc::rt;

namespace {

constexpr uint64_t v3 = BERTC_CPU_X86_64_V3;
constexpr uint64_t v4 = v3 | BERTC_CPU_X86_64_V4;
constexpr uint64_t dots = v4 | BERTC_CPU_AVX512_BF16 | BERTC_CPU_AVX512_VNNI;
constexpr uint64_t tiles =
    dots | BERTC_CPU_AMX_TILE | BERTC_CPU_AMX_BF16 | BERTC_CPU_AMX_INT8;

const bertc_variant variants[] = {
    {"x86-64-v3", v3, nullptr, {}},
    {"x86-64-v4", v4, nullptr, {}},
    {"x86-64-v4-bf16", dots, nullptr, {}},
    {"x86-64-v4-amx", tiles, nullptr, {}},
};

int asked = 0; // for AMX

bool yes() { return ++asked; }
bool no() { return !++asked; }

/// Opens a model of `desc` on `machine` and tells the variant, or the message.
std::string open(const Machine &machine, bool (*askAmx)() = yes,
                 const char *option = nullptr, const char *env = nullptr) {
  ScopedEnv scope("BERTC_CPU", env);
  static bertc_model_desc desc;
  desc = fakeDescription();
  desc.variants = variants;
  desc.variant_count = 4;
  bertc_model_options options = BERTC_INIT(bertc_model_options);
  options.variant = option;
  bertc_model *model;
  bertc_status status;
  asked = 0;
  if (openModel(desc, detect(machine), &options, &model, &status, askAmx) !=
      BERTC_OK)
    return status.message;
  std::string name = desc.variants[model->variant].name;
  releaseModel(model);
  return name;
}

} // namespace

TEST(VariantCpu, Generations) {
  EXPECT_EQ(open(haswell()), "x86-64-v3");
  EXPECT_EQ(open(skylakeServer()), "x86-64-v4");
  EXPECT_EQ(open(zen4()), "x86-64-v4-bf16");
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(open(sapphireRapids()), "x86-64-v4-amx");
  EXPECT_EQ(asked, 1);
}

// Cascade Lake has VNNI without BF16.
TEST(VariantCpu, HalfOfAVariantIsNone) {
  Machine m = skylakeServer();
  m.leaf7Ecx = 1u << 11;
  EXPECT_EQ(open(m), "x86-64-v4");
  m = sapphireRapids();
  m.leaf7Edx &= ~(1u << 25); // amx-int8
  EXPECT_EQ(open(m), "x86-64-v4-bf16");
  EXPECT_EQ(asked, 0);
}

// The system does not save the tile registers, or the process is refused them.
TEST(VariantCpu, AmxWithoutTheSystem) {
  Machine m = sapphireRapids();
  m.xcr0 = 0xe7;
  EXPECT_EQ(open(m), "x86-64-v4-bf16");
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(open(sapphireRapids(), no), "x86-64-v4-bf16");
  EXPECT_EQ(asked, 1);
}

TEST(VariantCpu, ForcedLower) {
  for (const bertc_variant &variant : variants) {
    EXPECT_EQ(open(sapphireRapids(), yes, nullptr, variant.name), variant.name);
    EXPECT_EQ(asked, &variant == &variants[3] ? 1 : 0);
    EXPECT_EQ(open(sapphireRapids(), yes, variant.name), variant.name);
  }
  EXPECT_EQ(open(zen4(), yes, nullptr, "x86-64-v4"), "x86-64-v4");
}

TEST(VariantCpu, ForcedButRefused) {
  EXPECT_EQ(open(sapphireRapids(), no, nullptr, "x86-64-v4-amx"),
            "BERTC_CPU is x86-64-v4-amx, but this processor lacks leave of the "
            "system to use amx");
  EXPECT_EQ(open(zen4(), yes, nullptr, "x86-64-v4-amx"),
            "BERTC_CPU is x86-64-v4-amx, but this processor lacks amx-tile, "
            "amx state of the system, amx-bf16, amx-int8");
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(open(skylakeServer(), yes, "x86-64-v4-bf16"),
            "bertc_model_options.variant is x86-64-v4-bf16, but this processor "
            "lacks avx512bf16, avx512vnni");
}
