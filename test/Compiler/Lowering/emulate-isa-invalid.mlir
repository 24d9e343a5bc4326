// RUN: bertc-opt %s -split-input-file -verify-diagnostics --enc-emulate-isa=isa=amx
// RUN: not bertc-opt %s -split-input-file --enc-emulate-isa=isa=neon 2>&1 | FileCheck %s
// CHECK: error: unknown instruction set 'neon', expected some of amx, avx512bf16, vnni, avx512, all

func.func private @number(%tile: i8) {
  // expected-error@+1 {{expected the constant number of a tile, 0 to 7}}
  llvm.call_intrinsic "llvm.x86.tilezero"(%tile) : (i8) -> ()
  return
}

// -----

func.func private @range() {
  %tile = arith.constant 8 : i8
  // expected-error@+1 {{expected the constant number of a tile, 0 to 7}}
  llvm.call_intrinsic "llvm.x86.tilezero"(%tile) : (i8) -> ()
  return
}

// -----

func.func private @same() {
  %a = arith.constant 1 : i8
  %b = arith.constant 2 : i8
  // expected-error@+1 {{expected three different tiles, got 1, 2, 1}}
  llvm.call_intrinsic "llvm.x86.tdpbssd"(%a, %b, %a) : (i8, i8, i8) -> ()
  return
}

// -----

func.func private @callee() {
  llvm.call_intrinsic "llvm.x86.tilerelease"() : () -> ()
  return
}
func.func @caller() -> (() -> ()) {
  // expected-error@+1 {{refers to @callee, which uses AMX tiles, expected calls alone}}
  %f = constant @callee : () -> ()
  return %f : () -> ()
}

// -----

llvm.func @later() {
  // expected-error@+1 {{is not in a func.func, expected the kernels stage}}
  llvm.call_intrinsic "llvm.x86.tilerelease"() : () -> ()
  llvm.return
}
