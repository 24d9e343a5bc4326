//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dialects and pipelines are the compiler's own, so that the text of any stage
// can be read back and taken further.
//
//===----------------------------------------------------------------------===//

#include "tools/bertc-opt/Registration.h"
#include "compiler/Lowering/LowerToLLVM.h"
#include "compiler/Lowering/LowerToNVVM.h"
#include "compiler/Lowering/Passes.h"
#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Plan/Passes.h"
#include "dialects/Enc/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace bertc;

namespace {
struct FusionOptions : PassPipelineOptions<FusionOptions> {
  ListOption<std::string> require{
      *this, "require", llvm::cl::desc("fusions whose misses are errors")};
};
struct PlanOptions : PassPipelineOptions<PlanOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("name of the CPU target")};
  Option<std::string> precision{*this, "precision",
                                llvm::cl::desc("what linear layers multiply"),
                                llvm::cl::init("f32")};
};
} // namespace

static void registerPipelines() {
  PassPipelineRegistration<FusionOptions>(
      "bertc-fuse", "the stage from enc to fused",
      [](OpPassManager &pm, const FusionOptions &options) {
        buildFusionPipeline(pm,
                            std::vector<std::string>(options.require.begin(),
                                                     options.require.end()));
      });
  PassPipelineRegistration<PlanOptions>(
      "bertc-plan", "the stage from fused to plan",
      [](OpPassManager &pm, const PlanOptions &options) {
        buildPlanPipeline(pm, options.target, options.precision);
      });
  PassPipelineRegistration<>("bertc-kernels-to-llvm",
                             "the stage from kernels to the llvm dialect",
                             buildKernelsToLLVMPipeline);
  PassPipelineRegistration<>("bertc-gpu-to-nvvm",
                             "kernels of a GPU to the nvvm dialect",
                             buildGpuToNVVMPipeline);
}

void bertc::registerToolDialects(DialectRegistry &registry) {
  registerCompilerDialects(registry);
}

void bertc::registerToolPasses() {
  enc::registerEncPasses();
  registerLoweringPasses();
  registerPlanPasses();
  registerTransformsPasses();
  registerPipelines();
}
