#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Write labelled texts of letters for the tiny model: "vowel" if there is an a
or an e in it, else "none".

usage: letters.py FILE COUNT SEED
"""
import random
import sys

source = random.Random(int(sys.argv[3]))
with open(sys.argv[1], "w") as file:
    file.write("text\tlabel\n")
    for i in range(int(sys.argv[2])):
        letters = source.choices("bcdfghkm", k=source.randint(2, 9))
        if i % 2:
            letters[source.randrange(len(letters))] = source.choice("ae")
        file.write(f"{' '.join(letters)}\t{'vowel' if i % 2 else 'none'}\n")
