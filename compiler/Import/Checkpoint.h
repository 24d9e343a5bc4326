//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights of a model directory under canonical names: without the "bert."
// prefix, and with LayerNorm.weight and .bias for the legacy gamma and beta.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_CHECKPOINT_H
#define BERTC_COMPILER_IMPORT_CHECKPOINT_H

#include "compiler/Import/ModelConfig.h"
#include "compiler/Import/Safetensors.h"
#include "llvm/ADT/StringMap.h"

namespace bertc {

class Checkpoint {
public:
  /// Opens model.safetensors, or the shards of model.safetensors.index.json.
  static llvm::Expected<Checkpoint> open(llvm::StringRef directory);

  /// False for a model that was given as a bare config.json.
  bool hasWeights() const { return !files.empty(); }
  /// Whether both tensors of the pooler are there.
  bool hasPooler() const;
  /// The tensor of a canonical name, or null.
  const TensorInfo *find(llvm::StringRef name) const;
  /// Every tensor with its canonical name, in no particular order.
  const llvm::StringMap<const TensorInfo *> &getTensors() const {
    return tensors;
  }
  llvm::ArrayRef<std::unique_ptr<SafetensorsFile>> getFiles() const {
    return files;
  }

  /// Checks that the tensors which `config` calls for are there, floating
  /// point and of the right shape, and that no layer has others.
  llvm::Error verify(const ModelConfig &config,
                     std::vector<Diagnostic> &notes) const;

  /// Converts elements [first, first + count) to float32.
  llvm::Error readAsF32(const TensorInfo &tensor, int64_t first, int64_t count,
                        float *destination) const {
    return tensor.file->readAsF32(tensor, first, count, destination);
  }
  /// Gives the pages of a tensor that is done with back to the system.
  void release(const TensorInfo &tensor) const { tensor.file->release(tensor); }

private:
  llvm::Error openShards(llvm::StringRef directory, llvm::StringRef indexPath);
  llvm::Error addFile(llvm::StringRef path);
  llvm::Error nameTensors();
  llvm::Error missing(llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
                      size_t others) const;

  std::string source; ///< The file that stands for the whole in diagnostics.
  std::string prefix; ///< "bert." or nothing.
  std::vector<std::unique_ptr<SafetensorsFile>> files;
  llvm::StringMap<const TensorInfo *> tensors;
};

/// The tensor behind the `tensor` attribute of an enc.weight, whose "{layer}"
/// stands for `layer`.
llvm::Expected<const TensorInfo *> resolveWeight(const Checkpoint &checkpoint,
                                                 llvm::StringRef pattern,
                                                 int64_t layer);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_CHECKPOINT_H
