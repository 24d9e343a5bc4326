#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The results of the grid, and of gpu.py, as one Markdown table. Pure functions of
grid.json's (gpu.json's) content."""

# The arithmetic that a model of a precision may use, and how many of its products
# make one: the ceiling is the fastest on this machine, as in `bertc bench`.
ARITHMETIC = {"f32": {"f32": 1}, "bf16": {"bf16": 1, "f32": 1},
              "int8": {"int8": 1}, "bf16-w8": {"bf16": 1},
              "f32-fast": {"f32": 1, "bf16": 4}}


def name(result):
    """An engine and the way it was given the cell, if it had a choice."""
    way = result["way"]
    return result["engine"] + ("" if way == "padded" else f" ({way})")


def parts(row):
    """(bertc, bertc on one thread or None, peers fastest first)."""
    ours = [r for r in row["results"] if r["engine"] == "bertc"]
    peers = sorted((r for r in row["results"] if r["engine"] != "bertc"),
                   key=lambda r: r["median_ms"])
    first = next((r for r in ours if r["threads"] == row["threads"]), None)
    single = next((r for r in ours if r["threads"] != row["threads"]), None)
    return first, single, peers


def ceiling(result, row):
    """GFLOP/s of this machine for a row, or None."""
    measured = result["ceilings"].get(str(row["threads"]), {}).get("rates", [])
    products = ARITHMETIC[row["precision"]]
    if row["precision"] == "bf16-w8" and not any(
            r["gops"] and r["precision"] == "bf16" for r in measured):
        products = ARITHMETIC["int8"]  # without bfloat16, the program of int8
    rates = [r["gops"] / products[r["precision"]] for r in measured
             if r["gops"] and r["precision"] in products]
    return max(rates, default=None)


def milliseconds(value):
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def ratio(peer):
    if "ratio" not in peer:
        return f"{milliseconds(peer['median_ms'])} ms"
    low, high = peer["ratio_quartiles"]
    return f"**{peer['ratio']:.2f}** ({low:.2f} to {high:.2f})"


def line(row):
    """One row for the terminal."""
    ours, _, peers = parts(row)
    text = (f"{row['model']} {row['cell']} {row['precision']} "
            f"{row['threads']} threads: ")
    text += f"bertc {milliseconds(ours['median_ms'])} ms" if ours else \
        "bertc did not run"
    for peer in peers:
        text += f", {name(peer)} {milliseconds(peer['median_ms'])} ms"
        if "ratio" in peer:
            text += f" ({peer['ratio']:.2f}x)"
    for failure in row["failed"]:
        text += f"; {failure['engine']}: {failure['error']}"
    return text


def cells(result, row):
    """The columns of a row of the table."""
    ours, single, peers = parts(row)
    yield f"{row['model']} {row['cell']}"
    yield row["precision"]
    yield str(row["threads"])
    if ours:
        yield (f"{milliseconds(ours['median_ms'])} / "
               f"{milliseconds(ours['p95_ms'])}")
        yield f"{row['tokens'] / ours['median_ms'] * 1e3:.0f}"
        most = ceiling(result, row)
        rate = row["gflop"] / ours["median_ms"] * 1e3
        yield f"{rate:.0f}" + (f" ({100 * rate / most:.0f} %)" if most else "")
    else:
        yield "did not run"
        yield from "--"
    yield f"{name(peers[0])}: {ratio(peers[0])}" if peers else "-"
    padded = [p for p in peers if p["way"] == "padded"]
    yield f"{name(padded[0])}: {ratio(padded[0])}" \
        if padded and row["ragged"] else "-"
    yield f"{single['median_ms'] / ours['median_ms']:.2f}" \
        if single and ours else "-"
    yield f"{ours['relative_rms']:.1e}" if ours else "-"
    yield ", ".join(f"{p['engine']} {p['relative_rms']:.1e}"
                    for p in sorted(peers, key=lambda p: p["engine"])
                    if p["way"] == "padded") or "-"
    yield f"{max(row['load']):.1f}"


HEAD = ["cell", "precision", "threads", "bertc ms, median / p95", "tokens/s",
        "GFLOP/s (of ceiling)", "best peer: ratio (middle half)",
        "best peer padded to the longest", "over 1 thread", "RMS error",
        "RMS errors of peers", "load"]


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(c.replace("|", "\\|") for c in row) + " |"


def accuracy(result):
    yield ""
    yield "Errors on real texts:"
    yield ""
    yield from table(
        ["model", "precision", "engine", "texts", "RMS error",
         "least cosine of mean embeddings"],
        [[a["model"], a["precision"], a["engine"], str(a["texts"]),
          f"{a['relative_rms']:.1e}", f"{a['least_cosine']:.6f}"]
         for a in result["accuracy"]])


def remarks(result):
    """What did not run and why, once each; and who had fewer samples."""
    seen = {}
    for row in result["rows"]:
        where = f"{row['model']} {row['precision']}"
        for failure in row["failed"]:
            seen[f"- {where}: {failure['engine']}: {failure['error']}"] = None
        for peer in row["results"]:
            if peer["samples"] < result["samples"]:
                seen[f"- {row['model']} {row['cell']} {row['precision']}, "
                     f"{row['threads']} threads: {name(peer)} is slow and has "
                     f"{peer['samples']} samples"] = None
    return list(seen)


def versions(result):
    return sorted({f"{r['engine']}: {r['version']}" for row in result["rows"]
                   for r in row["results"]})


def markdown(result):
    lines = [f"Measured on {result['cpu']}, engines in turns, "
             f"{result['samples']} turns a cell; times are medians, ratios are "
             "the peer's median over bertc's, RMS errors are relative to "
             "PyTorch in f32 on last_hidden_state." +
             (" The int8 of bertc is calibrated on the texts, for models whose "
              "vocabulary knows them." if result["calibrated"] else ""), "",
             "Engines: " + "; ".join(versions(result)) + ".", ""]
    lines += table(HEAD, (list(cells(result, r)) for r in result["rows"]))
    if result["accuracy"]:
        lines += accuracy(result)
    notes = remarks(result)
    if notes:
        lines += ["", "Remarks:", "", *notes]
    return "\n".join(lines) + "\n"


GPU_HEAD = ["cell", "precision", "bertc ms, median / p95", "TFLOP/s",
            "peers: ratio (middle half)", "linear layers by cuBLAS, ms",
            "RMS error", "RMS errors of peers"]


def gpu_cells(row):
    """The columns of a row of gpu.py's table."""
    ours = next((r for r in row["results"] if r["engine"] == "bertc"), None)
    peers = [r for r in row["results"] if r["engine"] != "bertc"]
    yield f"{row['model']} {row['cell']}"
    yield row["precision"]
    yield (f"{milliseconds(ours['median_ms'])} / {milliseconds(ours['p95_ms'])}"
           if ours else "did not run")
    yield f"{row['gflop'] / ours['median_ms']:.1f}" if ours else "-"
    yield ", ".join(f"{name(p)}: {ratio(p)}" for p in peers) or "-"
    yield milliseconds(row["cublas_ms"]) if row["cublas_ms"] else "-"
    yield f"{ours['relative_rms']:.1e}" if ours else "-"
    yield ", ".join(f"{p['engine']} {p['relative_rms']:.1e}" for p in peers
                    if p["way"] == "padded") or "-"


def gpu_markdown(result):
    """The table of gpu.json's content."""
    lines = [f"Measured on {result['gpu']}, {result['samples']} turns a cell; "
             "times are medians, ratios the peer's median over bertc's, inputs "
             "and outputs on the device.", ""]
    lines += table(GPU_HEAD, (list(gpu_cells(r)) for r in result["rows"]))
    versions = sorted({f"{r['engine']}: {r['version']}"
                       for row in result["rows"] for r in row["results"]})
    failures = dict.fromkeys(
        f"- {row['model']} {row['cell']} {row['precision']}: {f['error']}"
        for row in result["rows"] for f in row["failed"])
    return "\n".join([*lines, "", "Engines: " + "; ".join(versions) + ".",
                      *([""] if failures else []), *failures]) + "\n"
