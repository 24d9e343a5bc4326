//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One function for each op of nvvm, or each family.
//
//===----------------------------------------------------------------------===//
#include "compiler/Lowering/EmulateGpu.h"
#include "compiler/Lowering/EmulatedGpu.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace bertc;

static constexpr uint32_t wholeWarp = ~0u;

//===----------------------------------------------------------------------===//
// Special registers
//===----------------------------------------------------------------------===//

static std::optional<emulator::Register> registerOf(Operation *op) {
  using Result = std::optional<emulator::Register>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([](NVVM::ThreadIdXOp) { return emulator::ThreadX; })
      .Case([](NVVM::ThreadIdYOp) { return emulator::ThreadY; })
      .Case([](NVVM::ThreadIdZOp) { return emulator::ThreadZ; })
      .Case([](NVVM::BlockDimXOp) { return emulator::BlockSizeX; })
      .Case([](NVVM::BlockDimYOp) { return emulator::BlockSizeY; })
      .Case([](NVVM::BlockDimZOp) { return emulator::BlockSizeZ; })
      .Case([](NVVM::BlockIdXOp) { return emulator::BlockX; })
      .Case([](NVVM::BlockIdYOp) { return emulator::BlockY; })
      .Case([](NVVM::BlockIdZOp) { return emulator::BlockZ; })
      .Case([](NVVM::GridDimXOp) { return emulator::GridX; })
      .Case([](NVVM::GridDimYOp) { return emulator::GridY; })
      .Case([](NVVM::GridDimZOp) { return emulator::GridZ; })
      .Case([](NVVM::LaneIdOp) { return emulator::LaneId; })
      .Case([](NVVM::WarpIdOp) { return emulator::WarpId; })
      .Case([](NVVM::DynamicSmemSize) { return emulator::SharedBytes; })
      .Case([](NVVM::ClusterId) { return emulator::ClusterRank; })
      .Case([](NVVM::ClusterDim) { return emulator::ClusterSize; })
      .Default([](Operation *) { return std::nullopt; });
}

static LogicalResult readRegister(GpuEmulation &e, Operation *op,
                                  emulator::Register which) {
  Value address = LLVM::GEPOp::create(e.b, e.loc, e.pointer, e.i32, e.thread,
                                      ArrayRef<LLVM::GEPArg>{int32_t(which)});
  Value value = LLVM::LoadOp::create(e.b, e.loc, e.i32, address);
  if (op->getResult(0).getType() != e.i32)
    return op->emitError("expected a register of 32 bits");
  op->replaceAllUsesWith(ValueRange{value});
  op->erase();
  return success();
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

static Value orZero(GpuEmulation &e, Value value) {
  return value ? value : e.constant(0);
}

static LogicalResult emulateBarrier(GpuEmulation &e, NVVM::BarrierOp op) {
  if (op.getReductionOp())
    return op.emitError("a barrier that reduces is not emulated");
  e.call("barrier", {e.thread, e.site(op), orZero(e, op.getBarrierId()),
                     orZero(e, op.getNumberOfThreads())});
  op.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// Lanes of a warp
//===----------------------------------------------------------------------===//

static LogicalResult emulateShuffle(GpuEmulation &e, NVVM::ShflOp op) {
  emulator::ShuffleKind kind = emulator::ShuffleKind::Butterfly;
  switch (op.getKind()) {
  case NVVM::ShflKind::bfly:
    break;
  case NVVM::ShflKind::up:
    kind = emulator::ShuffleKind::Up;
    break;
  case NVVM::ShflKind::down:
    kind = emulator::ShuffleKind::Down;
    break;
  case NVVM::ShflKind::idx:
    kind = emulator::ShuffleKind::Index;
    break;
  }
  Value site = e.site(op, 0, 1,
                      {static_cast<uint32_t>(kind),
                       op.getReturnValueAndIsValid().value_or(false)});
  e.replaceWithWords(
      op, "shuffle", site,
      {op.getThreadMask(), op.getVal(), op.getOffset(), op.getMaskAndClamp()});
  return success();
}

static LogicalResult emulateVote(GpuEmulation &e, NVVM::VoteSyncOp op) {
  emulator::VoteKind kind = emulator::VoteKind::Any;
  switch (op.getKind()) {
  case NVVM::VoteSyncKind::any:
    break;
  case NVVM::VoteSyncKind::all:
    kind = emulator::VoteKind::All;
    break;
  case NVVM::VoteSyncKind::ballot:
    kind = emulator::VoteKind::Ballot;
    break;
  case NVVM::VoteSyncKind::uni:
    kind = emulator::VoteKind::Uniform;
    break;
  }
  Value site = e.site(op, 0, 1, {static_cast<uint32_t>(kind)});
  e.replaceWithWords(op, "vote", site, {op.getMask(), op.getPred()});
  return success();
}

static LogicalResult emulateReduce(GpuEmulation &e, NVVM::ReduxOp op) {
  std::optional<emulator::ReduceKind> kind;
  switch (op.getKind()) {
  case NVVM::ReduxKind::ADD:
    kind = emulator::ReduceKind::Add;
    break;
  case NVVM::ReduxKind::AND:
    kind = emulator::ReduceKind::And;
    break;
  case NVVM::ReduxKind::OR:
    kind = emulator::ReduceKind::Or;
    break;
  case NVVM::ReduxKind::XOR:
    kind = emulator::ReduceKind::Xor;
    break;
  case NVVM::ReduxKind::MIN:
    kind = emulator::ReduceKind::Min;
    break;
  case NVVM::ReduxKind::MAX:
    kind = emulator::ReduceKind::Max;
    break;
  case NVVM::ReduxKind::UMIN:
    kind = emulator::ReduceKind::UnsignedMin;
    break;
  case NVVM::ReduxKind::UMAX:
    kind = emulator::ReduceKind::UnsignedMax;
    break;
  default:
    break;
  }
  if (!kind)
    return op.emitError("a reduction of f32 is not emulated");
  Value site = e.site(op, 0, 1, {static_cast<uint32_t>(*kind)});
  e.replaceWithWords(op, "reduce", site, {op.getMaskAndClamp(), op.getVal()});
  return success();
}

//===----------------------------------------------------------------------===//
// Tensor cores
//===----------------------------------------------------------------------===//

static LogicalResult emulateMatrixMove(GpuEmulation &e, Operation *op,
                                       llvm::StringRef name, uint32_t count,
                                       NVVM::MMALayout layout,
                                       NVVM::LdStMatrixShapeAttr shape,
                                       NVVM::LdStMatrixEltType type) {
  if (shape.getM() != 8 || shape.getN() != 8 ||
      type != NVVM::LdStMatrixEltType::B16)
    return op->emitError("only matrices of 8 x 8 elements of 16 bits are "
                         "emulated");
  Value site =
      e.site(op, 16, 16, {count, layout == NVVM::MMALayout::col ? 1u : 0u});
  e.replaceWithWords(op, name, site, op->getOperands());
  return success();
}

static std::optional<emulator::MatrixType> matrixType(NVVM::MMATypes type) {
  switch (type) {
  case NVVM::MMATypes::f16:
    return emulator::MatrixType::F16;
  case NVVM::MMATypes::bf16:
    return emulator::MatrixType::BF16;
  case NVVM::MMATypes::tf32:
    return emulator::MatrixType::TF32;
  case NVVM::MMATypes::s8:
    return emulator::MatrixType::S8;
  case NVVM::MMATypes::u8:
    return emulator::MatrixType::U8;
  default:
    return std::nullopt;
  }
}

/// Values of k that m16n8k<k> has.
static bool hasDepth(emulator::MatrixType type, int k) {
  switch (type) {
  case emulator::MatrixType::F16:
  case emulator::MatrixType::BF16:
    return k == 8 || k == 16;
  case emulator::MatrixType::TF32:
    return k == 4 || k == 8;
  case emulator::MatrixType::S8:
  case emulator::MatrixType::U8:
    return k == 16 || k == 32;
  }
  return false;
}

static LogicalResult emulateMultiply(GpuEmulation &e, NVVM::MmaOp op) {
  NVVM::MMAShapeAttr shape = op.getShape();
  std::optional<emulator::MatrixType> a, b;
  if (op.getMultiplicandAPtxType() && op.getMultiplicandBPtxType()) {
    a = matrixType(*op.getMultiplicandAPtxType());
    b = matrixType(*op.getMultiplicandBPtxType());
  }
  auto isInteger = [](emulator::MatrixType type) {
    return type == emulator::MatrixType::S8 || type == emulator::MatrixType::U8;
  };
  const bool isKnown = a && b && (a == b || (isInteger(*a) && isInteger(*b)));
  if (!isKnown || shape.getM() != 16 || shape.getN() != 8 ||
      !hasDepth(*a, shape.getK()) || op.getLayoutA() != NVVM::MMALayout::row ||
      op.getLayoutB() != NVVM::MMALayout::col)
    return op.emitError("expected m16n8 of row times column, of f16 or bf16 "
                        "with k = 8 or 16, tf32 with 4 or 8, s8 or u8 with 16 "
                        "or 32");
  if (op.getOperandC().getTypes().front().isF16() ||
      isa<VectorType>(op.getOperandC().getTypes().front()))
    return op.emitError("sums of f16 are not emulated");
  const bool saturates =
      op.getIntOverflowBehavior() == NVVM::MMAIntOverflow::satfinite;
  Value site = e.site(
      op, 0, 1,
      {static_cast<uint32_t>(shape.getM()), static_cast<uint32_t>(shape.getN()),
       static_cast<uint32_t>(shape.getK()), static_cast<uint32_t>(*a),
       static_cast<uint32_t>(*b), saturates});
  e.replaceWithWords(op, "multiply", site, op->getOperands());
  return success();
}

//===----------------------------------------------------------------------===//
// Asynchronous copies
//===----------------------------------------------------------------------===//

static LogicalResult emulateCopy(GpuEmulation &e, NVVM::CpAsyncOp op) {
  const uint32_t bytes = op.getSize();
  Value site = e.site(op, bytes, bytes);
  Value read = op.getCpSize() ? op.getCpSize() : e.constant(bytes);
  e.call("copy_async", {e.thread, site, op.getDst(), op.getSrc(), read});
  op.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// Two numbers of f32 to a vector of two, the second operand first.
static LogicalResult emulatePair(GpuEmulation &e, Operation *op, Value high,
                                 Value low, NVVM::FPRoundingMode rounding,
                                 bool isPlain) {
  if (rounding != NVVM::FPRoundingMode::RN || !isPlain)
    return op->emitError("only conversions to the nearest number are emulated, "
                         "without saturation or relu");
  auto type = cast<VectorType>(op->getResult(0).getType());
  auto pairType = VectorType::get({2}, e.b.getF32Type());
  Value pair = LLVM::UndefOp::create(e.b, e.loc, pairType);
  pair = LLVM::InsertElementOp::create(e.b, e.loc, pair, low, e.constant(0));
  pair = LLVM::InsertElementOp::create(e.b, e.loc, pair, high, e.constant(1));
  Value result = type.getElementType().isBF16()
                     ? e.roundToBF16(pair, type)
                     : LLVM::FPTruncOp::create(e.b, e.loc, type, pair);
  op->replaceAllUsesWith(ValueRange{result});
  op->erase();
  return success();
}

static LogicalResult emulateTF32(GpuEmulation &e,
                                 NVVM::ConvertFloatToTF32Op op) {
  if (op.getRnd() != NVVM::FPRoundingMode::RNA || op.getRelu() ||
      op.getSat() != NVVM::SaturationMode::NONE)
    return op.emitError("only conversions to the nearest tf32, ties away, are "
                        "emulated (rna)");
  OpBuilder &b = e.b;
  Value bits = LLVM::BitcastOp::create(b, e.loc, e.i32, op.getSrc());
  Value sum = LLVM::AddOp::create(b, e.loc, bits, e.constant(0x1000));
  sum = LLVM::AndOp::create(b, e.loc, sum, e.constant(0xffffe000));
  Value isNaN = LLVM::FCmpOp::create(b, e.loc, LLVM::FCmpPredicate::uno,
                                     op.getSrc(), op.getSrc());
  Value result =
      LLVM::SelectOp::create(b, e.loc, isNaN, e.constant(0x7fffe000), sum);
  op.replaceAllUsesWith(result);
  op.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// compute capability 9.0
//===----------------------------------------------------------------------===//

/// mbarriers are objects that threads change at will, once they are made.
static Value mbarrierSite(GpuEmulation &e, Operation *op) {
  return e.site(op, 8, 8,
                {static_cast<uint32_t>(emulator::AccessKind::Atomic)});
}

static Value orOne(GpuEmulation &e, Value predicate) {
  if (!predicate)
    return e.constant(1);
  return LLVM::ZExtOp::create(e.b, e.loc, e.i32, predicate);
}

/// Arrives, and expects `bytes` before that if given.
static LogicalResult emulateArrive(GpuEmulation &e, Operation *op,
                                   Value address, Value count, Value bytes,
                                   Value predicate) {
  if (op->getNumResults() > 0 && !op->use_empty())
    return op->emitError("the state of an mbarrier is not emulated")
               .attachNote()
           << "help: wait for the parity of its phase";
  e.call("mbarrier_arrive",
         {e.thread, mbarrierSite(e, op), address, count ? count : e.constant(1),
          orZero(e, bytes), orOne(e, predicate)});
  op->erase();
  return success();
}

static LogicalResult
emulateTensorCopy(GpuEmulation &e,
                  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp op) {
  if (op.getMode() != NVVM::TMALoadMode::TILE || !op.getIm2colOffsets().empty())
    return op.emitError("only copies of tiles are emulated");
  Value mask = op.getMulticastMask();
  SmallVector<Value> operands = {op.getDstMem(), op.getTmaDescriptor(),
                                 orOne(e, op.getPredicate()), orZero(e, mask),
                                 op.getMbar()};
  llvm::append_range(operands, op.getCoordinates());
  Value site = e.site(op, 0, 1,
                      {static_cast<uint32_t>(emulator::AccessKind::Atomic),
                       static_cast<uint32_t>(op.getCoordinates().size()),
                       mask ? 1u : 0u});
  e.replaceWithWords(op, "copy_tensor", site, operands);
  return success();
}

static LogicalResult emulateGroupMultiply(GpuEmulation &e,
                                          NVVM::WgmmaMmaAsyncOp op) {
  const NVVM::WGMMATypes type = op.getTypeA();
  const bool isHalf =
      type == NVVM::WGMMATypes::bf16 || type == NVVM::WGMMATypes::f16;
  if (!isHalf || op.getTypeB() != type ||
      op.getTypeD() != NVVM::WGMMATypes::f32 || op.getShape().getK() != 16 ||
      op.getLayoutA() != NVVM::MMALayout::row ||
      op.getLayoutB() != NVVM::MMALayout::col)
    return op.emitError("expected m64nNk16 of f16 or bf16 to f32, with k "
                        "contiguous in both operands");
  SmallVector<Value> operands = {op.getDescriptorA(), op.getDescriptorB()};
  const auto aggregate = cast<LLVM::LLVMStructType>(op.getInouts().getType());
  for (size_t i = 0; i < aggregate.getBody().size(); ++i)
    operands.push_back(
        LLVM::ExtractValueOp::create(e.b, e.loc, op.getInouts(), i));
  const bool negates = (op.getScaleA() == NVVM::WGMMAScaleIn::neg) !=
                       (op.getScaleB() == NVVM::WGMMAScaleIn::neg);
  Value site = e.site(op, 0, 1,
                      {static_cast<uint32_t>(op.getShape().getN()),
                       static_cast<uint32_t>(type == NVVM::WGMMATypes::bf16
                                                 ? emulator::MatrixType::BF16
                                                 : emulator::MatrixType::F16),
                       op.getScaleD() == NVVM::WGMMAScaleOut::one, negates});
  e.replaceWithWords(op, "group_multiply", site, operands);
  return success();
}

/// Ops of sm_90 that wait, arrive and copy; nothing if
/// `op` is none of them.
static std::optional<LogicalResult> emulateHopper(GpuEmulation &e,
                                                  Operation *op) {
  using Result = std::optional<LogicalResult>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](NVVM::MBarrierInitOp init) {
        e.call("mbarrier_init",
               {e.thread, mbarrierSite(e, op), init.getAddr(), init.getCount(),
                orOne(e, init.getPredicate())});
        op->erase();
        return success();
      })
      .Case([&](NVVM::MBarrierExpectTxOp expect) {
        e.call("mbarrier_expect", {e.thread, mbarrierSite(e, op),
                                   expect.getAddr(), expect.getTxcount()});
        op->erase();
        return success();
      })
      .Case([&](NVVM::MBarrierArriveOp arrive) {
        return emulateArrive(e, op, arrive.getAddr(), arrive.getCount(), {},
                             {});
      })
      .Case([&](NVVM::MBarrierArriveExpectTxOp arrive) {
        return emulateArrive(e, op, arrive.getAddr(), {}, arrive.getTxcount(),
                             arrive.getPredicate());
      })
      .Case([&](NVVM::MBarrierTryWaitParityOp wait) {
        e.call("mbarrier_wait", {e.thread, mbarrierSite(e, op), wait.getAddr(),
                                 wait.getPhase()});
        op->erase();
        return success();
      })
      .Case([&](NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp copy) {
        return emulateTensorCopy(e, copy);
      })
      .Case([&](NVVM::ClusterArriveOp) {
        e.call("cluster_arrive", {e.thread, e.site(op)});
        op->erase();
        return success();
      })
      .Case([&](NVVM::ClusterWaitOp) {
        e.call("cluster_wait", {e.thread, e.site(op)});
        op->erase();
        return success();
      })
      .Case([&](NVVM::MapaOp map) {
        e.replaceWithWords(op, "map_shared", e.site(op),
                           {map.getA(), map.getB()});
        return success();
      })
      .Case([&](NVVM::WgmmaMmaAsyncOp product) {
        return emulateGroupMultiply(e, product);
      })
      .Case([&](NVVM::WgmmaGroupSyncAlignedOp) {
        e.replaceWithWords(op, "group_commit", e.site(op), {});
        return success();
      })
      .Case([&](NVVM::WgmmaWaitGroupSyncOp wait) {
        Value site = e.site(op, 0, 1, {static_cast<uint32_t>(wait.getGroup())});
        e.replaceWithWords(op, "group_wait", site, {});
        return success();
      })
      .Case([&](NVVM::WgmmaFenceAlignedOp) {
        e.call("group_fence", {e.thread, e.site(op)});
        op->erase();
        return success();
      })
      .Case([&](NVVM::FenceMbarrierInitOp) {
        e.call("mbarrier_fence", {e.thread, e.site(op)});
        op->erase();
        return success();
      })
      .Case([&](NVVM::FenceProxyOp fence) {
        if (fence.getKind() == NVVM::ProxyKind::async ||
            fence.getKind() == NVVM::ProxyKind::async_shared)
          e.call("proxy_fence", {e.thread, e.site(op)});
        op->erase();
        return success();
      })
      .Case([&](NVVM::SetMaxRegisterOp) {
        op->erase();
        return success();
      })
      .Default([](Operation *) { return std::nullopt; });
}

LogicalResult bertc::emulateNvvm(GpuEmulation &e, Operation *op) {
  if (std::optional<LogicalResult> done = emulateHopper(e, op))
    return *done;
  if (std::optional<emulator::Register> which = registerOf(op))
    return readRegister(e, op, *which);
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](NVVM::Barrier0Op) {
        e.call("barrier", {e.thread, e.site(op), e.constant(0), e.constant(0)});
        op->erase();
        return success();
      })
      .Case([&](NVVM::BarrierOp barrier) { return emulateBarrier(e, barrier); })
      .Case([&](NVVM::BarrierArriveOp barrier) {
        e.call("barrier_arrive",
               {e.thread, e.site(op), orZero(e, barrier.getBarrierId()),
                barrier.getNumberOfThreads()});
        op->erase();
        return success();
      })
      .Case([&](NVVM::SyncWarpOp sync) {
        e.replaceWithWords(op, "warp_sync", e.site(op), {sync.getMask()});
        return success();
      })
      .Case([&](NVVM::ShflOp shuffle) { return emulateShuffle(e, shuffle); })
      .Case([&](NVVM::VoteSyncOp vote) { return emulateVote(e, vote); })
      .Case([&](NVVM::ReduxOp redux) { return emulateReduce(e, redux); })
      .Case([&](NVVM::ElectSyncOp elect) {
        Value mask = elect.getMembermask() ? elect.getMembermask()
                                           : e.constant(wholeWarp);
        e.replaceWithWords(op, "elect", e.site(op), {mask});
        return success();
      })
      .Case([&](NVVM::LdMatrixOp load) {
        return emulateMatrixMove(e, op, "load_matrix", load.getNum(),
                                 load.getLayout(), load.getShape(),
                                 load.getEltType());
      })
      .Case([&](NVVM::StMatrixOp store) {
        return emulateMatrixMove(
            e, op, "store_matrix",
            static_cast<uint32_t>(store.getSources().size()), store.getLayout(),
            store.getShape(), store.getEltType());
      })
      .Case([&](NVVM::MmaOp mma) { return emulateMultiply(e, mma); })
      .Case([&](NVVM::CpAsyncOp copy) { return emulateCopy(e, copy); })
      .Case([&](NVVM::CpAsyncCommitGroupOp) {
        e.call("commit_group", {e.thread, e.site(op)});
        op->erase();
        return success();
      })
      .Case([&](NVVM::CpAsyncWaitGroupOp wait) {
        e.call("wait_group", {e.thread, e.site(op), e.constant(wait.getN())});
        op->erase();
        return success();
      })
      .Case([&](NVVM::ConvertF32x2ToBF16x2Op convert) {
        return emulatePair(e, op, convert.getSrcHi(), convert.getSrcLo(),
                           convert.getRnd(),
                           convert.getSat() == NVVM::SaturationMode::NONE &&
                               !convert.getRelu());
      })
      .Case([&](NVVM::ConvertF32x2ToF16x2Op convert) {
        return emulatePair(e, op, convert.getSrcHi(), convert.getSrcLo(),
                           convert.getRnd(),
                           convert.getSat() == NVVM::SaturationMode::NONE &&
                               !convert.getRelu());
      })
      .Case([&](NVVM::ConvertFloatToTF32Op convert) {
        return emulateTF32(e, convert);
      })
      // Order among threads of a block comes from barriers alone.
      .Case([&](NVVM::MembarOp fence) {
        if (fence.getScope() == NVVM::MemScopeKind::GPU ||
            fence.getScope() == NVVM::MemScopeKind::SYS)
          e.call("fence", {e.thread, e.site(op)});
        op->erase();
        return success();
      })
      // Hints change nothing.
      .Case<NVVM::PrefetchOp, NVVM::NanosleepOp>([&](auto) {
        op->erase();
        return success();
      })
      .Default([](Operation *op) {
        return op->emitError("the emulator does not know this op");
      });
}
