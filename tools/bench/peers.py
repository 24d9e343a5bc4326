#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The engines a user would pick instead, each in its best setting.

An engine is a function of engine.py's arguments that returns prepare(batches),
which returns a function that runs them, and a line about itself. What takes
minutes to make (exported and quantised models) is kept in the folder `cache`,
and made again when the weights change.
"""
import pathlib

import numpy as np
import torch

# ids and mask of the example that exporters trace.
EXAMPLE = (torch.ones(2, 16, dtype=torch.long),) * 2
CALIBRATIONS = 300


class Plain(torch.nn.Module):
    """The encoder with two inputs and one output, for the exporters."""

    def __init__(self, model):
        super().__init__()
        self.inner = model

    def forward(self, input_ids, attention_mask):
        return self.inner(input_ids=input_ids,
                          attention_mask=attention_mask).last_hidden_state


def load(folder, attention="sdpa", **options):
    from transformers import AutoModel
    return AutoModel.from_pretrained(
        folder, attn_implementation=attention, **options).eval()


def each(call):
    """An engine that takes one batch of (ids, mask) at a time."""
    return lambda batches: lambda: [call(i, m) for i, m in batches]


def pytorch(arguments, compile_it=False, **options):
    torch.set_num_threads(arguments.threads)
    model = Plain(load(arguments.model, **options)).eval()
    if compile_it:
        model = torch.compile(model, dynamic=True)

    def call(ids, mask):
        with torch.inference_mode():
            return model(torch.from_numpy(ids),
                         torch.from_numpy(mask)).float().numpy()
    return each(call), f"torch {torch.__version__.split('+')[0]}"


def kept(arguments, kind, make):
    """The file KIND of this model in the cache, made by `make(file)` if it is
    not there yet."""
    model = pathlib.Path(arguments.model).resolve()
    weights = max((f.stat().st_mtime_ns for f in model.glob("*.safetensors")),
                  default=0)
    folder = pathlib.Path(arguments.cache) / f"{model.name}-{weights}"
    file, done = folder / kind, folder / f"{kind}.done"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make(file)
        done.touch()
    return file


def onnx_plain(arguments, file):
    model = load(arguments.model, "eager")
    dynamic = {0: "b", 1: "s"}
    torch.onnx.export(Plain(model).eval(), EXAMPLE, file, dynamo=False,
                      opset_version=17, output_names=["h"],
                      input_names=["input_ids", "attention_mask"],
                      dynamic_axes={"input_ids": dynamic, "h": dynamic,
                                    "attention_mask": dynamic})


def onnx_optimized(arguments, file):
    """Through the transformer optimizer, which fuses attention."""
    from onnxruntime.transformers import optimizer
    from transformers import AutoConfig
    plain = kept(arguments, "plain.onnx", lambda f: onnx_plain(arguments, f))
    config = AutoConfig.from_pretrained(arguments.model)
    optimizer.optimize_model(
        str(plain), model_type="bert", opt_level=0,
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size).save_model_to_file(
            str(file), use_external_data_format=True)


def onnx_int8(arguments, file):
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic
    source = kept(arguments, "optimized.onnx",
                  lambda f: onnx_optimized(arguments, f))
    # The type of what fused attention yields cannot be inferred.
    quantize_dynamic(str(source), str(file), weight_type=QuantType.QInt8,
                     use_external_data_format=True,
                     extra_options={"DefaultTensorType": TensorProto.FLOAT})


def onnxruntime(arguments, kind="optimized.onnx", make=onnx_optimized):
    import onnxruntime as ort
    file = kept(arguments, kind, lambda f: make(arguments, f))
    options = ort.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = ort.InferenceSession(str(file), options,
                                   providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return each(lambda ids, mask: session.run(
        None, dict(zip(names, (ids, mask))))[0]), f"ort {ort.__version__}"


def openvino_model(arguments, file):
    import openvino as ov
    model = ov.convert_model(Plain(load(arguments.model)).eval(),
                             example_input=EXAMPLE)
    ov.save_model(model, file, compress_to_fp16=False)


def calibration(arguments):
    """Batches of one text, the same that accuracy is judged on; random ids if
    the vocabulary does not know the texts."""
    with np.load(arguments.calibration) as data:
        texts = [data[name] for name in data.files][:CALIBRATIONS]
    return [(ids[None].astype(np.int64), np.ones((1, len(ids)), np.int64))
            for ids in texts]


def openvino_int8(arguments, file):
    import nncf
    import openvino as ov
    source = kept(arguments, "openvino.xml",
                  lambda f: openvino_model(arguments, f))
    batches = calibration(arguments)
    model = nncf.quantize(ov.Core().read_model(source), nncf.Dataset(batches),
                          model_type=nncf.ModelType.TRANSFORMER,
                          subset_size=len(batches))
    ov.save_model(model, file, compress_to_fp16=False)


def openvino(arguments, kind="openvino.xml", make=openvino_model, hint="f32"):
    import openvino as ov
    file = kept(arguments, kind, lambda f: make(arguments, f))
    compiled = ov.Core().compile_model(file, "CPU", {
        "INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": arguments.threads})
    request = compiled.create_infer_request()
    got = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    about = f"openvino {ov.__version__.split('-')[0]}"
    if got != hint:
        about += f" (asked for {hint}, runs {got})"
    return each(lambda ids, mask: request.infer([ids, mask])[0].copy()), about


def openvino_nncf(arguments):
    import nncf
    prepare, about = openvino(arguments, "openvino-int8.xml", openvino_int8)
    return prepare, f"{about}, nncf {nncf.__version__}"


ENGINES = {
    "torch": pytorch,
    "torch-compile": lambda a: pytorch(a, compile_it=True),
    "torch-bf16": lambda a: pytorch(a, dtype=torch.bfloat16),
    "ort": onnxruntime,
    "ort-int8": lambda a: onnxruntime(a, "int8.onnx", onnx_int8),
    "openvino": openvino,
    "openvino-bf16": lambda a: openvino(a, hint="bf16"),
    "openvino-int8": openvino_nncf,
}
