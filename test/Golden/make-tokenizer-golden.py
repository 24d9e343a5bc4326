#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Write tokenizer/: a small tokenizer.json, and what the tokenizers package
makes of seeded texts with it (texts.jsonl, one request and answer a line)."""
import json
import pathlib
import sys

import tokenizers

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Integration"))
import unicode_texts as ut  # noqa: E402

COUNT, LONGEST = 500, 220
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ADDED = [("<new>", {"lstrip": True}), ("Straße", {"normalized": True}),
         ("hello", {"single_word": True, "rstrip": True})]


def vocabulary():
    chars = set("".join(map(chr, range(0x21, 0x7f))) + "".join(ut.WORDS))
    chars |= set(ut.PUNCTUATION + ut.CJK + ut.CASES + ut.MARKS)
    chars |= set("ᄀᄂᄃᄅᄒ가한글ᅡᅢᅥᅳᅵᆨᆫᆯ")
    chars |= {c.lower() for c in chars if len(c.lower()) == 1}
    chars = sorted(c for c in chars if not c.isspace())
    pieces = set()
    for word in ut.WORDS:
        for text in (word, word.lower()):
            pieces |= {text[:n] for n in range(2, len(text) + 1, 3)}
            pieces |= {"##" + text[n:n + 3] for n in range(1, len(text) - 2, 2)}
    tokens = SPECIAL + chars + ["##" + c for c in chars] + sorted(pieces)
    return {t: i for i, t in enumerate(dict.fromkeys(tokens))}


def describe(vocab):
    def token(content, **flags):
        return {"id": vocab.setdefault(content, len(vocab)),
                "content": content, "single_word": False, "lstrip": False,
                "rstrip": False, "normalized": False, "special": False, **flags}

    def special(name, type_id):
        return {"SpecialToken": {"id": name, "type_id": type_id}}

    def text(name, type_id):
        return {"Sequence": {"id": name, "type_id": type_id}}

    model = dict(vocab)
    single = [special("[CLS]", 0), text("A", 0), special("[SEP]", 0)]
    added = [token(name, special=True) for name in SPECIAL]
    added += [token(name, **flags) for name, flags in ADDED]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": True,
                       "handle_chinese_chars": True, "strip_accents": None,
                       "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": single,
            "pair": single + [text("B", 1), special("[SEP]", 1)],
            "special_tokens": {
                name: {"id": name, "ids": [vocab[name]], "tokens": [name]}
                for name in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]",
                  "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": model},
    }


def answer(reference, limit, text, pair):
    full = reference.encode(text, pair)
    cut = full
    if limit:
        reference.enable_truncation(limit)
        cut = reference.encode(text, pair)
        reference.no_truncation()
    bytes_before = [[len(t[:i].encode()) for i in range(len(t) + 1)]
                    for t in (text, pair or "")]
    places = [[bytes_before[s or 0][o] for o in offsets]
              for offsets, s in zip(cut.offsets, cut.sequence_ids)]
    return {"ids": cut.ids, "types": cut.type_ids,
            "begin": [b for b, _ in places], "end": [e for _, e in places],
            "dropped": len(full.ids) - len(cut.ids)}


def main():
    folder = HERE / "tokenizer"
    folder.mkdir(exist_ok=True)
    data = describe(vocabulary())
    (folder / "tokenizer.json").write_text(
        json.dumps(data, ensure_ascii=False, indent=0) + "\n")
    texts = ut.Texts("golden", ut.SPECIAL + [name for name, _ in ADDED])
    requests = (r for r in texts.requests(10 * COUNT)
                if len(r[1]) + len(r[2] or "") <= LONGEST)
    lines = []
    for number, request in zip(range(COUNT), requests):
        cased = number % 3 == 0
        data["normalizer"]["lowercase"] = not cased
        reference = tokenizers.Tokenizer.from_str(json.dumps(data))
        limit, text, pair = request
        lines.append(json.dumps(
            {"cased": cased, "limit": limit, "text": text, "pair": pair,
             **answer(reference, *request)},
            ensure_ascii=False, separators=(",", ":")))
    (folder / "texts.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
