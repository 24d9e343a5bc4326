#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The example programs as a user builds them: by one call of a C compiler, and as
a CMake project that compiles the model itself."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import harness

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "tools" / "examples"
TEXTS = ["A man is eating food.", "A man eats something.",
         "The sky above the port was grey."]


def call(*command, code=0, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True,
                          text=True, timeout=300, **options)
    if done.returncode != code:
        raise AssertionError(
            f"expected exit code {code}, got {done.returncode}: "
            f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done


class Example(unittest.TestCase):
    def check(self, program):
        lines = call(program, *TEXTS).stdout.splitlines()
        self.assertEqual(len(lines), 3)
        similar = [float(line.split()[0]) for line in lines]
        self.assertAlmostEqual(similar[0], 1, places=5)
        self.assertGreater(similar[1], 0.8)
        self.assertLess(similar[2], 0.4)
        self.assertRegex(lines[0], r"\.\.\. 384 in all\]  A man is eating")

    def test_one_call_of_cc(self):
        folder = harness.WORK / "c-example"
        folder.mkdir()
        harness.bertc("compile", harness.minilm(), "-o",
                      folder / "minilm.so")
        for standard in ("c99", "c17"):
            call(os.environ["CC"], f"-std={standard}", "-Wall", "-Wextra", "-Werror",
                 "-pedantic", f"-I{ROOT / 'runtime' / 'include'}",
                 EXAMPLE / "embed.c", "./minilm.so", "-lm",
                 "-Wl,-rpath,$ORIGIN", "-o", "embed", cwd=folder)
            self.check(folder / "embed")
            self.refuses(folder / "embed")

    def refuses(self, program):
        """Errors reach the user as the example prints them."""
        done = call(program, "x", code=2,
                    env={**os.environ, "BERTC_CPU": "z80"})
        self.assertRegex(done.stderr, r"BERTC_CPU is 'z80', expected a variant")
        done = call(program, "x", code=2,
                    env={**os.environ, "BERTC_THREADS": "many"})
        self.assertRegex(done.stderr, r"BERTC_THREADS is 'many', expected")
        self.assertRegex(call(program, code=2).stderr, "usage: embed TEXT")

    def test_training(self):
        """train.c learns to tell questions of letters, and saves the result."""
        folder = harness.WORK / "train-example"
        folder.mkdir()
        call(sys.executable,
             ROOT / "test" / "Tools" / "Inputs" / "tiny-model.py", "model",
             cwd=folder)
        harness.bertc("compile", folder / "model", "--train",
                      "--head=classify:2", "--target=x86-64-v3", "-o",
                      folder / "tiny.so")
        call(os.environ["CC"], "-std=c99", "-Wall", "-Wextra", "-Werror",
             "-pedantic", f"-I{ROOT / 'runtime' / 'include'}",
             EXAMPLE / "train.c", "./tiny.so", "-Wl,-rpath,$ORIGIN", "-o",
             "train", cwd=folder)
        (folder / "examples.tsv").write_text("".join(
            f"1\tcan you {c} see\n0\tyou see {c}\n1\tdo {c}\n0\ti {c} do\n"
            for c in "abcdefg"))
        train = lambda *arguments, code=0: call("./train", *arguments, code=code,
                                                cwd=folder)
        lines = train("examples.tsv", "out", 15, "2e-3").stdout.splitlines()
        self.assertEqual(len(lines), 15 * 4 + 1)
        losses = [float(re.match(r"step \d+: loss (\S+),", line)[1])
                  for line in lines[:-1]]
        self.assertLess(losses[-1], 0.3 * losses[0])
        self.assertEqual(lines[-1], "accuracy on the examples: 1.000")
        self.assertEqual({f.name for f in (folder / "out").iterdir()},
                         {"config.json", "model.safetensors", "vocab.txt"})
        self.assertIn("labels[0] is 7, expected 0 to 1", self.refused(
            folder, train, "7\tx\n"))
        self.assertIn("bad.tsv:2: no tab", self.refused(folder, train,
                                                        "1\tx\ny\n"))

    def refused(self, folder, train, text):
        (folder / "bad.tsv").write_text(text)
        return train("bad.tsv", "none", 1, "1e-3", code=4).stderr

    def test_cmake_project(self):
        if not shutil.which("cmake"):
            self.skipTest("cmake is not installed")
        folder = harness.WORK / "cmake-example"
        call("cmake", "-S", EXAMPLE, "-B", folder, f"-DMODEL={harness.minilm()}",
             f"-Dbertc_DIR={harness.BUILD / 'lib' / 'cmake' / 'bertc'}")
        call("cmake", "--build", folder)
        self.check(folder / "embed")
        library = folder / "sentence_model" / "sentence_model.so"
        built = library.stat().st_mtime_ns
        call("cmake", "--build", folder)
        self.assertEqual(library.stat().st_mtime_ns, built,
                         "compiled again without a reason")

    def test_cmake_errors(self):
        project = harness.WORK / "cmake-errors"
        project.mkdir()
        for line, message in (
                ("bertc_compile_model(m no-such-folder)", "no config.json in"),
                ("bertc_compile_model(m . extra)", "unexpected 'extra'")):
            (project / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.20)\nproject(p LANGUAGES C)\n"
                f"find_package(bertc REQUIRED)\n{line}\n")
            done = call(
                "cmake", "-S", project, "-B", project / "build",
                f"-Dbertc_DIR={harness.BUILD / 'lib' / 'cmake' / 'bertc'}",
                code=1)
            self.assertIn(message, re.sub(r"\s+", " ", done.stderr))


if __name__ == "__main__":
    unittest.main()
