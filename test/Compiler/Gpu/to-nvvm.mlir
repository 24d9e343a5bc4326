// RUN: bertc-opt --bertc-gpu-to-nvvm %s | FileCheck %s

// What the kernels use becomes instructions, never calls of a library.
// CHECK-LABEL: gpu.module @kernels
// CHECK:       llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 128 : i64}
// CHECK:       llvm.func @scale(%{{.*}}: !llvm.ptr<1>, %{{.*}}: i32) attributes {gpu.kernel,
// CHECK-SAME:  nvvm.kernel, nvvm.reqntid = array<i32: 64, 1, 1>
// CHECK:       nvvm.read.ptx.sreg.tid.x range <i32, 0, 64>
// CHECK:       llvm.cond_br
// CHECK:       llvm.intr.sqrt
// CHECK:       llvm.intr.fma
// CHECK:       nvvm.barrier
// CHECK-NOT:   llvm.call
module {
  gpu.module @kernels {
    llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<0 x i8>
    gpu.func @scale(%x: !llvm.ptr<1>, %n: i32) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
      %id = gpu.thread_id x
      %i = arith.index_cast %id : index to i32
      %inside = arith.cmpi ult, %i, %n : i32
      scf.if %inside {
        %p = llvm.getelementptr %x[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
        %v = llvm.load %p : !llvm.ptr<1> -> f32
        %r = math.sqrt %v : f32
        %f = math.fma %r, %v, %v : f32
        llvm.store %f, %p : f32, !llvm.ptr<1>
      }
      gpu.barrier
      gpu.return
    }
  }
}
