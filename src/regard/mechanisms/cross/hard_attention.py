"""Hard attention: a query looks at one key and reads its value as it is, where soft attention mixes all of them.

The choice is drawn from the weights of soft attention. It has no gradient: scores learn from rewards (`reinforce`).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from regard.arguments import dense_tensor, number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import weigh


class Glance(NamedTuple):
    """What hard attention saw.

    Attributes:
        output: (batch, heads, queries, value_dim), one value a query; 0 where nothing is visible.
        weights: (batch, heads, queries, keys), 1 at the chosen key and 0 elsewhere.
        choice: (batch, heads, queries), the chosen key; −1 where nothing is visible.
        probabilities: (batch, heads, queries, keys), what the choice was drawn from: the weights of soft attention.
    """

    output: Tensor
    weights: Tensor
    choice: Tensor
    probabilities: Tensor


def hard_attention(
    scores: Tensor,
    value: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
    generator: torch.Generator | None = None,
) -> Glance:
    """Look at one key, drawn at random: output_i = value_s with s ~ softmax(scores_i) (Xu et al. 2015, section 4.1).

    On average over the draws the output is that of soft attention. The output has gradients with respect to the value that
    was drawn only: scores learn through `reinforce`. In the paper scores are e, softmax(scores) is α, values are annotations a.

    Args:
        scores: (batch, heads, queries, keys), scaled already, from any function.
        generator: where chance comes from; torch's own if None.

    Returns:
        `Glance`: output in the dtype of value, the rest in float32, or float64 where scores or value are.

    Example:
        >>> seen = hard_attention(torch.tensor([[0.0, 99.0]]), torch.tensor([[1.0], [3.0]]))
        >>> seen.output, seen.weights, seen.choice
        (tensor([[3.]]), tensor([[0., 1.]]), tensor([1]))
    """
    if not isinstance(generator, torch.Generator | None):
        raise DtypeError(
            f"generator: expected a torch.Generator or None, got {type(generator).__name__}; "
            "write torch.Generator().manual_seed(0) for a seed of 0"
        )
    probabilities = _probabilities(scores, value, mask, causal)  # (batch, heads, queries, keys)
    rows = probabilities.detach().flatten(0, 2)  # (batch·heads·queries, keys)
    blind = (rows == 0).all(dim=1)
    drawn = torch.multinomial(rows.masked_fill(blind[:, None], 1.0), 1, generator=generator).flatten()
    choice = drawn.masked_fill(blind, -1).view(probabilities.shape[:3])  # (batch, heads, queries)
    return _look(probabilities, choice, scores, value)


def likeliest_attention(scores: Tensor, value: Tensor, mask: Tensor | Mask | None = None, *, causal: bool = False) -> Glance:
    """Look at the likeliest key: output_i = value_s with s = argmax scores_i, which is `hard_attention` without chance.

    Of equal scores the first wins.

    Example:
        >>> likeliest_attention(torch.tensor([[0.1, 0.3, 0.2]]), torch.tensor([[1.0], [3.0], [5.0]])).output
        tensor([[3.]])
    """
    probabilities = _probabilities(scores, value, mask, causal)  # (batch, heads, queries, keys)
    blind = (probabilities == 0).all(dim=-1)  # (batch, heads, queries)
    return _look(probabilities, probabilities.argmax(dim=-1).masked_fill(blind, -1), scores, value)


def _probabilities(scores: Tensor, value: Tensor, mask: Tensor | Mask | None, causal: bool) -> Tensor:
    """The weights of soft attention. Its output, the mean over all draws, is what is done without here."""
    _, probabilities = weigh(scores, value, mask, causal=causal)
    return inputs.widen(probabilities)


def _look(probabilities: Tensor, choice: Tensor, scores: Tensor, value: Tensor) -> Glance:
    v = inputs.widen(value)
    v = v.repeat_interleave(choice.shape[1] // v.shape[1], dim=1)  # (batch, heads, keys, value_dim)
    place = choice.clamp(min=0)[..., None]  # (batch, heads, queries, 1)
    output = v.gather(2, place.expand(-1, -1, -1, v.shape[3]))  # (batch, heads, queries, value_dim): other values are not read
    output = output.masked_fill(choice[..., None] < 0, 0.0)
    weights = torch.zeros_like(probabilities).scatter(3, place, (choice[..., None] >= 0).to(probabilities))
    first = (0,) * (4 - scores.ndim)
    return Glance(output[first], weights[first], choice[first], probabilities[first])


def reinforce(probabilities: Tensor, choice: Tensor, reward: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
    """A number whose gradient is, on average over the draws, that of the expected reward (Xu et al. 2015, section 4.1).

        reward + (reward − baseline) · Σ log probabilities[choice],  the bracket held constant

    Σ_s p(s) ∇(this) = Σ_s p(s) (∇reward + reward · ∇log p(s)) = ∇ Σ_s p(s) reward(s): the score-function estimator of
    Williams 1992. The baseline does not move the average, because Σ_s p(s) ∇log p(s) = ∇1 = 0; a good one calms the estimate.
    In the paper the reward is log p(y|s, a), the baseline is b and the factor λ_r is 1.

    Args:
        probabilities: (batch, heads, queries, keys), from `hard_attention`.
        choice: (batch, heads, queries), from `hard_attention`; −1 where nothing was visible.
        reward: (batch,), what each sequence got for all of its choices together.
        baseline: what was to be expected: a number, or one for each sequence; must not depend on the choice.

    Returns:
        (batch,): the value is not of interest. Maximise it.

    Example:
        >>> scores = torch.zeros(1, 1, 1, 2, requires_grad=True)
        >>> estimate = reinforce(scores.softmax(-1), torch.tensor([[[1]]]), torch.tensor([3.0]))
        >>> torch.autograd.grad(estimate.sum(), scores)[0].flatten()
        tensor([-1.5000,  1.5000])
    """
    inputs.check_computed("probabilities", probabilities)
    inputs.check_computed("reward", reward)
    if not isinstance(choice, Tensor) or choice.dtype != torch.int64:
        raise DtypeError(
            f"choice: expected torch.int64, the chosen keys, got {getattr(choice, 'dtype', type(choice).__name__)}; "
            "give hard_attention(...).choice"
        )
    if probabilities.ndim != 4 or choice.shape != probabilities.shape[:3]:
        raise ShapeError(
            "expected probabilities (batch, heads, queries, keys) and choice (batch, heads, queries), "
            f"got {tuple(probabilities.shape)} and {tuple(choice.shape)}"
        )
    keys = probabilities.shape[3]
    if choice.numel() and not -1 <= int(choice.min()) <= int(choice.max()) < keys:
        raise OptionError(
            f"choice: expected keys from 0 to {keys - 1}, or -1 where nothing was visible, got {int(choice.min())} to "
            f"{int(choice.max())}; give hard_attention(...).choice"
        )
    if not isinstance(baseline, Tensor):
        baseline = number("baseline", baseline)
    baseline = dense_tensor("baseline", torch.as_tensor(baseline)).to(reward)
    if reward.shape != choice.shape[:1] or baseline.shape not in (reward.shape, ()):
        raise ShapeError(
            f"expected reward (batch,)=({len(choice)},) and baseline alike or one number, got {tuple(reward.shape)} and "
            f"{tuple(baseline.shape)}; sum the reward of a sequence over its other axes"
        )
    chosen = probabilities.gather(3, choice.clamp(min=0)[..., None])[..., 0]  # (batch, heads, queries)
    surprise = chosen.masked_fill(choice < 0, 1.0).log().sum(dim=(1, 2))  # (batch,)
    return reward + (reward - baseline).detach() * surprise
