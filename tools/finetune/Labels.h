//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Labels as a file has them, names or numbers, and what they become: indexes of
// the head's outputs. Names come from the model, or else are the distinct
// labels of the training file in the order of their bytes, as the scripts of
// transformers have it.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_LABELS_H
#define BERTC_TOOLS_FINETUNE_LABELS_H

#include "tools/finetune/DataFile.h"
#include "llvm/ADT/StringMap.h"

namespace bertc::finetune {

/// What PyTorch's losses do not count.
constexpr int32_t ignoredLabel = -100;

/// The distinct labels of a file, with the place each was first seen at.
class FileLabels {
public:
  struct Label {
    std::string text;
    size_t offset;
  };
  /// The index of a label among the file's.
  uint32_t add(llvm::StringRef label, size_t offset);
  llvm::ArrayRef<Label> get() const { return labels; }

private:
  std::vector<Label> labels;
  llvm::StringMap<uint32_t> indexes;
};

/// The head's labels.
class LabelNames {
public:
  /// `names` are empty if labels have only numbers, or else as many as `count`.
  explicit LabelNames(uint32_t count = 0, std::vector<std::string> names = {})
      : count(count), names(std::move(names)) {}

  /// From the names of the model's config.json, unless they are the defaults
  /// LABEL_0, LABEL_1, ...; else from what the training file has. `mayIgnore`
  /// leaves -100 out.
  static llvm::Expected<LabelNames>
  choose(uint32_t count, std::vector<std::string> config, const DataFile &file,
         const FileLabels &labels, bool mayIgnore);

  uint32_t size() const { return count; }
  /// Empty if labels are numbers.
  llvm::ArrayRef<std::string> get() const { return names; }
  /// The name, or the number, of a label.
  std::string name(uint32_t label) const;
  /// For each label of a file the head's; `mayIgnore` accepts -100.
  llvm::Expected<std::vector<int32_t>>
  resolve(const DataFile &file, const FileLabels &labels, bool mayIgnore) const;

private:
  uint32_t count;
  std::vector<std::string> names;
};

/// Whether these are what transformers calls labels that have no names.
bool areDefaultNames(llvm::ArrayRef<std::string> names);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_LABELS_H
