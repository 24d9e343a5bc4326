#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""`bertc finetune`: the real MiniLM on the reviews of `sentiment/`, every kind
of head on a tiny model, and trainings that are stopped in any way."""
import functools
import json
import os
import pathlib
import pty
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest

import numpy as np

import harness
from harness import BERTC, FAILURE, OK, WORK, bertc

HERE = pathlib.Path(__file__).resolve().parent
SENTIMENT = HERE / "sentiment"
TOOLS = HERE.parent / "Tools" / "Inputs"
INTERRUPTED = 128 + signal.SIGINT
# Trainings that test_kill ends; the acceptance has 50.
KILLS = int(os.environ.get("BERTC_KILLS", "12"))


def rows(file):
    lines = file.read_text().splitlines()[1:]
    return [line.split("\t") for line in lines]


def records(folder):
    """Lines of metrics.jsonl, without what a clock measured."""
    found = []
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        found.append({k: v for k, v in record.items()
                      if not k.endswith(("runtime", "per_second"))})
    return found


#===--- TensorBoard -------------------------------------------------------===#

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def unmasked(masked):
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


def tf_records(data):
    while data:
        length, check = struct.unpack("<QI", data[:12])
        assert crc32c(data[:8]) == unmasked(check), "checksum of a length"
        record = data[12:12 + length]
        check, = struct.unpack("<I", data[12 + length:16 + length])
        assert crc32c(record) == unmasked(check), "checksum of a record"
        yield record
        data = data[16 + length:]


def fields(message):
    """Numbers and values of the fields of a serialized message."""
    def varint():
        nonlocal message
        value = shift = 0
        while True:
            byte, message = message[0], message[1:]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while message:
        key = varint()
        size = {0: None, 1: 8, 2: None, 5: 4}[key & 7]
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = varint() if size is None else size
        value, message = message[:size], message[size:]
        kind = {1: "<d", 5: "<f"}.get(key & 7)
        yield key >> 3, struct.unpack(kind, value)[0] if kind else value


def scalars(folder):
    """(step, tag, value) of the event files in a folder, in their order."""
    found = []
    for file in sorted(folder.glob("events.out.tfevents.*")):
        events = [dict(fields(r)) for r in tf_records(file.read_bytes())]
        assert events[0][3] == b"brain.Event:2"
        for event in events[1:]:
            for number, value in fields(event[5]):
                assert number == 1
                entry = dict(fields(value))
                found.append((event[2], entry[1].decode(), entry[2]))
    return found


#===--- The real model ----------------------------------------------------===#

@functools.lru_cache(None)
def tuned():
    """The folder of MiniLM after three epochs on the reviews, and what the
    command printed."""
    library, out = WORK / "minilm-train.so", WORK / "minilm-tuned"
    bertc("compile", harness.minilm(), "--train", "--head", "classify:2", "-o",
          library)
    done = bertc("finetune", library, "--train_file", SENTIMENT / "train.tsv",
                 "--eval_file", SENTIMENT / "dev.tsv", "--output_dir", out,
                 "--learning_rate", 5e-5, "--eval_strategy", "epoch",
                 "--logging_steps", 10, "--save_strategy", "no",
                 "--warmup_ratio", 0.1, timeout=900)
    return out, json.loads(done.stdout)


class Sentiment(unittest.TestCase):
    def test_accuracy(self):
        """Majority is 0.5; PyTorch has 0.87 to 0.90."""
        _, result = tuned()
        self.assertGreaterEqual(result["eval_accuracy"], 0.82)
        self.assertLess(result["train_loss"], 0.6)

    def test_same_labels_when_compiled_again(self):
        out, result = tuned()
        library = WORK / "minilm-tuned.so"
        bertc("compile", out, "--outputs=logits", "-o", library)
        config = json.loads((out / "config.json").read_text())
        self.assertEqual(config["id2label"], {"0": "negative", "1": "positive"})
        texts = rows(SENTIMENT / "dev.tsv")
        source = WORK / "dev.txt"
        source.write_text("".join(f"{text}\n" for text, _ in texts))
        ids = [json.loads(line)["ids"] for line in
               bertc("tokenize", library, "--file", source,
                     "--json").stdout.splitlines()]
        self.assertEqual(len(ids), len(texts))
        padded = np.zeros((len(ids), max(map(len, ids))), np.int64)
        mask = np.zeros_like(padded)
        for i, row in enumerate(ids):
            padded[i, :len(row)], mask[i, :len(row)] = row, 1
        logits = harness.run(library, {"input_ids": padded,
                                       "attention_mask": mask})["logits"]
        right = [config["id2label"][str(k)] == label for k, (_, label) in
                 zip(logits.argmax(1), texts)]
        self.assertAlmostEqual(float(np.mean(right)), result["eval_accuracy"],
                               places=9)

    def test_records_and_tensorboard_agree(self):
        out, result = tuned()
        lines = [json.loads(l) for l in
                 (out / "metrics.jsonl").read_text().splitlines()]
        want = []
        for line in lines:
            for key, value in line.items():
                if "eval_loss" in line and key.startswith("eval_"):
                    want.append((line["step"], "eval/" + key[5:], value))
                elif "loss" in line and key not in ("step", "epoch"):
                    want.append((line["step"], "train/" + key, value))
        got = scalars(out / "runs")
        self.assertEqual([w[:2] for w in want], [g[:2] for g in got])
        np.testing.assert_allclose([g[2] for g in got], [w[2] for w in want],
                                   rtol=1e-6)
        losses = [l["loss"] for l in lines if "loss" in l]
        self.assertLess(np.mean(losses[-3:]), np.mean(losses[:3]) / 2)
        self.assertEqual(json.loads((out / "all_results.json").read_text()),
                         result)


#===--- Every head --------------------------------------------------------===#

@functools.lru_cache(None)
def tiny(head):
    """A tiny model, with a vocabulary of letters, compiled for a head."""
    folder = WORK / "tiny"
    if not folder.exists():
        subprocess.run([sys.executable, TOOLS / "tiny-model.py", folder],
                       check=True)
    library = WORK / f"tiny-{head.replace(':', '-')}.so"
    bertc("compile", folder, "--train", "--head", head, "-o", library,
          "--target=x86-64-v3")
    return library


def tune(head, train, dev, *options, out=None):
    out = out or WORK / f"tuned-{head.replace(':', '-')}"
    shutil.rmtree(out, ignore_errors=True)
    done = bertc("finetune", tiny(head), "--train_file", train, "--eval_file",
                 dev, "--output_dir", out, "--learning_rate", 3e-3,
                 "--save_strategy", "no", *options)
    return out, json.loads(done.stdout)


def sentences(seed, count=80):
    source = random.Random(seed)
    return [source.choices("abcdefghkm", k=source.randint(3, 9))
            for _ in range(count)]


class Heads(unittest.TestCase):
    """What a model of letters can learn of letters."""

    def write(self, name, text):
        path = WORK / name
        path.write_text(text)
        return path

    def both(self, name, make):
        return [self.write(f"{part}-{name}", make(sentences(seed)))
                for seed, part in ((1, "train"), (2, "dev"))]

    def test_several_labels(self):
        """Which of three letters are there."""
        files = self.both("several.csv", lambda some: "text,labels\n" + "".join(
            f"{' '.join(s)},\"{','.join(sorted(set(s) & set('abc')))}\"\n"
            for s in some))
        out, result = tune("multilabel:3", *files, "--num_train_epochs", 12)
        self.assertGreater(result["eval_f1"], 0.8)
        config = json.loads((out / "config.json").read_text())
        self.assertEqual(config["problem_type"], "multi_label_classification")
        self.assertEqual(config["label2id"], {"a": 0, "b": 1, "c": 2})

    def test_numbers(self):
        """How much of a text is the letter a."""
        files = self.both("numbers.jsonl", lambda some: "".join(
            json.dumps({"sentence": " ".join(s),
                        "score": s.count("a") / len(s) * 5}) + "\n"
            for s in some))
        _, result = tune("regress", *files, "--num_train_epochs", 12)
        self.assertGreater(result["eval_pearson"], 0.7)

    def test_words(self):
        """Vowels are entities."""
        def tag(letter):
            return {"a": "B-VOWEL", "e": "B-VOWEL"}.get(letter, "O")
        files = self.both("words.txt", lambda some: "\n\n".join(
            "\n".join(f"{letter} x {tag(letter)}" for letter in s)
            for s in some))
        _, result = tune("tag:2", *files, "--num_train_epochs", 6)
        self.assertGreater(result["eval_f1"], 0.95)

    def test_answers(self):
        """The question is the letter that is looked for."""
        def squad(some):
            questions = []
            for i, s in enumerate(some):
                k = s.index(s[len(s) // 2])
                questions.append({"context": " ".join(s), "qas": [
                    {"id": str(i), "question": s[k], "answers": [
                        {"text": s[k], "answer_start": 2 * k}]}]})
            return json.dumps({"data": [{"paragraphs": questions}]})
        files = self.both("answers.json", squad)
        _, result = tune("answer", *files, "--num_train_epochs", 20,
                         "--max_seq_length", 12, "--doc_stride", 3)
        # One in six is right by chance.
        self.assertGreater(result["eval_f1"], 40)

    def test_pairs_by_tokens(self):
        """Whether two texts begin with the same letter."""
        def pairs(some):
            text = "sentence1\tsentence2\tlabel\n"
            for i, s in enumerate(some):
                other = [s[0] if i % 2 else "z", "k"]
                text += f"{' '.join(s)}\t{' '.join(other)}\t{i % 2}\n"
            return text
        files = self.both("pairs.tsv", pairs)
        _, result = tune("classify:2", *files, "--num_train_epochs", 6,
                         "--tokens_per_batch", 100)
        self.assertGreater(result["eval_accuracy"], 0.9)


#===--- Trainings that are stopped ----------------------------------------===#

class Stopped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.train = WORK / "stopped.tsv"
        cls.train.write_text("text\tlabel\n" + "".join(
            f"{' '.join(s)}\t{int('a' in s)}\n" for s in sentences(3, 200)))
        cls.whole = WORK / "stopped-whole"
        bertc(*cls.command(cls.whole))
        cls.model = (cls.whole / "model.safetensors").read_bytes()

    @classmethod
    def command(cls, out, *more):
        return ["finetune", tiny("classify:2"), "--train_file", cls.train,
                "--eval_file", cls.train, "--output_dir", out,
                "--learning_rate", "1e-3", "--num_train_epochs", "200",
                "--tokens_per_batch", "64", "--gradient_accumulation_steps",
                "2", "--logging_steps", "100", "--save_steps", "20",
                "--eval_strategy", "steps", "--eval_steps", "200",
                "--save_total_limit", "2", "--threads", "1", "-q",
                *map(str, more)]

    def start(self, out, *more):
        return subprocess.Popen(
            [str(a) for a in (BERTC, *self.command(out, *more))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def expect_whole(self, out):
        self.assertEqual((out / "model.safetensors").read_bytes(), self.model)
        self.assertEqual(records(out), records(self.whole))

    def newest(self, out):
        steps = [int(p.name[11:]) for p in out.glob("checkpoint-*")
                 if p.name[11:].isdigit()]
        return max(steps, default=-1)

    def test_kill(self):
        """Nothing but the steps since the last checkpoint is ever lost."""
        out = WORK / "stopped-killed"
        shutil.rmtree(out, ignore_errors=True)
        source, kills, newest = random.Random(4), 0, -1
        while kills < KILLS:
            process = self.start(out, "--resume_from_checkpoint", "latest")
            time.sleep(source.uniform(0.02, 0.2))
            process.kill()
            process.communicate()
            if process.returncode != -signal.SIGKILL:
                self.assertEqual(process.returncode, OK)
                break
            kills += 1
            self.assertGreaterEqual(self.newest(out), newest)
            newest = self.newest(out)
        self.assertGreaterEqual(kills, KILLS // 2)
        self.assertGreater(newest, 0)
        bertc(*self.command(out, "--resume_from_checkpoint", "latest"))
        self.expect_whole(out)

    def test_interrupt(self):
        out = WORK / "stopped-interrupted"
        shutil.rmtree(out, ignore_errors=True)
        process = self.start(out)
        while not (out / "metrics.jsonl").exists():
            time.sleep(0.002)
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, INTERRUPTED)
        self.assertGreater(self.newest(out), 0)
        self.assertFalse((out / "model.safetensors").exists())
        bertc(*self.command(out, "--resume_from_checkpoint",
                            out / f"checkpoint-{self.newest(out)}"))
        self.expect_whole(out)

    def test_terminal(self):
        """There the progress is one line, written again and again."""
        out = WORK / "stopped-terminal"
        shutil.rmtree(out, ignore_errors=True)
        ours, theirs = pty.openpty()
        command = self.command(out, "--save_strategy", "no")
        command.remove("-q")
        process = subprocess.Popen([str(a) for a in (BERTC, *command)],
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 1 << 16)
            except OSError: # the other side is closed
                break
        os.close(ours)
        self.assertEqual(process.wait(), OK)
        self.assertRegex(shown, rb"tokens/s  \d+:\d\d left\r\x1b\[K")
        self.assertTrue(shown.endswith(f"saved {out}\r\n".encode()), shown)

    def test_damaged_checkpoints_are_passed_over(self):
        out = WORK / "stopped-damaged"
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(self.whole, out)
        last = self.newest(out)
        file = out / f"checkpoint-{last}" / "optimizer.safetensors"
        file.write_bytes(file.read_bytes()[:-4] + b"oops")
        done = bertc(*self.command(
            out, "--resume_from_checkpoint", file.parent), code=harness.BAD_INPUT)
        self.assertIn("optimizer.safetensors", done.stderr)
        bertc(*self.command(out, "--resume_from_checkpoint", "latest"))
        self.expect_whole(out)

    def test_loss_that_is_not_finite(self):
        out = WORK / "stopped-nan"
        shutil.rmtree(out, ignore_errors=True)
        command = self.command(out, "--max_grad_norm", 0)
        command[command.index("--learning_rate") + 1] = "1e30"
        done = bertc(*command, code=FAILURE)
        self.assertRegex(done.stderr, r"stopped\.tsv: error: the \w+.* of step "
                         r"\d+ is -?\w+; the examples of its batch are at the "
                         r"lines \d+, \d+")
        self.assertIn("checkpoint", done.stderr)
        self.assertFalse((out / "model.safetensors").exists())

    def test_full_disk(self):
        """Files may have 50,000 bytes, less than a checkpoint needs."""
        out = WORK / "stopped-full"
        shutil.rmtree(out, ignore_errors=True)

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))
        process = subprocess.run(
            [str(a) for a in (BERTC, *self.command(out))], capture_output=True,
            text=True, preexec_fn=limit)
        self.assertEqual(process.returncode, FAILURE, process.stderr)
        self.assertIn("checkpoint-20", process.stderr)
        self.assertIn("File too large", process.stderr)
        self.assertEqual(self.newest(out), -1)

    def test_folders_that_cannot_be_made(self):
        done = bertc(*self.command(self.train / "out"), code=FAILURE)
        self.assertIn("error: cannot make the folder", done.stderr)
        done = bertc(*self.command("/proc/out"), code=FAILURE)
        self.assertIn("/proc/out", done.stderr)
