//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels of a GPU, run by the emulator. What a test fills a module with goes
// through the lowering of the compiler and the emulation of the device, and is
// compiled as the emulator's libraries are.
//
//   GpuProgram program([](mlir::ModuleOp module) { GpuBuilder b(module); ...
//   }); DeviceArray<float> x(n), y(n); EXPECT_CLEAN(program.launch("kernel",
//   {blocks}, sharedBytes, x, y, n));
//
// Where tests have a GPU (TestDevice.h), it runs the kernels, too.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_GPUJIT_H
#define BERTC_TEST_UNIT_GPU_GPUJIT_H

#include "mlir/IR/BuiltinOps.h"
#include "test/Unit/Gpu/TestDevice.h"
#include "tools/gpu-emulator/Emulator.h"
#include <array>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace bertc::test {

/// Device memory of `size` elements exactly; what lies around it is out of
/// bounds. Aligned as cudaMalloc does.
template <typename T> class DeviceArray {
public:
  explicit DeviceArray(size_t size, T value = T(), std::string name = "",
                       bool writable = true)
      : storage(size * sizeof(T) + alignment), count(size) {
    const auto address = reinterpret_cast<uintptr_t>(storage.data());
    first = reinterpret_cast<T *>((address + alignment - 1) / alignment *
                                  alignment);
    std::fill_n(first, size, value);
    if (size > 0)
      EXPECT_TRUE(emulator::registerMemory(first, size * sizeof(T),
                                           std::move(name), writable));
  }
  explicit DeviceArray(const std::vector<T> &values, std::string name = "",
                       bool writable = true)
      : DeviceArray(values.size(), T(), std::move(name), writable) {
    std::copy(values.begin(), values.end(), first);
  }
  DeviceArray(const DeviceArray &) = delete;
  ~DeviceArray() {
    if (count > 0)
      emulator::unregisterMemory(first);
  }

  T *data() { return first; }
  const T *data() const { return first; }
  T *begin() { return first; }
  T *end() { return first + count; }
  size_t size() const { return count; }
  T &operator[](size_t i) { return first[i]; }
  const T &operator[](size_t i) const { return first[i]; }
  std::vector<T> values() const { return {first, first + count}; }

private:
  static constexpr size_t alignment = 256;
  std::vector<char> storage;
  T *first = nullptr;
  size_t count = 0;
};

/// Blocks in each dimension.
struct Grid {
  Grid(uint32_t x, uint32_t y = 1, uint32_t z = 1) : size{x, y, z} {}
  std::array<uint32_t, 3> size;
};

class GpuProgram {
public:
  using Fill = std::function<void(mlir::ModuleOp)>;
  /// Changes a module at nvvm level, which the emulator alone runs then.
  using Change = std::function<void(mlir::ModuleOp)>;

  /// `fill` makes a gpu.module in an empty module. Failures fail the test.
  explicit GpuProgram(const Fill &fill, const Change &change = {});
  /// The text of a module with a gpu.module at nvvm level, or at gpu level.
  explicit GpuProgram(const std::string &text, const Change &change = {});
  ~GpuProgram();
  GpuProgram(const GpuProgram &) = delete;

  bool isValid() const { return kernels.count > 0; }

  /// Arguments are pointers, numbers, structures and DeviceArrays; integers of
  /// 32 and 64 bits and floats must have the kernel's types.
  template <typename... Arguments>
  emulator::Report launch(const std::string &kernel, Grid grid,
                          uint32_t sharedBytes, Arguments &&...arguments) {
    auto values = std::make_tuple(argument(arguments)...);
    std::vector<uint32_t> sizes;
    std::vector<void *> params;
    std::apply(
        [&](auto &...value) {
          (sizes.push_back(sizeof(value)), ...);
          (params.push_back(&value), ...);
        },
        values);
    return launchWith(kernel, grid, sharedBytes, sizes, params.data());
  }

  /// The same of arguments that are counted at run time.
  emulator::Report launchWith(const std::string &kernel, Grid grid,
                              uint32_t sharedBytes,
                              const std::vector<uint32_t> &sizes,
                              void **params);

  /// Order of blocks in later launches, see emulator::Launch.
  std::function<uint64_t(uint64_t)> order;

private:
  template <typename T> static void *argument(DeviceArray<T> &array) {
    return array.data();
  }
  template <typename T>
  static std::enable_if_t<std::is_trivially_copyable_v<T>, T>
  argument(const T &value) {
    return value;
  }
  void compile(mlir::ModuleOp module, const Change &change);
  void emitForDevice(mlir::ModuleOp module, const TestDevice &device);

  std::unique_ptr<llvm::orc::LLJIT> jit;
  emulator::KernelTable kernels;
  /// Empty without a GPU that runs them.
  std::string ptx;
  /// Of it, once the emulator found no fault: assemblers refuse some.
  std::unique_ptr<TestDevice::Code> deviceCode;
};

/// Of a report: nothing is wrong.
inline testing::AssertionResult isClean(const emulator::Report &report) {
  if (report.ok())
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << report.text();
}
/// Some error contains `text`; lines of a kernel's text are left out.
testing::AssertionResult hasError(const emulator::Report &report,
                                  const std::string &text);
#define EXPECT_CLEAN(report) EXPECT_TRUE(bertc::test::isClean(report))
#define EXPECT_REPORT(report, text)                                            \
  EXPECT_TRUE(bertc::test::hasError(report, text))

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_GPUJIT_H
