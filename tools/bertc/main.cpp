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
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace bertc;
using namespace bertc::tool;

/// The command in `app` that was being parsed, for the hint.
static std::string commandName(const CLI::App &app) {
  for (const CLI::App *command : app.get_subcommands())
    return "bertc " + command->get_name();
  return "bertc";
}

/// The arguments, last one first, as the parser wants them. It would take a
/// text in brackets apart as a list; a NUL behind it, which no argument can
/// contain and readTexts removes, prevents that.
static std::vector<std::string> arguments(int argc, char **argv) {
  std::vector<std::string> out;
  for (int i = argc - 1; i > 0; --i) {
    llvm::StringRef text = argv[i];
    out.push_back(text.str());
    if (text.starts_with("[") && text.ends_with("]"))
      out.back().push_back('\0');
  }
  return out;
}

static int fail(llvm::Error error) {
  llvm::outs().flush();
  return static_cast<int>(reportError(std::move(error), llvm::errs()));
}

int main(int argc, char **argv) {
  CLI::App app("bertc: ahead-of-time compiler for encoder models", "bertc");
  app.set_version_flag("--version", "bertc " + compilerVersion().str());
  Action action;
  addCompile(app, action);
  addRun(app, action);
  addEmbed(app, action);
  addTokenize(app, action);
  addBench(app, action);
  addCheck(app, action);
  addFinetune(app, action);
  addInspect(app, action);
  addDoctor(app, action);
  addLaterCommands(app, action);
  try {
    app.parse(arguments(argc, argv));
  } catch (const CLI::Success &help) {
    return app.exit(help);
  } catch (const CLI::ParseError &error) {
    std::string message = error.what();
    if (!message.empty() && message.back() == '\n')
      message.pop_back();
    if (!message.empty())
      message.front() = llvm::toLower(message.front());
    // The parser says only that it misses a command.
    if (app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-')
      message = std::string("unknown command '") + argv[1] + "'";
    return fail(
        makeUsageError(message, "see '" + commandName(app) + " --help'"));
  }
  // Checked here, because the parser would complain of a missing command also
  // when there is one that it does not know.
  if (!action)
    return fail(
        makeUsageError("expected a command, got none", "see 'bertc --help'"));
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
