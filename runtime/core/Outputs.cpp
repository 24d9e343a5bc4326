//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the messages say is in the order of the caller's list.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Outputs.h"
#include "runtime/core/Model.h"

#include <cstdio>
#include <cstring>

namespace bertc::rt {

static bertc_code failNoOutput(const bertc_output_desc *known,
                               uint32_t knownCount, const char *name,
                               bertc_status *status) {
  char names[300] = "";
  for (uint32_t i = 0; i < knownCount; ++i) {
    size_t length = strlen(names);
    snprintf(names + length, sizeof(names) - length, "%s%s", i ? ", " : "",
             known[i].name);
  }
  return fail(status, BERTC_NOT_IN_MODEL,
              "this model has no output '%.60s', expected one of %s\n"
              "help: compile with --outputs",
              name, names);
}

bertc_code checkWanted(const bertc_output *outputs, size_t count,
                       bertc_status *status) {
  if (outputs && count)
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT,
              "outputs is empty, expected at least one wanted output");
}

bool countFloats(const bertc_output_desc &output, const Shape &shape,
                 uint64_t &floats) {
  uint64_t length = static_cast<uint64_t>(shape.pairLength);
  switch (output.kind) {
  case BERTC_PER_TOKEN:
    floats = static_cast<uint64_t>(shape.rows);
    break;
  case BERTC_PER_PAIR:
    if (__builtin_mul_overflow(static_cast<uint64_t>(shape.sequences), length,
                               &floats) ||
        __builtin_mul_overflow(floats, length, &floats))
      return false;
    break;
  default:
    floats = static_cast<uint64_t>(shape.sequences);
  }
  return !__builtin_mul_overflow(floats, output.width, &floats);
}

static bertc_code failTooSmall(size_t index, const bertc_output &output,
                               const bertc_output_desc &known,
                               const Shape &shape, bertc_status *status) {
  if (known.kind == BERTC_PER_PAIR)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "outputs[%zu].size (%s) is %zu floats, expected at least "
                "%lld x %u x %lld x %lld",
                index, output.name, output.size,
                static_cast<long long>(shape.sequences), known.width,
                static_cast<long long>(shape.pairLength),
                static_cast<long long>(shape.pairLength));
  int64_t rows = known.kind == BERTC_PER_TOKEN ? shape.rows : shape.sequences;
  return fail(status, BERTC_INVALID_ARGUMENT,
              "outputs[%zu].size (%s) is %zu floats, expected at least %lld "
              "rows of %u",
              index, output.name, output.size, static_cast<long long>(rows),
              known.width);
}

bertc_code bindOutputs(const bertc_output_desc *known, uint32_t knownCount,
                       const bertc_output *outputs, size_t count,
                       const Shape &shape, float *bound[BERTC_MAX_OUTPUTS],
                       bertc_status *status) {
  for (size_t i = 0; i < count; ++i) {
    const bertc_output &output = outputs[i];
    if (!output.name)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu].name is null, expected the name of an output",
                  i);
    uint32_t index = findOutput(known, knownCount, output.name);
    if (index == knownCount)
      return failNoOutput(known, knownCount, output.name, status);
    if (!output.data)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu].data (%s) is null, expected a buffer", i,
                  output.name);
    if (bound[index])
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu] is %s again, expected each name once", i,
                  output.name);
    uint64_t needed;
    if (!countFloats(known[index], shape, needed) || output.size < needed)
      return failTooSmall(i, output, known[index], shape, status);
    bound[index] = output.data;
  }
  return ok(status);
}

} // namespace bertc::rt
