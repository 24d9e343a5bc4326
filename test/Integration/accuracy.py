#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Every stored value of every model, by the command line and each variant that
this processor runs."""
import json
import unittest

import numpy as np

import capi
import harness
import seeded


# The largest relative RMS error of an output, and the least mean cosine of
# MiniLM's embeddings. What a file of golden values allows is for f32.
RMS = {"f32-fast": 1e-5, "f16": 1e-3, "bf16": 1e-2, "int8": 3e-2, "bf16-w8": 3e-2}
# Of attention's weights: their relative error is the absolute one of scores,
# which are large in the seeded models.
WEIGHTS_RMS = {"f32-fast": 4e-5, "f16": 2e-3, "bf16": 2.5e-2, "int8": 6.5e-2,
               "bf16-w8": 4.5e-2}
COSINE = {"f32-fast": 0.999999, "f16": 0.99999, "bf16": 0.9999, "int8": 0.999,
          "bf16-w8": 0.999}


def rms_limit(name, file, about, precision, variant):
    if name.startswith("attentions.") and precision in WEIGHTS_RMS:
        return WEIGHTS_RMS[precision]
    if precision == "f32-fast" and name == "pooler_output" and \
            variant.endswith("-amx"):
        return 1.3e-5  # x in two bfloat16, too, and tanh's input is near 0
    if precision == "int8" and file.startswith("minilm.") and \
            variant not in ("x86-64-v3", "x86-64-v4"):
        return 3.3e-2  # uneven ranges in 8 bits (VNNI, AMX)
    return RMS.get(precision, float(about["tolerance_relative_rms"]))


def compare(test, got, file, precision, variant):
    """Hold the outputs of a run against a golden file; returns the worst
    (largest difference, relative RMS)."""
    want, about = harness.golden(file)
    allowed = float(about["tolerance_max"]) if precision == "f32" else np.inf
    worst, worst_rms = 0.0, 0.0
    inputs = ("input_ids", "attention_mask", "token_type_ids", "rows")
    for name, value in want.items():
        if name in inputs:
            continue
        test.assertIn(name, got, f"of {sorted(got)}")
        out = got[name]
        test.assertEqual(out.dtype, np.float32)
        if name.startswith("attentions."):
            mask = want["attention_mask"] == 1
            real = mask[:, None, :, None] & mask[:, None, None, :]
            test.assertFalse((out * ~real).any(), f"{name}: padding is not zero")
            if "rows" in want:
                out = seeded.attention_rows(out, want["rows"])
        elif value.ndim == 3 or "rows" in want and name != "pooler_output":
            test.assertEqual(out.shape[:2], want["input_ids"].shape)
            padding = out[want["attention_mask"] == 0]
            test.assertFalse(padding.any(), f"{name}: padding is not zero")
        if "rows" in want and name.startswith(("last", "hidden")):
            out = out.reshape(-1, out.shape[-1])[want["rows"]]
        test.assertEqual(out.shape, value.shape, name)
        test.assertTrue(np.isfinite(out).all(), f"{name} has a NaN or infinity")
        difference = float(np.abs(out - value).max())
        rms = float(harness.relative_rms(out, value))
        test.assertLessEqual(difference, allowed, name)
        test.assertLessEqual(
            rms, rms_limit(name, file, about, precision, variant), name)
        worst, worst_rms = max(worst, difference), max(worst_rms, rms)
    return worst, worst_rms


class Outputs(unittest.TestCase):
    """A test for each golden file, variant and precision, added below."""


def add(file, variant, precision):
    name, kind = file[: -len(".safetensors")].rsplit(".", 1)

    def test(self):
        library = harness.compiled(name, precision=precision)
        want, _ = harness.golden(file)
        inputs = {k: want[k] for k in ("input_ids", "attention_mask",
                                       "token_type_ids")}
        got = harness.run(library, inputs, {"BERTC_CPU": variant})
        worst, rms = compare(self, got, file, precision, variant)
        print(f"max {worst:.1e}, relative RMS {rms:.1e}", end=" ... ")

    label = f"test_{precision}_{name}_{kind}_{variant}".replace("-", "_")
    setattr(Outputs, label, test)


for golden_file in sorted(harness.GOLDEN.glob("*.*.safetensors")):
    for each in harness.PRECISIONS:
        for cpu in harness.cpu_variants(each):
            add(golden_file.name, cpu, each)


class Emulated(unittest.TestCase):
    """The programs of every variant, with plain code for the instructions that
    this processor lacks: within the limits, and where variants round to the
    same, with the same bits."""

    SAME = {"int8": [("x86-64-v3", "x86-64-v4")],
            "bf16": [("x86-64-v3", "x86-64-v4")],
            "bf16-w8": [("x86-64-v3", "x86-64-v4")],
            "f32-fast": [("x86-64-v3", "x86-64-v4")]}

    def check(self, name, precision):
        library = harness.compiled(name, precision=precision, emulate=True)
        file = f"{name}.ragged.safetensors"
        want, _ = harness.golden(file)
        inputs = {k: want[k] for k in ("input_ids", "attention_mask",
                                       "token_type_ids")}
        results = {}
        for variant in harness.variants_of(precision):
            results[variant] = harness.run(library, inputs,
                                           {"BERTC_CPU": variant})
            _, rms = compare(self, results[variant], file, precision, variant)
            print(f"{variant}: relative RMS {rms:.1e}", end=" ... ")
        for one, other in self.SAME.get(precision, []):
            for key, value in results[one].items():
                self.assertTrue(np.array_equal(value, results[other][key]),
                                f"{key} of {one} and {other}")

    def test_bf16_padded_heads(self):
        self.check("head17-odd", "bf16")

    def test_bf16_relu(self):
        self.check("head24-relu", "bf16")

    def test_bf16_minilm(self):
        self.check("minilm", "bf16")

    def test_f32_fast_padded_heads(self):
        self.check("head17-odd", "f32-fast")

    def test_f32_fast_relu(self):
        self.check("head24-relu", "f32-fast")

    def test_bf16_w8_padded_heads(self):
        self.check("head17-odd", "bf16-w8")

    def test_bf16_w8_relu(self):
        self.check("head24-relu", "bf16-w8")

    def test_bf16_w8_minilm(self):
        self.check("minilm", "bf16-w8")

    def test_int8_minilm(self):
        self.check("minilm", "int8")

    def test_int8_padded_heads(self):
        self.check("head17-odd", "int8")

    def test_int8_relu(self):
        self.check("head24-relu", "int8")


class Check(unittest.TestCase):
    """`bertc check` finds a right reference right and a wrong one wrong."""

    FILE = "head16-gelu.ragged.safetensors"

    def test_right_reference(self):
        harness.bertc("check", harness.compiled("head16-gelu"), "--ref",
                      harness.GOLDEN / self.FILE)

    def test_wrong_layer_is_named(self):
        tensors, _ = harness.golden(self.FILE)
        for name in ("hidden_states.1", "hidden_states.2",
                     "last_hidden_state"):
            tensors[name] = tensors[name].copy()
            tensors[name][0, 0, 0] += 1
        wrong = harness.WORK / "wrong.safetensors"
        harness.save_file(tensors, wrong)
        done = harness.bertc("check", harness.compiled("head16-gelu"),
                             "--ref", wrong, code=harness.INACCURATE)
        self.assertIn("hidden_states.1", done.stdout + done.stderr)


class MiniLM(unittest.TestCase):
    """Text to embedding, against sentence-transformers."""

    def test_precisions(self):
        """The cosine over all texts, for each precision."""
        want = self.want["embeddings"].astype(np.float64)
        for precision in sorted(set(harness.PRECISIONS) & set(COSINE)):
            least = COSINE[precision]
            library = harness.compiled("minilm", precision=precision)
            with self.subTest(precision), capi.Model(library) as model, \
                    capi.Session(model) as session:
                got = session.embed(self.texts)
                norms = (np.linalg.norm(got, axis=1)
                         * np.linalg.norm(want, axis=1))
                cosine = (got * want).sum(1) / norms
                print(f"{precision}: cosine {cosine.mean():.6f}, at least "
                      f"{cosine.min():.6f}", end=" ... ")
                self.assertGreaterEqual(cosine.mean(), least)

    def test_calibration(self):
        """Balanced ranges bring the embeddings closer."""
        calibrated = harness.WORK / "calibrated-int8.so"
        harness.bertc("compile", harness.model("minilm"), "-o", calibrated,
                      "--precision=int8", "--outputs=sentence_embedding",
                      f"--calibrate={harness.calibration_texts()}")
        errors = []
        for library in (harness.compiled("minilm", precision="int8"),
                        calibrated):
            with capi.Model(library) as model, capi.Session(model) as session:
                errors.append(float(harness.relative_rms(
                    session.embed(self.texts), self.want["embeddings"])))
        print("relative RMS {:.1e}, calibrated {:.1e}".format(*errors),
              end=" ... ")
        self.assertLess(errors[1], 0.9 * errors[0])

    @classmethod
    def setUpClass(cls):
        cls.want, about = harness.golden("minilm.safetensors")
        cls.largest = float(about["tolerance_max"])
        cls.cosine = float(about["tolerance_cosine"])
        cls.texts = json.loads(
            (harness.GOLDEN / "minilm-texts.json").read_text())
        cls.library = harness.compiled("minilm")

    def hold(self, got):
        want = self.want["embeddings"].astype(np.float64)
        self.assertEqual(got.shape, want.shape)
        self.assertGreaterEqual(len(want), 200)
        norms = np.linalg.norm(got, axis=1) * np.linalg.norm(want, axis=1)
        cosine = (got * want).sum(1) / norms
        difference = np.abs(got - want).max(1)
        bad = [(t[:60], c, d) for t, c, d in
               zip(self.texts, cosine, difference)
               if not (c >= self.cosine and d <= self.largest)]
        self.assertEqual(bad, [])
        print(f"max {difference.max():.1e}, cosine {cosine.min():.9f}",
              end=" ... ")

    def test_token_ids(self):
        offsets = self.want["offsets"]
        with capi.Model(self.library) as model:
            for i, text in enumerate(self.texts):
                want = self.want["ids"][offsets[i]:offsets[i + 1]]
                got = model.tokenize(text, limit=256)
                self.assertEqual(got.tolist(), want.tolist(), repr(text[:60]))

    def test_embed_arguments(self):
        done = harness.bertc("embed", self.library, "--", *self.texts)
        self.hold(np.array([json.loads(l) for l in done.stdout.splitlines()]))

    def test_embed_file(self):
        """One text a line, to a safetensors file; no text with a line end."""
        keep = [i for i, t in enumerate(self.texts)
                if not set(t) & set("\n\r")]
        file = harness.WORK / "texts.txt"
        file.write_bytes("".join(self.texts[i] + "\n" for i in keep).encode())
        target = harness.WORK / "embeddings.safetensors"
        harness.bertc("embed", self.library, "--file", file, "--output",
                      target)
        got = list(harness.load_file(target).values())
        self.assertEqual(len(got), 1)
        want = self.want["embeddings"][keep]
        self.assertEqual(got[0].shape, want.shape)
        self.assertLessEqual(np.abs(got[0] - want).max(), self.largest)

    def test_embed_c_api(self):
        for variant in harness.cpu_variants():
            with capi.Model(self.library, variant=variant) as model, \
                    capi.Session(model) as session:
                self.hold(session.embed(self.texts))
