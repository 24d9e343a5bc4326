#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Texts that are hard to tokenize, from a seed: every plane, marks in every
order, kinds of space, long words, special tokens in odd places."""
import random

# Code points that some rule treats specially; drawn more often than others.
SPACES = "\t\n\v\f\r \x1c\x1f\x85\xa0\u1680\u2000\u2007\u200a\u2028\u2029\u202f\u205f\u3000"
CONTROLS = "\x00\x01\x07\x1b\x7f\x80\x9f\xad\u061c\u200b\u200c\u200d\u200e\u202a\u2060\u2066\ufeff\ufff9\ufffd\ue000\uf8ff\U000e0001\U000e0041\U000f0000\U0010fffd"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\xa1\xa7\xab\xb4\xb7\xbf\u2010\u2013\u2014\u2018\u2019\u201c\u2026\u2030\u203d\u20ac\u2122\u3001\u3002\u300c\uff01\uff0c\ufe55\u05be\u060c\u066a\u0964\u166d\u2e2e\u2e43\u2e52\U00010100\U0001f4a9"
CJK = "\u4e00\u9fff\u9ffc\ua000\u3400\u4dbf\u4dc0\uf900\ufa0e\ufaff\U00020000\U0002a6df\U0002a6e0\U0002a700\U0002b73f\U0002b740\U0002b81f\U0002b820\U0002b91f\U0002b920\U0002ceaf\U0002f800\U0002fa1f\U00030000\u3042\u30ab\u30fc\u3105"
# Decompositions, lower cases of other lengths, marks that are no Mn.
CASES = "\u0130I\u0131i\u1e9e\xdf\u03a3\u03c3\u03c2\u0391\u0386\u1f88\u1fbc\u01c4\u01c5\u01c6\u212a\u2126\u212b\u0344\u0340\u0341\u0958\u0f73\u0f75\u0f81\u0f43\u1e08\u1ea8\ufb1d\ufb4e\ufb01\u1d15e\u10a0\u1c90\u13a0\uab70\u2160\u24b6\uff21\u0480\u0490\u0d9c\U00010400\U00010c80\U000118a0\U0001e900\U0001d15e\U0001d160\U0002f9f4"
MARKS = "\u0300\u0301\u0308\u0323\u0327\u0334\u0345\u034f\u035d\u05b0\u05bc\u064b\u0651\u0670\u093c\u094d\u09bc\u0bcd\u0e38\u0e48\u0f71\u0f72\u0f74\u1037\u135d\u17d2\u1ab0\u1abf\u1b44\u1bf2\u1dc0\u1dce\u1dfa\u20d0\u20dd\u302a\u302b\u302e\u302f\u3099\ua953\ua9c0\ufb1e\ufe20\ufe0f\U000101fd\U00010a0f\U00011133\U000111c0\U0001134d\U000116b6\U00016ff0\U0001d165\U0001d166\U0001d16d\U0001d17b\U0001e000\U0001e8d0\U0001e944"
HANGUL = "\uac00\uac01\uac1c\ud55c\uae00\ud7a3\ud7a4\u1100\u1161\u11a7\u11a8\u11c2\ua960\ud7b0"
EMOJI = ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
         "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "\u2764\ufe0f",
         "1\ufe0f\u20e3", "\U0001f3f4\U000e0067\U000e0062\U000e007f"]
SPECIAL = ["[MASK]", "[SEP]", "[CLS]", "[PAD]", "[UNK]", "[mask]", "[Mask]",
           "[MASK", "MASK]", "[[MASK]]", "[M\u0301ASK]", "[ MASK ]", "##a",
           "[unused1]", "[MA[MASK]SK]"]
WORDS = """the of and to in a is was for unaffable embedding tokenization
internationalization antidisestablishmentarianism supercalifragilistic hello
World HELLO don't it's e.g. U.S.A. 3.14 1,000,000 2026-01-31 10% C++ naïve café
résumé Übergröße straße İstanbul ıspanak ΣΊΣΥΦΟΣ Ἀθῆναι Москва ёлка Ελλάδα
Việt Nam tiếng हिन्दी বাংলা ไทย ภาษา العربية עִבְרִית 한국어 日本語 中文 北京大学
ﬁnance ǅ x\u0301y\u0323\u0301 foo_bar http://example.com/a?b=c#d user@mail.org""".split()

PLANES = [(0, 0x80), (0x80, 0x250), (0x250, 0x600), (0x600, 0x1000),
          (0x1000, 0x2000), (0x2000, 0x3000), (0x3000, 0x3400),
          (0x3400, 0xa000), (0xa000, 0xd800), (0xe000, 0x10000),
          (0x10000, 0x12000), (0x12000, 0x1d000), (0x1d000, 0x20000),
          (0x20000, 0x32000), (0xe0000, 0xe0200), (0xf0000, 0x110000)]


class Texts:
    def __init__(self, seed, special=SPECIAL):
        self.random = random.Random(seed)
        self.special = special

    def code(self):
        first, end = self.random.choice(PLANES)
        return chr(self.random.randrange(first, end))

    def piece(self):
        r = self.random
        kind = r.randrange(16)
        if kind < 4:
            return r.choice(WORDS)
        if kind == 4:
            return "".join(self.code() for _ in range(r.randrange(1, 6)))
        if kind == 5:
            return "".join(r.choice("abcdefghijklmnopqrstuvwxyzABCXYZ019")
                           for _ in range(r.randrange(1, 12)))
        if kind == 6:
            return r.choice("aeiouAEIOUnçßαЖ가") + "".join(
                r.choice(MARKS) for _ in range(r.randrange(1, 5)))
        if kind == 7:
            return "".join(r.choice(CJK) for _ in range(r.randrange(1, 4)))
        if kind == 8:
            return "".join(r.choice(HANGUL) for _ in range(r.randrange(1, 4)))
        if kind == 9:
            return r.choice(self.special)
        if kind == 10:
            return r.choice(EMOJI)
        if kind == 11:
            return "".join(r.choice(CASES) for _ in range(r.randrange(1, 4)))
        if kind == 12:
            return r.choice(CONTROLS)
        if kind == 13:
            return r.choice(SPACES) * r.randrange(1, 3)
        if kind == 14:
            return "".join(r.choice(MARKS + CASES)
                           for _ in range(r.randrange(1, 25)))
        return r.choice(PUNCTUATION) * r.randrange(1, 3)

    def long_word(self):
        """Around the limit of 100 characters, before and after normalizing."""
        r = self.random
        length = r.choice([95, 98, 99, 100, 101, 102, 150, 250])
        unit = r.choice(["a", "ab", "xyz", "é", "e\u0301", "ß", "İ", "가", "ж",
                         "\U00010400", "un", "a\u200b"])
        return (unit * length)[:length]

    def text(self):
        r = self.random
        kind = r.randrange(100)
        if kind == 0:
            return r.choice(["", " ", "\u3000", "\u0301", "\x00", "[SEP]"])
        if kind < 5:
            return " ".join([self.piece(), self.long_word(), self.piece()])
        if kind < 8:
            return " ".join(self.piece() for _ in range(r.randrange(60, 400)))
        joiner = r.choice(["", "", " ", " ", " ", "  ", "-", r.choice(SPACES)])
        return joiner.join(self.piece() for _ in range(r.randrange(1, 14)))

    def requests(self, count):
        """Tuples (limit of tokens or 0, text, second text or None)."""
        r = self.random
        for _ in range(count):
            pair = self.text() if r.randrange(4) == 0 else None
            limit = 0
            if r.randrange(3) == 0:
                limit = r.choice([3, 4, 5, 6, 7, 8, 10, 16, 33, 128])
            yield limit, self.text(), pair
