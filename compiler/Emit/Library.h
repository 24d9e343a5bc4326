//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last step of a compilation: everything that makes a model, and the files
// it is written to.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_LIBRARY_H
#define BERTC_COMPILER_EMIT_LIBRARY_H

#include "compiler/Emit/Object.h"
#include "compiler/Import/ModelConfig.h"
#include "compiler/Lowering/KernelModel.h"
#include "compiler/Lowering/LoweredTraining.h"
#include "compiler/Target/Precision.h"
#include "runtime/abi/abi.h"
#include <functional>
#include <map>
#include <optional>

namespace bertc {

struct TensorInfo;

/// The largest |x| of each element of what linear layers read, by the symbol of
/// their weight and the layer; see InputRanges of PackWeights.h.
using Calibration =
    std::map<std::pair<std::string, int64_t>, std::vector<float>>;

struct OutputInfo {
  std::string name;   ///< Hugging Face name.
  uint32_t kind = 0;  ///< BERTC_PER_TOKEN, _SEQUENCE or _PAIR.
  uint32_t width = 0; ///< Columns; heads of a per-pair output.
};

/// The training function of a variant; no entry: there is none.
struct TrainingCode {
  std::string entry; ///< A bertc_train_fn.
  bertc_workspace workspace = {};
  std::vector<PhaseInfo> phases;
};

/// What all variants of a library that trains have in common.
struct TrainingInputs {
  uint32_t labelKind = 0; ///< BERTC_LABEL_*
  uint32_t labelWidth = 0;
  std::vector<OutputInfo> outputs;
  std::vector<LoweredParameter> parameters;
  std::vector<uint32_t> flags; ///< BERTC_PARAMETER_* of each parameter.
  uint64_t parametersSize = 0; ///< Bytes of the segment, from its begin.
  uint64_t gradientsSize = 0;
  std::string frozenOutput; ///< That training may begin with, or empty.
  /// Names and bytes of files that a trained model needs.
  std::vector<std::pair<std::string, std::string>> files;
};

/// The code for one kind of processor.
struct VariantCode {
  std::string name;      ///< "x86-64-v3".
  uint64_t features = 0; ///< BERTC_CPU_* bits that it needs.
  uint64_t emulated = 0; ///< Those that it was planned for and does without.
  std::string entry;     ///< A bertc_forward_fn.
  bertc_workspace workspace = {};
  std::vector<PhaseInfo> phases;
  TrainingCode training;
  std::string object; ///< ELF, relocatable.
};

/// What a thread of a kernel takes, as ptxas says; -1: not known.
struct KernelResources {
  int64_t registers = -1, stackBytes = -1;
  int64_t spillStoreBytes = -1, spillLoadBytes = -1;
};

/// A kernel of a device, as bertc_kernel_desc.
struct KernelInfo {
  std::string name; ///< Of the entry in the PTX.
  uint32_t threads = 0;
  uint32_t sharedBytes = 0;
  uint64_t flopsPerToken = 0, flopsPerSequence = 0, flopsPerPair = 0;
  uint64_t weightBytes = 0; ///< Of matrices.
  uint32_t cluster = 0;     ///< Blocks that run together; 0: each by itself.
  bool sharesWork = false;  ///< Whatever the grid is, see runtime/abi/abi.h.
  KernelResources resources;
  std::vector<KernelModel> models;
};

/// The training functions of a device; no entry: there are none.
struct DeviceTrainingCode {
  std::string entry, refreshEntry; ///< A bertc_device_train_fn each.
  bertc_workspace workspace = {};
  int64_t sumOfSquares = 0, adamW = 0; ///< Kernels of the variant.
};

/// The code for one kind of GPU.
struct DeviceVariantCode {
  std::string name;               ///< "cuda:sm_90a".
  uint32_t computeCapability = 0; ///< 90.
  bool exact = false;             ///< sm_90a: runs on 9.0 only.
  bool tensorMaps = false;        ///< Its host code makes them.
  std::string ptx;
  std::string cubin; ///< What ptxas made of it, or empty.
  std::vector<KernelInfo> kernels;
  std::string entry; ///< A bertc_device_forward_fn.
  bertc_workspace workspace = {};
  uint64_t weightsOffset = 0; ///< The part of the packed weights that the
  uint64_t weightsSize = 0;   ///< device needs, in bytes; 0: all from there on.
  DeviceTrainingCode training;
  std::string object; ///< ELF, relocatable: the code of the host.
};

struct LibraryInputs {
  ModelConfig config;
  Precision precision = Precision::F32;
  std::vector<OutputInfo> outputs;
  std::vector<VariantCode> variants; ///< By rising preference.
  std::vector<DeviceVariantCode> deviceVariants;
  std::string tokenizer; ///< Blob of runtime/abi/text.h, or empty.
  WeightLayout layout;
  std::optional<TrainingInputs> training; ///< Absent: inference only.
  /// As WeightSource of PackWeights.h. Without it the model is compiled without
  /// weights, which are given when it is opened.
  std::function<llvm::Expected<const TensorInfo *>(llvm::StringRef, int64_t)>
      weights;
  Calibration calibration;         ///< May be empty.
  bool externalWeights = false;    ///< In a file beside the library.
  std::vector<std::string> passes; ///< For the manifest.
};

/// What was written.
struct LibraryFiles {
  std::string library, header, weights; ///< Paths; weights may be empty.
  uint64_t codeBytes = 0;               ///< Of the library without weights.
  uint64_t weightsBytes = 0;
  uint64_t weightsHash = 0; ///< 0 without weights.
};

/// Writes the library at `path`, its header and, if they are external, its
/// weights beside it under the same name. On failure none is left.
llvm::Expected<LibraryFiles> writeLibrary(const LibraryInputs &inputs,
                                          llvm::StringRef path);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_LIBRARY_H
