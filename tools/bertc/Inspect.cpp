//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc inspect`: what a library says about itself. None of its code is run.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/LibraryFile.h"
#include "tools/bertc/Commands.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace bertc;
using namespace bertc::tool;
using llvm::json::Object;
using llvm::json::Value;

namespace {

struct Flags {
  std::string model;
  bool json = false, kernels = false, verify = false;
};

} // namespace

static std::string plain(const Value &value) {
  if (auto text = value.getAsString())
    return text->str();
  return llvm::formatv("{0}", value);
}

/// The members of an object that are no objects or arrays.
static void printFields(llvm::StringRef title, const Object *object) {
  if (!object)
    return;
  llvm::outs() << title << "\n";
  std::vector<std::pair<llvm::StringRef, const Value *>> fields;
  for (const auto &[key, value] : *object)
    if (value.kind() < Value::Array)
      fields.push_back({key, &value});
  llvm::sort(fields);
  for (const auto &[key, value] : fields)
    llvm::outs() << "  " << llvm::left_justify(key, 26) << plain(*value)
                 << "\n";
}

static std::string joined(const Object &object, llvm::StringRef key) {
  std::vector<std::string> values;
  if (const llvm::json::Array *list = object.getArray(key))
    for (const Value &value : *list)
      values.push_back(plain(value));
  return llvm::join(values, ", ");
}

static void printVariant(const Object &variant, bool kernels) {
  llvm::outs() << "variant " << variant.getString("name").value_or("?")
               << "\n  needs " << joined(variant, "features") << "\n";
  if (std::string emulated = joined(variant, "emulated"); !emulated.empty())
    llvm::outs() << "  emulated: plain code stands in for " << emulated << "\n";
  if (const Object *formula = variant.getObject("workspace"))
    llvm::outs() << llvm::formatv(
        "  workspace {0} + {1} * tokens + {2} * sequences + threads * ({3} + "
        "{4} * round_up(longest, 16)) bytes\n",
        formula->getInteger("fixed").value_or(0),
        formula->getInteger("per_token").value_or(0),
        formula->getInteger("per_sequence").value_or(0),
        formula->getInteger("per_thread").value_or(0),
        formula->getInteger("per_thread_key").value_or(0));
  const llvm::json::Array *list = variant.getArray("kernels");
  if (!list)
    return;
  int64_t bytes = 0;
  for (const Value &kernel : *list)
    if (const Object *object = kernel.getAsObject()) {
      bytes += object->getInteger("bytes").value_or(0);
      if (kernels)
        llvm::outs() << "  "
                     << llvm::right_justify(
                            plain(object->getInteger("bytes").value_or(0)), 8)
                     << "  " << object->getString("name").value_or("?") << "\n";
    }
  llvm::outs() << "  " << list->size() << " functions, " << bytes
               << " bytes of code\n";
}

/// "f32 437 bytes in 12 tensors", for each element type.
static void printPacked(const Object *weights) {
  const llvm::json::Array *tensors =
      weights ? weights->getArray("tensors") : nullptr;
  if (!tensors)
    return;
  std::map<llvm::StringRef, std::pair<int64_t, int64_t>> types;
  for (const Value &value : *tensors)
    if (const Object *tensor = value.getAsObject()) {
      int64_t layers = tensor->getInteger("layers").value_or(1);
      auto &[bytes, count] = types[tensor->getString("element").value_or("?")];
      bytes += layers * tensor->getInteger("bytes").value_or(0);
      count += layers;
    }
  for (const auto &[element, sizes] : types)
    llvm::outs() << "  " << llvm::left_justify("packed", 26) << element << " "
                 << sizes.first << " bytes in " << sizes.second << " tensors\n";
}

static void printText(const LibraryFile &library, const Object &root,
                      bool kernels) {
  llvm::raw_ostream &os = llvm::outs();
  os << library.path << ": " << library.fileBytes << " bytes, bertc "
     << root.getString("bertc").value_or("?") << ", computes in "
     << root.getString("precision").value_or("f32") << "\n";
  printFields("config", root.getObject("config"));
  if (const Object *tokenizer = root.getObject("tokenizer"))
    printFields("tokenizer", tokenizer);
  else
    os << "no tokenizer\n";
  os << "outputs\n";
  if (const llvm::json::Array *outputs = root.getArray("outputs"))
    for (const Value &value : *outputs)
      if (const Object *output = value.getAsObject())
        os << "  "
           << llvm::left_justify(output->getString("name").value_or("?"), 26)
           << "[" << output->getString("rows").value_or("?") << ", "
           << output->getInteger("width").value_or(0) << "]\n";
  if (const llvm::json::Array *variants = root.getArray("variants"))
    for (const Value &variant : *variants)
      if (variant.getAsObject())
        printVariant(*variant.getAsObject(), kernels);
  printFields("weights", root.getObject("weights"));
  printPacked(root.getObject("weights"));
  os << "exports\n";
  for (const std::string &name : library.exports)
    os << "  " << name << "\n";
}

static llvm::Expected<ExitCode> run(const Flags &flags) {
  auto library = readLibraryFile(flags.model);
  if (!library)
    return library.takeError();
  auto manifest = llvm::json::parse(library->manifest);
  if (!manifest || !manifest->getAsObject()) {
    llvm::consumeError(manifest.takeError());
    return bertc::makeError(ExitCode::BadModel, flags.model,
                            "the manifest is damaged: expected a JSON object");
  }
  if (flags.verify)
    if (llvm::Error error = verifyWeights(*library))
      return error;
  if (flags.json)
    llvm::outs() << library->manifest;
  else
    printText(*library, *manifest->getAsObject(), flags.kernels);
  return ExitCode::Success;
}

void tool::addInspect(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("inspect", "print what a compiled model contains");
  auto flags = std::make_shared<Flags>();
  command->add_option("model", flags->model, "compiled model")->required();
  command->add_flag("--json", flags->json, "print the manifest as it is");
  command->add_flag("--kernels", flags->kernels, "list every kernel");
  command->add_flag("--verify", flags->verify,
                    "compare the weights with their hash");
  command->callback(
      [flags, &action] { action = [flags] { return run(*flags); }; });
}
