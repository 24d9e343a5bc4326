//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes of the Plan room.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PLAN_PASSES_TD
#define BERTC_COMPILER_PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanPass : Pass<"enc-plan", "::mlir::ModuleOp"> {
  let summary = "choose block sizes for one target";
  let description = [{
    Writes the plan of each op with a kernel choice as its `plan` attribute, and
    the target the token count that separates the two ways to split work and the
    precision (if it is not f32) as module attributes. A plan that an op already has is kept.

    ```mlir
    %y = enc.linear %x weight(@w) : !enc.tokens<768xf32> -> !enc.tokens<768xf32>
    // becomes, for x86-64-v3
    %y = enc.linear %x weight(@w) {plan = {arithmetic = "f32",
         depth_block = 384, group = 8, panels = 1, row_block = 192, rows = 6}}
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "", "name of the CPU target">,
    Option<"precision", "precision", "std::string", "\"f32\"",
           "what linear layers multiply: f32, bf16, int8, bf16-w8 or f32-fast">,
    Option<"trainPrecision", "train-precision", "std::string", "\"f32\"",
           "the same in the layers of @train, from weights of float32: f32, or "
           "bf16 where the target has tiles">
  ];
}

#endif // BERTC_COMPILER_PLAN_PASSES_TD
