"""What runs tile by tile, on several devices, from a cache, or is counted: with arguments that work, for the battery."""

from collections.abc import Callable
from typing import Any

import torch

from regard import masks
from regard.mechanisms import catalogue, flash_backward, ring_attention
from regard.mechanisms.caches import cache, compressed, evicting
from regard.mechanisms.heads.latent_attention import LatentAttention
from regard.mechanisms.layouts import layers, layout
from regard.mechanisms.linear.retention_layer import MultiScaleRetention
from regard.mechanisms.ring_attention import Ring
from support.wrong_calls import Call
from support.wrong_values import base

HEADS, LENGTH, DIM = 2, 5, 4
TRIPLE = {"query": base, "key": base, "value": base}
FULL = {"heads": 4, "kv_heads": 2, "dim": 8, "value_dim": 6, "positions": "none"}

CACHES: dict[str, Callable[[], cache.Cache]] = {
    "FullCache": cache.FullCache,
    "StreamingCache": lambda: evicting.StreamingCache(1, 2),
    "HeavyHitterCache": lambda: evicting.HeavyHitterCache(1, 2),
    "LastWeightsCache": lambda: evicting.LastWeightsCache(2),
    "PromptCache": lambda: evicting.PromptCache(1, 2, 3),
    "QuantizedCache": lambda: compressed.QuantizedCache(4, 2),
    "PagedCache": lambda: compressed.PagedCache(compressed.Pages(size=2, pages=8)),
}
LAYERS: dict[str, layers.Layer] = {
    "Full": layers.Full(heads=4, kv_heads=2, dim=8),
    "Windowed": layers.Windowed(heads=4, kv_heads=2, dim=8, window=3),
    "Chunked": layers.Chunked(heads=4, kv_heads=2, dim=8, chunk=3),
    "Latent": layers.Latent(heads=4, dim=8, latent=5, rotary=2),
    "Recurrent": layers.Recurrent(heads=4, dim=8, channels=3, reach=2),
}

LAYOUT = layout.Layout(tuple(LAYERS.values()))
MODULES = (cache, compressed, evicting, flash_backward, ring_attention, layers, layout)
"""All that is public in these is in the battery."""


def _ones(*shape: int) -> Callable[[], torch.Tensor]:
    return lambda: torch.ones(shape)


def _call(function: Callable[..., Any], /, **given: Any) -> Call:
    return Call(function, lambda: {key: value() if callable(value) else value for key, value in given.items()})


def _attend(make: Callable[[], cache.Cache]) -> Call:
    """The next tokens after some, and what is held then."""

    def run(query: Any, key: Any, value: Any) -> Any:
        one = make()
        one.attend(base(), base(), base())
        output = one.attend(query, key, value)
        return *output, one.held(), one.positions, one.nbytes

    return _call(run, **TRIPLE)


def _take(make: Callable[[], cache.Cache]) -> Call:
    def run(key: Any, value: Any, seen: Any) -> Any:
        one = make()
        one.take(key, value, seen=seen)
        return one.attend(base(), base(), base()), one.positions

    return _call(run, key=base, value=base, seen=7)


def _dropped(page: Any) -> Any:
    pages = compressed.Pages(2, 3)
    for _ in range(3):
        pages.take()
    return pages.drop(page)


def _in_pages(pages: Any) -> Any:
    one = compressed.PagedCache(pages)
    one.attend(base(), base(), base())
    return one.fork().attend(base(), base(), base())


def _recurrent(**given: Any) -> Any:
    return MultiScaleRetention(8, 2).recurrent(**given)


def _latent(x: Any, cache: Any, mask: Any) -> Any:
    layer = LatentAttention(DIM, HEADS, head_dim=4, latent_dim=3, rotary_dim=2)
    known = layer.compress(torch.ones(1, 2, DIM)) if isinstance(cache, str) and cache == "two tokens" else cache
    whole = layer.compress(x, known)
    return layer.absorbed(x, whole, mask), layer.expanded(x, whole, mask)


CALLS: dict[str, Call] = {
    "flash_backward": _call(
        flash_backward.flash_backward,
        **TRIPLE,
        output=base,
        logsumexp=_ones(1, HEADS, LENGTH),
        gradient=base,
        causal=True,
        scale=0.5,
        tile=2,
    ),
    "tile_table": _call(flash_backward.tile_table, mask=lambda: masks.causal(), queries=5, keys=5, tile=2, head=0),
    "ring_attention": _call(ring_attention.ring_attention, **TRIPLE, ring=lambda: Ring(5, 5), causal=True),
    "Ring": _call(Ring, devices=2, length=8, zigzag=True),
    "Ring.holds": _call(lambda device: Ring(2, 8, zigzag=True).holds(device), device=1),
    "Ring.meets": _call(lambda device, step: Ring(2, 8).meets(device, step), device=1, step=1),
    "Ring.tile": _call(
        lambda mask, device, step: Ring(2, 8).tile(mask, device, step), mask=lambda: masks.causal(), device=1, step=0
    ),
    "Ring.work": _call(lambda mask: Ring(2, 8).work(mask), mask=lambda: masks.causal()),
    "merged": _call(
        ring_attention.merged,
        output1=base,
        logsumexp1=_ones(1, HEADS, LENGTH),
        output2=base,
        logsumexp2=_ones(1, HEADS, LENGTH),
    ),
    "decode": Call(
        cache.decode,
        lambda: {"make": cache.FullCache, "query": base(), "key": base(), "value": base(), "prompt": 2},
        own=("make",),
    ),
    "rounded": _call(compressed.rounded, x=base, bits=4, axis=1),
    "FullCache": _call(cache.FullCache),
    "StreamingCache": _call(evicting.StreamingCache, sinks=1, window=2),
    "HeavyHitterCache": _call(evicting.HeavyHitterCache, heavy=1, recent=2),
    "LastWeightsCache": _call(evicting.LastWeightsCache, budget=2),
    "PromptCache": _call(evicting.PromptCache, budget=1, window=2, kernel=3),
    "QuantizedCache": _call(compressed.QuantizedCache, bits=4, group=2),
    "PagedCache": _call(_in_pages, pages=lambda: compressed.Pages(2, 9)),
    "Pages": _call(compressed.Pages, size=2, pages=3),
    "Pages.drop": _call(_dropped, page=1),
    "SharedLayers": _call(compressed.SharedLayers, layers=4, group=2),
    "SharedLayers.of": _call(lambda layer: compressed.SharedLayers(4, 2).of(layer), layer=1),
    "SharedLayers.writes": _call(lambda layer: compressed.SharedLayers(4, 2).writes(layer), layer=1),
    "MultiScaleRetention": _call(MultiScaleRetention, dim=8, heads=2, value_factor=2, base=100.0, eps=1e-6),
    "MultiScaleRetention.recurrent": _call(_recurrent, x=_ones(1, LENGTH, 8), state=_ones(1, 2, 4, 8), start=3),
    "LatentAttention.compress": _call(
        _latent, x=_ones(1, LENGTH, DIM), cache="two tokens", mask=lambda: torch.ones(LENGTH, LENGTH + 2) > 0
    ),
    "catalogue.find": _call(catalogue.find, words="cache"),
    "catalogue.terms": _call(catalogue.terms, words="KV cache"),
    "catalogue.picture": Call(catalogue.picture, lambda: {"one": catalogue.card("window")}),
    "Full": _call(layers.Full, **FULL),
    "Windowed": _call(layers.Windowed, **FULL, window=3),
    "Chunked": _call(layers.Chunked, **FULL, chunk=3),
    "Latent": _call(layers.Latent, heads=4, dim=8, latent=5, rotary=2),
    "Recurrent": _call(layers.Recurrent, heads=4, dim=8, channels=3, reach=2),
    "Layout": _call(layout.Layout, layers=lambda: (LAYERS["Full"], LAYERS["Windowed"])),
    "Layout.repeated": _call(layout.Layout.repeated, pattern=lambda: [LAYERS["Full"], LAYERS["Windowed"]], layers=6),
    "Layout.kept": _call(LAYOUT.kept, tokens=5, itemsize=2),
    "Layout.kept_by_next_token": _call(LAYOUT.kept_by_next_token, tokens=5, itemsize=2),
    "Layout.operations": _call(LAYOUT.operations, tokens=5),
}
CALLS |= {f"{name}.attend": _attend(make) for name, make in CACHES.items()}
CALLS |= {f"{name}.take": _take(make) for name, make in CACHES.items()}
CALLS |= {f"{name}.kept": _call(layer.kept, tokens=5, itemsize=2) for name, layer in LAYERS.items()}
CALLS |= {f"{name}.operations": _call(layer.operations, tokens=5) for name, layer in LAYERS.items()}
CALLS |= {f"{name}.visible": _call(layer.visible, tokens=5) for name, layer in LAYERS.items()}
