//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Batches go to the library packed, as they are. Gradients are accumulated by
// the loop, which also updates at the end of an epoch.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/LibraryTrainer.h"
#include "compiler/Import/Json.h"
#include "runtime/abi/hash.h"
#include <limits>
#include <numeric>

using namespace bertc;
using namespace bertc::tool;
using finetune::TaskKind;

// finetune::TaskKind is in the order of bertc_label_kind.
static_assert(int(TaskKind::Classify) == BERTC_LABELS_CLASS &&
              int(TaskKind::MultiLabel) == BERTC_LABELS_MULTI &&
              int(TaskKind::Regress) == BERTC_LABELS_NUMBER &&
              int(TaskKind::Tag) == BERTC_LABELS_TOKEN &&
              int(TaskKind::Answer) == BERTC_LABELS_SPAN);

llvm::Expected<finetune::Task> tool::trainedTask(const Model &model) {
  if (!model.trainApi())
    return bertc::makeError(
        ExitCode::Usage, model.path(), "the library holds no code for training",
        "compile the model with --train, and with --head unless it has one");
  bertc_train_info info = BERTC_INIT(bertc_train_info);
  bertc_status status;
  if (model.trainApi()->train_info(model.handle(), &info, &status) != BERTC_OK)
    return tool::makeError(status, model.path());
  return finetune::Task{TaskKind(info.label_kind), info.num_labels};
}

llvm::Expected<std::vector<std::string>>
tool::configLabels(const Model &model) {
  bertc_train_info info = BERTC_INIT(bertc_train_info);
  bertc_status status;
  const bertc_train_api &api = *model.trainApi();
  if (api.train_info(model.handle(), &info, &status) != BERTC_OK)
    return tool::makeError(status, model.path());
  for (uint32_t i = 0; i < info.file_count; ++i) {
    bertc_file_info file = BERTC_INIT(bertc_file_info);
    if (api.file_info(model.handle(), i, &file, &status) != BERTC_OK)
      return tool::makeError(status, model.path());
    if (llvm::StringRef(file.name) != "config.json")
      continue;
    auto document = JsonDocument::parse(
        (model.path() + ":config.json").str(),
        std::string(static_cast<const char *>(file.data), file.size));
    if (!document)
      return document.takeError();
    std::vector<std::string> names;
    auto labels = (*document)->cursor().find("id2label");
    while (labels) {
      auto name = labels->find(std::to_string(names.size()));
      if (!name)
        break;
      auto text = name->asString();
      if (!text)
        return text.takeError();
      names.push_back(text->str());
    }
    return names;
  }
  return std::vector<std::string>();
}

//===----------------------------------------------------------------------===//
// The trainer
//===----------------------------------------------------------------------===//

llvm::Expected<std::unique_ptr<LibraryTrainer>>
LibraryTrainer::create(const Model &model,
                       const bertc_trainer_options &options) {
  bertc_trainer *trainer = nullptr;
  bertc_status status;
  if (model.trainApi()->trainer_create(model.handle(), &options, &trainer,
                                       &status) != BERTC_OK)
    return tool::makeError(status, model.path());
  std::unique_ptr<LibraryTrainer> made(new LibraryTrainer(model, trainer));
  bertc_trainer_info info = made->info();
  made->numLabels = info.num_labels;
  made->perToken = info.logits_kind == BERTC_KIND_TOKEN;
  return made;
}

LibraryTrainer::~LibraryTrainer() { api.trainer_destroy(trainer); }

std::string LibraryTrainer::place() const {
  const bertc_model_info &about = model.info();
  if (*about.device_name)
    return std::string("on ") + about.device + " (" + about.device_name + ")";
  return std::to_string(info().threads) + " threads";
}

bertc_trainer_info LibraryTrainer::info() const {
  bertc_trainer_info info = BERTC_INIT(bertc_trainer_info);
  api.trainer_info(trainer, &info, nullptr);
  return info;
}

static bertc_packed_inputs packedInputs(const finetune::Batch &batch) {
  bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
  inputs.tokens = int64_t(batch.ids.size());
  inputs.sequences = int64_t(batch.sequences());
  inputs.dtype = BERTC_I32;
  inputs.input_ids = batch.ids.data();
  inputs.cu_seqlens = batch.cuSeqlens.data();
  inputs.token_type_ids = batch.types.data();
  return inputs;
}

llvm::Expected<finetune::Trainer::Loss>
LibraryTrainer::backward(const finetune::Batch &batch) {
  bertc_packed_inputs inputs = packedInputs(batch);
  bertc_train_batch call = BERTC_INIT(bertc_train_batch);
  call.packed = &inputs;
  if (batch.numbers.empty()) {
    call.labels = batch.classes.data();
    call.label_count = batch.classes.size();
  } else {
    call.labels = batch.numbers.data();
    call.label_count = batch.numbers.size();
  }
  std::vector<float> rows;
  if (frozen) {
    auto found = frozen->read(batch.indexes);
    if (!found)
      return found.takeError();
    rows = std::move(*found);
    call.frozen = rows.data();
    call.frozen_size = rows.size();
  }
  Loss loss;
  bertc_status status;
  bertc_code code = api.backward(trainer, &call, &loss.value, &status);
  loss.finite = code != BERTC_NOT_FINITE;
  if (code != BERTC_OK && loss.finite)
    return tool::makeError(status, model.path());
  return loss;
}

llvm::Expected<finetune::Trainer::Update> LibraryTrainer::update() {
  bertc_step_result result = BERTC_INIT(bertc_step_result);
  bertc_status status;
  bertc_code code = api.update(trainer, &result, &status);
  if (code == BERTC_NOT_FINITE)
    return Update{std::numeric_limits<double>::quiet_NaN(), 0, globalStep(),
                  false};
  if (code != BERTC_OK)
    return tool::makeError(status, model.path());
  return Update{result.grad_norm, result.learning_rate, result.global_step,
                true};
}

llvm::Expected<std::vector<float>>
LibraryTrainer::evaluate(const finetune::Batch &batch, const char *output,
                         size_t count) {
  bertc_packed_inputs inputs = packedInputs(batch);
  std::vector<float> rows(count);
  bertc_output wanted = {output, rows.data(), rows.size()};
  bertc_status status;
  if (api.evaluate_packed(trainer, &inputs, &wanted, 1, &status) != BERTC_OK)
    return tool::makeError(status, model.path());
  return rows;
}

llvm::Expected<std::vector<float>>
LibraryTrainer::logits(const finetune::Batch &batch) {
  return evaluate(batch, "logits",
                  (perToken ? batch.ids.size() : batch.sequences()) *
                      numLabels);
}

llvm::Error LibraryTrainer::cacheFrozen(llvm::StringRef folder,
                                        const finetune::ExampleSet &examples,
                                        const finetune::Task &task) {
  bertc_train_info info = BERTC_INIT(bertc_train_info);
  api.train_info(model.handle(), &info, nullptr);
  const bertc_output_info *output =
      info.frozen_output ? model.findOutput(info.frozen_output) : nullptr;
  if (!output)
    return bertc::makeError(
        ExitCode::BadModel, model.path(),
        "the model has no frozen layers before all that is trained, which "
        "--cache-frozen could keep",
        "compile it with --freeze=encoder or, for example, "
        "--freeze=embeddings,layers[0-5]");
  // The manifest has hashes of weights and code; processors run different code.
  const bertc_model_info &about = model.info();
  std::string identity(about.manifest, about.manifest_size);
  identity += model.variant();
  finetune::FrozenRows rows;
  rows.model = bertc_hash64(identity.data(), identity.size());
  rows.width = output->width;
  rows.perToken = output->kind == BERTC_KIND_TOKEN;
  constexpr size_t tokens = 4096; // computed at a time
  auto made = finetune::FrozenCache::open(
      folder, rows, examples, tokens, [&](uint32_t first, uint32_t end) {
        std::vector<uint32_t> indexes(end - first);
        std::iota(indexes.begin(), indexes.end(), first);
        finetune::Batch batch = makeBatch(examples, task, indexes);
        size_t count = rows.perToken ? batch.ids.size() : batch.sequences();
        return evaluate(batch, output->name, count * rows.width);
      });
  if (!made)
    return made.takeError();
  frozen = std::move(*made);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Directories
//===----------------------------------------------------------------------===//

/// What went wrong with a directory, not with the model.
static llvm::Error directoryError(bertc_status status,
                                  llvm::StringRef directory) {
  if (status.code == BERTC_IO)
    status.code = BERTC_INTERNAL;
  if (status.code == BERTC_CORRUPT)
    status.code = BERTC_BAD_INPUT;
  return tool::makeError(status, directory);
}

llvm::Error LibraryTrainer::saveModel(llvm::StringRef directory) {
  bertc_status status;
  if (api.save_model(trainer, directory.str().c_str(), &status) != BERTC_OK)
    return directoryError(status, directory);
  return llvm::Error::success();
}

llvm::Error LibraryTrainer::saveCheckpoint(llvm::StringRef directory,
                                           llvm::StringRef user) {
  bertc_status status;
  if (api.save_checkpoint(trainer, directory.str().c_str(), user.data(),
                          user.size(), &status) != BERTC_OK)
    return directoryError(status, directory);
  return llvm::Error::success();
}

llvm::Expected<std::string>
LibraryTrainer::loadCheckpoint(llvm::StringRef directory) {
  std::string user(1 << 16, '\0');
  size_t size = 0;
  bertc_status status;
  if (api.load_checkpoint(trainer, directory.str().c_str(), user.data(),
                          user.size(), &size, &status) != BERTC_OK)
    return directoryError(status, directory);
  user.resize(size);
  return user;
}

llvm::Expected<std::string>
LibraryTrainer::findCheckpoint(llvm::StringRef folder) {
  std::string path(4096, '\0');
  int64_t step = -1;
  bertc_status status;
  if (api.find_checkpoint(folder.str().c_str(), path.data(), path.size(), &step,
                          &status) != BERTC_OK)
    return directoryError(status, folder);
  path.resize(strlen(path.c_str()));
  return path;
}
