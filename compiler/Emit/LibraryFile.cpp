//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every offset is checked against the file before it is used: the file may be
// anything, and loading a truncated library would end the process with SIGBUS.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/LibraryFile.h"
#include "compiler/Emit/Description.h"
#include "compiler/Emit/HashStream.h"
#include "compiler/Emit/Manifest.h"
#include "compiler/Import/Diagnostics.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"

using namespace bertc;
using llvm::object::ELF64LE;
using ElfFile = llvm::object::ELFFile<ELF64LE>;

static constexpr char recompile[] =
    "give a library that 'bertc compile' wrote, or compile the model again";

static llvm::Error bad(llvm::StringRef path, const llvm::Twine &message) {
  return makeError(ExitCode::BadModel, path, message, recompile);
}

static llvm::Error bad(llvm::StringRef path, llvm::Error reason) {
  return bad(path, "damaged library: " + llvm::toString(std::move(reason)));
}

static llvm::Error checkHeader(llvm::StringRef path, llvm::StringRef bytes) {
  using namespace llvm::ELF;
  if (bytes.size() < sizeof(Elf64_Ehdr) || !bytes.starts_with(ElfMagic))
    return bad(path, llvm::Twine("expected a shared library, got ") +
                         (bytes.empty() ? "an empty file"
                          : bytes.starts_with(ElfMagic)
                              ? "one that is cut in its header"
                              : "a file of another kind"));
  if (bytes[EI_CLASS] != ELFCLASS64 || bytes[EI_DATA] != ELFDATA2LSB)
    return bad(path, "expected a 64-bit little-endian library");
  auto header = reinterpret_cast<const ELF64LE::Ehdr *>(bytes.data());
  if (header->e_machine != EM_X86_64)
    return bad(path, "expected a library for x86-64, got one for machine " +
                         llvm::Twine(unsigned(header->e_machine)));
  if (header->e_type != ET_DYN)
    return bad(path, "expected a shared library, got an ELF file of type " +
                         llvm::Twine(unsigned(header->e_type)));
  return llvm::Error::success();
}

static llvm::Error readSegments(const ElfFile &elf, LibraryFile &library) {
  auto headers = elf.program_headers();
  if (!headers)
    return bad(library.path, headers.takeError());
  for (const ELF64LE::Phdr &header : *headers) {
    if (header.p_type != llvm::ELF::PT_LOAD)
      continue;
    uint64_t offset = header.p_offset, size = header.p_filesz;
    if (size > library.fileBytes || offset > library.fileBytes - size)
      return bad(library.path, "the library is cut short: it has " +
                                   llvm::Twine(library.fileBytes) +
                                   " bytes, expected " +
                                   llvm::Twine(offset + size));
    library.segments.push_back({offset, size, header.p_vaddr, header.p_memsz,
                                (header.p_flags & llvm::ELF::PF_R) != 0,
                                (header.p_flags & llvm::ELF::PF_W) != 0,
                                (header.p_flags & llvm::ELF::PF_X) != 0});
  }
  return llvm::Error::success();
}

static llvm::Error readDynamic(const ElfFile &elf, const ELF64LE::Shdr &section,
                               LibraryFile &library) {
  auto link = elf.getSection(section.sh_link);
  if (!link)
    return link.takeError();
  auto strings = elf.getStringTable(**link);
  if (!strings)
    return strings.takeError();
  auto name = [&](uint64_t at) {
    return at < strings->size() ? strings->drop_front(at).split('\0').first
                                : llvm::StringRef();
  };
  if (section.sh_type == llvm::ELF::SHT_DYNAMIC) {
    auto entries = elf.getSectionContentsAsArray<ELF64LE::Dyn>(section);
    if (!entries)
      return entries.takeError();
    for (const ELF64LE::Dyn &entry : *entries)
      if (entry.d_tag == llvm::ELF::DT_NEEDED)
        library.needed.push_back(name(entry.d_un.d_val).str());
    return llvm::Error::success();
  }
  auto symbols = elf.symbols(&section);
  if (!symbols)
    return symbols.takeError();
  for (const ELF64LE::Sym &symbol : *symbols)
    if (symbol.st_shndx != llvm::ELF::SHN_UNDEF && symbol.st_name != 0)
      library.exports.push_back(name(symbol.st_name).str());
  return llvm::Error::success();
}

static llvm::Error readSections(const ElfFile &elf, LibraryFile &library) {
  auto sections = elf.sections();
  if (!sections)
    return bad(library.path, sections.takeError());
  for (const ELF64LE::Shdr &section : *sections) {
    auto name = elf.getSectionName(section);
    if (!name)
      return bad(library.path, name.takeError());
    if (section.sh_type == llvm::ELF::SHT_DYNAMIC ||
        section.sh_type == llvm::ELF::SHT_DYNSYM)
      if (llvm::Error error = readDynamic(elf, section, library))
        return bad(library.path, std::move(error));
    bool weights = *name == weightsSection;
    if (!weights && *name != manifestSection)
      continue;
    auto contents = elf.getSectionContents(section);
    if (!contents)
      return bad(library.path, contents.takeError());
    if (weights) {
      library.weightsOffset = section.sh_offset;
      library.weightsBytes = section.sh_size;
    } else {
      library.manifest = llvm::toStringRef(*contents).str();
    }
  }
  return llvm::Error::success();
}

static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
mapFile(llvm::StringRef path) {
  if (llvm::sys::fs::is_directory(path))
    return bad(path, "expected a compiled model, got a folder");
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return bad(path, "cannot read the library: " + buffer.getError().message());
  return std::move(*buffer);
}

llvm::Expected<LibraryFile> bertc::readLibraryFile(llvm::StringRef path) {
  auto buffer = mapFile(path);
  if (!buffer)
    return buffer.takeError();
  llvm::StringRef bytes = (*buffer)->getBuffer();
  LibraryFile library;
  library.path = path.str();
  library.fileBytes = bytes.size();
  if (llvm::Error error = checkHeader(path, bytes))
    return error;
  auto elf = ElfFile::create(bytes);
  if (!elf)
    return bad(path, elf.takeError());
  if (llvm::Error error = readSegments(*elf, library))
    return error;
  if (llvm::Error error = readSections(*elf, library))
    return error;
  llvm::sort(library.exports);
  if (library.manifest.empty() ||
      !llvm::is_contained(library.exports, "bertc_get_api"))
    return bad(path,
               "this library is no compiled model: it has no " +
                   (library.manifest.empty() ? manifestSection + " section"
                                             : "bertc_get_api function"));
  return library;
}

llvm::Error bertc::verifyWeights(const LibraryFile &library) {
  auto manifest = llvm::json::parse(library.manifest);
  if (!manifest)
    return bad(library.path, manifest.takeError());
  const llvm::json::Object *root = manifest->getAsObject();
  const llvm::json::Object *weights =
      root ? root->getObject("weights") : nullptr;
  auto expected = weights ? weights->getString("hash") : std::nullopt;
  if (!expected)
    return bad(library.path, "the manifest has no hash of the weights");
  auto buffer = mapFile(library.path);
  if (!buffer)
    return buffer.takeError();
  llvm::StringRef bytes = (*buffer)->getBuffer().substr(library.weightsOffset,
                                                        library.weightsBytes);
  HashStream hash;
  hash.update(llvm::ArrayRef<uint8_t>(bytes.bytes_begin(), bytes.bytes_end()));
  if (std::string got = hashText(hash.finish()); got != *expected)
    return bad(library.path, "the weights have hash " + got + ", expected " +
                                 expected->str());
  return llvm::Error::success();
}
