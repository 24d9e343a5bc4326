#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Run the integration tests: run.py --build FOLDER [--device cuda:N] [--jobs N]
[NAME...]

A NAME is a file, class or test by part of its name; without one, all run. The
last line is "integration: N passed, N failed, N skipped"; what was skipped is
listed above it with the reason. With --device, tests of GPUs use that one and not
the emulator. Files run side by side, --jobs at a time (default: one for each
processor), each in a process and a folder of its own; what a file has said so
far is in FOLDER/integration/FILE.log.
"""
import argparse
import concurrent.futures
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# What takes longest comes first.
FILES = ["accuracy", "devices", "device-training", "device-profile", "gradients",
         "emulated", "tokenizer", "finetune", "training", "invariance",
         "c-example", "artefact", "bad-model", "bad-input", "benchmarks"]
SUMMARY = "integration: {} passed, {} failed, {} skipped"


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


def run_file(arguments):
    """The tests of one file, in this process."""
    sys.path[:0] = [str(HERE), str(HERE.parent / "Golden"),
                    str(HERE.parent.parent / "tools" / "bench")]
    import harness
    harness.start()
    tests = unittest.defaultTestLoader.loadTestsFromModule(
        load(HERE / f"{arguments.file}.py"))
    suite = unittest.TestSuite(
        t for t in flatten(tests) if not arguments.names or
        any(n in f"{arguments.file}.{t.id()}" for n in arguments.names))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2,
                                     resultclass=Result).run(suite)
    # A failed fixture counts once; parts of a test count as that test.
    bad = {getattr(t, "test_case", t).id() for t, _ in
           result.failures + result.errors}
    bad |= {t.id() for t in result.unexpectedSuccesses}
    for test, reason in result.skipped:
        print(f"SKIPPED {test.id()}: {reason}")
    print(SUMMARY.format(result.passed, len(bad), len(result.skipped)))


def run_apart(file):
    """The same in a process: what it said, and the three numbers."""
    folder = pathlib.Path(os.environ["BERTC_BUILD_FOLDER"]) / "integration"
    folder.mkdir(exist_ok=True)
    log = folder / f"{file}.log"
    with log.open("w") as stream:
        done = subprocess.run(
            [sys.executable, "-B", "-u", __file__, *sys.argv[1:],
             f"--file={file}"],
            stdout=stream, stderr=subprocess.STDOUT,
            env={**os.environ, "BERTC_INTEGRATION_FOLDER": str(folder / file)})
    text = log.read_text(errors="replace")
    lines = text.rstrip("\n").split("\n")
    found = re.fullmatch(SUMMARY.replace("{}", r"(\d+)"), lines[-1])
    if done.returncode or not found:
        return f"{text}\n{file} ended with {done.returncode}", (0, 1, 0)
    return "\n".join(lines[:-1]), tuple(map(int, found.groups()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("--device", help="a GPU, such as cuda:0")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--file", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.file:
        return run_file(arguments)
    os.environ["BERTC_BUILD_FOLDER"] = os.path.abspath(arguments.build)
    # The compiler and the generator that tools/setup installs.
    os.environ.setdefault("CC", "clang-22")
    os.environ.setdefault("CMAKE_GENERATOR", "Ninja")
    for variable in ("BERTC_CPU", "BERTC_THREADS", "BERTC_LOG",
                     "BERTC_TEST_DEVICE"):
        os.environ.pop(variable, None)
    if arguments.device:
        os.environ["BERTC_TEST_DEVICE"] = arguments.device
    totals = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        runs = {pool.submit(run_apart, file): file
                for file in FILES}
        for run in concurrent.futures.as_completed(runs):
            said, numbers = run.result()
            if any(numbers):
                print(f"--- {runs[run]}\n{said}", flush=True)
            totals = [a + b for a, b in zip(totals, numbers)]
    print(SUMMARY.format(*totals))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
