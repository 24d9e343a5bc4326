#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""What a trainer makes of stored batches, in a process of its own: a library
for a GPU finds the stand-in for the driver by the environment.

device-steps.py LIBRARY OUT BATCH... [--steps N] [--load DIR] [--save DIR]

A BATCH is a case of test/Golden/training, or the path of such a file. OUT gets the gradients of the first batch, losses and norms of steps over the
batches in turn, then logits of the first one, parameters and moments.
"""
import argparse
import json

import capi
import gradients
import harness
import numpy as np
import training
from safetensors.numpy import save_file
from trainer import PROFILE, Trainer


def heads(golden):
    return {name.removeprefix("weight."): value
            for name, value in golden.items() if name.startswith("weight.")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("out")
    parser.add_argument("batches", nargs="+")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--load")
    parser.add_argument("--save")
    parser.add_argument("--profile", action="store_true",
                        help="print what the first batch launched instead")
    options = parser.parse_args()
    golden = [harness.golden(name if name.endswith(".safetensors") else
                             f"training/{name}.safetensors")[0]
              for name in options.batches]
    batches = [gradients.arguments(g) for g in golden]
    if options.profile:
        with capi.Model(options.library) as model, \
                Trainer(model, flags=PROFILE, **training.OPTIONS) as trainer:
            trainer.step(**batches[0])
            print(json.dumps([(name, record.layer, record.begin_ns,
                               record.end_ns)
                              for name, record in trainer.profile()]))
        return
    found = {}
    with capi.Model(options.library) as model, \
            Trainer(model, **training.OPTIONS) as trainer:
        for name, value in heads(golden[0]).items():
            trainer.write(name, value)
        found["loss"] = np.array([trainer.backward(**batches[0])])
        for name, value in trainer.gradients().items():
            found["gradient." + name.removeprefix("bert.")] = value
        trainer.call("zero_gradients", trainer.handle)
        first = 0
        if options.load:
            first = int(trainer.load_checkpoint(options.load))
        results = [trainer.step(**batches[step % len(batches)])
                   for step in range(first, first + options.steps)]
        found["losses"] = np.array([r.loss for r in results])
        found["norms"] = np.array([r.grad_norm for r in results])
        inputs = {k: v for k, v in batches[0].items() if k != "labels"}
        found["logits"] = trainer.evaluate(**inputs)
        for name, value in training.everything(trainer).items():
            found["state." + str(name)] = value
        if options.save:
            trainer.save_checkpoint(options.save,
                                    b"%d" % (first + options.steps))
    save_file(found, options.out)


if __name__ == "__main__":
    main()
