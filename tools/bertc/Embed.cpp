//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc embed`: texts to sentence embeddings. Texts go to the runtime in large
// groups, which packs them into batches without padding: sorting them by length
// would gain nothing.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Commands.h"
#include "tools/bertc/Model.h"
#include "tools/bertc/TensorFile.h"
#include "tools/bertc/Texts.h"
#include "llvm/Support/raw_ostream.h"
#include <charconv>

using namespace bertc;
using namespace bertc::tool;

namespace {

struct Flags {
  std::string model, output;
  TextSource source;
  uint32_t threads = 0, maxTokens = 0;
};

} // namespace

static constexpr size_t groupSize = 1024;

/// The shortest decimals that read back as the same float.
static void printRow(llvm::ArrayRef<float> row) {
  char digits[64];
  llvm::outs() << '[';
  for (auto [i, value] : llvm::enumerate(row)) {
    auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    llvm::outs() << (i ? ", " : "") << llvm::StringRef(digits, end - digits);
  }
  llvm::outs() << "]\n";
}

static void warnOfCuts(llvm::ArrayRef<size_t> dropped, size_t first) {
  for (auto [i, tokens] : llvm::enumerate(dropped))
    if (tokens > 0)
      llvm::errs() << "warning: text " << first + i + 1 << " is too long, its "
                   << "last " << tokens << " tokens were cut off\n";
}

static llvm::Expected<ExitCode> run(const Flags &flags) {
  auto texts = readTexts(flags.source);
  if (!texts)
    return texts.takeError();
  auto model = Model::open(flags.model);
  if (!model)
    return model.takeError();
  uint32_t width = model->info().embedding_width;
  if (width == 0)
    return bertc::makeError(
        ExitCode::Usage, flags.model,
        model->info().has_tokenizer
            ? "the model has no output 'sentence_embedding'"
            : "the model has no tokenizer",
        "compile a directory with a tokenizer and modules.json, with "
        "sentence_embedding among --outputs");
  auto session = model->createSession(flags.threads);
  if (!session)
    return session.takeError();

  bertc_embed_options options = BERTC_INIT(bertc_embed_options);
  options.max_tokens = flags.maxTokens;
  FloatTensor all{"sentence_embedding", {int64_t(texts->size()), width}, {}};
  for (size_t first = 0; first < texts->size(); first += groupSize) {
    auto group = llvm::ArrayRef(*texts).slice(
        first, std::min(groupSize, texts->size() - first));
    std::vector<const char *> pointers;
    std::vector<size_t> lengths, dropped(group.size());
    for (const std::string &text : group) {
      pointers.push_back(text.data());
      lengths.push_back(text.size());
    }
    std::vector<float> rows(group.size() * width);
    bertc_status status;
    if (model->api().embed_texts(
            session->get(), pointers.data(), lengths.data(), group.size(),
            &options, rows.data(), dropped.data(), &status) != BERTC_OK)
      return tool::makeError(status, flags.model);
    warnOfCuts(dropped, first);
    if (flags.output.empty())
      for (size_t i = 0; i < group.size(); ++i)
        printRow(llvm::ArrayRef(rows).slice(i * width, width));
    else
      all.data.insert(all.data.end(), rows.begin(), rows.end());
  }
  if (!flags.output.empty())
    if (llvm::Error error = writeTensors(flags.output, all))
      return error;
  return ExitCode::Success;
}

void tool::addEmbed(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("embed", "print sentence embeddings of texts");
  auto flags = std::make_shared<Flags>();
  command->add_option("model", flags->model, "compiled model")->required();
  command->add_option("texts", flags->source.texts,
                      "texts, or - for standard input, one a line");
  command->add_option("--file", flags->source.file, "texts, one a line");
  command->add_option("--output", flags->output,
                      "write all embeddings to this safetensors file");
  command->add_option("--threads", flags->threads, "threads to compute with")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--max-tokens", flags->maxTokens,
                   "cut texts to so many tokens")
      ->check(CLI::PositiveNumber);
  command->callback(
      [flags, &action] { action = [flags] { return run(*flags); }; });
}
