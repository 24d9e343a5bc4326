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

static int64_t number(const Object &object, llvm::StringRef key) {
  return object.getInteger(key).value_or(0);
}

static void printWorkspace(llvm::StringRef title, const Object &formula) {
  llvm::outs() << llvm::formatv(
      "  {0} {1} + {2} * tokens + {3} * sequences + threads * ({4} + {5} * "
      "round_up(longest, 16)) bytes\n",
      title, number(formula, "fixed"), number(formula, "per_token"),
      number(formula, "per_sequence"), number(formula, "per_thread"),
      number(formula, "per_thread_key"));
}

/// What a step of training holds beside parameters, and an example of it.
static void printActivations(const Object &formula, int64_t mostPositions) {
  constexpr int64_t sequences = 16, threads = 2;
  int64_t length = std::min<int64_t>(128, mostPositions);
  printWorkspace("training activations", formula);
  int64_t bytes =
      number(formula, "fixed") +
      number(formula, "per_token") * sequences * length +
      number(formula, "per_sequence") * sequences +
      threads * (number(formula, "per_thread") +
                 number(formula, "per_thread_key") * ((length + 15) / 16 * 16));
  llvm::outs() << llvm::formatv("  such as {0} bytes for {1} sequences of {2} "
                                "tokens in {3} threads\n",
                                bytes, sequences, length, threads);
}

static void printMemory(llvm::StringRef name, const Object &memory) {
  llvm::outs() << llvm::formatv(
      "  {0,-14} {1,11} {2,13} {3,11} {4,13} {5,13}\n", name,
      number(memory, "parameters"), number(memory, "parameter_bytes"),
      number(memory, "trained_parameters"), number(memory, "gradient_bytes"),
      number(memory, "optimizer_bytes"));
}

/// The memory of a trainer but activations, by what is frozen.
static void printTraining(const Object *training) {
  if (!training)
    return;
  llvm::raw_ostream &os = llvm::outs();
  os << "training\n  " << llvm::left_justify("labels", 26)
     << training->getString("labels").value_or("?") << ", "
     << number(*training, "num_labels") << "\n";
  if (auto frozen = training->getString("frozen_output"))
    os << "  " << llvm::left_justify("frozen output", 26) << *frozen << "\n";
  os << llvm::formatv("  {0,-14} {1,11} {2,13} {3,11} {4,13} {5,13}\n", "part",
                      "parameters", "bytes", "trained", "gradient",
                      "optimizer");
  if (const llvm::json::Array *parts = training->getArray("parts"))
    for (const Value &part : *parts)
      if (const Object *object = part.getAsObject())
        printMemory(object->getString("name").value_or("?"), *object);
  printMemory("all", *training);
}

static void printVariant(const Object &variant, int64_t mostPositions,
                         bool kernels) {
  llvm::outs() << "variant " << variant.getString("name").value_or("?")
               << "\n  needs " << joined(variant, "features") << "\n";
  if (std::string emulated = joined(variant, "emulated"); !emulated.empty())
    llvm::outs() << "  emulated: plain code stands in for " << emulated << "\n";
  if (const Object *formula = variant.getObject("workspace"))
    printWorkspace("workspace", *formula);
  if (const Object *training = variant.getObject("training"))
    if (const Object *formula = training->getObject("workspace"))
      printActivations(*formula, mostPositions);
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

/// What is expected of a kernel on a GPU: not measured.
static void printModel(const Object &model) {
  auto real = [&](llvm::StringRef field) {
    return model.getNumber(field).value_or(0);
  };
  std::string rows = "a launch";
  if (int64_t count = number(model, "rows"))
    rows = llvm::formatv("{0} rows", count);
  if (!model.get("seconds")) {
    llvm::outs() << llvm::formatv(
        "    {0} on {1}: {2:F2} GFLOP, {3:F2} MB, {4} blocks a processor, "
        "{5:F2} us by the roofline\n",
        rows, model.getString("gpu").value_or("?"), real("flops") * 1e-9,
        real("bytes") * 1e-6, number(model, "blocks_per_processor"),
        real("roofline_seconds") * 1e6);
    return;
  }
  llvm::outs() << llvm::formatv(
      "    {0} on {1}: {2:F2} GFLOP, {3:F2} MB, {4} products a step, {5} "
      "blocks a processor, {6:F2} waves, {7:F1} us expected, {8:F0} % of the "
      "roofline\n",
      rows, model.getString("gpu").value_or("?"), real("flops") * 1e-9,
      real("bytes") * 1e-6, number(model, "instructions_per_step"),
      number(model, "blocks_per_processor"), real("waves"),
      real("seconds") * 1e6, real("of_roofline") * 100);
}

/// What a kernel takes, as far as it is known.
static void printDeviceKernel(const Object &kernel) {
  llvm::raw_ostream &os = llvm::outs();
  os << "  " << llvm::left_justify(kernel.getString("name").value_or("?"), 40)
     << " " << number(kernel, "threads") << " threads, "
     << number(kernel, "shared_bytes") << " bytes shared";
  if (kernel.get("registers"))
    os << ", " << number(kernel, "registers") << " registers, "
       << number(kernel, "spill_store_bytes") << " + "
       << number(kernel, "spill_load_bytes") << " bytes spilled";
  os << "\n";
  if (const llvm::json::Array *models = kernel.getArray("models"))
    for (const Value &value : *models)
      if (const Object *model = value.getAsObject())
        printModel(*model);
}

static void printDeviceVariant(const Object &variant, bool kernels) {
  llvm::raw_ostream &os = llvm::outs();
  int64_t capability = number(variant, "compute_capability");
  bool exact = variant.getBoolean("exact").value_or(false);
  os << "variant " << variant.getString("name").value_or("?")
     << "\n  needs compute capability " << capability / 10 << "."
     << capability % 10 << (exact ? " exactly\n" : " or later\n");
  if (const Object *formula = variant.getObject("workspace"))
    printWorkspace("workspace", *formula);
  os << "  weights " << number(variant, "weights_bytes")
     << " bytes on the device\n";
  const llvm::json::Array *list = variant.getArray("kernels");
  if (!list)
    return;
  int64_t registers = -1, spilled = 0;
  for (const Value &value : *list) {
    const Object *kernel = value.getAsObject();
    if (!kernel)
      continue;
    if (kernels)
      printDeviceKernel(*kernel);
    registers =
        std::max(registers, kernel->getInteger("registers").value_or(-1));
    spilled += number(*kernel, "spill_store_bytes") +
               number(*kernel, "spill_load_bytes");
  }
  os << "  " << list->size() << " kernels, " << number(variant, "ptx_bytes")
     << " bytes of PTX, ";
  if (int64_t bytes = number(variant, "cubin_bytes"))
    os << bytes << " bytes of machine code\n";
  else
    os << "which the driver compiles\n";
  if (registers >= 0)
    os << "  at most " << registers << " registers, " << spilled
       << " bytes spilled\n";
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

/// Of a run of packed inputs.
static std::string outputShape(const Object &output) {
  llvm::StringRef rows = output.getString("rows").value_or("?");
  std::string width = std::to_string(number(output, "width"));
  if (rows == "pairs")
    return "[sequences, " + width + ", longest, longest]";
  return "[" + rows.str() + ", " + width + "]";
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
           << outputShape(*output) << "\n";
  const Object *config = root.getObject("config");
  int64_t mostPositions =
      config ? number(*config, "max_position_embeddings") : 0;
  if (const llvm::json::Array *variants = root.getArray("variants"))
    for (const Value &variant : *variants)
      if (variant.getAsObject())
        printVariant(*variant.getAsObject(), mostPositions, kernels);
  if (const llvm::json::Array *variants = root.getArray("device_variants"))
    for (const Value &variant : *variants)
      if (variant.getAsObject())
        printDeviceVariant(*variant.getAsObject(), kernels);
  printFields("weights", root.getObject("weights"));
  printPacked(root.getObject("weights"));
  printTraining(root.getObject("training"));
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
