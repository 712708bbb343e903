#!/usr/bin/env python3
"""Prints our times beside the best public peer's, as Markdown:

    hipgauge sweep --suite peers --device cuda:0 --out RUN_DIRECTORY
    python3 docs/peers_table.py RUN_DIRECTORY PEERS_CSV [--all]

PEERS_CSV has a line per implementation, type and shape with the columns kernel, impl, dtype, shape, k, p, cold_us,
hot_us and check. The best peer is chosen for cold and for hot times apart. --all prints every case that both sides
have, not a choice of them. Standard library only.
"""

import csv
import json
import math
import sys
from collections import defaultdict
from pathlib import Path

PEER_KERNELS = {
    "rms_norm": "rmsnorm",
    "swiglu": "swiglu",
    "swiglu_packed": "swiglu",
    "top_k": "topk",
    "fused_sampler": "sample_topk_topp",
    "top_p_sampling": "sample_topp",
}
# Peers that do less than the operation: no order among the k, no value, or non-negative inputs only.
DO_LESS = {"flashinfer_topk_cub", "flashinfer_topk_radix", "flashinfer_cake_slab", "torch_argmax"}
# The rows shown without --all: operation, dtype, k of top_k, shapes.
SHOWN = [
    ("rms_norm", "bf16", None, None),
    ("rms_norm", "f32", None, {"1x4096", "16384x4096"}),
    ("swiglu", "bf16", None, None),
    ("swiglu_packed", "bf16", None, {"1x14336", "2048x14336", "8192x14336"}),
    ("swiglu", "f32", None, {"1x14336", "8192x14336"}),
    ("top_k", "bf16", "50", {"1x32000", "1x128256", "16x128256", "64x128256", "512x32000", "512x128256", "512x262144"}),
    ("top_k", "bf16", "1", {"1x128256", "512x128256"}),
    ("top_k", "bf16", "256", {"1x128256", "512x128256"}),
    ("top_k", "f32", "50", {"1x128256", "512x128256"}),
    ("fused_sampler", "bf16", None, {"1x32000", "1x128256", "16x128256", "64x128256", "512x32000", "512x128256"}),
    ("fused_sampler", "f32", None, {"1x128256", "64x128256", "512x128256", "512x262144"}),
    ("top_p_sampling", "f32", None, None),
]


def read_peers(path):
    """Times of each mode by job: (kernel, dtype, shape, k) to a list of (microseconds, name)."""
    jobs = defaultdict(lambda: {"cold": [], "hot": []})
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if "WRONG" in row["check"]:
                continue
            k = row["k"] if row["kernel"] == "topk" else ""
            job = jobs[row["kernel"], row["dtype"], row["shape"], k]
            for mode in ("cold", "hot"):
                if row[f"{mode}_us"]:
                    job[mode].append((float(row[f"{mode}_us"]), row["impl"]))
    return jobs


def read_ours(directory):
    """Summary rows of each case by mode, in the order of the run."""
    cases = defaultdict(dict)
    with open(directory / "summary.csv", newline="") as file:
        # A sweep measures in shuffled order; the table follows the suite's.
        for row in sorted(csv.DictReader(file), key=lambda row: int(row["suite_position"])):
            cases[row["case"]][row["mode"]] = row
    return cases


def parameters(row):
    return dict(part.split("=") for part in row["parameters"].split(",") if "=" in part)


def shown(operation, dtype, k, shape):
    for wanted_operation, wanted_dtype, wanted_k, shapes in SHOWN:
        same = (operation, dtype) == (wanted_operation, wanted_dtype) and wanted_k in (None, k)
        if same and (shapes is None or shape in shapes):
            return True
    return False


def peer_name(name):
    return name + (" (less)" if name in DO_LESS else "")


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--all"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    directory, every = Path(arguments[0]), "--all" in sys.argv
    peers, ours = read_peers(arguments[1]), read_ours(directory)
    run = json.loads((directory / "run.json").read_text())
    roofs = run["roofs"]
    print(f"{run['device']['name']}, driver {run['device']['driver_version']}, {run['device']['runtime_version']}; ", end="")
    print(f"copy roof {max(roofs['copy_gbps'], roofs['memcpy_gbps']):.0f} GB/s, ", end="")
    dirty = " with uncommitted changes" if run["build"]["dirty"] else ""
    print(f"empty launch {roofs['empty_launch_us']:.2f} us; hipgauge {run['build']['commit'][:9]}{dirty}.\n")
    print("| operation | dtype | shape | ours cold, us | best peer cold, us | ratio | ours hot, us | best peer hot, us | ratio | roof |")
    print("|---|---|---|--:|--:|--:|--:|--:|--:|--:|")
    tally, order = defaultdict(lambda: {"cold": [], "hot": []}), []
    for modes in ours.values():
        first = modes["cold"]
        operation, dtype, shape = first["operation"], first["dtype"], f"{first['rows']}x{first['columns']}"
        k = parameters(first).get("k", "50") if operation == "top_k" else ""
        job = peers.get((PEER_KERNELS.get(operation), dtype, shape, k))
        if job is None:
            continue
        cells = [operation + (f" k={k}" if k else ""), dtype, shape]
        for mode in ("cold", "hot"):
            us = float(modes[mode]["median_us"])
            if not job[mode]:
                cells += [f"{us:.1f}", "", ""]
                continue
            best, name = min(job[mode])
            cells += [f"{us:.1f}", f"{best:.1f} {peer_name(name)}", f"{us / best:.2f}"]
            tally[operation][mode].append((us / best, us, best, f"{dtype} {shape}" + (f" k={k}" if k else ""), name))
        share = first["roof_share"]
        cells.append(f"{100 * float(share):.0f} %" if share else "")
        if every or shown(operation, dtype, k, shape):
            print("| " + " | ".join(cells) + " |")
        if operation not in order:
            order.append(operation)
    print("\nAll cases that both sides have, ours / best peer (below 1: ours is faster):\n")
    print("| operation | mode | cases | ours faster | geometric mean | best | worst | the worst is |")
    print("|---|---|--:|--:|--:|--:|--:|---|")
    for operation in order:
        for mode in ("cold", "hot"):
            seen = tally[operation][mode]
            if not seen:
                continue
            ratios = [entry[0] for entry in seen]
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            _, us, best, what, name = max(seen)
            print(f"| {operation} | {mode} | {len(seen)} | {sum(ratio < 1 for ratio in ratios)} | {mean:.2f} "
                  f"| {min(ratios):.2f} | {max(ratios):.2f} | {what}: {us:.1f} us, {peer_name(name)} {best:.1f} us |")


if __name__ == "__main__":
    main()
