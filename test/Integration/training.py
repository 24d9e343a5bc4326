#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Trainings with compiled libraries: steps, directories, checkpoints.

The tiny model against transformers (test/Golden/training/steps.safetensors).
"""
import json
import shutil
import subprocess
import unittest

import capi
import gradients
import harness
import numpy as np
from safetensors.numpy import load_file
from trainer import FIRST_MOMENT, SECOND_MOMENT, Trainer

HEADS = {"classify": ("classify:3", "classify-3", ("ragged", "full")),
         "tag": ("tag:5", "tag-5", ("ragged",)),
         "answer": ("answer", "answer-2", ("full", "ragged"))}
# OPTIMIZER of test/Golden/make-training-golden.py
OPTIONS = dict(learning_rate=1e-3, weight_decay=0.01, max_grad_norm=1.0,
               warmup_steps=3, max_steps=20, seed=3)
# Of losses; norms are compared relative to their size.
TOLERANCE = 1e-4


class Task:
    """A head, its library and its batches in turn."""

    def __init__(self, kind, *options):
        head, name, batches = HEADS[kind]
        self.library = gradients.compiled(head, *options)
        self.golden = [harness.golden(f"training/{name}.{batch}.safetensors")[0]
                       for batch in batches]
        self.batches = [gradients.arguments(g) for g in self.golden]

    def batch(self, step):
        return self.batches[step % len(self.batches)]

    def trainer(self, model, **options):
        """One whose head is that of the golden files."""
        trainer = Trainer(model, **{**OPTIONS, **options})
        for name, value in self.golden[0].items():
            if name.startswith("weight."):
                trainer.write(name.removeprefix("weight."), value)
        return trainer


def everything(trainer):
    parts = {}
    for name, (_, info) in trainer.parameters.items():
        parts[name] = trainer.read(name)
        for part in (FIRST_MOMENT, SECOND_MOMENT) if info.trained else ():
            parts[name, part] = trainer.read(name, part)
    return parts


class Training(unittest.TestCase):
    def equal(self, a, b):
        self.assertEqual(set(a), set(b))
        for name in a:
            self.assertEqual(a[name].tobytes(), b[name].tobytes(), name)

    def follow(self, kind, variant):
        want = load_file(gradients.FOLDER / "steps.safetensors")
        task = Task(kind)
        worst = 0
        with capi.Model(task.library, variant=variant) as model, \
                task.trainer(model, threads=2) as trainer:
            for step in range(20):
                result = trainer.step(**task.batch(step))
                loss, norm = (want[f"{kind}.{n}"][step]
                              for n in ("losses", "norms"))
                worst = max(worst, abs(result.loss - loss))
                self.assertAlmostEqual(result.loss, loss, delta=TOLERANCE)
                self.assertAlmostEqual(result.grad_norm / norm, 1, delta=1e-4)
        print(f"largest difference of losses {worst:.1e}", end=" ")

    def test_threads(self):
        task = Task("classify")
        states = []
        with capi.Model(task.library) as model:
            for threads in (1, 2, 3):
                with task.trainer(model, threads=threads) as trainer:
                    for step in range(6):
                        trainer.step(**task.batch(step))
                    states.append(everything(trainer))
        self.equal(states[0], states[1])
        self.equal(states[0], states[2])

    def test_resume(self):
        """A checkpoint goes on as if there had been no interruption."""
        task = Task("tag")
        folder = harness.WORK / "resume"
        folder.mkdir()
        with capi.Model(task.library) as model:
            with task.trainer(model, gradient_accumulation_steps=2) as whole:
                for step in range(20):
                    whole.step(**task.batch(step))
                    if step % 4 == 3:
                        place = folder / f"checkpoint-{(step + 1) // 2}"
                        whole.save_checkpoint(place, b"%d" % step)
                want = everything(whole)
            shutil.rmtree(folder / "checkpoint-10")
            (folder / "checkpoint-8" / "model.safetensors").write_bytes(b"")
            with task.trainer(model, gradient_accumulation_steps=2,
                              threads=2) as trainer:
                found, step = trainer.find_checkpoint(folder)
                self.assertEqual(step, 6)
                first = int(trainer.load_checkpoint(found)) + 1
                self.assertEqual(first, 12)
                for step in range(first, 20):
                    trainer.step(**task.batch(step))
                self.equal(everything(trainer), want)
            with task.trainer(model, gradient_accumulation_steps=2,
                              learning_rate=2e-3) as other:
                with self.assertRaisesRegex(
                        capi.Failure, "learning_rate\": 0.001, but the trainer "
                                      "has \"learning_rate\": 0.002"):
                    other.load_checkpoint(found)

    def test_resume_with_dropout(self):
        """What dropout draws goes on, too, because a checkpoint has the number
        of the batch; without it, the training would not be the same."""
        source, library = harness.WORK / "drops", harness.WORK / "drops.so"
        source.mkdir()
        config = json.loads((gradients.FOLDER / "config.json").read_text())
        config.update(hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.1)
        (source / "config.json").write_text(json.dumps(config))
        shutil.copy(gradients.FOLDER / "model.safetensors", source)
        harness.bertc("compile", source, "--train", "--head=tag:5",
                      "--target=x86-64-v3", "-o", library)
        task = Task("tag")
        place = harness.WORK / "dropped"
        with capi.Model(library) as model:
            with task.trainer(model) as whole:
                for step in range(8):
                    if step == 4:
                        whole.save_checkpoint(place)
                        middle = everything(whole)
                    whole.step(**task.batch(step))
                want = everything(whole)
            with task.trainer(model, threads=2) as resumed:
                resumed.load_checkpoint(place)
                for step in range(4, 8):
                    resumed.step(**task.batch(step))
                self.equal(everything(resumed), want)
            losses = []
            for batches in (0, 4):
                with task.trainer(model) as other:
                    for step in range(batches):
                        other.backward(**task.batch(step))
                    other.call("zero_gradients", other.handle)
                    for name, value in middle.items():
                        if isinstance(name, str):
                            other.write(name, value)
                    losses.append(other.step(**task.batch(4)).loss)
            self.assertNotEqual(*losses)

    def test_saved_model(self):
        """What is saved has the names and shapes of transformers, and compiled
        again, gives the same bits."""
        task = Task("classify", "--target=x86-64-v3")
        folder = harness.WORK / "saved"
        inputs = {n: v for n, v in task.batch(0).items() if n != "labels"}
        with capi.Model(task.library) as model, \
                task.trainer(model) as trainer:
            for step in range(5):
                trainer.step(**task.batch(step))
            trainer.save_model(folder)
            logits = trainer.evaluate(**inputs)
        saved = load_file(folder / "model.safetensors")
        names = {n.removeprefix("gradient.") for n in task.golden[0]
                 if n.startswith("gradient.")}
        self.assertEqual({n.removeprefix("bert.") for n in saved}, names)
        for name, value in saved.items():
            golden = task.golden[0]["gradient." + name.removeprefix("bert.")]
            self.assertEqual(value.shape, golden.shape, name)
        again = harness.WORK / "again.so"
        harness.bertc("compile", folder, "--train", "--head=classify:3",
                      "--target=x86-64-v3", "-o", again)
        with capi.Model(again) as model, \
                Trainer(model, max_steps=1) as trainer:
            np.testing.assert_array_equal(trainer.evaluate(**inputs), logits)

    def test_no_training_code_without_train(self):
        """Nothing of the trainer is in a library for inference."""
        plain = harness.WORK / "no-train.so"
        harness.bertc("compile", gradients.FOLDER, "-o", plain)
        task = Task("classify")
        for library, trains in ((plain, False), (task.library, True)):
            data = library.read_bytes()
            for text in (b"bertc_get_train_api", b"bertc-checkpoint-1",
                         b"trainer_create", b"_trainer_options"):
                self.assertEqual(text in data, trains, (library, text))

    def test_header(self):
        """The generated header is all that a program needs."""
        task = Task("classify")
        header = task.library.with_suffix(".h")
        text = header.read_text()
        self.assertIn("bertc_get_train_api(uint32_t version);", text)
        self.assertNotIn('#include "', text)
        program = (f'#include "{header}"\n'
                   "int main(void) {\n"
                   "  bertc_trainer_options o = BERTC_INIT(bertc_trainer_options);\n"
                   "  return !bertc_get_train_api(BERTC_TRAIN_API_VERSION) + "
                   "(int)o.flags;\n}\n")
        source = harness.WORK / "train-header.c"
        source.write_text(program)
        for compiler, standard in (("cc", "c99"), ("c++", "c++11")):
            subprocess.run([compiler, "-x", "c" if compiler == "cc" else "c++",
                            f"-std={standard}", "-Wall", "-Wextra", "-Werror",
                            "-fsyntax-only", str(source)], check=True)


def add(kind, variant):
    def test(self):
        self.follow(kind, variant)
    name = f"test_follows_pytorch_{kind}_{variant}".replace("-", "_")
    setattr(Training, name, test)


for _kind in HEADS:
    for _variant in ("x86-64-v3", "x86-64-v4"):
        add(_kind, _variant)
