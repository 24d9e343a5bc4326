#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Token ids, types, offsets and truncation against the tokenizers package, on
generated Unicode texts and on every code point."""
import json
import os
import random
import shutil
import subprocess
import unittest

import harness
import unicode_texts

try:
    import tokenizers
except ImportError:
    tokenizers = None

TOOL = harness.BUILD / "bin" / "bertc-tokenize-test"
SEED = int(os.environ.get("BERTC_TEST_SEED", 20260131))


def hexadecimal(text):
    data = text if isinstance(text, bytes) else text.encode()
    return data.hex() or "-"


def encode(folder, requests):
    """What bertc makes of the requests."""
    lines = "".join(
        f"{limit} {hexadecimal(text)}"
        + ("" if pair is None else " " + hexadecimal(pair)) + "\n"
        for limit, text, pair in requests)
    done = subprocess.run([TOOL, folder], input=lines.encode(), check=True,
                          stdout=subprocess.PIPE, timeout=600)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(requests)
    return answers


def byte_places(text):
    """Byte offset of each character, and of the end."""
    places, at = [0], 0
    for char in text:
        at += len(char.encode())
        places.append(at)
    return places


def expect(reference, limit, text, pair):
    """What the tokenizers package makes of a request."""
    full = reference.encode(text, pair)
    cut = full
    if limit:
        reference.enable_truncation(limit)
        cut = reference.encode(text, pair)
        reference.no_truncation()
    places = [byte_places(text), byte_places(pair or "")]
    begin, end = [], []
    for (first, last), sequence in zip(cut.offsets, cut.sequence_ids):
        own = places[sequence or 0]
        begin.append(own[first])
        end.append(own[last])
    return {"ids": cut.ids, "types": cut.type_ids, "begin": begin, "end": end,
            "dropped": len(full.ids) - len(cut.ids), "malformed": 0,
            "status": 0}


def difference(got, want):
    """The first difference of two answers, in words."""
    for name, value in want.items():
        if got[name] == value:
            continue
        if not isinstance(value, list):
            return f"{name}: expected {value}, got {got[name]}: "
        at = next((i for i, (a, b) in enumerate(zip(got[name], value))
                   if a != b), min(len(value), len(got[name])))
        return (f"{name}, from item {at}: expected {value[at:at + 12]}, got "
                f"{got[name][at:at + 12]} of bytes {got['begin'][at:at + 1]}: ")


def load(folder):
    reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.no_padding()
    reference.no_truncation()
    return reference


def write(name, change, vocabulary=None):
    """The tokenizer of MiniLM, changed, in a folder of its own."""
    folder = harness.WORK / "tokenizers" / name
    folder.mkdir(parents=True, exist_ok=True)
    data = json.loads((harness.minilm() / "tokenizer.json").read_text())
    if vocabulary:
        data["model"]["vocab"] = vocabulary
        for token in data["added_tokens"]:
            token["id"] = vocabulary[token["content"]]
        for token in data["post_processor"]["special_tokens"].values():
            token["ids"] = [vocabulary[token["id"]]]
    change(data)
    (folder / "tokenizer.json").write_text(json.dumps(data))
    return folder


def every_character():
    """A vocabulary of single characters, so that ids show what normalization
    did to each; ideographs and syllables are left out."""
    codes = [c for first, end in [(1, 0x3400), (0xa000, 0xac00),
                                  (0xd7a4, 0xd800), (0xf900, 0x20000),
                                  (0xe0000, 0xe0200)]
             for c in range(first, end)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += [chr(c) for c in codes] + ["##" + chr(c) for c in codes]
    return {token: i for i, token in enumerate(tokens)}


def options(**changes):
    return lambda data: data["normalizer"].update(changes)


def without_normalizer(data):
    data["normalizer"] = None


ADDED = [("<new>", {}), ("Straße", {"normalized": True}),
         ("é", {"normalized": True, "single_word": True}),
         ("word", {"single_word": True}), ("wordy", {"lstrip": True}),
         ("ab", {"rstrip": True}), ("abc", {"lstrip": True, "rstrip": True}),
         ("  ", {}), (" x", {"normalized": True, "lstrip": True}),
         ("京", {"normalized": True, "rstrip": True}), ("\u0301", {})]


def with_added(data):
    vocabulary = data["model"]["vocab"]
    for content, flags in ADDED:
        token = {"id": 0, "content": content, "single_word": False,
                 "lstrip": False, "rstrip": False, "normalized": False,
                 "special": False, **flags}
        token["id"] = vocabulary.get(content, len(vocabulary) + sum(
            t["id"] >= len(vocabulary) for t in data["added_tokens"]))
        data["added_tokens"].append(token)
    for token in data["added_tokens"]:
        if token["content"] == "[MASK]":
            token["lstrip"] = True


@unittest.skipUnless(tokenizers, "the tokenizers package is not installed")
class Tokenizer(unittest.TestCase):
    def compare(self, folder, requests, reference=None, limit=0):
        """`limit` is that of the tokenizer itself."""
        requests = list(requests)
        reference = reference or load(folder)
        answers = encode(folder, requests)
        for request, answer in zip(requests, answers):
            wanted = expect(reference, request[0] or limit, *request[1:])
            if answer != wanted:
                self.fail(difference(answer, wanted) + ascii(request)[:4000])
        print(f"{len(requests)} requests equal ", end="", flush=True)

    def generated(self, folder, count, salt, **kwargs):
        texts = unicode_texts.Texts(f"{SEED}-{salt}")
        self.compare(folder, texts.requests(count), **kwargs)

    def test_uncased(self):
        self.generated(write("uncased", options()), 10000, "uncased")

    def test_cased(self):
        self.generated(write("cased", options(lowercase=False)), 5000, "cased")

    def test_vocabulary_file(self):
        folder = harness.WORK / "tokenizers" / "vocabulary"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("vocab.txt", "tokenizer_config.json",
                     "special_tokens_map.json"):
            shutil.copy(harness.minilm() / name, folder)
        self.generated(folder, 3000, "vocabulary",
                       reference=load(write("uncased", options())), limit=512)

    def test_options(self):
        for name, change in [
                ("accents-kept", options(strip_accents=False)),
                ("cased-stripped", options(lowercase=False,
                                           strip_accents=True)),
                ("unclean", options(clean_text=False)),
                ("cjk-joined", options(handle_chinese_chars=False)),
                ("none", without_normalizer)]:
            with self.subTest(name):
                self.generated(write(name, change), 1000, name)

    def test_characters(self):
        vocabulary = every_character()
        for name, change in [("uncased", options()),
                             ("cased", options(lowercase=False)),
                             ("unclean", options(clean_text=False)),
                             ("accents-kept", options(strip_accents=False)),
                             ("none", without_normalizer)]:
            with self.subTest(name):
                folder = write("characters-" + name, change, vocabulary)
                self.generated(folder, 2000, "characters" + name)

    def test_added_tokens(self):
        parts = [content for content, _ in ADDED] + unicode_texts.SPECIAL + [
            "STRASSE", "strasse", "STRAßE", "E\u0301", "e", "x", " ", "  ",
            "\t", "\u3000", "abcd", "wordy", "words", "_", "\u0301", "a", "北京"]
        rng = random.Random(f"{SEED}-added")
        requests = [(rng.choice([0, 0, 5]), "".join(
            rng.choice(parts) for _ in range(rng.randrange(1, 9))), None)
            for _ in range(6000)]
        for name, change in [("added", lambda data: None),
                             ("added-cased", options(lowercase=False)),
                             ("added-none", without_normalizer)]:
            with self.subTest(name):
                def both(data):
                    change(data)
                    with_added(data)
                folder = write(name, both)
                self.compare(folder, requests[::3])
                self.generated(folder, 500, name)

    def test_every_code_point(self):
        """Each code point alone, inside a word, and before and after marks."""
        vocabulary = every_character()
        codes = [c for c in range(0x110000) if not 0xd800 <= c < 0xe000]
        requests = []
        for at in range(0, len(codes), 512):
            chars = [chr(c) for c in codes[at:at + 512]]
            requests.append((0, " ".join(chars), None))
            requests.append((0, " ".join(
                f"a{c}b x\u0323{c}\u0301\u302e" for c in chars), None))
        for name, change in [("uncased", options()),
                             ("unclean", options(clean_text=False))]:
            with self.subTest(name):
                folder = write("characters-" + name, change, vocabulary)
                self.compare(folder, requests)

    def test_malformed(self):
        """Bytes that are not UTF-8 are read as Python replaces them."""
        rng = random.Random(f"{SEED}-malformed")
        pieces = ["word", " ", "é", "京", "[MASK]", "\U0001f600"]
        texts = []
        for _ in range(5000):
            data = bytearray()
            for _ in range(rng.randrange(1, 8)):
                if rng.randrange(2):
                    data += bytes(rng.choice(
                        (0x41, 0x80, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xe2, 0xed,
                         0xef, 0xf0, 0xf4, 0xf5, 0xff))
                        for _ in range(rng.randrange(1, 5)))
                else:
                    data += rng.choice(pieces).encode()
            texts.append(bytes(data))
        for name, change in [("uncased", options()),
                             ("unclean", options(clean_text=False))]:
            folder = write(name, change)
            reference = load(folder)
            answers = encode(folder, [(0, text, None) for text in texts])
            for text, answer in zip(texts, answers):
                read = text.decode(errors="replace")
                self.assertEqual(answer["ids"], reference.encode(read).ids,
                                 repr(text))
                self.assertEqual(answer["malformed"], read.count("\ufffd"))
                for begin, end in zip(answer["begin"], answer["end"]):
                    self.assertLessEqual(begin, end)
                    self.assertLessEqual(end, len(text))
