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
    uint32_t width = known[index].width;
    int64_t rows =
        known[index].kind == BERTC_PER_TOKEN ? shape.rows : shape.sequences;
    if (output.size / width < static_cast<uint64_t>(rows))
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "outputs[%zu].size (%s) is %zu floats, expected at least "
                  "%lld rows of %u",
                  i, output.name, output.size, static_cast<long long>(rows),
                  width);
    bound[index] = output.data;
  }
  return ok(status);
}

} // namespace bertc::rt
