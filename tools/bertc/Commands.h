//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The commands of the command line. Each is added to the parser by a function
// of its own, which leaves in `action` what to do when the command was given.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_COMMANDS_H
#define BERTC_TOOLS_BERTC_COMMANDS_H

#include "compiler/Import/Diagnostics.h"
#include <CLI/CLI.hpp>
#include <functional>

namespace bertc::tool {

/// Returns an error, or the exit code.
using Action = std::function<llvm::Expected<ExitCode>()>;

void addBench(CLI::App &app, Action &action);
void addCheck(CLI::App &app, Action &action);
void addCompile(CLI::App &app, Action &action);
void addDoctor(CLI::App &app, Action &action);
void addEmbed(CLI::App &app, Action &action);
void addFinetune(CLI::App &app, Action &action);
void addInspect(CLI::App &app, Action &action);
void addRun(CLI::App &app, Action &action);
void addTokenize(CLI::App &app, Action &action);
/// Commands that are planned: each says so.
void addLaterCommands(CLI::App &app, Action &action);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_COMMANDS_H
