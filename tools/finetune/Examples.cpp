//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Words are joined by blanks and tokenized as one text; byte offsets tell which
// word a token is of. The first token of a word carries its label, as in the
// scripts of transformers; all others are ignored by the loss.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Examples.h"
#include "llvm/ADT/STLExtras.h"

using namespace bertc;
using namespace bertc::finetune;

void ExampleSet::append(const Tokens &tokens, unsigned line) {
  ids.insert(ids.end(), tokens.ids.begin(), tokens.ids.end());
  types.insert(types.end(), tokens.types.begin(), tokens.types.end());
  offsets.push_back(ids.size());
  lines.push_back(line);
  cut += tokens.dropped > 0;
}

/// A label of the file for the first token of each word, or -100.
static void labelWords(const Record &record, llvm::ArrayRef<uint32_t> starts,
                       const Tokens &tokens, std::vector<int32_t> &labels) {
  size_t last = ~size_t(0);
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    int32_t label = ignoredLabel;
    if (!tokens.special[i]) {
      // The last word that starts at or before the token.
      size_t word =
          llvm::upper_bound(starts, tokens.begin[i]) - starts.begin() - 1;
      if (word != last)
        label = int32_t(record.labels[word]);
      last = word;
    }
    labels.push_back(label);
  }
}

static llvm::Expected<Tokens> tokenizeWords(const Record &record,
                                            const Tokenizer &tokenizer,
                                            uint32_t maxLength,
                                            std::vector<int32_t> &labels) {
  std::string text;
  std::vector<uint32_t> starts;
  for (const std::string &word : record.words) {
    if (!starts.empty())
      text += ' ';
    starts.push_back(uint32_t(text.size()));
    text += word;
  }
  auto tokens = tokenizer(text, std::nullopt, maxLength);
  if (tokens)
    labelWords(record, starts, *tokens, labels);
  return tokens;
}

llvm::Expected<RawExamples>
finetune::readExamples(const DataFile &file, FileFormat format,
                       const DataOptions &options, const Task &task,
                       const Tokenizer &tokenizer, uint32_t maxLength) {
  RawExamples raw;
  auto add = [&](Record &&record) -> llvm::Error {
    auto tokens =
        task.kind == TaskKind::Tag
            ? tokenizeWords(record, tokenizer, maxLength, raw.examples.classes)
            : tokenizer(record.text,
                        record.pair
                            ? std::optional<llvm::StringRef>(*record.pair)
                            : std::nullopt,
                        maxLength);
    if (!tokens)
      return tokens.takeError();
    raw.examples.append(*tokens, record.line);
    llvm::append_range(raw.examples.numbers, record.numbers);
    if (task.kind == TaskKind::Classify)
      raw.examples.classes.push_back(int32_t(record.labels.front()));
    if (task.kind == TaskKind::MultiLabel) {
      llvm::append_range(raw.fileLabels, record.labels);
      raw.labelOffsets.push_back(raw.fileLabels.size());
    }
    return llvm::Error::success();
  };
  if (llvm::Error error =
          readRecords(file, format, options, task, raw.labels, add))
    return std::move(error);
  return raw;
}

llvm::Expected<ExampleSet> finetune::applyLabels(RawExamples &&raw,
                                                 const DataFile &file,
                                                 const LabelNames &names,
                                                 const Task &task) {
  if (task.kind == TaskKind::Regress)
    return std::move(raw.examples);
  auto labels = names.resolve(file, raw.labels,
                              /*mayIgnore=*/task.kind == TaskKind::Tag);
  if (!labels)
    return labels.takeError();
  for (int32_t &label : raw.examples.classes)
    if (label != ignoredLabel)
      label = (*labels)[label];
  if (task.kind == TaskKind::MultiLabel) {
    raw.examples.numbers.assign(raw.examples.size() * task.labels, 0);
    for (size_t i = 0; i < raw.examples.size(); ++i)
      for (size_t k = raw.labelOffsets[i]; k < raw.labelOffsets[i + 1]; ++k)
        raw.examples.numbers[i * task.labels + (*labels)[raw.fileLabels[k]]] =
            1;
  }
  return std::move(raw.examples);
}
