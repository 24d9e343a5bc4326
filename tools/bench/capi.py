#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The C API of a compiled model through ctypes, as another program sees it.

Arrays are numpy's; a failed call raises Failure with the code and message. The
structs repeat runtime/include/bertc.h field by field.
"""
import ctypes as c
import os

import numpy as np

SIZE, P = c.c_size_t, c.c_void_p
U32, I64 = c.c_uint32, c.c_int64


class Status(c.Structure):
    _fields_ = [("code", c.c_int), ("message", c.c_char * 508)]


class Sized(c.Structure):
    """A struct that begins with its own size."""

    def __init__(self, **fields):
        super().__init__(struct_size=c.sizeof(self), **fields)


class ModelOptions(Sized):
    _fields_ = [("struct_size", SIZE), ("weights_path", c.c_char_p),
                ("variant", c.c_char_p), ("flags", U32), ("reserved", U32)]


class ModelInfo(Sized):
    _fields_ = [("struct_size", SIZE)] + [(n, U32) for n in (
        "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "vocab_size", "max_position_embeddings",
        "type_vocab_size", "pad_token_id", "output_count", "variant_count",
        "variant", "has_tokenizer", "embedding_width", "phase_count")] + [
            ("weights_size", c.c_uint64), ("manifest", P),
            ("manifest_size", SIZE)]


class OutputInfo(Sized):
    _fields_ = [("struct_size", SIZE), ("name", c.c_char_p), ("kind", U32),
                ("width", U32)]


class VariantInfo(Sized):
    _fields_ = [("struct_size", SIZE), ("name", c.c_char_p),
                ("supported", U32), ("reserved", U32),
                ("missing", c.c_char * 240)]


class SessionOptions(Sized):
    _fields_ = [("struct_size", SIZE), ("threads", U32), ("flags", U32),
                ("workspace", P), ("workspace_size", SIZE)]


class Padded(Sized):
    _fields_ = [("struct_size", SIZE), ("batch", I64), ("seq", I64),
                ("dtype", U32), ("reserved", U32), ("input_ids", P),
                ("attention_mask", P), ("token_type_ids", P),
                ("position_ids", P)]


class Packed(Sized):
    _fields_ = [("struct_size", SIZE), ("tokens", I64), ("sequences", I64),
                ("dtype", U32), ("reserved", U32), ("input_ids", P),
                ("cu_seqlens", P), ("token_type_ids", P), ("position_ids", P)]


class Output(c.Structure):
    _fields_ = [("name", c.c_char_p), ("data", P), ("size", SIZE)]


class TokenizeOptions(Sized):
    _fields_ = [("struct_size", SIZE), ("max_tokens", U32), ("reserved", U32)]


class Encoding(Sized):
    _fields_ = [("struct_size", SIZE), ("capacity", SIZE), ("ids", P),
                ("type_ids", P), ("begin", P), ("end", P), ("count", SIZE),
                ("dropped", SIZE), ("special", P), ("malformed", SIZE)]


class EmbedOptions(Sized):
    _fields_ = [("struct_size", SIZE), ("max_tokens", U32), ("reserved", U32),
                ("batch_tokens", SIZE)]


class DeviceInputs(Sized):
    _fields_ = [("struct_size", SIZE), ("tokens", I64), ("sequences", I64),
                ("longest", I64), ("input_ids", P), ("cu_seqlens", P),
                ("token_type_ids", P), ("position_ids", P)]


_S = c.POINTER(Status)
_CODE = [  # name, result, arguments; in the order of the table
    ("model_open", c.c_int, [P, c.POINTER(P), _S]),
    ("model_close", None, [P]),
    ("model_info", c.c_int, [P, P, _S]),
    ("output_info", c.c_int, [P, U32, P, _S]),
    ("variant_info", c.c_int, [P, U32, P, _S]),
    ("workspace_size", c.c_int, [P, U32, I64, I64, I64, c.POINTER(SIZE), _S]),
    ("session_create", c.c_int, [P, P, c.POINTER(P), _S]),
    ("session_destroy", None, [P]),
    ("session_info", c.c_int, [P, P, _S]),
    ("run_padded", c.c_int, [P, P, P, SIZE, _S]),
    ("run_packed", c.c_int, [P, P, P, SIZE, _S]),
    ("tokenize", c.c_int, [P, P, SIZE, P, SIZE, P, P, _S]),
    ("token_text", c.c_int, [P, c.c_int32, P, P, _S]),
    ("embed_texts", c.c_int, [P, P, P, SIZE, P, P, P, _S]),
    ("phase_info", c.c_int, [P, U32, P, _S]),
    ("session_profile", c.c_int, [P, P, P, _S]),
    ("run_device", c.c_int, [P, P, P, SIZE, P, _S]),
]


class Api(c.Structure):
    _fields_ = [("struct_size", SIZE), ("version", U32), ("reserved", U32)] + [
        (name, c.CFUNCTYPE(result, *arguments))
        for name, result, arguments in _CODE]


class Failure(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def address(array):
    return None if array is None else array.ctypes.data


class Model:
    """An open model; `with Model(path) as m`."""

    def __init__(self, library, variant=None, weights=None):
        # A bare name would be looked for where the system keeps its libraries.
        self.library = c.CDLL(os.path.abspath(library), mode=c.RTLD_LOCAL)
        get = self.library.bertc_get_api
        get.restype, get.argtypes = c.POINTER(Api), [U32]
        self.api = get(1).contents
        self.handle = P()
        options = ModelOptions(
            variant=variant.encode() if variant else None,
            weights_path=str(weights).encode() if weights else None)
        self.call("model_open", c.addressof(options), c.byref(self.handle))
        self.info = ModelInfo()
        self.call("model_info", self.handle, c.addressof(self.info))
        self.outputs = {}
        for i in range(self.info.output_count):
            out = OutputInfo()
            self.call("output_info", self.handle, i, c.addressof(out))
            self.outputs[out.name.decode()] = (out.kind, out.width)

    def call(self, name, *arguments):
        status = Status()
        if getattr(self.api, name)(*arguments, c.byref(status)):
            raise Failure(status.code, status.message.decode())

    def variants(self):
        out = []
        for i in range(self.info.variant_count):
            variant = VariantInfo()
            self.call("variant_info", self.handle, i, c.addressof(variant))
            out.append((variant.name.decode(), bool(variant.supported)))
        return out

    def selected_variant(self):
        return self.variants()[self.info.variant][0]

    def workspace(self, threads, tokens, sequences, longest):
        size = SIZE()
        self.call("workspace_size", self.handle, threads, tokens, sequences,
                  longest, c.byref(size))
        return size.value

    def tokenize(self, text, pair=None, limit=0):
        options = TokenizeOptions(max_tokens=limit)
        text = text.encode()
        pair = None if pair is None else pair.encode()
        ids = np.empty(len(text) + len(pair or b"") + 8, np.int32)
        encoding = Encoding(capacity=ids.size, ids=address(ids))
        self.call("tokenize", self.handle, text, len(text), pair,
                  len(pair or b""), c.addressof(options),
                  c.addressof(encoding))
        return ids[:encoding.count].copy()

    def close(self):
        if self.handle:
            self.api.model_close(self.handle)
            self.handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


KIND_TOKEN, KIND_SEQUENCE, KIND_PAIR = range(3)


class Session:
    """A session of a model; `with Session(m, threads=2) as s`."""

    def __init__(self, model, threads=0, workspace=None):
        self.model, self.handle, self.kept = model, P(), workspace
        options = SessionOptions(
            threads=threads, workspace=address(workspace),
            workspace_size=0 if workspace is None else workspace.nbytes)
        model.call("session_create", model.handle, c.addressof(options),
                   c.byref(self.handle))

    def _outputs(self, names, token_rows, sequences, longest):
        arrays = {}
        for name in names or self.model.outputs:
            kind, width = self.model.outputs[name]
            shape = {KIND_TOKEN: (*token_rows, width),
                     KIND_SEQUENCE: (sequences, width),
                     KIND_PAIR: (sequences, width, longest, longest)}[kind]
            arrays[name] = np.full(shape, np.nan, np.float32)
        table = (Output * len(arrays))(*(
            Output(n.encode(), a.ctypes.data, a.size)
            for n, a in arrays.items()))
        return arrays, table

    @staticmethod
    def _integers(arrays, dtype):
        return [None if a is None else np.ascontiguousarray(a, dtype)
                for a in arrays]

    def prepare_padded(self, ids, mask=None, types=None, positions=None,
                       names=None, dtype=np.int64):
        """A function that runs this batch, and the outputs it fills."""
        arrays = self._integers((ids, mask, types, positions), dtype)
        batch, seq = arrays[0].shape
        inputs = Padded(batch=batch, seq=seq, dtype=int(dtype == np.int32),
                        input_ids=address(arrays[0]),
                        attention_mask=address(arrays[1]),
                        token_type_ids=address(arrays[2]),
                        position_ids=address(arrays[3]))
        outputs, table = self._outputs(names, (batch, seq), batch, seq)
        kept = (arrays, inputs, outputs, table)  # the call points into these

        def run():
            self.model.call("run_padded", self.handle, c.addressof(kept[1]),
                            c.addressof(kept[3]), len(kept[3]))
        return run, outputs

    def padded(self, *arguments, **named):
        run, outputs = self.prepare_padded(*arguments, **named)
        run()
        return outputs

    def packed(self, ids, offsets, types=None, positions=None, names=None,
               dtype=np.int64):
        arrays = self._integers((ids, offsets, types, positions), dtype)
        tokens, sequences = arrays[0].size, arrays[1].size - 1
        inputs = Packed(tokens=tokens, sequences=sequences,
                        dtype=int(dtype == np.int32),
                        input_ids=address(arrays[0]),
                        cu_seqlens=address(arrays[1]),
                        token_type_ids=address(arrays[2]),
                        position_ids=address(arrays[3]))
        # Offsets may be wrong on purpose.
        longest = max(1, int(np.diff(arrays[1].astype(np.int64)).max(initial=1)))
        outputs, table = self._outputs(names, (tokens,), sequences,
                                       min(longest, tokens))
        self.model.call("run_packed", self.handle, c.addressof(inputs),
                        c.addressof(table), len(table))
        return outputs

    def prepare_device(self, lengths, ids, offsets, positions, outputs,
                       stream):
        """A function that puts a run into a stream. Arrays are addresses of the
        device: int32 tokens, and {name: (address, number of floats)}."""
        inputs = DeviceInputs(tokens=sum(lengths), sequences=len(lengths),
                              longest=max(lengths), input_ids=ids,
                              cu_seqlens=offsets, position_ids=positions)
        table = (Output * len(outputs))(*(
            Output(name.encode(), data, size)
            for name, (data, size) in outputs.items()))

        def run():
            self.model.call("run_device", self.handle, c.addressof(inputs),
                            c.addressof(table), len(table), stream)
        return run

    def embed(self, texts, max_tokens=0, batch_tokens=0):
        data = [t.encode() for t in texts]
        pointers = (c.c_char_p * len(data))(*data)
        lengths = (SIZE * len(data))(*map(len, data))
        out = np.full((len(data), self.model.info.embedding_width), np.nan,
                      np.float32)
        options = EmbedOptions(max_tokens=max_tokens,
                               batch_tokens=batch_tokens)
        self.model.call("embed_texts", self.handle, c.addressof(pointers),
                        c.addressof(lengths), len(data), c.addressof(options),
                        out.ctypes.data, None)
        return out

    def close(self):
        if self.handle:
            self.model.api.session_destroy(self.handle)
            self.handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
