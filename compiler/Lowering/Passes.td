//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes of the Lowering room.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_PASSES_TD
#define BERTC_COMPILER_LOWERING_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToKernelsPass : Pass<"enc-lower-to-kernels", "::mlir::ModuleOp"> {
  let summary = "the stage from plan to kernels";
  let description = [{
    Replaces a planned module by the forward function of its target,
    `@bertc_forward_<target>`, and the kernels it calls. Batches of fewer tokens
    than `enc.row_split_tokens` take the branch that splits work by column
    panels, others the one that splits it by rows.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def EmulateIsaPass : Pass<"enc-emulate-isa", "::mlir::ModuleOp"> {
  let summary = "plain code for the special instructions of some processors";
  let description = [{
    Replaces the intrinsics of the given instruction sets in kernels by code
    that any x86-64-v3 processor runs:

    * `amx`: tiles become 8 KiB on the stack of the public function, and a
      pointer to them an argument of the private ones; each instruction is a
      call of a loop that obeys the tile configuration.
    * `avx512bf16`, `vnni`: arithmetic on vectors, in the order and with the
      rounding of the hardware.
    * `avx512`: both of them, since they need its registers, and `vpmaddwd` of
      512 bits in two halves. Plain vectors are left to LLVM.
    * `all`: all of these.

    Integer results are the hardware's bit for bit. `--enc-emulate-isa=isa=vnni`
    makes of

    ```mlir
    %0 = llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%acc, %a, %b)
        : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
    ```

    four times `shli`, `shrui`, `shrsi`, `muli` and `addi` on `vector<16xi32>`.
  }];
  let options = [
    ListOption<"isa", "isa", "std::string", "instruction sets to do without">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def GpuToNVVMPass : Pass<"enc-gpu-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "kernels of a GPU to the LLVM and NVVM dialects";
  let description = [{
    Converts `gpu`, `arith`, `cf` and `math`. Unlike `convert-gpu-ops-to-nvvm`
    it calls no device library: the functions of `math` that kernels use are
    instructions.
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"
  ];
}

def EmulateGpuPass : Pass<"enc-emulate-gpu", "::mlir::ModuleOp"> {
  let summary = "a program of the host for the kernels of a gpu.module";
  let description = [{
    Takes a `gpu.module` at nvvm level: `llvm.func`s of `llvm` and `nvvm` ops,
    kernels with `nvvm.kernel` and `nvvm.reqntid`. Each kernel becomes a function
    of the host that runs one thread, `void name(void **params)`; what the host
    does not have, and every access of memory, becomes a call of the emulator in
    `tools/gpu-emulator`. The table `bertc_emulated_kernels` lists the kernels.

    ```mlir
    nvvm.barrier0
    %0 = llvm.load %p : !llvm.ptr<3> -> f32
    ```

    becomes

    ```mlir
    llvm.call @bertc_gpu_emulator_barrier(%thread, %site1, %c0, %c0)
    llvm.call @bertc_gpu_emulator_access_shared(%thread, %site2, %p)
    %0 = llvm.load %p : !llvm.ptr -> f32
    ```

    A site is a variable with what the emulator must know of an op: its text and
    number, the bytes it moves, the shape of a product.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // BERTC_COMPILER_LOWERING_PASSES_TD
