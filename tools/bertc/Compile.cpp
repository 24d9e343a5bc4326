//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc compile`: flags to CompileOptions, result to words.
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Compile.h"
#include "compiler/Driver/Targets.h"
#include "compiler/Emit/OutputFile.h"
#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Target/Target.h"
#include "tools/bertc/Calibrate.h"
#include "tools/bertc/Commands.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace bertc;
using namespace bertc::tool;

namespace {

struct Flags {
  CompileOptions options;
  std::string emit = "lib", precision = "f32", calibrate, report, remarks;
  bool quiet = false, wantRemarks = false;
};

} // namespace

static llvm::Expected<Precision> parsePrecision(llvm::StringRef name) {
  if (auto precision = findPrecision(name))
    return *precision;
  return makeUsageError("unknown precision " + bertc::quoted(name) +
                            " for --precision, expected one of " +
                            llvm::join(precisionNames(), ", "),
                        suggestion(name, precisionNames()));
}

static llvm::Error writeText(llvm::StringRef path, llvm::StringRef text) {
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = file->write(text))
    return error;
  return file->commit();
}

static llvm::Error writeRemarks(const Flags &flags,
                                llvm::ArrayRef<FusionRemark> remarks) {
  if (!flags.wantRemarks)
    return llvm::Error::success();
  std::string text;
  for (const FusionRemark &remark : remarks)
    text += formatRemark(remark) + "\n";
  if (!flags.remarks.empty())
    return writeText(flags.remarks, text);
  llvm::errs() << text;
  return llvm::Error::success();
}

static void summarize(const Flags &flags, const CompileResult &result) {
  llvm::raw_ostream &os = llvm::errs();
  os << result.files.library << ": ";
  std::vector<std::string> names;
  for (const CompileResult::Variant &variant : result.variants)
    names.push_back(variant.name + (variant.emulated ? " (emulated)" : ""));
  os << flags.precision << "; " << llvm::join(names, ", ") << "; code "
     << llvm::format("%.1f MB", result.files.codeBytes / 1e6) << ", weights "
     << llvm::format("%.1f MB", result.files.weightsBytes / 1e6);
  if (!result.files.weights.empty())
    os << " in " << result.files.weights;
  os << llvm::format("; %.2f s", result.seconds) << "\n";
}

static llvm::Expected<ExitCode> run(Flags &flags) {
  llvm::Expected<Precision> precision = parsePrecision(flags.precision);
  if (!precision)
    return precision.takeError();
  flags.options.precision = *precision;
  if (!flags.calibrate.empty()) {
    if (*precision != Precision::Int8)
      return makeUsageError("--calibrate is for --precision=int8, got " +
                            flags.precision);
    // Before the texts run, which takes its time.
    auto targets =
        parseTargets(flags.options.targets, flags.options.emulate, *precision);
    if (!targets)
      return targets.takeError();
    if (llvm::Error error = checkCalibration(*targets))
      return error;
    auto calibration =
        calibrate(flags.options.model, flags.options.outputs, flags.calibrate);
    if (!calibration)
      return calibration.takeError();
    flags.options.calibration = std::move(*calibration);
  }
  llvm::Expected<Stage> stage = parseStage(flags.emit);
  if (!stage)
    return stage.takeError();
  flags.options.emit = *stage;

  std::vector<FusionRemark> remarks;
  llvm::Expected<CompileResult> result = compile(flags.options, &remarks);
  if (llvm::Error error = writeRemarks(flags, remarks)) {
    if (!result)
      llvm::consumeError(result.takeError());
    return error;
  }
  if (!result)
    return result.takeError();
  for (const Diagnostic &note : result->notes)
    if (note.severity == Severity::Warning || !flags.quiet)
      note.render(llvm::errs());
  if (!flags.report.empty())
    if (llvm::Error error =
            writeText(flags.report, result->report(flags.options)))
      return error;
  llvm::outs() << result->text;
  if (*stage == Stage::Library && !flags.quiet)
    summarize(flags, *result);
  return ExitCode::Success;
}

void tool::addCompile(CLI::App &app, Action &action) {
  CLI::App *command = app.add_subcommand(
      "compile", "compile a model directory to a shared library");
  auto flags = std::make_shared<Flags>();
  CompileOptions &options = flags->options;
  command
      ->add_option("model", options.model,
                   "Hugging Face directory, or a config.json without weights")
      ->required();
  command->add_option("-o,--output", options.output,
                      "library to write; model.h goes beside it");
  command->add_option("--outputs", options.outputs,
                      "such as last_hidden_state,hidden_states[0,6]");
  command->add_option("--target", options.targets,
                      "native, or a list such as x86-64-v3,x86-64-v4");
  command->add_option("--ptxas", options.ptxas,
                      "NVIDIA's assembler, to put machine code beside the PTX "
                      "of cuda targets");
  command->add_option("--emulate", options.emulate,
                      "instructions that plain code stands in for, to run any "
                      "target here: " +
                          llvm::join(emulationNames(), ", "));
  command->add_option("--precision", flags->precision,
                      "what linear layers multiply: " +
                          llvm::join(precisionNames(), ", "));
  command->add_option("--calibrate", flags->calibrate,
                      "texts, one a line, for int8: balances the ranges of "
                      "weights and of what they multiply");
  command->add_option(
      "--emit", flags->emit,
      "enc, fused, backward, plan, kernels, llvm, asm, obj or lib");
  command->add_flag("--external-weights", options.externalWeights,
                    "write the weights to a file beside the library");
  command
      ->add_option("--require-fusion", options.requireFusion,
                   "fusions whose miss is an error: " +
                       llvm::join(fusionNames(), ", "))
      ->delimiter(',');
  command
      ->add_option("--remarks", flags->remarks,
                   "say what was fused or not, and why; to FILE if given")
      ->expected(0, 1);
  command->add_option("--report", flags->report,
                      "write times, sizes and fusions as JSON");
  command->add_flag("-q,--quiet", flags->quiet, "print warnings only");
  command->add_flag("--train", options.train,
                    "a library that trains, too; see --head");
  command->add_option("--head", options.head,
                      "what to train: classify:N, multilabel:N, regress, tag:N "
                      "or answer (default: the model's own)");
  command
      ->add_option("--freeze", options.freeze,
                   "what does not learn: encoder, embeddings, layers[0-5], or "
                   "regular expressions for names of weights")
      ->delimiter(',');
  command->add_option("--activation-memory", options.activationMemory,
                      "bytes a token that layers may save for the backward "
                      "pass (default: no limit)");
  command->callback([flags, command, &action] {
    flags->wantRemarks = command->count("--remarks") > 0;
    action = [flags] { return run(*flags); };
  });
}
