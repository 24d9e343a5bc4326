#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Run the integration tests: run.py --build FOLDER [NAME...]

A NAME is a file, class or test by part of its name; without one, all run. The
last line is "integration: N passed, N failed, N skipped"; what was skipped is
listed above it with the reason.
"""
import argparse
import importlib.util
import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
FILES = ["accuracy", "invariance", "artefact", "bad-model", "bad-input",
         "tokenizer"]


def load(file):
    spec = importlib.util.spec_from_file_location(file.stem.replace("-", "_"),
                                                  file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    os.environ["BERTC_BUILD_FOLDER"] = os.path.abspath(arguments.build)
    for variable in ("BERTC_CPU", "BERTC_THREADS", "BERTC_LOG"):
        os.environ.pop(variable, None)
    sys.path[:0] = [str(HERE), str(HERE.parent / "Golden"),
                    str(HERE.parent.parent / "tools" / "bench")]

    import harness
    harness.start()
    suite = unittest.TestSuite()
    for file in FILES:
        tests = unittest.defaultTestLoader.loadTestsFromModule(
            load(HERE / f"{file}.py"))
        suite.addTests(t for t in flatten(tests) if not arguments.names or
                       any(n in f"{file}.{t.id()}" for n in arguments.names))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)

    bad = {t.id() for t, _ in result.failures + result.errors}
    bad |= {t.id() for t in result.unexpectedSuccesses}
    for test, reason in result.skipped:
        print(f"SKIPPED {test.id()}: {reason}")
    skipped = len(result.skipped)
    # An error in a fixture of a class counts once and hides the class's tests.
    passed = max(0, result.testsRun - skipped - len(bad))
    print(f"integration: {passed} passed, {len(bad)} failed, {skipped} skipped")
    return 1 if bad or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
