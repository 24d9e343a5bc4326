//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Streams, events and graphs. A graph is the work that was put into a stream
// while it was captured.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/driver/State.h"

using namespace bertc;
using namespace bertc::standin;

namespace bertc::rt::cuda {

Result cuStreamCreate(Stream *stream, unsigned) {
  BERTC_STANDIN_ENTER(cuStreamCreate, Context)
  *stream = new StreamHandle;
  (*stream)->context = entered.context;
  entered.context->streams.insert(*stream);
  return success;
}

Result cuStreamDestroy_v2(Stream stream) {
  BERTC_STANDIN_ENTER(cuStreamDestroy_v2, Context)
  if (!stream || !findStream(entered.context, stream))
    return refuse(invalidHandle, "a stream that does not exist is destroyed");
  Result result = drain(stream);
  for (Event event : entered.context->events)
    if (event->stream == stream)
      event->stream = nullptr;
  entered.context->streams.erase(stream);
  delete stream;
  return result;
}

Result cuStreamSynchronize(Stream stream) {
  BERTC_STANDIN_ENTER(cuStreamSynchronize, NoCapture)
  stream = findStream(entered.context, stream);
  return stream ? drain(stream) : Result(invalidHandle);
}

Result cuStreamWaitEvent(Stream stream, Event event, unsigned) {
  BERTC_STANDIN_ENTER(cuStreamWaitEvent, Context)
  stream = findStream(entered.context, stream);
  if (!stream || !entered.context->events.count(event))
    return invalidHandle;
  Stream other = event->stream;
  uint64_t position = event->position;
  if (!other || other == stream)
    return success;
  Context context = entered.context;
  return submit(stream, [=] {
    // A stream that is gone has done everything.
    return context->streams.count(other) ? drain(other, position)
                                         : Result(success);
  });
}

Result cuStreamIsCapturing(Stream stream, int *capturing) {
  BERTC_STANDIN_ENTER(cuStreamIsCapturing, Context)
  stream = findStream(entered.context, stream);
  if (!stream)
    return invalidHandle;
  *capturing = !stream->capturing ? 0 : stream->invalidated ? 2 : 1;
  return success;
}

Result cuStreamBeginCapture_v2(Stream stream, int) {
  BERTC_STANDIN_ENTER(cuStreamBeginCapture_v2, Context)
  // The default stream cannot be captured.
  if (!stream || !findStream(entered.context, stream) || stream->capturing)
    return refuse(captureUnsupported, "this stream cannot be captured");
  stream->capturing = true;
  stream->invalidated = false;
  stream->capturer = std::this_thread::get_id();
  stream->captured.clear();
  return success;
}

Result cuStreamEndCapture(Stream stream, Graph *graph) {
  Entered entered("cuStreamEndCapture", Needs::Context);
  *graph = nullptr;
  // The capture ends whatever happens.
  if (entered.result && stream)
    stream->capturing = false;
  if (entered.result)
    return entered.result;
  if (!stream || !findStream(entered.context, stream) || !stream->capturing)
    return refuse(captureUnmatched, "this stream is not being captured");
  stream->capturing = false;
  if (stream->invalidated)
    return captureInvalidated;
  *graph = new GraphHandle{std::move(stream->captured)};
  stream->captured.clear();
  state().graphs.insert(*graph);
  return success;
}

Result cuGraphInstantiateWithFlags(GraphExec *exec, Graph graph,
                                   unsigned long long) {
  BERTC_STANDIN_ENTER(cuGraphInstantiateWithFlags, Context)
  if (!state().graphs.count(graph))
    return invalidValue;
  *exec = new GraphExecHandle{graph->work};
  state().execs.insert(*exec);
  return success;
}

Result cuGraphLaunch(GraphExec exec, Stream stream) {
  BERTC_STANDIN_ENTER(cuGraphLaunch, Context)
  stream = findStream(entered.context, stream);
  if (!stream)
    return invalidHandle;
  if (!state().execs.count(exec))
    return refuse(invalidValue, "a graph that does not exist is launched");
  for (const Work &work : exec->work)
    submit(stream, work);
  return success;
}

Result cuGraphExecDestroy(GraphExec exec) {
  BERTC_STANDIN_ENTER(cuGraphExecDestroy, Started)
  if (!state().execs.erase(exec))
    return refuse(invalidValue, "a graph that does not exist is destroyed");
  delete exec;
  return success;
}

Result cuGraphDestroy(Graph graph) {
  BERTC_STANDIN_ENTER(cuGraphDestroy, Started)
  if (!state().graphs.erase(graph))
    return refuse(invalidValue, "a graph that does not exist is destroyed");
  delete graph;
  return success;
}

Result cuEventCreate(Event *event, unsigned flags) {
  BERTC_STANDIN_ENTER(cuEventCreate, Context)
  *event = new EventHandle;
  (*event)->context = entered.context;
  (*event)->timed = !(flags & eventNoTiming);
  entered.context->events.insert(*event);
  return success;
}

Result cuEventRecord(Event event, Stream stream) {
  BERTC_STANDIN_ENTER(cuEventRecord, Context)
  stream = findStream(entered.context, stream);
  if (!stream || !entered.context->events.count(event))
    return invalidHandle;
  event->stream = stream;
  if (event->timed) {
    event->time = std::make_shared<EventTime>();
    submit(stream, [time = event->time] {
      time->reached = true;
      time->time = std::chrono::steady_clock::now();
      return Result(success);
    });
  }
  event->position = stream->submitted;
  return success;
}

Result cuEventElapsedTime(float *milliseconds, Event from, Event to) {
  BERTC_STANDIN_ENTER(cuEventElapsedTime, Context)
  for (Event event : {from, to})
    if (!entered.context->events.count(event) || !event->time)
      return refuse(invalidHandle,
                    "the time of an event that has none or was not recorded");
  if (!from->time->reached || !to->time->reached)
    return notReady;
  *milliseconds = std::chrono::duration<float, std::milli>(to->time->time -
                                                           from->time->time)
                      .count();
  return success;
}

Result cuEventSynchronize(Event event) {
  BERTC_STANDIN_ENTER(cuEventSynchronize, NoCapture)
  if (!entered.context->events.count(event))
    return invalidHandle;
  return event->stream ? drain(event->stream, event->position)
                       : Result(success);
}

Result cuEventDestroy_v2(Event event) {
  BERTC_STANDIN_ENTER(cuEventDestroy_v2, Context)
  if (!entered.context->events.erase(event))
    return refuse(invalidHandle, "an event that does not exist is destroyed");
  delete event;
  return success;
}

} // namespace bertc::rt::cuda
