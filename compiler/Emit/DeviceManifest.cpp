//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers and spills are known only if the code was assembled; without them
// nothing is said, which is not the same as zero.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/DeviceManifest.h"
#include "compiler/Emit/Manifest.h"
#include "llvm/Support/JSON.h"

using namespace bertc;

static void writeModel(llvm::json::OStream &json, const KernelModel &model) {
  json.attribute("gpu", model.gpu);
  json.attribute("rows", model.rows);
  json.attribute("flops", model.flops);
  json.attribute("bytes", model.bytes);
  json.attribute("blocks_per_processor", model.occupancy);
  json.attribute("roofline_seconds", model.rooflineSeconds);
  if (model.seconds <= 0)
    return;
  json.attribute("instructions_per_step", model.instructions);
  json.attribute("waves", model.waves);
  json.attribute("seconds", model.seconds);
  json.attribute("of_roofline", model.roofline);
}

static void writeKernel(llvm::json::OStream &json, const KernelInfo &kernel) {
  json.attribute("name", kernel.name);
  json.attribute("threads", kernel.threads);
  json.attribute("shared_bytes", kernel.sharedBytes);
  if (kernel.cluster)
    json.attribute("cluster", kernel.cluster);
  json.attribute("flops_per_token", int64_t(kernel.flopsPerToken));
  json.attribute("flops_per_sequence", int64_t(kernel.flopsPerSequence));
  json.attribute("flops_per_pair", int64_t(kernel.flopsPerPair));
  json.attribute("weight_bytes", int64_t(kernel.weightBytes));
  if (!kernel.models.empty())
    json.attributeArray("models", [&] {
      for (const KernelModel &model : kernel.models)
        json.object([&] { writeModel(json, model); });
    });
  const KernelResources &known = kernel.resources;
  if (known.registers < 0)
    return;
  json.attribute("registers", known.registers);
  json.attribute("stack_bytes", known.stackBytes);
  json.attribute("spill_store_bytes", known.spillStoreBytes);
  json.attribute("spill_load_bytes", known.spillLoadBytes);
}

void bertc::writeDeviceVariant(llvm::json::OStream &json,
                               const DeviceVariantCode &variant) {
  json.attribute("name", variant.name);
  json.attribute("compute_capability", variant.computeCapability);
  json.attribute("exact", variant.exact);
  json.attribute("tensor_maps", variant.tensorMaps);
  json.attribute("entry", variant.entry);
  json.attributeObject("workspace",
                       [&] { writeWorkspace(json, variant.workspace); });
  json.attribute("weights_offset", int64_t(variant.weightsOffset));
  json.attribute("weights_bytes", int64_t(variant.weightsSize));
  json.attribute("ptx_bytes", int64_t(variant.ptx.size()));
  json.attribute("ptx_hash", hashOf(variant.ptx));
  json.attribute("cubin_bytes", int64_t(variant.cubin.size()));
  json.attribute("host_code_hash", hashOf(variant.object));
  json.attributeArray("kernels", [&] {
    for (const KernelInfo &kernel : variant.kernels)
      json.object([&] { writeKernel(json, kernel); });
  });
}
