"""Write frontend/tests/exhibits/cases.json: what the textbook gives for small inputs, for the exhibits of the site to give too.

    python recipes/tests/exhibit_cases.py

Numbers are float64; null in a row of weights is a key that a cache has let go, or that is not there yet.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.mechanisms.caches.cache import Cache, FullCache, decode
from regard.mechanisms.caches.evicting import HeavyHitterCache, LastWeightsCache, StreamingCache
from regard.mechanisms.linear.update_rules import Rule, updated_state
from regard.mechanisms.positions.rotary import rotary_half
from regard.mechanisms.softmax_attention import attention

FILE = Path(__file__).parents[2] / "frontend" / "tests" / "exhibits" / "cases.json"
TOKENS, DIM = 7, 4

SETTINGS: tuple[dict[str, float | bool], ...] = (
    {},
    {"sharpness": 4.0},
    {"causal": True},
    {"window": 3},
    {"slope": 0.5, "causal": True},
    {"softcap": 0.75},
    {"sink": 1.5},
    {"sink": -1.0, "window": 2, "softcap": 2.0, "slope": 0.25, "sharpness": 0.5},
)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Query, key (tokens, dim) and value (tokens, 2)."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(TOKENS, size, generator=generator, dtype=torch.float64) for size in (DIM, DIM, 2))
    return 2 * query, key, value


def cases() -> dict[str, Any]:
    """Everything in the file."""
    query, key, value = inputs()
    unit = torch.nn.functional.normalize(key, dim=-1)
    return {
        "query": query.tolist(),
        "key": key.tolist(),
        "unit": unit.tolist(),
        "value": value.tolist(),
        "attention": [{"settings": given, "weights": weights(query, key, value, given).tolist()} for given in SETTINGS],
        "rotary": [{"base": base, "turned": rotary_half(query, base=base).tolist()} for base in (10.0, 10000.0)],
        "softmax": attention(query, key, value)[0].tolist(),
        "logsumexp": (query @ key.mT / DIM**0.5).logsumexp(dim=-1).tolist(),
        "states": [{"rule": rule, "state": state.tolist()} for rule, state in states(unit, value)],
        "caches": [{"policy": policy, "room": room, "weights": rows} for policy, room, rows in caches(query, key, value)],
    }


def weights(query: Tensor, key: Tensor, value: Tensor, given: dict[str, Any]) -> Tensor:
    """The weights with these settings."""
    away = (torch.arange(TOKENS)[:, None] - torch.arange(TOKENS)).abs().double()
    window = given.get("window")
    _, found = attention(
        query,
        key,
        value,
        causal=given.get("causal", False) or window is not None,
        window=window,
        scale=given.get("sharpness", 1.0) / DIM**0.5,
        bias=-given.get("slope", 0.0) * away,
        softcap=given.get("softcap"),
        sinks=torch.tensor([given["sink"]], dtype=torch.float64) if "sink" in given else None,
    )
    return found


def states(key: Tensor, value: Tensor) -> Iterator[tuple[Rule, Tensor]]:
    """The state after all writes, with a decay of 0.75 and a beta of 0.5 where a rule has them."""
    beta, decay = torch.full((TOKENS,), 0.5).double(), torch.full((TOKENS,), 0.75).double().log()
    rules: tuple[Rule, ...] = ("linear", "gated", "delta", "gated delta")
    for rule in rules:
        options = {"beta": beta} if rule.endswith("delta") else {}
        options |= {"log_decay": decay} if rule.startswith("gated") else {}
        yield rule, updated_state(key, key, value, rule, **options)[1][0, 0]


def caches(query: Tensor, key: Tensor, value: Tensor) -> Iterator[tuple[str, int, list[list[float | None]]]]:
    """Weights of each token over what a cache has when it looks."""
    for room in (3, 4, 6):
        makes: dict[str, Cache] = {
            "all": FullCache(),
            "the last": StreamingCache(sinks=0, window=room + 1),
            "the first two and the last": StreamingCache(sinks=2, window=room - 1),
            "the most looked at": HeavyHitterCache(heavy=room - 2, recent=2),
            "what the newest looks at": LastWeightsCache(room),
        }
        for policy, cache in makes.items():
            _, found, _ = decode(lambda cache=cache: cache, query[None, None], key[None, None], value[None, None])
            yield policy, room, [[weight or None for weight in row] for row in found[0, 0].tolist()]


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(cases()) + "\n", encoding="ascii")
