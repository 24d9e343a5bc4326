//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row of a tensor is, in panels, a column of a panel: its elements are 16
// floats apart. Element [r][c] is drawn from a counter of r * columns + c and
// the name, so that neither layout nor order nor other parameters matter.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Parameters.h"
#include "runtime/abi/hash.h"
#include "runtime/train/Philox.h"
#include "runtime/train/Real.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bertc::rt {

static constexpr char layerMark[] = "{layer}";
static constexpr size_t longestName = 120;

static bool layered(const bertc_parameter_desc &desc) {
  return strstr(desc.name, layerMark) != nullptr;
}

static uint64_t extent(uint64_t count, uint64_t group, uint64_t stride) {
  return (count + group - 1) / group * stride;
}

static uint64_t pad(uint64_t index, uint32_t group, uint32_t stride) {
  return index / group * stride + index % group;
}

/// The padded size of the axis that elements of a row lie along (`inner`) and
/// of the other one.
static void extents(const bertc_parameter_desc &desc, uint64_t &outer,
                    uint64_t &inner) {
  if (desc.layout == BERTC_PARAMETER_PANELS) {
    outer = extent(desc.rows, desc.column_group, desc.column_stride);
    inner = extent(desc.columns, desc.depth_group, desc.depth_stride);
  } else {
    outer = desc.rows;
    inner = extent(desc.columns, desc.column_group, desc.column_stride);
  }
}

static bool sound(const bertc_parameter_desc &desc) {
  if (!desc.name || strlen(desc.name) > longestName || !desc.rows ||
      !desc.columns || !desc.layer_count || desc.rank < 1 || desc.rank > 2 ||
      (desc.rank == 1 && desc.rows != 1) ||
      desc.layout > BERTC_PARAMETER_ROWS || !desc.column_group ||
      desc.column_stride < desc.column_group ||
      (desc.layer_count > 1 && !layered(desc)) ||
      desc.first_trained_layer > desc.layer_count ||
      desc.last_frozen_layers > desc.layer_count - desc.first_trained_layer)
    return false;
  bool panels = desc.layout == BERTC_PARAMETER_PANELS;
  if (panels && (!desc.depth_group || desc.depth_stride < desc.depth_group ||
                 desc.column_stride % 16))
    return false;
  uint64_t outer, inner, size;
  extents(desc, outer, inner);
  return !__builtin_mul_overflow(outer, inner, &size) &&
         size == desc.packed_size;
}

/// Whether `layers` ranges of the parameter lie within `size` bytes.
static bool inside(const bertc_parameter_desc &desc, uint64_t offset,
                   uint64_t stride, uint64_t layers, uint64_t size) {
  uint64_t end = desc.packed_size * sizeof(float), last;
  if (offset % sizeof(float) || stride % sizeof(float))
    return false;
  return !layers || (!__builtin_mul_overflow(stride, layers - 1, &last) &&
                     !__builtin_add_overflow(last, offset, &last) &&
                     !__builtin_add_overflow(last, end, &last) && last <= size);
}

static bertc_code check(const bertc_train_desc &desc, uint64_t weightsSize,
                        bertc_status *status) {
  for (uint64_t i = 0; i < desc.parameter_count; ++i) {
    const bertc_parameter_desc &p = desc.parameters[i];
    bool good =
        sound(p) &&
        inside(p, p.weight_offset, p.weight_layer_stride, p.layer_count,
               weightsSize) &&
        (p.gradient_offset == BERTC_FROZEN ||
         inside(p, p.gradient_offset, p.gradient_layer_stride,
                p.layer_count - p.last_frozen_layers - p.first_trained_layer,
                desc.gradients_size));
    if (!good)
      return fail(status, BERTC_CORRUPT,
                  "the model's description of parameter %.200s is damaged\n"
                  "help: compile the model again",
                  p.name ? p.name : "without a name");
  }
  return ok(status);
}

/// Writes the name with the layer, and a NUL; returns its length with it.
static size_t writeName(const char *pattern, int32_t layer, char *name,
                        size_t capacity) {
  const char *mark = layer < 0 ? nullptr : strstr(pattern, layerMark);
  int length = mark ? snprintf(name, capacity, "%.*s%d%s",
                               static_cast<int>(mark - pattern), pattern, layer,
                               mark + strlen(layerMark))
                    : snprintf(name, capacity, "%s", pattern);
  return static_cast<size_t>(length) + 1;
}

bertc_code Parameters::open(const bertc_train_desc &desc, uint64_t weightsSize,
                            bertc_status *status) {
  if (bertc_code code = check(desc, weightsSize, status))
    return code;
  uint64_t total = 0, bytes = 0;
  for (uint64_t i = 0; i < desc.parameter_count; ++i) {
    uint64_t layers = desc.parameters[i].layer_count;
    total += layers;
    bytes += layers * (strlen(desc.parameters[i].name) + sizeof("4294967295"));
  }
  list = static_cast<Parameter *>(malloc(total * sizeof(Parameter) + 1));
  names = static_cast<char *>(malloc(bytes + 1));
  if (!list || !names) {
    close();
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for %llu parameters",
                static_cast<unsigned long long>(total));
  }
  size_t used = 0;
  auto add = [&](const bertc_parameter_desc &p, uint32_t layer) {
    Parameter &made = list[number++];
    made.desc = &p;
    made.layer = layered(p) ? static_cast<int32_t>(layer) : -1;
    made.name = names + used;
    used += writeName(p.name, made.layer, names + used, bytes - used);
    made.weight =
        (p.weight_offset + layer * p.weight_layer_stride) / sizeof(float);
    made.gradient = BERTC_FROZEN;
    if (p.gradient_offset != BERTC_FROZEN && layer >= p.first_trained_layer &&
        layer < p.layer_count - p.last_frozen_layers)
      made.gradient = (p.gradient_offset + (layer - p.first_trained_layer) *
                                               p.gradient_layer_stride) /
                      sizeof(float);
  };
  // Neighbours that all are of the layers: layer by layer.
  for (uint64_t i = 0; i < desc.parameter_count;) {
    const bertc_parameter_desc *first = desc.parameters + i;
    uint64_t run = 1;
    while (layered(*first) && i + run < desc.parameter_count &&
           layered(first[run]) && first[run].layer_count == first->layer_count)
      ++run;
    for (uint32_t layer = 0; layer < first->layer_count; ++layer)
      for (uint64_t j = 0; j < run; ++j)
        add(first[j], layer);
    i += run;
  }
  return ok(status);
}

void Parameters::close() {
  free(list);
  free(names);
  list = nullptr;
  names = nullptr;
  number = 0;
}

/// Calls visit(packed floats, their distance, index of the first among the
/// dense floats, count) for each stretch of the rows that lies evenly in packed
/// memory.
template <typename Packed, typename Visit>
static void eachStretch(const bertc_parameter_desc &desc, Packed *packed,
                        uint64_t first, uint64_t rows, Visit visit) {
  bool panels = desc.layout == BERTC_PARAMETER_PANELS;
  uint64_t outer, inner;
  extents(desc, outer, inner);
  uint32_t group = panels ? desc.depth_group : desc.column_group;
  uint32_t stride = panels ? desc.depth_stride : desc.column_stride;
  uint64_t distance = panels ? 16 : 1;
  uint64_t index = 0;
  for (uint64_t r = first; r < first + rows; ++r) {
    uint64_t column = pad(r, desc.column_group, desc.column_stride);
    Packed *row = panels ? packed + column / 16 * inner * 16 + column % 16
                         : packed + r * inner;
    for (uint64_t c = 0; c < desc.columns; c += group) {
      uint64_t count = desc.columns - c < group ? desc.columns - c : group;
      visit(row + c / group * stride * distance, distance, index, count);
      index += count;
    }
  }
}

void unpackRows(const bertc_parameter_desc &desc, const float *packed,
                uint64_t first, uint64_t rows, float *data) {
  eachStretch(desc, packed, first, rows,
              [&](const float *from, uint64_t distance, uint64_t index,
                  uint64_t count) {
                for (uint64_t i = 0; i < count; ++i)
                  data[index + i] = from[i * distance];
              });
}

void packRows(const bertc_parameter_desc &desc, float *packed, uint64_t first,
              uint64_t rows, const float *data) {
  eachStretch(
      desc, packed, first, rows,
      [&](float *to, uint64_t distance, uint64_t index, uint64_t count) {
        for (uint64_t i = 0; i < count; ++i)
          to[i * distance] = data[index + i];
      });
}

/// Element `index` of the stream `name`, standard normal.
static double drawNormal(uint64_t seed, uint64_t name, uint64_t index) {
  PhiloxBlock block =
      philox({{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
               static_cast<uint32_t>(name), static_cast<uint32_t>(name >> 32)}},
             seed);
  uint64_t bits = uint64_t(block.words[0]) << 32 | block.words[1];
  return normalQuantile((double(bits >> 12) + 0.5) * 0x1p-52);
}

void drawParameter(const Parameter &parameter, uint64_t seed, double deviation,
                   float *packed) {
  const bertc_parameter_desc &desc = *parameter.desc;
  uint64_t name = bertc_hash64(parameter.name, strlen(parameter.name));
  bool random = desc.flags & BERTC_PARAMETER_DECAYS;
  eachStretch(
      desc, packed, 0, desc.rows,
      [&](float *to, uint64_t distance, uint64_t index, uint64_t count) {
        for (uint64_t i = 0; i < count; ++i)
          to[i * distance] =
              random ? float(deviation * drawNormal(seed, name, index + i))
                     : 0.0f;
      });
}

} // namespace bertc::rt
