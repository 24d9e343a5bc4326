//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Commands of the manual that do not exist yet.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Commands.h"

using namespace bertc;
using namespace bertc::tool;

void tool::addLaterCommands(CLI::App &app, Action &action) {
  const std::pair<const char *, const char *> later[] = {
      {"classify", "label texts"},
      {"answer", "answer questions from a text"},
      {"tag", "label words"},
      {"fill-mask", "guess masked words"},
      {"pretrain", "train on plain texts"},
  };
  for (const auto &[name, purpose] : later) {
    CLI::App *command =
        app.add_subcommand(name, std::string(purpose) + " (not yet available)");
    command->allow_extras();
    command->callback([&action, name = std::string(name)] {
      action = [name]() -> llvm::Expected<ExitCode> {
        return makeUsageError("the command '" + name +
                              "' is not yet available");
      };
    });
  }
}
