// RUN: bertc-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expected at most 3 dimensions, got 4}}
func.func private @f(!enc.tokens<2x3x4x5xf32>)

// -----

// expected-error @below {{expected at most 1 dimensions, got 2}}
func.func private @f(!enc.sequences<2x3xf32>)

// -----

// expected-error @below {{expected the number of heads and an element type}}
func.func private @f(!enc.scores<2x3xf32>)

// -----

// expected-error @below {{expected the number of heads and an element type}}
func.func private @f(!enc.scores<f32>)

// -----

// expected-error @below {{expected dimensions of at least 1 and a row of at most 2^30 elements, got 0}}
func.func private @f(!enc.tokens<0xf32>)

// -----

// expected-error @below {{expected dimensions of at least 1 and a row of at most 2^30 elements, got 0}}
func.func private @f(!enc.scores<0xf32>)

// -----

// The product is checked, not only each factor.
// expected-error @below {{expected dimensions of at least 1 and a row of at most 2^30 elements, got 1048576}}
func.func private @f(!enc.tokens<1048576x1048576xf32>)

// -----

// expected-error @below {{expected an integer or float element type, got 'index'}}
func.func private @f(!enc.tokens<8xindex>)

// -----

// expected-error @below {{expected an integer or float element type, got 'tensor<4xf32>'}}
func.func private @f(!enc.sequences<tensor<4xf32>>)

// -----

// A dynamic dimension has no meaning: the only unknown sizes are T and B.
// expected-error @below {{expected static shape}}
func.func private @f(!enc.tokens<?xf32>)

// -----

// expected-error @below {{expected '<'}}
func.func private @f(!enc.tokens)

// -----

// expected-error @below {{expected '>'}}
func.func private @f(!enc.tokens<8xf32, 3>)

// -----

// expected-error @below {{unknown  type `matrix` in dialect `enc`}}
func.func private @f(!enc.matrix<8xf32>)

// -----

// expected-error @below {{expected a stack of tokens or scores, got 'f32'}}
func.func private @f(!enc.stack<3xf32>)

// -----

// expected-error @below {{expected a number of trips and a type}}
func.func private @f(!enc.stack<!enc.tokens<8xf32>>)

// -----

// expected-error @below {{expected at least 1 trip, got 0}}
func.func private @f(!enc.stack<0x!enc.tokens<8xf32>>)

// -----

// expected-error @below {{expected an integer or float element type, got 'index'}}
func.func private @f(!enc.scalar<index>)
