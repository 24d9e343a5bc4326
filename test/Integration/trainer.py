#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The C API of training through ctypes, beside capi.py for the rest.

The structs repeat runtime/include/bertc_train.h field by field.
"""
import ctypes as c

import capi
import numpy as np
from capi import I64, P, SIZE, U32, Sized

U64, F64 = c.c_uint64, c.c_double


class Options(Sized):
    _fields_ = [("struct_size", SIZE), ("threads", U32), ("flags", U32),
                ("seed", U64), ("learning_rate", F64), ("adam_beta1", F64),
                ("adam_beta2", F64), ("adam_epsilon", F64),
                ("weight_decay", F64), ("max_grad_norm", F64),
                ("lr_scheduler_type", U32),
                ("gradient_accumulation_steps", U32), ("warmup_steps", I64),
                ("max_steps", I64)]


class Info(Sized):
    _fields_ = [("struct_size", SIZE), ("label_kind", U32),
                ("num_labels", U32), ("logits_kind", U32), ("threads", U32),
                ("parameter_count", U32), ("accumulated", U32),
                ("global_step", I64), ("batches", I64),
                ("learning_rate", F64), ("parameters", U64),
                ("trained_parameters", U64), ("parameter_bytes", U64),
                ("gradient_bytes", U64), ("optimizer_bytes", U64),
                ("activation_bytes", U64), ("phase_count", U32),
                ("reserved", U32)]


class ParameterInfo(Sized):
    _fields_ = [("struct_size", SIZE), ("name", c.c_char_p), ("rank", U32),
                ("layer", c.c_int32), ("shape", U64 * 2), ("size", U64),
                ("trained", U32), ("decays", U32), ("is_new", U32),
                ("reserved", U32)]


class Batch(Sized):
    _fields_ = [("struct_size", SIZE), ("packed", P), ("padded", P),
                ("labels", P), ("label_count", SIZE), ("logits", P),
                ("logits_size", SIZE)]


class Result(Sized):
    _fields_ = [("struct_size", SIZE), ("loss", F64), ("global_step", I64),
                ("updated", U32), ("accumulated", U32), ("grad_norm", F64),
                ("learning_rate", F64)]


class PhaseInfo(Sized):
    _fields_ = [("struct_size", SIZE), ("name", c.c_char_p),
                ("flops_per_token", U64), ("flops_per_sequence", U64),
                ("flops_per_pair", U64), ("weight_bytes", U64)]


class PhaseRecord(c.Structure):
    _fields_ = [("phase", c.c_int32), ("layer", c.c_int32), ("thread", U32),
                ("reserved", U32), ("begin_ns", I64), ("end_ns", I64)]


PROFILE = 1  # BERTC_SESSION_PROFILE

_S = c.POINTER(capi.Status)
_TABLE = [  # name, result, arguments; in the order of the table
    ("trainer_create", c.c_int, [P, P, c.POINTER(P), _S]),
    ("trainer_destroy", None, [P]),
    ("trainer_info", c.c_int, [P, P, _S]),
    ("step", c.c_int, [P, P, P, _S]),
    ("backward", c.c_int, [P, P, c.POINTER(F64), _S]),
    ("update", c.c_int, [P, P, _S]),
    ("zero_gradients", c.c_int, [P, _S]),
    ("evaluate_packed", c.c_int, [P, P, P, SIZE, _S]),
    ("evaluate_padded", c.c_int, [P, P, P, SIZE, _S]),
    ("parameter_info", c.c_int, [P, U32, P, _S]),
    ("read_parameter", c.c_int, [P, U32, U32, P, SIZE, _S]),
    ("write_parameter", c.c_int, [P, U32, U32, P, SIZE, _S]),
    ("save_model", c.c_int, [P, c.c_char_p, _S]),
    ("save_checkpoint", c.c_int, [P, c.c_char_p, c.c_char_p, SIZE, _S]),
    ("load_checkpoint", c.c_int, [P, c.c_char_p, P, SIZE, c.POINTER(SIZE),
                                  _S]),
    ("find_checkpoint", c.c_int, [c.c_char_p, P, SIZE, c.POINTER(I64), _S]),
    ("train_info", c.c_int, [P, P, _S]),
    ("file_info", c.c_int, [P, U32, P, _S]),
    ("phase_info", c.c_int, [P, U32, P, _S]),
    ("profile", c.c_int, [P, c.POINTER(P), c.POINTER(SIZE), _S]),
]
VALUE, GRADIENT, FIRST_MOMENT, SECOND_MOMENT = range(4)


class Api(c.Structure):
    _fields_ = [("struct_size", SIZE), ("version", U32), ("reserved", U32)] + [
        (name, c.CFUNCTYPE(result, *arguments))
        for name, result, arguments in _TABLE]


class Trainer:
    """`with Trainer(model, threads=2) as t`; options by their names."""

    def __init__(self, model, **options):
        get = model.library.bertc_get_train_api
        get.restype, get.argtypes = c.POINTER(Api), [U32]
        self.api, self.model, self.handle = get(1).contents, model, P()
        options = Options(**options)
        self.call("trainer_create", model.handle, c.addressof(options),
                  c.byref(self.handle))
        self.parameters = {}  # name -> index, info
        for i in range(self.info().parameter_count):
            info = ParameterInfo()
            self.call("parameter_info", self.handle, i, c.addressof(info))
            self.parameters[info.name.decode()] = i, info

    def call(self, name, *arguments):
        status = capi.Status()
        if getattr(self.api, name)(*arguments, c.byref(status)):
            raise capi.Failure(status.code, status.message.decode())

    def info(self):
        info = Info()
        self.call("trainer_info", self.handle, c.addressof(info))
        return info

    @staticmethod
    def batch(ids, mask, types, labels):
        """A padded batch and what has to outlive its use."""
        arrays = [None if a is None else np.ascontiguousarray(a, np.int64)
                  for a in (ids, mask, types)]
        labels = np.ascontiguousarray(
            labels, np.float32 if labels.dtype.kind == "f" else np.int64)
        rows, columns = arrays[0].shape
        inputs = capi.Padded(
            batch=rows, seq=columns, input_ids=capi.address(arrays[0]),
            attention_mask=capi.address(arrays[1]),
            token_type_ids=capi.address(arrays[2]))
        batch = Batch(padded=c.addressof(inputs), labels=labels.ctypes.data,
                      label_count=labels.size)
        return batch, (arrays, labels, inputs)

    def backward(self, ids, labels, mask=None, types=None):
        batch, kept = self.batch(ids, mask, types, labels)
        loss = F64()
        self.call("backward", self.handle, c.addressof(batch), c.byref(loss))
        return loss.value

    def step(self, ids, labels, mask=None, types=None):
        batch, kept = self.batch(ids, mask, types, labels)
        result = Result()
        self.call("step", self.handle, c.addressof(batch),
                  c.addressof(result))
        return result

    def evaluate(self, ids, mask=None, types=None):
        """The logits of a padded batch."""
        batch, (_, _, inputs) = self.batch(ids, mask, types,
                                           np.zeros(1, np.int64))
        info = self.info()
        rows, columns = inputs.batch, inputs.seq
        logits = np.empty((rows, info.num_labels) if info.logits_kind else
                          (rows, columns, info.num_labels), np.float32)
        output = capi.Output(b"logits", logits.ctypes.data, logits.size)
        self.call("evaluate_padded", self.handle, c.addressof(inputs),
                  c.addressof(output), 1)
        return logits

    def profile(self):
        """(name, record) of what the last batch did."""
        records, count = P(), SIZE()
        self.call("profile", self.handle, c.byref(records), c.byref(count))
        found = []
        for i in range(count.value):
            at = records.value + i * c.sizeof(PhaseRecord)
            record = PhaseRecord.from_buffer_copy(
                c.string_at(at, c.sizeof(PhaseRecord)))
            info = PhaseInfo()
            self.call("phase_info", self.handle, record.phase,
                      c.addressof(info))
            found.append((info.name.decode(), record))
        return found

    def save_model(self, folder):
        self.call("save_model", self.handle, str(folder).encode())

    def save_checkpoint(self, folder, user=b""):
        self.call("save_checkpoint", self.handle, str(folder).encode(), user,
                  len(user))

    def load_checkpoint(self, folder):
        """The bytes given to save_checkpoint."""
        user, size = c.create_string_buffer(4096), SIZE()
        self.call("load_checkpoint", self.handle, str(folder).encode(),
                  c.addressof(user), len(user), c.byref(size))
        return user.raw[:size.value]

    def find_checkpoint(self, folder):
        path, step = c.create_string_buffer(4096), I64()
        self.call("find_checkpoint", str(folder).encode(), c.addressof(path),
                  len(path), c.byref(step))
        return path.value.decode(), step.value

    def read(self, name, part=VALUE):
        index, info = self.parameters[name]
        array = np.empty(info.shape[:info.rank], np.float32)
        self.call("read_parameter", self.handle, index, part,
                  array.ctypes.data, array.size)
        return array

    def write(self, name, values):
        index, info = self.parameters[name]
        values = np.ascontiguousarray(values, np.float32)
        self.call("write_parameter", self.handle, index, VALUE,
                  values.ctypes.data, values.size)

    def gradients(self):
        return {name: self.read(name, GRADIENT)
                for name, (_, info) in self.parameters.items() if info.trained}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.api.trainer_destroy(self.handle)
