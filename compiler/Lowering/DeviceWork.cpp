//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What each kernel of a device computes and moves, for its model. Addresses are
// remembered with what lies there, so that a launch is described by its
// arguments alone.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/DeviceProgram.h"
#include "compiler/Plan/DeviceReport.h"

using namespace mlir;
using namespace bertc;

DeviceProgram::Moved &DeviceProgram::Moved::operator+=(const Moved &other) {
  fixed += other.fixed;
  perToken += other.perToken;
  perSequence += other.perSequence;
  return *this;
}

Value DeviceProgram::moves(Value address, const Moved &moved) {
  operands[address] = moved;
  return address;
}

Value DeviceProgram::movesRows(Value address, const Buffer &rows,
                               double bytes) {
  bool perToken = rows.extent == Extent::PerToken;
  return moves(address, {0, perToken ? bytes : 0, perToken ? 0.0 : bytes});
}

DeviceProgram::Work &DeviceProgram::noteWork(const DeviceKernel &kernel,
                                             const Buffer &rows,
                                             int64_t products) {
  Work &done = work[kernel.name];
  (rows.extent == Extent::PerToken ? done.perToken : done.perSequence) =
      2 * uint64_t(products);
  return done;
}

void DeviceProgram::watchLaunches() {
  operands.clear();
  for (Value ids : {frame->inputIds, frame->tokenTypeIds, frame->positionIds,
                    frame->outputRows})
    moves(ids, {0, 4});
  moves(frame->offsets, {0, 0, 4});
  frame->onLaunch = [this](const DeviceKernel &kernel, ValueRange arguments) {
    Moved all;
    for (Value argument : arguments)
      all += operands.lookup(argument);
    // Some are launched for tokens, and elsewhere for sequences.
    Work &done = work[kernel.name];
    if (all.perToken || !done.moved.perToken)
      done.moved = all;
  };
}

std::vector<KernelModel> DeviceProgram::modelsOf(const LoweredKernel &kernel,
                                                 const Work &done) const {
  DeviceLinearFacts facts;
  facts.planes = planes;
  double products = double(facts.products());
  DeviceWork launch;
  launch.flopsPerToken = products * double(done.perToken);
  // What is launched for tokens, and elsewhere for sequences, has products of
  // both, of which a launch does one.
  if (!done.perToken)
    launch.flopsPerSequence = products * double(done.perSequence);
  launch.flopsPerPair = products * double(done.perPair);
  launch.bytes = done.moved.fixed;
  launch.bytesPerToken = done.moved.perToken;
  launch.bytesPerSequence = done.moved.perSequence;
  launch.threads = kernel.threads;
  launch.sharedBytes = kernel.sharedBytes;
  launch.registers = done.registers;
  std::vector<KernelModel> models;
  for (const DeviceWorkEstimate &e : estimateDeviceWork(target, launch)) {
    KernelModel &model = models.emplace_back();
    model.gpu = e.gpu->name.str();
    model.rows = e.rows;
    model.flops = e.report.flops;
    model.bytes = e.report.bytes;
    model.occupancy = e.report.occupancy;
    model.rooflineSeconds = e.report.rooflineSeconds();
  }
  return models;
}

void DeviceProgram::describe(std::vector<LoweredKernel> &kernels) const {
  for (LoweredKernel &kernel : kernels) {
    auto known = work.find(kernel.name);
    if (known == work.end())
      continue;
    kernel.flopsPerToken = known->second.perToken;
    kernel.flopsPerSequence = known->second.perSequence;
    kernel.flopsPerPair = known->second.perPair;
    kernel.weightBytes = known->second.weightBytes;
    kernel.models = known->second.models;
    if (kernel.models.empty())
      kernel.models = modelsOf(kernel, known->second);
    kernel.cluster = known->second.cluster;
    kernel.sharesWork = known->second.sharesWork;
  }
}
