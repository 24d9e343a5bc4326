#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Fail unless a file is a trace that chrome://tracing reads, whose events fill
the time of each thread without overlap: check-trace.py FILE THREADS LAYERS"""
import json
import sys

file, threads, layers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(file) as opened:
    events = json.load(opened)["traceEvents"]
named = {e["tid"]: e["args"]["name"] for e in events
         if e["ph"] == "M" and e["name"] == "thread_name"}
assert named == {i: f"thread {i}" for i in range(threads)}, named
spans = [e for e in events if e["ph"] != "M"]
for event in spans:
    assert event["ph"] == "X" and event["pid"] == 1, event
    assert event["cat"] in ("phase", "wait") and event["name"], event
    assert event["dur"] >= 0 and event["ts"] >= 0, event
for thread in range(threads):
    mine = [e for e in spans if e["tid"] == thread]
    assert any(e["cat"] == "wait" for e in mine)
    for before, after in zip(mine, mine[1:]):
        gap = after["ts"] - (before["ts"] + before["dur"])
        assert abs(gap) < 0.01, (before, after)  # 10 ns, by rounding
    seen = {e["args"]["layer"] for e in mine if e["name"] == "attention"}
    assert seen == set(range(layers)), seen
assert {e["tid"] for e in spans} == set(range(threads))
