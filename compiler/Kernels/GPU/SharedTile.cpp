//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/SharedTile.h"

using namespace mlir;
using namespace bertc;

// Eight pieces fill the 32 banks, so rows with fewer share a line of banks and
// have a key together.
static constexpr int64_t piecesOfLine = 8;

Value SharedTile::key(GpuBuilder &k, Value row) const {
  return k.rem(k.div(row, piecesOfLine / piecesOfRow()), piecesOfRow());
}

Value SharedTile::copyRow(GpuBuilder &k) const {
  return k.div(k.threadId(), piecesOfRow());
}

Value SharedTile::copyPiece(GpuBuilder &k) const {
  return k.rem(k.threadId(), piecesOfRow());
}

// The step between a thread's rows is a multiple of 8, so they have one key.
Value SharedTile::copyOffset(GpuBuilder &k) const {
  Value row = copyRow(k);
  Value piece = k.bitXor(copyPiece(k), key(k, row));
  return k.add(k.mul(row, rowBytes()), k.mul(piece, pieceBytes));
}

Value SharedTile::hasLastCopy(GpuBuilder &k) const {
  return k.less(k.threadId(), k.index(pieces() % threads));
}

Value SharedTile::laneOffset(GpuBuilder &k, Value firstRow,
                             bool leftOperand) const {
  Value lane = k.laneId();
  Value low = k.rem(lane, 8), second = k.rem(k.div(lane, 8), 2),
        third = k.div(lane, 16);
  Value row = k.add(low, k.mul(leftOperand ? second : third, 8));
  Value piece = leftOperand ? third : second;
  return k.add(k.mul(k.add(firstRow, row), rowBytes()),
               k.mul(k.bitXor(piece, key(k, row)), pieceBytes));
}
