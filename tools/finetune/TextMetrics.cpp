//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Metrics of entities and of answers.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Metrics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include <utf8proc.h>

using namespace bertc;
using namespace bertc::finetune;

//===----------------------------------------------------------------------===//
// Entities
//===----------------------------------------------------------------------===//

/// 'B' and "PER" of "B-PER"; 'O' and "" of "O".
static std::pair<char, llvm::StringRef> splitTag(llvm::StringRef tag) {
  if (tag.empty() || tag == "O")
    return {'O', ""};
  auto [prefix, type] = tag.split('-');
  // A tag without a prefix is a type of its own, inside.
  if (prefix.size() != 1 || !llvm::StringRef("BIESLU").contains(prefix[0]))
    return {'I', tag};
  return {prefix[0], type};
}

/// The last tag of an entity in BIOES and BILOU.
static bool isEnd(char prefix) {
  return llvm::StringRef("ESLU").contains(prefix);
}
static bool isStart(char prefix) {
  return llvm::StringRef("BSU").contains(prefix);
}

std::vector<Entity>
finetune::findEntities(llvm::ArrayRef<llvm::StringRef> tags) {
  std::vector<Entity> entities;
  bool open = false; // whether the next tag may go on with the last entity
  for (auto [i, tag] : llvm::enumerate(tags)) {
    auto [prefix, type] = splitTag(tag);
    if (prefix == 'O') {
      open = false;
      continue;
    }
    if (open && !isStart(prefix) && entities.back().type == type)
      entities.back().last = i;
    else
      entities.push_back({type.str(), i, i});
    open = !isEnd(prefix);
  }
  return entities;
}

bool finetune::areEntityTags(llvm::ArrayRef<std::string> names) {
  bool any = false;
  for (llvm::StringRef name : names) {
    if (name == "O" || name.starts_with("LABEL_"))
      continue;
    auto [prefix, type] = name.split('-');
    if (prefix.size() != 1 || !llvm::StringRef("BIESLU").contains(prefix[0]) ||
        (type.empty() && name.size() != 1))
      return false;
    any = true;
  }
  return any;
}

void EntityCounts::add(llvm::ArrayRef<llvm::StringRef> truth,
                       llvm::ArrayRef<llvm::StringRef> predicted) {
  auto wanted = findEntities(truth), found = findEntities(predicted);
  trueEntities += wanted.size();
  predictedEntities += found.size();
  // Both lists rise, and no two entities of one begin at the same word.
  auto it = wanted.begin();
  for (const Entity &entity : found) {
    while (it != wanted.end() && it->first < entity.first)
      ++it;
    hits += it != wanted.end() && *it == entity;
  }
}

//===----------------------------------------------------------------------===//
// Answers
//===----------------------------------------------------------------------===//

/// What \w of Python's regular expressions takes.
static bool isWordCharacter(int32_t c) {
  if (c == '_')
    return true;
  utf8proc_category_t category = utf8proc_category(c);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO &&
         category != UTF8PROC_CATEGORY_MN && category != UTF8PROC_CATEGORY_MC &&
         category != UTF8PROC_CATEGORY_ME;
}

static bool isBlank(int32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 ||
         utf8proc_category(c) == UTF8PROC_CATEGORY_ZS || c == 0x2028 ||
         c == 0x2029;
}

std::string finetune::normalizeAnswer(llvm::StringRef text) {
  // Punctuation goes first, as in the script: "the." is an article.
  std::vector<int32_t> plain;
  auto *bytes = reinterpret_cast<const uint8_t *>(text.data());
  for (ptrdiff_t at = 0, size = ptrdiff_t(text.size()); at < size;) {
    int32_t c;
    ptrdiff_t length = utf8proc_iterate(bytes + at, size - at, &c);
    at += std::max<ptrdiff_t>(length, 1);
    if (length > 0 && !(c < 0x80 && llvm::isPunct(char(c))))
      plain.push_back(utf8proc_tolower(c));
  }
  std::string result, run;
  bool pending = false; // a blank before the next character
  // Runs of word characters are what articles are compared with.
  auto put = [&](llvm::StringRef piece) {
    if (pending && !result.empty())
      result += ' ';
    pending = false;
    result += piece;
  };
  auto endRun = [&] {
    if (run == "a" || run == "an" || run == "the")
      pending = true;
    else if (!run.empty())
      put(run);
    run.clear();
  };
  for (int32_t c : plain) {
    uint8_t encoded[4];
    llvm::StringRef piece(reinterpret_cast<char *>(encoded),
                          size_t(utf8proc_encode_char(c, encoded)));
    if (isWordCharacter(c)) {
      run += piece;
      continue;
    }
    endRun();
    if (isBlank(c))
      pending = true;
    else
      put(piece);
  }
  endRun();
  return result;
}

static double bestOf(llvm::StringRef predicted,
                     llvm::ArrayRef<std::string> answers,
                     double (*score)(llvm::StringRef, llvm::StringRef)) {
  std::string normal = normalizeAnswer(predicted);
  if (answers.empty())
    return score(normal, "");
  double best = 0;
  for (const std::string &answer : answers)
    best = std::max(best, score(normal, normalizeAnswer(answer)));
  return best;
}

double finetune::exactMatch(llvm::StringRef predicted,
                            llvm::ArrayRef<std::string> answers) {
  return bestOf(
      predicted, answers,
      [](llvm::StringRef a, llvm::StringRef b) -> double { return a == b; });
}

static double wordF1(llvm::StringRef predicted, llvm::StringRef answer) {
  llvm::SmallVector<llvm::StringRef, 16> found, wanted;
  llvm::SplitString(predicted, found, " ");
  llvm::SplitString(answer, wanted, " ");
  if (found.empty() || wanted.empty())
    return found.empty() == wanted.empty();
  llvm::StringMap<int> counts;
  for (llvm::StringRef word : wanted)
    ++counts[word];
  size_t common = 0;
  for (llvm::StringRef word : found)
    if (counts[word]-- > 0)
      ++common;
  return 2.0 * double(common) / double(found.size() + wanted.size());
}

double finetune::answerF1(llvm::StringRef predicted,
                          llvm::ArrayRef<std::string> answers) {
  return bestOf(predicted, answers, wordF1);
}
