//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR stages run one target after another in one context. LLVM's passes and
// code generator, which take most of the time, run in a thread for each target.
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Variants.h"
#include "compiler/Emit/Object.h"
#include "compiler/Pipelines/Pipelines.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include <thread>

using namespace bertc;

namespace {

struct Work {
  const TargetInfo *target;
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::string entry, code, problem;
  bertc_workspace workspace;
  std::vector<PhaseInfo> phases;
  TrainingCode training;
};

} // namespace

llvm::Error bertc::stageFailed(llvm::StringRef target, llvm::StringRef stage,
                               llvm::StringRef problems) {
  return llvm::createStringError("the stage '" + stage + "' failed for " +
                                 target + (problems.empty() ? "" : "\n") +
                                 problems);
}

std::string bertc::printModule(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text + "\n";
}

void bertc::appendArtefact(std::string &artefact, llvm::StringRef text,
                           llvm::StringRef comment, llvm::StringRef target) {
  if (!artefact.empty())
    artefact += (comment + " -----\n").str();
  artefact += (comment + " target: " + target + "\n" + text).str();
}

/// The thread of one target.
static void generate(Work &work, Stage stage, PhaseTimes &times) {
  auto machine =
      createTargetMachine(work.target->cpu, llvmFeatures(*work.target));
  if (!machine) {
    work.problem = llvm::toString(machine.takeError());
    return;
  }
  {
    PhaseTimes::Scope scope(times, "optimize " + work.target->name.str());
    optimize(*work.module, **machine);
  }
  PhaseTimes::Scope scope(times, "codegen " + work.target->name.str());
  auto code = emitCode(*work.module, **machine,
                       stage == Stage::Assembly ? CodeFormat::Assembly
                                                : CodeFormat::Object);
  if (code)
    work.code = std::move(*code);
  else
    work.problem = llvm::toString(code.takeError());
  work.module.reset();
}

static bool sameGrouping(const Grouping &a, const Grouping &b) {
  return a.count == b.count && a.size == b.size && a.stride == b.stride;
}

static bool sameWeight(const PackedWeight &a, const PackedWeight &b) {
  return a.name == b.name && a.layout == b.layout && a.element == b.element &&
         a.derived == b.derived && a.planes == b.planes && a.rows == b.rows &&
         a.layers == b.layers && a.offset == b.offset &&
         a.layerStride == b.layerStride && sameGrouping(a.columns, b.columns) &&
         sameGrouping(a.depth, b.depth);
}

llvm::Error bertc::sameLayout(const WeightLayout &a, const WeightLayout &b) {
  bool same = a.size == b.size && llvm::equal(a.weights, b.weights, sameWeight);
  if (same)
    return llvm::Error::success();
  return llvm::createStringError(
      "two variants want different layouts of the same weights");
}

std::vector<OutputInfo>
bertc::outputInfos(llvm::ArrayRef<LoweredOutput> lowered) {
  std::vector<OutputInfo> outputs;
  for (const LoweredOutput &output : lowered)
    outputs.push_back(
        {output.name, output.kind, static_cast<uint32_t>(output.width)});
  return outputs;
}

TrainingInputs bertc::trainingInputs(const LoweredTraining &lowered) {
  TrainingInputs training;
  training.outputs = outputInfos(lowered.outputs);
  training.parameters = lowered.parameters;
  training.gradientsSize = lowered.gradientsSize;
  training.frozenOutput = lowered.frozenOutput;
  return training;
}

static void takeShared(Kernels &kernels, Variants &result) {
  result.layout = std::move(kernels.weights);
  result.outputs = outputInfos(kernels.outputs);
  if (!kernels.training)
    return;
  result.training = trainingInputs(*kernels.training);
  result.training->parametersSize = result.layout.size;
  result.parameters = result.layout;
}

llvm::Error bertc::sameTraining(const LoweredTraining &lowered,
                                const TrainingInputs &known) {
  if (lowered.parameters == known.parameters &&
      lowered.gradientsSize == int64_t(known.gradientsSize))
    return llvm::Error::success();
  return llvm::createStringError(
      "two variants want different layouts of the same gradients");
}

/// MLIR stages of one target; nothing is returned if `stage` is among them.
static llvm::Expected<std::unique_ptr<Work>>
lower(mlir::ModuleOp fused, const TargetInfo &target, Precisions precision,
      Stage stage, PhaseTimes &times, std::string &problems, Variants &result) {
  mlir::OwningOpRef<mlir::ModuleOp> planned = fused.clone();
  {
    PhaseTimes::Scope scope(times, "plan " + target.name.str());
    mlir::PassManager passes(fused.getContext());
    buildPlanPipeline(passes, target.name, precisionName(precision.inference),
                      precisionName(precision.training));
    std::string text;
    llvm::raw_string_ostream stream(text);
    passes.printAsTextualPipeline(stream);
    result.passes.push_back(text);
    if (mlir::failed(passes.run(*planned)))
      return stageFailed(target.name, "plan", problems);
  }
  if (stage == Stage::Plan) {
    appendArtefact(result.artefact, printModule(*planned), "//", target.name);
    return nullptr;
  }
  auto work = std::make_unique<Work>();
  work->target = &target;
  mlir::FailureOr<Kernels> kernels = mlir::failure();
  {
    PhaseTimes::Scope scope(times, "kernels " + target.name.str());
    kernels = lowerToKernels(*planned, target.name);
    if (mlir::failed(kernels))
      return stageFailed(target.name, "kernels", problems);
  }
  if (stage == Stage::Kernels) {
    appendArtefact(result.artefact, printModule(*kernels->kernels), "//",
                   target.name);
    return nullptr;
  }
  work->entry = kernels->entry;
  work->workspace = kernels->workspace;
  work->phases = std::move(kernels->phases);
  if (kernels->training)
    work->training = {kernels->training->entry, kernels->training->workspace,
                      kernels->training->phases};
  work->context = std::make_unique<llvm::LLVMContext>();
  {
    PhaseTimes::Scope scope(times, "llvm " + target.name.str());
    auto module = lowerToLLVM(*kernels, *work->context, target.emulated);
    if (!module)
      return stageFailed(target.name, "llvm",
                         llvm::toString(module.takeError()) + "\n" + problems);
    work->module = std::move(*module);
  }
  if (result.outputs.empty()) {
    takeShared(*kernels, result);
  } else if (llvm::Error error = sameLayout(result.layout, kernels->weights)) {
    return error;
  } else if (kernels->training) {
    if (llvm::Error error = sameTraining(*kernels->training, *result.training))
      return error;
  }
  if (stage == Stage::LLVM) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    work->module->print(stream, nullptr);
    appendArtefact(result.artefact, text, ";", target.name);
    return nullptr;
  }
  return work;
}

llvm::Expected<Variants>
bertc::lowerVariants(mlir::ModuleOp fused, llvm::ArrayRef<TargetInfo> targets,
                     Precisions precision, Stage stage, PhaseTimes &times,
                     std::string &problems) {
  Variants result;
  std::vector<std::unique_ptr<Work>> all;
  std::vector<std::thread> threads;
  llvm::Error error = llvm::Error::success();
  for (const TargetInfo &target : targets) {
    auto work = lower(fused, target, precision, stage, times, problems, result);
    if (!work) {
      error = work.takeError();
      break;
    }
    if (!*work)
      continue;
    all.push_back(std::move(*work));
    threads.emplace_back(
        [&times, stage, &work = *all.back()] { generate(work, stage, times); });
  }
  for (std::thread &thread : threads)
    thread.join();
  if (error)
    return error;
  for (std::unique_ptr<Work> &work : all) {
    if (!work->problem.empty())
      return stageFailed(work->target->name, "codegen", work->problem);
    if (stage == Stage::Assembly)
      appendArtefact(result.artefact, work->code, "#", work->target->name);
    else if (stage == Stage::Object)
      result.artefact = std::move(work->code);
    else
      result.code.push_back({work->target->name.str(), work->target->features,
                             work->target->emulated, work->entry,
                             work->workspace, std::move(work->phases),
                             std::move(work->training), std::move(work->code)});
  }
  return result;
}
