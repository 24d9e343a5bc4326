#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The lit suite: every .mlir and .test file below this folder.

Tests of IR run everywhere; a test that executes code for a CPU says so with
REQUIRES and one of the features below.
"""
import os
import pathlib
import shutil
import subprocess

import lit.formats

# Name in REQUIRES -> flags of /proc/cpuinfo, all needed.
CPU_FEATURES = {
    "avx2": {"avx2", "fma"},
    "avx512": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "avx512bf16": {"avx512_bf16"},
    "avx512vnni": {"avx512_vnni"},
    "amx": {"amx_tile", "amx_int8", "amx_bf16"},
}


def cpu_flags():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return set(value.split())
    return set()


config.name = "bertc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# These are run by ctest, and Golden holds data.
config.excludes = ["Golden", "Inputs", "Integration", "Unit"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.bertc_test_dir

flags = cpu_flags()
config.available_features.update(
    name for name, needed in CPU_FEATURES.items() if needed <= flags)

# The assembler of the CUDA toolkit; nothing but tests needs it.
ptxas = shutil.which("ptxas", path=os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/local/cuda/bin"]))
if ptxas:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", ptxas))
    known = subprocess.run([ptxas, "--help"], capture_output=True, text=True)
    if "sm_100" in known.stdout and "sm_120" in known.stdout:
        config.available_features.add("ptxas-blackwell")

# libcuda.so.1 of tools/gpu-emulator/driver, for LD_LIBRARY_PATH.
config.substitutions.append(("%stand-in-driver", os.path.join(
    config.bertc_tools_dir, "..", "lib", "stand-in-driver")))

config.environment["PATH"] = os.pathsep.join(
    [config.bertc_tools_dir, config.llvm_tools_dir, os.environ.get("PATH", "")])
