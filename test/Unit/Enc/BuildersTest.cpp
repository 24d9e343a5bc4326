//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What C++ that writes enc IR relies on: result types that follow from operands
// are inferred, and a module put together by builders alone verifies.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/IR/EncOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace {

class EncBuilders : public testing::Test {
protected:
  EncBuilders() : b(&context) {
    context.loadDialect<enc::EncDialect, func::FuncDialect>();
    f32 = b.getF32Type();
    module = ModuleOp::create(b, b.getUnknownLoc());
    b.setInsertionPointToStart(module->getBody());
  }

  Type tokens(ArrayRef<int64_t> shape) {
    return enc::TokensType::get(shape, f32);
  }
  FlatSymbolRefAttr weight(StringRef name, ArrayRef<int64_t> shape) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module->getBody());
    enc::WeightOp::create(b, loc(), name, name,
                          RankedTensorType::get(shape, f32));
    return FlatSymbolRefAttr::get(b.getContext(), name);
  }
  /// A function of `types`, with the builder in its body.
  Block *function(TypeRange types) {
    auto op = func::FuncOp::create(b, loc(), "f", b.getFunctionType(types, {}));
    Block *block = op.addEntryBlock();
    b.setInsertionPointToEnd(block);
    return block;
  }
  bool verifies() {
    func::ReturnOp::create(b, loc());
    return succeeded(verify(*module));
  }
  Location loc() { return b.getUnknownLoc(); }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OpBuilder b;
  Type f32;
  OwningOpRef<ModuleOp> module;
};

TEST_F(EncBuilders, InferAttention) {
  Type offsets = enc::OffsetsType::get(&context);
  Block *block = function({tokens({3, 5, 7}), offsets});
  Value qkv = block->getArgument(0), o = block->getArgument(1);
  auto part = [&](int64_t index) -> Value {
    return enc::PartOp::create(b, loc(), qkv, index);
  };
  Value query = part(0), key = part(1), value = part(2);
  EXPECT_EQ(query.getType(), tokens({5, 7}));
  Value scores =
      enc::ScoresOp::create(b, loc(), query, key, o, b.getF64FloatAttr(0.5));
  EXPECT_EQ(scores.getType(), enc::ScoresType::get(5, f32));
  Value probabilities = enc::SoftmaxOp::create(b, loc(), scores);
  EXPECT_EQ(probabilities.getType(), scores.getType());
  Value context = enc::ContextOp::create(b, loc(), probabilities, value, o);
  EXPECT_EQ(context.getType(), tokens({5, 7}));
  Value merged = enc::MergeHeadsOp::create(b, loc(), context);
  EXPECT_EQ(merged.getType(), tokens({35}));
  auto fused =
      enc::FusedAttentionOp::create(b, loc(), qkv, o, b.getF64FloatAttr(0.5),
                                    /*probabilities=*/false, Attribute());
  EXPECT_EQ(fused->getNumResults(), 1u);
  EXPECT_EQ(fused.getType(), tokens({35}));
  auto handsOut =
      enc::FusedAttentionOp::create(b, loc(), qkv, o, b.getF64FloatAttr(0.5),
                                    /*probabilities=*/true, Attribute());
  ASSERT_TRUE(handsOut.getProbabilities());
  EXPECT_EQ(handsOut.getProbabilities().getType(), scores.getType());
  EXPECT_TRUE(verifies());
}

TEST_F(EncBuilders, InferRows) {
  FlatSymbolRefAttr w = weight("w", {5, 9}), v = weight("v", {5});
  Block *block =
      function({tokens({9}), tokens({5}), enc::OffsetsType::get(&context)});
  Value x = block->getArgument(0), residual = block->getArgument(1);
  Value y =
      enc::FusedLinearAddNormOp::create(b, loc(), x, residual, w, v, v, v,
                                        b.getF64FloatAttr(1e-5), Attribute())
          .getResult();
  EXPECT_EQ(y.getType(), tokens({5}));
  Value pooled = enc::PoolOp::create(b, loc(), y, block->getArgument(2),
                                     enc::PoolMode::Max, Attribute());
  EXPECT_EQ(pooled.getType(), enc::SequencesType::get({5}, f32));
  EXPECT_TRUE(verifies());
}

// Builders answer for any operands; the verifier says what is wrong with them.
TEST_F(EncBuilders, WrongOperandsFailInTheVerifier) {
  Block *block = function({tokens({9}), enc::OffsetsType::get(&context)});
  Value x = block->getArgument(0);
  enc::PartOp::create(b, loc(), x, 0);
  enc::ScoresOp::create(b, loc(), x, x, block->getArgument(1),
                        b.getF64FloatAttr(1));
  std::string messages;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    messages += diagnostic.str();
    return success();
  });
  EXPECT_FALSE(verifies());
  EXPECT_NE(messages.find("part_c1"), std::string::npos) << messages;
}

TEST_F(EncBuilders, Layers) {
  Block *block = function({tokens({9})});
  auto layers = enc::LayersOp::create(b, loc(), block->getArgument(0), 4,
                                      ArrayRef<int64_t>{0, 4});
  ASSERT_EQ(layers.getNumResults(), 3u);
  EXPECT_EQ(layers.getResult(2).getType(), tokens({9}));
  {
    OpBuilder::InsertionGuard guard(b);
    Block &body = layers.getBody().front();
    b.setInsertionPointToEnd(&body);
    Value next = enc::ReluOp::create(b, loc(), body.getArgument(0));
    enc::YieldOp::create(b, loc(), next);
  }
  EXPECT_TRUE(verifies());
}

} // namespace
