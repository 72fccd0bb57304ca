"""Caches that keep some of the tokens: by where they stand, by the weight they had, or by what a prompt's end looked at."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

from regard.arguments import whole_number
from regard.errors import OptionError
from regard.mechanisms.caches.cache import Cache

MOST_KERNEL = 2**16
"""Keys that a score is averaged over."""


class StreamingCache(Cache):
    """The first tokens and the last ones (StreamingLLM, Xiao et al. 2023): attention under a window and a few sinks.

    Without the first tokens, on which much of the weight rests, a window alone breaks a model as soon as they fall out. In the
    paper a token's position is its place in the cache; here keys come as they were turned.

    Args:
        sinks: how many first tokens stay for good.
        window: how many last tokens a token sees beside them, itself included; 1 or more.
    """

    def __init__(self, sinks: int, window: int) -> None:
        super().__init__()
        self.sinks, self.window = whole_number("sinks", sinks, 0), whole_number("window", window, 1)

    def _let_go(self, _weights: Tensor) -> None:
        places = self.positions[0, 0]  # the same in all heads
        stays = (places < self.sinks) | (places > self.seen - self.window)
        self._only(stays.nonzero()[:, 0].expand(*self.positions.shape[:2], -1))


class HeavyHitterCache(Cache):
    """The last tokens, and those that have had most weight so far (H2O, Zhang et al. 2023).

        score_j = Σ of all weights that key j has received;  of the tokens that are not recent the least is let go

    Each head keeps its own. A token that was let go never comes back, and new ones start from 0: the recent ones are kept until
    they have had their chance.

    Args:
        heavy: how many tokens stay for their weight, 1 or more.
        recent: how many last tokens stay in any case, 1 or more.
    """

    def __init__(self, heavy: int, recent: int) -> None:
        super().__init__()
        self.heavy, self.recent = whole_number("heavy", heavy, 1), whole_number("recent", recent, 1)
        self.received: Tensor | None = None  #: (batch, heads, held)

    def _let_go(self, weights: Tensor) -> None:
        given = weights.detach().sum(2)  # (batch, heads, held)
        if self.received is not None:
            given = given + pad(self.received, (0, given.shape[2] - self.received.shape[2]))
        kept = _first_and_last(given, self.heavy, self.recent)
        if kept is not None:
            self._only(kept)
            given = given.gather(2, kept)
        self.received = given


class LastWeightsCache(Cache):
    """Whatever the newest token looks at least is let go, in all heads alike (TOVA, Oren et al. 2024).

        score_j = mean over the heads of the weight that the last query gives to key j

    Nothing is kept for being recent: a decoder that needs its last tokens looks at them.

    Args:
        budget: how many tokens stay, 1 or more.
    """

    def __init__(self, budget: int) -> None:
        super().__init__()
        self.budget = whole_number("budget", budget, 1)

    def _let_go(self, weights: Tensor) -> None:
        last = weights.detach()[:, :, -1].mean(1, keepdim=True)  # (batch, 1, held)
        if last.shape[2] > self.budget:
            kept = last.sort(dim=-1, descending=True, stable=True).indices[..., : self.budget].sort(dim=-1).values
            self._only(kept.expand(-1, weights.shape[1], -1))


class PromptCache(Cache):
    """Once, after the prompt: what its last tokens looked at, and these (SnapKV, Li et al. 2024). What follows is all kept.

        score_j = Σ of the weights that the last ``window`` queries of the prompt give to key j, averaged over its neighbours

    Averaging over neighbours keeps what stands around a token that was looked at, so that not only its pieces are left.

    Args:
        budget: how many tokens of the prompt stay for their score, 1 or more.
        window: how many last tokens of the prompt look, and stay; 1 or more.
        kernel: over how many keys a score is averaged, odd; 1 for none.
    """

    def __init__(self, budget: int, window: int, kernel: int = 5) -> None:
        super().__init__()
        self.budget, self.window = whole_number("budget", budget, 1), whole_number("window", window, 1)
        self.kernel = whole_number("kernel", kernel, 1, MOST_KERNEL)
        if not self.kernel % 2:
            raise OptionError(f"kernel: expected an odd number, got {self.kernel}; it has a middle")
        self._read = False

    def _let_go(self, weights: Tensor) -> None:
        if self._read:
            return
        self._read = True
        looked = weights.detach()[:, :, -self.window :].sum(2)  # (batch, heads, held)
        early = max(looked.shape[2] - self.window, 0)
        looked[..., :early] = avg_pool1d(looked[..., :early], self.kernel, 1, self.kernel // 2) if early else 0
        kept = _first_and_last(looked, self.budget, self.window)
        if kept is not None:
            self._only(kept)


def _first_and_last(score: Tensor, best: int, last: int) -> Tensor | None:
    """The places of the best scores among all but the last, and of the last, in order: (batch, heads, kept). None for all."""
    held = score.shape[2]
    if held <= best + last:
        return None
    early = score[..., : held - last].sort(dim=-1, descending=True, stable=True).indices[..., :best]
    late = torch.arange(held - last, held, device=score.device).expand(*score.shape[:2], last)
    return torch.cat([early.sort(dim=-1).values, late], dim=-1)
