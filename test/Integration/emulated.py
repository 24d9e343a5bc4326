#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Processors that this machine does not have: AVX-512 code gives the same bits
as AVX2 code."""
import pathlib
import subprocess
import unittest

import numpy as np

import capi
import emulator
import harness

LENGTHS = [1, 17, 40, 5, 9]
MODELS = ["head17-odd", "head20-silu", "head32-gelu-new", "head128-tanh",
          "wide"]


def ids(vocabulary):
    """The token ids of emulated-run.c."""
    i = np.arange(sum(LENGTHS), dtype=np.uint64)
    mixed = (i * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    return ((mixed >> np.uint64(8)) % np.uint64(vocabulary)).astype(np.int64)


def bits_hash(array):
    value = 0xCBF29CE484222325
    for bits in array.reshape(-1).view(np.uint32).tolist():
        value = ((value ^ bits) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


class Emulated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not emulator.KERNEL.exists():
            raise unittest.SkipTest(
                "no kernel for the emulator: tools/setup could not get one")
        cls.program = harness.WORK / "emulated-run"
        here = pathlib.Path(__file__).parent
        subprocess.run(
            ["clang-22", "-O1", "-Wall", "-Werror", "-I",
             here.parent.parent / "runtime" / "include",
             here / "emulated-run.c", "-o", cls.program], check=True)
        cls.libraries = [harness.compiled(name, "--outputs=last_hidden_state")
                         for name in MODELS]
        names = " ".join(f"./{l.name}" for l in cls.libraries)
        cls.command = (f"./{cls.program.name} "
                       f"{','.join(map(str, LENGTHS))} {names}\n")

    def boot(self, cpu):
        return emulator.boot(cpu, self.command,
                             [self.program, *self.libraries])

    def expected(self, library):
        with capi.Model(library, variant="x86-64-v3") as model, \
                capi.Session(model) as session:
            offsets = np.cumsum([0] + LENGTHS)
            out = session.packed(ids(model.info.vocab_size), offsets)
            return {k: bits_hash(v) for k, v in out.items()}

    def test_avx512(self):
        text = self.boot("corei7_skylake_x")
        for library in self.libraries:
            self.assertIn(f"{library.name}: variant x86-64-v4\n", text)
            for name, value in self.expected(library).items():
                self.assertIn(f"{library.name}: {name} {value}\n", text)
        self.assertIn("=== exit code 0", text)
