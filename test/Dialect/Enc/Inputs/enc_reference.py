#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""The generated reference of the enc dialect, as Markdown."""
import pathlib
import subprocess


def reference(root):
    include = subprocess.run(["llvm-config", "--includedir"], check=True,
                             capture_output=True, text=True).stdout.strip()
    ops = pathlib.Path(root) / "dialects/Enc/IR/EncOps.td"
    return subprocess.run(
        ["mlir-tblgen", "-gen-dialect-doc", "-dialect=enc", "-I", root, "-I",
         include, ops], check=True, capture_output=True, text=True).stdout
