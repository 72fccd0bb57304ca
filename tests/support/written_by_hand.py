"""Attention as people write it, in small: each way is a function of a module, and says which weights it has used.

``saw`` keeps the weights where no recorder sees it. Sizes are different primes.
"""

# ruff: noqa: ARG001 - all ways are called alike

import math

import torch
from torch import nn
from torch.nn import functional as F

BATCH, HEADS, TOKENS, DIM = 2, 3, 5, 7
WIDTH = HEADS * DIM
CAUSAL = torch.ones(TOKENS, TOKENS, dtype=torch.bool).tril()


class Hand(nn.Module):
    """A module that attends as it is told; no name in it says so."""

    def __init__(self, way):
        super().__init__()
        self.way = way
        self.one, self.two, self.three, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.few, self.all = nn.Linear(WIDTH, 2 * DIM), nn.Linear(WIDTH, 3 * WIDTH)
        self.mixed, self.table = nn.Linear(HEADS, HEADS), nn.Parameter(torch.randn(TOKENS, TOKENS, DIM))
        self.learned = nn.Parameter(torch.randn(HEADS, TOKENS, TOKENS))
        self.parts = nn.ModuleList(Part() for _ in range(HEADS))
        self.inner, self.softmax = Inner(self), nn.Softmax(-1)
        self.seen = []

    def forward(self, x):
        return self.out(self.way(self, x))

    def saw(self, weights, order=(0, 1, 2, 3)):
        """These are the weights, or what computes them, which have (batch, heads, queries, keys) in this order."""
        with torch._C.DisableTorchFunction():
            weights = weights() if callable(weights) else weights
            self.seen.append(weights.detach().clone().permute(order))

    def apart(self, x):
        """(batch, heads, positions, dim) each of queries, keys and values."""
        return [one(x).view(*x.shape[:2], HEADS, DIM).transpose(1, 2) for one in (self.one, self.two, self.three)]

    def scores(self, x):
        """(batch, heads, queries, keys), and values."""
        q, k, v = self.apart(x)
        return q @ k.transpose(-2, -1) / math.sqrt(DIM), v

    def fused(self, q, k, v, seen=lambda weights: weights, **options):
        """A call of the fused attention, and its weights."""
        self.saw(lambda: seen((q @ k.mT * DIM**-0.5).softmax(-1)))
        return F.scaled_dot_product_attention(q, k, v, **options)


class Part(nn.Module):
    """One head, as in lectures."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, DIM, bias=False) for _ in range(3))

    def forward(self, x, owner):
        weights = (self.q(x) @ self.k(x).transpose(-2, -1) * DIM**-0.5).masked_fill(~CAUSAL, -math.inf).softmax(-1)
        owner.saw(weights[:, None])
        return weights @ self.v(x)


class Inner(nn.Module):
    """What other modules call to attend."""

    def __init__(self, owner):
        super().__init__()
        self.owner = [owner]
        self.dropout = nn.Dropout(0.3)

    def forward(self, q, k, v, mask=None):
        scores = torch.matmul(q / DIM**0.5, k.transpose(2, 3))
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -1e9)
        weights = self.dropout(F.softmax(scores, dim=-1))
        self.owner[0].saw(weights)
        return torch.matmul(weights, v), weights


def merged(heads_first):
    """(batch, positions, heads · dim)."""
    return heads_first.transpose(1, 2).flatten(2)


# -- how softmax is written: weights of scores


def dtype_of_softmax(self, s):
    return F.softmax(s, dim=-1, dtype=torch.float64).to(s.dtype)


def of_floats(self, s):
    return s.double().softmax(-1).type_as(s)


def a_module_of_softmax(self, s):
    return self.softmax(s)


def log_softmax_then_exp(self, s):
    return s.log_softmax(-1).exp()


def exp_of_log_softmax(self, s):
    return torch.exp(F.log_softmax(s, dim=-1))


def exp_of_log_softmax_in_place(self, s):
    return torch.log_softmax(s, -1).exp_()


def by_logsumexp(self, s):
    return torch.exp(s - torch.logsumexp(s, -1, keepdim=True))


def by_logsumexp_of_fewer_axes(self, s):
    return (s - s.logsumexp(dim=-1)[..., None]).exp()


def by_log_of_sum(self, s):
    s = s - s.amax(-1, keepdim=True)
    return torch.exp(s - torch.log(torch.exp(s).sum(-1, keepdim=True)))


def kept_sum(self, s):
    e = torch.exp(s - s.max(-1, keepdim=True)[0])
    return e / e.sum(-1, keepdim=True)


def indexed_sum(self, s):
    e = torch.exp(s - s.max(-1, keepdim=True).values)
    return e / e.sum(-1)[..., None]


def indexed_sum_in_full(self, s):
    e = s.exp()
    return e / e.sum(3)[:, :, :, None]


def unsqueezed_sum(self, s):
    e = torch.exp(s)
    return e.div(torch.sum(e, dim=-1).unsqueeze(-1))


def viewed_sum(self, s):
    e = s.exp()
    return e / e.sum(dim=(-1,)).view(*s.shape[:3], 1)


def expanded_sum(self, s):
    e = s.exp()
    return e / e.sum(-1, keepdim=True).expand_as(e)


def safe_sum(self, s):
    e = s.exp()
    return e / (e.sum(-1, keepdim=True) + 1e-9)


def clamped_sum(self, s):
    e = s.exp()
    return e / e.sum(-1, True).clamp(min=1e-6)


def inverse_sum(self, s):
    e = s.exp()
    return e * (1 / e.sum(-1, keepdim=True))


def reciprocal_sum(self, s):
    e = s.exp()
    return e * e.sum(-1, keepdim=True).reciprocal()


def sum_of_product_with_ones(self, s):
    e = s.exp()
    return e / (e @ torch.ones(TOKENS, 1))


def normalised(self, s):
    return F.normalize(s.exp(), p=1, dim=-1)


def of_base_two(self, s):
    e = torch.exp2(s / math.log(2))
    return e / e.sum(-1, keepdim=True)


def in_place(self, s):
    s.sub_(s.amax(-1, keepdim=True)).exp_()
    return s.div_(s.sum(-1, keepdim=True))


def operators_in_place(self, s):
    s -= s.amax(-1, keepdim=True)
    torch.exp(s, out=s)
    s /= s.sum(-1, keepdim=True)
    return s


def softmax_into_scores(self, s):
    return torch.softmax(s, dim=-1, out=s)


def masked_exponentials(self, s):
    e = s.exp() * CAUSAL
    return e / e.sum(-1, keepdim=True)


def masked_after(self, s):
    return s.softmax(-1).masked_fill(~CAUSAL, 0)


def masked_after_a_cast_in_place(self, s):
    w = s.double().softmax(-1).float()
    w.masked_fill_(~CAUSAL, 0)
    return w


def written_into_after_a_cast(self, s):
    w = s.double().softmax(-1).float()
    w[:, 1] = 0.2
    return w


def renormalised(self, s):
    w = s.softmax(-1) * CAUSAL
    return w / w.sum(-1, keepdim=True)


def gated(self, s):
    return s.softmax(-1) * torch.sigmoid(s)


def sharpened(self, s):
    return s.softmax(-1) ** 2


def minus_infinity(self, s):
    return s.masked_fill(~CAUSAL, -math.inf).softmax(-1)


def very_negative(self, s):
    return (s + (1 - CAUSAL.float()) * -1e9).softmax(-1)


def chosen(self, s):
    return torch.where(CAUSAL, s, torch.finfo(s.dtype).min).softmax(-1)


def filled_in_place(self, s):
    s[:, :, ~CAUSAL] = -math.inf
    return s.softmax(-1)


def without_nan(self, s):
    return s.masked_fill(~CAUSAL.tril(-1), -math.inf).softmax(-1).nan_to_num(0)


def alibi(self, s):
    slopes = 2.0 ** -torch.arange(1, HEADS + 1)
    return (s - slopes[:, None, None] * (torch.arange(TOKENS)[:, None] - torch.arange(TOKENS)).abs()).softmax(-1)


def relative_table(self, s):
    return (s + self.learned).softmax(-1)


def capped(self, s):
    return (2 * torch.tanh(s / 2)).softmax(-1)


def best_two(self, s):
    kept = s.topk(2, -1).values[..., -1:]
    return s.masked_fill(s < kept, -math.inf).softmax(-1)


def with_a_sink(self, s):
    return torch.cat((s, torch.ones(*s.shape[:3], 1)), -1).softmax(-1)[..., :-1]


def one_is_added(self, s):
    e = s.exp()
    return e / (1 + e.sum(-1, keepdim=True))


def talking_before(self, s):
    return self.mixed(s.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).softmax(-1)


def talking_after(self, s):
    return self.mixed(s.softmax(-1).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def talking_in_an_einsum(self, s):
    return torch.einsum("bhqk,gh->bgqk", s.softmax(-1), self.mixed.weight)


def difference(self, s):
    return s.softmax(-1) - 0.3 * (s * 0.5).softmax(-1)


def average_of_two(self, s):
    return 0.5 * s.softmax(-1) + 0.5 * (-s).softmax(-1)


def averaged_over_heads(self, s):
    return s.softmax(-1).mean(1, keepdim=True)


WEIGHTS = (
    dtype_of_softmax, of_floats, a_module_of_softmax, log_softmax_then_exp, exp_of_log_softmax, exp_of_log_softmax_in_place,
    by_logsumexp, by_logsumexp_of_fewer_axes, by_log_of_sum, kept_sum, indexed_sum, indexed_sum_in_full, unsqueezed_sum,
    viewed_sum, expanded_sum, safe_sum, clamped_sum, inverse_sum, reciprocal_sum, sum_of_product_with_ones, normalised,
    of_base_two, in_place, operators_in_place, softmax_into_scores, masked_exponentials, masked_after,
    masked_after_a_cast_in_place, written_into_after_a_cast, renormalised, gated, sharpened, minus_infinity, very_negative,
    chosen, filled_in_place, without_nan, alibi, relative_table, capped, best_two, with_a_sink, one_is_added, talking_before,
    talking_after, talking_in_an_einsum, difference, average_of_two, averaged_over_heads,
)  # fmt: skip
