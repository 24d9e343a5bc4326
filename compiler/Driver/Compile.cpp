//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that can be wrong with the command line or the model is found
// before the first pass runs; what fails later is a fault of the compiler, and
// says so.
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Compile.h"
#include "compiler/Driver/Devices.h"
#include "compiler/Driver/Report.h"
#include "compiler/Driver/Targets.h"
#include "compiler/Driver/Training.h"
#include "compiler/Driver/Variants.h"
#include "compiler/Emit/OutputFile.h"
#include "compiler/Emit/Ptxas.h"
#include "compiler/Import/BuildModule.h"
#include "compiler/Import/Tokenizer.h"
#include "compiler/Pipelines/Pipelines.h"
#include "dialects/Enc/IR/EncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace bertc;

namespace {

/// Errors of MLIR as text, one a line, with their notes.
class ProblemCollector {
public:
  explicit ProblemCollector(mlir::MLIRContext &context)
      : handler(&context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
            return;
          text += (text.empty() ? "" : "\n") + diagnostic.str();
          for (mlir::Diagnostic &note : diagnostic.getNotes())
            text += "\n" + note.str();
        }) {}
  std::string text;

private:
  mlir::ScopedDiagnosticHandler handler;
};

class Compilation {
public:
  Compilation(const CompileOptions &options,
              std::shared_ptr<std::vector<FusionRemark>> remarks)
      : options(options), remarks(std::move(remarks)) {}

  llvm::Expected<CompileResult> run();

private:
  llvm::Error checkOptions();
  llvm::Error checkF16();
  llvm::Error checkTraining();
  llvm::Error checkDevices();
  llvm::Error load();
  llvm::Error runStage(llvm::StringRef stage, mlir::PassManager &manager,
                       llvm::StringRef help);
  llvm::Error fuse();
  llvm::Error generateBackward();
  llvm::Error addInference();
  llvm::Error assemble(Variants &variants);
  llvm::Error finish(Variants variants);
  llvm::Error writeArtefact(llvm::StringRef artefact);

  const CompileOptions &options;
  std::shared_ptr<std::vector<FusionRemark>> remarks;
  PhaseTimes times;
  Targets targets;
  std::string ptxas; ///< Its path, or empty.
  ModelDirectory model;
  std::optional<HeadSpec> head; ///< To train.
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<std::string> passes;
  CompileResult result;
};

} // namespace

llvm::Error Compilation::checkOptions() {
  auto parsed =
      parseTargets(options.targets, options.emulate, options.precision);
  if (!parsed)
    return parsed.takeError();
  targets = std::move(*parsed);
  for (llvm::StringRef name : options.requireFusion)
    if (!llvm::is_contained(fusionNames(), name))
      return makeUsageError("unknown fusion " + quoted(name) +
                                " for --require-fusion, expected some of " +
                                llvm::join(fusionNames(), ", "),
                            suggestion(name, fusionNames()));
  if (options.precision == Precision::F16)
    if (llvm::Error error = checkF16())
      return error;
  if (llvm::Error error = checkTraining())
    return error;
  if (llvm::Error error = checkDevices())
    return error;
  bool text = options.output.empty() || options.output == "-";
  if (text && options.emit >= Stage::Object)
    return makeUsageError("expected the file to write, got none",
                          "add -o model.so");
  if (options.emit == Stage::Object && targets.processors.size() != 1)
    return makeUsageError("--emit=obj is for one target, got " +
                              std::to_string(targets.processors.size()),
                          "add --target=" + targets.processors.front().name);
  // A folder that cannot be written to is better known now than at the end.
  if (!text)
    if (auto probe = OutputFile::create(options.output); !probe)
      return probe.takeError();
  return llvm::Error::success();
}

/// What only GPUs have, and only without training.
llvm::Error Compilation::checkF16() {
  if (!targets.processors.empty())
    return makeUsageError(
        "--precision=f16 is for GPUs, got the target " +
            targets.processors.front().name,
        "use --precision=bf16, or only targets such as --target=" +
            deviceTargets().front().name);
  // Gradients are below its range, unless the loss is scaled.
  if (options.isTraining())
    return makeUsageError("--train is not available for --precision=f16",
                          "train in bf16, which needs no scale of the loss, "
                          "and compile what was saved");
  return llvm::Error::success();
}

llvm::Error Compilation::checkTraining() {
  if (options.head && !options.train && options.emit > Stage::Backward)
    return makeUsageError("--head is for training",
                          "add --train, or stop at --emit=backward");
  if (!options.train && options.emit != Stage::Backward &&
      (!options.freeze.empty() || options.activationMemory != 0))
    return makeUsageError("--freeze and --activation-memory are for training",
                          "add --train");
  if (options.activationMemory < 0)
    return makeUsageError(
        "expected --activation-memory to be at least 0, got " +
        llvm::Twine(options.activationMemory));
  bool trains =
      options.precision == Precision::F32 ||
      options.precision == Precision::BF16 ||
      (options.precision == Precision::F32Fast && targets.processors.empty());
  if (options.train && !trains)
    return makeUsageError("--train is for --precision=f32 or bf16, and on GPUs "
                          "f32-fast, got " +
                              precisionName(options.precision),
                          "train in f32 or bf16, and compile what was saved");
  if (options.isTraining() && options.emit <= Stage::Backward &&
      !options.outputs.empty())
    return makeUsageError("--outputs is for inference, a training function "
                          "returns loss and logits",
                          "leave --outputs out");
  return llvm::Error::success();
}

llvm::Error Compilation::checkDevices() {
  if (options.emit == Stage::Ptx &&
      (targets.devices.empty() || !targets.processors.empty()))
    return makeUsageError("--emit=ptx is for targets that are GPUs",
                          "add --target=" + deviceTargets().front().name);
  if (!options.ptxas.empty()) {
    if (targets.devices.empty() || options.emit != Stage::Library)
      return makeUsageError("--ptxas is for libraries with code for GPUs",
                            "add --target=" + deviceTargets().front().name +
                                ", and leave --emit out");
    auto found = findPtxas(options.ptxas);
    if (!found)
      return found.takeError();
    ptxas = std::move(*found);
  }
  if (targets.devices.empty())
    return llvm::Error::success();
  llvm::StringRef name = targets.devices.front()->name;
  if (options.emit == Stage::Assembly || options.emit == Stage::Object)
    return makeUsageError("the stage of --emit does not exist for " + name,
                          "use --emit=plan, kernels, llvm, ptx or lib");
  if (options.precision == Precision::BF16W8)
    return makeUsageError("--precision=" + precisionName(options.precision) +
                              " is not available for " + name,
                          "use --precision=int8, bf16, f16, f32-fast or f32");
  return options.calibration.empty() ? llvm::Error::success()
                                     : checkCalibration(targets);
}

llvm::Error Compilation::load() {
  PhaseTimes::Scope scope(times, "import");
  auto loaded = loadModelDirectory(options.model);
  if (!loaded)
    return loaded.takeError();
  model = std::move(*loaded);
  result.notes = model.notes;
  if (options.isTraining()) {
    auto parsed = parseHead(options.head.value_or(""), model);
    if (!parsed)
      return parsed.takeError();
    head = *parsed;
    if (options.train && !model.weights.hasWeights())
      return makeError(ExitCode::BadModel, options.model,
                       "there are no weights to train",
                       "give the directory of the model");
    if (llvm::Error error = verifyHead(model, *head))
      return error;
    auto built = buildTrainingModule(context, model, *head);
    if (!built)
      return built.takeError();
    module = std::move(*built);
    return llvm::Error::success();
  }
  ImportOptions import;
  import.outputs = options.outputs;
  auto built = buildModule(context, model, import);
  if (!built)
    return built.takeError();
  module = std::move(*built);
  return llvm::Error::success();
}

llvm::Error Compilation::runStage(llvm::StringRef stage,
                                  mlir::PassManager &manager,
                                  llvm::StringRef help) {
  PhaseTimes::Scope scope(times, stage.str());
  ProblemCollector problems(context);
  std::string text;
  llvm::raw_string_ostream stream(text);
  manager.printAsTextualPipeline(stream);
  passes.push_back(text);
  if (mlir::succeeded(manager.run(*module)))
    return llvm::Error::success();
  return makeError(ExitCode::Failure, options.model,
                   "the stage '" + stage + "' failed\n" + problems.text, help);
}

llvm::Error Compilation::fuse() {
  mlir::PassManager manager(&context);
  buildFusionPipeline(manager, options.requireFusion, options.isTraining());
  return runStage("fused", manager,
                  "see --remarks for what was not fused and why");
}

llvm::Error Compilation::generateBackward() {
  mlir::PassManager manager(&context);
  buildBackwardPipeline(manager, options.freeze, options.activationMemory);
  return runStage("backward", manager, "see --emit=fused for what it reads");
}

/// The function of inference beside the training function.
llvm::Error Compilation::addInference() {
  ImportOptions import;
  import.head = head;
  // Evaluation reads logits, a cache of what is frozen the last frozen output.
  auto outputs = outputsOfTraining(*module, model, *head, options.outputs);
  if (!outputs)
    return outputs.takeError();
  import.outputs = std::move(*outputs);
  auto inference = buildModule(context, model, import);
  if (!inference)
    return inference.takeError();
  ProblemCollector problems(context);
  mlir::PassManager manager(&context);
  buildFusionPipeline(manager);
  if (mlir::failed(manager.run(**inference)))
    return makeError(ExitCode::Failure, options.model,
                     "the stage 'fused' failed\n" + problems.text,
                     "see --remarks for what was not fused and why");
  replaceForward(*module, std::move(*inference));
  return llvm::Error::success();
}

llvm::Expected<std::string>
bertc::compileTokenizer(const ModelDirectory &model,
                        std::vector<Diagnostic> &notes) {
  if (!hasTokenizer(model.encoderFolder))
    return std::string();
  auto data = loadTokenizer(model.encoderFolder, notes);
  if (!data)
    return data.takeError();
  if (model.sentence.maxSeqLength)
    data->modelMaxLength = uint32_t(*model.sentence.maxSeqLength);
  // sentence-transformers then changes the text before the tokenizer sees it.
  if (model.sentence.doLowerCase)
    data->lowercase = true;
  if (llvm::Error error = checkTokenizer(*data, model.config))
    return error;
  return serializeTokenizer(*data);
}

llvm::Error Compilation::writeArtefact(llvm::StringRef artefact) {
  if (options.output.empty() || options.output == "-") {
    result.text = artefact.str();
    return llvm::Error::success();
  }
  auto file = OutputFile::create(options.output);
  if (!file)
    return file.takeError();
  if (llvm::Error error = file->write(artefact))
    return error;
  return file->commit();
}

/// Machine code beside the PTX of each GPU.
llvm::Error Compilation::assemble(Variants &variants) {
  for (auto [target, code] :
       llvm::zip_equal(targets.devices, variants.deviceCode)) {
    PhaseTimes::Scope scope(times, "ptxas " + code.name);
    if (llvm::Error error = assembleVariant(ptxas, target->processor, code))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error Compilation::finish(Variants variants) {
  if (!ptxas.empty())
    if (llvm::Error error = assemble(variants))
      return error;
  LibraryInputs inputs;
  inputs.config = model.config;
  inputs.precision = targets.processors.empty()
                         ? options.precision
                         : options.precisions().inference;
  inputs.calibration = options.calibration;
  inputs.outputs = std::move(variants.outputs);
  inputs.variants = std::move(variants.code);
  inputs.deviceVariants = std::move(variants.deviceCode);
  inputs.layout = std::move(variants.layout);
  inputs.externalWeights = options.externalWeights;
  inputs.passes = std::move(passes);
  for (std::string &pass : variants.passes)
    inputs.passes.push_back(std::move(pass));
  {
    PhaseTimes::Scope scope(times, "tokenizer");
    auto blob = compileTokenizer(model, result.notes);
    if (!blob)
      return blob.takeError();
    inputs.tokenizer = std::move(*blob);
  }

  llvm::StringMap<std::string> patterns;
  for (auto weight : module->getOps<mlir::enc::WeightOp>())
    patterns[weight.getSymName()] = weight.getTensor().str();
  if (model.weights.hasWeights())
    inputs.weights = [&](llvm::StringRef symbol,
                         int64_t layer) -> llvm::Expected<const TensorInfo *> {
      if (options.train && isNewWeight(model, *head, symbol))
        return nullptr;
      return resolveWeight(model.weights, patterns.lookup(symbol), layer);
    };
  if (options.train) {
    inputs.training = std::move(variants.training);
    if (llvm::Error error = describeTraining(model, *head, *inputs.training))
      return error;
  }
  PhaseTimes::Scope scope(times, "library");
  auto files = writeLibrary(inputs, options.output);
  if (!files)
    return files.takeError();
  result.files = std::move(*files);
  for (const VariantCode &code : inputs.variants) {
    auto functions = listFunctions(code.object);
    if (!functions)
      return functions.takeError();
    result.variants.push_back(
        {code.name, code.emulated != 0, code.object.size(), functions->size()});
  }
  for (const DeviceVariantCode &code : inputs.deviceVariants)
    result.variants.push_back(
        {code.name, false, code.ptx.size(), code.kernels.size()});
  return llvm::Error::success();
}

llvm::Expected<CompileResult> Compilation::run() {
  if (llvm::Error error = checkOptions())
    return error;
  mlir::DialectRegistry registry;
  registerCompilerDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  collectRemarks(context, remarks);
  if (llvm::Error error = load())
    return error;
  if (options.emit > Stage::Enc)
    if (llvm::Error error = fuse())
      return error;
  if (options.hasBackward())
    if (llvm::Error error = generateBackward())
      return error;
  if (options.train && options.emit > Stage::Backward)
    if (llvm::Error error = addInference())
      return error;
  llvm::Error error = llvm::Error::success();
  if (options.emit <= Stage::Backward) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream);
    error = writeArtefact(text + "\n");
  } else {
    ProblemCollector problems(context);
    auto variants =
        lowerVariants(*module, targets.processors, options.precisions(),
                      options.emit, times, problems.text);
    if (!variants)
      return variants.takeError();
    if (llvm::Error failed =
            lowerDevices(*module, targets.devices, options.precision,
                         options.emit, times, problems.text, *variants))
      return failed;
    error = options.emit == Stage::Library ? finish(std::move(*variants))
                                           : writeArtefact(variants->artefact);
  }
  if (error)
    return error;
  for (const PhaseTimes::Phase &phase : times.phases())
    result.phases.push_back({phase.name, phase.seconds});
  result.seconds = times.total();
  result.peakBytes = peakResidentBytes();
  return std::move(result);
}

llvm::Expected<CompileResult>
bertc::compile(const CompileOptions &options,
               std::vector<FusionRemark> *remarks) {
  auto collected = std::make_shared<std::vector<FusionRemark>>();
  auto result = Compilation(options, collected).run();
  if (result)
    result->remarks = *collected;
  if (remarks)
    *remarks = *collected;
  return result;
}

std::string CompileResult::report(const CompileOptions &options) const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("model", options.model);
    json.attribute("precision", precisionName(options.precision));
    json.attribute("seconds", seconds);
    json.attribute("peak_resident_bytes", int64_t(peakBytes));
    json.attribute("code_bytes", int64_t(files.codeBytes));
    json.attribute("weights_bytes", int64_t(files.weightsBytes));
    json.attributeArray("phases", [&] {
      for (const Phase &phase : phases)
        json.object([&] {
          json.attribute("name", phase.name);
          json.attribute("seconds", phase.seconds);
        });
    });
    json.attributeArray("variants", [&] {
      for (const Variant &variant : variants)
        json.object([&] {
          json.attribute("name", variant.name);
          json.attribute("emulated", variant.emulated);
          json.attribute("object_bytes", int64_t(variant.objectBytes));
          json.attribute("functions", int64_t(variant.functions));
        });
    });
    json.attributeArray("fusions", [&] {
      for (const FusionRemark &remark : remarks)
        if (!remark.analysis)
          json.object([&] {
            json.attribute("fusion", remark.pass);
            json.attribute("made", remark.made);
            json.attribute("text", remark.text);
          });
    });
  });
  return text + "\n";
}
