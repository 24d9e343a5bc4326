#!/bin/sh
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
# The fault to keep while shrinking: 1 if the file is valid and has an enc.gelu.
# Files that are not valid are tried too, and must not count.
bertc-opt "$1" 2>/dev/null | grep -q enc.gelu && exit 1
exit 0
