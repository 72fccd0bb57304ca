"""What a model would still see if its cache kept fewer keys: measured on the rows that came after."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from regard.analysis.caching.policies import POLICIES, Prompt, pyramid
from regard.analysis.mixtures.mixture import layers_of
from regard.arguments import number, one_of, several, whole_number
from regard.errors import OptionError, RecordingError, ShapeError
from regard.maps.attention_map import AttentionMap
from regard.maps.sinks import taken_by_sinks
from regard.positions import take
from regard.progress import bar

if TYPE_CHECKING:
    from regard.figures.figure_files import Axes, Figure


@dataclass(frozen=True)
class CacheReport:
    """What policies keep of the attention of later rows, for each budget.

    Attributes:
        policies: their names.
        budgets: how many keys of the prompt are kept by each key head; in the mean of layers for PyramidKV.
        layers: which layers.
        prompt: how many keys the prompt has.
        retained: the share of a later row's weight that is left, the mean over these rows, (policies, layers, heads,
            budgets); NaN where a layer has fewer heads.
        change: ‖o′ − o‖ / ‖o‖ of a later row, the mean over these rows, likewise; None where values were not recorded. o′ is
            the head's output when the other keys are not there.
        bytes_a_key: of each layer, for one key and its value in all key heads; NaN where they are not known.
    """

    policies: tuple[str, ...]
    budgets: tuple[int, ...]
    layers: tuple[int, ...]
    prompt: int
    retained: Tensor
    change: Tensor | None
    bytes_a_key: tuple[float, ...]

    def budget(self, share: float = 0.95) -> Tensor:
        """The smallest budget that keeps so much of each head's weight, (policies, layers, heads); NaN where none does."""
        number("share", share, least=0, below=1, advice="such as 0.95")
        enough = self.retained >= share
        sizes = torch.tensor(self.budgets, dtype=torch.float64).expand(enough.shape)
        return torch.where(enough, sizes, torch.inf).amin(-1).nan_to_num(posinf=torch.nan)

    def nbytes(self, budget: int) -> float:
        """Bytes of the prompt's keys and values in all layers, when each key head keeps so many; NaN where not known."""
        return sum(self.bytes_a_key) * whole_number("budget", budget, 0, self.prompt)

    def table(self) -> Iterator[Sequence[object]]:
        """A line for each policy, head and budget, for ``regard.save(report, "x.csv")``."""
        yield ["policy", "layer", "head", "budget", "retained", "change"]
        for p, policy in enumerate(self.policies):
            for at, layer in enumerate(self.layers):
                for head, line in enumerate(self.retained[p, at].tolist()):
                    for b, (budget, value) in enumerate(zip(self.budgets, line, strict=True)):
                        if value == value:
                            change = "" if self.change is None else float(self.change[p, at, head, b])
                            yield [policy, layer, head, budget, value, change]

    def __str__(self) -> str:
        lines = [
            f"{'share of weight kept':<22}" + "".join(f"{budget:>9,}" for budget in self.budgets) + f" of {self.prompt:,} keys"
        ]
        for policy, values in zip(self.policies, self.retained, strict=True):
            means = values.flatten(0, 1).nanmean(0).tolist()
            lines.append(f"{policy:<22}" + "".join(f"{value:>9.3f}" for value in means))
        return "\n".join(lines)

    def figure(
        self,
        *,
        title: str | None = None,
        width: float | None = None,
        font: float | None = None,
        theme: str = "light",
        ax: "Axes | None" = None,
    ) -> "Figure":
        """The share that is left by budget: a line a policy, and a band from the tenth of the heads that lose most upwards.

        Args:
            title: above the picture.
            width: in inches, as in ``regard.heatmap``.
            font: size of the letters in points, likewise.
            theme: "light" or "dark".
            ax: axes to draw in; a figure of its own where not given.

        Raises:
            OptionError: another theme.
        """
        from regard.analysis.caching.figure import cache_figure

        values = self.retained.flatten(1, 2)  # (policies, heads of all layers, budgets)
        kept = values[:, ~values[0, :, 0].isnan()]
        lines = {name: (kept[at].mean(0).tolist(), kept[at].quantile(0.1, 0).tolist()) for at, name in enumerate(self.policies)}
        said = f"weight of later tokens that is left, of a prompt of {self.prompt:,}" if title is None else title
        return cache_figure(self.budgets, lines, title=said, width=width, font=font, theme=theme, ax=ax)


def cache(
    recording: Any,
    policies: Sequence[str] = tuple(POLICIES),
    budgets: Sequence[float] = (0.05, 0.1, 0.2, 0.4, 0.8),
    *,
    prompt: int,
    kind: str | None = None,
    window: int = 32,
    sinks: int = 4,
) -> CacheReport:
    """retained(t) = Σ w_tj over kept keys j, and o′ − o = (1 − retained) · (o_kept − o_dropped), for rows t after the prompt.

    A policy scores the keys of the prompt by the prompt's own attention, keeps as many as the budget says, each key head its
    own, and is measured on the rows that come after: on the rows that it listened to, it would flatter itself. Keys after the
    prompt stay. Nothing runs again: all budgets are columns of one product with the lazy map, at any length. The weights are
    those with a full cache; in a model that lost keys, later layers would ask for others.

    Weight alone misleads: a first token may take most of it and carry nothing, so record with ``values=True`` for ``change``.

    Args:
        recording: of one sequence, causal, prompt and what followed in one pass: ``regard.generate``, or ``record`` over both.
        policies: of ``regard.analysis.caching.POLICIES``.
        budgets: how many keys of the prompt each key head keeps: whole numbers, or shares below 1.
        prompt: how many tokens the prompt has.
        kind: as in ``regard.mixture``.
        window: how many last queries of the prompt SnapKV listens to, and keeps.
        sinks: how many first keys StreamingLLM keeps.

    Raises:
        OptionError: unknown policies, budgets beyond the prompt, no rows after it; ShapeError: several sequences, or maps that
        are not square; RecordingError: a map that is not causal, as of an encoder.

    Example:
        >>> import regard
        >>> amap = regard.AttentionMap(torch.randn(1, 4, 50, 8), torch.randn(1, 2, 50, 8), causal=True)
        >>> report = cache([amap], ["streaming", "tova"], [0.25, 40], prompt=40, window=8)
        >>> report.retained.shape, report.budgets
        (torch.Size([2, 1, 4, 2]), (10, 40))
    """
    layers = layers_of(recording, kind)
    asked = several("policies", policies, "names of policies")
    names = list(dict.fromkeys(one_of("policies", name, POLICIES) for name in asked))
    if not names:
        raise OptionError(f"policies: expected at least one of {', '.join(POLICIES)}, got none")
    first = next(iter(layers.values()))
    size = whole_number("prompt", prompt, 1, first.shape[2] - 1, advice="some rows have to come after it")
    counts = tuple(_keys(one, size) for one in several("budgets", budgets, "numbers of keys, or shares"))
    if not counts:
        raise OptionError("budgets: expected at least one number of keys, got none")
    listened = whole_number("window", window, 1), whole_number("sinks", sinks, 0)
    values = _values(recording)
    found = []
    for layer, amap in bar(sorted(layers.items()), desc="asking policies", unit="layer", delay=1, leave=False):
        _check(amap, layer)
        falling = pyramid(counts, sorted(layers).index(layer), len(layers), size, listened[0])
        kept = {name: falling if name == "pyramidkv" else counts for name in names}
        found.append(_of_layer(amap, values.get(id(amap)), size, kept, listened))
    heads = max(kept.shape[1] for kept, _, _ in found)
    retained = torch.stack([_widened(kept, heads) for kept, _, _ in found], 1)
    changes = [change for _, change, _ in found if change is not None]
    change = torch.stack([_widened(one, heads) for one in changes], 1) if len(changes) == len(found) else None
    return CacheReport(
        tuple(names), counts, tuple(sorted(layers)), size, retained, change, tuple(nbytes for _, _, nbytes in found)
    )


def _keys(budget: Any, prompt: int) -> int:
    if isinstance(budget, float) and 0 < budget < 1:
        return max(1, round(budget * prompt))
    return whole_number("budgets", budget, 1, prompt, advice="or give a share below 1, as 0.1")


def _check(amap: AttentionMap, layer: int) -> None:
    if amap.shape[0] != 1 or amap.shape[2] != amap.shape[3]:
        raise ShapeError(
            f"recording: expected one sequence, prompt and answer in one pass, got (batch, heads, queries, keys)={amap.shape}; "
            "take one: recording.sample(0), or record the whole text at once"
        )
    if bool((amap[0, :, 0, 1:] != 0).any()):
        raise RecordingError(
            f"expected causal attention, which a cache serves, got rows of layer {layer} that see what follows"
        )


def _values(recording: Any) -> dict[int, Tensor]:
    """The values of each map, by its identity, where they were recorded."""
    calls = list(getattr(recording, "values", ()) or ())
    maps = list(getattr(recording, "maps", ()))
    if len(calls) != len(maps):
        return {}
    return {id(amap): call.value for amap, call in zip(maps, calls, strict=True) if call.value is not None}


@torch.no_grad()
def _of_layer(
    amap: AttentionMap,
    value: Tensor | None,
    size: int,
    counts: Mapping[str, Sequence[int]],
    listened: tuple[int, int],
) -> tuple[Tensor, Tensor | None, float]:
    """Of one layer, by how many keys each policy keeps: what is retained and what changes, (policies, heads, budgets) each."""
    factors, heads, total = amap.factors, amap.shape[1], amap.shape[3]
    kv_heads = heads if factors is None else factors.key.shape[1]
    group = heads // kv_heads
    early = Prompt(amap.select(queries=slice(0, size), keys=slice(0, size)), kv_heads, *listened)
    scores = {name: POLICIES[name](early) for name in counts}
    retained = torch.full((len(counts), heads, len(next(iter(counts.values())))), torch.nan, dtype=torch.float64)
    change = None if value is None else retained.clone()
    for key_head in range(kv_heads):
        mine = slice(key_head * group, (key_head + 1) * group)
        later = amap.select(heads=mine, queries=slice(size, None))
        kept = [_kept(score[key_head], counts[name], total) for name, score in scores.items()]
        keep = torch.cat([*kept, torch.ones(total, 1)], 1).to(later.device, later.dtype)
        found = (later @ keep)[0].double()  # (group, rows, policies · budgets, and all keys)
        left, mass, keep = found[..., :-1], found[..., -1:], keep[:, :-1]
        share = torch.where(mass > 0, left / mass, 1)  # a row that sees nothing loses nothing
        retained[:, mine] = share.mean(1).unflatten(1, (len(counts), -1)).transpose(0, 1).cpu()
        if value is not None and change is not None:
            ours = _value(later, value)  # (keys, dim)
            change[:, mine] = (
                _changes(later, ours, keep, left + taken_by_sinks(mass)).unflatten(1, (len(counts), -1)).transpose(0, 1).cpu()
            )
    if factors is None:
        return retained, change, torch.nan
    width = factors.key.shape[3] + (factors.key.shape[3] if value is None else value.shape[3])
    return retained, change, float(kv_heads * width * factors.key.element_size())


def _value(amap: AttentionMap, value: Tensor) -> Tensor:
    """What the keys that a map shows carry, for heads that share them: a call's values are all that its source has."""
    view = amap.view
    group = view.source.shape[1] // value.shape[1]
    return take(value[view.batch[0], view.heads[0] // group], 0, view.keys).to(amap.device, amap.dtype)


def _kept(score: Tensor, counts: Sequence[int], total: int) -> Tensor:
    """Which keys stay, (keys, budgets): 1 or 0. Of equal scores the earlier key stays."""
    place = torch.empty(len(score), dtype=torch.long)
    place[score.cpu().sort(descending=True, stable=True).indices] = torch.arange(len(score))
    keep = torch.ones(total, len(counts))
    keep[: len(score)] = (place[:, None] < torch.tensor(counts)).float()
    return keep


def _changes(later: AttentionMap, value: Tensor, keep: Tensor, left: Tensor) -> Tensor:
    """‖o′ − o‖ / ‖o‖, the mean over rows, (group, columns of ``keep``): one product for each column.

    ``left`` is what the softmax is divided by without the others: what is kept, and what a sink takes.
    """
    whole = (later @ value)[0].double()  # (group, rows, dim)
    sizes = whole.norm(dim=-1).clamp(min=torch.finfo(torch.float64).tiny)
    found = []
    for column in range(keep.shape[1]):
        kept = (later @ (value * keep[:, column, None]))[0].double() / left[..., column, None].clamp(min=1e-30)
        found.append(((kept - whole).norm(dim=-1) / sizes).mean(1))
    return torch.stack(found, 1)


def _widened(values: Tensor, heads: int) -> Tensor:
    """(policies, heads, budgets) with NaN for heads that this layer has not."""
    missing = values.new_full((values.shape[0], heads - values.shape[1], values.shape[2]), torch.nan)
    return torch.cat([values, missing], 1)
