"""Attention as people write it, continued: how heads are cut, which share keys, and how fused attention is called."""

import torch
from torch.nn import functional as F

from support.written_by_hand import BATCH, DIM, HEADS, TOKENS, WIDTH, merged

SCALE = DIM**-0.5

# -- heads


def one_projection(self, x):
    q, k, v = self.all(x).reshape(BATCH, TOKENS, 3, HEADS, DIM).permute(2, 0, 3, 1, 4)
    w = ((q * SCALE) @ k.transpose(-2, -1)).softmax(dim=-1)
    self.saw(w)
    return (w @ v).transpose(1, 2).reshape(BATCH, TOKENS, WIDTH)


def three_chunks(self, x):
    q, k, v = (one.unflatten(-1, (HEADS, DIM)).transpose(1, 2) for one in self.all(x).chunk(3, dim=-1))
    w = (q * DIM**-0.25 @ (k * DIM**-0.25).transpose(2, 3)).softmax(-1)
    self.saw(w)
    return merged(w @ v)


def heads_inside_of_features(self, x):
    q, k, v = (one(x).view(BATCH, TOKENS, DIM, HEADS).permute(0, 3, 1, 2) for one in (self.one, self.two, self.three))
    w = (q @ k.mT * SCALE).softmax(-1)
    self.saw(w)
    return (w @ v).permute(0, 2, 3, 1).flatten(2)


def heads_in_a_list(self, x):
    return torch.cat([head(x, self) for head in self.parts], -1)


def heads_in_a_loop(self, x):
    q, k, v = self.apart(x)
    made = []
    for head in range(HEADS):
        w = (q[:, head] @ k[:, head].transpose(1, 2) * SCALE).softmax(-1)
        self.saw(w[:, None])
        made.append(w @ v[:, head])
    return torch.cat(made, -1)


def heads_split_and_put_into_the_batch(self, x):
    q, k, v = (torch.cat(one(x).split(DIM, 2), 0) for one in (self.one, self.two, self.three))
    w = (q @ k.mT * SCALE).softmax(-1)
    self.saw(w.view(HEADS, BATCH, TOKENS, TOKENS), (1, 0, 2, 3))
    return torch.cat((w @ v).split(BATCH, 0), 2)


def queries_in_chunks(self, x):
    q, k, v = self.apart(x)
    made = []
    for some in q.split(2, dim=2):
        w = (some @ k.mT * SCALE).softmax(-1)
        self.saw(w)
        made.append(w @ v)
    return merged(torch.cat(made, 2))


def slices_of_the_batch(self, x):
    q, k, v = (one.reshape(BATCH * HEADS, TOKENS, DIM) for one in self.apart(x))
    output = torch.empty_like(q)
    for at in range(0, BATCH * HEADS, HEADS):
        w = (q[at : at + HEADS] @ k[at : at + HEADS].mT * SCALE).softmax(-1)
        self.saw(w[None])
        output[at : at + HEADS] = w @ v[at : at + HEADS]
    return merged(output.view(BATCH, HEADS, TOKENS, DIM))


def queries_and_heads_in_one_axis(self, x):  # GPT-BigCode: all heads share keys and values
    q = self.one(x).view(BATCH, TOKENS * HEADS, DIM)
    k, v = self.few(x).split(DIM, -1)
    s = torch.baddbmm(torch.empty(1), q, k.mT, beta=0, alpha=SCALE).view(BATCH, TOKENS, HEADS, TOKENS)
    w = s.softmax(-1)
    self.saw(w, (0, 2, 1, 3))
    return torch.bmm(w.view(BATCH, TOKENS * HEADS, TOKENS), v).view(BATCH, TOKENS, WIDTH)


def shared_keys(self, x):
    q = self.apart(x)[0]
    k, v = (one.unsqueeze(1) for one in self.few(x).chunk(2, -1))
    w = (q @ k.mT * SCALE).softmax(-1)
    self.saw(w)
    return merged(w @ v)


def grouped(self, x):
    """(batch, groups, heads, positions, dim) of queries, 2 groups of 3 heads; (batch, groups, …) of keys and values."""
    q = self.all(x)[..., :42].view(BATCH, TOKENS, 2, 3, DIM).permute(0, 2, 3, 1, 4)
    k, v = (
        one.view(BATCH, TOKENS, 2, DIM).transpose(1, 2) for one in self.all(x)[..., 42:].repeat(1, 1, 2)[..., :28].chunk(2, -1)
    )
    return q, k, v


def three_of_six(output):  # of (batch, 6, positions, dim)
    return merged(output)[..., :WIDTH]


def grouped_on_five_axes(self, x):
    q, k, v = grouped(self, x)
    w = (q @ k[:, :, None].mT * SCALE).softmax(-1)
    self.saw(w.flatten(1, 2))
    return three_of_six((w @ v[:, :, None]).flatten(1, 2))


def grouped_on_five_axes_fused(self, x):
    q, k, v = grouped(self, x)
    output = self.fused(q, k[:, :, None], v[:, :, None], lambda w: w.flatten(1, 2))
    return three_of_six(output.flatten(1, 2))


def grouped_in_an_einsum(self, x):
    q, k, v = grouped(self, x)
    w = torch.einsum("bgrnd,bgmd->bgrnm", q, k).softmax(-1)
    self.saw(w.flatten(1, 2))
    return three_of_six(torch.einsum("bgrnm,bgmd->bgrnd", w, v).flatten(1, 2))


def grouped_and_folded(self, x):
    q, k, v = grouped(self, x)
    q = q.flatten(0, 2)
    k, v = (one.repeat_interleave(3, 1).flatten(0, 1) for one in (k, v))
    w = torch.bmm(q, k.mT).softmax(-1)
    self.saw(w.view(BATCH, 6, TOKENS, TOKENS))
    return three_of_six(torch.bmm(w, v).view(BATCH, 6, TOKENS, DIM))


def grouped_and_folded_by_expand(self, x):
    q, k, v = grouped(self, x)
    q = q.reshape(BATCH * 6, TOKENS, DIM)
    k, v = (one[:, :, None].expand(-1, -1, 3, -1, -1).reshape(BATCH * 6, TOKENS, DIM) for one in (k, v))
    w = (q @ k.mT).softmax(-1)
    self.saw(w.view(BATCH, 6, TOKENS, TOKENS))
    return three_of_six((w @ v).view(BATCH, 6, TOKENS, DIM))


def grouped_by_repeat(self, x):
    q, k, v = grouped(self, x)
    q = q.flatten(1, 2)
    k, v = (one.repeat(1, 3, 1, 1) for one in (k, v))
    w = (q @ k.mT).softmax(-1)
    self.saw(w)
    return three_of_six(w @ v)


# -- the fused attention


def fused(self, x):
    return merged(self.fused(*self.apart(x)))


def fused_folded(self, x):
    q, k, v = (one.reshape(BATCH * HEADS, TOKENS, DIM) for one in self.apart(x))
    output = self.fused(q, k, v, lambda w: w.view(BATCH, HEADS, TOKENS, TOKENS))
    return merged(output.view(BATCH, HEADS, TOKENS, DIM))


def fused_on_five_axes(self, x):  # as they are cut: (batch, 1, heads, …)
    q, k, v = (one.unsqueeze(1) for one in self.apart(x))
    return merged(self.fused(q, k, v, lambda w: w.squeeze(1)).squeeze(1))


def fused_heads_before_batch(self, x):
    q, k, v = (one.transpose(0, 1) for one in self.apart(x))
    return merged(self.fused(q, k, v, lambda w: w.transpose(0, 1)).transpose(0, 1))


def fused_with_a_mask_added(self, x):
    bias = self.learned.detach()
    q, k, v = self.apart(x)
    self.saw(lambda: (q @ k.mT * SCALE + bias).softmax(-1))
    return merged(F.scaled_dot_product_attention(q, k, v, attn_mask=bias))


def fused_one_item_at_a_time(self, x):
    q, k, v = self.apart(x)
    return torch.stack([self.fused(*one, lambda w: w[None]) for one in zip(q, k, v, strict=True)]).transpose(1, 2).flatten(2)


HEADS_OF_THEIRS = (
    one_projection, three_chunks, heads_inside_of_features, heads_in_a_list, heads_in_a_loop,
    heads_split_and_put_into_the_batch, queries_in_chunks, slices_of_the_batch, queries_and_heads_in_one_axis, shared_keys,
    grouped_on_five_axes, grouped_on_five_axes_fused, grouped_in_an_einsum, grouped_and_folded,
    grouped_and_folded_by_expand, grouped_by_repeat, fused, fused_folded, fused_on_five_axes, fused_heads_before_batch,
    fused_with_a_mask_added, fused_one_item_at_a_time,
)  # fmt: skip
