// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-qkv{require=true}))' \
// RUN:   --split-input-file --verify-diagnostics

// A required fusion that has no candidate is an error.
// expected-error @below {{required fusion 'qkv' found no candidate in the function}}
func.func @defined(%x: !enc.tokens<8xf32>) {
  return
}

// -----

// A declaration has nothing to fuse, so it is asked for nothing.
func.func private @declared(!enc.tokens<8xf32>)
