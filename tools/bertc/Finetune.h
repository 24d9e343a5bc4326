//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc finetune`: what the command line says, and the training that it means.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_FINETUNE_H
#define BERTC_TOOLS_BERTC_FINETUNE_H

#include "runtime/include/bertc_train.h"
#include "tools/finetune/Loop.h"

namespace bertc::tool {

struct FinetuneSettings {
  std::string model, trainFile, evalFile;
  finetune::DataOptions data;
  uint32_t maxSeqLength = 0; ///< 0: the default of the task.
  uint32_t docStride = 128;
  finetune::AnswerOptions answers;
  finetune::LoopOptions loop;
  bertc_trainer_options trainer = BERTC_INIT(bertc_trainer_options);
  double warmupRatio = 0;
  std::string cacheFrozen; ///< A folder, or empty.
  std::string resume;      ///< A checkpoint, "latest", or empty.
  bool doEval = false, overwrite = false, quiet = false;
};

llvm::Expected<ExitCode> runFinetune(FinetuneSettings settings);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_FINETUNE_H
