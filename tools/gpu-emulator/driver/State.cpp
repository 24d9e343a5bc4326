//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The state is never destroyed: a program may call the driver while its own
// statics are.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/driver/State.h"
#include "tools/gpu-emulator/driver/Contexts.h"
#include <cstdarg>
#include <cstdio>

using namespace bertc;
using namespace bertc::standin;
using namespace bertc::rt::cuda;

State &standin::state() {
  static State *state = new State;
  return *state;
}

Result standin::refuse(Result result, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("stand-in CUDA driver: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  return result;
}

static bool isCapturing(Context context) {
  bool capturing = false;
  for (Stream stream : context->streams)
    if (stream->capturing && stream->capturer == std::this_thread::get_id())
      capturing = stream->invalidated = true;
  return capturing;
}

Entered::Entered(const char *name, Needs needs) : lock(state().mutex) {
  State &all = state();
  uint64_t call = ++all.calls[name];
  if (needs != Needs::Nothing && !all.started) {
    result = notInitialized;
    return;
  }
  for (const Failure &failure : all.settings.failures)
    if (failure.function == name && failure.call == call) {
      result = failure.result;
      return;
    }
  if (needs == Needs::Nothing || needs == Needs::Started)
    return;
  context = currentContext();
  if (!context)
    result = refuse(invalidContext, "%s without a current context", name);
  else if (context->failure)
    result = context->failure;
  else if (needs == Needs::NoCapture && isCapturing(context))
    result = refuse(captureUnsupported, "%s while a stream is captured", name);
}

Stream standin::findStream(Context context, Stream stream) {
  if (!stream)
    return context->legacy;
  return context->streams.count(stream) ? stream : nullptr;
}

Result standin::submit(Stream stream, Work work) {
  if (stream->capturing) {
    stream->captured.push_back(std::move(work));
    return success;
  }
  stream->queue.push_back(std::move(work));
  ++stream->submitted;
  return success;
}

/// Does the next work of a stream.
static void step(Stream stream) {
  Context context = stream->context;
  if (context->failure || stream->queue.empty() || stream->working)
    return;
  Work work = std::move(stream->queue.front());
  stream->queue.pop_front();
  stream->working = true;
  Result result = work();
  stream->working = false;
  ++stream->done;
  if (!result)
    return;
  context->failure = result;
  for (Stream other : context->streams)
    other->queue.clear();
}

Result standin::drain(Stream stream, uint64_t position) {
  Context context = stream->context;
  while (!context->failure && !stream->queue.empty() && !stream->working &&
         stream->done < position) {
    // What others have to do comes in between, unless they wait for this.
    for (Stream other : context->streams)
      if (other != stream)
        step(other);
    step(stream);
  }
  return context->failure;
}

Result standin::drainAll(Context context) {
  for (Stream stream : context->streams)
    drain(stream);
  return context->failure;
}

bool standin::isInside(const std::map<uint64_t, Allocation> &ranges,
                       uint64_t address, uint64_t bytes) {
  auto after = ranges.upper_bound(address);
  if (after == ranges.begin())
    return false;
  const auto &[start, range] = *std::prev(after);
  return address - start <= range.bytes &&
         bytes <= range.bytes - (address - start);
}
