// RUN: bertc-opt %s --enc-emulate-isa=isa=avx512bf16 | FileCheck %s --check-prefixes=CHECK,BF16,NO-VNNI,NO-AMX
// RUN: bertc-opt %s --enc-emulate-isa=isa=vnni | FileCheck %s --check-prefixes=CHECK,VNNI,NO-BF16,NO-AMX
// RUN: bertc-opt %s --enc-emulate-isa=isa=amx | FileCheck %s --check-prefixes=CHECK,AMX,NO-BF16,NO-VNNI
// RUN: bertc-opt %s --enc-emulate-isa=isa=avx512 | FileCheck %s --check-prefixes=CHECK,BF16,VNNI,AVX512,NO-AMX
// RUN: bertc-opt %s --enc-emulate-isa=isa=all | FileCheck %s --check-prefixes=CHECK,BF16,VNNI,AVX512,AMX

// Everything emulated is code of x86-64-v3, everything native is one instruction.
// RUN: bertc-opt %s --enc-emulate-isa=isa=all --bertc-kernels-to-llvm | mlir-translate --mlir-to-llvmir | llc -mcpu=x86-64-v3 | FileCheck %s --check-prefix=PLAIN --implicit-check-not=zmm --implicit-check-not=tmm
// RUN: bertc-opt %s --bertc-kernels-to-llvm | mlir-translate --mlir-to-llvmir | llc -mcpu=x86-64-v4 -mattr=+avx512bf16,+avx512vnni,+amx-tile,+amx-bf16 | FileCheck %s --check-prefix=ASM

// The odd products are added first; the even ones to what that gave.
// CHECK-LABEL: func.func @dot_bf16
// NO-BF16: llvm.x86.avx512bf16.dpbf16ps.512
// BF16-NOT: llvm.call_intrinsic
// BF16: %[[ODD:.*]] = math.fma
// BF16: math.fma
// BF16: return
// PLAIN-LABEL: dot_bf16:
// PLAIN-COUNT-4: vfmadd{{.*}}%ymm
// PLAIN: retq
// ASM-LABEL: dot_bf16:
// ASM: vdpbf16ps %zmm2, %zmm1, %zmm0
// ASM: retq
func.func @dot_bf16(%acc: vector<16xf32>, %a: vector<32xbf16>, %b: vector<32xbf16>) -> vector<16xf32> {
  %0 = llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%acc, %a, %b) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>) -> vector<16xf32>
  return %0 : vector<16xf32>
}

// The upper half of the result is the first operand.
// CHECK-LABEL: func.func @round
// CHECK-SAME: %[[HIGH:.*]]: vector<16xf32>, %[[LOW:.*]]: vector<16xf32>
// NO-BF16: llvm.x86.avx512bf16.cvtne2ps2bf16.512
// BF16-NOT: llvm.call_intrinsic
// BF16: %[[FIRST:.*]] = vector.bitcast %[[LOW]] : vector<16xf32> to vector<16xi32>
// BF16: vector.shuffle
// BF16: return
// ASM-LABEL: round:
// ASM: vcvtne2ps2bf16 %zmm1, %zmm0, %zmm0
// ASM: retq
func.func @round(%high: vector<16xf32>, %low: vector<16xf32>) -> vector<32xbf16> {
  %0 = llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"(%high, %low) : (vector<16xf32>, vector<16xf32>) -> vector<32xbf16>
  return %0 : vector<32xbf16>
}

// Bytes of the first operand have no sign.
// CHECK-LABEL: func.func @dot_int8
// NO-VNNI: llvm.x86.avx512.vpdpbusd.512
// VNNI-NOT: llvm.call_intrinsic
// VNNI: arith.shrui
// VNNI: arith.shrsi
// VNNI-COUNT-4: arith.muli
// VNNI-NOT: arith.muli
// VNNI: return
// PLAIN-LABEL: dot_int8:
// PLAIN: vpmaddwd{{.*}}%ymm
// PLAIN: retq
// ASM-LABEL: dot_int8:
// ASM: vpdpbusd %zmm2, %zmm1, %zmm0
// ASM: retq
func.func @dot_int8(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
  %0 = llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%acc, %a, %b) : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
  return %0 : vector<16xi32>
}

// CHECK-LABEL: func.func @madd_int16
// AVX512-COUNT-2: llvm.x86.avx2.pmadd.wd
// CHECK: return
// PLAIN-LABEL: madd_int16:
// PLAIN-COUNT-2: vpmaddwd {{.*}}%ymm
// PLAIN: retq
// ASM-LABEL: madd_int16:
// ASM: vpmaddwd %zmm1, %zmm0, %zmm0
// ASM: retq
func.func @madd_int16(%a: vector<32xi16>, %b: vector<32xi16>) -> vector<16xi32> {
  %0 = llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"(%a, %b) : (vector<32xi16>, vector<32xi16>) -> vector<16xi32>
  return %0 : vector<16xi32>
}

// A private function gets its caller's tiles.
// CHECK-LABEL: func.func private @product(
// NO-AMX-SAME: %{{.*}}: !llvm.ptr, %{{.*}}: i64)
// NO-AMX: llvm.x86.tileloadd64
// NO-AMX: llvm.x86.tdpbf16ps
// AMX-SAME: %[[P:.*]]: !llvm.ptr, %{{.*}}: i64, %[[TILES:.*]]: !llvm.ptr)
// AMX-NOT: llvm.call_intrinsic
// AMX: call @emulated_tile_load(%[[TILES]], %{{.*}}, %[[P]],
// AMX: call @emulated_tile_dot_bf16(%[[TILES]],
// AMX: return
// ASM-LABEL: product:
// ASM: tileloadd (%rdi,%rsi), %tmm1
// ASM: tdpbf16ps %tmm2, %tmm1, %tmm0
// ASM: retq
func.func private @product(%p: !llvm.ptr, %stride: i64) {
  %c0 = arith.constant 0 : i8
  %c1 = arith.constant 1 : i8
  %c2 = arith.constant 2 : i8
  llvm.call_intrinsic "llvm.x86.tileloadd64"(%c1, %p, %stride) : (i8, !llvm.ptr, i64) -> ()
  llvm.call_intrinsic "llvm.x86.tdpbf16ps"(%c0, %c1, %c2) : (i8, i8, i8) -> ()
  return
}

// So does one that only calls it.
// CHECK-LABEL: func.func private @between(
// AMX-SAME: %{{.*}}: !llvm.ptr, %{{.*}}: i64, %[[TILES:.*]]: !llvm.ptr)
// AMX: call @product(%{{.*}}, %{{.*}}, %[[TILES]])
func.func private @between(%p: !llvm.ptr, %stride: i64) {
  call @product(%p, %stride) : (!llvm.ptr, i64) -> ()
  return
}

// One with other things to do does not.
// CHECK-LABEL: func.func private @other()
func.func private @other() {
  return
}

// The public function has them on its stack.
// CHECK-LABEL: func.func @entry(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64) {
// AMX: %[[TILES:.*]] = llvm.alloca
// AMX: call @emulated_tile_configure(%[[TILES]],
// AMX: call @between(%{{.*}}, %{{.*}}, %[[TILES]])
// AMX: call @other()
// AMX: call @emulated_tile_release(%[[TILES]])
// PLAIN-LABEL: entry:
// PLAIN: call{{.*}}emulated_tile_configure
// ASM-LABEL: entry:
// ASM: ldtilecfg (%rdi)
// ASM-NOT: tile
// ASM: tilerelease
func.func @entry(%config: !llvm.ptr, %p: !llvm.ptr, %stride: i64) {
  llvm.call_intrinsic "llvm.x86.ldtilecfg"(%config) : (!llvm.ptr) -> ()
  call @between(%p, %stride) : (!llvm.ptr, i64) -> ()
  call @other() : () -> ()
  llvm.call_intrinsic "llvm.x86.tilerelease"() : () -> ()
  return
}

// CHECK: {{^}}}
