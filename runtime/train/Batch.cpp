//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Integers are read by memcpy, as in Pack.cpp, since the caller's arrays may
// come straight from a file.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Batch.h"
#include "runtime/train/Real.h"

#include <cstdio>
#include <cstring>

namespace bertc::rt {

static constexpr int64_t ignored = -100;

namespace {

struct Labels {
  bertc_trainer &trainer;
  const Run &run;
  const void *data;
  uint32_t dtype;
  int64_t seq; // 0: packed
  bertc_status *status;

  int64_t read(int64_t index) const { return readElement(data, dtype, index); }

  int32_t *integers() const {
    return reinterpret_cast<int32_t *>(trainer.labels.data);
  }

  bertc_code failClass(const char *index, int64_t value) const {
    return fail(status, BERTC_BAD_INPUT,
                "labels[%s] is %lld, expected 0 to %u, as num_labels is %u, or "
                "-100 to ignore it",
                index, static_cast<long long>(value),
                trainer.desc->label_width - 1, trainer.desc->label_width);
  }

  bool isClass(int64_t value) const {
    return value == ignored ||
           (value >= 0 && value < int64_t(trainer.desc->label_width));
  }

  bertc_code classes() const {
    for (int64_t i = 0; i < run.shape.sequences; ++i) {
      int64_t value = read(i);
      char index[24];
      snprintf(index, sizeof(index), "%lld", static_cast<long long>(i));
      if (!isClass(value))
        return failClass(index, value);
      integers()[i] = static_cast<int32_t>(value);
    }
    return BERTC_OK;
  }

  bertc_code tokens() const {
    for (int64_t t = 0; t < run.shape.tokens; ++t) {
      int64_t element = run.call->output_rows[t];
      int64_t value = read(element);
      char index[48];
      if (seq)
        snprintf(index, sizeof(index), "%lld, %lld",
                 static_cast<long long>(element / seq),
                 static_cast<long long>(element % seq));
      else
        snprintf(index, sizeof(index), "%lld", static_cast<long long>(element));
      if (!isClass(value))
        return failClass(index, value);
      integers()[t] = static_cast<int32_t>(value);
    }
    return BERTC_OK;
  }

  /// The place in its sequence of the token at `position` of the caller's
  /// counting, or -1.
  int64_t place(int64_t sequence, int64_t position) const {
    int64_t begin = run.call->offsets[sequence];
    int64_t length = run.call->offsets[sequence + 1] - begin;
    if (!seq)
      return position >= 0 && position < length ? position : -1;
    for (int64_t i = 0; i < length; ++i)
      if (run.call->output_rows[begin + i] == sequence * seq + position)
        return i;
    return -1;
  }

  bertc_code spans() const {
    for (int64_t i = 0; i < 2 * run.shape.sequences; ++i) {
      int64_t value = read(i);
      int64_t found = value;
      if (value != ignored)
        found = value >= 0 && (!seq || value < seq) ? place(i / 2, value) : -1;
      if (found == -1)
        return fail(status, BERTC_BAD_INPUT,
                    "labels[%lld, %d] is %lld, expected a real token of "
                    "sequence %lld, or -100 to ignore it",
                    static_cast<long long>(i / 2), static_cast<int>(i % 2),
                    static_cast<long long>(value),
                    static_cast<long long>(i / 2));
      integers()[i] = static_cast<int32_t>(found);
    }
    return BERTC_OK;
  }

  bertc_code numbers(int64_t count) const {
    bool multi = trainer.desc->label_kind == BERTC_LABEL_MULTI;
    int64_t width = trainer.desc->label_width;
    memcpy(trainer.labels.data, data, size_t(count) * sizeof(float));
    const float *values = reinterpret_cast<float *>(trainer.labels.data);
    for (int64_t i = 0; i < count; ++i) {
      double value = double(values[i]);
      if (!isFinite(value) || (multi && !(value >= 0 && value <= 1)))
        return fail(status, BERTC_BAD_INPUT, "labels[%lld, %lld] is %g, %s",
                    static_cast<long long>(i / width),
                    static_cast<long long>(i % width), value,
                    multi ? "expected 0 to 1" : "expected a finite number");
    }
    return BERTC_OK;
  }
};

} // namespace

bertc_code packLabels(bertc_trainer &trainer, const Run &run,
                      const bertc_train_batch &batch, uint32_t dtype,
                      int64_t seq, bertc_status *status) {
  if (!batch.labels)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_train_batch.labels is null, expected an array");
  const Shape &shape = run.shape;
  uint32_t kind = trainer.desc->label_kind;
  int64_t width = kind == BERTC_LABEL_SPAN ? 2
                  : kind == BERTC_LABEL_MULTI || kind == BERTC_LABEL_NUMBER
                      ? int64_t(trainer.desc->label_width)
                      : 1;
  int64_t rows = kind == BERTC_LABEL_TOKEN ? shape.rows : shape.sequences;
  int64_t count = rows * width;
  if (batch.label_count < size_t(count))
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_train_batch.label_count is %zu, expected at least %lld "
                "(%lld %s of %lld)",
                batch.label_count, static_cast<long long>(count),
                static_cast<long long>(rows),
                kind == BERTC_LABEL_TOKEN ? "tokens" : "sequences",
                static_cast<long long>(width));
  if (!trainer.labels.reserve(heapAllocator(), size_t(count) * sizeof(float)))
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for %lld labels",
                static_cast<long long>(count));
  trainer.labels.size =
      size_t(kind == BERTC_LABEL_TOKEN ? shape.tokens : count) * sizeof(float);
  Labels labels = {trainer, run, batch.labels, dtype, seq, status};
  bertc_code code = BERTC_OK;
  switch (kind) {
  case BERTC_LABEL_CLASS:
    code = labels.classes();
    break;
  case BERTC_LABEL_TOKEN:
    code = labels.tokens();
    break;
  case BERTC_LABEL_SPAN:
    code = labels.spans();
    break;
  default:
    code = labels.numbers(count);
  }
  return code ? code : ok(status);
}

bertc_code packFrozen(bertc_trainer &trainer, const Run &run,
                      const bertc_train_batch &batch, bertc_status *status) {
  if (!batch.frozen)
    return ok(status);
  const bertc_output_desc *output = frozenOutput(*trainer.session->model->desc);
  if (!output)
    return fail(status, BERTC_NOT_IN_MODEL,
                "bertc_train_batch.frozen is set, but the model has no frozen "
                "layers before all that is trained\n"
                "help: compile it with, for example, --freeze=encoder");
  if (batch.padded)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_train_batch.frozen is set with padded inputs, expected "
                "packed ones");
  bool tokens = output->kind == BERTC_PER_TOKEN;
  size_t rows = size_t(tokens ? run.shape.tokens : run.shape.sequences);
  size_t width = output->width;
  if (batch.frozen_size != rows * width)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_train_batch.frozen_size is %zu, expected %zu (%zu %s "
                "of %zu, the width of %s)",
                batch.frozen_size, rows * width, rows,
                tokens ? "tokens" : "sequences", width, output->name);
  size_t stride = (width + 15) / 16 * 16;
  if (!trainer.frozen.reserve(heapAllocator(), rows * stride))
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for %zu frozen rows",
                rows);
  trainer.frozen.size = rows * stride;
  for (size_t row = 0; row < rows; ++row) {
    float *to = trainer.frozen.data + row * stride;
    memcpy(to, batch.frozen + row * width, width * sizeof(float));
    memset(to + width, 0, (stride - width) * sizeof(float));
  }
  return ok(status);
}

} // namespace bertc::rt
