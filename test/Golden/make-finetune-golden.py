#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Metrics of random predictions, by scikit-learn, SciPy, seqeval and the rules
of SQuAD's evaluation script.

usage: make-finetune-golden.py  (writes finetune-metrics.json)
"""
import collections
import json
import math
import pathlib
import re
import string
import warnings

import numpy as np
from scipy import stats
from seqeval import metrics as entities
from sklearn import metrics

warnings.simplefilter("ignore")
random = np.random.default_rng(11)
cases = {"classes": [], "several": [], "numbers": [], "tags": [],
         "answers": []}


def case(kind, **values):
    cases[kind].append({k: None if isinstance(v, float) and math.isnan(v)
                        else v for k, v in values.items()})


for labels, truth, predicted in [
        (2, [0, 1, 1, 0, 1], [0, 1, 0, 0, 1]), (2, [0, 0, 0], [0, 0, 0]),
        (2, [1, 1], [0, 0]), (2, [0, 1], [1, 1]),
        (4, [2, 2, 3], [2, 1, 3]),
        *((n, random.integers(0, n, 60).tolist(),
           random.integers(0, n, 60).tolist()) for n in (2, 3, 7))]:
    case("classes", labels=labels, truth=truth, predicted=predicted,
         accuracy=metrics.accuracy_score(truth, predicted),
         f1=metrics.f1_score(truth, predicted, labels=[1], average="macro"),
         f1_macro=metrics.f1_score(truth, predicted, average="macro"),
         matthews=metrics.matthews_corrcoef(truth, predicted))

for labels, share in [(1, .5), (3, .5), (5, .1), (5, 0)]:
    truth = (random.random((40, labels)) < share).astype(int)
    predicted = (random.random((40, labels)) < share).astype(int)
    shape = ({"average": "binary"} if labels == 1 else None)
    case("several", labels=labels, truth=truth.ravel().tolist(),
         predicted=predicted.ravel().tolist(),
         accuracy=metrics.accuracy_score(truth, predicted),
         f1_micro=metrics.f1_score(truth, predicted,
                                   **(shape or {"average": "micro"})),
         f1_macro=metrics.f1_score(truth, predicted,
                                   **(shape or {"average": "macro"})))

for a, b in [([1, 2, 3, 4], [1, 2, 3, 5]), ([1, 1, 2, 2, 2], [3, 3, 3, 1, 2]),
             ([0, 1], [1, 0]), ([1, 1, 1], [1, 2, 3]),
             ((1e6 + random.standard_normal(50)).tolist(),
              (1e6 + random.standard_normal(50)).tolist()),
             (random.integers(0, 6, 80).tolist(),
              random.standard_normal(80).tolist())]:
    case("numbers", a=list(map(float, a)), b=list(map(float, b)),
         mse=float(metrics.mean_squared_error(a, b)),
         pearson=float(stats.pearsonr(a, b)[0]),
         spearman=float(stats.spearmanr(a, b)[0]))

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
IOBES = TAGS + ["E-PER", "S-PER", "E-LOC", "S-LOC"]
for tags, lengths in [(TAGS, [5, 1, 9]), (TAGS, [40]), (IOBES, [30, 30, 3]),
                      (["O", "B", "I"], [25])]:
    truth = [random.choice(tags, n).tolist() for n in lengths]
    # Half of the tags right, so that some entities are.
    predicted = [[t if random.random() < .7 else str(random.choice(tags))
                  for t in s] for s in truth]
    case("tags", truth=truth, predicted=predicted,
         precision=float(entities.precision_score(truth, predicted)),
         recall=float(entities.recall_score(truth, predicted)),
         f1=float(entities.f1_score(truth, predicted)))


def normalize(text):
    """The steps of evaluate-v1.1.py."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(predicted, answer):
    """Of evaluate-v2.0.py."""
    found, wanted = normalize(predicted).split(), normalize(answer).split()
    if not found or not wanted:
        return float(found == wanted)
    common = collections.Counter(found) & collections.Counter(wanted)
    return 2 * sum(common.values()) / (len(found) + len(wanted))


for predicted, answers in [
        ("The Cat!", ["a cat"]), ("cat", ["the dog", "black cat"]),
        ("", []), ("x", []), ("", ["x"]), ("the", ["x"]),
        ("a the an", ["an"]), ("U.S.A.", ["usa"]), ("Über-Maß", ["über maß"]),
        ("ÉCOLE", ["école"]), ("the\u2014cat", ["\u2014cat"]),
        ("a\u00a0dog  ran", ["dog ran"]), ("theatre and a an2", ["theatre an2"]),
        ("one two two three", ["two two four", "three"]),
        ("1,000 men", ["1000 men", "men"]), ("l'a b", ["la b"]),
        ("ΑΒΓ the δ", ["αβγ Δ"]), ("東京 the 京都", ["東京"]),
        ("the_cat a_ _a", ["thecat"]), ("tab\tand\nline", ["tab and line"])]:
    case("answers", predicted=predicted, answers=answers,
         normal=normalize(predicted),
         exact=float(max(normalize(predicted) == normalize(a)
                         for a in answers or [""])),
         f1=max(f1(predicted, a) for a in answers or [""]))

path = pathlib.Path(__file__).parent / "finetune-metrics.json"
path.write_text("{\n" + ",\n".join(
    f"{json.dumps(kind)}: [\n" + ",\n".join(json.dumps(c) for c in some) + "]"
    for kind, some in cases.items()) + "\n}\n")
print(f"{path.name}: {sum(map(len, cases.values()))} cases, "
      f"{path.stat().st_size // 1024} KB")
