"""How much the attention of each head says of effects: fitted on some prompts, measured on others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regard.analysis.mixtures.mixture import Head
from regard.analysis.passages.passages import Passages
from regard.analysis.passages.ranks import rank_correlation
from regard.arguments import number, several, whole_number
from regard.errors import DtypeError, OptionError, ShapeError, in_short
from regard.interventions.hidden_passages import PassageEffects


@dataclass(frozen=True)
class HeadFit:
    """What each head counts, and how well that orders the passages of prompts that were not fitted.

    Attributes:
        coefficients: of each head's mass; ``regard.mixture(recording, fit.coefficients)`` is the map of it.
        agreement: mean over held-out prompts of the rank correlation with what hiding costs.
        error: of that mean, standard deviation / √prompts.
        plain: the same for the mean mass of all heads.
        plain_error: its error.
        gain: mean difference of the two, prompt by prompt.
        gain_error: its error.
        fitted: prompts that were fitted.
        held_out: prompts that were not.
    """

    coefficients: Mapping[Head, float]
    agreement: float
    error: float
    plain: float
    plain_error: float
    gain: float
    gain_error: float
    fitted: int
    held_out: int

    def scores(self, found: Passages) -> dict[str, float]:
        """Σ coefficient · mass of each passage: the more, the more hiding it should cost.

        Raises:
            OptionError: heads that were not fitted.
        """
        values = _features(found, tuple(self.coefficients)) @ torch.tensor([*self.coefficients.values()], dtype=torch.float64)
        return dict(zip(found.spans.names, values.tolist(), strict=True))

    def __str__(self) -> str:
        return (
            f"rank correlation with what hiding costs, {self.held_out} prompts that were not fitted ({self.fitted} were): "
            f"{self.agreement:.2f} ± {self.error:.2f} fitted, {self.plain:.2f} ± {self.plain_error:.2f} mean of all heads, "
            f"gain {self.gain:+.2f} ± {self.gain_error:.2f}"
        )


def fit_heads(found: Sequence[PassageEffects], *, held_out: float = 0.5, ridge: float = 0.1, seed: int = 0) -> HeadFit:
    """Least over c: Σ over prompts and passages (cost − c · mass)² + λ‖c‖², cost = −effect, both less their prompt's mean.

    The features are AT2's (Cohen-Wang et al. 2025): for each head, the answer's mean attention to a passage. AT2 fits them to
    runs with random sets of passages left out, this to each passage hidden alone. λ is ``ridge`` times the mean variance of
    the features, summed over passages. Prompts are held out whole, as passages of one prompt share a model run.

    Args:
        found: at least four prompts with their effects, of the same heads and three passages or more each.
        held_out: the share of prompts that is not fitted.
        ridge: 0 for none.
        seed: of the shuffle that says which.

    Raises:
        OptionError: too few prompts; ShapeError: prompts of several models.

    Example:
        >>> import regard
        >>> from regard.axes.spans import Spans
        >>> made = []
        >>> for seed in range(8):
        ...     noise = torch.Generator().manual_seed(seed)
        ...     q, k = (torch.randn(1, 2, 12, 4, generator=noise) for _ in range(2))
        ...     parts = Spans(("a", "b", "c"), (range(3), range(3, 6), range(6, 9)))
        ...     seen = regard.passages(regard.AttentionMap(q, k, causal=True), parts, answer=[10, 11])
        ...     made.append(PassageEffects(seen, dict(zip("abc", (-seen.mass[0, 1, :3]).tolist()))))
        >>> round(fit_heads(made, ridge=0.001).agreement, 2)
        1.0
    """
    prompts = several("found", found, "prompts with effects, as passage_effects gives them")
    if wrong := [one for one in prompts if not isinstance(one, PassageEffects)]:
        raise DtypeError(f"found: expected what passage_effects gives, got {in_short(wrong[0])}")
    if len(prompts) < 4:
        raise OptionError(f"found: expected at least 4 prompts, half of which are held out, got {len(prompts)}")
    number("held_out", held_out, above=0, most=0.9, advice="the share that is not fitted, such as 0.5")
    number("ridge", ridge, least=0, most=1e6, advice="such as 0.1")
    generator = torch.Generator().manual_seed(whole_number("seed", seed, 0, 2**63 - 1))
    heads = _heads_of(prompts[0].passages)
    if other := [one for one in prompts if _heads_of(one.passages) != heads]:
        raise ShapeError(f"found: expected prompts of {len(heads)} heads each, got {len(_heads_of(other[0].passages))}")
    if few := [one for one in prompts if len(one.effects) < 3]:
        raise OptionError(f"found: expected at least 3 passages in each prompt, got {len(few[0].effects)}")
    order = torch.randperm(len(prompts), generator=generator).tolist()
    count = min(len(prompts) - 2, max(2, round(held_out * len(prompts))))
    apart, used = [prompts[at] for at in order[:count]], [prompts[at] for at in order[count:]]
    features, costs = (torch.cat(parts) for parts in zip(*(_centred(one, heads) for one in used), strict=True))
    gram = features.T @ features
    gram += ridge * gram.diagonal().mean() * torch.eye(len(heads), dtype=torch.float64)
    coefficients = torch.linalg.lstsq(gram, features.T @ costs, driver="gelsd").solution
    fitted, plain = [], []
    for one in apart:
        own, cost = _centred(one, heads)
        fitted.append(rank_correlation((own @ coefficients).tolist(), cost.tolist()))
        plain.append(rank_correlation(own.mean(1).tolist(), cost.tolist()))
    gains = [one - other for one, other in zip(fitted, plain, strict=True)]
    named = dict(zip(heads, coefficients.tolist(), strict=True))
    return HeadFit(named, *_mean(fitted), *_mean(plain), *_mean(gains), len(used), len(apart))


def _heads_of(found: Passages) -> tuple[Head, ...]:
    there = ~found.mass[..., 0].isnan()
    return tuple((found.layers[at], head) for at, head in there.nonzero().tolist())


def _features(found: Passages, heads: Sequence[Head]) -> Tensor:
    """(passages, heads)."""
    if not isinstance(found, Passages):
        raise DtypeError(f"found: expected passages, as regard.passages gives them, got {in_short(found)}")
    if missing := set(heads) - set(_heads_of(found)):
        raise OptionError(f"found: expected the heads that were fitted, got none of {min(missing)}")
    at = {layer: place for place, layer in enumerate(found.layers)}
    return torch.stack([found.mass[at[layer], head, :-1] for layer, head in heads], 1)


def _centred(one: PassageEffects, heads: Sequence[Head]) -> tuple[Tensor, Tensor]:
    features = _features(one.passages, heads)
    costs = -torch.tensor([one.effects[name] for name in one.passages.spans.names], dtype=torch.float64)
    return features - features.mean(0), costs - costs.mean()


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """A mean and its standard error; those without an order, as of equal costs, are left out."""
    there = torch.tensor([one for one in values if not math.isnan(one)], dtype=torch.float64)
    if len(there) < 2:
        return math.nan, math.nan
    return float(there.mean()), float(there.std() / len(there) ** 0.5)
