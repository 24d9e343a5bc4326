// One case, at least, for each labelled constraint of enc.entry.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

func.func @entry_c1(%x: !enc.stack<3x!enc.tokens<8xf32>>) {
  // expected-error @below {{entry_c1: expected an index below 3, got 3}}
  %0 = enc.entry 3 of %x : !enc.stack<3x!enc.tokens<8xf32>> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @entry_c1(%x: !enc.stack<3x!enc.tokens<8xf32>>) {
  // expected-error @below {{attribute 'index' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
  %0 = enc.entry -1 of %x : !enc.stack<3x!enc.tokens<8xf32>> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @entry_c2(%x: !enc.stack<3x!enc.scores<2xf32>>) {
  // expected-error @below {{entry_c2: expected a result of type '!enc.scores<2xf32>', got '!enc.scores<3xf32>'}}
  %0 = enc.entry 1 of %x : !enc.stack<3x!enc.scores<2xf32>> -> !enc.scores<3xf32>
  return
}
