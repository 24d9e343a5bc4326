//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The command line. Results go to standard output, everything else to standard
// error; a wrong command line is exit code 2.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Manifest.h"
#include "tools/bertc/Commands.h"
#include "llvm/Support/raw_ostream.h"

using namespace bertc;
using namespace bertc::tool;

/// The command in `app` that was being parsed, for the hint.
static std::string commandName(const CLI::App &app) {
  for (const CLI::App *command : app.get_subcommands())
    return "bertc " + command->get_name();
  return "bertc";
}

static int fail(llvm::Error error) {
  llvm::outs().flush();
  return static_cast<int>(reportError(std::move(error), llvm::errs()));
}

int main(int argc, char **argv) {
  CLI::App app("bertc: ahead-of-time compiler for encoder models", "bertc");
  app.set_version_flag("--version", "bertc " + compilerVersion().str());
  app.require_subcommand(1);
  Action action;
  addCompile(app, action);
  addRun(app, action);
  addEmbed(app, action);
  addTokenize(app, action);
  addBench(app, action);
  addCheck(app, action);
  addInspect(app, action);
  addDoctor(app, action);
  addLaterCommands(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &help) {
    return app.exit(help);
  } catch (const CLI::ParseError &error) {
    std::string message = error.what();
    if (!message.empty() && message.back() == '\n')
      message.pop_back();
    return fail(
        makeUsageError(message, "see '" + commandName(app) + " --help'"));
  }
  llvm::Expected<ExitCode> code = action();
  if (!code)
    return fail(code.takeError());
  llvm::outs().flush();
  if (llvm::outs().has_error()) {
    llvm::outs().clear_error();
    return fail(makeError(ExitCode::Failure, "standard output",
                          "cannot write the result"));
  }
  return static_cast<int>(*code);
}
