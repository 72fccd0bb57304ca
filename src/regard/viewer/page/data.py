"""What an offline page carries: every map as factors or as codes of its weights, and all of them seen from afar."""

import gzip
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from regard.amounts import bytes_text
from regard.arguments import one_of
from regard.errors import OptionError, TooLargeError
from regard.maps.attention_map import AttentionMap
from regard.maps.softmax_weights import SoftmaxWeights
from regard.progress import bar
from regard.viewer.answers.packing import pack, unpack
from regard.viewer.answers.regions import Reader
from regard.viewer.document.document import Document
from regard.viewer.document.subjects import ShownMap
from regard.viewer.page.factors import COARSE, PRECISIONS, PageFactors, Precision

SMALL_PAGE = 2**20
"""Bytes of all factors in float32 up to which they stay so: small maps show their true numbers."""

KEPT_FOR_STEPS = 2**22
"""Bytes of queries and keys of the map a page opens with, in float32, up to which it has them as they are, for its steps."""

NOT_IN_PAGE = (
    "its queries and keys are not in this page; open the recording with regard view, or name the map when the page "
    "is made: map="
)

LARGE_PAGE = 2**25
"""Bytes of all factors in float32 beyond which a page saves where it can."""

NO_ERROR = 1e-5
"""An error of weights that is but rounding of float32: as far as a map is exact."""


@dataclass(frozen=True)
class PageData:
    """A page's manifest, and its packs by name, compressed."""

    manifest: dict[str, Any]
    packs: dict[str, bytes]


def page_data(document: Document, max_bytes: int, precision: str | None = None) -> PageData:
    """The data of a page.

    Args:
        document: what it shows.
        max_bytes: of the page; a page that is sure to be larger is refused before anything is computed.
        precision: how factors are kept, "float32", "int16" or "int12"; the smallest that shows weights well where not given.

    Raises:
        TooLargeError: the page would be larger.
        OptionError: another precision.
    """
    check_size(sum(_least_bytes(shown.amap) for shown in document.maps), max_bytes, at_least=True)
    precisions = _precisions(sum(_plain_bytes(shown.amap) for shown in document.maps), precision)
    true_numbers = precisions == [PRECISIONS["float32"]]
    packs, infos, overviews, compressed = {}, [], dict[str, NDArray[Any]](), 0
    exact = None if precision is not None else _map_with_steps(document)
    for number, name, packed, views, error in _packed_maps(document, precisions, exact):
        packs[name] = gzip.compress(packed, 6, mtime=0)
        compressed += len(packs[name])
        check_size(compressed * 4 // 3, max_bytes, at_least=True)
        info = document.manifest["maps"][number]
        plain, dense = true_numbers or number == exact, unpack(packed)[0]["kind"] == "dense"
        coded = dense and not plain  # a small weight may have the code of 0
        steps = info["steps"] and plain and not dense
        infos.append(info | {"error": error, "steps": steps, "hides": info["hides"] and not coded})
        if info["steps"] and not steps:
            infos[-1]["withoutSteps"] = NOT_IN_PAGE
        overviews |= {f"{kind}.{number}": array for kind, array in views.items()}
    packs = {"overviews": gzip.compress(pack({}, overviews), 6, mtime=0)} | packs
    manifest = document.manifest | {"maps": infos, "notes": [*document.manifest["notes"], *_notes(infos)]}
    return PageData(manifest, packs)


def uncompressed(document: Document, precision: str | None = None) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the packs of a page as they are before compression."""
    found = page_data(document, 2**40, precision)
    return found.manifest, {name: gzip.decompress(data) for name, data in found.packs.items()}


def _precisions(plain_bytes: int, precision: str | None) -> list[Precision]:
    """How factors may be kept, the smallest way first."""
    if precision is not None:
        return [PRECISIONS[one_of("precision", precision, PRECISIONS)]]
    if plain_bytes <= SMALL_PAGE:
        return [PRECISIONS["float32"]]
    return [*([COARSE] if plain_bytes > LARGE_PAGE else []), *PRECISIONS.values()]


def _map_with_steps(document: Document) -> int | None:
    """The map whose queries and keys a page keeps as they are: the one that it opens with, if they are not too large.

    Raises:
        OptionError: they are, and somebody asked for its steps.
    """
    opening = document.manifest["opening"]
    number: int = opening.get("map", 0)
    amap = document.maps[number].amap
    if amap.view.whole_factors is None:
        return None
    size, asked = _plain_bytes(amap), opening.get("view") == "steps"
    if size <= KEPT_FOR_STEPS:  # a large page saves this, too, unless somebody asked for it
        return number if asked or sum(_plain_bytes(shown.amap) for shown in document.maps) <= LARGE_PAGE else None
    if asked:
        raise OptionError(
            f"view: expected steps of queries and keys of at most {bytes_text(KEPT_FOR_STEPS)} in a page, got "
            f"{bytes_text(size)}; select heads of the map, or open the recording with regard view or regard.show"
        )
    return None


def _packed_maps(
    document: Document, precisions: Sequence[Precision], exact: int | None
) -> Iterator[tuple[int, str, bytes, dict[str, NDArray[Any]], float]]:
    """For each map its number, its pack's name, its pack, its overview, and the largest error of its weights."""
    moving = bar(document.maps, desc="building the page", unit="map", delay=1, leave=False)
    for number, shown in enumerate(moving):
        amap = shown.amap
        probabilities = document.manifest["maps"][number]["probabilities"]
        mean, largest, margins = _from_afar(amap, document.overview_side, probabilities=probabilities)
        views = _overview_arrays(mean, largest, probabilities=probabilities)
        packed, error = _packed_map(shown, [PRECISIONS["float32"]] if number == exact else precisions, margins)
        yield number, f"map-{number}", packed, views, error if error > NO_ERROR else 0.0


def _from_afar(
    amap: AttentionMap, side: int, *, probabilities: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, NDArray[Any]]]:
    """Means and largest weights of a picture of each head, and the margins: one pass, but for matrices of no probabilities."""
    _, heads, queries, keys = amap.shape
    if probabilities:
        found = amap.summary(pool=(min(queries, side), min(keys, side)), how=("mean", "max"))
        mean, largest = (_numbers(pooled[0]) for pooled in found.pool or ())
        margins = {name: _numbers(cast("torch.Tensor", getattr(found, name))[0]) for name in ("received", "entropy")}
        return mean, largest, margins
    reader, every = Reader(amap), np.arange(queries)
    mean, largest, _ = reader.overview(side, probabilities=False)
    received = np.stack([reader.received((head,))[0] for head in range(heads)])
    entropy = np.stack([reader.entropy((head,), every, averaged=True) for head in range(heads)])
    return mean, largest, {"received": received, "entropy": entropy}


def _packed_map(shown: ShownMap, precisions: Sequence[Precision], margins: dict[str, NDArray[Any]]) -> tuple[bytes, float]:
    """The pack of one map and the error of its weights: whichever is smaller, factors or codes of weights."""
    amap, plain = shown.amap, list(precisions) == [PRECISIONS["float32"]]
    if amap.view.whole_factors is not None and not _is_coarse(amap):
        factors = PageFactors.of(amap)
        if len(precisions) == 1 or factors.nbytes * 3 // 8 + factors.other_bytes < 2 * math.prod(amap.shape):
            if shown.value is not None and plain and len(shown.value) == factors.source.key.shape[1]:
                margins = margins | {"value": _numbers(shown.value)}
            return factors.packed(amap, precisions, margins)
    return _packed_dense(amap, margins, plain=plain)


def _is_coarse(amap: AttentionMap) -> bool:
    """Whether weights do not follow from scores and denominators in double precision, which is what a page computes in."""
    source = amap.view.source
    if not isinstance(source, SoftmaxWeights):
        return False
    source.denominators(*amap.view.ranges[:3])
    return source.coarse(*amap.view.ranges[:3])


def _packed_dense(amap: AttentionMap, margins: dict[str, NDArray[Any]], *, plain: bool) -> tuple[bytes, float]:
    """The weights in float32, or as codes of 16 bits."""
    _, heads, queries, keys = amap.shape
    weights = np.empty((heads, queries, keys), np.float32 if plain else np.uint16)
    low, high = (0.0, 0.0) if plain else _extremes(amap)
    step = float(np.float32((high - low) / 65535)) or 1.0
    worst = 0.0
    for head, part, block in _blocks(amap):
        if plain:
            weights[head, part] = block
            continue
        codes = np.rint((block.astype(np.float64) - low) / step).clip(0, 65535)
        weights[head, part] = codes
        worst = max(worst, float(np.abs(low + codes * step - block).max()))
    meta = {"kind": "dense", "heads": heads, "queries": queries, "keys": keys, "low": low, "step": step}
    return pack(meta, {"weights": weights} | margins), worst


def _extremes(amap: AttentionMap) -> tuple[float, float]:
    """The least weight, 0 at most, and the largest: 0 stays 0 where nothing is negative."""
    ends = [(float(block.min()), float(block.max())) for _, _, block in _blocks(amap)]
    return min(0.0, min(low for low, _ in ends)), max(high for _, high in ends)


def _blocks(amap: AttentionMap) -> Iterator[tuple[int, slice, NDArray[np.float32]]]:
    """All weights: which head, which queries, and the weights (queries, keys)."""
    _, heads, queries, keys = amap.shape
    rows = max(1, 2**22 // keys)
    for head in range(heads):
        for start in range(0, queries, rows):
            part = slice(start, start + rows)
            yield head, part, _numbers(amap.select(heads=head, queries=part)[0, 0])


def _overview_arrays(
    mean: NDArray[np.float32], largest: NDArray[np.float32], *, probabilities: bool
) -> dict[str, NDArray[Any]]:
    """The map from afar, a byte a cell: value = (code / 255)² · scale, so that small weights keep their precision."""
    if not probabilities:
        return {"mean": mean, "max": largest}
    scale = np.stack([array.max((1, 2)) for array in (mean, largest)], 1)  # (heads, 2)
    made: dict[str, NDArray[Any]] = {}
    for at, (name, array) in enumerate((("mean", mean), ("max", largest))):
        shares = array / np.where(scale[:, at] > 0, scale[:, at], 1)[:, None, None]
        made[name] = np.rint(255 * np.sqrt(shares.clip(0, 1))).astype(np.uint8)
    return made | {"scale": scale}


def _plain_bytes(amap: AttentionMap) -> int:
    """Bytes of a map in float32, as factors where it has some."""
    _, heads, queries, keys = amap.shape
    factors = amap.view.whole_factors
    if factors is None:
        return 4 * heads * queries * keys
    return 4 * factors.query.shape[3] * (heads * queries + -(-heads // factors.group) * keys)


def _least_bytes(amap: AttentionMap) -> int:
    """Bytes of a map in a page, at least, after compression."""
    plain = _plain_bytes(amap)
    return plain * 3 // 8 if amap.view.whole_factors is not None else plain // 32


def check_size(size: int, max_bytes: int, *, at_least: bool = False) -> None:
    """Refuse a page that is too large.

    Raises:
        TooLargeError: it is.
    """
    if size > max_bytes:
        more = "at least " if at_least else ""
        raise TooLargeError(
            f"expected a page of at most {bytes_text(max_bytes)}, got {more}{bytes_text(size)}; save the recording and look at "
            "it with `regard view FILE`, which serves it part by part, show fewer layers or heads "
            "(amap.select(heads=[0, 1])), or raise max_bytes="
        )


def _notes(infos: list[dict[str, Any]]) -> list[str]:
    worst = max(info["error"] for info in infos)
    if not worst:
        return []
    digits = 1 - math.floor(math.log10(worst))
    at_most = math.ceil(worst * 10**digits) / 10**digits  # two digits, upwards
    return [f"This page keeps rounded numbers: a weight differs from the recorded one by at most {at_most:g}."]


def _numbers(tensor: torch.Tensor) -> NDArray[np.float32]:
    made: NDArray[np.float32] = tensor.detach().float().cpu().resolve_neg().numpy()
    return made
