#!/bin/sh
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
#
# usage: check-libc-symbols.sh ARCHIVE LIST
# Fails if ARCHIVE refers to a symbol that is neither in LIST nor defined by
# another member, since a compiled model that did could not be linked or loaded.
set -eu
archive=$1
list=$2
defined=$(mktemp)
trap 'rm -f "$defined"' EXIT
nm --defined-only --no-sort "$archive" | awk 'NF == 3 { print $3 }' >"$defined"
# What the compiler adds to each model.
echo bertc_model >>"$defined"
nm -u "$archive" | awk -v list="$list" -v defined="$defined" '
  BEGIN {
    while ((getline line < defined) > 0) known[line]
    while ((getline line < list) > 0) if (line !~ /^#/) known[line]
  }
  NF == 1 && /:$/ { member = $1 }
  NF == 2 {
    ++seen
    if (!($2 in known)) { print member " refers to " $2 ", expected only symbols of " list; bad = 1 }
  }
  END {
    if (!seen) { print "no undefined symbols found, expected some"; bad = 1 }
    exit bad
  }'
