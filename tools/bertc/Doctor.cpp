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
#include "tools/bertc/Machine.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <dlfcn.h>
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
  bool cuda = false;
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

static bool hasCudaDriver() {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver)
    dlclose(driver);
  return driver != nullptr;
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
  facts.cuda = hasCudaDriver();
  return facts;
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
                      {"cuda_driver", facts.cuda}})
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
     << "\nCUDA driver  " << (facts.cuda ? "found" : "not found")
     << " (not used yet)\n";
}

static llvm::Expected<ExitCode> run(bool json) {
  Facts facts = gather();
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
  command->add_flag("--json", *json, "print a JSON object");
  command->callback(
      [json, &action] { action = [json] { return run(*json); }; });
}
