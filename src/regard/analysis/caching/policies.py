"""What a policy of a cache thinks of the keys of a prompt, from the attention of the prompt alone."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from regard.analysis.heads.visibility import visible_counts
from regard.maps.attention_map import AttentionMap

KERNEL = 5
"""Over how many keys SnapKV averages a score."""

STEEPNESS = 20
"""Of PyramidKV: β of the authors' program."""


class Prompt(NamedTuple):
    """The prompt of one recorded call, and what a policy may ask of it."""

    amap: AttentionMap  #: (1, heads, prompt, prompt)
    kv_heads: int  #: how many heads keep keys of their own
    window: int  #: how many last queries SnapKV listens to, and keeps
    sinks: int  #: how many first keys StreamingLLM keeps

    def by_key_head(self, scores: Tensor) -> Tensor:
        """The mean over the query heads that share keys, (heads, prompt) to (kv_heads, prompt)."""
        shared: Tensor = scores.unflatten(0, (self.kv_heads, -1))
        return shared.mean(1)


def streaming(prompt: Prompt) -> Tensor:
    """The first keys, then the latest (Xiao et al. 2023, arXiv 2309.17453)."""
    size = prompt.amap.shape[3]
    order = torch.arange(size, dtype=torch.float64)
    order[: prompt.sinks] = size + torch.arange(min(prompt.sinks, size), 0, -1, dtype=torch.float64)
    return order.expand(prompt.kv_heads, -1)


def observed(prompt: Prompt) -> Tensor:
    """The mass that a key received, by the rows that could see it: H2O without its eviction from step to step.

    Zhang et al. 2023 (arXiv 2306.14048) add up what a key received. Early keys are seen by more rows: under uniform attention
    the first would win for that alone.
    """
    real = torch.ones(1, prompt.amap.shape[2], dtype=torch.bool)
    seen_by = visible_counts(prompt.amap, real).rows[0].clamp(min=1)
    return prompt.by_key_head(prompt.amap.received()[0].double() / seen_by)


def snapkv(prompt: Prompt) -> Tensor:
    """What the prompt's last queries looked at, averaged over neighbouring keys; these queries' own keys stay.

    Li et al. 2024 (arXiv 2404.14469), section 4.
    """
    size = prompt.amap.shape[3]
    window = min(prompt.window, size)
    last = prompt.amap.select(queries=slice(size - window, size))
    scores = last.received()[0].double() / window  # (heads, prompt)
    early = scores[:, : size - window]
    if early.shape[1]:
        early = avg_pool1d(early[None], KERNEL, 1, KERNEL // 2)[0]
    kept = torch.full((len(scores), window), float(size), dtype=torch.float64)
    return prompt.by_key_head(torch.cat([early, kept], 1))


def tova(prompt: Prompt) -> Tensor:
    """What the prompt's last query looked at, in the mean of all heads (Oren et al. 2024, arXiv 2401.06104)."""
    size = prompt.amap.shape[3]
    last = prompt.amap[0, :, size - 1].double()  # (heads, prompt)
    return last.mean(0).expand(prompt.kv_heads, -1)


POLICIES: dict[str, Callable[[Prompt], Tensor]] = {
    "streaming": streaming,
    "observed": observed,
    "snapkv": snapkv,
    "pyramidkv": snapkv,
    "tova": tova,
}
"""By name: a score of each key, (kv_heads, prompt); the keys with the largest stay."""


def pyramid(budgets: Sequence[int], at: int, layers: int, prompt: int, window: int) -> list[int]:
    """How many keys layer ``at`` keeps where all keep so many in the mean: many in the first layer, falling evenly to the last.

    Of what a budget has beyond the last queries' own keys, the last layer has one part in ``STEEPNESS``, and the first as much
    more than the mean; if that is more than there are keys, the last has what is left. A budget within the window is the same
    in all layers. PyramidKV, Cai et al. 2024 (arXiv 2406.02069), section 4.
    """
    found = []
    for budget in budgets:
        spare = budget - min(window, prompt)
        if spare <= 0 or layers == 1:
            found.append(budget)
            continue
        least = spare // STEEPNESS
        most = min(2 * spare - least, prompt - window)
        least = 2 * spare - most
        found.append(window + round(most - at * (most - least) / (layers - 1)))
    return found
