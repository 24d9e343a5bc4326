#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""What must not change a single bit: the batch a sequence is in, the side and
amount of padding, the number of threads, the variant of the code, the element
type of the inputs, the memory that is used and what was in it."""
import unittest

import numpy as np

import capi
import harness
import seeded

LENGTHS = [1, 2, 15, 16, 17, 31, 33, 48, 5, 64, 7, 40]


class Case:
    """Sequences of LENGTHS for a model, and the outputs of each one alone."""

    def __init__(self, name, precision, emulated):
        library = harness.compiled(name, precision=precision,
                                   emulate=bool(emulated))
        self.model = capi.Model(library, variant=emulated)
        info = self.model.info
        self.sequences, self.types = [], []
        for i, length in enumerate(LENGTHS):
            pick = seeded.words(11, f"{name} {i}", 2 * length) >> np.uint64(20)
            low = min(5, info.vocab_size - 1)
            ids = low + pick[:length] % np.uint64(info.vocab_size - low)
            self.sequences.append(ids.astype(np.int64))
            self.types.append((pick[length:] % np.uint64(
                info.type_vocab_size)).astype(np.int64))
        with capi.Session(self.model, threads=1) as session:
            self.alone = [session.packed(s, [0, len(s)], t)
                          for s, t in zip(self.sequences, self.types)]

    def pack(self, order):
        offsets = np.cumsum([0] + [len(self.sequences[i]) for i in order])
        return (np.concatenate([self.sequences[i] for i in order]), offsets,
                np.concatenate([self.types[i] for i in order]))

    def pad(self, order, place):
        """Padded arrays; place(length, seq) gives the columns of a sequence.
        Masked ids are deliberately out of range: they must not be read."""
        seq = max(len(self.sequences[i]) for i in order) + 3
        ids = np.full((len(order), seq), -7, np.int64)
        mask, types, positions = (np.zeros_like(ids) for _ in range(3))
        columns = []
        for row, i in enumerate(order):
            at = place(len(self.sequences[i]), seq)
            columns.append(at)
            ids[row, at], types[row, at] = self.sequences[i], self.types[i]
            mask[row, at], positions[row, at] = 1, np.arange(len(at))
        return ids, mask, types, positions, columns


class Invariance:
    """The tests; a subclass below names the model and the precision, and the
    variant if it is one of an emulated library."""

    name = precision = ""
    emulated = None

    @classmethod
    def setUpClass(cls):
        cls.case = Case(cls.name, cls.precision, cls.emulated)

    @classmethod
    def tearDownClass(cls):
        cls.case.model.close()

    def same(self, got, want, what):
        """Equal bits; NaN would not even equal itself."""
        self.assertEqual(set(got), set(want))
        for name in want:
            self.assertEqual(got[name].shape, want[name].shape)
            different = int((got[name].view(np.uint32)
                             != want[name].view(np.uint32)).sum())
            self.assertEqual(different, 0, f"{name}, {what}")

    def kind(self, name):
        return self.case.model.outputs[name][0]

    def part(self, name, value, number, columns, rows):
        """What an output says of a sequence, whose tokens are those rows, or in
        those columns; the rest of its matrices is zero."""
        if self.kind(name) == capi.KIND_TOKEN:
            return value[rows]
        own = value[number:number + 1]
        if self.kind(name) == capi.KIND_SEQUENCE:
            return own
        matrices = own[:, :, columns[:, None], columns]
        self.assertEqual(np.count_nonzero(own), np.count_nonzero(matrices),
                         f"{name}: padding is not zero")
        return np.ascontiguousarray(matrices)

    def check_packed(self, session, order, what):
        ids, offsets, types = self.case.pack(order)
        got = session.packed(ids, offsets, types)
        for n, i in enumerate(order):
            columns = np.arange(offsets[n + 1] - offsets[n])
            part = {k: self.part(k, v, n, columns, slice(offsets[n], offsets[n + 1]))
                    for k, v in got.items()}
            self.same(part, self.case.alone[i], f"sequence {i}, {what}")

    def check_padded(self, session, order, place, what, dtype=np.int64):
        ids, mask, types, positions, columns = self.case.pad(order, place)
        got = session.padded(ids, mask, types, positions, dtype=dtype)
        for n, i in enumerate(order):
            part = {k: self.part(k, v, n, columns[n], (n, columns[n]))
                    for k, v in got.items()}
            self.same(part, self.case.alone[i], f"sequence {i}, {what}")
        for name, value in got.items():
            if self.kind(name) == capi.KIND_TOKEN:
                self.assertFalse(value[mask == 0].any(), name)

    def test_reference_is_finite(self):
        for outputs in self.case.alone:
            for name, value in outputs.items():
                self.assertTrue(np.isfinite(value).all(), name)
                self.assertTrue(value.any(), name)

    def test_batch_composition(self):
        everything = list(range(len(LENGTHS)))
        with capi.Session(self.case.model) as session:
            for order in (everything, everything[::-1], everything[3:9],
                          [4, 4, 4], everything[::2] + everything[1::2],
                          everything * 3):
                self.check_packed(session, order, f"batch {order}")

    def test_threads(self):
        for threads in (1, 2, 3, 5, 8):
            with capi.Session(self.case.model, threads=threads) as session:
                self.check_packed(session, range(len(LENGTHS)),
                                  f"{threads} threads")
                self.check_packed(session, [3], f"{threads} threads, alone")

    def test_variants(self):
        if self.precision != "f32":
            self.skipTest("variants differ in what they round, and to what")
        for variant in harness.cpu_variants():
            library = harness.compiled(self.name, precision=self.precision)
            with capi.Model(library, variant=variant) as model:
                kept, self.case.model = self.case.model, model
                try:
                    with capi.Session(model) as session:
                        self.check_packed(session, range(len(LENGTHS)),
                                          variant)
                finally:
                    self.case.model = kept
        if len(harness.cpu_variants()) < 2:
            self.skipTest("this processor runs one variant only: no AVX-512")

    def test_padding_right(self):
        with capi.Session(self.case.model) as session:
            self.check_padded(session, range(len(LENGTHS)),
                              lambda n, seq: np.arange(n), "padded right")

    def test_padding_left(self):
        with capi.Session(self.case.model) as session:
            self.check_padded(session, range(len(LENGTHS)),
                              lambda n, seq: np.arange(seq - n, seq),
                              "padded left")

    def test_padding_between(self):
        with capi.Session(self.case.model) as session:
            self.check_padded(session, [2, 0, 5, 3],
                              lambda n, seq: np.arange(n) * (seq // n),
                              "holes in the mask")

    def test_int32_inputs(self):
        with capi.Session(self.case.model) as session:
            self.check_padded(session, range(len(LENGTHS)),
                              lambda n, seq: np.arange(n), "int32", np.int32)

    def test_caller_workspace_with_rubbish(self):
        ids, offsets, _ = self.case.pack(range(len(LENGTHS)))
        size = self.case.model.workspace(2, len(ids), len(offsets) - 1,
                                         max(LENGTHS))
        memory = np.full(size + 64, 0xFF, np.uint8)  # NaN in every float
        start = -memory.ctypes.data % 64
        with capi.Session(self.case.model, threads=2,
                          workspace=memory[start:start + size]) as session:
            for _ in range(2):
                self.check_packed(session, range(len(LENGTHS)), "rubbish")
        self.assertTrue((memory[start + size:] == 0xFF).all(), "overrun")
        self.assertTrue((memory[:start] == 0xFF).all(), "underrun")

    def test_workspace_too_small_is_refused(self):
        ids, offsets, types = self.case.pack(range(len(LENGTHS)))
        size = self.case.model.workspace(2, len(ids), len(offsets) - 1,
                                         max(LENGTHS))
        memory = np.zeros(size + 64, np.uint8)
        start = -memory.ctypes.data % 64
        with capi.Session(self.case.model, threads=2,
                          workspace=memory[start:start + size - 64]) as s:
            with self.assertRaisesRegex(capi.Failure, "workspace"):
                s.packed(ids, offsets, types)

    def test_one_output_at_a_time(self):
        ids, offsets, types = self.case.pack([6, 1])
        with capi.Session(self.case.model) as session:
            every = session.packed(ids, offsets, types)
            for name in self.case.model.outputs:
                got = session.packed(ids, offsets, types, names=[name])
                self.same(got, {name: every[name]}, "asked for alone")


def add(model_name, precision, emulated=None):
    label = f"Invariance_{precision}_{model_name}"
    label = f"{label}_{emulated or ''}".rstrip("_").replace("-", "_")
    globals()[label] = type(label, (Invariance, unittest.TestCase),
                            {"name": model_name, "precision": precision,
                             "emulated": emulated})


for each in ("minilm", "head17-odd", "head24-relu",
             "head64-gelu-pytorch-tanh"):
    for kind in harness.PRECISIONS:
        add(each, kind)
for kind in ("bf16", "int8", "bf16-w8"):
    for cpu in harness.VARIANTS[2:]:
        add("head17-odd", kind, cpu)


class Text(unittest.TestCase):
    def test_embedding_does_not_depend_on_the_batch(self):
        texts = ["a", "The cat sat on the mat.", "word " * 100, "", "x " * 40]
        with capi.Model(harness.compiled("minilm")) as model:
            results = []
            for threads, tokens in ((1, 0), (2, 1), (2, 64), (3, 100000)):
                with capi.Session(model, threads=threads) as session:
                    results.append(session.embed(texts, batch_tokens=tokens))
                    alone = [session.embed([t])[0] for t in texts]
                    results.append(np.stack(alone))
            for result in results[1:]:
                self.assertTrue(np.array_equal(result, results[0]))

    def test_command_line_equals_c_api(self):
        library = harness.compiled("minilm")
        target = harness.WORK / "one.safetensors"
        harness.bertc("embed", library, "--output", target, "--", "some text")
        with capi.Model(library) as model, capi.Session(model) as session:
            want = session.embed(["some text"])
        got, = harness.load_file(target).values()
        self.assertTrue(np.array_equal(got, want))
