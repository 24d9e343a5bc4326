// RUN: bertc-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{output_c1: expected no attribute of enc on result 0 but 'enc.name', got 'enc.nam'}}
func.func private @output_c1(!enc.tokens<8xf32>) -> (!enc.tokens<8xf32> {enc.nam = "x"})

// -----

// expected-error @below {{output_c2: expected 'enc.name' of result 1 to be a string that is not empty, got 3 : i64}}
func.func private @output_c2(!enc.tokens<8xf32>) -> (!enc.tokens<8xf32>, !enc.tokens<8xf32> {enc.name = 3})

// -----

// expected-error @below {{output_c2: expected 'enc.name' of result 0 to be a string that is not empty, got ""}}
func.func private @output_c2(!enc.tokens<8xf32>) -> (!enc.tokens<8xf32> {enc.name = ""})

// -----

// expected-error @below {{output_c3: expected one name per result, got "x" for results 0 and 2}}
func.func private @output_c3() -> (!enc.tokens<8xf32> {enc.name = "x"}, !enc.tokens<8xf32> {enc.name = "y"}, !enc.tokens<8xf32> {enc.name = "x"})
