//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The forward function is text, as the lowering's output would be printed.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Emit/TestLibrary.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include <cstddef>
#include <cstring>
#include <dlfcn.h>

using namespace bertc;
using namespace bertc::test;

// TestModel.cpp has tests of its own, for the room it belongs to.
namespace bertc::test {
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BadModelTest);
} // namespace bertc::test

static constexpr int64_t width = 16;

float TestLibrary::value(int64_t row, int64_t column) const {
  return float(row) + float(column) / 64;
}

TestLibrary::TestLibrary(int64_t vocabulary) {
  std::string bytes(vocabulary * width * 4, '\0');
  for (int64_t i = 0; i < vocabulary * width; ++i) {
    float v = value(i / width, i % width);
    memcpy(&bytes[i * 4], &v, 4);
  }
  std::string header = "{\"t\":{\"dtype\":\"F32\",\"shape\":[" +
                       std::to_string(vocabulary) + "," +
                       std::to_string(width) + "],\"data_offsets\":[0," +
                       std::to_string(bytes.size()) + "]}}";
  uint64_t size = header.size();
  folder.write("t.safetensors",
               std::string(reinterpret_cast<char *>(&size), 8) + header +
                   bytes);
  weights = llvm::cantFail(SafetensorsFile::open(folder.path("t.safetensors")));

  inputs.config.hiddenSize = width;
  inputs.config.numHiddenLayers = 1;
  inputs.config.numAttentionHeads = 1;
  inputs.config.vocabSize = vocabulary;
  inputs.config.maxPositionEmbeddings = 32;
  inputs.outputs = {{"last_hidden_state", BERTC_PER_TOKEN, uint32_t(width)}};
  VariantCode code;
  code.name = "x86-64-v3";
  code.features = BERTC_CPU_X86_64_V3;
  code.entry = "forward_v3";
  code.object = compileForward(code.entry);
  inputs.variants = {code};
  PackedWeight table;
  table.name = "table";
  table.sources = {"table"};
  table.columns = {1, width, width};
  table.rows = vocabulary;
  inputs.layout.weights = {table};
  inputs.layout.size = (table.bytes() + 4095) / 4096 * 4096;
  inputs.weights = [this](llvm::StringRef,
                          int64_t) -> llvm::Expected<const TensorInfo *> {
    return &weights->getTensors().front();
  };
}

/// One row for each token: outputs[0][output_rows[t]] = weights[input_ids[t]].
static std::string forwardText(llvm::StringRef entry, llvm::StringRef body) {
  auto field = [](const char *name, size_t offset) {
    return std::string("  %") + name +
           ".at = getelementptr i8, ptr %call, i64 " + std::to_string(offset) +
           "\n  %" + name + " = load ptr, ptr %" + name + ".at\n";
  };
  std::string text = "declare float @absent_function(float)\n"
                     "define void @" +
                     entry.str() + "(ptr %call, i64 %tid) {\nentry:\n" +
                     body.str();
  text += field("weights", offsetof(bertc_call, weights));
  text += field("ids", offsetof(bertc_call, input_ids));
  text += field("rows", offsetof(bertc_call, output_rows));
  text += field("out", offsetof(bertc_call, outputs));
  text += "  %n.at = getelementptr i8, ptr %call, i64 " +
          std::to_string(offsetof(bertc_call, tokens)) +
          "\n  %n = load i64, ptr %n.at\n"
          "  %threads.at = getelementptr i8, ptr %call, i64 " +
          std::to_string(offsetof(bertc_call, threads)) +
          "\n  %threads = load i64, ptr %threads.at\n" + R"(
  br label %head
head:
  %t = phi i64 [ %tid, %entry ], [ %next, %body ]
  %more = icmp slt i64 %t, %n
  br i1 %more, label %body, label %done
body:
  %id.at = getelementptr i32, ptr %ids, i64 %t
  %id = load i32, ptr %id.at
  %row.at = getelementptr i32, ptr %rows, i64 %t
  %row = load i32, ptr %row.at
  %from = getelementptr [16 x float], ptr %weights, i32 %id
  %to = getelementptr [16 x float], ptr %out, i32 %row
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 64, i1 false)
  %next = add i64 %t, %threads
  br label %head
done:
  ret void
}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
)";
  return text;
}

std::string bertc::test::compileForward(llvm::StringRef entry,
                                        llvm::StringRef body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic problem;
  std::unique_ptr<llvm::Module> module =
      llvm::parseAssemblyString(forwardText(entry, body), problem, context);
  if (!module) {
    ADD_FAILURE() << problem.getMessage().str();
    return "";
  }
  auto machine = llvm::cantFail(createTargetMachine("x86-64-v3"));
  optimize(*module, *machine);
  return llvm::cantFail(emitCode(*module, *machine, CodeFormat::Object));
}

OpenLibrary::OpenLibrary(const std::string &path) {
  handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    ADD_FAILURE() << dlerror();
    return;
  }
  auto get =
      reinterpret_cast<const bertc_api *(*)(uint32_t)>(symbol("bertc_get_api"));
  if (get)
    api = get(BERTC_API_VERSION);
  if (api)
    api->model_open(nullptr, &model, &status);
}

OpenLibrary::~OpenLibrary() {
  if (api)
    api->model_close(model);
  if (handle)
    dlclose(handle);
}

void *OpenLibrary::symbol(const char *name) const {
  return dlsym(handle, name);
}
