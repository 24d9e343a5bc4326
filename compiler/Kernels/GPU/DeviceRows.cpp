//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/DeviceRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

std::string DeviceForms::name() const {
  std::string text = f32 ? "f32" : "";
  if (planes) {
    text += f32 ? "_" : "";
    text += type == HalfType::BF16 ? "bf16" : "f16";
    if (planes > 1)
      text += llvm::formatv("x{0}", planes);
  }
  if (int8)
    text += text.empty() ? "int8" : "_int8";
  return text;
}

SmallVector<std::pair<int64_t, int64_t>> bertc::planeProducts(int64_t planes) {
  SmallVector<std::pair<int64_t, int64_t>> result;
  for (int64_t sum = planes - 1; sum >= 0; --sum)
    for (int64_t i = 0; i <= sum; ++i)
      result.push_back({i, sum - i});
  return result;
}

Value bertc::elementAt(GpuBuilder &k, Value pointer, Value row, int64_t stride,
                       Value column, Type element) {
  Value start = arith::MulIOp::create(
      k.b, k.loc, k.wide(row),
      arith::ConstantOp::create(k.b, k.loc, k.b.getI64IntegerAttr(stride)));
  return k.at(k.at(pointer, start, element), column, element);
}

void RowWriter::addTypes(SmallVectorImpl<Type> &types) const {
  if (forms.f32)
    types.push_back(k.global());
  if (forms.planes)
    types.append({k.global(), k.i64()});
  if (forms.int8)
    types.append(2, k.global());
}

void RowWriter::take(ValueRange &arguments) {
  if (forms.f32) {
    rows = arguments[0];
    arguments = arguments.drop_front();
  }
  if (forms.planes) {
    planes = arguments[0];
    planeStride = arguments[1];
    arguments = arguments.drop_front(2);
  }
  if (forms.int8) {
    bytes = arguments[0];
    scales = arguments[1];
    arguments = arguments.drop_front(2);
  }
}

RowWriter::Place RowWriter::at(Value row, Value column) {
  Place place;
  if (rows)
    place.push_back(elementAt(k, rows, row, stride, column, k.f32()));
  for (int64_t i = 0; i < forms.planes; ++i)
    place.push_back(
        i ? k.at(place.back(), planeStride, k.half(forms.type))
          : elementAt(k, planes, row, stride, column, k.half(forms.type)));
  return place;
}

void RowWriter::write(const Place &place, int64_t row, int64_t column,
                      ValueRange values) {
  int64_t offset = row * stride + column;
  ArrayRef<Value> next = place;
  auto write = [&](ValueRange list, Type element) {
    Value all = list.size() == 1 ? list[0] : k.vectorFrom(list);
    k.store(all, k.at(next.front(), offset, element));
    next = next.drop_front();
  };
  if (rows)
    write(values, k.f32());
  if (!planes)
    return;
  SmallVector<SmallVector<Value>> parts(forms.planes);
  auto add = [&](ArrayRef<Value> planesOf) {
    for (auto [list, part] : llvm::zip_equal(parts, planesOf))
      list.push_back(part);
  };
  if (values.size() == 1)
    add(k.split(values[0], forms.type, forms.planes));
  for (size_t i = 0; i + 1 < values.size(); i += 2)
    add(k.splitPair(values[i], values[i + 1], forms.type, forms.planes));
  for (ArrayRef<Value> part : parts)
    write(part, k.half(forms.type));
}

void RowWriter::writeBytes(Value row, Value column, ValueRange words) {
  Value all = words.size() == 1 ? words[0] : k.vectorFrom(words);
  k.store(all, elementAt(k, bytes, row, stride, column, k.b.getI8Type()));
}

void RowWriter::writeScale(Value row, Value step, Value zero) {
  Value both = k.vectorFrom({step, k.bitcast(zero, k.f32())});
  k.store(both, elementAt(k, scales, row, int8RowWords, k.index(0), k.f32()));
}
