//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared memory counts besides the generation: of one generation, small devices
// have less than large ones, and a kernel that needs more cannot be launched.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Device.h"

#include <cstdio>
#include <cstring>

namespace bertc::rt::cuda {

bool parseDevice(const char *text, int &ordinal) {
  if (!strcmp(text, "cpu")) {
    ordinal = -1;
    return true;
  }
  if (strncmp(text, "cuda", 4))
    return false;
  const char *at = text + 4;
  ordinal = 0;
  if (!*at)
    return true;
  if (*at++ != ':' || !*at || strlen(at) > 4)
    return false;
  for (; *at; ++at) {
    if (*at < '0' || *at > '9')
      return false;
    ordinal = ordinal * 10 + (*at - '0');
  }
  return true;
}

bertc_code countDevices(const Driver &driver, int &count,
                        bertc_status *status) {
  count = 0;
  if (Result result = driver.cuDeviceGetCount(&count))
    return failCuda(status, driver, result, "cannot count the CUDA devices");
  return ok(status);
}

bertc_code describeDevice(const Driver &driver, int ordinal, DeviceFacts &facts,
                          bertc_status *status) {
  memset(&facts, 0, sizeof(facts));
  facts.ordinal = ordinal;
  snprintf(facts.label, sizeof(facts.label), "cuda:%d", ordinal);
  int count;
  if (bertc_code code = countDevices(driver, count, status))
    return code;
  if (ordinal < 0 || ordinal >= count)
    return fail(status, BERTC_NO_DEVICE,
                "there is no device %s, this machine has %d CUDA device%s%s",
                facts.label, count, count == 1 ? "" : "s",
                count ? ""
                      : "\nhelp: CUDA_VISIBLE_DEVICES may hide the devices");

  DeviceId device;
  Result result = driver.cuDeviceGet(&device, ordinal);
  size_t memory = 0;
  if (!result)
    result = driver.cuDeviceGetName(facts.name, sizeof(facts.name), device);
  if (!result)
    result = driver.cuDeviceTotalMem_v2(&memory, device);
  const DeviceAttribute wanted[] = {computeCapabilityMajor,
                                    computeCapabilityMinor, multiprocessorCount,
                                    maxSharedMemoryPerBlockOptin};
  int values[4] = {};
  for (int i = 0; i < 4 && !result; ++i)
    result = driver.cuDeviceGetAttribute(&values[i], wanted[i], device);
  if (result)
    return failCuda(status, driver, result, "cannot ask about device %s",
                    facts.label);
  facts.memory = memory;
  facts.capability = uint32_t(values[0] * 10 + values[1]);
  facts.multiprocessors = uint32_t(values[2]);
  facts.sharedBytes = uint32_t(values[3]);
  return ok(status);
}

bool canRun(const DeviceFacts &facts, const bertc_device_variant &variant,
            char *needs, size_t size) {
  uint32_t wanted = variant.compute_capability;
  bool exact = variant.flags & BERTC_DEVICE_EXACT;
  if (exact ? facts.capability != wanted : facts.capability < wanted) {
    snprintf(needs, size, "compute capability %u.%u%s", wanted / 10,
             wanted % 10, exact ? "" : " or later");
    return false;
  }
  for (uint64_t i = 0; i < variant.kernel_count; ++i) {
    const bertc_kernel_desc &kernel = variant.kernels[i];
    if (kernel.shared_bytes <= facts.sharedBytes)
      continue;
    snprintf(needs, size, "%u bytes of shared memory a block (kernel %.60s)",
             kernel.shared_bytes, kernel.name);
    return false;
  }
  if (size)
    *needs = '\0';
  return true;
}

/// Code for exactly one generation is made of what only that one has.
static bool isBetter(const bertc_device_variant &a,
                     const bertc_device_variant &b) {
  if (a.compute_capability != b.compute_capability)
    return a.compute_capability > b.compute_capability;
  return (a.flags & BERTC_DEVICE_EXACT) >= (b.flags & BERTC_DEVICE_EXACT);
}

/// Appends "`separator``text`" as far as it fits.
static void append(char *list, size_t size, const char *separator,
                   const char *text) {
  size_t length = strlen(list);
  snprintf(list + length, size - length, "%s%s", length ? separator : "", text);
}

static void describe(const DeviceFacts &facts, char *text, size_t size) {
  snprintf(text, size,
           "%s (%.60s, compute capability %u.%u, %u bytes of shared memory)",
           facts.label, facts.name, facts.capability / 10,
           facts.capability % 10, facts.sharedBytes);
}

bertc_code chooseVariant(const DeviceFacts &facts,
                         const bertc_device_variant *variants, uint64_t count,
                         const char *wanted, uint32_t &chosen,
                         bertc_status *status) {
  char needs[160], entry[260], list[300] = "", device[200];
  bool found = false;
  for (uint32_t i = 0; i < count; ++i) {
    const bertc_device_variant &variant = variants[i];
    bool fits = canRun(facts, variant, needs, sizeof(needs));
    if (wanted && !strcmp(wanted, variant.name)) {
      chosen = i;
      if (fits)
        return ok(status);
      describe(facts, device, sizeof(device));
      return fail(status, BERTC_NO_DEVICE,
                  "the variant %.60s needs %s, but this is %s", wanted, needs,
                  device);
    }
    if (wanted) {
      append(list, sizeof(list), ", ", variant.name);
      continue;
    }
    if (!fits) {
      snprintf(entry, sizeof(entry), "%.60s needs %s", variant.name, needs);
      append(list, sizeof(list), "; ", entry);
    } else if (!found || isBetter(variant, variants[chosen])) {
      chosen = i;
      found = true;
    }
  }
  if (found)
    return ok(status);
  if (wanted)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_model_options.variant is '%.100s', expected a variant "
                "for CUDA devices of this model: %s",
                wanted, list);
  describe(facts, device, sizeof(device));
  return fail(status, BERTC_NO_DEVICE,
              "%s can run no variant of the model: %s\n"
              "help: compile the model with a --target for this device",
              device, list);
}

} // namespace bertc::rt::cuda
