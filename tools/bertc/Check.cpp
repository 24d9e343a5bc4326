//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc check`: a model against stored tensors. The reference holds inputs and
// outputs under their Hugging Face names; rows of padding are not compared, and
// a tensor `rows` says that outputs hold only those rows of [batch * seq].
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Safetensors.h"
#include "tools/bertc/Commands.h"
#include "tools/bertc/RunModel.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace bertc;
using namespace bertc::tool;

namespace {

struct Flags {
  std::string model, reference;
  double atol = 2e-4, rtol = 0, rms = 2e-6;
  uint32_t threads = 0;
  bool json = false;
};

struct Comparison {
  std::string name;
  double largest = 0;  ///< Largest absolute difference.
  double relative = 0; ///< Norm of the difference over that of the reference.
  bool good = true;
};

} // namespace

/// Outputs in the order in which a model computes them.
static std::pair<int, int64_t> computeOrder(llvm::StringRef name) {
  int64_t layer = 0;
  if (name.consume_front("hidden_states.") && !name.getAsInteger(10, layer))
    return {0, layer};
  return {name == "last_hidden_state" ? 1 : 2, 0};
}

/// The row of the model's output that row `i` of the reference stands for, or
/// -1 for padding.
static int64_t sourceRow(const Inputs &inputs, const IntTensor *rows,
                         bool tokens, int64_t i) {
  if (!tokens)
    return i;
  int64_t row = rows ? rows->data[i] : i;
  return inputs.mask && inputs.mask->data[row] == 0 ? -1 : row;
}

static llvm::Error checkShape(const TensorFile &file, const FloatTensor &want,
                              const FloatTensor &got, const IntTensor *rows) {
  llvm::SmallVector<int64_t, 4> expected = got.shape;
  if (rows && got.shape.size() == 3)
    expected = {int64_t(rows->data.size()), got.shape[2]};
  if (want.shape == llvm::ArrayRef<int64_t>(expected))
    return llvm::Error::success();
  return bertc::makeError(ExitCode::BadInput, file.path,
                          "tensor " + bertc::quoted(want.name) + " has shape " +
                              formatShape(want.shape) +
                              ", but the model gives " + formatShape(expected));
}

static Comparison compare(const Flags &flags, const Inputs &inputs,
                          const IntTensor *rows, const FloatTensor &want,
                          const FloatTensor &got) {
  Comparison result{want.name};
  bool tokens = got.shape.size() == 3;
  int64_t width = got.shape.back();
  double difference = 0, norm = 0;
  int64_t count = width ? int64_t(want.data.size()) / width : 0;
  for (int64_t i = 0; i < count; ++i) {
    int64_t row = sourceRow(inputs, tokens ? rows : nullptr, tokens, i);
    if (row < 0)
      continue;
    for (int64_t j = 0; j < width; ++j) {
      double a = want.data[i * width + j], b = got.data[row * width + j];
      double error = std::fabs(a - b);
      // A NaN fails every comparison, so it is asked for what must hold.
      result.good &= error <= flags.atol + flags.rtol * std::fabs(a);
      result.largest = error <= result.largest ? result.largest : error;
      difference += error * error;
      norm += a * a;
    }
  }
  result.relative =
      norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
  result.good &= result.relative <= flags.rms;
  return result;
}

static llvm::Error checkRows(const TensorFile &file, const IntTensor *rows,
                             const Inputs &inputs) {
  for (int64_t row : rows ? rows->data : std::vector<int64_t>())
    if (row < 0 || row >= inputs.batch * inputs.seq)
      return bertc::makeError(ExitCode::BadInput, file.path,
                              "tensor 'rows' has the value " +
                                  llvm::Twine(row) + ", expected 0 to " +
                                  llvm::Twine(inputs.batch * inputs.seq - 1));
  return llvm::Error::success();
}

static llvm::Expected<std::vector<Comparison>> compareAll(const Flags &flags) {
  auto file = readTensors(flags.reference);
  if (!file)
    return file.takeError();
  auto inputs = findInputs(*file, /*only=*/false);
  if (!inputs)
    return inputs.takeError();
  const IntTensor *rows = file->findInteger("rows");
  if (llvm::Error error = checkRows(*file, rows, *inputs))
    return error;
  auto model = Model::open(flags.model);
  if (!model)
    return model.takeError();
  std::vector<const FloatTensor *> wanted;
  std::vector<std::string> names;
  for (const FloatTensor &tensor : file->floats) {
    if (model->findOutput(tensor.name))
      wanted.push_back(&tensor);
    else
      llvm::errs() << "note: the model has no output "
                   << bertc::quoted(tensor.name)
                   << ", which the reference has\n";
  }
  if (wanted.empty())
    return bertc::makeError(ExitCode::BadInput, flags.reference,
                            "no tensor of the reference is an output of the "
                            "model",
                            "see 'bertc inspect' for the model's outputs");
  llvm::stable_sort(wanted, [](const FloatTensor *a, const FloatTensor *b) {
    return computeOrder(a->name) < computeOrder(b->name);
  });
  for (const FloatTensor *tensor : wanted)
    names.push_back(tensor->name);
  auto session = model->createSession(flags.threads);
  if (!session)
    return session.takeError();
  auto results = runModel(*model, *session, *inputs, names, flags.reference);
  if (!results)
    return results.takeError();
  std::vector<Comparison> comparisons;
  for (auto [want, got] : llvm::zip(wanted, *results)) {
    if (llvm::Error error = checkShape(*file, *want, got, rows))
      return error;
    comparisons.push_back(compare(flags, *inputs, rows, *want, got));
  }
  return comparisons;
}

static void printJson(llvm::ArrayRef<Comparison> comparisons) {
  llvm::json::Array list;
  for (const Comparison &each : comparisons)
    list.push_back(llvm::json::Object{{"name", each.name},
                                      {"max", each.largest},
                                      {"relative_rms", each.relative},
                                      {"good", each.good}});
  llvm::outs() << llvm::json::Value(std::move(list)) << "\n";
}

static void printTable(llvm::ArrayRef<Comparison> comparisons) {
  llvm::outs() << "output                 max error   relative RMS\n";
  for (const Comparison &each : comparisons)
    llvm::outs() << llvm::format("%-22s %9.2e   %12.2e", each.name.c_str(),
                                 each.largest, each.relative)
                 << (each.good ? "\n" : "   diverges\n");
}

static llvm::Expected<ExitCode> run(const Flags &flags) {
  auto comparisons = compareAll(flags);
  if (!comparisons)
    return comparisons.takeError();
  if (flags.json)
    printJson(*comparisons);
  else
    printTable(*comparisons);
  for (const Comparison &each : *comparisons)
    if (!each.good)
      return bertc::makeError(
          ExitCode::Inaccurate, flags.model,
          llvm::formatv("{0} is the first to diverge: max error {1:e2}, "
                        "allowed {2:e2}; relative RMS {3:e2}, allowed {4:e2}",
                        each.name, each.largest, flags.atol, each.relative,
                        flags.rms)
              .str());
  return ExitCode::Success;
}

void tool::addCheck(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("check", "compare a model with stored tensors");
  auto flags = std::make_shared<Flags>();
  command->add_option("model", flags->model, "compiled model")->required();
  command
      ->add_option("--ref", flags->reference,
                   "safetensors with inputs and expected outputs")
      ->required();
  command->add_option("--atol", flags->atol,
                      "largest absolute error of an element");
  command->add_option("--rtol", flags->rtol,
                      "added to it, relative to the element");
  command->add_option("--rms", flags->rms,
                      "largest relative RMS error of a tensor");
  command->add_option("--threads", flags->threads, "threads to compute with")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--json", flags->json, "print a JSON array");
  command->callback(
      [flags, &action] { action = [flags] { return run(*flags); }; });
}
