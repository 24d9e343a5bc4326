#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The results of the grid as one SVG chart: a bar for each cell, as long as the
ratio to the best peer, in groups by precision. Pure functions."""
from xml.sax.saxutils import escape

import report

WIDTH, LEFT, ROW, BAR = 960, 250, 22, 14
COLORS = {"f32": "#4269d0", "bf16": "#3ca951", "int8": "#ff725c",
          "bf16-w8": "#a463f2", "f32-fast": "#97bbf5"}


def text(x, y, content, size=12, anchor="start", fill="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}" fill="{fill}">{escape(content)}</text>')


def bar(row, y, scale):
    """A row of the chart: the bar, a tick for each slower peer."""
    ours, _, peers = report.parts(row)
    threads = row["threads"]
    yield text(LEFT - 8, y + BAR - 3, f"{row['model']} {row['cell']}, "
               f"{threads} thread{'s' if threads > 1 else ''}", 12, "end")
    if not ours or not peers:
        reason = "bertc did not run" if not ours else "no peer ran"
        yield text(LEFT + 6, y + BAR - 3, reason, 11, fill="#888")
        return
    length = peers[0]["ratio"] * scale
    yield (f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" '
           f'fill="{COLORS[row["precision"]]}"/>')
    end = LEFT + length
    for peer in peers[1:]:
        if peer["way"] != "padded":
            continue
        x = LEFT + min(peer["ratio"] * scale, WIDTH - LEFT - 8)
        end = max(end, x) if x - end < 60 else end
        yield (f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + BAR}" '
               f'stroke="#555" stroke-width="1.5"><title>'
               f'{escape(report.name(peer))}: {peer["ratio"]:.2f}</title>'
               '</line>')
    yield text(end + 5, y + BAR - 3, f"{peers[0]['ratio']:.2f} over "
               f"{report.name(peers[0])}", 11, fill="#444")


def groups(result):
    """[(precision, rows)] in the order of the results."""
    out = {}
    for row in result["rows"]:
        out.setdefault(row["precision"], []).append(row)
    return out.items()


def svg(result):
    best = [report.parts(r)[2][0]["ratio"] for r in result["rows"]
            if report.parts(r)[0] and report.parts(r)[2]]
    most = max([2.0] + best)
    scale = (WIDTH - LEFT - 190) / most
    lines, y = [], 62
    for precision, rows in groups(result):
        lines.append(text(12, y + BAR - 3, precision, 14))
        for row in rows:
            lines += bar(row, y, scale)
            y += ROW
        y += ROW // 2
    height = y + 34
    one = LEFT + scale
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{height}" viewBox="0 0 {WIDTH} {height}" '
            'font-family="sans-serif">',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            text(12, 22, f"bertc beside its best peer on {result['cpu']}", 16),
            text(12, 42, "bar: times faster than the fastest peer of the same "
                 "precision; ticks: the other peers; line: as fast", 12,
                 fill="#555")]
    foot = [f'<line x1="{one:.1f}" y1="54" x2="{one:.1f}" y2="{y}" '
            'stroke="#222" stroke-dasharray="3,3"/>',
            text(12, y + 18, "; ".join(report.versions(result)), 10,
                 fill="#555"), "</svg>"]
    return "\n".join(head + lines + foot) + "\n"
