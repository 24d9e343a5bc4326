// What the tool offers: the passes of each room and the stages of compilation.
// RUN: bertc-opt --help | FileCheck %s
// CHECK-DAG: --enc-fuse-attention
// CHECK-DAG: --enc-fuse-embeddings
// CHECK-DAG: --enc-fuse-feed-forward
// CHECK-DAG: --enc-fuse-linear-add-norm
// CHECK-DAG: --enc-fuse-qkv
// CHECK-DAG: --enc-plan
// CHECK-DAG: --enc-verify-fused
// CHECK-DAG: --canonicalize

// Kernels can be read back: their dialects are known.
// RUN: bertc-opt --show-dialects | FileCheck %s --check-prefix=DIALECTS
// DIALECTS: affine,arith,builtin,cf,enc,func,gpu,llvm,math,memref,nvvm,scf,vector
