// One case, at least, for each labelled constraint of enc.fused_feed_forward, and one for
// each weight that it names.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{fused_feed_forward_c1: expected tokens of one dimension, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<2x4xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c1(%x: !enc.tokens<8xi32>) {
  // expected-error @below {{fused_feed_forward_c1: expected tokens of one dimension, got '!enc.tokens<8xi32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xi32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @up = "up" : tensor<32x4xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected up @up to be a tensor of [32, 8] 'f32', got 'tensor<32x4xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
// expected-note @below {{declared here}}
enc.weight @ub = "ub" : tensor<8xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected up bias @ub to be a tensor of [32] 'f32', got 'tensor<8xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
// expected-note @below {{declared here}}
enc.weight @down = "down" : tensor<32x8xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected down @down to be a tensor of [8, 32] 'f32', got 'tensor<32x8xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
// expected-note @below {{declared here}}
enc.weight @db = "db" : tensor<32xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected down bias @db to be a tensor of [8] 'f32', got 'tensor<32xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @g = "g" : tensor<4xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected gain @g to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @nb = "nb" : tensor<4xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected norm bias @nb to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c3(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c3: expected epsilon to be finite and positive, got -2}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon -2.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_activation(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{expected one of gelu, gelu_tanh, relu, silu, tanh, got 'swish'}}
  %0 = enc.fused_feed_forward %x activation(swish) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

func.func @fused_feed_forward_up(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{refers to @up as up, which is no enc.weight}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @up = "up" : tensor<32xf32>
func.func @fused_feed_forward_up(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected up @up to be a tensor of [32, 8] 'f32', got 'tensor<32xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}
