//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values that come out of a safetensors file: conversions against LLVM's own
// arithmetic, partial reads, released pages and files that change underneath.
//
//===----------------------------------------------------------------------===//
#include "TestModel.h"

#include "compiler/Import/Safetensors.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/FileSystem.h"
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace bertc;
using namespace bertc::test;

namespace {
uint32_t bits(float value) {
  uint32_t result;
  std::memcpy(&result, &value, sizeof(result));
  return result;
}

/// All 65536 values of a 16-bit type, converted by us and by APFloat.
void compareAll(llvm::StringRef name, const llvm::fltSemantics &semantics) {
  ElementType type = *ElementType::parse(name);
  for (uint32_t code = 0; code < 65536; ++code) {
    uint8_t bytes[2] = {uint8_t(code), uint8_t(code >> 8)};
    float got;
    convertToF32(type, bytes, 1, &got);
    llvm::APFloat value(semantics, llvm::APInt(16, code));
    if (value.isNaN()) {
      EXPECT_TRUE(std::isnan(got)) << code;
      continue;
    }
    EXPECT_EQ(bits(got), bits(value.convertToFloat())) << code;
  }
}

std::unique_ptr<SafetensorsFile> open(llvm::StringRef path) {
  auto file = SafetensorsFile::open(path);
  EXPECT_TRUE(bool(file));
  return file ? std::move(*file) : nullptr;
}

std::string message(llvm::Error error) {
  std::string text = llvm::toString(std::move(error));
  return text;
}
} // namespace

TEST(ElementTypes, EveryHalf) { compareAll("F16", llvm::APFloat::IEEEhalf()); }

TEST(ElementTypes, EveryBrainFloat) {
  compareAll("BF16", llvm::APFloat::BFloat());
}

TEST(ElementTypes, DoublesAreRoundedToNearest) {
  const double values[] = {1.0, 0.1, -1e-320, 1e300, 1 + 0x1p-24, 1 + 0x3p-25};
  uint8_t bytes[sizeof(values)];
  std::memcpy(bytes, values, sizeof(values));
  float got[6];
  convertToF32(*ElementType::parse("F64"), bytes, 6, got);
  const float wanted[] = {1.0f, 0.1f, -0.0f, INFINITY, 1.0f, 1 + 0x1p-23f};
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(bits(got[i]), bits(wanted[i])) << i;
}

TEST(Safetensors, ReadsAnyRangeOfAnUnalignedTensor) {
  TemporaryFolder folder;
  // The header's length puts the data at an odd address.
  std::string header =
      R"({"a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}, )"
      R"("b": {"dtype": "F32", "shape": [2, 3], "data_offsets": [3, 27]}})";
  while (header.size() % 4 != 0)
    header += ' ';
  std::string content = safetensors(header, 27);
  float values[6] = {0, 1.5f, -2, 3, 4, 1e-3f};
  std::memcpy(&content[content.size() - 24], values, 24);
  folder.write("t.safetensors", content);
  auto file = open(folder.path("t.safetensors"));
  ASSERT_TRUE(file);
  ASSERT_EQ(file->getTensors().size(), 2u);
  const TensorInfo &tensor = file->getTensors()[1];
  EXPECT_EQ(tensor.name, "b");
  EXPECT_EQ(tensor.elements(), 6);
  EXPECT_EQ(formatShape(tensor.shape), "[2, 3]");

  for (int first = 0; first <= 6; ++first)
    for (int count = 0; first + count <= 6; ++count) {
      float got[6] = {};
      ASSERT_FALSE(bool(file->readAsF32(tensor, first, count, got)));
      EXPECT_EQ(std::memcmp(got, values + first, 4 * count), 0);
    }
  float unused;
  EXPECT_NE(message(file->readAsF32(tensor, 6, 1, &unused)).find("outside"),
            std::string::npos);
  EXPECT_NE(message(file->readAsF32(tensor, -1, 1, &unused)).find("outside"),
            std::string::npos);
  EXPECT_NE(
      message(file->readAsF32(tensor, 1, INT64_MAX, &unused)).find("outside"),
      std::string::npos);
  EXPECT_NE(
      message(file->readAsF32(file->getTensors()[0], 0, 1, &unused))
          .find("unsupported dtype, expected F32, F16, BF16 or F64, got U8"),
      std::string::npos);
}

TEST(Safetensors, ReleasedPagesReadTheSame) {
  TemporaryFolder folder;
  folder.write("t.safetensors",
               safetensors(llvm::ArrayRef<TestTensor>{
                   {"a", "BF16", {100, 100}}, {"b", "BF16", {100, 100}}}));
  auto file = open(folder.path("t.safetensors"));
  ASSERT_TRUE(file);
  for (const TensorInfo &tensor : file->getTensors()) {
    std::vector<float> before(10000), after(10000, -1);
    ASSERT_FALSE(bool(file->readAsF32(tensor, 0, 10000, before.data())));
    file->release(tensor);
    ASSERT_FALSE(bool(file->readAsF32(tensor, 0, 10000, after.data())));
    EXPECT_EQ(std::memcmp(before.data(), after.data(), 40000), 0);
  }
}

TEST(Safetensors, AFileThatShrinksIsAnErrorAndNoSignal) {
  TemporaryFolder folder;
  std::string path = folder.path("t.safetensors");
  folder.write("t.safetensors", safetensors(llvm::ArrayRef<TestTensor>{
                                    {"a", "F32", {100, 1000}}}));
  auto file = open(path);
  ASSERT_TRUE(file);
  ASSERT_EQ(::truncate(path.c_str(), 4096), 0);
  std::vector<float> values(100000);
  llvm::Error error =
      file->readAsF32(file->getTensors()[0], 0, 100000, values.data());
  EXPECT_NE(message(std::move(error)).find("truncated while it was read"),
            std::string::npos);
}

TEST(Safetensors, EmptyTensorsAndScalars) {
  TemporaryFolder folder;
  folder.write("t.safetensors",
               safetensors(llvm::ArrayRef<TestTensor>{
                   {"a", "F32", {0, 5}}, {"b", "F64", {}}, {"c", "F16", {0}}}));
  auto file = open(folder.path("t.safetensors"));
  ASSERT_TRUE(file);
  for (const TensorInfo &tensor : file->getTensors())
    EXPECT_EQ(tensor.elements(), tensor.name == "b" ? 1 : 0);
}

TEST(Safetensors, SurvivesEveryChangeOfAByte) {
  TemporaryFolder folder;
  const std::string whole = safetensors(llvm::ArrayRef<TestTensor>{
      {"a", "F32", {2, 2}}, {"b", "I64", {3}}, {"c", "BF16", {}}});
  size_t accepted = 0;
  for (size_t i = 0; i < whole.size(); ++i)
    for (char byte : {'\0', '9', '"', '}'}) {
      std::string changed = whole;
      changed[i] = byte;
      folder.write("t.safetensors", changed);
      auto file = SafetensorsFile::open(folder.path("t.safetensors"));
      if (!file) {
        EXPECT_TRUE(file.errorIsA<ModelError>());
        llvm::consumeError(file.takeError());
        continue;
      }
      ++accepted;
      for (const TensorInfo &tensor : (*file)->getTensors()) {
        std::vector<float> values(tensor.elements());
        llvm::consumeError(
            (*file)->readAsF32(tensor, 0, tensor.elements(), values.data()));
      }
    }
  // Changes of the data, of names and of the metadata do no harm.
  EXPECT_GT(accepted, 4 * 42u);
}
