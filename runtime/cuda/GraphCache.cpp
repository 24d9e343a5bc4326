//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// There are few entries, so they are looked through one by one; sizes come
// first in the comparison and tell most of them apart.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/GraphCache.h"

#include <cstdlib>
#include <cstring>

namespace bertc::rt::cuda {

bool GraphCache::start(uint32_t wanted) {
  entries = static_cast<Entry *>(calloc(wanted, sizeof(Entry)));
  size = entries ? wanted : 0;
  return entries != nullptr;
}

static bool equal(const bertc_device_call &a, const bertc_device_call &b) {
  return a.tokens == b.tokens && a.sequences == b.sequences &&
         a.longest == b.longest && a.workspace == b.workspace &&
         a.input_ids == b.input_ids && a.token_type_ids == b.token_type_ids &&
         a.position_ids == b.position_ids && a.offsets == b.offsets &&
         a.output_rows == b.output_rows &&
         !memcmp(a.outputs, b.outputs, sizeof(a.outputs));
}

static bool equal(const HostCode &a, const HostCode &b) {
  return a.identity == b.identity &&
         !memcmp(a.values, b.values, sizeof(a.values));
}

static bool equal(const StagedCopies::Copy &a, const StagedCopies::Copy &b) {
  return a.device == b.device && a.host == b.host && a.bytes == b.bytes &&
         a.zeroed == b.zeroed;
}

static bool equal(const StagedCopies &a, const StagedCopies &b) {
  bool same = equal(a.inputs, b.inputs) && a.outputCount == b.outputCount;
  for (uint32_t i = 0; same && i < a.outputCount; ++i)
    same = equal(a.outputs[i], b.outputs[i]);
  return same;
}

GraphCache::Entry *GraphCache::find(const Driver &driver,
                                    const bertc_device_call &frame,
                                    const HostCode &code,
                                    const StagedCopies *copies) {
  ++clock;
  const StagedCopies none = {};
  const StagedCopies &wanted = copies ? *copies : none;
  for (uint32_t i = 0; i < filled; ++i) {
    Entry &entry = entries[i];
    if (!equal(entry.frame, frame) || !equal(entry.code, code) ||
        !equal(entry.copies, wanted))
      continue;
    entry.used = clock;
    return &entry;
  }
  if (!size)
    return nullptr;
  Entry *place = entries;
  if (filled < size) {
    place = &entries[filled++];
  } else {
    for (uint32_t i = 1; i < size; ++i)
      if (entries[i].used < place->used)
        place = &entries[i];
    if (place->graph)
      driver.cuGraphExecDestroy(place->graph);
  }
  *place = {frame, code, wanted, nullptr, clock};
  return nullptr;
}

void GraphCache::clear(const Driver &driver) {
  for (uint32_t i = 0; i < filled; ++i)
    if (entries[i].graph)
      driver.cuGraphExecDestroy(entries[i].graph);
  filled = 0;
}

void GraphCache::stop(const Driver &driver) {
  clear(driver);
  free(entries);
  entries = nullptr;
  size = 0;
}

uint32_t GraphCache::count() const {
  uint32_t graphs = 0;
  for (uint32_t i = 0; i < filled; ++i)
    graphs += entries[i].graph != nullptr;
  return graphs;
}

} // namespace bertc::rt::cuda
