//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints one linear kernel, for tests of its text:
//   bertc-gpu-kernel-test FIELD=VALUE... [--emit=gpu|nvvm|ptx]
// with the fields of DeviceLinearShape and DeviceLinearPlan; those of the plan
// are chosen for `tokens` (default 4096) if `block` is not given. With `heads`
// and `head-size` it is attention, by the plan of `tokens`, or by `rows`,
// `keys`, `stages` and `shared-planes`; with gradient=queries|keys its
// gradient; dropout=1 drops weights. With probabilities=1 it is what writes the
// weights.
//
//===----------------------------------------------------------------------===//

#include "compiler/Emit/Ptx.h"
#include "compiler/Kernels/GPU/Attention.h"
#include "compiler/Kernels/GPU/AttentionGradient.h"
#include "compiler/Kernels/GPU/AttentionProbabilities.h"
#include "compiler/Kernels/GPU/Linear.h"
#include "compiler/Lowering/LowerToNVVM.h"
#include "compiler/Plan/DeviceReport.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace bertc;

static int fail(const llvm::Twine &message) {
  llvm::errs() << "error: " << message << "\n";
  return 1;
}

static DeviceAttentionShape attentionShape(int64_t heads, int64_t headSize,
                                           const DeviceLinearShape &forms) {
  DeviceAttentionShape shape;
  shape.heads = heads;
  shape.headSize = headSize;
  shape.headStride = (headSize + 15) / 16 * 16;
  shape.inputStride = 3 * heads * shape.headStride;
  shape.outputStride = heads * shape.headStride;
  shape.planes = forms.planes;
  shape.type = forms.type;
  shape.outputs = forms.outputs;
  shape.scale = 1 / std::sqrt(static_cast<double>(headSize));
  return shape;
}

static DeviceKernel attention(GpuBuilder &k, const DeviceTarget &target,
                              int64_t heads, int64_t headSize,
                              const DeviceLinearShape &forms, bool dropout,
                              int64_t tokens,
                              const DeviceAttentionPlan &pinned) {
  DeviceAttentionShape shape = attentionShape(heads, headSize, forms);
  shape.dropout = dropout;
  DeviceAttentionPlan plan;
  for (auto [from, next] :
       planDeviceAttention(target, heads, shape.headStride, shape.planes))
    if (from <= tokens)
      plan = next;
  if (pinned.rows)
    plan = pinned;
  return attentionKernel(k, shape, plan);
}

static DeviceKernel attentionGradient(GpuBuilder &k, const DeviceTarget &target,
                                      int64_t heads, int64_t headSize,
                                      const DeviceLinearShape &forms,
                                      bool dropout, bool ofKeys) {
  DeviceAttentionGradientShape shape;
  shape.heads = heads;
  shape.headSize = headSize;
  shape.headStride = (headSize + 15) / 16 * 16;
  shape.inputStride = shape.gradientStride = 3 * heads * shape.headStride;
  shape.outputStride = heads * shape.headStride;
  shape.planes = forms.planes;
  shape.type = forms.type;
  shape.gradients = forms.outputs;
  shape.scale = 1 / std::sqrt(static_cast<double>(headSize));
  shape.dropout = dropout;
  DeviceAttentionGradientPlans plans = planDeviceAttentionGradient(
      target, heads, shape.headStride, shape.planes);
  if (ofKeys)
    return attentionKeyGradientKernel(k, shape, plans.keys);
  return attentionQueryGradientKernel(k, shape, plans.queries);
}

int main(int argc, char **argv) {
  llvm::StringMap<int64_t *> fields;
  DeviceLinearShape shape;
  DeviceLinearPlan plan;
  DeviceAttentionPlan attentionPlan;
  attentionPlan.warps = 4;
  int64_t heads = 0, headSize = 0, dropout = 0, probabilities = 0;
  int64_t tokens = 4096, bias = 1, residual = 0, f32 = 0, half = 0, wgmma = 0;
  int64_t pingPong = 0;
  int64_t int8 = 0;
  fields["depth"] = &shape.depth;
  fields["columns"] = &shape.columns;
  fields["planes"] = &shape.planes;
  fields["int8"] = &int8;
  fields["bias"] = &bias;
  fields["residual"] = &residual;
  fields["to-f32"] = &f32;
  fields["to-planes"] = &half;
  fields["heads"] = &heads;
  fields["head-size"] = &headSize;
  fields["dropout"] = &dropout;
  fields["probabilities"] = &probabilities;
  fields["tokens"] = &tokens;
  fields["rows"] = &plan.blockRows;
  fields["block-columns"] = &plan.blockColumns;
  fields["block-depth"] = &plan.blockDepth;
  fields["warp-rows"] = &plan.warpRows;
  fields["warp-columns"] = &plan.warpColumns;
  fields["stages"] = &plan.stages;
  fields["splits"] = &plan.splits;
  fields["cluster"] = &plan.cluster;
  fields["wgmma"] = &wgmma;
  fields["ping-pong"] = &pingPong;
  fields["keys"] = &attentionPlan.keys;
  fields["shared-planes"] = &attentionPlan.sharedPlanes;
  llvm::StringRef gradient, emit = "ptx", target = "cuda:sm_80";
  for (int i = 1; i < argc; ++i) {
    auto [name, value] = llvm::StringRef(argv[i]).split('=');
    if (name == "--emit")
      emit = value;
    else if (name == "--target")
      target = value;
    else if (name == "gradient" && (value == "queries" || value == "keys"))
      gradient = value;
    else if (name == "type" && value == "f16")
      shape.type = HalfType::F16;
    else if (name == "activation" && value == "gelu")
      shape.activation = ActivationFunction::Gelu;
    else if (!fields.count(name) || value.getAsInteger(10, *fields[name]))
      return fail("unknown argument " + llvm::StringRef(argv[i]));
  }
  const DeviceTarget *row = findDeviceTarget(target);
  if (!row)
    return fail("unknown target " + target);
  plan.wgmma = wgmma;
  plan.pingPong = pingPong;
  attentionPlan.rows = plan.blockRows;
  attentionPlan.stages = plan.stages;
  plan.elementBytes = int8 ? 1 : 2;
  shape.int8 = int8;
  shape.bias = bias;
  shape.residual = residual;
  shape.inputStride = shape.depth;
  shape.residualStride = shape.outputStride = shape.columns;
  shape.outputs = {f32 || !half, half, shape.type};
  if (!heads && !plan.blockRows)
    plan = planDeviceLinear(*row, shape.facts(), tokens);

  if (emit == "report") {
    printDeviceLinear(llvm::outs(), *row, shape.facts());
    return 0;
  }

  DialectRegistry registry;
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, gpu::GPUDialect,
                  LLVM::LLVMDialect, math::MathDialect, NVVM::NVVMDialect,
                  scf::SCFDialect>();
  registerNVVMTranslations(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  GpuBuilder k(*module);
  DeviceKernel kernel;
  if (!heads)
    kernel = linearKernel(k, shape, plan);
  else if (probabilities)
    kernel =
        attentionProbabilitiesKernel(k, attentionShape(heads, headSize, shape));
  else if (gradient.empty())
    kernel = attention(k, *row, heads, headSize, shape, dropout, tokens,
                       attentionPlan);
  else
    kernel = attentionGradient(k, *row, heads, headSize, shape, dropout,
                               gradient == "keys");
  if (failed(verify(*module)))
    return 1;
  PassManager pm(&context);
  if (emit != "gpu")
    buildGpuToNVVMPipeline(pm);
  if (failed(pm.run(*module)))
    return 1;
  if (emit != "ptx") {
    module->print(llvm::outs());
    return 0;
  }
  llvm::LLVMContext llvmContext;
  auto translated = translateDeviceModule(*module, llvmContext);
  if (!translated)
    return fail(llvm::toString(translated.takeError()));
  auto ptx = emitPtx(**translated, row->processor, row->features);
  if (!ptx)
    return fail(llvm::toString(ptx.takeError()));
  llvm::outs() << "// threads " << kernel.threads << ", shared bytes "
               << kernel.sharedBytes;
  if (!heads)
    llvm::outs() << ", registers " << plan.registers();
  llvm::outs() << "\n" << *ptx;
  return 0;
}
