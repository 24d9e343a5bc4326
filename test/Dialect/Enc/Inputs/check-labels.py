#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Compare the labels of constraints (`linear_c1`) that descriptions of ops state
with those that tests expect; verifiers may use no others.

Descriptions are read from the generated reference, because the labels of some
ops are put together by TableGen.

usage: check-labels.py ROOT, the folder of the sources
"""
import pathlib
import re
import sys

from enc_reference import reference

LABEL = r"([a-z][a-z_]*_c[0-9]+)\b"


def main(root):
    root = pathlib.Path(root)
    stated = set(re.findall(r"\* \(" + LABEL, reference(root)))
    verifiers = sorted((root / "dialects/Enc/IR").glob("EncVerify*.cpp"))
    reported = {label for verifier in verifiers
                for label in re.findall('"' + LABEL, verifier.read_text())}
    expected = set()
    for test in (root / "test/Dialect/Enc").glob("*.mlir"):
        expected |= set(re.findall(r"expected-error.*\{\{" + LABEL,
                                   test.read_text()))
    errors = [f"error: {label} is {what}" for labels, what in [
        (stated - expected, "stated by an op, but no test expects it"),
        (expected - stated, "expected by a test, but no op states it"),
        (reported - stated, "reported by a verifier, but no op states it"),
    ] for label in sorted(labels)]
    print(*errors, sep="\n", end="\n" if errors else "")
    print(f"{len(stated)} labels, {len(errors)} errors")
    return 1 if errors or not stated else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
