//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names of labels in the config.json of a saved model, where transformers looks
// for them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_MODELCONFIGLABELS_H
#define BERTC_TOOLS_FINETUNE_MODELCONFIGLABELS_H

#include "compiler/Import/Diagnostics.h"

namespace bertc::finetune {

/// Sets id2label and label2id in the config.json of a directory, and leaves all
/// else as it is. Without names it does nothing.
llvm::Error writeLabelNames(llvm::StringRef directory,
                            llvm::ArrayRef<std::string> names);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_MODELCONFIGLABELS_H
