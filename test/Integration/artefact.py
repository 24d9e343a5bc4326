#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The library that `bertc compile` writes: reproducible, self-contained, with
only the API exported, and refused with a message once it is damaged."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import numpy as np

import capi
import harness

LLVM = "/usr/lib/llvm-22/bin"
ROOT = harness.GOLDEN.parent.parent
NAME = "head24-relu"


def tool(*command):
    return subprocess.run([str(c) for c in command], check=True,
                          capture_output=True, text=True).stdout


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.library = harness.compiled(NAME)

    def test_same_inputs_same_bytes(self):
        """Also from another folder, under another name and environment."""
        first = harness.WORK / "first" / "model.so"
        second = harness.WORK / "second" / "nested" / "model.so"
        copy = harness.WORK / "second" / "copy-of-model"
        for file in (first, second):
            file.parent.mkdir(parents=True)
        shutil.copytree(harness.model(NAME), copy)
        harness.bertc("compile", harness.model(NAME), "-o", first)
        harness.bertc("compile", copy, "-o", second,
                      env={"TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": "/"})
        self.assertEqual(first.read_bytes(), second.read_bytes())
        self.assertEqual(first.with_suffix(".h").read_bytes(),
                         second.with_suffix(".h").read_bytes())

    def test_exports_only_the_api(self):
        lines = tool(f"{LLVM}/llvm-nm", "-D", "--defined-only",
                     "--format=just-symbols", self.library).split()
        self.assertIn("bertc_get_api", lines)
        header = self.library.with_suffix(".h").read_text()
        for symbol in lines:
            if symbol != "bertc_get_api":
                self.assertRegex(header, rf"\b{re.escape(symbol)}\b",
                                 "exported, but not in the header")

    def test_needs_libc_and_libm_only(self):
        dynamic = tool(f"{LLVM}/llvm-readelf", "-d", self.library)
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
        self.assertLessEqual(needed, {"libc.so.6", "libm.so.6"})
        self.assertNotIn("TEXTREL", dynamic)
        self.assertNotRegex(dynamic, r"\((RUNPATH|RPATH)\)")

    def test_segments(self):
        """Nothing both writable and executable; the stack is not either."""
        out = tool(f"{LLVM}/llvm-readelf", "-lW", self.library)
        for line in out.splitlines():
            if line.strip().startswith(("LOAD", "GNU_STACK")):
                self.assertFalse("E" in line.split("0x")[-2] and "W" in line
                                 and re.search(r"\bRWE\b", line), line)

    def test_no_path_of_this_machine(self):
        data = self.library.read_bytes()
        for path in (harness.WORK, harness.BUILD, harness.model(NAME)):
            self.assertNotIn(str(path).encode(), data)

    def test_size_is_weights_and_little_else(self):
        with capi.Model(self.library) as model:
            weights = model.info.weights_size
        self.assertLess(self.library.stat().st_size - weights, 2 << 20)

    def test_header_compiles(self):
        header = self.library.with_suffix(".h")
        include = ROOT / "runtime" / "include"
        for language, standard in (("c", "c11"), ("c++", "c++17")):
            tool("clang-22", "-fsyntax-only", "-x", language,
                 f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-I",
                 include, header)

    def test_manifest(self):
        done = harness.bertc("inspect", self.library, "--json")
        text = json.dumps(json.loads(done.stdout))
        for word in ("x86-64-v3", "x86-64-v4", "last_hidden_state",
                     '"hidden_size": 72'):
            self.assertIn(word, text)
        with capi.Model(self.library) as model:
            self.assertEqual([v[0] for v in model.variants()],
                             ["x86-64-v3", "x86-64-v4"])
            self.assertEqual(
                [n for n, ok in model.variants() if ok],
                harness.cpu_variants())

    def test_loads_without_the_model_directory(self):
        """The library is all that a user needs to ship."""
        with tempfile.TemporaryDirectory() as folder:
            moved = shutil.copy(self.library, folder)
            script = (f"import ctypes; l = ctypes.CDLL({str(moved)!r}); "
                      "l.bertc_get_api.restype = ctypes.c_void_p; "
                      "assert l.bertc_get_api(1); "
                      "assert not l.bertc_get_api(999)")
            done = subprocess.run([os.sys.executable, "-c", script],
                                  env={"PATH": "/usr/bin"}, cwd=folder)
            self.assertEqual(done.returncode, 0)


class ForcedVariant(unittest.TestCase):
    def test_unknown_name(self):
        done = harness.bertc("embed", harness.compiled("minilm"), "text",
                             env={"BERTC_CPU": "pentium"},
                             code=harness.NO_DEVICE)
        self.assertIn("pentium", done.stderr)
        self.assertIn("x86-64-v3", done.stderr)

    def test_variant_this_processor_lacks(self):
        if "x86-64-v4" in harness.cpu_variants():
            self.skipTest("this processor has AVX-512")
        done = harness.bertc("embed", harness.compiled("minilm"), "text",
                             env={"BERTC_CPU": "x86-64-v4"},
                             code=harness.NO_DEVICE)
        self.assertIn("avx512f", done.stderr)


class ExternalWeights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.WORK / "external"
        cls.folder.mkdir()
        cls.library = cls.folder / "model.so"
        harness.bertc("compile", harness.model(NAME), "-o", cls.library,
                      "--external-weights")
        cls.weights = cls.folder / "model.weights"

    def results(self, library):
        ids = np.arange(5, 25)
        with capi.Model(library) as model, capi.Session(model) as session:
            return session.packed(ids, [0, 7, 20],
                                  names=["last_hidden_state"])

    def test_same_bits_as_inside(self):
        inside = self.results(harness.compiled(NAME))["last_hidden_state"]
        beside = self.results(self.library)["last_hidden_state"]
        self.assertTrue(np.array_equal(inside, beside))

    def damaged(self, change):
        copy = self.folder / "damaged"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        shutil.copy(self.library, copy)
        data = bytearray(self.weights.read_bytes())
        data = change(data)
        if data is not None:
            (copy / "model.weights").write_bytes(data)
        with self.assertRaises(capi.Failure) as caught:
            self.results(copy / "model.so")
        self.assertIn("model.weights", caught.exception.message)
        return caught.exception

    def test_missing(self):
        self.damaged(lambda data: None)

    def test_cut_short(self):
        self.damaged(lambda data: data[:-4096])

    def test_empty(self):
        self.damaged(lambda data: b"")

    def test_one_byte_changed(self):
        def change(data):
            data[len(data) // 2] ^= 1
            return data
        self.damaged(change)


class DamagedLibrary(unittest.TestCase):
    """Each damaged file gives exit code 3 and one clear error from every
    command that opens a library."""

    def refuse(self, data, *words):
        file = harness.WORK / "damaged.so"
        file.unlink(missing_ok=True)
        if data is not None:
            file.write_bytes(data)
        for command in (("embed", file, "text"), ("inspect", file),
                        ("bench", file, "--batch", "1", "--seq", "8")):
            done = harness.bertc(*command, code=harness.BAD_MODEL)
            self.assertIn("error:", done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)
            self.assertNotIn("Traceback", done.stderr)

    def original(self):
        return bytearray(harness.compiled("minilm").read_bytes())

    def test_missing(self):
        self.refuse(None, "damaged.so")

    def test_empty(self):
        self.refuse(b"", "damaged.so")

    def test_text(self):
        self.refuse(b"not a library\n" * 100, "damaged.so")

    def test_cut_in_header(self):
        self.refuse(self.original()[:40], "damaged.so")

    def test_cut_in_half(self):
        data = self.original()
        self.refuse(data[:len(data) // 2], "damaged.so")

    def test_cut_at_the_end(self):
        self.refuse(self.original()[:-5000], "damaged.so")

    def test_other_machine(self):
        data = self.original()
        data[18] = 183  # e_machine: AArch64
        self.refuse(data, "damaged.so")

    def test_library_that_is_no_model(self):
        source = harness.WORK / "other.c"
        source.write_text("int answer(void) { return 42; }\n")
        other = harness.WORK / "other.so"
        tool("clang-22", "-shared", "-fPIC", "-o", other, source)
        self.refuse(other.read_bytes(), "damaged.so")

    def test_folder(self):
        for command in ("embed", "inspect"):
            done = harness.bertc(command, harness.WORK,
                                 *(["text"] if command == "embed" else []),
                                 code=harness.BAD_MODEL)
            self.assertIn("error:", done.stderr)
