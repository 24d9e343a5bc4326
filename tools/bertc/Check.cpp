//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc check`: a model against stored tensors, or against its own directory
// as the reference interpreter runs it. The reference holds inputs and outputs
// under their Hugging Face names; rows of padding are not compared, nor are
// columns that stand for it, and a tensor `rows` says that outputs with a row
// for each token hold only those of [batch * seq]. What is allowed depends on
// the precision of the model, unless limits are given.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Safetensors.h"
#include "compiler/Target/Precision.h"
#include "tools/bertc/CheckReference.h"
#include "tools/bertc/Commands.h"
#include "tools/bertc/RunModel.h"
#include "tools/bertc/Texts.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <optional>

using namespace bertc;
using namespace bertc::tool;

namespace {

struct Flags {
  std::string model, reference, directory;
  TextSource source;
  std::optional<double> atol, rtol, rms;
  uint32_t threads = 0;
  bool json = false;
};

struct Limits {
  double atol, rtol, rms;
};

struct Comparison {
  std::string name;
  double largest = 0;  ///< Largest absolute difference.
  double relative = 0; ///< Norm of the difference over that of the reference.
  /// Smallest over the rows; of outputs with a row for each sequence.
  std::optional<double> cosine;
  bool good = true;
};

struct Result {
  std::string precision;
  Limits limits;
  std::vector<Comparison> comparisons;
};

} // namespace

/// Low precision is held to its RMS error: the largest error of an element says
/// as much about the element as about the model.
static Limits limitsOf(const Flags &flags, llvm::StringRef precision) {
  Limits limits = {INFINITY, 0, 2e-6};
  switch (findPrecision(precision).value_or(Precision::F32)) {
  case Precision::F32:
    limits.atol = 2e-4;
    break;
  case Precision::F32Fast:
    limits.rms = 1e-5;
    break;
  case Precision::F16:
    limits.rms = 2e-3;
    break;
  case Precision::BF16:
    limits.rms = 1e-2;
    break;
  case Precision::Int8:
  case Precision::BF16W8:
    limits.rms = 3e-2;
    break;
  }
  limits.atol = flags.atol.value_or(limits.atol);
  limits.rtol = flags.rtol.value_or(limits.rtol);
  limits.rms = flags.rms.value_or(limits.rms);
  return limits;
}

/// Outputs in the order in which a model computes them.
static std::pair<int, int64_t> computeOrder(llvm::StringRef name) {
  int64_t layer = 0;
  if (name.consume_front("hidden_states.") && !name.getAsInteger(10, layer))
    return {0, 2 * layer};
  // Of layer n, which reads hidden_states.n.
  if (name.consume_front("attentions.") && !name.getAsInteger(10, layer))
    return {0, 2 * layer + 1};
  return {name == "last_hidden_state" ? 1 : 2, 0};
}

static bool isPadding(const Inputs &inputs, int64_t position) {
  return inputs.mask && inputs.mask->data[position] == 0;
}

namespace {

/// How the rows of an output of some shape lie, and which are padding.
class Rows {
public:
  /// `rows` may be null.
  Rows(const Inputs &inputs, const IntTensor *rows, const FloatTensor &output)
      : inputs(inputs), rows(rows), rank(output.shape.size()),
        heads(isOfPairs() ? output.shape[1] : 1) {}

  bool isOfTokens() const { return rank == 3; }
  bool isOfPairs() const { return rank == 4; }
  bool isOfSequences() const { return rank == 2; }

  /// The row of the model's output that row `i` of the reference stands for, or
  /// -1 for padding.
  int64_t source(int64_t i) const {
    if (isOfSequences())
      return i;
    if (isOfPairs())
      return isPadding(inputs, first(i) + i % inputs.seq) ? -1 : i;
    int64_t row = rows ? rows->data[i] : i;
    return isPadding(inputs, row) ? -1 : row;
  }
  bool isColumn(int64_t i, int64_t column) const {
    return !isOfPairs() || !isPadding(inputs, first(i) + column);
  }

private:
  /// The first position of the sequence that a row of pairs is of.
  int64_t first(int64_t i) const {
    return i / (heads * inputs.seq) * inputs.seq;
  }

  const Inputs &inputs;
  const IntTensor *rows;
  size_t rank;
  int64_t heads;
};

} // namespace

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

static Comparison compare(const Limits &limits, const Inputs &inputs,
                          const IntTensor *rows, const FloatTensor &want,
                          const FloatTensor &got) {
  Comparison result{want.name};
  Rows layout(inputs, rows, got);
  int64_t width = got.shape.back();
  double difference = 0, norm = 0;
  int64_t count = width ? int64_t(want.data.size()) / width : 0;
  for (int64_t i = 0; i < count; ++i) {
    int64_t row = layout.source(i);
    if (row < 0)
      continue;
    double products = 0, wantNorm = 0, gotNorm = 0;
    for (int64_t j = 0; j < width; ++j) {
      if (!layout.isColumn(i, j))
        continue;
      double a = want.data[i * width + j], b = got.data[row * width + j];
      double error = std::fabs(a - b);
      // A NaN fails every comparison, so it is asked for what must hold.
      result.good &= error <= limits.atol + limits.rtol * std::fabs(a);
      result.largest = error <= result.largest ? result.largest : error;
      difference += error * error;
      products += a * b;
      wantNorm += a * a;
      gotNorm += b * b;
    }
    norm += wantNorm;
    double cosine = products / std::sqrt(wantNorm * gotNorm);
    // As above, so that a NaN is kept.
    if (layout.isOfSequences() &&
        (!result.cosine || !(*result.cosine <= cosine)))
      result.cosine = cosine;
  }
  result.relative =
      norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
  result.good &= result.relative <= limits.rms;
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

static llvm::Expected<TensorFile> findReference(const Flags &flags,
                                                const Model &model) {
  if (!flags.reference.empty())
    return readTensors(flags.reference);
  std::vector<std::string> texts;
  if (!flags.source.texts.empty() || !flags.source.file.empty()) {
    auto read = readTexts(flags.source);
    if (!read)
      return read.takeError();
    texts = std::move(*read);
  }
  return interpretReference(model, flags.directory, texts);
}

static llvm::Expected<Result> compareAll(const Flags &flags) {
  auto model = Model::open(flags.model);
  if (!model)
    return model.takeError();
  auto file = findReference(flags, *model);
  if (!file)
    return file.takeError();
  auto inputs = findInputs(*file, /*only=*/false);
  if (!inputs)
    return inputs.takeError();
  const IntTensor *rows = file->findInteger("rows");
  if (llvm::Error error = checkRows(*file, rows, *inputs))
    return error;
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
    return bertc::makeError(ExitCode::BadInput, file->path,
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
  auto results = runModel(*model, *session, *inputs, names, file->path);
  if (!results)
    return results.takeError();
  Result result = {
      model->precision().str(), limitsOf(flags, model->precision()), {}};
  for (auto [want, got] : llvm::zip(wanted, *results)) {
    if (llvm::Error error = checkShape(*file, *want, got, rows))
      return error;
    result.comparisons.push_back(
        compare(result.limits, *inputs, rows, *want, got));
  }
  return result;
}

static void printJson(const Result &result) {
  llvm::json::Array list;
  for (const Comparison &each : result.comparisons) {
    llvm::json::Object object{{"name", each.name},
                              {"max", each.largest},
                              {"relative_rms", each.relative},
                              {"good", each.good}};
    if (each.cosine)
      object["cosine"] = *each.cosine;
    list.push_back(std::move(object));
  }
  llvm::outs() << llvm::json::Value(llvm::json::Object{
                      {"precision", result.precision},
                      {"allowed_relative_rms", result.limits.rms},
                      {"outputs", std::move(list)}})
               << "\n";
}

static void printTable(const Result &result) {
  llvm::outs() << "computed in " << result.precision
               << ", allowed relative RMS "
               << llvm::format("%.0e\n", result.limits.rms)
               << "output                 max error   relative RMS   "
                  "smallest cosine\n";
  for (const Comparison &each : result.comparisons) {
    llvm::outs() << llvm::format("%-22s %9.2e   %12.2e", each.name.c_str(),
                                 each.largest, each.relative);
    if (each.cosine)
      llvm::outs() << llvm::format("   %15.6f", *each.cosine);
    llvm::outs() << (each.good ? "\n" : "   diverges\n");
  }
}

static std::string describe(const Comparison &bad, const Limits &limits) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << bad.name << " is the first to diverge: "
     << llvm::format("max error %.2e", bad.largest);
  if (std::isfinite(limits.atol))
    os << llvm::format(", allowed %.2e", limits.atol);
  os << llvm::format("; relative RMS %.2e, allowed %.2e", bad.relative,
                     limits.rms);
  return text;
}

static llvm::Expected<ExitCode> run(const Flags &flags) {
  bool texts = !flags.source.texts.empty() || !flags.source.file.empty();
  if (flags.reference.empty() == flags.directory.empty())
    return makeUsageError("expected either --ref or --model",
                          "--model DIR compares with the directory that was "
                          "compiled");
  if (texts && flags.directory.empty())
    return makeUsageError("texts are for --model, but --ref was given",
                          "the reference has its inputs inside");
  auto result = compareAll(flags);
  if (!result)
    return result.takeError();
  if (flags.json)
    printJson(*result);
  else
    printTable(*result);
  for (const Comparison &each : result->comparisons)
    if (!each.good)
      return bertc::makeError(ExitCode::Inaccurate, flags.model,
                              describe(each, result->limits));
  return ExitCode::Success;
}

void tool::addCheck(CLI::App &app, Action &action) {
  CLI::App *command = app.add_subcommand(
      "check", "compare a model with stored tensors or its own directory");
  auto flags = std::make_shared<Flags>();
  command->add_option("model", flags->model, "compiled model")->required();
  command->add_option("--ref", flags->reference,
                      "safetensors with inputs and expected outputs");
  command->add_option("--model", flags->directory,
                      "directory that was compiled: compare with the reference "
                      "interpreter, which computes in double precision");
  command->add_option("texts", flags->source.texts,
                      "with --model: texts (default: generated token ids)");
  command->add_option("--file", flags->source.file, "texts, one a line");
  command->add_option("--atol", flags->atol,
                      "largest absolute error of an element (f32: 2e-4, else "
                      "any)");
  command->add_option("--rtol", flags->rtol,
                      "added to it, relative to the element");
  command->add_option("--rms", flags->rms,
                      "largest relative RMS error of a tensor (default: by "
                      "precision)");
  command->add_option("--threads", flags->threads, "threads to compute with")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--json", flags->json, "print a JSON object");
  command->callback(
      [flags, &action] { action = [flags] { return run(*flags); }; });
}
