//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ptxas is run without a shell, on files in the folder for temporary ones. What
// it writes does not depend on their names.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Ptxas.h"
#include "compiler/Import/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace bertc;

llvm::Expected<std::string> bertc::findPtxas(llvm::StringRef given) {
  if (given.contains('/')) {
    if (llvm::sys::fs::can_execute(given))
      return given.str();
    return makeUsageError("--ptxas=" + given + " is no program",
                          "it is in the folder bin of the CUDA toolkit");
  }
  if (auto found = llvm::sys::findProgramByName(given))
    return *found;
  return makeUsageError("--ptxas=" + given + " is not in PATH",
                        "give its path, such as /usr/local/cuda/bin/ptxas");
}

/// "Used 8 registers" gives 8 for "registers"; -1: not there.
static int64_t numberBefore(llvm::StringRef text, llvm::StringRef what) {
  size_t end = text.find(what);
  if (end == llvm::StringRef::npos)
    return -1;
  llvm::StringRef before = text.take_front(end).rtrim();
  llvm::StringRef digits =
      before.take_back(before.size() - (before.find_last_not_of("0123456789") +
                                        1)); // npos + 1 is 0
  int64_t number = -1;
  if (digits.getAsInteger(10, number))
    return -1;
  return number;
}

std::vector<AssembledKernel> bertc::parsePtxasReport(llvm::StringRef text) {
  std::vector<AssembledKernel> kernels;
  for (llvm::StringRef line : llvm::split(text, '\n')) {
    constexpr llvm::StringLiteral entry = "Compiling entry function '";
    if (size_t at = line.find(entry); at != llvm::StringRef::npos) {
      kernels.push_back({});
      kernels.back().name =
          line.drop_front(at + entry.size()).split('\'').first.str();
      continue;
    }
    if (kernels.empty())
      continue;
    KernelResources &resources = kernels.back().resources;
    auto take = [&](int64_t &into, llvm::StringRef what) {
      if (int64_t number = numberBefore(line, what); number >= 0)
        into = number;
    };
    take(resources.registers, " registers");
    take(resources.stackBytes, " bytes stack frame");
    take(resources.spillStoreBytes, " bytes spill stores");
    take(resources.spillLoadBytes, " bytes spill loads");
  }
  return kernels;
}

namespace {

/// A file that is removed in any case.
struct TemporaryFile {
  llvm::SmallString<128> path;
  llvm::FileRemover remover;

  llvm::Error create(llvm::StringRef suffix) {
    if (std::error_code error =
            llvm::sys::fs::createTemporaryFile("bertc", suffix, path))
      return makeError(ExitCode::Failure, "ptxas",
                       "cannot make a temporary file: " + error.message());
    remover.setFile(path);
    return llvm::Error::success();
  }
};

} // namespace

static std::string contents(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

llvm::Expected<AssembledPtx> bertc::assemblePtx(llvm::StringRef ptxas,
                                                llvm::StringRef ptx,
                                                llvm::StringRef processor) {
  TemporaryFile input, output, talk;
  for (auto [file, suffix] :
       {std::pair(&input, "ptx"), {&output, "cubin"}, {&talk, "txt"}})
    if (llvm::Error error = file->create(suffix))
      return error;
  {
    std::error_code error;
    llvm::raw_fd_ostream stream(input.path, error);
    stream << ptx;
    stream.close();
    if (error || stream.has_error()) {
      std::string reason = error ? error.message() : stream.error().message();
      stream.clear_error();
      return makeError(ExitCode::Failure, input.path,
                       "cannot write: " + reason);
    }
  }
  std::string architecture = ("-arch=" + processor).str();
  std::vector<llvm::StringRef> arguments = {ptxas,      "-v", architecture,
                                            input.path, "-o", output.path};
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(),
                                                llvm::StringRef(talk.path),
                                                llvm::StringRef(talk.path)};
  std::string problem;
  int status = llvm::sys::ExecuteAndWait(ptxas, arguments, std::nullopt,
                                         redirects, 0, 0, &problem);
  std::string report = contents(talk.path);
  if (status != 0) {
    std::string said = llvm::StringRef(report).rtrim().str();
    for (size_t at;
         (at = said.find(input.path.str().str())) != std::string::npos;)
      said.replace(at, input.path.size(), "PTX");
    return makeError(ExitCode::Failure, ptxas,
                     "cannot assemble for " + processor +
                         (problem.empty() ? "" : ": " + problem) +
                         (said.empty() ? "" : "\n" + said) +
                         "\ncommand: " + llvm::join(arguments, " "),
                     "see --emit=ptx for the text");
  }
  AssembledPtx result;
  result.cubin = contents(output.path);
  result.kernels = parsePtxasReport(report);
  if (!llvm::StringRef(result.cubin)
           .starts_with("\x7f"
                        "ELF"))
    return makeError(ExitCode::Failure, ptxas,
                     "wrote no machine code for " + processor,
                     "is this NVIDIA's ptxas?");
  return result;
}

llvm::Error bertc::assembleVariant(llvm::StringRef ptxas,
                                   llvm::StringRef processor,
                                   DeviceVariantCode &variant) {
  auto assembled = assemblePtx(ptxas, variant.ptx, processor);
  if (!assembled)
    return assembled.takeError();
  variant.cubin = std::move(assembled->cubin);
  for (const AssembledKernel &kernel : assembled->kernels)
    for (KernelInfo &info : variant.kernels)
      if (info.name == kernel.name)
        info.resources = kernel.resources;
  return llvm::Error::success();
}
