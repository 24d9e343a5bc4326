//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file is eight bytes with the length of a JSON header, the header, and the
// tensors (huggingface.co/docs/safetensors). The header is a function of the
// parameters, so a file is checked by making it again and comparing: nothing is
// parsed.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Safetensors.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bertc::rt {

float *partOf(const bertc_trainer &trainer, const Parameter &parameter,
              uint32_t part) {
  const TrainMemory &memory = trainer.memory;
  if (part == BERTC_PART_VALUE)
    return memory.weights + parameter.weight;
  if (!parameter.trained())
    return nullptr;
  float *begin = part == BERTC_PART_GRADIENT       ? memory.gradients
                 : part == BERTC_PART_FIRST_MOMENT ? memory.firstMoments
                                                   : memory.secondMoments;
  return begin + parameter.gradient;
}

/// Calls visit(parameter, part, name of the part) for each tensor of a file.
template <typename Visit>
static void eachTensor(const bertc_trainer &trainer, TensorFile kind,
                       Visit visit) {
  for (uint32_t i = 0; i < trainer.parameters.count(); ++i) {
    const Parameter &parameter = trainer.parameters[i];
    if (kind == TensorFile::Values) {
      visit(parameter, BERTC_PART_VALUE, "");
    } else if (parameter.trained()) {
      visit(parameter, BERTC_PART_FIRST_MOMENT, ".exp_avg");
      visit(parameter, BERTC_PART_SECOND_MOMENT, ".exp_avg_sq");
    }
  }
}

/// Gives the entries of the header, without its begin, end and padding, to
/// emit(text, length), an entry at a time.
template <typename Emit>
static void eachEntry(const bertc_trainer &trainer, TensorFile kind,
                      Emit emit) {
  uint64_t offset = 0;
  eachTensor(
      trainer, kind, [&](const Parameter &p, uint32_t, const char *part) {
        char entry[1024];
        size_t used = 0;
        entry[used++] = ',';
        entry[used++] = '"';
        // Six characters for each of the name, at most.
        for (const char *at = p.name; *at && used < sizeof(entry) - 160; ++at) {
          unsigned char c = static_cast<unsigned char>(*at);
          if (c < 0x20 || c == '"' || c == '\\')
            used += size_t(
                snprintf(entry + used, sizeof(entry) - used, "\\u%04x", c));
          else
            entry[used++] = *at;
        }
        used += size_t(snprintf(entry + used, sizeof(entry) - used,
                                "%s\":{\"dtype\":\"F32\",\"shape\":[", part));
        if (p.desc->rank == 2)
          used += size_t(snprintf(entry + used, sizeof(entry) - used, "%u,",
                                  p.desc->rows));
        uint64_t end = offset + p.size() * sizeof(float);
        used += size_t(snprintf(entry + used, sizeof(entry) - used,
                                "%u],\"data_offsets\":[%llu,%llu]}",
                                p.desc->columns,
                                static_cast<unsigned long long>(offset),
                                static_cast<unsigned long long>(end)));
        offset = end;
        emit(entry, used);
      });
}

static constexpr char headerBegin[] = "{\"__metadata__\":{\"format\":\"pt\"}";
static constexpr size_t beginSize = sizeof(headerBegin) - 1;

/// Bytes of the header, with spaces up to a multiple of eight.
static uint64_t headerSize(const bertc_trainer &trainer, TensorFile kind) {
  uint64_t size = beginSize + 1;
  eachEntry(trainer, kind,
            [&](const char *, size_t length) { size += length; });
  return (size + 7) / 8 * 8;
}

bertc_code writeTensors(const bertc_trainer &trainer, TensorFile kind,
                        OutputFile &file, bertc_status *status) {
  uint64_t size = headerSize(trainer, kind), written = beginSize + 1;
  file.write(&size, sizeof(size));
  file.write(headerBegin, beginSize);
  eachEntry(trainer, kind, [&](const char *text, size_t length) {
    file.write(text, length);
    written += length;
  });
  file.write("}       ", 1 + (size - written));

  uint64_t most = 1 << 16; // floats of a block of rows
  for (uint32_t i = 0; i < trainer.parameters.count(); ++i)
    if (trainer.parameters[i].desc->columns > most)
      most = trainer.parameters[i].desc->columns;
  float *block = static_cast<float *>(malloc(most * sizeof(float)));
  if (!block)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory to write parameters");
  eachTensor(
      trainer, kind, [&](const Parameter &p, uint32_t part, const char *) {
        const bertc_parameter_desc &desc = *p.desc;
        uint64_t rows = most / desc.columns;
        for (uint64_t row = 0; row < desc.rows; row += rows) {
          uint64_t count = desc.rows - row < rows ? desc.rows - row : rows;
          unpackRows(desc, partOf(trainer, p, part), row, count, block);
          file.write(block, count * desc.columns * sizeof(float));
        }
      });
  free(block);
  return ok(status);
}

static bertc_code failDiffers(const char *path, const char *expected,
                              size_t size, const uint8_t *found, size_t left,
                              bertc_status *status) {
  size_t length = 0;
  while (length < left && length < 120 && found[length] != '}')
    ++length;
  if (length < left && found[length] == '}')
    ++length;
  return fail(status, BERTC_INVALID_ARGUMENT,
              "%.120s has %.*s where this model has %.*s\n"
              "help: load checkpoints with the library that wrote them",
              path, static_cast<int>(length),
              reinterpret_cast<const char *>(found),
              static_cast<int>(size < 120 ? size : 120), expected);
}

bertc_code checkTensors(const bertc_trainer &trainer, TensorFile kind,
                        const InputFile &file, const char *path,
                        bertc_status *status) {
  uint64_t size = 0, given = file.size();
  const uint8_t *bytes = file.data();
  if (given >= sizeof(size))
    memcpy(&size, bytes, sizeof(size));
  if (given < sizeof(size) || size > given - sizeof(size) ||
      size < beginSize + 1 ||
      memcmp(bytes + sizeof(size), headerBegin, beginSize))
    return fail(status, BERTC_CORRUPT,
                "%.200s is not a safetensors file of bertc", path);
  bertc_code code = BERTC_OK;
  uint64_t at = sizeof(size) + beginSize, end = sizeof(size) + size;
  eachEntry(trainer, kind, [&](const char *text, size_t length) {
    if (code)
      return;
    if (end - at < length || memcmp(bytes + at, text, length)) {
      // Without the commas.
      uint64_t shown = at < end ? at + 1 : at;
      code = failDiffers(path, text + 1, length - 1, bytes + shown, end - shown,
                         status);
    }
    at += length;
  });
  if (code)
    return code;
  if (at == end || bytes[at] != '}')
    return failDiffers(path, "no more parameters", 18, bytes + at + (at < end),
                       at < end ? end - at - 1 : 0, status);
  uint64_t numbers = 0;
  eachTensor(trainer, kind, [&](const Parameter &p, uint32_t, const char *) {
    numbers += p.size() * sizeof(float);
  });
  if (size != headerSize(trainer, kind) || given - end != numbers)
    return fail(status, BERTC_CORRUPT, "%.200s has %llu bytes, expected %llu",
                path, static_cast<unsigned long long>(given),
                static_cast<unsigned long long>(
                    sizeof(size) + headerSize(trainer, kind) + numbers));
  return ok(status);
}

void readTensors(bertc_trainer &trainer, TensorFile kind,
                 const InputFile &file) {
  uint64_t size;
  memcpy(&size, file.data(), sizeof(size));
  // Aligned, since the header is padded.
  const float *data =
      reinterpret_cast<const float *>(file.data() + sizeof(size) + size);
  eachTensor(
      trainer, kind, [&](const Parameter &p, uint32_t part, const char *) {
        packRows(*p.desc, partOf(trainer, p, part), 0, p.desc->rows, data);
        data += p.size();
      });
}

} // namespace bertc::rt
