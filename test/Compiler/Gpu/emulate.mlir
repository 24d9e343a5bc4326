// RUN: bertc-opt --enc-emulate-gpu %s | FileCheck %s
// RUN: bertc-opt --enc-emulate-gpu %s | FileCheck %s --check-prefix=TABLE
// RUN: bertc-gpu-emulate %s -o %t.so
// RUN: llvm-nm -D %t.so | FileCheck %s --check-prefix=LIBRARY

// What a program that loads the library looks for, and what it must bring.
// LIBRARY-DAG: T plain
// LIBRARY-DAG: {{[DR]}} bertc_emulated_kernels
// LIBRARY-DAG: R bertc_emulated_kernel_count
// LIBRARY-DAG: U bertc_gpu_emulator_access_shared

// CHECK-NOT: ptr<
// CHECK-NOT: nvvm
module {
gpu.module @kernels {
  llvm.mlir.global external @shared() {addr_space = 3 : i32} : !llvm.array<0 x i8>

  // Arguments come from params, ids are words of the thread; an access is
  // checked before it happens.
  // CHECK-LABEL: llvm.func @plain(%arg0: !llvm.ptr) {
  // CHECK:       %[[THREAD:.*]] = llvm.call @bertc_gpu_emulator_thread() : () -> !llvm.ptr
  // CHECK:       %[[P0:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
  // CHECK:       %[[X:.*]] = llvm.load %[[P0]] : !llvm.ptr -> !llvm.ptr
  // CHECK:       %[[P1:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
  // CHECK:       %[[N:.*]] = llvm.load %[[P1]] : !llvm.ptr -> i32
  // CHECK:       %[[SHARED:.*]] = llvm.call @bertc_gpu_emulator_shared(%[[THREAD]])
  // CHECK:       %[[ID:.*]] = llvm.getelementptr %[[THREAD]][6] : (!llvm.ptr) -> !llvm.ptr, i32
  // CHECK:       llvm.load %[[ID]]
  // CHECK:       %[[SITE:.*]] = llvm.mlir.addressof @bertc_emulated_site_1
  // CHECK:       llvm.call @bertc_gpu_emulator_access_global(%[[THREAD]], %[[SITE]], %[[PX:[0-9]+]])
  // CHECK-NEXT:  %[[V:.*]] = llvm.load %[[PX]] : !llvm.ptr -> f32
  // CHECK:       llvm.call @bertc_gpu_emulator_access_shared(%[[THREAD]], %{{.*}}, %[[SHARED]])
  // CHECK-NEXT:  llvm.store %[[V]], %[[SHARED]] : f32, !llvm.ptr
  llvm.func @plain(%x: !llvm.ptr<1>, %n: i32) attributes {gpu.kernel, nvvm.kernel, nvvm.reqntid = array<i32: 64, 1, 1>} {
    %s = llvm.mlir.addressof @shared : !llvm.ptr<3>
    %b = nvvm.read.ptx.sreg.ctaid.x : i32
    %i = llvm.add %b, %n : i32
    %p = llvm.getelementptr %x[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %v = llvm.load %p : !llvm.ptr<1> -> f32
    llvm.store %v, %s : f32, !llvm.ptr<3>
    llvm.return
  }

  // Lanes that meet have their operands in memory.
  // CHECK-LABEL: llvm.func @together(
  // CHECK-DAG:   %[[OUT:.*]] = llvm.alloca %{{.*}} x i32 {alignment = 16 : i64}
  // CHECK-DAG:   %[[IN:.*]] = llvm.alloca %{{.*}} x i32 {alignment = 16 : i64}
  // CHECK:       llvm.call @bertc_gpu_emulator_barrier(
  // CHECK:       llvm.store
  // CHECK:       llvm.call @bertc_gpu_emulator_shuffle(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
  // CHECK:       llvm.call @bertc_gpu_emulator_copy_async(
  // CHECK:       llvm.call @bertc_gpu_emulator_commit_group(
  // CHECK:       llvm.call @bertc_gpu_emulator_wait_group(
  llvm.func @together(%x: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.maxntid = array<i32: 32, 1, 1>} {
    %s = llvm.mlir.addressof @shared : !llvm.ptr<3>
    %full = llvm.mlir.constant(-1 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %clamp = llvm.mlir.constant(31 : i32) : i32
    nvvm.barrier0
    %r = nvvm.shfl.sync bfly %full, %one, %one, %clamp : i32 -> i32
    %p = llvm.getelementptr %x[%r] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    nvvm.cp.async.shared.global %s, %p, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    llvm.return
  }
}
}
// The table: names, entries, threads, arguments.
// TABLE:      llvm.mlir.global internal constant @bertc_emulated_parameters_plain(dense<[8, 4]> : tensor<2xi32>)
// TABLE:      llvm.mlir.global external constant @bertc_emulated_kernels()
// TABLE-SAME: !llvm.array<2 x struct<(ptr, ptr, i32, i32, ptr, array<3 x i32>)>>
// TABLE:      llvm.mlir.constant(64 : i32)
// TABLE:      llvm.mlir.constant(32 : i32)
// TABLE:      llvm.mlir.global external constant @bertc_emulated_kernel_count(2 : i64)
