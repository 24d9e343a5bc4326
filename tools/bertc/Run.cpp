//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc run`: tensors in, tensors out.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Commands.h"
#include "tools/bertc/Interpret.h"
#include "tools/bertc/RunModel.h"
#include "llvm/ADT/StringExtras.h"

using namespace bertc;
using namespace bertc::tool;

static llvm::SmallVector<int64_t, 4> shapeOf(const bertc_output_info &output,
                                             const Inputs &inputs) {
  switch (output.kind) {
  case BERTC_KIND_TOKEN:
    return {inputs.batch, inputs.seq, output.width};
  case BERTC_KIND_PAIR:
    return {inputs.batch, output.width, inputs.seq, inputs.seq};
  default:
    return {inputs.batch, output.width};
  }
}

llvm::Expected<std::vector<FloatTensor>>
tool::runModel(const Model &model, const Session &session, const Inputs &inputs,
               llvm::ArrayRef<std::string> names, llvm::StringRef subject) {
  std::vector<const bertc_output_info *> wanted;
  for (llvm::StringRef name : names) {
    const bertc_output_info *output = model.findOutput(name);
    if (!output) {
      std::vector<llvm::StringRef> known;
      for (const bertc_output_info &each : model.outputs())
        known.push_back(each.name);
      return makeUsageError("the model has no output " + bertc::quoted(name) +
                                ", expected some of " + llvm::join(known, ", "),
                            suggestion(name, known));
    }
    wanted.push_back(output);
  }
  if (names.empty())
    for (const bertc_output_info &output : model.outputs())
      wanted.push_back(&output);

  std::vector<FloatTensor> results;
  for (const bertc_output_info *output : wanted) {
    FloatTensor tensor{output->name, shapeOf(*output, inputs), {}};
    size_t count = 1;
    for (int64_t extent : tensor.shape)
      count *= size_t(extent);
    tensor.data.resize(count);
    results.push_back(std::move(tensor));
  }
  std::vector<bertc_output> list;
  for (FloatTensor &tensor : results)
    list.push_back(
        {tensor.name.c_str(), tensor.data.data(), tensor.data.size()});
  bertc_padded_inputs padded = inputs.padded();
  bertc_status status;
  if (model.api().run_padded(session.get(), &padded, list.data(), list.size(),
                             &status) != BERTC_OK)
    return tool::makeError(status, subject);
  return results;
}

namespace {

struct Flags {
  std::string model, inputs, outputs;
  std::vector<std::string> select;
  uint32_t threads = 0;
  bool interpret = false;
};

} // namespace

static llvm::Expected<std::vector<FloatTensor>> compute(const Flags &flags,
                                                        const Inputs &inputs) {
  if (flags.interpret)
    return interpretModel(flags.model, llvm::join(flags.select, ","), inputs,
                          flags.inputs);
  auto model = Model::open(flags.model);
  if (!model)
    return model.takeError();
  auto session = model->createSession(flags.threads);
  if (!session)
    return session.takeError();
  return runModel(*model, *session, inputs, flags.select, flags.inputs);
}

static llvm::Expected<ExitCode> run(const Flags &flags) {
  auto file = readTensors(flags.inputs);
  if (!file)
    return file.takeError();
  auto inputs = findInputs(*file, /*only=*/true);
  if (!inputs)
    return inputs.takeError();
  auto results = compute(flags, *inputs);
  if (!results)
    return results.takeError();
  if (llvm::Error error = writeTensors(flags.outputs, *results))
    return error;
  return ExitCode::Success;
}

void tool::addRun(CLI::App &app, Action &action) {
  CLI::App *command = app.add_subcommand("run", "run a model on tensors");
  auto flags = std::make_shared<Flags>();
  command
      ->add_option("model", flags->model,
                   "compiled model, or a model directory with --interpret")
      ->required();
  command
      ->add_option("--inputs", flags->inputs,
                   "safetensors with input_ids, attention_mask, "
                   "token_type_ids, position_ids of shape [batch, seq]")
      ->required();
  command->add_option("--outputs", flags->outputs, "safetensors to write")
      ->required();
  command
      ->add_option("--select", flags->select,
                   "outputs to compute (default: all of the model)")
      ->delimiter(',');
  command->add_option("--threads", flags->threads, "threads to compute with")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--interpret", flags->interpret,
                    "run the model directory on the reference interpreter, in "
                    "double precision");
  command->callback(
      [flags, &action] { action = [flags] { return run(*flags); }; });
}
