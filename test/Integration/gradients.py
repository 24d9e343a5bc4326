#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Gradients of compiled training functions.

The tiny model against transformers in float64 (test/Golden/training), and what
must not change a bit: threads, recomputation, freezing.
"""
import json
import shutil
import subprocess
import sys
import unittest

import capi
import harness
import numpy as np
import numpy_bert
from trainer import Trainer

HEADS = {"classify-3": "classify:3", "multilabel-4": "multilabel:4",
         "regress-1": "regress", "tag-5": "tag:5", "answer-2": "answer"}
CASES = ["classify-3.ragged", "classify-3.full", "multilabel-4.ragged",
         "regress-1.ragged", "tag-5.ragged", "answer-2.ragged",
         "answer-2.full"]
# Of float32 against float64, relative to the RMS of the gradient.
TOLERANCE = 1e-5
FOLDER = harness.GOLDEN / "training"
TINY = harness.GOLDEN.parent / "Tools" / "Inputs" / "tiny-model.py"


def compiled(head, *options):
    name = "-".join((head.replace(":", ""),) + options)
    library = harness.WORK / f"train-{name.replace('/', '_')}.so"
    if not library.exists():
        harness.bertc("compile", FOLDER, "--train", f"--head={head}", *options,
                      "-o", library)
    return library


def arguments(golden):
    """Inputs and labels of a golden file, as backward() takes them."""
    integers = lambda name: golden[name].astype(np.int64)
    if "start_positions" in golden:
        labels = np.stack([integers("start_positions"),
                           integers("end_positions")], 1)
        # transformers ignores what lies outside of the sequence.
        lengths = golden["attention_mask"].sum(1, keepdims=True)
        labels[labels >= lengths] = -100
    else:
        labels = golden["labels"]
        floats = "weight.classifier.weight" in golden and labels.ndim == 2 \
            and labels.shape != golden["input_ids"].shape
        labels = labels.astype(np.float32 if floats else np.int64)
    return dict(ids=integers("input_ids"), labels=labels,
                mask=integers("attention_mask"),
                types=integers("token_type_ids"))


def gradients(library, golden, threads=1, variant=None):
    """The loss, and gradients under the names of the golden files."""
    with capi.Model(library, variant=variant) as model, \
            Trainer(model, threads=threads, max_steps=1) as trainer:
        for name, value in golden.items():
            if name.startswith("weight."):
                trainer.write(name.removeprefix("weight."), value)
        loss = trainer.backward(**arguments(golden))
        return loss, {name.removeprefix("bert."): value
                      for name, value in trainer.gradients().items()}


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


class Gradients(unittest.TestCase):
    def compare(self, got, expected, tolerance=TOLERANCE):
        self.assertEqual(set(got), set(expected))
        largest = max(map(rms, expected.values()))
        worst = 0, ""
        for name, value in expected.items():
            self.assertEqual(got[name].shape, value.shape, name)
            # Queries and keys learn through the softmax, where almost all
            # cancels: PyTorch in float32 is off by up to 1.7e-4 of such a
            # gradient. Where softmax does not see a parameter (key biases,
            # the bias of a span's logits) there is nothing but rounding.
            size = max(rms(value), 1e-2 * largest)
            if ".query." in name or ".key." in name:
                size = max(size, largest / 20)
            error = rms(got[name] - value) / size
            worst = max(worst, (error, name))
        print(f"worst relative RMS {worst[0]:.1e} ({worst[1]})", end=" ")
        self.assertLessEqual(worst[0], tolerance, worst[1])

    def check(self, case, variant):
        golden, _ = harness.golden(f"training/{case}.safetensors")
        library = compiled(HEADS[case.split(".")[0]])
        loss, got = gradients(library, golden, variant=variant)
        self.assertAlmostEqual(loss, golden["loss"][0], delta=1e-5)
        self.compare(got, {name.removeprefix("gradient."): value
                           for name, value in golden.items()
                           if name.startswith("gradient.")})

    def equal(self, a, b):
        self.assertEqual(a[0], b[0])
        for name in b[1]:
            np.testing.assert_array_equal(a[1][name], b[1][name], name)

    def test_threads(self):
        for case in ("classify-3.ragged", "tag-5.ragged"):
            golden, _ = harness.golden(f"training/{case}.safetensors")
            library = compiled(HEADS[case.split(".")[0]])
            one = gradients(library, golden)
            for threads in (2, 3):
                self.equal(gradients(library, golden, threads), one)

    def test_recomputation(self):
        golden, _ = harness.golden("training/classify-3.ragged.safetensors")
        every = gradients(compiled("classify:3"), golden)
        for memory in (2000, 1500, 1000, 256):
            library = compiled("classify:3", "--target=x86-64-v3",
                               f"--activation-memory={memory}")
            self.equal(gradients(library, golden, threads=2), every)

    def test_freezing(self):
        golden, _ = harness.golden("training/classify-3.ragged.safetensors")
        _, every = gradients(compiled("classify:3"), golden)
        frozen = {
            "--freeze=encoder": lambda n: n.startswith("classifier"),
            "--freeze=embeddings,layers[0]":
                lambda n: ".layer.0." not in n and "embeddings" not in n,
            "--freeze=layers[1]": lambda n: ".layer.1." not in n,
            "--freeze=.*key.weight,.*value.bias":
                lambda n: "key.weight" not in n and "value.bias" not in n,
            "--freeze=.*query,.*dense.weight":
                lambda n: "query" not in n and "dense.weight" not in n,
        }
        for option, learns in frozen.items():
            with self.subTest(option):
                library = compiled("classify:3", "--target=x86-64-v3", option)
                _, got = gradients(library, golden)
                self.assertEqual(set(got), set(filter(learns, every)))
                for name, value in got.items():
                    np.testing.assert_array_equal(value, every[name], name)


class BFloat16(unittest.TestCase):
    """Tiles multiply bfloat16 where there are any; weights stay float32."""

    # Of all gradients together: products of numbers with 8 bits. Under
    # autocast, PyTorch's are off by 4e-2 to 9e-2 in many parameters here.
    TOLERANCE = 6e-2

    def test_tiles(self):
        golden, _ = harness.golden("training/tag-5.ragged.safetensors")
        library = compiled("tag:5", "--precision=bf16", "--emulate=all",
                           "--target=x86-64-v3,x86-64-v4-amx")
        loss, got = gradients(library, golden, variant="x86-64-v4-amx")
        self.assertAlmostEqual(loss, golden["loss"][0], delta=2e-2)
        expected = np.concatenate([golden["gradient." + n].ravel()
                                   for n in got])
        error = rms(np.concatenate([g.ravel() for g in got.values()])
                    - expected) / rms(expected)
        print(f"relative RMS {error:.1e}", end=" ")
        self.assertLessEqual(error, self.TOLERANCE)
        self.assertGreater(error, self.TOLERANCE / 100)  # it is bfloat16
        again, other = gradients(library, golden, threads=3,
                                 variant="x86-64-v4-amx")
        self.assertEqual(again, loss)
        for name, value in got.items():
            np.testing.assert_array_equal(other[name], value, name)
        plain = gradients(compiled("tag:5"), golden, variant="x86-64-v3")
        without = gradients(library, golden, variant="x86-64-v3")
        self.assertEqual(plain[0], without[0])
        for name, value in plain[1].items():
            np.testing.assert_array_equal(without[1][name], value, name)

    def test_wide_intermediate(self):
        """Whole tile registers wide: it is bfloat16, saved before its activation
        or computed again."""
        folder = harness.WORK / "train-wide"
        subprocess.run([sys.executable, TINY, folder, "2", "64"], check=True)
        random = np.random.default_rng(5)
        inputs = {"input_ids": random.integers(5, 50, (4, 17)),
                  "labels": np.array([0, 2, 1, 1]),
                  "attention_mask": np.arange(17) < [[17], [1], [9], [16]],
                  "token_type_ids": np.zeros((4, 17))}
        for memory in ("--activation-memory=4000", "--activation-memory=1500"):
            library = harness.WORK / f"train-wide{memory[20:]}.so"
            harness.bertc("compile", folder, "--train", "--head=classify:3",
                          "--precision=bf16", "--emulate=all", memory,
                          "--target=x86-64-v3,x86-64-v4-amx", "-o", library)
            plain, exact = gradients(library, inputs, variant="x86-64-v3")
            loss, got = gradients(library, inputs, variant="x86-64-v4-amx")
            self.assertAlmostEqual(loss, plain, delta=2e-2)
            every = lambda g: np.concatenate([v.ravel() for v in g.values()])
            error = rms(every(got) - every(exact)) / rms(every(exact))
            self.assertLessEqual(error, self.TOLERANCE, memory)

    def test_native(self):
        golden, _ = harness.golden("training/classify-3.full.safetensors")
        library = compiled("classify:3", "--precision=bf16",
                           "--target=x86-64-v4-amx")
        try:
            with capi.Model(library):
                pass
        except capi.Failure as failure:
            self.skipTest(str(failure))
        emulated = compiled("classify:3", "--precision=bf16", "--emulate=all",
                            "--target=x86-64-v4-amx")
        loss, got = gradients(library, golden)
        other, expected = gradients(emulated, golden)
        self.assertAlmostEqual(loss, other, delta=1e-6)
        for name, value in expected.items():
            np.testing.assert_allclose(
                got[name], value, rtol=0,
                atol=1e-5 * max(map(rms, expected.values())), err_msg=name)


class Dropout(unittest.TestCase):
    """With dropout there is no other engine that draws the same bits, so the
    forward pass is checked against numpy in float64, with its own Philox, and
    gradients against differences of that: one direction in each parameter."""

    SEED = 0x123456789ABCDEF

    @classmethod
    def setUpClass(cls):
        cls.config = json.loads((FOLDER / "config.json").read_text())
        cls.config.update(hidden_dropout_prob=0.1, classifier_dropout=0.25,
                          attention_probs_dropout_prob=0.2)
        folder = harness.WORK / "dropout"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(cls.config))
        shutil.copy(FOLDER / "model.safetensors", folder)
        cls.library = harness.WORK / "dropout.so"
        harness.bertc("compile", folder, "--train", "--head=classify:3", "-o",
                      cls.library)
        cls.again = harness.WORK / "dropout-again.so"
        harness.bertc("compile", folder, "--train", "--head=classify:3", "-o",
                      cls.again, "--activation-memory=256",
                      "--target=x86-64-v3")
        cls.golden, _ = harness.golden("training/classify-3.ragged.safetensors")

    def steps(self, library, threads=1, variant=None):
        """Loss and gradients of two steps, which do not draw the same."""
        given = arguments(self.golden)
        with capi.Model(library, variant=variant) as model, Trainer(
                model, threads=threads, seed=self.SEED, max_steps=1) as trainer:
            for name, value in self.golden.items():
                if name.startswith("weight."):
                    trainer.write(name.removeprefix("weight."), value)
            weights = {n.removeprefix("bert."): trainer.read(n)
                       for n in trainer.parameters}
            results = []
            for _ in range(2):
                trainer.call("zero_gradients", trainer.handle)
                loss = trainer.backward(**given)
                results.append((loss, {
                    n.removeprefix("bert."): g
                    for n, g in trainer.gradients().items()}))
        return weights, given, results

    def test_numpy(self):
        weights, given, results = self.steps(self.library)
        weights = {n: w.astype(np.float64) for n, w in weights.items()}
        random = np.random.default_rng(5)

        def reference(changed, step):
            return numpy_bert.loss(
                self.config, changed, given["ids"], given["mask"],
                given["types"], given["labels"],
                numpy_bert.Dropout(self.SEED, step))

        self.assertNotEqual(results[0][0], results[1][0])
        for step, (loss, gradients) in enumerate(results):
            self.assertAlmostEqual(loss, reference(weights, step), delta=1e-6)
            largest = max(map(rms, gradients.values()))
            for name, gradient in gradients.items():
                direction = random.standard_normal(gradient.shape)
                delta = 1e-5
                ends = [reference({**weights, name: weights[name] +
                                   sign * delta * direction}, step)
                        for sign in (1, -1)]
                expected = (ends[0] - ends[1]) / (2 * delta)
                self.assertAlmostEqual(
                    float(np.sum(gradient * direction)), expected, msg=name,
                    delta=1e-5 * largest * np.sqrt(gradient.size))

    def test_same_bits(self):
        one = self.steps(self.library)[2]
        for library, threads, variant in (
                (self.library, 2, None), (self.library, 3, "x86-64-v3"),
                (self.again, 2, None)):
            other = self.steps(library, threads, variant)[2]
            for (loss, got), (expected, gradients) in zip(other, one):
                self.assertEqual(loss, expected)
                for name, gradient in gradients.items():
                    np.testing.assert_array_equal(got[name], gradient, name)


def add(case, variant):
    def test(self):
        self.check(case, variant)
    name = f"test_{case}_{variant}".replace("-", "_").replace(".", "_")
    setattr(Gradients, name, test)


for _case in CASES:
    for _variant in ("x86-64-v3", "x86-64-v4"):
        add(_case, _variant)
