//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Turns the room that the linker left for weights (a section and a segment
// without bytes) into a part of the file.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Description.h"
#include "compiler/Emit/Link.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELF.h"

using namespace bertc;
using llvm::object::ELF64LE;

llvm::Error bertc::placeWeights(std::string &image, uint64_t offset) {
  auto file = llvm::object::ELFFile<ELF64LE>::create(image);
  if (!file)
    return file.takeError();
  auto sections = file->sections();
  if (!sections)
    return sections.takeError();
  auto headers = file->program_headers();
  if (!headers)
    return headers.takeError();

  // The tables lie in `image`, which is ours to change.
  for (const ELF64LE::Shdr &constant : *sections) {
    auto name = file->getSectionName(constant);
    if (!name)
      return name.takeError();
    if (*name != weightsSection)
      continue;
    auto &section = const_cast<ELF64LE::Shdr &>(constant);
    section.sh_type = llvm::ELF::SHT_PROGBITS;
    section.sh_flags = llvm::ELF::SHF_ALLOC;
    section.sh_offset = offset;
    for (const ELF64LE::Phdr &header : *headers) {
      auto &segment = const_cast<ELF64LE::Phdr &>(header);
      if (segment.p_type != llvm::ELF::PT_LOAD ||
          segment.p_vaddr != section.sh_addr ||
          segment.p_memsz != section.sh_size)
        continue;
      segment.p_offset = offset;
      segment.p_align = weightsAlignment(segment.p_memsz);
      segment.p_filesz = segment.p_memsz;
      return llvm::Error::success();
    }
  }
  return llvm::createStringError(
      "the linked library has no segment for its weights");
}
