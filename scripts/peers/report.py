"""The figures as tables, the goals beside them."""
from .layers import DIRECT_GOAL, DIRECT_PEAK_GOAL, LAYERS
from .workloads import GOALS, PEER_GOALS, WORKLOADS

ORDER = ["paser", "paser-direct", "onnxruntime", "torch", "torch-shared", "onednn", "libxsmm", "openblas", "eigen"]


def milliseconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def progress_line(workload, number, count, rows):
    parts = [f"{r['peer']} {milliseconds(r['min_ms'])}" for r in rows]
    ratio = rows[0]["ratio_to_best_peer"]
    return f"[{number}/{count}] {workload.name}: " + ", ".join(parts) + (f"; {ratio:.2f}x" if ratio else "")


def goals_of(workload, rows, ceilings):
    """A list of (what is compared, reached, must, stretch); the goals are for two threads."""
    by_peer = {r["peer"]: r for r in rows}
    ours = by_peer["paser"]
    if ours["threads"] != 2:
        return []
    if workload in LAYERS:
        return layer_goals(workload, by_peer, ceilings["2"]["fma_gflops"])
    found = []
    if ours["ratio_to_best_peer"]:
        found.append(("best peer", ours["ratio_to_best_peer"], *GOALS[workload.name]))
    for (name, peer), (must, stretch) in PEER_GOALS.items():
        if name == workload.name and peer in by_peer:
            found.append((peer, by_peer[peer]["min_ms"] / ours["min_ms"], must, stretch))
    return found


def layer_goals(layer, by_peer, peak):
    ours, found = by_peer["paser"], []
    if layer.goal() is not None:
        kind, must, stretch = layer.goal()
        if kind == "peak":
            found.append(("of peak", ours["gflops"] / peak, must, stretch))
        elif ours["ratio_to_best_peer"]:
            found.append(("best peer", ours["ratio_to_best_peer"], must, stretch))
    direct = by_peer.get("paser-direct")
    if direct and layer.kind == "forward" and layer.dilation == 1 and layer.n == 16 and min(layer.c, layer.k) >= 32:
        found.append(("of peak directly", direct["gflops"] / peak, *DIRECT_PEAK_GOAL))
    if direct and "onednn" in by_peer:
        found.append(("onednn directly", by_peer["onednn"]["min_ms"] / direct["min_ms"], *DIRECT_GOAL))
    return found


def verdict(goals):
    words = []
    for what, reached, must, stretch in goals:
        state = "stretch met" if reached >= stretch else "met" if reached >= must else "MISSED"
        against = "" if what == "best peer" else f" {what}"
        words.append(f"{reached:.2f}x{against} ({must:g} / {stretch:g}): {state}")
    return "; ".join(words)


def table(result, selected, threads):
    """Rows of text, the heading first."""
    rows = [r for r in result["rows"] if r["threads"] == threads]
    peers = [p for p in ORDER if any(r["peer"] == p for r in rows)]
    lines = [["workload", "what", *peers, "ratio", "of medians", "% of peak", "goal at 2 threads (must / stretch)"]]
    peak = result["machine"]["ceilings"][str(threads)]["fma_gflops"]
    for workload in selected:
        these = [r for r in rows if r["workload"] == workload.name]
        if not these:
            continue
        by_peer = {r["peer"]: r for r in these}
        ours = by_peer["paser"]
        cells = [milliseconds(by_peer[p]["min_ms"]) if p in by_peer else "-" for p in peers]
        ratios = [f"{ours[k]:.2f}x" if ours[k] else "-" for k in ("ratio_to_best_peer", "ratio_of_medians")]
        lines.append([workload.name if workload in WORKLOADS else "K", workload.title, *cells, *ratios,
                      f"{100 * ours['gflops'] / peak:.0f}",
                      verdict(goals_of(workload, these, result["machine"]["ceilings"]))])
    return lines


def as_text(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    left = {0, 1, len(widths) - 1}
    return "\n".join("  ".join(cell.ljust(w) if i in left else cell.rjust(w)
                               for i, (cell, w) in enumerate(zip(line, widths))).rstrip() for line in lines)


def as_markdown(lines):
    last = len(lines[0]) - 1
    rule = ["---" if i in (0, 1, last) else "---:" for i in range(last + 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [lines[0], rule, *lines[1:]])


def tables(result, selected, markdown=False):
    write = as_markdown if markdown else as_text
    versions = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
    parts = [f"{result['date']}, {result['machine']['cpu']}, `{result['command']}`.", versions + ".",
             "Milliseconds, minimum of all runs. `ratio`: best peer's minimum / paser's; `of medians`: the same of "
             "medians. `% of peak` is of the measured FMA peak, work counted as direct convolution."]
    for threads in sorted({r["threads"] for r in result["rows"]}, reverse=True):
        ceiling = result["machine"]["ceilings"][str(threads)]
        bandwidth = ", ".join(f"{level} {ceiling[level]['triad_gbs']:.0f}" for level in ("L1", "L2", "L3", "DRAM"))
        parts.append(f"{threads} thread{'s' * (threads > 1)}: FMA peak {ceiling['fma_gflops']:.1f} GFLOP/s; triad in "
                     f"GB/s: {bandwidth}.")
        parts.append(write(table(result, selected, threads)))
    for name, why in result["skipped"].items():
        parts.append(f"Left out: {name}: {why}")
    parts += result["disagreements"]
    return "\n\n".join(parts)
