//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What can be known of a training without a trainer.
//
//===----------------------------------------------------------------------===//
#include "TrainModel.h"
#include "gtest/gtest.h"

#include <cstring>

using namespace bertc::test;

TEST(TrainInfo, Model) {
  TrainModel tags(BERTC_LABEL_TOKEN, 4);
  bertc_status status;
  bertc_train_info info = BERTC_INIT(bertc_train_info);
  ASSERT_EQ(trainApi().train_info(tags.open(), &info, &status), BERTC_OK)
      << status.message;
  EXPECT_EQ(info.label_kind, BERTC_LABELS_TOKEN);
  EXPECT_EQ(info.num_labels, 4u);
  EXPECT_EQ(info.logits_kind, BERTC_KIND_TOKEN);
  EXPECT_EQ(info.file_count, tags.files.size());
  TrainModel classes;
  ASSERT_EQ(trainApi().train_info(classes.open(), &info, &status), BERTC_OK);
  EXPECT_EQ(info.logits_kind, BERTC_KIND_SEQUENCE);
}

TEST(TrainInfo, FrozenOutput) {
  bertc_status status;
  bertc_train_info info = BERTC_INIT(bertc_train_info);
  TrainModel nothing, logits, other;
  ASSERT_EQ(trainApi().train_info(nothing.open(), &info, &status), BERTC_OK);
  EXPECT_EQ(info.frozen_output, nullptr);
  logits.train.frozen_output = "logits";
  ASSERT_EQ(trainApi().train_info(logits.open(), &info, &status), BERTC_OK);
  EXPECT_STREQ(info.frozen_output, "logits");
  other.train.frozen_output = "pooler_output";
  EXPECT_EQ(trainApi().train_info(other.open(), &info, &status), BERTC_CORRUPT);
  EXPECT_NE(strstr(status.message, "there is no output pooler_output"), nullptr)
      << status.message;
}

TEST(TrainInfo, Files) {
  TrainModel model;
  bertc_status status;
  for (uint32_t i = 0; i < model.files.size(); ++i) {
    bertc_file_info file = BERTC_INIT(bertc_file_info);
    ASSERT_EQ(trainApi().file_info(model.open(), i, &file, &status), BERTC_OK);
    EXPECT_STREQ(file.name, model.files[i].name);
    EXPECT_EQ(file.data, model.files[i].data);
    EXPECT_EQ(file.size, model.files[i].size);
  }
  bertc_file_info file = BERTC_INIT(bertc_file_info);
  EXPECT_EQ(trainApi().file_info(model.open(), uint32_t(model.files.size()),
                                 &file, &status),
            BERTC_INVALID_ARGUMENT);
}

TEST(TrainInfo, RefusesModelsThatCannotBeTrained) {
  TrainModel model;
  model.desc.train = nullptr;
  bertc_status status;
  bertc_train_info info = BERTC_INIT(bertc_train_info);
  EXPECT_EQ(trainApi().train_info(model.open(), &info, &status),
            BERTC_NOT_IN_MODEL);
  EXPECT_EQ(trainApi().train_info(nullptr, &info, &status),
            BERTC_INVALID_ARGUMENT);
}
