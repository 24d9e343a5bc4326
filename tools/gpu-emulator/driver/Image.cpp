//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX is read only as far as needed: directives are found by their names, and
// bodies are skipped. In a cubin, an ELF file, each kernel has a section
// ".text.NAME", and the flags of the header name the architecture.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/driver/Image.h"
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <elf.h>

using namespace bertc::standin;

namespace {

/// Words and punctuation of PTX, without comments.
class Tokens {
public:
  explicit Tokens(const char *text) : at(text) {}

  /// Empty at the end.
  std::string next() {
    skip();
    const char *begin = at;
    if (isWord(*at))
      while (isWord(*at))
        ++at;
    else if (*at)
      ++at;
    return std::string(begin, at);
  }

private:
  static bool isWord(char c) {
    return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
           c == '%' || c == '.';
  }
  void skip() {
    for (;;) {
      while (isspace(static_cast<unsigned char>(*at)))
        ++at;
      if (!strncmp(at, "//", 2)) {
        while (*at && *at != '\n')
          ++at;
      } else if (!strncmp(at, "/*", 2)) {
        const char *end = strstr(at + 2, "*/");
        at = end ? end + 2 : at + strlen(at);
      } else {
        return;
      }
    }
  }
  const char *at;
};

} // namespace

/// ".u64" has 8 bytes; 0 for what is no type.
static uint32_t typeBytes(const std::string &type) {
  if (type.size() < 3 || !strchr("usfb", type[1]))
    return 0;
  uint32_t bits = uint32_t(strtoul(type.c_str() + 2, nullptr, 10));
  return bits / 8;
}

/// Parameters, behind the opening parenthesis.
static void readParameters(Tokens &tokens, ImageKernel &kernel) {
  uint32_t bytes = 0;
  bool any = false;
  for (std::string word = tokens.next(); !word.empty(); word = tokens.next()) {
    if (word == ".param") {
      any = true;
      bytes = 0;
    } else if (word == ".align") {
      tokens.next();
    } else if (word == "[") {
      bytes *= uint32_t(strtoul(tokens.next().c_str(), nullptr, 10));
    } else if (word == "," || word == ")") {
      if (any)
        kernel.parameterBytes.push_back(bytes);
      any = false;
      if (word == ")")
        return;
    } else if (uint32_t size = typeBytes(word)) {
      bytes = size;
    }
  }
}

static void skipBody(Tokens &tokens) {
  int depth = 1;
  for (std::string word = tokens.next(); !word.empty() && depth;
       word = tokens.next()) {
    depth += word == "{" ? 1 : word == "}" ? -1 : 0;
    if (!depth)
      return;
  }
}

static bool readPtx(const char *text, Image &image, std::string &error) {
  Tokens tokens(text);
  for (std::string word = tokens.next(); !word.empty(); word = tokens.next()) {
    if (word == ".version") {
      std::string version = tokens.next();
      size_t point = version.find('.');
      image.ptxVersion = atoi(version.c_str()) * 10;
      if (point != std::string::npos)
        image.ptxVersion += atoi(version.c_str() + point + 1);
    } else if (word == ".target") {
      std::string target = tokens.next();
      if (target.compare(0, 3, "sm_"))
        break;
      image.capability = atoi(target.c_str() + 3);
      image.exact = target.back() == 'a';
    } else if (word == ".entry") {
      ImageKernel kernel;
      kernel.name = tokens.next();
      kernel.knowsParameters = true;
      std::string next = tokens.next();
      if (next == "(") {
        readParameters(tokens, kernel);
        next = tokens.next();
      }
      int axis = 3; // of .reqnctapercluster that comes next
      for (; !next.empty() && next != "{"; next = tokens.next()) {
        if (next == ".reqntid")
          kernel.threads = uint32_t(atoi(tokens.next().c_str()));
        else if (next == ".reqnctapercluster")
          axis = 0;
        else if (isdigit(static_cast<unsigned char>(next[0])) && axis < 3)
          kernel.cluster[axis++] = uint32_t(atoi(next.c_str()));
      }
      if (next.empty()) {
        error = "the text ends before the body of " + kernel.name;
        return false;
      }
      skipBody(tokens);
      image.kernels.push_back(kernel);
    }
  }
  if (image.ptxVersion && image.capability)
    return true;
  error = "expected a .version and a .target sm_NN";
  return false;
}

/// The caller gave no size, as the driver's do not; the headers are trusted.
static bool readElf(const char *data, Image &image, std::string &error) {
  Elf64_Ehdr header;
  memcpy(&header, data, sizeof(header));
  constexpr int cudaMachine = 190;
  if (header.e_machine != cudaMachine ||
      header.e_shentsize != sizeof(Elf64_Shdr)) {
    error = "expected an ELF file for CUDA";
    return false;
  }
  image.machineCode = true;
  image.capability = int(header.e_flags >> 8 & 0xff);
  auto section = [&](unsigned index) {
    Elf64_Shdr result;
    memcpy(&result, data + header.e_shoff + index * sizeof(result),
           sizeof(result));
    return result;
  };
  const char *names = data + section(header.e_shstrndx).sh_offset;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const char *name = names + section(i).sh_name;
    if (strncmp(name, ".text.", 6) == 0) {
      image.kernels.emplace_back();
      image.kernels.back().name = name + 6;
    }
  }
  return true;
}

bool bertc::standin::readImage(const void *data, Image &image,
                               std::string &error) {
  image = {};
  const char *bytes = static_cast<const char *>(data);
  return memcmp(bytes, ELFMAG, SELFMAG) ? readPtx(bytes, image, error)
                                        : readElf(bytes, image, error);
}
