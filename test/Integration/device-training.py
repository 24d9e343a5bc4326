#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Training on a GPU, which the emulator and the stand-in for the CUDA driver
are: gradients against transformers' in float64, steps against PyTorch's and the
processor's."""
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import finetune
import gradients
import harness
import numpy as np
import training
from devices import on_device
from safetensors.numpy import load_file

HERE = pathlib.Path(__file__).resolve().parent
# Relative to the size of a gradient, see gradients.py. bfloat16 has 8 bits, two
# of them 16; what cancels in a softmax loses more.
TOLERANCE = {"f32": 1e-5, "f32-fast": 2e-4, "bf16": 2e-2}


@functools.lru_cache(None)
def compiled(head, precision, target, *options):
    stem = "-".join((head, precision, target) + options)
    return on_device(gradients.FOLDER, stem.replace(":", "").replace("/", "_"),
                     "--train", f"--head={head}", f"--precision={precision}",
                     f"--target={target}", *options)


def steps(library, environment, *arguments):
    out = harness.WORK / "device-steps.safetensors"
    out.unlink(missing_ok=True)
    subprocess.run(
        [sys.executable, HERE / "device-steps.py", library, out,
         *map(str, arguments)], check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path),
             **environment})
    return load_file(out)


class Gradients(gradients.Gradients):
    """Every parameter's, of every head."""

    def check_device(self, case, precision, target, *options):
        golden, _ = harness.golden(f"training/{case}.safetensors")
        found = steps(*compiled(gradients.HEADS[case.split(".")[0]], precision,
                                target, *options), case)
        self.assertAlmostEqual(found["loss"][0], golden["loss"][0],
                               delta=TOLERANCE[precision])
        named = lambda values: {
            name.removeprefix("gradient."): value
            for name, value in values.items() if name.startswith("gradient.")}
        self.compare(named(found), named(golden), TOLERANCE[precision])
        return found


for name in [n for n in dir(Gradients) if n.startswith("test_")]:
    setattr(Gradients, name, None)  # those of processors


def add(case, precision, target="cuda:sm_80", *options):
    name = "_".join(("test", case, precision, target.split(":")[1]) + options)
    setattr(Gradients, name.replace("-", "_").replace(".", "_"),
            lambda self: self.check_device(case, precision, target, *options))


for each in gradients.CASES:
    add(each, "f32")
for each in ("f32-fast", "bf16"):
    add("classify-3.ragged", each)
    add("classify-3.ragged", each, "cuda:sm_90a")
add("tag-5.ragged", "f32", "cuda:sm_90a")
add("classify-3.ragged", "f32", "cuda:sm_80", "--activation-memory=256")


class MiniLMSized(unittest.TestCase):
    """Layers of that size, against the processor's gradients, which are held
    against PyTorch's in `gradients`."""

    compare = gradients.Gradients.compare

    def check_sizes(self, precision):
        folder = harness.model("minilm-sized")
        random = np.random.default_rng(3)
        batch = harness.WORK / "device-batch.safetensors"
        ids = random.integers(5, 131, (2, 24))
        mask = np.arange(24) < np.array([[24], [5]])
        harness.save_file({"input_ids": ids, "labels": np.array([2, 0]),
                           "attention_mask": mask.astype(np.int64),
                           "token_type_ids": ids % 2}, batch)
        options = ("--train", "--head=classify:3")
        library = harness.WORK / "device-sized-cpu.so"
        harness.bertc("compile", folder, "-o", library, *options)
        want = steps(library, {"BERTC_DEVICE": "cpu"}, batch)
        found = steps(*on_device(folder, f"device-sized-{precision}", *options,
                                 "--target=cuda:sm_80",
                                 f"--precision={precision}"), batch)
        only = lambda values: {name: value for name, value in values.items()
                               if name.startswith("gradient.")}
        self.compare(only(found), only(want), TOLERANCE[precision])

    def test_f32(self):
        self.check_sizes("f32")

    def test_bf16(self):
        self.check_sizes("bf16")


class Steps(unittest.TestCase):
    BATCHES = ("classify-3.ragged", "classify-3.full")

    def on_device(self, *arguments, precision="f32"):
        return steps(*compiled("classify:3", precision, "cuda:sm_80"),
                     *self.BATCHES, *arguments)

    def on_processor(self, *arguments):
        return steps(gradients.compiled("classify:3"), {"BERTC_DEVICE": "cpu"},
                     *self.BATCHES, *arguments)

    def test_follow_pytorch(self):
        want = load_file(gradients.FOLDER / "steps.safetensors")
        found = self.on_device("--steps=20")
        worst = np.abs(found["losses"] - want["classify.losses"]).max()
        print(f"largest difference of losses {worst:.1e}", end=" ")
        self.assertLessEqual(worst, training.TOLERANCE)
        # Steps amplify what roundings differ by, PyTorch's among them.
        np.testing.assert_allclose(found["norms"], want["classify.norms"],
                                   rtol=3e-4)

    def test_one_step_as_on_the_processor(self):
        """With one library for both."""
        library = harness.WORK / "device-training-both.so"
        harness.bertc("compile", gradients.FOLDER, "--train",
                      "--head=classify:3", "-o", library,
                      f"--target={harness.cpu_variants()[0]},cuda:sm_80")
        _, environment = compiled("classify:3", "f32", "cuda:sm_80")
        here, there = (steps(library, {**environment, "BERTC_DEVICE": device},
                             *self.BATCHES, "--steps=1")
                       for device in ("cpu", environment["BERTC_DEVICE"]))
        self.assertEqual(set(here), set(there))
        np.testing.assert_allclose(there["losses"], here["losses"], rtol=1e-6)
        np.testing.assert_allclose(there["logits"], here["logits"], atol=2e-3)
        for name, value in here.items():
            # A step moves a parameter by its learning rate, whatever the size
            # of its gradient: where that is rounding alone, either way.
            if name.startswith("state."):
                np.testing.assert_allclose(there[name], value, atol=1e-3,
                                           err_msg=name)

    def test_steps_are_the_same_each_time(self):
        first, second = (self.on_device("--steps=3") for _ in range(2))
        for name, value in first.items():
            self.assertEqual(value.tobytes(), second[name].tobytes(), name)

    def test_checkpoints_go_between_devices(self):
        """Resumed on the device, bit for bit; on the processor, nearly."""
        folder = harness.WORK / "device-checkpoint"
        self.on_device("--steps=3", f"--save={folder}")
        whole = self.on_device("--steps=5")
        resumed = self.on_device("--steps=2", f"--load={folder}")
        for name, value in whole.items():
            if name.startswith("state.") or name == "logits":
                self.assertEqual(value.tobytes(), resumed[name].tobytes(), name)
        moved = self.on_processor("--steps=2", f"--load={folder}")
        np.testing.assert_allclose(moved["losses"], resumed["losses"],
                                   rtol=1e-4)

    def test_dropout_draws_the_bits_of_the_processor(self):
        folder = harness.WORK / "device-dropout"
        folder.mkdir(exist_ok=True)
        config = json.loads((gradients.FOLDER / "config.json").read_text())
        config.update(hidden_dropout_prob=0.1, classifier_dropout=0.25,
                      attention_probs_dropout_prob=0.2)
        (folder / "config.json").write_text(json.dumps(config))
        shutil.copy(gradients.FOLDER / "model.safetensors", folder)
        options = ("--train", "--head=classify:3")
        library = harness.WORK / "device-dropout-cpu.so"
        harness.bertc("compile", folder, "-o", library, *options)
        arguments = (*self.BATCHES, "--steps=6")
        here = steps(library, {"BERTC_DEVICE": "cpu"}, *arguments)
        there = steps(*on_device(folder, "device-dropout", *options,
                                 "--target=cuda:sm_80"), *arguments)
        without = self.on_processor("--steps=6")
        self.assertGreater(np.abs(here["losses"] - without["losses"]).max(),
                           1e-2)
        np.testing.assert_allclose(there["losses"], here["losses"], atol=1e-4)
        for name, value in here.items():
            if name.startswith("gradient.") and "key.bias" not in name:
                self.assertLessEqual(harness.relative_rms(there[name], value),
                                     2e-4, name)

    def test_bfloat16_learns(self):
        found = self.on_device("--steps=20", precision="bf16")
        want = load_file(gradients.FOLDER / "steps.safetensors")
        np.testing.assert_allclose(found["losses"], want["classify.losses"],
                                   atol=0.05)


class Finetune(unittest.TestCase):
    """The tool, on a GPU and on the processor."""

    def check(self, *options):
        finetune.tiny("classify:2")  # makes the folder
        folder = harness.WORK / "tiny"
        options += "--train", "--head=classify:2"
        library = harness.WORK / "device-finetune-cpu.so"
        harness.bertc("compile", folder, "-o", library, *options)
        device = on_device(folder, "device-finetune", *options,
                           "--target=cuda:sm_80")
        train = harness.WORK / "device-finetune.tsv"
        train.write_text("text\tlabel\n" + "".join(
            f"{' '.join(letters)}\t{'ab'['a' in letters]}\n"
            for letters in finetune.sentences(3, 32)))
        results = []
        for path, environment in ((library, {"BERTC_DEVICE": "cpu"}), device):
            out = harness.WORK / "device-tuned"
            shutil.rmtree(out, ignore_errors=True)
            done = harness.bertc(
                "finetune", path, "--train_file", train, "--eval_file", train,
                "--output_dir", out, "--learning_rate", "3e-3", "--max_steps",
                "8", env=environment)
            results.append((json.loads(done.stdout), out.exists() and
                            load_file(out / "model.safetensors")))
        (here, saved), (there, written) = results
        for name in ("train_loss", "eval_loss"):
            self.assertAlmostEqual(there[name], here[name], delta=1e-3)
        self.assertEqual(set(saved), set(written))

    def test_losses_are_those_of_the_processor(self):
        self.check()

    def test_frozen_layers_are_computed_once(self):
        self.check("--freeze=encoder")


if __name__ == "__main__":
    unittest.main()
