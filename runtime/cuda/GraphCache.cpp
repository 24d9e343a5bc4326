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

GraphCache::Entry *GraphCache::find(const Driver &driver,
                                    const bertc_device_call &frame,
                                    bool staged) {
  ++clock;
  for (uint32_t i = 0; i < filled; ++i) {
    Entry &entry = entries[i];
    if (entry.staged != staged || !equal(entry.frame, frame))
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
  *place = {frame, staged, nullptr, clock};
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
