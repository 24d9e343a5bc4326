// The order of passes in each stage.
// RUN: bertc-opt %s --bertc-fuse --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=FUSE
// FUSE:      builtin.module(
// FUSE-NEXT: func.func(
// FUSE-NEXT: canonicalize
// FUSE-NEXT: enc-fuse-embeddings{require=false}
// FUSE-NEXT: enc-fuse-qkv{require=false}
// FUSE-NEXT: enc-fuse-attention{require=false}
// FUSE-NEXT: enc-fuse-linear-add-norm{require=false}
// FUSE-NEXT: enc-fuse-feed-forward{require=false}
// FUSE-NEXT: cse
// FUSE-NEXT: enc-verify-fused
// FUSE-NEXT: )

// RUN: bertc-opt %s --bertc-fuse=require=attention,feed-forward --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=REQUIRE
// REQUIRE: enc-fuse-qkv{require=false}
// REQUIRE: enc-fuse-attention{require=true}
// REQUIRE: enc-fuse-linear-add-norm{require=false}
// REQUIRE: enc-fuse-feed-forward{require=true}

// RUN: bertc-opt %s --bertc-plan=target=x86-64-v3 --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=PLAN
// PLAN:      builtin.module(
// PLAN-NEXT: enc-plan{precision=f32 target=x86-64-v3 train-precision=f32}
// PLAN-NEXT: )
// RUN: bertc-opt %s --bertc-plan="target=x86-64-v3 precision=bf16" --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=BF16
// BF16: enc-plan{precision=bf16 target=x86-64-v3 train-precision=f32}

// Loops and strided views are gone before memory becomes pointers, and affine
// maps after the strided views that make them.
// RUN: bertc-opt %s --bertc-kernels-to-llvm --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=LLVM
// LLVM: convert-scf-to-cf
// LLVM: expand-strided-metadata
// LLVM: lower-affine
// LLVM: finalize-memref-to-llvm
// LLVM: reconcile-unrealized-casts
func.func private @nothing()
