#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Bad command lines, tensors and texts: the documented exit code, an error that
names the culprit, and no output file."""
import json
import struct
import unittest

import numpy as np

import capi
import harness
from harness import BAD_INPUT, FAILURE, USAGE

NAME = "head24-relu"  # vocab 131, positions 64, types 2


def good():
    return {"input_ids": np.full((2, 6), 9, np.int64),
            "attention_mask": np.ones((2, 6), np.int64),
            "token_type_ids": np.zeros((2, 6), np.int64)}


def changed(**changes):
    """The good tensors with some replaced, or removed where None."""
    out = {**good(), **changes}
    return {k: v for k, v in out.items() if v is not None}


def with_element(name, index, value):
    array = good()[name].copy()
    array[index] = value
    return changed(**{name: array})


class Tensors(unittest.TestCase):
    """`bertc run` on bad tensors; a test for each of CASES."""

    def refuse(self, inputs, *words, code=BAD_INPUT):
        source = harness.WORK / "bad.safetensors"
        target = harness.WORK / "none.safetensors"
        target.unlink(missing_ok=True)
        if isinstance(inputs, dict):
            harness.save_file(inputs, source)
        else:
            source.write_bytes(inputs)
        done = harness.bertc("run", harness.compiled(NAME), "--inputs",
                             source, "--outputs", target, code=code)
        self.assertIn("error:", done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertFalse(target.exists(), "an output file was left behind")

    def test_good_tensors_are_accepted(self):
        harness.run(harness.compiled(NAME), good())


def header(text, data=b""):
    """A safetensors file with this header text."""
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw + data


def entry(dtype="I64", shape=(1, 2), offsets=(0, 16)):
    return json.dumps({"input_ids": {"dtype": dtype, "shape": list(shape),
                                     "data_offsets": list(offsets)}})


CASES = {
    "no_ids": (changed(input_ids=None), "input_ids"),
    "id_too_large": (with_element("input_ids", (1, 2), 131), "131"),
    "id_negative": (with_element("input_ids", (0, 5), -1), "-1"),
    "id_huge": (with_element("input_ids", (0, 0), 1 << 40), str(1 << 40)),
    "type_too_large": (with_element("token_type_ids", (1, 1), 2),
                       "token_type_ids", "2"),
    "type_negative": (with_element("token_type_ids", (1, 1), -3), "-3"),
    "mask_two": (with_element("attention_mask", (0, 1), 2),
                 "attention_mask", "2"),
    "mask_negative": (with_element("attention_mask", (0, 1), -1),
                      "attention_mask"),
    "mask_all_zero": (with_element("attention_mask", 1, 0),
                      "attention_mask"),
    "ids_float": (changed(input_ids=np.ones((2, 6), np.float32)),
                  "input_ids"),
    "ids_one_dimension": (changed(input_ids=np.ones(6, np.int64)),
                          "input_ids"),
    "ids_three_dimensions": (changed(input_ids=np.ones((1, 2, 6), np.int64)),
                             "input_ids"),
    "ids_no_columns": (changed(input_ids=np.ones((2, 0), np.int64),
                               attention_mask=None, token_type_ids=None),
                       "input_ids"),
    "ids_no_rows": (changed(input_ids=np.ones((0, 6), np.int64),
                            attention_mask=None, token_type_ids=None),
                    "input_ids"),
    "mask_other_shape": (changed(attention_mask=np.ones((2, 5), np.int64)),
                         "attention_mask"),
    "types_other_shape": (changed(token_type_ids=np.zeros((1, 6), np.int64)),
                          "token_type_ids"),
    "longer_than_positions": (changed(
        input_ids=np.ones((1, 65), np.int64), attention_mask=None,
        token_type_ids=None), "64"),
    "unknown_tensor": (changed(input_idz=np.ones((2, 6), np.int64)),
                       "input_idz"),
    "file_empty": (b"", "bad.safetensors"),
    "file_short": (b"\x01\x02\x03", "bad.safetensors"),
    "header_longer_than_file": (struct.pack("<Q", 1 << 40) + b"{}",
                                "bad.safetensors"),
    "header_no_json": (header("not json"), "bad.safetensors"),
    "header_not_utf8": (header(b'{"\xff\xfe": 1}'), "bad.safetensors"),
    "header_deep": (header("[" * 100000), "bad.safetensors"),
    "header_deep_objects": (header('{"a":' * 100000), "bad.safetensors"),
    "unknown_dtype": (header(entry("I63"), bytes(16)), "I63"),
    "offsets_beyond_file": (header(entry(offsets=(0, 16)), bytes(8)),
                            "bad.safetensors"),
    "offsets_reversed": (header(entry(offsets=(16, 0)), bytes(16)),
                         "input_ids"),
    "offsets_not_the_shape": (header(entry(offsets=(0, 8)), bytes(8)),
                              "input_ids"),
    "shape_negative": (header(entry(shape=(-1, 2)), bytes(16)), "input_ids"),
    "shape_overflows": (header(entry(shape=(1 << 62, 1 << 62)), bytes(16)),
                        "input_ids"),
    "duplicate_tensor": (header('{"a": {"dtype": "I64", "shape": [0], '
                                '"data_offsets": [0, 0]}, "a": {"dtype": '
                                '"I64", "shape": [0], "data_offsets": '
                                '[0, 0]}}'), "a"),
}


def add(label, inputs, words):
    setattr(Tensors, f"test_{label}",
            lambda self: self.refuse(inputs, *words))


for case, (tensors, *expected) in CASES.items():
    add(case, tensors, expected)


class CommandLine(unittest.TestCase):
    def refuse(self, code, *arguments, words=(), stdin=b""):
        done = harness.bertc(*arguments, code=code, stdin=stdin)
        self.assertTrue(done.stderr.strip())
        self.assertEqual(done.stdout, "", "an error on standard output")
        for word in words:
            self.assertIn(word, done.stderr)

    def library(self):
        return harness.compiled(NAME)

    def test_nothing(self):
        self.refuse(USAGE)

    def test_unknown_command(self):
        self.refuse(USAGE, "frobnicate", words=["frobnicate"])

    def test_unknown_option(self):
        self.refuse(USAGE, "compile", harness.model(NAME), "-o",
                    harness.WORK / "x.so", "--frobnicate",
                    words=["--frobnicate"])

    def test_compile_without_model(self):
        self.refuse(USAGE, "compile", "-o", harness.WORK / "x.so")

    def test_compile_without_output(self):
        self.refuse(USAGE, "compile", harness.model(NAME))

    def test_unknown_target(self):
        self.refuse(USAGE, "compile", harness.model(NAME), "-o",
                    harness.WORK / "x.so", "--target=vax", words=["vax"])

    def test_unknown_precision(self):
        self.refuse(USAGE, "compile", harness.model(NAME), "-o",
                    harness.WORK / "x.so", "--precision=f8", words=["f8"])

    def test_unknown_stage(self):
        self.refuse(USAGE, "compile", harness.model(NAME), "-o",
                    harness.WORK / "x.so", "--emit=punchcards",
                    words=["punchcards"])

    def test_unknown_output(self):
        self.refuse(USAGE, "compile", harness.model(NAME), "-o",
                    harness.WORK / "x.so", "--outputs=nonsense",
                    words=["nonsense"])

    def test_hidden_state_out_of_range(self):
        self.refuse(USAGE, "compile", harness.model(NAME), "-o",
                    harness.WORK / "x.so", "--outputs=hidden_states[7]",
                    words=["7"])

    def test_output_folder_missing(self):
        self.refuse(FAILURE, "compile", harness.model(NAME), "-o",
                    harness.WORK / "no" / "such" / "folder" / "x.so",
                    words=["folder"])

    def test_run_without_inputs(self):
        self.refuse(USAGE, "run", self.library(), "--outputs",
                    harness.WORK / "x.safetensors", words=["--inputs"])

    def test_inputs_missing(self):
        self.refuse(BAD_INPUT, "run", self.library(), "--inputs",
                    harness.WORK / "no-such.safetensors", "--outputs",
                    harness.WORK / "x.safetensors",
                    words=["no-such.safetensors"])

    def test_texts_missing(self):
        self.refuse(BAD_INPUT, "embed", harness.compiled("minilm"), "--file",
                    harness.WORK / "no-such.txt", words=["no-such.txt"])

    def test_text_not_utf8(self):
        file = harness.WORK / "latin1.txt"
        file.write_bytes("good\ncaf\xe9\n".encode("latin-1"))
        self.refuse(BAD_INPUT, "embed", harness.compiled("minilm"), "--file",
                    file, words=["2"])

    def test_bench_zero_batch(self):
        self.refuse(USAGE, "bench", self.library(), "--batch", "0", "--seq",
                    "8", words=["0"])

    def test_bench_sequence_too_long(self):
        self.refuse(BAD_INPUT, "bench", self.library(), "--batch", "1",
                    "--seq", "65", words=["64"])

    def test_reference_of_another_model(self):
        self.refuse(BAD_INPUT, "check", self.library(), "--ref",
                    harness.GOLDEN / "base.ragged.safetensors")


class CCalls(unittest.TestCase):
    """Calls that a program gets wrong: an error code, never a crash."""

    @classmethod
    def setUpClass(cls):
        cls.model = capi.Model(harness.compiled(NAME))
        cls.session = capi.Session(cls.model, threads=2)

    @classmethod
    def tearDownClass(cls):
        cls.session.close()
        cls.model.close()

    def refuse(self, code, call, *words):
        with self.assertRaises(capi.Failure) as caught:
            call()
        self.assertEqual(caught.exception.code, code, caught.exception)
        for word in words:
            self.assertIn(word, caught.exception.message)

    def packed(self, code, ids, offsets, *words, **more):
        self.refuse(code, lambda: self.session.packed(ids, offsets, **more),
                    *words)

    def test_offsets_not_rising(self):
        self.packed(4, [9] * 6, [0, 4, 2, 6])

    def test_offsets_empty_sequence(self):
        self.packed(4, [9] * 6, [0, 3, 3, 6])

    def test_offsets_do_not_start_at_zero(self):
        self.packed(4, [9] * 6, [1, 6])

    def test_offsets_end_early(self):
        self.packed(4, [9] * 6, [0, 5])

    def test_offsets_end_late(self):
        self.packed(4, [9] * 6, [0, 7])

    def test_no_sequences(self):
        self.packed(4, [9] * 6, [0], "sequences")

    def test_too_long(self):
        self.packed(4, [9] * 65, [0, 65], "64")

    def test_id_out_of_range(self):
        self.packed(4, [9, 131], [0, 2], "131")

    def test_position_out_of_range(self):
        self.packed(4, [9, 9], [0, 2], "64", positions=[0, 64])

    def test_unknown_output(self):
        self.model.outputs["nonsense"] = (0, 72)
        try:
            self.packed(10, [9, 9], [0, 2], "nonsense", names=["nonsense"])
        finally:
            del self.model.outputs["nonsense"]

    def test_output_buffer_too_small(self):
        kind, width = self.model.outputs["last_hidden_state"]
        self.model.outputs["last_hidden_state"] = (kind, width - 1)
        try:
            self.packed(2, [9, 9], [0, 2], names=["last_hidden_state"])
        finally:
            self.model.outputs["last_hidden_state"] = (kind, width)

    def test_unknown_variant(self):
        self.refuse(2, lambda: capi.Model(harness.compiled(NAME),
                                          variant="pentium"), "pentium")

    def test_too_many_threads(self):
        self.refuse(2, lambda: capi.Session(self.model, threads=5000), "5000")

    def test_works_after_errors(self):
        self.packed(4, [9, 131], [0, 2])
        out = self.session.packed([9, 9], [0, 2])
        self.assertTrue(np.isfinite(out["last_hidden_state"]).all())
