"""Write frontend/tests/cases: small maps as a page carries them, questions, and answers computed from the weights in float64.

The front end's engine is held to these answers, and so is the engine in torch (tests/viewer/test_viewer_cases.py): the two must
agree.

    python recipes/tests/viewer_cases.py

A case has the form {"name", "manifest", "data": {pack: base64}, "questions": [{"question", "request", "meta", "arrays",
"tolerance"}]}; packs are as they are before compression, and null in an array is −Infinity.
"""

import base64
import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from regard import AttentionMap, masks
from regard.viewer.answers.packing import unpack
from regard.viewer.document.document import Document, document
from regard.viewer.page.data import uncompressed

FOLDER = Path(__file__).parents[2] / "frontend" / "tests" / "cases"
QUERY_TOKENS = ("<s>", "▁the", "</script>", "▁ca", "t", "▁\ud800", "▁sat", ".", "▁on", "ly", "</s>")
KEY_TOKENS = ("<s>", "▁a", "▁ma", "t", "<pad>", "▁&amp;", "▁\u202e", "▁q", "ue", ".", "▁no", "▁w", "</s>")
Exact = NDArray[np.float64]


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, case in cases():
        (FOLDER / f"{name}.json").write_text(text_of(case), encoding="ascii")


def text_of(case: dict[str, Any]) -> str:
    """A question a line."""
    lines = [json.dumps(one) for one in case["questions"]]
    rest = json.dumps({name: value for name, value in case.items() if name != "questions"})
    return rest[:-1] + ', "questions": [\n' + ",\n".join(lines) + "\n]}\n"


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every case with its name."""
    for name, (make, precision) in MAPS.items():
        yield name, case_of(name, document(labelled(make())), precision)


def documents() -> Iterator[tuple[str, Document]]:
    """What the cases were made of."""
    for name, (make, _) in MAPS.items():
        yield name, document(labelled(make()))


def numbers(seed: int, *shape: int, spread: float = 1.5) -> torch.Tensor:
    """Numbers that are the same on every machine: sixty-fourths, about normal."""
    draw = random.Random(seed)
    values = [round(64 * draw.gauss(0, spread)) / 64 for _ in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float32).view(shape)


def factors(seed: int, heads: int = 3, kv_heads: int = 3, dim: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    queries, keys = len(QUERY_TOKENS), len(KEY_TOKENS)
    return numbers(seed, 1, heads, queries, dim), numbers(seed + 1, 1, kv_heads, keys, dim)


def labelled(amap: AttentionMap) -> AttentionMap:
    amap.queries, amap.keys = QUERY_TOKENS[: amap.shape[2]], KEY_TOKENS[: amap.shape[3]]
    return amap


def by_distance(seed: int, heads: int) -> torch.Tensor:
    queries, keys = len(QUERY_TOKENS), len(KEY_TOKENS)
    table = numbers(seed, heads, queries + keys - 1)
    places = torch.arange(keys) - torch.arange(queries)[:, None] + queries - 1
    return table[:, places][None]


def blind() -> AttentionMap:
    """Two queries that see nothing, and holes in what the others see; each head has its own."""
    seen = numbers(77, 1, 3, len(QUERY_TOKENS), len(KEY_TOKENS)) > -0.5
    seen[:, :, [0, 4]] = False
    return AttentionMap(*factors(70), mask=seen)


def loud(size: float) -> AttentionMap:
    """Scores up to about a size, most of which all keys share: several keep a weight, and float32 holds them as they are."""
    query, key = factors(120)
    return AttentionMap(query, (4 * key).round() / 4 + round(size / 4))


def padded() -> AttentionMap:
    keep = torch.ones(1, len(KEY_TOKENS))
    keep[0, :2] = keep[0, -3:] = 0
    return AttentionMap(*factors(20), mask=masks.padding(keep))


def global_and_local() -> AttentionMap:
    mask = masks.centred_window(3) | masks.global_positions(torch.tensor([1, 7]))
    return AttentionMap(*factors(60), mask=mask)


def narrowed() -> AttentionMap:
    """Rows, heads and columns chosen of a larger map, whose denominators stay those of all keys."""
    return AttentionMap(*factors(80, heads=4, kv_heads=2), causal=True).select(
        heads=slice(2, 4), queries=slice(1, 8), keys=slice(2, 13)
    )


def together() -> AttentionMap:
    """Everything at once."""
    return AttentionMap(
        *factors(90, heads=6, kv_heads=2),
        causal=True,
        window=7,
        scale=0.5,
        softcap=3.0,
        bias=by_distance(93, 6),
        sinks=numbers(94, 6),
    )


def weights(signed: bool = False) -> AttentionMap:
    values = numbers(50, 3, len(QUERY_TOKENS), len(KEY_TOKENS))
    return AttentionMap.from_dense(values if signed else values.softmax(-1))


MAPS: dict[str, tuple[Callable[[], AttentionMap], str | None]] = {
    "plain": (lambda: AttentionMap(*factors(1)), None),
    "causal": (lambda: AttentionMap(*factors(3), causal=True), None),
    "window": (lambda: AttentionMap(*factors(5), causal=True, window=4), None),
    "padding": (padded, None),
    "softcap": (lambda: AttentionMap(*factors(25), softcap=2.0), None),
    "sinks": (lambda: AttentionMap(*factors(30), sinks=torch.tensor([0.5, -1.0, -torch.inf])), None),
    "bias-relative": (lambda: AttentionMap(*factors(35), bias=by_distance(37, 3)), None),
    "bias-full": (lambda: AttentionMap(*factors(40), bias=numbers(42, 1, 3, 11, 13)), None),
    "bias-of-keys": (lambda: AttentionMap(*factors(44), bias=numbers(46, 1, 1, 1, 13)), None),
    "grouped": (lambda: AttentionMap(*factors(48, heads=6, kv_heads=2), causal=True), None),
    "several-runs": (global_and_local, None),
    "blind-rows": (blind, None),
    "narrowed": (narrowed, None),
    "together": (together, None),
    "int12": (lambda: AttentionMap(*factors(100), causal=True), "int12"),
    "int16": (lambda: AttentionMap(*factors(110), sinks=numbers(112, 3)), "int16"),
    "int12-together": (together, "int12"),
    "scores-of-1800": (lambda: loud(1800), None),
    "scores-of-1e4": (lambda: loud(1e4), None),
    "scores-of-1e7": (lambda: loud(1e7), None),
    "dense": (weights, None),
    "dense-coded": (weights, "int12"),
    "signed": (lambda: weights(signed=True), None),
    "signed-coded": (lambda: weights(signed=True), "int12"),
}
"""Maps, and how their factors are kept; None for what a page would choose."""


def case_of(name: str, shown: Document, precision: str | None) -> dict[str, Any]:
    manifest, packs = uncompressed(shown, precision)
    info = manifest["maps"][0]
    meta, arrays = unpack(packs["map-0"])
    scores = stages(meta, arrays) if meta["kind"] == "factors" else None
    exact = weights_of(meta, arrays) if scores is None else scores["weights"]
    skipped = [set(manifest["axes"][axis]["special"]) for axis in (info["rowAxes"][0], info["columnAxis"])]
    coarse = arrays["query" if scores else "weights"].dtype != np.float32
    asked = []
    for request in region_requests(info):
        values = region(exact, request, *skipped)
        found = {"rows": values.shape[0], "columns": values.shape[1], "sampled": sampled(request, skipped[0]), "every": 1}
        asked.append(question("region", request, found, {"values": values}, 1e-5))
    for request in margins_requests(info):
        found_margins = margins(exact, request, *skipped)
        asked.append(question("margins", request, {"sampled": 0}, found_margins, 5e-3 if coarse else 1e-4))
    sizes = {"heads": info["heads"], "rows": info["queries"], "columns": info["keys"]}
    asked.append(question("overview", {"map": 0}, sizes, {"mean": exact, "max": exact}, 5e-3 * float(np.abs(exact).max())))
    if info["steps"] and scores is not None and np.abs(arrays["key"]).max() < 100:  # others need more than 7 digits
        asked += [steps(meta, arrays, scores, head) for head in (0, info["heads"] - 1)]
        asked.append(joint(meta, scores, info["heads"] - 1))
    return {
        "name": name,
        "manifest": manifest,
        "data": {pack: base64.b64encode(data).decode() for pack, data in packs.items()},
        "questions": asked,
    }


def question(
    kind: str, request: dict[str, Any], meta: dict[str, Any], arrays: dict[str, Exact], tolerance: float
) -> dict[str, Any]:
    lists = {
        name: [None if value == -math.inf else float(f"{value:.7g}") for value in array.ravel().tolist()]
        for name, array in arrays.items()
    }
    return {"question": kind, "request": request, "meta": meta, "arrays": lists, "tolerance": float(f"{tolerance:.3g}")}


def region_requests(info: dict[str, Any]) -> Iterator[dict[str, Any]]:
    queries, keys, heads = info["queries"], info["keys"], list(range(info["heads"]))
    whole = {"start": 0, "stop": queries, "count": queries}, {"start": 0, "stop": keys, "count": keys}
    coarse = {"start": 1, "stop": queries, "count": 3}, {"start": 0, "stop": keys - 1, "count": 4}
    words = {"starts": [0, 1, 3, 5], "stops": [1, 3, 4, 7]}, {"starts": [0, 2, 4, 7], "stops": [1, 4, 7, 9]}
    variants: list[tuple[Any, list[int], str, bool, bool, int]] = [
        (whole, heads[-1:], "mean", False, False, 0),
        (whole, heads, "max", False, True, 0),
        (coarse, heads[:1], "mean", False, False, 0),
        (coarse, heads, "max", True, False, 0),
        (coarse, heads[:2], "mass", True, True, 0),
        (words, heads[:1], "mass", False, False, 0),
        (words, heads[::-1], "mean", True, False, 0),
        (coarse, heads[1:], "mean", False, False, 1),
        (coarse, heads[:1], "max", True, True, 2),
        (({"start": 2, "stop": 4, "count": 5}, {"start": 3, "stop": 9, "count": 2}), heads[:1], "max", False, False, 0),
    ]
    for (rows, columns), chosen, how, hide, renormalise, sample in variants:
        yield {
            "map": 0,
            "heads": chosen,
            "rows": rows,
            "columns": columns,
            "how": how,
            "hideSpecial": hide,
            "renormalise": renormalise,
            "sample": sample,
        }


def margins_requests(info: dict[str, Any]) -> Iterator[dict[str, Any]]:
    rows = {"start": 0, "stop": info["queries"], "count": info["queries"]}
    columns = {"starts": [0, 1, 4, 7], "stops": [1, 4, 5, 11]}
    yield {"map": 0, "heads": [0], "rows": rows, "columns": columns, "hideSpecial": False}
    rows = {"start": 0, "stop": info["queries"], "count": 3}
    yield {"map": 0, "heads": list(range(info["heads"])), "rows": rows, "columns": columns, "hideSpecial": True}


# -- the answers, from the weights as a whole: nothing here comes from the package ----------------------------------------


def decoded(arrays: dict[str, NDArray[Any]], name: str) -> Exact:
    steps = arrays.get(f"{name}_step")
    plain = arrays[name].astype(np.float64)
    return plain if steps is None else plain * steps[..., None]


def stages(meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> dict[str, Exact]:
    """Every stage of every head, from the factors that stand in the page."""
    heads, queries, keys = meta["heads"], meta["queries"], meta["keys"]
    query = decoded(arrays, "query")
    key = np.repeat(decoded(arrays, "key"), heads // meta["kvHeads"], axis=0)
    made = {"query": query, "key": key, "scores": np.einsum("hqd,hkd->hqk", query, key)}
    last = made["scaled"] = made["scores"] * meta["scale"]
    if meta["softcap"] is not None:
        last = made["capped"] = meta["softcap"] * np.tanh(last / meta["softcap"])
    if "bias" in arrays:
        last = made["biased"] = last + arrays["bias"].astype(np.float64)
    if "bias_relative" in arrays:
        added = np.zeros((len(arrays["bias_relative"]), queries, keys))
        for i in range(queries):
            for j in range(keys):
                added[:, i, j] = arrays["bias_relative"][:, j - i + queries - 1]
        last = made["biased"] = last + added
    if "runs_of_head" in arrays:
        seen = np.zeros((heads, queries, keys), bool)
        for head in range(heads):
            number = arrays["runs_of_head"][head]
            first, ends = arrays[f"runs.{number}.first"], arrays[f"runs.{number}.ends"]
            for i in range(queries):
                for start, stop in ends[first[i] : first[i + 1]]:
                    seen[head, i, start:stop] = True
        last = made["masked"] = np.where(seen, last, -np.inf)
    denominators = arrays["logsumexp"].astype(np.float64)[..., None]
    made["weights"] = np.exp(last - np.where(np.isneginf(denominators), np.inf, denominators))
    return made


def weights_of(meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Exact:
    values = arrays["weights"].astype(np.float64)
    return values if arrays["weights"].dtype == np.float32 else meta["low"] + meta["step"] * values


def ends_of(cells: dict[str, Any]) -> list[tuple[int, int]]:
    if "starts" in cells:
        return list(zip(cells["starts"], cells["stops"], strict=True))
    size, count = cells["stop"] - cells["start"], cells["count"]
    return [(cells["start"] + i * size // count, cells["start"] + (i + 1) * size // count) for i in range(count)]


def region(exact: Exact, request: dict[str, Any], special_rows: set[int], special_keys: set[int]) -> Exact:
    hidden_rows, hidden_keys = (special_rows, special_keys) if request["hideSpecial"] else (set(), set())
    mean = exact[request["heads"]].mean(0)
    if request["renormalise"]:
        kept = [key for key in range(mean.shape[1]) if key not in hidden_keys]
        total = mean[:, kept].sum(1, keepdims=True)
        mean = mean / np.where(total == 0, 1, total)
    made = []
    for start, stop in ends_of(request["rows"]):
        rows = [row for row in range(start, stop) if row not in hidden_rows]
        n, s = len(rows), min(request["sample"] or len(rows), len(rows))
        read = [rows[(2 * j + 1) * n // (2 * s)] for j in range(s)]
        line = []
        for left, right in ends_of(request["columns"]):
            inside = mean[np.ix_(read, [key for key in range(left, right) if key not in hidden_keys])]
            value = 0.0
            if inside.size:
                value = {"mean": inside.mean(), "max": inside.max(), "mass": inside.sum() / len(read)}[request["how"]]
            line.append(value)
        made.append(line)
    return np.array(made)


def sampled(request: dict[str, Any], special_rows: set[int]) -> int:
    """The sample, where it leaves out any query."""
    hidden = special_rows if request["hideSpecial"] else set()
    most = max(len(set(range(*ends)) - hidden) for ends in ends_of(request["rows"]))
    return request["sample"] if most > request["sample"] else 0


def margins(exact: Exact, request: dict[str, Any], special_rows: set[int], special_keys: set[int]) -> dict[str, Exact]:
    hidden_rows, hidden_keys = (special_rows, special_keys) if request["hideSpecial"] else (set(), set())
    mean = exact[request["heads"]].mean(0)
    received = mean.sum(0)
    logs = np.log(np.where(mean > 0, mean, 1))
    entropy = -(mean * logs).sum(1)  # negative weights add nothing
    columns = [[key for key in range(*ends) if key not in hidden_keys] for ends in ends_of(request["columns"])]
    rows = [[row for row in range(*ends) if row not in hidden_rows] for ends in ends_of(request["rows"])]
    return {
        "received": np.array([received[keys].mean() if keys else 0.0 for keys in columns]),
        "entropy": np.array([entropy[some].mean() if some else 0.0 for some in rows]),
    }


def steps(meta: dict[str, Any], arrays: dict[str, NDArray[Any]], scores: dict[str, Exact], head: int) -> dict[str, Any]:
    sink = float(arrays["sinks"][head]) if "sinks" in arrays else -math.inf
    found = {name: meta[name] for name in ("queries", "keys", "dim", "scale", "softcap")}
    found |= {"sink": None if sink == -math.inf else sink, "valueDim": 0}
    return question("steps", {"map": 0, "head": head}, found, {name: array[head] for name, array in scores.items()}, 1e-4)


def joint(meta: dict[str, Any], scores: dict[str, Exact], head: int) -> dict[str, Any]:
    """Both sides below one another, each of mean square 1: the axes are the right singular vectors."""
    query, key = scores["query"][head], scores["key"][head] - scores["key"][head].mean(0)
    sizes = [math.sqrt((side**2).sum(1).mean()) for side in (query, key)]
    both = np.concatenate([query / sizes[0] / math.sqrt(len(query)), key / sizes[1] / math.sqrt(len(key))])
    _, values, axes = np.linalg.svd(both)
    axes = np.stack([axis if axis[np.abs(axis).argmax()] > 0 else -axis for axis in axes[:2]])
    arrays = {"queries": query @ axes.T / sizes[0], "keys": key @ axes.T / sizes[1]}
    arrays |= {"share": values[:2] ** 2 / (values**2).sum(), "strength": np.array([meta["scale"] * sizes[0] * sizes[1]])}
    places = {"queryPlaces": list(range(len(query))), "keyPlaces": list(range(len(key)))}
    return question("joint", {"map": 0, "head": head}, places, arrays, 1e-4)


if __name__ == "__main__":
    main()
