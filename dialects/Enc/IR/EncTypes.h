//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types and enumerations of the enc dialect.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCTYPES_H
#define BERTC_DIALECTS_ENC_IR_ENCTYPES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

#include "dialects/Enc/IR/EncEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Enc/IR/EncTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Enc/IR/EncAttrs.h.inc"

namespace mlir::enc {

/// Shape of a tokens or sequences type, without the leading T or B.
llvm::ArrayRef<int64_t> getRowShape(Type type);
/// Element type of a tokens, sequences, scores or scalar type.
Type getRowElementType(Type type);

} // namespace mlir::enc

#endif // BERTC_DIALECTS_ENC_IR_ENCTYPES_H
