// RUN: bertc-opt %s -split-input-file -verify-diagnostics --enc-emulate-gpu
// RUN: not bertc-gpu-emulate %s -o %t.so 2>&1 | FileCheck %s --check-prefix=TOOL
// RUN: not bertc-gpu-emulate %t.missing -o %t.so 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not bertc-gpu-emulate %S/emulate.mlir -o %t.missing/x.so 2>&1 | FileCheck %s --check-prefix=OUTPUT
// TOOL: bertc-gpu-emulate: error: the emulation of the kernels failed
// FILE: bertc-gpu-emulate: error: cannot open input file {{.*}}.missing
// OUTPUT: bertc-gpu-emulate: error: the link of {{.*}}x.so failed

// expected-error@+1 {{there is no gpu.module to emulate}}
module {
}

// -----

module {
gpu.module @kernels {
  // expected-error@+2 {{the size of the kernel's blocks is not known}}
  // expected-note@+1 {{help: set the attribute nvvm.reqntid}}
  llvm.func @size() attributes {nvvm.kernel} {
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  // expected-error@+1 {{expected blocks of 1 to 1024 threads, got 1025}}
  llvm.func @size() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 1025, 1, 1>} {
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  // expected-error@+1 {{expected blocks of one dimension, [threads, 1, 1]}}
  llvm.func @size() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 2, 1>} {
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  // expected-error@+2 {{shared memory of a fixed size is not emulated}}
  // expected-note@+1 {{help: take a part of the dynamic shared memory}}
  llvm.mlir.global internal @tile() {addr_space = 3 : i32} : !llvm.array<64 x i8>
}
}

// -----

module {
gpu.module @kernels {
  // expected-error@+1 {{expected llvm.func at nvvm level, got gpu.func}}
  gpu.func @early() kernel {
    gpu.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @mixed(%a: i32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{expected ops of llvm and nvvm only}}
    %0 = arith.addi %a, %a : i32
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @unknown() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{the emulator does not know this op}}
    nvvm.inline_ptx "exit;"
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @copy(%a: !llvm.ptr<1>, %b: !llvm.ptr<1>, %n: i64) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{the emulator does not know this op}}
    "llvm.intr.memcpy"(%a, %b, %n) <{isVolatile = false}> : (!llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @__nv_expf(f32) -> f32
  llvm.func @library(%a: f32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{only functions of the module can be called}}
    %0 = llvm.call @__nv_expf(%a) : (f32) -> f32
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @arithmetic(%a: bf16) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+2 {{arithmetic of bf16 is not emulated}}
    // expected-note@+1 {{help: compute in f32 and round}}
    %0 = llvm.fadd %a, %a : bf16
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @round(%a: f64) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{expected f32 to be rounded to bf16}}
    %0 = llvm.fptrunc %a : f64 to bf16
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @pair(%a: f32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{only conversions to the nearest number are emulated, without saturation or relu}}
    %0 = nvvm.convert.f32x2.to.bf16x2 %a, %a {rnd = #nvvm.fp_rnd_mode<rz>} : vector<2xbf16>
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @tf32(%a: f32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{only conversions to the nearest tf32, ties away, are emulated (rna)}}
    %0 = nvvm.convert.float.to.tf32 %a {rnd = #nvvm.fp_rnd_mode<rz>}
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @reduce(%a: i32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{a barrier that reduces is not emulated}}
    %0 = nvvm.barrier #nvvm.reduction<popc> %a -> i32
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @redux(%a: f32, %m: i32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{a reduction of f32 is not emulated}}
    %0 = nvvm.redux.sync fmax %a, %m : f32 -> f32
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @bytes(%p: !llvm.ptr<3>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{only matrices of 8 x 8 elements of 16 bits are emulated}}
    %0 = nvvm.ldmatrix %p {num = 1 : i32, layout = #nvvm.mma_layout<col>, shape = #nvvm.ld_st_matrix_shape<m = 16, n = 16>, eltType = #nvvm.ld_st_matrix_elt_type<b8>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @double(%a: f64) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{expected m16n8 of row times column, of f16 or bf16 with k = 8 or 16}}
    %0 = nvvm.mma.sync A[%a] B[%a] C[%a, %a] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 8, n = 8, k = 4>} : (f64, f64, f64) -> !llvm.struct<(f64, f64)>
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @sums(%a: vector<2xf16>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{sums of f16 are not emulated}}
    %0 = nvvm.mma.sync A[%a, %a, %a, %a] B[%a, %a] C[%a, %a] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (vector<2xf16>, vector<2xf16>, vector<2xf16>) -> !llvm.struct<(vector<2xf16>, vector<2xf16>)>
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @state(%bar: !llvm.ptr<3>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+2 {{the state of an mbarrier is not emulated}}
    // expected-note@+1 {{help: wait for the parity of its phase}}
    %0 = nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    %1 = llvm.trunc %0 : i64 to i32
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @im2col(%bar: !llvm.ptr<3>, %map: !llvm.ptr, %to: !llvm.ptr<7>, %x: i32, %offset: i16) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    // expected-error@+1 {{only copies of tiles are emulated}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %to, %map, %bar, box[%x, %x, %x] im2col[%offset] {mode = #nvvm.tma_load_mode<im2col>} : !llvm.ptr<7>, !llvm.ptr
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @transposed(%a: i64, %c: !llvm.struct<(f32, f32, f32, f32)>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>} {
    // expected-error@+1 {{expected m64nNk16 of f16 or bf16 to f32, with k contiguous in both operands}}
    %0 = nvvm.wgmma.mma_async %a, %a, %c, <m = 64, n = 8, k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <col>], B[<bf16>, <one>, <col>] : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
    llvm.return
  }
}
}

// -----

module {
gpu.module @kernels {
  llvm.func @whole(%a: i64, %c: !llvm.struct<(f32, f32, f32, f32)>, %to: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>} {
    %0 = nvvm.wgmma.mma_async %a, %a, %c, <m = 64, n = 8, k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>] : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
    // expected-error@+1 {{what wgmma computes is only emulated where single numbers of it are used}}
    llvm.store %0, %to : !llvm.struct<(f32, f32, f32, f32)>, !llvm.ptr<1>
    llvm.return
  }
}
}
