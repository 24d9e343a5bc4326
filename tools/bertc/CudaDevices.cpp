//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime's own code looks for the driver and chooses the variant, so that
// what is said here is what happens when a model is opened.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/CudaDevices.h"
#include "compiler/Emit/LibraryFile.h"
#include "compiler/Import/Diagnostics.h"
#include "compiler/Target/Device.h"
#include "llvm/Support/JSON.h"
#include <deque>

using namespace bertc;
using namespace bertc::tool;
using llvm::json::Object;

namespace {

/// Variants as the runtime knows them, with the texts that they point to.
struct Candidates {
  std::deque<std::string> texts;
  std::deque<std::vector<bertc_kernel_desc>> kernels;
  std::vector<bertc_device_variant> variants;

  const char *keep(llvm::StringRef text) {
    return texts.emplace_back(text.str()).c_str();
  }
  bertc_device_variant &add(llvm::StringRef name, int64_t capability,
                            bool exact) {
    bertc_device_variant variant = {};
    variant.name = keep(name);
    variant.compute_capability = uint32_t(capability);
    variant.flags = exact ? BERTC_DEVICE_EXACT : 0;
    return variants.emplace_back(variant);
  }
};

} // namespace

static void addVariant(Candidates &candidates, const Object &variant) {
  std::vector<bertc_kernel_desc> &kernels = candidates.kernels.emplace_back();
  if (const llvm::json::Array *list = variant.getArray("kernels"))
    for (const llvm::json::Value &value : *list)
      if (const Object *kernel = value.getAsObject())
        kernels.push_back(
            {candidates.keep(kernel->getString("name").value_or("?")),
             uint32_t(kernel->getInteger("threads").value_or(0)),
             uint32_t(kernel->getInteger("shared_bytes").value_or(0)), 0, 0,
             0});
  bertc_device_variant &added =
      candidates.add(variant.getString("name").value_or("?"),
                     variant.getInteger("compute_capability").value_or(0),
                     variant.getBoolean("exact").value_or(false));
  added.kernels = kernels.data();
  added.kernel_count = kernels.size();
}

static llvm::Error readCandidates(llvm::StringRef model,
                                  Candidates &candidates) {
  if (model.empty()) {
    for (const DeviceTarget &target : deviceTargets())
      candidates.add(target.name, target.capability, target.exact);
    return llvm::Error::success();
  }
  auto library = readLibraryFile(model);
  if (!library)
    return library.takeError();
  auto manifest = llvm::json::parse(library->manifest);
  if (!manifest || !manifest->getAsObject()) {
    llvm::consumeError(manifest.takeError());
    return makeError(ExitCode::BadModel, model,
                     "the manifest is damaged: expected a JSON object");
  }
  if (const llvm::json::Array *list =
          manifest->getAsObject()->getArray("device_variants"))
    for (const llvm::json::Value &value : *list)
      if (const Object *variant = value.getAsObject())
        addVariant(candidates, *variant);
  return llvm::Error::success();
}

/// One line of what the runtime would say.
static std::string firstLine(const bertc_status &status) {
  return llvm::StringRef(status.message).split('\n').first.str();
}

llvm::Expected<CudaMachine> tool::describeCuda(llvm::StringRef model) {
  Candidates candidates;
  if (llvm::Error error = readCandidates(model, candidates))
    return error;
  CudaMachine machine;
  const rt::cuda::Driver *driver;
  bertc_status status;
  if (rt::cuda::loadDriver(driver, &status)) {
    machine.problem = firstLine(status);
    return machine;
  }
  machine.version = std::to_string(driver->version / 1000) + "." +
                    std::to_string(driver->version % 1000 / 10);
  int count = 0;
  if (rt::cuda::countDevices(*driver, count, &status))
    machine.problem = firstLine(status);
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    CudaDevice &device = machine.devices.emplace_back();
    uint32_t chosen;
    if (rt::cuda::describeDevice(*driver, ordinal, device.facts, &status))
      device.problem = firstLine(status);
    else if (candidates.variants.empty())
      device.problem = "the model was compiled for processors only";
    else if (rt::cuda::chooseVariant(device.facts, candidates.variants.data(),
                                     candidates.variants.size(), nullptr,
                                     chosen, &status))
      device.problem = firstLine(status);
    else
      device.variant = candidates.variants[chosen].name;
  }
  return machine;
}
