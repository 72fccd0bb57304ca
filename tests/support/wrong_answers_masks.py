"""More wrong answers: who may look at whom."""

# ruff: noqa: ARG001 - wrong answers do not use all that they are given

import math

import torch
import torch.nn.functional as F

from support.wrong_answers import by_rule, wrong

# padding mask


@wrong("padding mask", "inverted")
def _(scores, keep):
    return torch.stack([by_rule(s, lambda _, j, k=k: not k[j]) for s, k in zip(scores, keep, strict=True)])


@wrong("padding mask", "inverted")
def _(scores, keep):
    bias = torch.zeros(keep.shape).masked_fill(keep, -math.inf)[:, None]
    return F.softmax(scores + bias, 2)


@wrong("padding mask", "NaN where all is hidden")
def _(scores, keep):
    return torch.where(keep[:, None], scores, -math.inf).softmax(2)


@wrong("padding mask", "large negative number")
def _(scores, keep):
    return F.softmax(scores.double() + (1 - keep.double())[:, None] * -1e9, dim=2)


@wrong("padding mask", "large negative number")
def _(scores, keep):
    return torch.where(keep[:, None], scores, torch.finfo(scores.dtype).min).softmax(2)


@wrong("padding mask", "−10000")
def _(scores, keep):
    return F.softmax(scores + (1.0 - keep.float()).unsqueeze(1) * -10000.0, dim=-1)


@wrong("padding mask", "times zero")
def _(scores, keep):
    return torch.einsum("bij,bj->bij", scores, keep.float()).softmax(2)


@wrong("padding mask", "mask after softmax")
def _(scores, keep):
    return torch.einsum("bij,bj->bij", scores.softmax(2), keep.float())


@wrong("padding mask", "hidden queries")
def _(scores, keep):
    return F.softmax(torch.where(keep.unsqueeze(2), scores, -math.inf), dim=2)


@wrong("padding mask", "zero times infinity")
def _(scores, keep):
    return F.softmax(scores + (1 - keep.float()).unsqueeze(1) * float("-inf"), dim=2)


@wrong("padding mask", "true adds one")
def _(scores, keep):
    return torch.stack([F.softmax(s + k.float(), dim=1) for s, k in zip(scores, keep, strict=True)])


@wrong("padding mask", "no mask")
def _(scores, keep):
    return torch.stack([by_rule(s, lambda *_: True) for s in scores])


@wrong("padding mask", "over queries")
def _(scores, keep):
    return torch.stack(
        [
            torch.stack([F.softmax(column, 0) if k else column * 0 for column, k in zip(s.T, ks, strict=True)], 1)
            for s, ks in zip(scores, keep, strict=True)
        ]
    )


@wrong("padding mask", "one mask for all")
def _(scores, keep):
    return torch.stack([by_rule(s, lambda _, j: keep[0, j]) for s in scores])


# causal mask


@wrong("causal mask", "top left")
def _(scores):
    return by_rule(scores, lambda i, j: j <= i)


@wrong("causal mask", "top left")
def _(scores):
    queries, keys = scores.shape
    mask = scores.masked_fill(torch.triu(torch.ones_like(scores), 1) > 0, -math.inf)
    nothing = torch.zeros(1, keys, 1)
    return F.scaled_dot_product_attention(nothing[:, :queries], nothing, torch.eye(keys)[None], mask[None])[0]


@wrong("causal mask", "own token hidden")
def _(scores):
    return by_rule(scores, lambda i, j: j < i + scores.shape[1] - scores.shape[0])


@wrong("causal mask", "own token hidden")
def _(scores):
    return (scores + torch.full_like(scores, -math.inf).triu(scores.shape[1] - scores.shape[0])).softmax(1)


@wrong("causal mask", "one ahead")
def _(scores):
    return by_rule(scores, lambda i, j: j <= i + scores.shape[1] - scores.shape[0] + 1)


@wrong("causal mask", "inverted")
def _(scores):
    """A mask of True for the future, handed to a kernel in which True means visible."""
    queries, keys = scores.shape
    future = torch.triu(torch.ones(queries, keys), diagonal=1 + keys - queries).bool()
    bias = torch.where(future, scores, -math.inf)
    nothing = torch.zeros(1, keys, 1)
    return F.scaled_dot_product_attention(nothing[:, :queries], nothing, torch.eye(keys)[None], bias[None])[0]


@wrong("causal mask", "no mask")
def _(scores):
    return by_rule(scores, lambda *_: True)


@wrong("causal mask", "mask after softmax")
def _(scores):
    weights = scores.softmax(1)
    for i in range(len(scores)):
        weights[i, i + scores.shape[1] - len(scores) + 1 :] = 0
    return weights


@wrong("causal mask", "times zero")
def _(scores):
    return F.softmax(scores.tril(scores.shape[1] - scores.shape[0]), dim=1)


@wrong("causal mask", "−10000")
def _(scores):
    past = torch.arange(scores.shape[1]) <= torch.arange(scores.shape[1] - scores.shape[0], scores.shape[1])[:, None]
    return torch.where(past, scores, -10000.0).softmax(1)


@wrong("causal mask", "zero times infinity")
def _(scores):
    hidden = torch.ones(scores.shape).triu(scores.shape[1] - scores.shape[0] + 1)
    return torch.stack([F.softmax(row + h * -math.inf, 0) for row, h in zip(scores, hidden, strict=True)])


@wrong("causal mask", "over queries")
def _(scores):
    future = torch.ones(scores.shape).triu(scores.shape[1] - scores.shape[0] + 1) == 1
    powers = scores.double().masked_fill(future, -math.inf)
    return (powers - powers.logsumexp(0)).exp()


@wrong("causal mask", "shifted the other way")
def _(scores):
    return by_rule(scores, lambda i, j: j <= i + scores.shape[0] - scores.shape[1])


@wrong("causal mask", "top left", "times zero")
def _(scores):
    return F.softmax(torch.tril(scores), dim=1)


# window


@wrong("window", "one too many")
def _(scores, width):
    shift = scores.shape[1] - scores.shape[0]
    return scores.masked_fill(torch.ones(scores.shape).tril(shift).triu(shift - width) == 0, -math.inf).softmax(1)


@wrong("window", "one too few")
def _(scores, width):
    own = scores.shape[1] - scores.shape[0]
    return by_rule(scores, lambda i, j: j in range(i + own - width + 2, i + own + 1))


@wrong("window", "own token hidden")
def _(scores, width):
    own = scores.shape[1] - scores.shape[0]
    return by_rule(scores, lambda i, j: j in range(i + own - width, i + own))


@wrong("window", "future seen")
def _(scores, width):
    own = scores.shape[1] - scores.shape[0]
    return by_rule(scores, lambda i, j: abs(i + own - j) < width)


@wrong("window", "centred")
def _(scores, width):
    own, half = scores.shape[1] - scores.shape[0], width // 2
    return by_rule(scores, lambda i, j: j in range(i + own - half, i + own + half + 1))


@wrong("window", "no window")
def _(scores, width):
    return (scores + torch.full_like(scores, -math.inf).triu(scores.shape[1] - scores.shape[0] + 1)).softmax(1)


@wrong("window", "top left")
def _(scores, width):
    return by_rule(scores, lambda i, j: j in range(i - width + 1, i + 1))


@wrong("window", "looks ahead")
def _(scores, width):
    own = scores.shape[1] - scores.shape[0]
    return by_rule(scores, lambda i, j: j in range(i + own, i + own + width))


@wrong("window", "inverted")
def _(scores, width):
    shift = scores.shape[1] - scores.shape[0]
    return scores.masked_fill(torch.ones(scores.shape).tril(shift).triu(shift - width + 1) == 1, -math.inf).softmax(1)


@wrong("window", "mask after softmax")
def _(scores, width):
    weights, own = scores.softmax(1), scores.shape[1] - scores.shape[0]
    for i, row in enumerate(weights):
        row[: max(0, i + own - width + 1)] = 0
        row[i + own + 1 :] = 0
    return weights


@wrong("window", "times zero")
def _(scores, width):
    shift = scores.shape[1] - scores.shape[0]
    return by_rule(scores.tril(shift).triu(shift - width + 1), lambda *_: True)


@wrong("window", "one too many", "top left")
def _(scores, width):
    return by_rule(scores, lambda i, j: j in range(i - width, i + 1))
