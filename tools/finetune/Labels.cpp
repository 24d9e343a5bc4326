//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file whose labels are all integers has no names: its labels are indexes,
// and one beyond the head is an error rather than renumbered.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Labels.h"
#include "llvm/ADT/STLExtras.h"

using namespace bertc;
using namespace bertc::finetune;

uint32_t FileLabels::add(llvm::StringRef label, size_t offset) {
  auto [it, isNew] = indexes.try_emplace(label, uint32_t(labels.size()));
  if (isNew)
    labels.push_back({label.str(), offset});
  return it->second;
}

static bool isInteger(llvm::StringRef text) {
  int64_t number;
  return !text.getAsInteger(10, number);
}

bool finetune::areDefaultNames(llvm::ArrayRef<std::string> names) {
  for (auto [i, name] : llvm::enumerate(names))
    if (name != "LABEL_" + std::to_string(i))
      return false;
  return true;
}

llvm::Expected<LabelNames> LabelNames::choose(uint32_t count,
                                              std::vector<std::string> config,
                                              const DataFile &file,
                                              const FileLabels &labels,
                                              bool mayIgnore) {
  if (config.size() == count && !areDefaultNames(config))
    return LabelNames(count, std::move(config));
  std::vector<FileLabels::Label> all;
  for (const FileLabels::Label &label : labels.get())
    if (!mayIgnore || label.text != std::to_string(ignoredLabel))
      all.push_back(label);
  if (llvm::all_of(all, [](auto &label) { return isInteger(label.text); }))
    return LabelNames(count);
  if (all.size() > count)
    return file.error(
        all[count].offset,
        "too many labels: the file has " + llvm::Twine(all.size()) +
            " different ones, the head of the model " + llvm::Twine(count) +
            "; the first too many is " + quoted(all[count].text),
        "compile the model with a head of " + llvm::Twine(all.size()) +
            " labels, or name the right column");
  std::vector<std::string> names;
  for (const FileLabels::Label &label : all)
    names.push_back(label.text);
  llvm::sort(names);
  // A label that the training file lacks can still be predicted.
  while (names.size() < count)
    names.push_back("LABEL_" + std::to_string(names.size()));
  return LabelNames(count, std::move(names));
}

std::string LabelNames::name(uint32_t label) const {
  return names.empty() ? std::to_string(label) : names[label];
}

llvm::Expected<std::vector<int32_t>>
LabelNames::resolve(const DataFile &file, const FileLabels &labels,
                    bool mayIgnore) const {
  llvm::StringMap<int32_t> indexes;
  for (auto [i, name] : llvm::enumerate(names))
    indexes.try_emplace(name, int32_t(i));
  std::vector<int32_t> result;
  for (const FileLabels::Label &label : labels.get()) {
    if (auto it = indexes.find(label.text); it != indexes.end()) {
      result.push_back(it->second);
      continue;
    }
    int64_t number = 0;
    bool integer = !llvm::StringRef(label.text).getAsInteger(10, number);
    if (integer && number >= 0 && number < count) {
      result.push_back(int32_t(number));
    } else if (integer && mayIgnore && number == ignoredLabel) {
      result.push_back(ignoredLabel);
    } else if (integer) {
      return file.error(label.offset,
                        "label " + llvm::Twine(number) +
                            " is out of range, expected 0 to " +
                            llvm::Twine(count - 1),
                        "compile the model with a head of more labels, or "
                        "correct the label");
    } else if (names.empty()) {
      return file.error(label.offset,
                        "expected a label from 0 to " + llvm::Twine(count - 1) +
                            ", got " + quoted(label.text),
                        "the labels of the model have no names");
    } else {
      std::vector<llvm::StringRef> known(names.begin(), names.end());
      std::string help = suggestion(label.text, known);
      if (help.empty()) {
        help = "the labels are ";
        for (size_t i = 0; i < names.size() && i < 10; ++i)
          help += (i ? ", " : "") + quoted(names[i]);
        if (names.size() > 10)
          help += ", ...";
      }
      return file.error(label.offset, "unknown label " + quoted(label.text),
                        help);
    }
  }
  return result;
}
