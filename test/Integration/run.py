#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Run the integration tests: run.py --build FOLDER [--device cuda:N] [NAME...]

A NAME is a file, class or test by part of its name; without one, all run. The
last line is "integration: N passed, N failed, N skipped"; what was skipped is
listed above it with the reason. With --device, tests of GPUs use that one and not
the emulator.
"""
import argparse
import importlib.util
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
FILES = ["tokenizer", "accuracy", "invariance", "artefact", "bad-model",
         "bad-input", "c-example", "emulated", "devices", "gradients",
         "training", "device-training", "finetune",
         "benchmarks"]


def load(file):
    spec = importlib.util.spec_from_file_location(file.stem.replace("-", "_"),
                                                  file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Result(unittest.TextTestResult):
    """Counts what passed, and tells how long a test took."""

    passed = 0

    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.passed += 1
        seconds = time.monotonic() - self.started
        if seconds >= 1:
            self.stream.write(f"{seconds:.0f} s, ")
        super().addSuccess(test)


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("--device", help="a GPU, such as cuda:0")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    os.environ["BERTC_BUILD_FOLDER"] = os.path.abspath(arguments.build)
    # The compiler and the generator that tools/setup installs.
    os.environ.setdefault("CC", "clang-22")
    os.environ.setdefault("CMAKE_GENERATOR", "Ninja")
    for variable in ("BERTC_CPU", "BERTC_THREADS", "BERTC_LOG",
                     "BERTC_TEST_DEVICE"):
        os.environ.pop(variable, None)
    if arguments.device:
        os.environ["BERTC_TEST_DEVICE"] = arguments.device
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
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2,
                                     resultclass=Result).run(suite)
    # A failed fixture counts once; parts of a test count as that test.
    bad = {getattr(t, "test_case", t).id() for t, _ in
           result.failures + result.errors}
    bad |= {t.id() for t in result.unexpectedSuccesses}
    for test, reason in result.skipped:
        print(f"SKIPPED {test.id()}: {reason}")
    print(f"integration: {result.passed} passed, {len(bad)} failed, "
          f"{len(result.skipped)} skipped")
    return 1 if bad or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())
