//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tables. Rates are those at the boost clock. Bytes a cycle from L2 are of
// an A100 what benchmarks of others reach (about 5 TB/s), of Hopper what tiles
// of mma.sync got on an H200; the fraction of the tensor cores that mma.sync
// reaches on Hopper is that of others, too.
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Device.h"

using namespace bertc;

static constexpr int64_t KiB = 1024;

static const GpuModel models[] = {
    {"A100", 80, 108, 164 * KiB, 64 * KiB, 2048, 32, 1.41e9, 2048, 1.0, 128, 32,
     1.555e12},
    {"H100", 90, 132, 228 * KiB, 64 * KiB, 2048, 32, 1.83e9, 4096, 0.62, 128,
     45, 3.35e12},
    {"H200", 90, 132, 228 * KiB, 64 * KiB, 2048, 32, 1.83e9, 4096, 0.62, 128,
     45, 4.8e12},
};

// PTX 8.0 is read by drivers from 525 on, and has all that is used here. Of the
// GPUs from 8.0 on, 8.6 and 8.9 have the least shared memory for a block.
static const DeviceTarget targets[] = {
    {"cuda:sm_80", "sm_80", "+ptx80", 80, false, false, 99 * KiB, &models[0]},
    {"cuda:sm_90a", "sm_90a", "+ptx80", 90, true, true, 227 * KiB, &models[1]},
};

llvm::ArrayRef<GpuModel> bertc::gpuModels() { return models; }

const GpuModel *bertc::findGpuModel(llvm::StringRef name) {
  for (const GpuModel &model : models)
    if (model.name == name)
      return &model;
  return nullptr;
}

llvm::ArrayRef<DeviceTarget> bertc::deviceTargets() { return targets; }

const DeviceTarget *bertc::findDeviceTarget(llvm::StringRef name) {
  for (const DeviceTarget &target : targets)
    if (target.name == name)
      return &target;
  return nullptr;
}
