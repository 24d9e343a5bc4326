//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// AMX as loops over 8 KiB of memory. A configuration holds across calls, so
// tiles belong to the public function that a thread enters, and a pointer to
// them is one more argument of every private function on the way to a tile.
// What the processor refuses with an exception (no configuration, shapes that
// do not match) stops the program here too.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Lowering/EmulateIsa.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace bertc;

/// Bytes from the begin of the state: eight tiles of 16 rows of 64 bytes, then
/// the 64 bytes that ldtilecfg read.
static constexpr int64_t tileBytes = tileRows * tileRowBytes;
static constexpr int64_t configAt = tileCount * tileBytes;
static constexpr int64_t configBytes = 64;
static constexpr int64_t paletteAt = configAt;
static constexpr int64_t columnsAt = configAt + 16; // 16 bits each
static constexpr int64_t rowsAt = configAt + 48;    // 8 bits each
static constexpr int64_t stateBytes = configAt + configBytes;

namespace {

/// Emits the helper functions, which take the state as their first argument.
class TileEmitter {
public:
  explicit TileEmitter(KernelBuilder &k)
      : k(k), pointer(LLVM::LLVMPointerType::get(k.b.getContext())),
        words(VectorType::get({lanes}, k.b.getI32Type())) {}

  func::FuncOp configure();
  func::FuncOp release();
  func::FuncOp zero();
  func::FuncOp move(bool load);
  func::FuncOp dot(bool isFloat);
  /// Puts a state without configuration at the builder's insertion point.
  Value allocate();

  KernelBuilder &k;
  Type pointer;

private:
  Value at(Value base, Value bytes);
  Value at(Value base, int64_t bytes) { return at(base, k.index(bytes)); }
  Value loadSmall(Value address, Type type);
  Value rows(Value state, Value tile);
  Value columns(Value state, Value tile); // bytes of a row
  Value row(Value state, Value tile, Value r);
  Value loadWords(Value address);
  void storeWords(Value vector, Value address);
  Value zeros();
  void zeroRows(Value state, Value tile, Value from);
  void clear(Value state);
  void demand(Value condition);
  void demandTile(Value state, Value tile);
  Value floatRow(Value state, ValueRange tiles, Value m, Value sum);
  Value intRow(Value state, ValueRange tiles, Value m, Value sum);
  Value pairOf(Value state, Value tile, Value m, Value c);

  Type words; // one row: vector<16xi32>
};

} // namespace

//===----------------------------------------------------------------------===//
// Access to the state
//===----------------------------------------------------------------------===//

Value TileEmitter::at(Value base, Value bytes) {
  Value offset =
      arith::IndexCastOp::create(k.b, k.loc, k.b.getI64Type(), bytes);
  return LLVM::GEPOp::create(k.b, k.loc, pointer, k.b.getI8Type(), base,
                             ValueRange{offset});
}

Value TileEmitter::loadSmall(Value address, Type type) {
  Value value = LLVM::LoadOp::create(k.b, k.loc, type, address,
                                     /*alignment=*/1);
  return arith::IndexCastUIOp::create(k.b, k.loc, k.indexType(), value);
}

Value TileEmitter::rows(Value state, Value tile) {
  return loadSmall(at(state, k.add(tile, rowsAt)), k.b.getI8Type());
}

Value TileEmitter::columns(Value state, Value tile) {
  return loadSmall(at(state, k.add(k.mul(tile, 2), columnsAt)),
                   k.b.getI16Type());
}

Value TileEmitter::row(Value state, Value tile, Value r) {
  return at(state, k.add(k.mul(tile, tileBytes), k.mul(r, tileRowBytes)));
}

Value TileEmitter::loadWords(Value address) {
  return LLVM::LoadOp::create(k.b, k.loc, words, address, /*alignment=*/1);
}

void TileEmitter::storeWords(Value vector, Value address) {
  LLVM::StoreOp::create(k.b, k.loc, vector, address, /*alignment=*/1);
}

Value TileEmitter::zeros() {
  return arith::ConstantOp::create(
      k.b, k.loc, DenseElementsAttr::get(cast<ShapedType>(words), int32_t(0)));
}

void TileEmitter::zeroRows(Value state, Value tile, Value from) {
  k.forLoop(from, k.index(tileRows), 1,
            [&](Value r) { storeWords(zeros(), row(state, tile, r)); });
}

/// Neither a configuration nor anything in the tiles.
void TileEmitter::clear(Value state) {
  k.forLoop(k.index(0), k.index(stateBytes), tileRowBytes,
            [&](Value byte) { storeWords(zeros(), at(state, byte)); });
}

void TileEmitter::demand(Value condition) {
  k.ifThen(condition, [] {}, [&] { LLVM::Trap::create(k.b, k.loc); });
}

/// Every instruction on a tile wants it configured.
void TileEmitter::demandTile(Value state, Value tile) {
  Value palette = loadSmall(at(state, paletteAt), k.b.getI8Type());
  demand(k.equal(palette, k.index(1)));
  demand(k.less(k.index(0), rows(state, tile)));
  demand(k.less(k.index(0), columns(state, tile)));
}

Value TileEmitter::allocate() {
  Value size = LLVM::ConstantOp::create(k.b, k.loc, k.b.getI64Type(),
                                        k.b.getI64IntegerAttr(stateBytes));
  Value state = LLVM::AllocaOp::create(k.b, k.loc, pointer, k.b.getI8Type(),
                                       size, /*alignment=*/64);
  clear(state);
  return state;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

func::FuncOp TileEmitter::configure() {
  auto body = [&](ValueRange arguments) {
    Value state = arguments[0];
    clear(state);
    storeWords(loadWords(arguments[1]), at(state, configAt));
    k.forLoop(k.index(0), k.index(tileCount), 1, [&](Value tile) {
      demand(k.less(rows(state, tile), k.index(tileRows + 1)));
      Value bytes = columns(state, tile);
      demand(k.less(bytes, k.index(tileRowBytes + 1)));
      demand(k.equal(k.mul(k.div(bytes, 4), 4), bytes));
    });
  };
  return k.kernel("emulated_tile_configure", {pointer, pointer}, body);
}

func::FuncOp TileEmitter::release() {
  return k.kernel("emulated_tile_release", {pointer},
                  [&](ValueRange arguments) { clear(arguments[0]); });
}

func::FuncOp TileEmitter::zero() {
  auto body = [&](ValueRange arguments) {
    demandTile(arguments[0], arguments[1]);
    zeroRows(arguments[0], arguments[1], k.index(0));
  };
  return k.kernel("emulated_tile_zero", {pointer, k.indexType()}, body);
}

/// Between memory and tile. What lies beyond the tile's shape is not touched in
/// memory, and is zero in the tile.
func::FuncOp TileEmitter::move(bool load) {
  auto body = [&](ValueRange arguments) {
    Value state = arguments[0], tile = arguments[1];
    demandTile(state, tile);
    Value mask = k.laneMask(k.div(columns(state, tile), 4));
    Value count = rows(state, tile);
    k.forLoop(k.index(0), count, 1, [&](Value r) {
      Value memory = at(arguments[2], k.mul(r, arguments[3]));
      Value inTile = row(state, tile, r);
      if (load)
        storeWords(LLVM::MaskedLoadOp::create(k.b, k.loc, words, memory, mask,
                                              zeros(), /*alignment=*/1),
                   inTile);
      else
        LLVM::MaskedStoreOp::create(k.b, k.loc, loadWords(inTile), memory, mask,
                                    /*alignment=*/1);
    });
    if (load)
      zeroRows(state, tile, count);
  };
  Type index = k.indexType();
  return k.kernel(load ? "emulated_tile_load" : "emulated_tile_store",
                  {pointer, index, pointer, index}, body);
}

/// The four bytes `c` of row `m`, in all lanes.
Value TileEmitter::pairOf(Value state, Value tile, Value m, Value c) {
  Value address = at(row(state, tile, m), k.mul(c, 4));
  Value word = LLVM::LoadOp::create(k.b, k.loc, k.b.getI32Type(), address,
                                    /*alignment=*/1);
  return vector::BroadcastOp::create(k.b, k.loc, words, word);
}

/// Even and odd columns of `a` are two chains from zero; both meet at the end.
Value TileEmitter::floatRow(Value state, ValueRange tiles, Value m, Value sum) {
  Value zero = k.splat(0);
  SmallVector<Value> chains = k.forLoop(
      k.index(0), rows(state, tiles[2]), 1, ValueRange{zero, zero},
      [&](Value c, ValueRange chains) {
        auto [aEven, aOdd] =
            emitFromBF16Pairs(k, pairOf(state, tiles[1], m, c));
        auto [bEven, bOdd] =
            emitFromBF16Pairs(k, loadWords(row(state, tiles[2], c)));
        return SmallVector<Value>{emitFlushingFma(k, aEven, bEven, chains[0]),
                                  emitFlushingFma(k, aOdd, bOdd, chains[1])};
      });
  Value products = emitFlush(k, k.addf(chains[0], chains[1]));
  Value old = emitFlush(k, emitBitcast(k, sum, k.b.getF32Type()));
  return emitBitcast(k, emitFlush(k, k.addf(old, products)), k.b.getI32Type());
}

Value TileEmitter::intRow(Value state, ValueRange tiles, Value m, Value sum) {
  return k.forLoop(k.index(0), rows(state, tiles[2]), 1, sum,
                   [&](Value c, ValueRange sums) {
                     Value a = pairOf(state, tiles[1], m, c);
                     Value b = loadWords(row(state, tiles[2], c));
                     return SmallVector<Value>{
                         emitByteProducts(k, sums[0], a, b, /*isSigned=*/true)};
                   })[0];
}

func::FuncOp TileEmitter::dot(bool isFloat) {
  auto body = [&](ValueRange arguments) {
    Value state = arguments[0];
    ValueRange tiles = arguments.drop_front();
    for (Value tile : tiles)
      demandTile(state, tile);
    Value count = rows(state, tiles[0]), bytes = columns(state, tiles[0]);
    demand(k.equal(count, rows(state, tiles[1])));
    demand(k.equal(bytes, columns(state, tiles[2])));
    demand(k.equal(columns(state, tiles[1]), k.mul(rows(state, tiles[2]), 4)));
    Value mask = k.laneMask(k.div(bytes, 4));
    k.forLoop(k.index(0), count, 1, [&](Value m) {
      Value address = row(state, tiles[0], m);
      Value sum = loadWords(address);
      sum = isFloat ? floatRow(state, tiles, m, sum)
                    : intRow(state, tiles, m, sum);
      storeWords(k.select(mask, sum, zeros()), address);
    });
    zeroRows(state, tiles[0], count);
  };
  Type index = k.indexType();
  return k.kernel(isFloat ? "emulated_tile_dot_bf16" : "emulated_tile_dot_int8",
                  {pointer, index, index, index}, body);
}

//===----------------------------------------------------------------------===//
// Replacing the intrinsics
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral tileIntrinsics[] = {
    "llvm.x86.ldtilecfg",   "llvm.x86.tilerelease",   "llvm.x86.tilezero",
    "llvm.x86.tileloadd64", "llvm.x86.tileloaddt164", "llvm.x86.tilestored64",
    "llvm.x86.tdpbf16ps",   "llvm.x86.tdpbssd"};

static bool usesTiles(LLVM::CallIntrinsicOp op) {
  return llvm::is_contained(tileIntrinsics, op.getIntrin());
}

/// The functions with tile instructions and all that call them.
static LogicalResult collectUsers(ModuleOp module,
                                  llvm::SetVector<func::FuncOp> &users) {
  WalkResult result = module.walk([&](LLVM::CallIntrinsicOp op) {
    if (!usesTiles(op))
      return WalkResult::advance();
    auto function = op->getParentOfType<func::FuncOp>();
    if (!function) {
      op.emitOpError("is not in a func.func, expected the kernels stage");
      return WalkResult::interrupt();
    }
    users.insert(function);
    return WalkResult::advance();
  });
  for (size_t i = 0; i < users.size(); ++i) {
    auto uses = SymbolTable::getSymbolUses(users[i], module);
    for (SymbolTable::SymbolUse use : *uses) {
      if (!isa<func::CallOp>(use.getUser()))
        return use.getUser()->emitOpError("refers to ")
               << use.getSymbolRef()
               << ", which uses AMX tiles, expected calls alone";
      users.insert(use.getUser()->getParentOfType<func::FuncOp>());
    }
  }
  return failure(result.wasInterrupted());
}

/// Tile numbers as index values, or an error at `op`.
static FailureOr<SmallVector<Value>>
tileNumbers(KernelBuilder &k, LLVM::CallIntrinsicOp op, unsigned count) {
  SmallVector<int64_t> numbers;
  SmallVector<Value> result;
  for (Value operand : op.getArgs().take_front(count)) {
    APInt number;
    if (!matchPattern(operand, m_ConstantInt(&number)) ||
        number.getZExtValue() >= tileCount)
      return op.emitOpError("expected the constant number of a tile, 0 to 7");
    numbers.push_back(number.getZExtValue());
    result.push_back(k.index(numbers.back()));
  }
  if (count == 3 && (numbers[0] == numbers[1] || numbers[0] == numbers[2] ||
                     numbers[1] == numbers[2]))
    return op.emitOpError("expected three different tiles, got ")
           << numbers[0] << ", " << numbers[1] << ", " << numbers[2];
  return result;
}

static LogicalResult replace(TileEmitter &t, LLVM::CallIntrinsicOp op,
                             Value state) {
  KernelBuilder &k = t.k;
  StringRef name = op.getIntrin();
  bool isDot = name.starts_with("llvm.x86.tdp");
  bool isMove =
      name.starts_with("llvm.x86.tileload") || name == "llvm.x86.tilestored64";
  unsigned count = isDot ? 3 : isMove || name == "llvm.x86.tilezero" ? 1 : 0;
  FailureOr<SmallVector<Value>> tiles = tileNumbers(k, op, count);
  if (failed(tiles))
    return failure();
  SmallVector<Value> arguments = {state};
  arguments.append(*tiles);
  func::FuncOp callee;
  if (isDot) {
    callee = t.dot(name == "llvm.x86.tdpbf16ps");
  } else if (isMove) {
    callee = t.move(name != "llvm.x86.tilestored64");
    arguments.push_back(op.getArgs()[1]);
    arguments.push_back(
        arith::IndexCastOp::create(k.b, k.loc, k.indexType(), op.getArgs()[2]));
  } else if (name == "llvm.x86.ldtilecfg") {
    callee = t.configure();
    arguments.push_back(op.getArgs()[0]);
  } else {
    callee = count ? t.zero() : t.release();
  }
  k.call(callee, arguments);
  op.erase();
  return success();
}

LogicalResult bertc::emulateTiles(ModuleOp module) {
  llvm::SetVector<func::FuncOp> users;
  if (failed(collectUsers(module, users)))
    return failure();
  KernelBuilder k(module);
  TileEmitter t(k);
  llvm::DenseMap<Operation *, Value> states;
  for (func::FuncOp function : users) {
    if (function.isPrivate()) {
      unsigned last = function.getNumArguments();
      if (failed(
              function.insertArgument(last, t.pointer, {}, function.getLoc())))
        return failure();
      states[function] = function.getArgument(last);
      continue;
    }
    k.b.setInsertionPointToStart(&function.getBody().front());
    states[function] = t.allocate();
  }
  for (func::FuncOp function : users) {
    SmallVector<Operation *> ops;
    function.walk([&](Operation *op) {
      auto call = dyn_cast<func::CallOp>(op);
      auto intrinsic = dyn_cast<LLVM::CallIntrinsicOp>(op);
      if ((intrinsic && usesTiles(intrinsic)) ||
          (call &&
           users.contains(module.lookupSymbol<func::FuncOp>(call.getCallee()))))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      k.b.setInsertionPoint(op);
      k.loc = op->getLoc();
      if (auto call = dyn_cast<func::CallOp>(op)) {
        auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
        if (callee.isPrivate())
          call.getOperandsMutable().append(states[function]);
      } else if (failed(replace(t, cast<LLVM::CallIntrinsicOp>(op),
                                states[function]))) {
        return failure();
      }
    }
  }
  return success();
}
