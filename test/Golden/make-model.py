#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Write one seeded model directory: make-model.py NAME OUT_DIR."""
import argparse

import seeded

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("name", choices=seeded.SPECS)
parser.add_argument("out")
arguments = parser.parse_args()
print(seeded.write(arguments.name, arguments.out))
