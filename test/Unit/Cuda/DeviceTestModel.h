//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A hand-written model for devices: its host code is C++ here, its kernels are
// those of TestKernels.cpp, and the stand-in driver runs them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_CUDA_DEVICETESTMODEL_H
#define BERTC_TEST_UNIT_CUDA_DEVICETESTMODEL_H

#include "runtime/abi/abi.h"
#include "runtime/cuda/Driver.h"
#include "test/Unit/Runtime/FakeModel.h"
#include <array>
#include <memory>

namespace bertc::test {

/// Outputs of the device model:
///   last_hidden_state  per token, 4 wide: see deviceRow
///   pooler_output      per sequence: length, sum of ids
///   attentions.1       per pair, 2 heads: pairValue
constexpr int deviceWidth = 4, devicePoolerWidth = 2, deviceHeads = 2;
float deviceRow(int64_t id, int64_t type, int64_t position, int64_t column);

/// What the host code does wrong.
enum class Fault { None, NoSuchKernel, EmptyGrid, OutOfBounds };

/// Told to make a map, the host code makes that of its weights.
struct MapWanted {
  bool wanted = false;
  bertc_tensor_desc tensor = {0, deviceWidth, 5, 16, 4, 2, 2, 0};
  std::array<unsigned char, BERTC_TENSOR_MAP_SIZE> map = {}; ///< What came.
  uint64_t address = 0; ///< Of the weights.
};

struct DeviceObserved {
  int forwards = 0;
  int64_t tokens = 0, sequences = 0, longest = 0, multiprocessors = 0;
  const char *variant = "";
  Fault fault = Fault::None;
  MapWanted map;
  int64_t firstRows = 1; ///< Of the grid of the first kernel, along y.
  int64_t layers = 1;    ///< Each of which launches the kernel "rows".
};
extern DeviceObserved deviceObserved;

/// With variants cuda:sm_80 and cuda:sm_90a, and none for processors.
bertc_model_desc deviceModel();
/// The variant `index` of deviceModel().
bertc_device_variant deviceVariant(int index);
/// Also with those of fakeDescription() for processors.
bertc_model_desc bothModel();

/// The stand-in driver as it is after `settings`, "NAME=value" each; what is
/// not named is as it usually is.
class StandIn {
public:
  explicit StandIn(std::vector<std::string> settings = {});
  ~StandIn();
  /// Calls of a function since the last model was opened.
  static uint64_t calls(const char *function);
  /// What was not freed.
  static uint64_t leaks();

private:
  std::vector<std::unique_ptr<ScopedEnv>> environment;
};

/// A model that is open on a device, and a session.
struct DeviceOpened {
  bertc_model_desc desc;
  bertc_model *model = nullptr;
  bertc_session *session = nullptr;
  bertc_status status = {};
  explicit DeviceOpened(const char *device = nullptr, uint32_t graphs = 0,
                        uint32_t flags = 0);
  DeviceOpened(const DeviceOpened &) = delete;
  ~DeviceOpened();
};

/// Opens and closes; the variant and device in use, or the message.
std::string tryOpen(const bertc_model_desc &desc, bertc_code expected,
                    const char *device = nullptr,
                    const char *variant = nullptr);

/// A ragged batch and what the model makes of it.
struct Batch {
  std::vector<int32_t> ids, types, positions, offsets;
  std::vector<float> hidden, pooled; ///< Expected.
  Batch(std::vector<int64_t> lengths, int seed = 1);
  int64_t tokens() const { return int64_t(ids.size()); }
  int64_t sequences() const { return int64_t(offsets.size()) - 1; }
  int64_t longest() const;
  bertc_packed_inputs packed() const;
};

/// Runs a packed batch and compares all outputs.
void runAndCompare(bertc_session *session, const Batch &batch);

/// The driver's functions, for tests that use it themselves.
const rt::cuda::Driver &driver();

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_CUDA_DEVICETESTMODEL_H
