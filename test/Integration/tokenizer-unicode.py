#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Character properties of the tokenizers package, found by asking it.

Prints the C++ tables of compiler/Import/TokenizerRanges*.cpp, or with --check
compares those files with what the installed package does. The package mixes
three Unicode versions, so no one database has these sets.
"""
import argparse
import pathlib
import sys

LICENSE = """\
//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written by test/Integration/tokenizer-unicode.py: {what}
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/TokenizerRanges.h"

using namespace bertc::tokenizer;

// clang-format off
"""

CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(codes):
    """Maximal runs of a set; surrogates, which cannot be asked for, fill in."""
    result = []
    for code in sorted(codes):
        if result and (result[-1][1] == code - 1
                       or (result[-1][1] == 0xD7FF and code == 0xE000)):
            result[-1][1] = code
        else:
            result.append([code, code])
    return result


def probe_sets():
    from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import WordPiece

    def bert(clean=False, strip=False, cjk=False):
        return normalizers.BertNormalizer(
            clean_text=clean, handle_chinese_chars=cjk, strip_accents=strip,
            lowercase=False).normalize_str

    clean, strip, cjk = bert(clean=True), bert(strip=True), bert(cjk=True)
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    beside = Tokenizer(WordPiece({"[UNK]": 0, "\u00a7": 1}, unk_token="[UNK]"))
    beside.add_tokens([AddedToken("\u00a7", single_word=True,
                                  normalized=False)])
    sets = {name: set() for name in
            ("removed", "space", "punctuation", "mark", "cjk", "word")}
    for code in CODES:
        char = chr(code)
        if clean(char) == "":
            sets["removed"].add(code)
        if strip(char) == "":
            sets["mark"].add(code)
        if cjk(char) != char:
            sets["cjk"].add(code)
        words = [word for word, _ in split("a" + char + "b")]
        if words == ["a", "b"]:
            sets["space"].add(code)
        elif len(words) == 3:
            sets["punctuation"].add(code)
        if char != "\u00a7" and 1 not in beside.encode(
                char + "\u00a7", add_special_tokens=False).ids:
            sets["word"].add(code)
    return sets


def probe_classes(marks):
    """Canonical combining classes, from which marks swap places in NFD."""
    import unicodedata
    from tokenizers import normalizers
    nfd = normalizers.NFD().normalize_str
    known = {c: unicodedata.combining(chr(c)) for c in CODES
             if unicodedata.combining(chr(c)) and nfd(chr(c)) == chr(c)}
    # One old mark for each class, to hold the others against.
    reference = {}
    for code, value in known.items():
        if value not in reference and nfd(
                chr(code) + "\u0334") != chr(code) + "\u0334" or value == 1:
            reference.setdefault(value, code)
    result = []
    for code, value in known.items():
        below = {v for v, r in reference.items()
                 if nfd(chr(code) + chr(r)) != chr(code) + chr(r)}
        above = {v for v, r in reference.items()
                 if nfd(chr(r) + chr(code)) != chr(r) + chr(code)}
        if not below and not above:
            continue  # Newer than the package's tables: a starter.
        if (below != {v for v in reference if v < value}
                or above != {v for v in reference if v > value}):
            sys.exit(f"U+{code:04X}: not of combining class {value}")
        if result and result[-1][1] == code - 1 and result[-1][2] == value:
            result[-1][1] = code
        else:
            result.append([code, code, value])
    return result


def table(kind, name, rows):
    items = ["{" + ", ".join(f"0x{v:x}" for v in row) + "}," for row in rows]
    lines, line = [], "   "
    for item in items:
        if len(line) + 1 + len(item) > 80:
            lines.append(line)
            line = "   "
        line += " " + item
    lines.append(line)
    return (f"llvm::ArrayRef<{kind}> bertc::tokenizer::{name}() {{\n"
            f"  static constexpr {kind} rows[] = {{\n" + "\n".join(lines)
            + "\n  };\n  return rows;\n}\n")


def files():
    sets = probe_sets()
    classes = probe_classes(sets["mark"])
    plain = LICENSE.format(
        what="what a character is to\n// BertNormalizer and BertPreTokenizer,"
             " as ranges.")
    for name in ("removed", "space", "punctuation", "mark", "cjk"):
        plain += "\n" + table("CodeRange", name + "Ranges", ranges(sets[name]))
    order = LICENSE.format(
        what="combining classes\n// (of Unicode 9, as the package has them)."
    ) + "\n" + table("ClassRange", "classRanges", classes)
    word = LICENSE.format(
        what="word characters, \\w\n// of Rust's regex crate.") + "\n" + table(
            "CodeRange", "wordRanges", ranges(sets["word"]))
    return {"TokenizerRanges.cpp": plain, "TokenizerRangesOrder.cpp": order,
            "TokenizerRangesWord.cpp": word}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(
        __file__).resolve().parents[2] / "compiler" / "Import")
    options = parser.parse_args()
    failed = False
    for name, text in files().items():
        path = options.folder / name
        if not options.check:
            path.write_text(text)
        elif path.read_text() != text:
            print(f"{path}: differs from the installed tokenizers package")
            failed = True
    if options.check and not failed:
        print("the tables are those of the installed tokenizers package")
    sys.exit(failed)


if __name__ == "__main__":
    main()
