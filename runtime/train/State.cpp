//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reader takes what the writer writes, byte for byte, and not any JSON; the
// last line is a hash of all before it, so other text is recognised as damage.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/State.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace bertc::rt {

__attribute__((format(printf, 2, 3))) static void
append(StateText &text, const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  Buffer<char> &b = text.buffer;
  if (length < 0 || size_t(length) >= sizeof(line) ||
      !b.reserve(heapAllocator(), b.size + size_t(length))) {
    text.lost = true;
    return;
  }
  memcpy(b.data + b.size, line, size_t(length));
  b.size += size_t(length);
}

/// A number that reads back to the same bits, whatever the locale's point is.
static void appendReal(StateText &text, const char *name, double value) {
  char number[64], clean[64];
  snprintf(number, sizeof(number), "%.17g", value);
  size_t size = 0;
  bool point = false;
  for (const char *at = number; *at; ++at) {
    bool plain =
        (*at >= '0' && *at <= '9') || *at == '-' || *at == '+' || *at == 'e';
    if (plain)
      clean[size++] = *at;
    else if (!point)
      clean[size++] = '.', point = true;
  }
  append(text, "    \"%s\": %.*s,\n", name, static_cast<int>(size), clean);
}

/// The options that a resumed training must share; threads are not among them.
static void appendOptions(StateText &text, const bertc_trainer &trainer) {
  static const char *const schedules[] = {"linear", "cosine", "constant",
                                          "constant_with_warmup"};
  static const char *const labels[] = {"class", "multi", "number", "token",
                                       "span"};
  const bertc_trainer_options &o = trainer.options;
  append(text, "    \"seed\": %llu,\n",
         static_cast<unsigned long long>(o.seed));
  appendReal(text, "learning_rate", o.learning_rate);
  appendReal(text, "adam_beta1", o.adam_beta1);
  appendReal(text, "adam_beta2", o.adam_beta2);
  appendReal(text, "adam_epsilon", o.adam_epsilon);
  appendReal(text, "weight_decay", o.weight_decay);
  appendReal(text, "max_grad_norm", o.max_grad_norm);
  append(text, "    \"lr_scheduler_type\": \"%s\",\n",
         schedules[o.lr_scheduler_type]);
  append(text, "    \"gradient_accumulation_steps\": %u,\n",
         o.gradient_accumulation_steps);
  append(text, "    \"warmup_steps\": %lld,\n",
         static_cast<long long>(o.warmup_steps));
  append(text, "    \"max_steps\": %lld,\n",
         static_cast<long long>(o.max_steps));
  append(text, "    \"label_kind\": \"%s\",\n",
         labels[trainer.desc->label_kind]);
  append(text, "    \"num_labels\": %u\n", trainer.desc->label_width);
}

static constexpr char beginText[] =
    "{\n  \"format\": \"bertc-checkpoint-1\",\n  \"global_step\": ";
static constexpr char batchesText[] = ",\n  \"batches\": ";
static constexpr char optionsText[] = ",\n  \"options\": {\n";
static constexpr char filesText[] = "  },\n  \"files\": [";
static constexpr char fileText[] = "\n    {\"name\": \"";
static constexpr char sizeText[] = "\", \"size\": ";
static constexpr char hashText[] = ", \"hash\": \"";
static constexpr char fileEnd[] = "\"}";
static constexpr char endText[] = "\n  ],\n  \"hash\": \"";
static constexpr char lastText[] = "\"\n}\n";

bertc_code writeState(const bertc_trainer &trainer, const FileRecord *files,
                      size_t count, StateText &text, bertc_status *status) {
  append(text, "%s%lld%s%lld%s", beginText,
         static_cast<long long>(trainer.globalStep), batchesText,
         static_cast<long long>(trainer.batches), optionsText);
  appendOptions(text, trainer);
  append(text, "%s", filesText);
  for (size_t i = 0; i < count; ++i)
    append(text, "%s%s%.200s%s%llu%s%016llx%s", i ? "," : "", fileText,
           files[i].name, sizeText,
           static_cast<unsigned long long>(files[i].size), hashText,
           static_cast<unsigned long long>(files[i].hash), fileEnd);
  append(text, "%s", endText);
  uint64_t hash = bertc_hash64(text.buffer.data, text.buffer.size);
  append(text, "%016llx%s", static_cast<unsigned long long>(hash), lastText);
  return text.lost ? fail(status, BERTC_OUT_OF_MEMORY,
                          "no memory for the state of a trainer")
                   : ok(status);
}

namespace {
struct Scanner {
  const char *at, *end;

  bool literal(const char *text) {
    size_t size = strlen(text);
    if (size_t(end - at) < size || memcmp(at, text, size))
      return false;
    at += size;
    return true;
  }

  bool number(uint64_t &value) {
    const char *begin = at;
    value = 0;
    for (; at < end && *at >= '0' && *at <= '9'; ++at)
      if (__builtin_mul_overflow(value, uint64_t(10), &value) ||
          __builtin_add_overflow(value, uint64_t(*at - '0'), &value))
        return false;
    return at > begin;
  }

  bool step(int64_t &value) {
    uint64_t read;
    if (!number(read) || read > INT64_MAX)
      return false;
    value = int64_t(read);
    return true;
  }

  bool hex(uint64_t &value) {
    value = 0;
    for (int i = 0; i < 16; ++i, ++at) {
      if (at == end)
        return false;
      bool digit = *at >= '0' && *at <= '9';
      if (!digit && !(*at >= 'a' && *at <= 'f'))
        return false;
      value = value * 16 + uint64_t(digit ? *at - '0' : *at - 'a' + 10);
    }
    return true;
  }

  bool until(const char *text) {
    for (; at < end; ++at) {
      const char *here = at;
      if (literal(text)) {
        at = here;
        return true;
      }
    }
    return false;
  }
};
} // namespace

bool nextFile(State &state, FileRecord &file) {
  Scanner scanner = {state.files, state.end};
  scanner.literal(",");
  if (!scanner.literal(fileText))
    return false;
  file.name = scanner.at;
  if (!scanner.until("\""))
    return false;
  file.nameSize = size_t(scanner.at - file.name);
  bool good = scanner.literal(sizeText) && scanner.number(file.size) &&
              scanner.literal(hashText) && scanner.hex(file.hash) &&
              scanner.literal(fileEnd);
  state.files = scanner.at;
  return good;
}

bertc_code readState(const uint8_t *text, uint64_t size, const char *path,
                     State &state, bertc_status *status) {
  const char *begin = reinterpret_cast<const char *>(text);
  constexpr size_t tail = 16 + sizeof(lastText) - 1;
  Scanner s = {begin, begin + size};
  bool good = size > tail;
  if (good) {
    uint64_t hash;
    s.at = s.end - tail;
    good = s.hex(hash) && s.literal(lastText) &&
           hash == bertc_hash64(text, size - tail);
  }
  s = {begin, begin + size};
  good = good && s.literal(beginText) && s.step(state.globalStep) &&
         s.literal(batchesText) && s.step(state.batches) &&
         s.literal(optionsText);
  state.options = s.at;
  good = good && s.until(filesText);
  state.optionsSize = size_t(s.at - state.options);
  good = good && s.literal(filesText);
  state.files = s.at;
  state.end = s.end;
  // All of the list must be readable.
  State rest = state;
  FileRecord file;
  while (good && nextFile(rest, file))
    ;
  s.at = rest.files;
  if (good && s.literal(endText))
    return ok(status);
  return fail(status, BERTC_CORRUPT,
              "%.300s is damaged, or not a state that this version of bertc "
              "writes",
              path);
}

bertc_code checkOptions(const bertc_trainer &trainer, const State &state,
                        const char *path, bertc_status *status) {
  StateText own;
  appendOptions(own, trainer);
  if (own.lost)
    return fail(status, BERTC_OUT_OF_MEMORY,
                "no memory for the state of a trainer");
  const char *a = state.options, *aEnd = a + state.optionsSize;
  const char *b = own.buffer.data, *bEnd = b + own.buffer.size;
  auto line = [](const char *at, const char *end) {
    const char *newline =
        static_cast<const char *>(memchr(at, '\n', size_t(end - at)));
    return newline ? newline : end;
  };
  while (a < aEnd && b < bEnd) {
    const char *aLine = line(a, aEnd), *bLine = line(b, bEnd);
    if (aLine - a != bLine - b || memcmp(a, b, size_t(aLine - a))) {
      // Without indentation and comma.
      auto show = [](const char *&at, const char *&end) {
        while (at < end && *at == ' ')
          ++at;
        if (at < end && end[-1] == ',')
          --end;
      };
      show(a, aLine), show(b, bLine);
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "%.250s has %.*s, but the trainer has %.*s\n"
                  "help: make the trainer with the options of the checkpoint",
                  path, static_cast<int>(aLine - a), a,
                  static_cast<int>(bLine - b), b);
    }
    a = aLine + (aLine < aEnd), b = bLine + (bLine < bEnd);
  }
  if (a == aEnd && b == bEnd)
    return ok(status);
  return fail(status, BERTC_CORRUPT,
              "%.300s has other options than this version of bertc writes",
              path);
}

} // namespace bertc::rt
