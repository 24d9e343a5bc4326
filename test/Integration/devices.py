#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Models on a GPU, which the emulator and the stand-in for the CUDA driver are
unless run.py has a --device: whole programs against stored values and against
the processor's."""
import functools
import json
import os
import re
import shutil
import unittest

import numpy as np

import harness
from accuracy import COSINE, RMS, compare

# A sum of tensor cores is rounded otherwise than a processor's.
PRECISIONS = ("bf16", "f16", "int8", "f32-fast", "f32")
LEAST = {**COSINE, "f32": 0.9999999}


DEVICE = os.environ.get("BERTC_TEST_DEVICE")


@functools.lru_cache(None)
def capability():
    """That of the device of the tests, "9.0"."""
    said = harness.bertc("doctor").stdout
    found = re.search(rf"^{DEVICE} .* compute capability ([0-9.]+)", said, re.M)
    if not found:
        raise AssertionError(f"there is no {DEVICE}:\n{said}")
    return found[1]


def on_device(folder, stem, *options):
    """A library for a GPU, and the environment in which it runs."""
    library = harness.WORK / (stem + ".so")
    harness.bertc("compile", folder, "-o", library, *options)
    if DEVICE:
        if "--target=cuda:sm_90a" in options and capability() != "9.0":
            raise unittest.SkipTest(f"{DEVICE} does not run code for sm_90a")
        return library, {"BERTC_DEVICE": DEVICE}
    kernels, emulated = (harness.WORK / (stem + suffix)
                         for suffix in (".mlir", ".emulated.so"))
    harness.bertc("compile", folder, "-o", kernels, "--emit=llvm", *options)
    harness.tool("bertc-gpu-emulate", kernels, "-o", emulated)
    target = next(o for o in options if o.startswith("--target="))
    return library, {
        "LD_LIBRARY_PATH": str(harness.BUILD / "lib" / "stand-in-driver"),
        "BERTC_GPU_EMULATED": str(emulated),
        "BERTC_EMULATED_GPU": target.split(":")[1].rstrip("a"),
        "BERTC_DEVICE": "cuda:0"}


@functools.lru_cache(None)
def compiled(name, precision, target="cuda:sm_80", outputs=None):
    outputs = outputs or harness.every_output(name)
    stem = f"{name}-{precision}-{target.replace(':', '-')}"
    return on_device(harness.model(name), stem, f"--target={target}",
                     f"--precision={precision}", f"--outputs={outputs}")


class Outputs(unittest.TestCase):
    """Every stored value of some models: padded heads, odd widths, ragged and
    full batches, each activation."""

    def check(self, name, kind, precision, target="cuda:sm_80"):
        library, environment = compiled(name, precision, target)
        file = f"{name}.{kind}.safetensors"
        want, _ = harness.golden(file)
        inputs = {k: want[k] for k in ("input_ids", "attention_mask",
                                       "token_type_ids")}
        got = harness.run(library, inputs, environment)
        worst, rms = compare(self, got, file, precision, target)
        print(f"max {worst:.1e}, relative RMS {rms:.1e}", end=" ... ")


def add(name, kind, precision, target="cuda:sm_80"):
    label = f"test_{name}_{kind}_{precision}_{target.split(':')[1]}"
    setattr(Outputs, label.replace("-", "_"),
            lambda self: self.check(name, kind, precision, target))


for each in PRECISIONS:
    for model in ("head17-odd", "head20-silu", "head32-gelu-new",
                  "head128-tanh"):
        add(model, "ragged", each)
    add("head32-gelu-new", "ragged", each, "cuda:sm_90a")
add("head24-relu", "full", "f32")
add("head64-gelu-pytorch-tanh", "ragged", "f32")
add("head17-odd", "ragged", "f32", "cuda:sm_90a")


class Hopper(unittest.TestCase):
    """Layers in batches of each size for which another kernel is the best,
    those with wgmma and ping-pong among them, beside the processor's float32."""

    LONGEST = 60
    LIMITS = {**RMS, "f32": 2e-6}  # what golden values allow

    def batch(self, tokens):
        rows = -(-tokens // self.LONGEST)
        shape = (rows, self.LONGEST)
        ids = np.random.default_rng(tokens).integers(1, 130, shape)
        lengths = tokens * np.arange(rows + 1) // rows
        mask = np.arange(self.LONGEST) < np.diff(lengths)[:, None]
        return {"input_ids": ids.astype(np.int64),
                "attention_mask": mask.astype(np.int64)}

    def check(self, name, precision, counts, kind="_wgmma"):
        """Some batch uses a kernel of that kind. Returns the linear kernels
        that none used, as far as the emulator tells."""
        output = "last_hidden_state"
        library, environment = compiled(name, precision, "cuda:sm_90a", output)
        reference = harness.compiled(name, f"--outputs={output}")
        launched, worst = set(), 0.0
        for tokens in counts:
            inputs = self.batch(tokens)
            got, talk = harness.run_aloud(
                library, inputs, {**environment, "BERTC_EMULATED_GPU_LOG": "1"})
            want = harness.run(reference, inputs)
            launched.update(re.findall(r"driver: (linear_\w+),", talk))
            rms = float(harness.relative_rms(got[output], want[output]))
            self.assertLessEqual(rms, self.LIMITS[precision], f"{tokens} tokens")
            worst = max(worst, rms)
        print(f"relative RMS {worst:.1e}", end=" ... ")
        if DEVICE:
            return set()
        kernels = set(re.findall(r"llvm\.func @(linear_\w+)",
                                 library.with_suffix(".mlir").read_text()))
        print(f"{len(launched)} of {len(kernels)} kernels", end=" ... ")
        self.assertLessEqual(launched, kernels)
        self.assertTrue(any(kind in kernel for kernel in launched))
        return kernels - launched

    def test_base_every_plan(self):
        counts = (1, 20, 70, 130, 260, 520, 1030, 4100)
        self.assertEqual(self.check("wide", "bf16", counts, "_pingpong"), set())

    def test_many_tokens_f16(self):
        self.check("head128-tanh", "f16", (20, 300, 4200))

    def test_many_tokens_f32_fast(self):
        self.check("head128-tanh", "f32-fast", (300, 4200))

    def test_many_tokens_f32(self):
        self.check("head128-tanh", "f32", (300, 4200))


class MiniLM(unittest.TestCase):
    """The real model, text to embedding, against sentence-transformers."""

    TEXTS = 12  # of all; the emulator takes a second for some of them

    @classmethod
    def setUpClass(cls):
        want, _ = harness.golden("minilm.safetensors")
        texts = json.loads((harness.GOLDEN / "minilm-texts.json").read_text())
        picked = [i for i, text in enumerate(texts)
                  if text and len(text) < 120][: cls.TEXTS]
        cls.texts = [texts[i] for i in picked]
        cls.want = want["embeddings"][picked].astype(np.float64)

    def check(self, precision):
        library, environment = compiled("minilm", precision,
                                        outputs="sentence_embedding")
        done = harness.bertc("embed", library, "--", *self.texts,
                             env=environment)
        got = np.array([json.loads(l) for l in done.stdout.splitlines()])
        self.assertEqual(got.shape, self.want.shape)
        cosine = (got * self.want).sum(1) / (
            np.linalg.norm(got, axis=1) * np.linalg.norm(self.want, axis=1))
        print(f"cosine at least {cosine.min():.9f}", end=" ... ")
        self.assertGreaterEqual(cosine.min(), LEAST[precision])

    def test_bf16(self):
        self.check("bf16")

    def test_f16(self):
        self.check("f16")

    def test_int8(self):
        self.check("int8")

    def test_f32_fast(self):
        self.check("f32-fast")

    def test_f32(self):
        self.check("f32")


class Int8Alone(unittest.TestCase):
    """Sums of int8 are exact: a sequence has the same bits in any batch, with
    any padding."""

    def check(self, name, target):
        library, environment = compiled(name, "int8", target)
        want, _ = harness.golden(f"{name}.ragged.safetensors")
        inputs = {k: want[k] for k in ("input_ids", "attention_mask",
                                       "token_type_ids")}
        together = harness.run(library, inputs, environment)
        for row, mask in enumerate(want["attention_mask"]):
            keep = mask.astype(bool)
            alone = harness.run(library, {k: v[row : row + 1, keep]
                                          for k, v in inputs.items()},
                                environment)
            self.assertTrue(np.array_equal(
                alone["last_hidden_state"][0],
                together["last_hidden_state"][row, keep]), f"sequence {row}")

    def test_head20_silu(self):
        self.check("head20-silu", "cuda:sm_80")

    def test_head32_gelu_new(self):
        self.check("head32-gelu-new", "cuda:sm_90a")


class Float16(unittest.TestCase):
    """What does not fit 65504."""

    def changed(self, label, change):
        folder = harness.WORK / f"f16-{label}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(harness.model("head16-gelu"), folder)
        file = folder / "model.safetensors"
        weights = dict(harness.load_file(file))
        name = change(weights)
        harness.save_file(weights, file)
        return folder, name

    def test_weight(self):
        def change(weights):
            name = next(n for n in sorted(weights)
                        if n.endswith("intermediate.dense.weight"))
            weights[name] = weights[name].copy()
            weights[name][3, 5] = 7e4
            return name

        folder, name = self.changed("weight", change)
        done = harness.bertc("compile", folder, "-o", harness.WORK / "f16.so",
                             "--target=cuda:sm_80", "--precision=f16",
                             code=harness.BAD_MODEL)
        for word in (name, "70000", "row 3, column 5", "float16",
                     "--precision=bf16"):
            self.assertIn(word, done.stderr)

    def test_activation(self):
        # Queries, keys and values become infinite, and nothing hides that.
        def change(weights):
            name = next(n for n in sorted(weights)
                        if n.endswith("0.attention.self.value.bias"))
            weights[name] = weights[name] + np.float32(1e5)
            return name

        folder, _ = self.changed("activation", change)
        want, _ = harness.golden("head16-gelu.ragged.safetensors")
        inputs = {"input_ids": want["input_ids"],
                  "attention_mask": want["attention_mask"]}
        got = {}
        for precision in ("f16", "bf16"):
            library, environment = on_device(
                folder, f"activation-{precision}", "--target=cuda:sm_80",
                f"--precision={precision}", "--outputs=last_hidden_state")
            got[precision] = harness.run(library, inputs, environment)[
                "last_hidden_state"][want["attention_mask"] != 0]
        self.assertTrue(np.isnan(got["f16"]).all())
        self.assertTrue(np.isfinite(got["bf16"]).all())


class BothInOneLibrary(unittest.TestCase):
    """One library for the processor and a GPU; the caller chooses."""

    def test_environment_chooses(self):
        name = "head16-gelu"
        folder = harness.model(name)
        library = harness.WORK / "both.so"
        variant = harness.cpu_variants()[0]
        harness.bertc("compile", folder, "-o", library,
                      f"--target={variant},cuda:sm_80",
                      "--outputs=last_hidden_state")
        _, environment = compiled(name, "f32", outputs="last_hidden_state")
        want, _ = harness.golden(f"{name}.ragged.safetensors")
        inputs = {k: want[k] for k in ("input_ids", "attention_mask",
                                       "token_type_ids")}
        results = {}
        for device in ("cpu", environment["BERTC_DEVICE"]):
            results[device] = harness.run(
                library, inputs, {**environment, "BERTC_DEVICE": device})[
                    "last_hidden_state"]
            self.assertLessEqual(
                harness.relative_rms(results[device],
                                     want["last_hidden_state"]), 1e-6)
        # Both are right, and it was not the same code.
        self.assertFalse(np.array_equal(*results.values()))


class Refused(unittest.TestCase):
    def refuse(self, *options, words):
        done = harness.bertc("compile", harness.model("head16-gelu"), "-o",
                             harness.WORK / "refused.so", *options,
                             code=harness.USAGE)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertFalse((harness.WORK / "refused.so").exists())

    def test_precision(self):
        self.refuse("--target=cuda:sm_80", "--precision=bf16-w8",
                    words=["--precision=bf16-w8", "cuda:sm_80", "f32-fast"])

    def test_int8_training(self):
        self.refuse("--target=cuda:sm_80", "--train", "--head=classify:2",
                    "--precision=int8", words=["--train", "int8"])

    def test_calibration(self):
        texts = harness.WORK / "texts.txt"
        texts.write_text("a text\n")
        self.refuse("--target=x86-64-v3,cuda:sm_80", "--precision=int8",
                    f"--calibrate={texts}",
                    words=["--calibrate", "cuda:sm_80"])

    def test_f16(self):
        self.refuse("--precision=f16", words=["--precision=f16", "x86-64-v3",
                                              "--target=cuda:sm_80"])

    def test_f16_training(self):
        self.refuse("--target=cuda:sm_80", "--train", "--head=classify:2",
                    "--precision=f16", words=["--train", "f16", "bf16"])

    def test_training(self):
        self.refuse("--target=cuda:sm_80,x86-64-v3", "--train",
                    "--head=classify:2", "--precision=f32-fast",
                    words=["--train", "f32-fast", "f32 or bf16"])

    def test_unknown_gpu(self):
        self.refuse("--target=cuda:sm_70",
                    words=["cuda:sm_70", "cuda:sm_80", "cuda:sm_90a"])

    def test_stage(self):
        self.refuse("--target=cuda:sm_80", "--emit=asm",
                    words=["--emit", "cuda:sm_80", "ptx"])

    def test_ptx_without_gpu(self):
        self.refuse("--emit=ptx", words=["--emit=ptx", "cuda:sm_80"])

    @unittest.skipIf(DEVICE, "there is a driver")
    def test_no_driver(self):
        library, environment = compiled("head16-gelu", "f32",
                                        outputs="last_hidden_state")
        want, _ = harness.golden("head16-gelu.ragged.safetensors")
        source = harness.WORK / "device-in.safetensors"
        harness.save_file({"input_ids": want["input_ids"]}, source)
        done = harness.bertc("run", library, "--inputs", source, "--outputs",
                             harness.WORK / "device-out.safetensors",
                             env={**environment, "LD_LIBRARY_PATH": "",
                                  "BERTC_EMULATED_GPU": "none"},
                             code=harness.NO_DEVICE)
        self.assertIn("CUDA driver", done.stderr)


if __name__ == "__main__":
    unittest.main()
