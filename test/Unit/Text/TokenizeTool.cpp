//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Encodes texts with the tokenizer of a model directory, from files to ids, for
// comparison with other implementations. Texts come as hexadecimal bytes, one
// request a line, so that any bytes can be asked about:
//
//   <max tokens, 0: the tokenizer's> <text> [<second text>]
//
// and "-" stands for an empty text. Each answer is a line of JSON.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Tokenizer.h"
#include "runtime/text/Tokenizer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <iostream>
#include <sstream>

using namespace bertc;

namespace {

void *resize(void *, void *block, size_t bytes) {
  if (bytes)
    return realloc(block, bytes);
  free(block);
  return nullptr;
}

template <typename T> void printList(const char *name, llvm::ArrayRef<T> list) {
  llvm::outs() << '"' << name << "\":[";
  llvm::interleave(list, llvm::outs(), ",");
  llvm::outs() << "],";
}

bool answer(const rt::Tokenizer &tokenizer, rt::TextScratch &scratch,
            llvm::StringRef request) {
  llvm::SmallVector<llvm::StringRef, 3> fields;
  request.split(fields, ' ');
  rt::EncodeOptions options = {};
  if (fields.size() < 2 || fields[0].getAsInteger(10, options.maxTokens))
    return false;
  std::string texts[2];
  rt::Text inputs[2] = {};
  for (size_t i = 1; i < fields.size() && i < 3; ++i) {
    if (fields[i] != "-" && !llvm::tryGetFromHex(fields[i], texts[i - 1]))
      return false;
    inputs[i - 1] = {texts[i - 1].data(), texts[i - 1].size()};
  }
  rt::EncodeResult result = {};
  rt::TextStatus status = rt::encodeText(tokenizer, &scratch, inputs[0],
                                         inputs[1], options, &result);
  std::vector<int32_t> ids(result.count), types(result.count);
  std::vector<uint32_t> begin(result.count), end(result.count);
  if (status == rt::TextStatus::Ok) {
    result.ids = ids.data();
    result.typeIds = types.data();
    result.begin = begin.data();
    result.end = end.data();
    result.capacity = result.count;
    status = rt::encodeText(tokenizer, &scratch, inputs[0], inputs[1], options,
                            &result);
  }
  llvm::outs() << '{';
  printList<int32_t>("ids", ids);
  printList<int32_t>("types", types);
  printList<uint32_t>("begin", begin);
  printList<uint32_t>("end", end);
  llvm::outs() << "\"dropped\":" << result.dropped
               << ",\"malformed\":" << result.malformed
               << ",\"status\":" << static_cast<int>(status) << "}\n";
  return true;
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    llvm::errs() << "usage: bertc-tokenize-test DIRECTORY < requests\n";
    return static_cast<int>(ExitCode::Usage);
  }
  std::vector<Diagnostic> notes;
  llvm::Expected<TokenizerData> data = loadTokenizer(argv[1], notes);
  if (!data)
    return static_cast<int>(reportError(data.takeError(), llvm::errs()));
  for (const Diagnostic &note : notes)
    note.render(llvm::errs());
  std::string bytes = serializeTokenizer(*data);
  std::vector<uint64_t> blob((bytes.size() + 7) / 8);
  memcpy(blob.data(), bytes.data(), bytes.size());
  rt::Tokenizer tokenizer;
  const char *reason = nullptr;
  if (rt::loadTokenizer(blob.data(), bytes.size(), &tokenizer, &reason) !=
      rt::TextStatus::Ok) {
    llvm::errs() << "error: " << reason << "\n";
    return static_cast<int>(ExitCode::Failure);
  }
  llvm::errs() << "tokenizer: " << data->tokens.size() << " tokens, "
               << bytes.size() << " bytes\n";
  rt::TextScratch scratch = rt::makeTextScratch({resize, nullptr});
  std::string line;
  while (std::getline(std::cin, line))
    if (!answer(tokenizer, scratch, line)) {
      llvm::errs() << "error: malformed request\n";
      return static_cast<int>(ExitCode::Usage);
    }
  rt::releaseTextScratch(&scratch);
  return 0;
}
