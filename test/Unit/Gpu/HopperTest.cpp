//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mbarriers, copies of boxes and products of warp groups: a product that goes
// through all three against plain loops, in each swizzle, and the faults.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"
#include "tools/gpu-emulator/TensorMap.h"
#include <cstring>
#include <random>

using namespace bertc;
using namespace bertc::test;
using emulator::Swizzle;
using emulator::TensorMap;

namespace {

constexpr int m = 64, n = 16, depth = 64;

/// A tensor map as it is passed to a kernel: by value, 128 bytes.
struct alignas(64) MapArgument {
  explicit MapArgument(const TensorMap &map) {
    memcpy(bytes, &map, sizeof(map));
  }
  char bytes[128] = {};
};

/// Of rows of `depth` elements of 16 bits, `columns` of them in a box.
TensorMap mapOf(const DeviceArray<uint16_t> &array, uint32_t rows,
                uint32_t columns, Swizzle swizzle) {
  TensorMap map;
  map.address = reinterpret_cast<uint64_t>(array.data());
  map.rank = 2;
  map.elementBytes = 2;
  map.sizes[0] = depth;
  map.sizes[1] = static_cast<uint32_t>(array.size() / depth);
  map.strides[0] = depth * 2;
  map.box[0] = columns;
  map.box[1] = rows;
  map.swizzle = swizzle;
  EXPECT_EQ(emulator::problemOf(map), "");
  return map;
}

/// Bits of a matrix descriptor but for its address.
uint64_t descriptorBits(Swizzle swizzle) {
  const uint64_t rowBytes = 16u << uint32_t(swizzle);
  const uint64_t mode = swizzle == Swizzle::None ? 0 : 4 - uint64_t(swizzle);
  return (rowBytes * 8 >> 4) << 32 | mode << 62;
}

const std::string arguments =
    "%ma: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x "
    "i8>, nvvm.grid_constant}, %mb: !llvm.ptr {llvm.align = 64 : i64, "
    "llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}, %y: "
    "!llvm.ptr<1>";

/// Parts of the kernel, which tests leave out.
struct Parts {
  bool barrierAfterInit = true, waits = true, waitsForGroup = true;
  bool overwrites = false; ///< Before the group was waited for.
  bool fences = true;      ///< Before the first product.
  bool fencesBarrier = true;
  std::string before; ///< The first fence of products.
  std::string after;  ///< The last wait, which may be left out.
  int bytes = (m + n) * depth * 2;
};

/// a and b come in boxes of `columns` along k, one product for every 16 of it.
std::string text(Swizzle swizzle, const Parts &parts = {}) {
  const int columns = 8 << uint32_t(swizzle); // of a box
  const int boxes = depth / columns;
  const int aBytes = m * columns * 2, bBytes = n * columns * 2;
  auto number = [](const std::string &name, long value,
                   const std::string &type = "i32") {
    return name + " = llvm.mlir.constant(" + std::to_string(value) + " : " +
           type + ") : " + type + "\n";
  };
  auto place = [&](const std::string &name, int offset) {
    return number(name + "n", offset) +
           elementAt(name, "%shared", name + "n", "i8");
  };
  std::string body = place("%bar", 32768) + number("%ticks", 1000) +
                     number("%bytes", parts.bytes) +
                     "%first = llvm.icmp \"eq\" %tid, %c0 : i32\n"
                     "llvm.cond_br %first, ^init, ^made\n^init:\n"
                     "nvvm.mbarrier.init %bar, %c1 : !llvm.ptr<3>, i32\n" +
                     (parts.fencesBarrier ? "nvvm.fence.mbarrier.init\n" : "") +
                     "llvm.br ^made\n^made:\n";
  if (parts.barrierAfterInit)
    body += "nvvm.barrier0\n";
  body += "llvm.cond_br %first, ^copy, ^copied\n^copy:\n"
          "nvvm.mbarrier.arrive.expect_tx %bar, %bytes : !llvm.ptr<3>, i32\n";
  for (int box = 0; box < boxes; ++box) {
    const std::string i = std::to_string(box);
    body += place("%a" + i, box * aBytes) +
            place("%b" + i, 16384 + box * bBytes) +
            number("%k" + i, box * columns);
    for (const std::string which : {"a", "b"})
      body += "nvvm.cp.async.bulk.tensor.shared.cluster.global %" + which + i +
              ", %m" + which + ", %bar, box[%k" + i +
              ", %c0] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr\n";
  }
  body += "llvm.br ^copied\n^copied:\n";
  if (parts.waits)
    body += "nvvm.mbarrier.try_wait.parity %bar, %c0, %ticks : !llvm.ptr<3>, "
            "i32, i32\n";
  std::string type = "!llvm.struct<(", members;
  for (int i = 0; i < n / 2; ++i)
    type += i ? ", f32" : "f32";
  type += ")>";
  body += parts.before;
  body += "%base = llvm.ptrtoint %shared : !llvm.ptr<3> to i64\n" +
          number("%four", 4, "i64") + number("%low", 0x3fff, "i64") +
          "%bits = llvm.mlir.constant(" +
          std::to_string(static_cast<int64_t>(descriptorBits(swizzle))) +
          " : i64) : i64\n%s0 = llvm.mlir.zero : " + type + "\n" +
          (parts.fences ? "nvvm.wgmma.fence.aligned\n" : "");
  int step = 0;
  for (int k = 0; k < depth; k += 16, ++step) {
    const std::string s = std::to_string(step);
    // Without swizzle a box holds 8 elements of each row.
    const int aOffset = k / columns * aBytes + k % columns * 2;
    const int bOffset = 16384 + k / columns * bBytes + k % columns * 2;
    for (const auto &[which, offset] :
         {std::pair<std::string, int>{"a", aOffset}, {"b", bOffset}}) {
      const std::string name = "%d" + which + s;
      const uint64_t leading = swizzle == Swizzle::None
                                   ? uint64_t(which == "a" ? aBytes : bBytes)
                                   : 0;
      body += number(name + "o", offset, "i64") +
              number(name + "l", static_cast<long>(leading >> 4 << 16), "i64") +
              name + "p = llvm.add %base, " + name + "o : i64\n" + name +
              "q = llvm.lshr " + name + "p, %four : i64\n" + name +
              "r = llvm.and " + name + "q, %low : i64\n" + name +
              "t = llvm.or " + name + "r, %bits : i64\n" + name +
              " = llvm.or " + name + "t, " + name + "l : i64\n";
    }
    body += "%s" + std::to_string(step + 1) + " = nvvm.wgmma.mma_async %da" +
            s + ", %db" + s + ", %s" + s +
            ", <m = 64, n = 16, k = 16>, D[<f32>, <" + (step ? "one" : "zero") +
            ">], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>] : " + type +
            " -> " + type + "\n";
  }
  body += "nvvm.wgmma.commit.group.sync.aligned\n";
  if (parts.waitsForGroup)
    body += "nvvm.wgmma.wait.group.sync.aligned 0\n";
  if (parts.overwrites)
    body += "nvvm.barrier0\n" + elementAt("%over", "%shared", "%tid") +
            "llvm.store %f0, %over : f32, !llvm.ptr<3>\n"
            "nvvm.wgmma.wait.group.sync.aligned 0\n";
  body += parts.after;
  // Row, column of the first of 4 sums of each 8 columns.
  body += number("%thirtyTwo", 32) +
          "%warp = llvm.udiv %tid, %c32 : i32\n"
          "%wr = llvm.mul %warp, %c16 : i32\n"
          "%g = llvm.udiv %lane, %c4 : i32\n%row = llvm.add %wr, %g : i32\n"
          "%in = llvm.urem %lane, %c4 : i32\n%col = llvm.mul %in, %c2 : i32\n"
          "%rowAt = llvm.mul %row, %c16 : i32\n"
          "%at = llvm.add %rowAt, %col : i32\n";
  for (int i = 0; i < n / 2; ++i) {
    const std::string s = std::to_string(i);
    body += number("%off" + s, i % 4 / 2 * 8 * n + i / 4 * 8 + i % 2) + "%pl" +
            s + " = llvm.add %at, %off" + s + " : i32\n" +
            elementAt("%q" + s, "%y", "%pl" + s, "f32", 1) + "%v" + s +
            " = llvm.extractvalue %s" + std::to_string(step) + "[" + s +
            "] : " + type + "\nllvm.store %v" + s + ", %q" + s +
            " : f32, !llvm.ptr<1>\n";
  }
  return kernelText(128, arguments, body);
}

float numberOf(uint16_t half) {
  const uint32_t bits = uint32_t(half) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

struct Case {
  explicit Case(Swizzle swizzle)
      : a(m * depth), b(n * depth), y(m * n),
        mapA(mapOf(a, m, 8 << uint32_t(swizzle), swizzle)),
        mapB(mapOf(b, n, 8 << uint32_t(swizzle), swizzle)) {
    std::mt19937 random(3);
    for (DeviceArray<uint16_t> *array : {&a, &b})
      for (uint16_t &element : *array)
        element = random() % 2 ? 0x3f80 + 0x80 * (random() % 3)
                               : 0xbf80 + 0x40 * (random() % 3);
  }
  emulator::Report run(const std::string &program) {
    return GpuProgram(program).launch("test", 1, 32768 + 8, MapArgument(mapA),
                                      MapArgument(mapB), y);
  }
  float expected(int row, int column) const {
    float sum = 0;
    for (int i = 0; i < depth; ++i)
      sum += numberOf(a[row * depth + i]) * numberOf(b[column * depth + i]);
    return sum;
  }

  DeviceArray<uint16_t> a, b;
  DeviceArray<float> y;
  TensorMap mapA, mapB;
};

} // namespace

TEST(GpuHopper, ProductOfBoxesEqualsPlainLoops) {
  for (const Swizzle swizzle :
       {Swizzle::None, Swizzle::Bytes32, Swizzle::Bytes64, Swizzle::Bytes128}) {
    Case test(swizzle);
    EXPECT_CLEAN(test.run(text(swizzle)));
    for (int row = 0; row < m; ++row)
      for (int column = 0; column < n; ++column)
        ASSERT_EQ(test.y[row * n + column], test.expected(row, column))
            << "swizzle " << uint32_t(swizzle) << " row " << row << " column "
            << column;
  }
}

TEST(GpuHopper, RowsBehindTheTensorAreZero) {
  Case test(Swizzle::Bytes128);
  test.mapA.sizes[1] = 40;
  EXPECT_CLEAN(test.run(text(Swizzle::Bytes128)));
  for (int i = 0; i < m * n; ++i)
    EXPECT_EQ(test.y[i], i < 40 * n ? test.expected(i / n, i % n) : 0) << i;
}

TEST(GpuHopper, OthersMustSeeThatAnMbarrierWasMade) {
  Parts parts;
  parts.barrierAfterInit = false;
  const auto report =
      Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts));
  EXPECT_REPORT(report, "race in shared memory, uses the mbarrier at offset "
                        "32768, which thread 0 made without a barrier between");
}

TEST(GpuHopper, ReadersMustWaitForTheMbarrier) {
  Parts parts;
  parts.waits = false;
  EXPECT_REPORT(Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts)),
                "asynchronous copy that was not waited for, reads 16 bytes");
}

TEST(GpuHopper, BytesThatNeverComeAreADeadlock) {
  Parts parts;
  parts.bytes += 16;
  EXPECT_REPORT(Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts)),
                "divergence, threads that do not come together: threads 0-127 "
                "at ");
  EXPECT_REPORT(Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts)),
                "; the mbarrier at offset 32768, phase 0: 0 of 1 arrivals and "
                "16 bytes are missing");
}

TEST(GpuHopper, OperandsMustNotBeWrittenBeforeTheWait) {
  Parts parts;
  parts.waitsForGroup = false;
  parts.overwrites = true;
  EXPECT_REPORT(Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts)),
                "race in shared memory, reads 16 bytes");
  parts.waitsForGroup = true;
  EXPECT_CLEAN(Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts)));
}

TEST(GpuHopper, ResultsMustNotBeReadBeforeTheWait) {
  auto run = [](const std::string &after, bool waits) {
    Parts parts;
    parts.waitsForGroup = waits;
    parts.after = after;
    return Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts));
  };
  const std::string fault = "result of a product that was not waited for, it "
                            "is read at";
  EXPECT_REPORT(run("", false), fault);
  // The wait leaves the newest group on its way, which is that of the products.
  EXPECT_REPORT(run("nvvm.wgmma.wait.group.sync.aligned 1\n", false), fault);
  EXPECT_CLEAN(run("nvvm.wgmma.commit.group.sync.aligned\n"
                   "nvvm.wgmma.wait.group.sync.aligned 1\n",
                   false));
}

// The sums after another product of the same operands: `use` is between.
static std::string onceMore(const std::string &use) {
  std::string type = "!llvm.struct<(";
  for (int i = 0; i < n / 2; ++i)
    type += i ? ", f32" : "f32";
  type += ")>";
  auto fill = [&](std::string part) {
    for (size_t at; (at = part.find("TYPE")) != std::string::npos;)
      part.replace(at, 4, type);
    return part;
  };
  return fill(use +
              "%more = nvvm.wgmma.mma_async %da0, %db0, %acc, <m = 64, n = 16, "
              "k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <row>], B[<bf16>, "
              "<one>, <col>] : TYPE -> TYPE\n"
              "nvvm.wgmma.commit.group.sync.aligned\n"
              "nvvm.wgmma.wait.group.sync.aligned 0\n"
              "%moreSum = llvm.extractvalue %more[0] : TYPE\n" +
              elementAt("%moreAt", "%y", "%tid", "f32", 1) +
              "llvm.store %moreSum, %moreAt : f32, !llvm.ptr<1>\n"
              "nvvm.barrier0\n");
}

TEST(GpuHopper, ProductsNeedAFence) {
  auto run = [](const Parts &parts) {
    return Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts));
  };
  const std::string fault =
      "no wgmma.fence, between a product and what its registers were used for";
  Parts parts;
  parts.fences = false;
  EXPECT_REPORT(run(parts), fault);
  parts.fences = true;
  // Sums go from product to product.
  const std::string same = "%acc = llvm.insertvalue %old, %s4[0] : TYPE\n";
  const std::string fence = "nvvm.wgmma.fence.aligned\n";
  const std::string read = "%old = llvm.extractvalue %s4[0] : TYPE\n";
  parts.after = onceMore(read + same);
  EXPECT_REPORT(run(parts), fault);
  parts.after = onceMore(read + same + fence);
  // Sums of one product are kept for those before it, so `y` is not taken from
  // there again.
  EXPECT_CLEAN(run(parts));
  parts.after = onceMore(fence + read + same);
  EXPECT_REPORT(run(parts), fault);
}

TEST(GpuHopper, WritesNeedAFenceBeforeProducts) {
  auto run = [](const std::string &fence, const std::string &then) {
    Parts parts;
    parts.before = "nvvm.barrier0\n" + elementAt("%own", "%shared", "%tid") +
                   "%kept = llvm.load %own : !llvm.ptr<3> -> f32\n"
                   "llvm.store %kept, %own : f32, !llvm.ptr<3>\n" +
                   fence + "nvvm.barrier0\n" + then;
    return Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts));
  };
  const std::string fence = "nvvm.fence.proxy {kind = #nvvm.proxy_kind<"
                            "async.shared>, space = #nvvm.shared_space<cta>}\n";
  EXPECT_REPORT(run("", ""),
                "no fence.proxy.async, between a write of 16 bytes "
                "at offset 0 by a thread and this");
  EXPECT_CLEAN(run(fence, ""));
  EXPECT_CLEAN(run("", fence));
  // That of one thread is for what it has written or seen.
  const std::string byLast = "%last = llvm.icmp \"eq\" %tid, %c31 : i32\n"
                             "llvm.cond_br %last, ^f, ^fd\n^f:\n" +
                             fence + "llvm.br ^fd\n^fd:\n";
  EXPECT_REPORT(run(byLast, ""), "no fence.proxy.async");
  EXPECT_CLEAN(run("", byLast + "nvvm.barrier0\n"));
}

TEST(GpuHopper, CopiesNeedAFenceBehindTheMbarrier) {
  Parts parts;
  parts.fencesBarrier = false;
  EXPECT_REPORT(Case(Swizzle::Bytes128).run(text(Swizzle::Bytes128, parts)),
                "no fence.mbarrier_init, between a write of 8 bytes at offset "
                "32768 by a thread and this");
}

TEST(GpuHopper, MapsThatADriverWouldRefuse) {
  DeviceArray<uint16_t> array(m * depth);
  const TensorMap good = mapOf(array, m, depth, Swizzle::Bytes128);
  auto problem = [&](auto change) {
    TensorMap map = good;
    change(map);
    return emulator::problemOf(map);
  };
  EXPECT_EQ(problem([](TensorMap &map) { map.rank = 6; }),
            "a tensor of 6 dimensions");
  EXPECT_EQ(problem([](TensorMap &map) { map.strides[0] = 100; }),
            "a stride of 100, no multiple of 16 bytes");
  EXPECT_EQ(problem([](TensorMap &map) { map.box[1] = 257; }),
            "a box of 257 in a size of 64 of dimension 1");
  EXPECT_EQ(problem([](TensorMap &map) { map.box[0] = 12; }),
            "a box of 24 bytes a row, no multiple of 16");
  EXPECT_EQ(problem([](TensorMap &map) { map.swizzle = Swizzle::Bytes64; }),
            "a box of 128 bytes a row, more than the swizzle's 64");
  EXPECT_NE(problem([](TensorMap &map) {
              map.address += 2;
            }).find("no multiple of 16 bytes"),
            std::string::npos);
}

TEST(GpuHopper, BadOperands) {
  Case test(Swizzle::Bytes128);
  test.mapA.magic = 0;
  EXPECT_REPORT(test.run(text(Swizzle::Bytes128)),
                "bad tensor map, it was not made by cuTensorMapEncodeTiled");
  test.mapA.magic = TensorMap::mark;
  test.mapA.rank = 1;
  EXPECT_REPORT(test.run(text(Swizzle::Bytes128)),
                "bad tensor map, of 1 dimensions where the copy has 2");

  auto run = [](const std::string &body) {
    return GpuProgram(kernelText(32, "%n: i32", body)).launch("test", 1, 64, 0);
  };
  EXPECT_REPORT(run("nvvm.mbarrier.init %shared, %n : !llvm.ptr<3>, i32\n"),
                "bad mbarrier, for 0 arrivals");
  EXPECT_REPORT(run("nvvm.mbarrier.arrive.expect_tx %shared, %c16 : "
                    "!llvm.ptr<3>, i32\n"),
                "no mbarrier, 8 bytes at offset 0 of shared memory");
  EXPECT_REPORT(
      run("%is = llvm.icmp \"eq\" %tid, %c0 : i32\n"
          "llvm.cond_br %is, ^one, ^all\n^one:\n"
          "nvvm.mbarrier.init %shared, %c1 : !llvm.ptr<3>, i32\n"
          "llvm.br ^all\n^all:\nnvvm.barrier0\n"
          "nvvm.mbarrier.expect_tx %shared, %c16 : !llvm.ptr<3>, i32\n"
          "nvvm.mbarrier.arrive.expect_tx %shared, %c16 : !llvm.ptr<3>, i32\n"),
      "bad mbarrier, 1 arrivals where it waits for 0");
}
