//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The enc dialect class.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCDIALECT_H
#define BERTC_DIALECTS_ENC_IR_ENCDIALECT_H

#include "mlir/IR/Dialect.h"

#include "dialects/Enc/IR/EncDialect.h.inc"

#endif // BERTC_DIALECTS_ENC_IR_ENCDIALECT_H
