//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inputs are anonymous memory files, so nothing is left behind whatever
// happens. The linker reserves address space for the weights but no bytes: they
// are written to the finished file later, which keeps them out of the linker's
// memory.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Link.h"
#include "compiler/Emit/Description.h"
#include "compiler/Emit/Embedded/Embedded.h"
#include "compiler/Import/Diagnostics.h"
#include "lld/Common/Driver.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Signals.h"
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace bertc;

/// Segments in the order of their addresses. Weights come last, read-only.
static constexpr char segments[] = R"(PHDRS {
  ro PT_LOAD FILEHDR PHDRS FLAGS(4);
  rx PT_LOAD FLAGS(5);
  rw PT_LOAD FLAGS(6);
%WEIGHTS_SEGMENT%  dynamic PT_DYNAMIC FLAGS(6);
  relro PT_GNU_RELRO FLAGS(4);
  frames PT_GNU_EH_FRAME FLAGS(4);
  stack PT_GNU_STACK FLAGS(6);
}
SECTIONS {
  . = SIZEOF_HEADERS;
  .dynsym : { *(.dynsym) } :ro
  .gnu.version : { *(.gnu.version) } :ro
  .gnu.version_d : { *(.gnu.version_d) } :ro
  .gnu.version_r : { *(.gnu.version_r) } :ro
  .gnu.hash : { *(.gnu.hash) } :ro
  .dynstr : { *(.dynstr) } :ro
  .rela.dyn : { *(.rela.dyn) } :ro
  .rela.plt : { *(.rela.plt) } :ro
  .bertc.manifest : { KEEP(*(.bertc.manifest)) } :ro
  .bertc.tokenizer : { *(.bertc.tokenizer) } :ro
  .rodata : { *(.rodata .rodata.*) } :ro
  .eh_frame_hdr : { *(.eh_frame_hdr) } :ro :frames
  .eh_frame : { KEEP(*(.eh_frame)) } :ro
  . = ALIGN(0x1000);
  .text : { *(.text .text.*) } :rx
  .plt : { *(.plt) } :rx
  . = ALIGN(0x1000);
  .data.rel.ro : { *(.data.rel.ro .data.rel.ro.*) } :rw :relro
  .dynamic : { *(.dynamic) } :rw :relro :dynamic
  .got : { *(.got) } :rw :relro
  .got.plt : { *(.got.plt) } :rw :relro
  . = ALIGN(0x1000);
  .data : { *(.data .data.*) } :rw
  .bss : { *(.bss .bss.* COMMON) } :rw
%WEIGHTS%  /DISCARD/ : { *(.note.gnu.property) *(.llvm_addrsig) }
}
)";

static void replace(std::string &text, llvm::StringRef what,
                    llvm::StringRef with) {
  text.replace(text.find(what.str()), what.size(), with.str());
}

uint64_t bertc::weightsAlignment(uint64_t size) {
  constexpr uint64_t page = 4096, hugePage = 2 << 20;
  return size < 8 * hugePage ? page : hugePage;
}

static std::string linkScript(uint64_t weightsSize) {
  std::string script = segments;
  std::string segment, section;
  if (weightsSize) {
    segment = "  weights PT_LOAD FLAGS(4);\n";
    section = ("  . = ALIGN(" + llvm::Twine(weightsAlignment(weightsSize)) +
               ");\n  " + weightsSection + " (NOLOAD) : { " + weightsSymbol +
               " = .; . += " + llvm::Twine(weightsSize) + "; } :weights\n")
                  .str();
  }
  replace(script, "%WEIGHTS_SEGMENT%", segment);
  replace(script, "%WEIGHTS%", section);
  return script;
}

namespace {

/// Anonymous files that LLD can open by name.
class MemoryFiles {
public:
  MemoryFiles() = default;
  MemoryFiles(const MemoryFiles &) = delete;
  ~MemoryFiles() {
    for (int descriptor : descriptors)
      close(descriptor);
  }

  llvm::Expected<std::string> add(llvm::StringRef name, llvm::StringRef data) {
    int descriptor = memfd_create(name.str().c_str(), MFD_CLOEXEC);
    if (descriptor < 0)
      return failure(name);
    descriptors.push_back(descriptor);
    while (!data.empty()) {
      ssize_t done = write(descriptor, data.data(), data.size());
      if (done < 0 && errno == EINTR)
        continue;
      if (done <= 0)
        return failure(name);
      data = data.drop_front(done);
    }
    return "/proc/self/fd/" + std::to_string(descriptor);
  }

private:
  static llvm::Error failure(llvm::StringRef name) {
    std::error_code error(errno, std::generic_category());
    return llvm::createStringError(error,
                                   "cannot keep the link input '" + name.str() +
                                       "' in memory: " + error.message());
  }
  std::vector<int> descriptors;
};

} // namespace

static llvm::Expected<std::vector<std::string>>
commandLine(const LinkInputs &inputs, MemoryFiles &files,
            llvm::StringRef output) {
  std::vector<std::string> result = {"ld.lld",           "-shared",
                                     "-Bsymbolic",       "-O1",
                                     "--as-needed",      "--build-id=none",
                                     "--eh-frame-hdr",   "--gc-sections",
                                     "--hash-style=gnu", "--no-undefined",
                                     "--threads=1",      "-zmax-page-size=4096",
                                     "-znoexecstack",    "-znow",
                                     "-zrelro",          "-soname",
                                     inputs.soname,      "-o",
                                     output.str()};
  std::string versions = "{ global:";
  for (const auto &[name, function] : inputs.exports) {
    versions += " " + name + ";";
    result.push_back("-u" + function);
    if (name != function)
      result.push_back("--defsym=" + name + "=" + function);
  }
  versions += " local: *; };\n";

  auto add = [&](llvm::StringRef name, llvm::StringRef data,
                 llvm::StringRef option) -> llvm::Error {
    llvm::Expected<std::string> path = files.add(name, data);
    if (!path)
      return path.takeError();
    result.push_back((option + *path).str());
    return llvm::Error::success();
  };
  std::string script = linkScript(inputs.weightsSize);
  llvm::Error error = add("version-script", versions, "--version-script=");
  if (!error)
    error = add("link-script", script, "--script=");
  for (const auto &[name, object] : inputs.objects)
    if (!error)
      error = add(name, object, "");
  const std::pair<const char *, llvm::StringRef> own[] = {
      {"typed.a", embeddedTyped()},
      {"runtime.a", embeddedRuntime()},
      {"libc.so.6", embeddedLibC()},
      {"libm.so.6", embeddedLibM()}};
  for (const auto &[name, data] : own)
    if (!error)
      error = add(name, data, "");
  if (error)
    return error;
  return result;
}

llvm::Expected<std::string> bertc::linkLibrary(const LinkInputs &inputs,
                                               llvm::StringRef scratch) {
  MemoryFiles files;
  auto arguments = commandLine(inputs, files, scratch);
  if (!arguments)
    return arguments.takeError();
  std::vector<const char *> pointers;
  for (const std::string &argument : *arguments)
    pointers.push_back(argument.c_str());
  std::string output;
  llvm::raw_string_ostream stream(output);
  llvm::sys::RemoveFileOnSignal(scratch);
  lld::Result linked =
      lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  llvm::Expected<std::string> image = std::string();
  if (linked.retCode != 0) {
    std::string command;
    for (const std::string &argument : *arguments)
      command += " " + argument;
    image = makeError(ExitCode::Failure, inputs.soname,
                      "the link failed\n" + llvm::StringRef(output).rtrim() +
                          "\ncommand:" + command);
  } else if (auto buffer = llvm::MemoryBuffer::getFile(
                 scratch, /*IsText=*/false,
                 /*RequiresNullTerminator=*/false)) {
    image = (*buffer)->getBuffer().str();
  } else {
    image = makeError(ExitCode::Failure, scratch,
                      "cannot read the linked library: " +
                          buffer.getError().message());
  }
  llvm::sys::fs::remove(scratch);
  llvm::sys::DontRemoveFileOnSignal(scratch);
  return image;
}
