"""Attention as people write it, continued: how products are written, and what stands around them."""

import math

import torch
from torch.nn import functional as F

from support.written_by_hand import BATCH, CAUSAL, DIM, HEADS, TOKENS, WIDTH, merged

SCALE = DIM**-0.5

# -- products


def einsum(self, x):
    q, k, v = (one(x).view(BATCH, TOKENS, HEADS, DIM) for one in (self.one, self.two, self.three))
    w = torch.einsum("bqhd,bkhd->bhqk", q, k).mul(SCALE).softmax(-1)
    self.saw(w)
    return torch.einsum("bhqk,bkhd->bqhd", w, v).flatten(2)


def einsum_values_first(self, x):
    s, v = self.scores(x)
    w = s.softmax(-1)
    self.saw(w)
    return torch.einsum("bhjd,bhij->bihd", v, w).reshape(BATCH, TOKENS, WIDTH)


def einsum_heads_last(self, x):  # (batch, queries, keys, heads)
    q, k, v = (one(x).view(BATCH, TOKENS, HEADS, DIM) for one in (self.one, self.two, self.three))
    w = torch.einsum("bqhd,bkhd->bqkh", q, k).mul(SCALE).softmax(2)
    self.saw(w, (0, 3, 1, 2))
    return torch.einsum("bqkh,bkhd->bqhd", w, v).flatten(2)


def transformer_xl(self, x):  # (queries, keys, batch, heads)
    q, k, v = (one(x.transpose(0, 1)).view(TOKENS, BATCH, HEADS, DIM) for one in (self.one, self.two, self.three))
    w = F.softmax(torch.einsum("ibnd,jbnd->ijbn", q, k) * SCALE, dim=1)
    self.saw(w, (2, 3, 0, 1))
    return torch.einsum("ijbn,jbnd->ibnd", w, v).flatten(2).transpose(0, 1)


def bmm_of_batch_major(self, x):
    q, k, v = (one.reshape(BATCH * HEADS, TOKENS, DIM) for one in self.apart(x))
    w = torch.bmm(q, k.transpose(1, 2)).mul_(SCALE).softmax(-1)
    self.saw(w.view(BATCH, HEADS, TOKENS, TOKENS))
    return merged(torch.bmm(w, v).view(BATCH, HEADS, TOKENS, DIM))


def bmm_of_heads_major(self, x):
    q, k, v = (one.transpose(0, 1).reshape(HEADS * BATCH, TOKENS, DIM) for one in self.apart(x))
    w = (torch.bmm(q, k.mT) * SCALE).softmax(-1)
    self.saw(w.view(HEADS, BATCH, TOKENS, TOKENS), (1, 0, 2, 3))
    return merged(torch.bmm(w, v).view(HEADS, BATCH, TOKENS, DIM).transpose(0, 1))


def baddbmm(self, x):
    q, k, v = (one.reshape(BATCH * HEADS, TOKENS, DIM) for one in self.apart(x))
    s = torch.baddbmm(torch.empty(1), q, k.mT, beta=0, alpha=SCALE)
    w = s.view(BATCH, HEADS, TOKENS, TOKENS).softmax(-1)
    self.saw(w)
    return merged(torch.bmm(w.view(BATCH * HEADS, TOKENS, TOKENS), v).view(BATCH, HEADS, TOKENS, DIM))


def alibi_by_baddbmm(self, x):
    q, k, v = (one.reshape(BATCH * HEADS, TOKENS, DIM) for one in self.apart(x))
    s = self.learned.repeat(BATCH, 1, 1).baddbmm(q, k.mT, beta=0.5, alpha=SCALE)
    w = s.softmax(-1)
    self.saw(w.view(BATCH, HEADS, TOKENS, TOKENS))
    return merged((w @ v).view(BATCH, HEADS, TOKENS, DIM))


def keys_times_queries(self, x):
    q, k, v = self.apart(x)
    w = (k @ q.mT * SCALE).mT.softmax(-1)
    self.saw(w)
    return merged(w @ v)


def mm_of_single_heads(self, x):
    q, k, v = self.apart(x)
    rows = []
    for item in range(BATCH):
        heads = []
        for head in range(HEADS):
            w = torch.mm(q[item, head], k[item, head].t()).mul(SCALE).softmax(-1)
            self.saw(w[None, None])
            heads.append(torch.mm(w, v[item, head]))
        rows.append(torch.cat(heads, -1))
    return torch.stack(rows)


def weighted_sum(self, x):
    s, v = self.scores(x)
    w = s.softmax(-1)
    self.saw(w)
    return merged((w.unsqueeze(-1) * v.unsqueeze(2)).sum(3))


def tensordot(self, x):
    q, k, v = (one[0, 0] for one in self.apart(x))
    w = (q @ k.mT).softmax(-1)
    self.saw(w[None, None])
    return torch.tensordot(w, v, dims=1).repeat(BATCH, 1, HEADS)


def values_of_two_kinds(self, x):  # relative values, too
    s, v = self.scores(x)
    w = s.softmax(-1)
    self.saw(w)
    return merged(w @ v + torch.einsum("bhqk,qkd->bhqd", w, self.table))


def divided_after(self, x):
    s, v = self.scores(x)
    e = torch.exp(s)
    self.saw(lambda: s.softmax(-1))
    return merged((e @ v) / e.sum(-1, keepdim=True))


def divided_after_fewer_axes(self, x):
    s, v = self.scores(x)
    e = (s - s.amax(-1, keepdim=True)).exp()
    self.saw(lambda: s.softmax(-1))
    output = torch.einsum("bhqk,bhkd->bhqd", e, v)
    output /= e.sum(-1).unsqueeze(-1)
    return merged(output)


def divided_after_folded(self, x):
    q, k, v = (one.reshape(BATCH * HEADS, TOKENS, DIM) for one in self.apart(x))
    s = torch.bmm(q, k.mT) * SCALE
    e = s.exp()
    self.saw(lambda: s.softmax(-1).view(BATCH, HEADS, TOKENS, TOKENS))
    return merged((torch.bmm(e, v) * e.sum(-1, keepdim=True).reciprocal()).view(BATCH, HEADS, TOKENS, DIM))


def summed_by_the_values(self, x):  # a column of ones among the values
    s, v = self.scores(x)
    self.saw(lambda: s.softmax(-1))
    both = s.exp() @ torch.cat((v, torch.ones(*v.shape[:3], 1)), -1)
    return merged(both[..., :-1] / both[..., -1:])


def online(self, x):
    q, k, v = self.apart(x)
    top, total, output = torch.full((*q.shape[:3], 1), -math.inf), 0.0, 0.0
    for some in (slice(0, 2), slice(2, 5)):
        s = q @ k[:, :, some].mT * SCALE
        new = torch.maximum(top, s.amax(-1, keepdim=True))
        e, shrink = torch.exp(s - new), torch.exp(top - new)
        total, output, top = total * shrink + e.sum(-1, keepdim=True), output * shrink + e @ v[:, :, some], new
    return merged(output / total)


# -- what stands around


def cosine(self, x):  # Swin v2
    q, k, v = self.apart(x)
    scale = torch.clamp(self.learned[:, :1, :1], max=math.log(100)).exp()
    w = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * scale).softmax(-1)
    self.saw(w)
    return merged(w @ v)


def relative_in_an_einsum(self, x):
    q, k, v = self.apart(x)
    w = ((q @ k.mT + torch.einsum("bhqd,qkd->bhqk", q, self.table)) * SCALE).softmax(-1)
    self.saw(w)
    return merged(w @ v)


def relative_by_a_shift(self, x):  # Music Transformer
    q, k, v = self.apart(x)
    shifted = F.pad(q @ self.table[0].mT, (1, 0)).reshape(BATCH, HEADS, TOKENS + 1, TOKENS)[:, :, 1:]
    w = ((q @ k.mT + shifted) * SCALE).masked_fill(~CAUSAL, -math.inf).softmax(-1)
    self.saw(w)
    return merged(w @ v)


def windows_with_a_roll(self, x):  # of (batch, 3 windows, 2 positions), the last of which is the first again
    around = torch.roll(torch.cat((x, x[:, :1]), 1), 1, 1).view(BATCH * 3, 2, WIDTH)
    hidden = torch.zeros(BATCH * 3, 1, 2, 2)
    hidden[::3, :, 0, 1] = hidden[::3, :, 1, 0] = -100
    q, k, v = (one(around).view(-1, 2, HEADS, DIM).transpose(1, 2) for one in (self.one, self.two, self.three))
    s = q @ k.mT * SCALE
    w = (s.view(BATCH, 3, HEADS, 2, 2) + hidden.view(BATCH, 3, 1, 2, 2)).view(-1, HEADS, 2, 2).softmax(-1)
    self.saw(w)
    return torch.roll(merged(w @ v).reshape(BATCH, TOKENS + 1, WIDTH), -1, 1)[:, :TOKENS]


def windows_on_five_axes(self, x):  # (batch, windows, heads, …)
    around = torch.cat((x, x[:, :1]), 1)
    q, k, v = (one(around).view(BATCH, 3, 2, HEADS, DIM).transpose(2, 3) for one in (self.one, self.two, self.three))
    w = (q @ k.mT * SCALE).softmax(-1)
    self.saw(w.flatten(0, 1))
    return (w @ v).transpose(2, 3).reshape(BATCH, TOKENS + 1, WIDTH)[:, :TOKENS]


def axial(self, x):  # over the items of the batch, for each position
    q, k, v = (one(x).view(BATCH, TOKENS, HEADS, DIM).permute(1, 2, 0, 3) for one in (self.one, self.two, self.three))
    w = (q @ k.mT).softmax(-1)
    self.saw(w)
    return (w @ v).permute(2, 0, 1, 3).flatten(2)


def a_module_inside(self, x):
    return merged(self.inner(*self.apart(x), CAUSAL)[0])


def null_keys(self, x):
    q, k, v = self.apart(x)
    null = self.table[0, :1].expand(BATCH, HEADS, 1, DIM)
    k, v = (torch.cat((null, one), 2) for one in (k, v))
    w = (q @ k.mT).softmax(-1)
    self.saw(w)
    return merged(w @ v)


def latents(self, x):  # Perceiver
    q = self.one(x[:, :2]).view(BATCH, 2, HEADS, DIM).transpose(1, 2)
    _, k, v = self.apart(torch.cat((x, x[:, :2]), 1))
    w = (q @ k.mT).softmax(-1)
    self.saw(w)
    return merged(w @ v).repeat(1, 3, 1)[:, :TOKENS]


def additive(self, x):  # Bahdanau: one query
    w = self.mixed.weight[0, 0] * torch.tanh(self.one(x[:, -1:]) + self.two(x)).sum(-1)
    w = F.softmax(w, dim=1)
    self.saw(w[:, None, None])
    return x + torch.bmm(w.unsqueeze(1), x)


def learned(self, x):  # a random synthesizer
    w = self.learned.softmax(-1)
    self.saw(w.expand(BATCH, -1, -1, -1))
    return merged(w @ self.apart(x)[2])


def two_values(self, x):
    s, v = self.scores(x)
    w = s.softmax(-1)
    self.saw(w)
    return merged(w @ v + w @ (w @ v))


def slots(self, x):  # softmax over queries, then rows that sum to 1
    s, v = self.scores(x)
    w = s.softmax(2) + 1e-8
    w = w / w.sum(-1, keepdim=True)
    self.saw(w)
    return merged(w @ v)


def mapped_over_heads(self, x):
    def head(q, k, v):
        return (q @ k.mT).softmax(-1) @ v

    q, k, v = self.apart(x)
    self.saw(lambda: (q @ k.mT).softmax(-1))
    return merged(torch.vmap(torch.vmap(head))(q, k, v))


PRODUCTS = (
    einsum, einsum_values_first, einsum_heads_last, transformer_xl, bmm_of_batch_major, bmm_of_heads_major, baddbmm,
    alibi_by_baddbmm, keys_times_queries, mm_of_single_heads, weighted_sum, tensordot, values_of_two_kinds, divided_after,
    divided_after_fewer_axes, divided_after_folded, summed_by_the_values, online, cosine, relative_in_an_einsum,
    relative_by_a_shift, windows_with_a_roll, windows_on_five_axes, axial, a_module_inside, null_keys, latents, additive,
    learned, two_values, slots, mapped_over_heads,
)  # fmt: skip
