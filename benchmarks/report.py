"""RESULTS.md from what was measured: tables, and sentences that say no more than the numbers do."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from typing import Any

Found = dict[str, Any]

KEPT = {"bfloat16": 2, "float32": 4}
LAYERS, HEADS, DIM, TILE = 4, 8, 64, 512

NAMES = {
    "record": "forward under `regard.record`",
    "forward": "plain forward, SDPA",
    "check": "forward under `record(values=True)`, and its `check()`",
    "block": "into the block and out, 32 layers",
    "output_attentions": "Transformers eager, `output_attentions=True`",
    "lens_cache": "TransformerLens `run_with_cache`, patterns only",
    "lens_forward": "plain forward of the same Llama, SDPA",
    "lens_record": "the same Llama under `regard.record`",
    "inseq_attribute": "Inseq `attribute`, method attention, one step",
    "inseq_forward": "plain forward of the same GPT-2, SDPA",
    "inseq_record": "the same GPT-2 under `regard.record`",
    "summary": "summary: all statistics",
    "sdpa": "one SDPA call",
    "flash": "one SDPA call, flash kernel",
    "unranked": "without ranking",
    "eager_summary": "softmax matrix, then the same statistics",
    "received": "received alone",
    "entropy": "entropy alone",
    "pool_mean": "pool (64, 64), mean, alone",
    "pool_max": "pool (64, 64), maximum, alone",
    "topk": "topk 8 alone",
    "product": "q·kᵀ in blocks, nothing else",
    "product_softmax": "q·kᵀ and softmax in blocks, nothing else",
    "row_block": "row block of one head, 256 rows",
    "tile": "tile of one head, 512 × 512",
    "tile_all_heads": "tile of all heads, 512 × 512",
    "write": "write the file",
    "open": "open the file",
    "region_middle": "512 × 512 of one head, in the middle",
    "region_end": "512 × 512 of one head, at the end",
    "region_end_all_heads": "512 × 512 of all heads, at the end",
    "pool_long": "pool (512, 512), all heads",
    "pool_predicted": "how long that pool will take, predicted",
}
RECORDING = ("record", "check", "output_attentions", "lens_cache", "inseq_attribute")
STATISTICS = ("received", "entropy", "pool_mean", "pool_max", "topk")
SAVED = ("write", "open", "region_middle", "region_end", "region_end_all_heads", "pool_predicted", "pool_long")

LENGTHS = (512, 1024, 2048, 4096, 8192)
GOALS = {"summary": (2.0, 1.6, 1.4, 1.2, 1.2), "unranked": (0.95,) * 5, "received": (0.95,) * 5}
"""Of these statistics beside one SDPA call, at each of the lengths."""
RATIO_GOALS = {
    ("record", "forward", "float32"): 1.05,
    ("summary", "sdpa", "float32"): 1.2,
    ("summary", "sdpa", "bfloat16"): 1.2,
    ("record", "forward", "bfloat16"): 1.02,
    ("summary", "flash", "bfloat16"): 1.0,
}
TILE_GOAL = 5e-3
"""Seconds for one tile on a device."""
BLOCK_SECONDS = 20e-3
"""Into a block around a model of 32 layers and out of it."""
EXTRA_GOAL, BLOCK_GOAL, REGION_SECONDS, REGION_BYTES = 1.1, 64 * 2**20, 1.0, 300e6


def report(about: dict[str, str], notes: list[str], found: list[Found]) -> str:
    """The whole text."""
    parts = [
        "# What Regard costs, side by side",
        "Written by `benchmarks/run.py`; do not edit. Batch 1, 8 heads of 64. A ratio is one of medians, measured in one "
        "process that calls the two in turn; in brackets the quartiles of the ratios of the single rounds. Memory is what the "
        "call adds to the peak of a process of its own, its result included, where glibc gives blocks of 1 MiB and more pages "
        "of their own (`MALLOC_MMAP_THRESHOLD_`): a peak is then what was needed at once, not what freed blocks left behind.",
        table(("", ""), about.items()),
        "## Recording",
        "A Llama of 4 layers with random weights, hidden size 512, float32, causal, no key cache.",
        timing([one for one in found if not one["memory"] and one["case"] in RECORDING], found),
        extra_memory(found),
        *about_recording(found),
        *about_block(found),
        "## Statistics",
        '`summary(received=True, entropy=True, pool=(64, 64), how=("mean", "max"), topk=8)` of a new map each time, beside one '
        "SDPA call; without ranking is the same without `topk`.",
        goals_table([one for one in found if has_goals(one)]),
        "What follows is single statistics, longer maps, and what any pass over a map does at least.",
        timing(
            [one for one in found if not one["memory"] and one.get("against") in ("sdpa", "summary") and not has_goals(one)],
            found,
        ),
        *about_statistics(found),
        "## Memory of statistics",
        memory_table(found),
        *about_memory(found),
        "## A long recording in a file",
        *about_file(found),
        saved_table(found),
        *about_regions(found),
        *not_measured(notes, found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def report_of_device(about: dict[str, str], notes: list[str], found: list[Found]) -> str:
    """The text of a run on a device: nothing there is measured in a file or by a peer."""
    one = found[0]
    parts = [
        f"# What Regard costs on {about.get('device', 'the CPU, to see that it runs')}",
        f"Written by `benchmarks/run.py`; do not edit. Batch 1, {one['heads']} heads of {one['dim']} and {one['kv_heads']} of "
        "keys. A ratio is one of medians, measured in one process that calls the two in turn; in brackets the quartiles of the "
        "ratios of the single rounds. A call is over when the device has done its work.",
        table(("", ""), about.items()),
        "## Recording",
        f"A Llama of {LAYERS} layers with random weights, hidden size {one['heads'] * one['dim']}, no key cache.",
        timing([one for one in found if one["against"] == "forward"], found),
        "## Statistics",
        '`summary(received=True, entropy=True, pool=(64, 64), how=("mean", "max"), topk=8)`, and single ones, of a new map '
        "each time, computed in float32.",
        timing([one for one in found if one["against"] == "flash"], found),
        "## Tiles",
        "The last rows over the last keys, of a new map each time: what takes time is the denominators of whole rows.",
        tiles([one for one in found if one["against"] is None]),
        *not_measured(notes, found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def not_measured(notes: list[str], found: list[Found]) -> list[str]:
    left = [f"{NAMES[one['case']]}, n = {one['n']:,}: {one['left_out']}" for one in found if "left_out" in one]
    return ["## Not measured", "\n".join(f"- {line}" for line in dict.fromkeys([*notes, *left]))] if left or notes else []


# -- tables --------------------------------------------------------------------------------------------------------------


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head, rows = list(head), [list(row) for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines) if rows else ""


def timing(chosen: list[Found], found: list[Found]) -> str:
    """Pairs measured in turn."""
    rows = []
    for one in chosen:
        if "left_out" in one:
            continue
        goal = RATIO_GOALS.get((one["case"], one["against"], one["dtype"]))
        value = ratio(one)
        sizes = f"{one['n']:,}", one["dtype"], "causal" if one["causal"] else "full"
        weights = [
            memory(found, name, one["n"]) if one["dtype"] == "float32" and one["causal"] else None
            for name in (one["case"], one["against"])
        ]
        rows.append(
            (
                NAMES[one["case"]],
                *sizes,
                duration(median(one["seconds"])),
                NAMES[one["against"]],
                duration(median(one["against_seconds"])),
                f"**{value:.2f}×** ({quartiles(one)})",
                against_goal(value, goal, f"{goal}×") if goal else "",
                *(mib(weight) for weight in weights),
            )
        )
    head = ("what", "n", "dtype", "mask", "median", "against", "median", "ratio", "goal", "memory", "of the other")
    known = len(head) if any(row[-2] or row[-1] for row in rows) else len(head) - 2
    return table(head[:known], [row[:known] for row in rows])


def has_goals(one: Found) -> bool:
    """Whether it is one of the statistics that have a goal at its length."""
    return one["case"] in GOALS and one["n"] in LENGTHS and one.get("against") == "sdpa"


def goals_table(chosen: list[Found]) -> str:
    """Ratios by length, mask and type, each beside its goal."""
    rows = []
    for at, n in enumerate(LENGTHS):
        for dtype, causal in itertools.product(("float32", "bfloat16"), (True, False)):
            found = [pick(chosen, name, "sdpa", n, dtype, causal) for name in GOALS]
            if one := found[0]:
                cells = [
                    f"**{ratio(other):.2f}×** ({quartiles(other)}) {against_goal(ratio(other), goals[at], f'{goals[at]}×')}"
                    if other
                    else ""
                    for other, goals in zip(found, GOALS.values(), strict=True)
                ]
                call = duration(median(one["against_seconds"]))
                rows.append((f"{n:,}", "causal" if causal else "full", dtype, call, *cells))
    return table(("n", "mask", "dtype", NAMES["sdpa"], *(NAMES[name] for name in GOALS)), rows)


def tiles(chosen: list[Found]) -> str:
    """Calls that are compared to a goal alone."""
    rows = []
    for one in chosen:
        if "left_out" not in one:
            seconds = median(one["seconds"])
            goal = against_goal(seconds, TILE_GOAL, duration(TILE_GOAL)) if one["case"] == "tile" else ""
            rows.append((NAMES[one["case"]], f"{one['n']:,}", one["dtype"], duration(seconds), goal))
    return table(("what", "n", "dtype", "median", "goal"), rows)


def extra_memory(found: list[Found]) -> str:
    """What recording adds to the peak of the forward pass, by what it must keep."""
    rows = []
    for n in sorted({one["n"] for one in found if one["case"] == "record"}):
        recorded, plain = memory(found, "record", n), memory(found, "forward", n)
        if recorded is None or plain is None:
            continue
        kept = LAYERS * 2 * HEADS * n * DIM * KEPT["float32"]
        value = (recorded - plain) / kept
        goal = against_goal(value, EXTRA_GOAL, f"{EXTRA_GOAL}×")
        heaps = [memory(found, name, n, own_pages=False) for name in ("forward", "record")]
        rows.append(
            (f"{n:,}", mib(plain), mib(recorded), mib(recorded - plain), mib(kept), f"**{value:.2f}×**", goal, *map(mib, heaps))
        )
    head = ("n", "peak, plain", "peak, recording", "added", "q and k kept", "ratio", "goal")
    return table((*head, "plain, glibc's own way", "recording, glibc's own way"), rows)


def memory_table(found: list[Found]) -> str:
    sizes = sorted({one["n"] for one in found if one["memory"] and one["case"] == "tile"})
    rows = []
    for name in ("summary", *STATISTICS, "row_block", "tile"):
        weights = [memory(found, name, n) for n in sizes]
        growth = f"{weights[-1] / weights[0]:.1f}×" if len(sizes) > 1 and weights[0] and weights[-1] else ""
        judged = memory(found, name, 8192)
        goal = against_goal(judged, BLOCK_GOAL, "64 MiB at 8,192") if judged is not None else "64 MiB at 8,192: not run"
        rows.append((NAMES[name], *map(mib, weights), growth, goal))
    grown = f"{sizes[0]:,} to {sizes[-1]:,}" if len(sizes) > 1 else "growth"
    return table(("float32, causal", *(f"n = {n:,}" for n in sizes), grown, "goal"), rows)


def saved_table(found: list[Found]) -> str:
    rows = []
    for name in SAVED:
        timed = pick(found, name)
        if timed is None:
            continue
        seconds, weighed = median(timed["seconds"]), pick(found, name, memory=True)
        above = weighed["bytes"] - weighed["file_bytes"] if weighed else None
        goals = "", ""
        if name.startswith("region"):
            bytes_goal = against_goal(above, REGION_BYTES, f"{mib(REGION_BYTES)}") if above is not None else ""
            goals = against_goal(seconds, REGION_SECONDS, "1 s"), bytes_goal
        pages = mib(weighed["file_bytes"]) if weighed else ""
        rows.append((NAMES[name], f"{timed['n']:,}", duration(seconds), goals[0], mib(above), goals[1], pages))
    return table(("what", "n", "median", "goal", "memory above the file's pages", "goal", "pages of the file read"), rows)


# -- sentences -----------------------------------------------------------------------------------------------------------


def about_recording(found: list[Found]) -> list[str]:
    said = []
    if one := largest(found, "record", "forward"):
        plain, added = median(one["against_seconds"]), median(one["seconds"]) - median(one["against_seconds"])
        kept = LAYERS * 2 * HEADS * one["n"] * DIM * KEPT["float32"]
        word = f"{duration(added)} more" if added > 0 else "no more than the rounds differ"
        said.append(
            f"At {one['n']:,} tokens the pass takes {duration(plain)}, and under `record` {word}, for copies of {mib(kept)}."
        )
    if one := largest(found, "output_attentions", "record"):
        said.append(
            f"Eager attention that returns its weights keeps {mib(LAYERS * HEADS * one['n'] ** 2 * 4)} of them at "
            f"{one['n']:,}, and takes {ratio(one):.1f} times as long as the recorded pass."
        )
    for name, plain, regards, words in (
        (
            "lens_cache",
            "lens_forward",
            "lens_record",
            "TransformerLens runs the same Llama with the same weights, as a TransformerBridge",
        ),
        (
            "inseq_attribute",
            "inseq_forward",
            "inseq_record",
            "Inseq runs a GPT-2 of the same layers, heads and widths, with random weights",
        ),
    ):
        own, direct = largest(found, name, plain), largest(found, name, regards)
        if own and direct:
            said.append(
                f"{words}; at {own['n']:,} tokens it takes {ratio(own):.1f} times that plain forward, and "
                f"{ratio(direct):.1f} times what Regard takes in the same process."
            )
    return [" ".join(said)] if said else []


def about_block(found: list[Found]) -> list[str]:
    """What the block itself costs, and how far maps were from what their calls returned."""
    said = []
    if one := pick(found, "block"):
        seconds = median(one["seconds"])
        said.append(
            f"Into a block around a Llama of 32 layers and out again, with nothing in between: {duration(seconds)}, "
            f"{against_goal(seconds, BLOCK_SECONDS, duration(BLOCK_SECONDS))}."
        )
    errors = [
        f"{one['value']:.1e} at {one['n']:,} in {one['dtype']}" for one in found if one["case"] == "check" and "value" in one
    ]
    if errors:
        said.append(f"`check()` found at most {', '.join(errors)}.")
    return [" ".join(said)] if said else []


def about_statistics(found: list[Found]) -> list[str]:
    said = []
    one, product, softmax = (largest(found, name, "sdpa") for name in ("summary", "product", "product_softmax"))
    if one and product and softmax and one["n"] == product["n"] == softmax["n"]:
        # Each was measured in turn with SDPA, so that the shares are of ratios.
        whole, first, both = ratio(one), ratio(product), ratio(softmax)
        said.append(
            f"Of the summary at {one['n']:,} (float32, causal), {first / whole:.0%} is the product of q and k, "
            f"{(both - first) / whole:.0%} the softmax, and {1 - both / whole:.0%} statistics and bookkeeping."
        )
        rate = 4 * HEADS * DIM * one["n"] ** 2 / 2 / median(one["against_seconds"]) / 1e9
        said.append(f"One SDPA call computes {rate:.0f} GFLOP/s there.")
        alone = [(ratio(found_one), name) for name in STATISTICS if (found_one := pick(found, name, "sdpa", one["n"]))]
        if alone:
            low, high = min(alone), max(alone)
            said.append(
                f"A single statistic takes from {low[0] / whole:.0%} ({low[1]}) to {high[0] / whole:.0%} ({high[1]}) of the "
                "summary's time."
            )
    for causal, mask in ((True, "causal"), (False, "full")):
        wide, half = (largest(found, "summary", "sdpa", dtype, causal) for dtype in ("float32", "bfloat16"))
        if wide and half and wide["n"] == half["n"]:
            gain = median(wide["against_seconds"]) / median(half["against_seconds"])
            ours = median(wide["seconds"]) / median(half["seconds"])
            said.append(
                f"{mask.capitalize()} at {wide['n']:,}, bfloat16 makes SDPA {gain:.1f} times as fast and the summary, which "
                f"computes in float32 either way, {ours:.1f} times."
            )
    if (small := pick(found, "summary", "sdpa", 2048)) and (large := pick(found, "summary", "sdpa", 8192)):
        times, others = (median(large[key]) / median(small[key]) for key in ("seconds", "against_seconds"))
        said.append(
            f"From 2,048 to 8,192 the summary takes {times:.1f} times as long and SDPA {others:.1f} times; 16 is quadratic."
        )
    return [" ".join(said)] if said else []


def about_memory(found: list[Found]) -> list[str]:
    pairs = [(name, memory(found, name, 2048), memory(found, name, 8192)) for name in ("summary", *STATISTICS)]
    known = [(large / small, name) for name, small, large in pairs if small and large]
    if not known:
        return []
    growth, name = max(known)
    return [f"From 2,048 to 8,192 the statistic that grows most is {name}, {growth:.1f} times; a matrix would grow 16 times."]


def about_file(found: list[Found]) -> list[str]:
    one = pick(found, "write")
    if one is None:
        return []
    size = 2 * HEADS * one["n"] * DIM * KEPT[one["dtype"]]
    return [
        f"Random q and k of {one['n']:,} tokens, {one['dtype']}, causal: {mib(size)} in a file just written, so that its "
        "pages are in the system's memory. Each round opens it anew: no denominator is known."
    ]


def about_regions(found: list[Found]) -> list[str]:
    said = []
    for name, heads in (("region_middle", 1), ("region_end", 1), ("region_end_all_heads", HEADS)):
        if (one := pick(found, name)) is None:
            continue
        keys = one["n"] // 2 + TILE if name == "region_middle" else one["n"]
        work = 2 * heads * TILE * keys * DIM / 1e9
        rate = work / median(one["seconds"])
        said.append(f"{NAMES[name]}: its rows see {keys:,} keys, {work:.3g} GFLOP of products, read at {rate:.0f} GFLOP/s.")
    first, every = pick(found, "region_end"), pick(found, "region_end_all_heads")
    if first and every:
        said.append(f"All {HEADS} heads take {median(every['seconds']) / median(first['seconds']):.1f} times as long as one.")
    asked, long = pick(found, "pool_predicted"), pick(found, "pool_long")
    if asked and long:
        said.append(
            f"Before it starts, the pool of all {long['n']:,} tokens is predicted to take {duration(asked['value'])} (found in "
            f"{duration(median(asked['seconds']))}); it took {duration(median(long['seconds']))}."
        )
    return [" ".join(said)] if said else []


# -- numbers -------------------------------------------------------------------------------------------------------------


def pick(
    found: list[Found],
    case: str,
    against: str | None = None,
    n: int | None = None,
    dtype: str | None = None,
    causal: bool = True,
    memory: bool = False,
    own_pages: bool = True,
) -> Found | None:
    """The first measurement that is of this; float32 where it is compared and no type is named."""
    for one in found:
        asked = case, against, causal, memory, own_pages
        same = tuple(one[key] for key in ("case", "against", "causal", "memory", "own_pages")) == asked
        if same and "left_out" not in one and n in (None, one["n"]) and one["dtype"] == (dtype or one["dtype"]):
            return one
    return None


def largest(found: list[Found], case: str, against: str, dtype: str = "float32", causal: bool = True) -> Found | None:
    sizes = sorted({one["n"] for one in found}, reverse=True)
    return next((one for n in sizes if (one := pick(found, case, against, n, dtype, causal))), None)


def memory(found: list[Found], case: str, n: int, own_pages: bool = True) -> float | None:
    one = pick(found, case, n=n, dtype="float32", memory=True, own_pages=own_pages)
    return None if one is None else one["bytes"]


def median(values: list[float]) -> float:
    return statistics.median(values)


def ratio(one: Found) -> float:
    return median(one["seconds"]) / median(one["against_seconds"])


def quartiles(one: Found) -> str:
    rounds = [a / b for a, b in zip(one["seconds"], one["against_seconds"], strict=True)]
    low, _, high = statistics.quantiles(rounds, n=4, method="inclusive")
    return f"{low:.2f}–{high:.2f}"


def against_goal(value: float, goal: float, words: str) -> str:
    return f"≤ {words}: {'yes' if value <= goal else '**no**'}"


def duration(seconds: float) -> str:
    unit, size = next((pair for pair in (("s", 1.0), ("ms", 1e-3)) if seconds >= pair[1]), ("µs", 1e-6))
    return f"{seconds / size:.3g} {unit}" if seconds < 1000 else f"{seconds:.0f} s"


def mib(count: float | None) -> str:
    return "" if count is None else f"{count / 2**20:,.{1 if count < 100 * 2**20 else 0}f} MiB"
