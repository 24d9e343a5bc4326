//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc doctor`: what this machine has, what would be used, what is missing.
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Targets.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cpu/ThreadCount.h"
#include "tools/bertc/Commands.h"
#include "tools/bertc/CudaDevices.h"
#include "tools/bertc/Machine.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <unistd.h>

using namespace bertc;
using namespace bertc::tool;

namespace {

struct Facts {
  std::string processor, variant, hugePages;
  std::vector<std::string> features;
  /// Variant, and what the processor lacks for it.
  std::vector<std::pair<std::string, std::string>> missing;
  unsigned threads = 0;
  int64_t memory = 0; ///< Bytes.
  CudaMachine cuda;
};

} // namespace

/// "always [madvise] never": the word in brackets.
static std::string hugePages() {
  auto file = llvm::MemoryBuffer::getFileAsStream(
      "/sys/kernel/mm/transparent_hugepage/enabled");
  if (!file)
    return "unknown";
  return (*file)->getBuffer().split('[').second.split(']').first.str();
}

static Facts gather() {
  Facts facts;
  facts.processor = processorName();
  rt::CpuFeatures cpu = rt::detectCpu();
  if ((cpu.bits & BERTC_CPU_AMX_TILE) && !rt::askForAmx())
    rt::withoutAmx(cpu);
  for (int bit = 0; bit < 64; ++bit)
    if (cpu.bits >> bit & 1)
      if (const char *name = rt::cpuBitName(uint64_t(1) << bit))
        facts.features.push_back(name);
  for (const TargetInfo &target : cpuTargets()) {
    char text[240] = "";
    rt::describeMissing(cpu, target.features, text, sizeof(text));
    if (*text)
      facts.missing.push_back({target.name.str(), text});
    else
      facts.variant = target.name.str();
  }
  facts.threads = rt::availableCpus();
  facts.hugePages = hugePages();
  facts.memory = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  return facts;
}

static llvm::json::Array cudaDevices(const CudaMachine &cuda) {
  llvm::json::Array list;
  for (const CudaDevice &device : cuda.devices) {
    const rt::cuda::DeviceFacts &facts = device.facts;
    llvm::json::Object object{
        {"device", facts.label},
        {"name", facts.name},
        {"compute_capability",
         llvm::formatv("{0}.{1}", facts.capability / 10, facts.capability % 10)
             .str()},
        {"multiprocessors", facts.multiprocessors},
        {"memory_bytes", int64_t(facts.memory)},
        {"shared_bytes", facts.sharedBytes}};
    if (device.problem.empty())
      object["variant"] = device.variant;
    else
      object["problem"] = device.problem;
    list.push_back(std::move(object));
  }
  return list;
}

static void printJson(const Facts &facts) {
  llvm::json::Object missing;
  for (const auto &[variant, text] : facts.missing)
    missing[variant] = text;
  llvm::json::Value variant = nullptr;
  if (!facts.variant.empty())
    variant = facts.variant;
  llvm::outs() << llvm::json::Value(llvm::json::Object{
                      {"processor", facts.processor},
                      {"features", llvm::json::Array(facts.features)},
                      {"variant", std::move(variant)},
                      {"missing", std::move(missing)},
                      {"threads", facts.threads},
                      {"memory_bytes", facts.memory},
                      {"transparent_huge_pages", facts.hugePages},
                      {"cuda_driver", !facts.cuda.version.empty()},
                      {"cuda_version", facts.cuda.version},
                      {"cuda_problem", facts.cuda.problem},
                      {"cuda_devices", cudaDevices(facts.cuda)}})
               << "\n";
}

static void printText(const Facts &facts) {
  llvm::raw_ostream &os = llvm::outs();
  os << "processor    " << facts.processor << "\nfeatures     "
     << llvm::join(facts.features, ", ") << "\nvariant      "
     << (facts.variant.empty() ? "none" : facts.variant) << " would be used\n";
  for (const auto &[variant, text] : facts.missing)
    os << "             " << variant << " is not available: no " << text
       << "\n";
  os << "threads      " << facts.threads << "\nmemory       "
     << (facts.memory >> 20) << " MiB\nhuge pages   " << facts.hugePages
     << "\nCUDA driver  "
     << (facts.cuda.problem.empty() ? facts.cuda.version : facts.cuda.problem)
     << "\n";
  for (const CudaDevice &device : facts.cuda.devices) {
    const rt::cuda::DeviceFacts &known = device.facts;
    os << llvm::left_justify(known.label, 13) << known.name
       << ", compute capability " << known.capability / 10 << "."
       << known.capability % 10 << ", " << known.multiprocessors
       << " multiprocessors, " << (known.memory >> 20) << " MiB\n"
       << llvm::left_justify("", 13)
       << (device.problem.empty() ? device.variant + " would be used"
                                  : device.problem)
       << "\n";
  }
}

static llvm::Expected<ExitCode> run(bool json, llvm::StringRef model) {
  Facts facts = gather();
  auto cuda = describeCuda(model);
  if (!cuda)
    return cuda.takeError();
  facts.cuda = std::move(*cuda);
  if (json)
    printJson(facts);
  else
    printText(facts);
  if (facts.variant.empty())
    return bertc::makeError(ExitCode::NoDevice, "this machine",
                            "the processor runs no variant of a compiled model",
                            "an x86-64 processor with AVX2 and FMA is needed");
  return ExitCode::Success;
}

void tool::addDoctor(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("doctor", "show what this machine can run");
  auto json = std::make_shared<bool>(false);
  auto model = std::make_shared<std::string>();
  command->add_option("model", *model,
                      "compiled model, to see which of its variants CUDA "
                      "devices would run");
  command->add_flag("--json", *json, "print a JSON object");
  command->callback([json, model, &action] {
    action = [json, model] { return run(*json, *model); };
  });
}
