"""Right answers to whole layers, kernels, caches and experiments, in other styles."""

# ruff: noqa: ARG001 - not all that is given is needed

import math

import torch
import torch.nn.functional as F
from torch import nn

from support.right_answers import right


@right("multi head attention")
def layer_of_torch(x, memory, query_weight, key_weight, value_weight, output_weight, heads):
    """The kernel, with heads cut by unflatten."""
    q, k, v = (
        F.linear(side, weight).unflatten(-1, (heads, -1)).transpose(0, 1)
        for side, weight in ((x, query_weight), (memory, key_weight), (memory, value_weight))
    )
    return F.linear(F.scaled_dot_product_attention(q[None], k[None], v[None])[0].transpose(0, 1).flatten(1), output_weight)


@right("multi head attention")
def layer_head_by_head(x, memory, query_weight, key_weight, value_weight, output_weight, heads):
    dim, mixed = x.shape[1] // heads, torch.zeros_like(x)
    for head in range(heads):
        part = slice(head * dim, (head + 1) * dim)
        scores = (x @ query_weight[part].T) @ (memory @ key_weight[part].T).T
        mixed = mixed + (scores / math.sqrt(dim)).softmax(1) @ (memory @ value_weight[part].T) @ output_weight[:, part].T
    return mixed


@right("multi head attention")
def layer_of_nn(x, memory, query_weight, key_weight, value_weight, output_weight, heads):
    layer = nn.MultiheadAttention(x.shape[1], heads, bias=False, dtype=x.dtype)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.cat([query_weight, key_weight, value_weight]))
        layer.out_proj.weight.copy_(output_weight)
    return layer(x, memory, memory)[0]


@right("decoder block")
def block_in_steps(x, memory, norm, attend, feed_forward):
    normed = norm(x)
    first = torch.add(x, attend(normed, normed, causal=True))
    second = first.add(attend(queries=norm(first), keys=memory, causal=False))
    return second.add(feed_forward(norm(second)))


@right("decoder block")
def block_in_a_loop(x, memory, norm, attend, feed_forward):
    for step in (lambda h: attend(h, h, True), lambda h: attend(h, memory, False), feed_forward):
        x = x + step(norm(x))
    return x


@right("decoder block")
def block_in_doubles(x, memory, norm, attend, feed_forward):
    h = x.double()
    h = h + attend(norm(h), norm(h), True)
    h = h + attend(norm(h), memory.double(), False)
    return (h + feed_forward(norm(h))).to(x.dtype)


@right("flash attention")
def flash_by_rows(query, key, value, tile):
    outputs, sums = [], []
    for q in query:
        top, total, mixed = -math.inf, 0.0, torch.zeros(value.shape[1], dtype=torch.float64)
        for start in range(0, len(key), tile):
            scores = (key[start : start + tile].double() @ q.double() / math.sqrt(len(q))).tolist()
            new = max([top, *scores])
            total, mixed = total * math.exp(top - new), mixed * math.exp(top - new)
            for score, row in zip(scores, value[start : start + tile].double(), strict=True):
                total += math.exp(score - new)
                mixed = mixed + math.exp(score - new) * row
            top = new
        outputs.append(mixed / total)
        sums.append([top + math.log(total)])
    return torch.stack(outputs), torch.tensor(sums)


@right("flash attention")
def flash_by_logsumexp(query, key, value, tile):
    """Parts that are normalised are put together by their logsumexps."""
    output, lse = None, None
    for k, v in zip(key.split(tile), value.split(tile), strict=True):
        scores = query @ k.T / query.shape[1] ** 0.5
        top = scores.max(1, keepdim=True).values
        powers = (scores - top).exp()
        mass = powers.sum(1, keepdim=True)
        part, part_lse = powers @ v / mass, top + mass.log()
        if output is None:
            output, lse = part, part_lse
        else:
            both = torch.logaddexp(lse, part_lse)
            output, lse = (lse - both).exp() * output + (part_lse - both).exp() * part, both
    return output, lse


@right("flash attention")
def flash_all_at_once(query, key, value, tile):
    """No tiles: a check of numbers cannot see them."""
    scores = torch.einsum("qd,kd->qk", query, key).div(query.shape[1] ** 0.5)
    top = scores.max(dim=1, keepdim=True)[0]
    powers = torch.e ** (scores - top)
    return (powers / powers.sum(1, True)) @ value, powers.sum(1, True).log() + top


@right("flash backward")
def backward_by_autograd(query, key, value, output, logsumexp, grad):
    sides = [side.detach().clone().requires_grad_() for side in (query, key, value)]
    F.scaled_dot_product_attention(*sides).backward(grad)
    return tuple(side.grad for side in sides)


@right("flash backward")
def backward_by_rows(query, key, value, output, logsumexp, grad):
    root = math.sqrt(query.shape[1])
    dq, dk, dv = (torch.zeros_like(side) for side in (query, key, value))
    for i in range(len(query)):
        p = (key @ query[i] / root - logsumexp[i]).exp()
        for j in range(len(key)):
            dv[j] += p[j] * grad[i]
            ds = p[j] * (grad[i] @ value[j] - grad[i] @ output[i]) / root
            dq[i] += ds * key[j]
            dk[j] += ds * query[i]
    return dq, dk, dv


@right("flash backward")
def backward_by_jacobian(query, key, value, output, logsumexp, grad):
    """The whole Jacobian of each row's softmax."""
    p = torch.softmax(query @ key.T / query.shape[1] ** 0.5, 1)
    jacobian = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    ds = torch.einsum("ijk,ik->ij", jacobian, grad @ value.T) / query.shape[1] ** 0.5
    return ds @ key, ds.T @ query, p.T @ grad


@right("ring cache")
def ring_written_to(query, key, value, keys, values, position):
    keys, values, size = keys.clone(), values.clone(), len(keys)
    keys[position % size], values[position % size] = key[0], value[0]
    seen = min(position + 1, size)
    return F.scaled_dot_product_attention(query[None], keys[None, :seen], values[None, :seen])[0], keys, values


@right("ring cache")
def ring_by_index(query, key, value, keys, values, position):
    row = torch.tensor([divmod(position, keys.shape[0])[1]])
    keys, values = keys.index_copy(0, row, key), values.index_copy(0, row, value)
    scores = query.mm(keys.T) * query.shape[1] ** -0.5
    scores[:, position + 1 :] = -torch.inf
    return scores.softmax(1).mm(values), keys, values


@right("ring cache")
def ring_in_order(query, key, value, keys, values, position):
    """Rows in the order of their tokens, for the softmax; stored where they belong."""
    size, at = len(keys), position % len(keys)
    keys, values = (torch.cat([old[:at], new, old[at + 1 :]]) for old, new in ((keys, key), (values, value)))
    order = [t % size for t in range(max(0, position - size + 1), position + 1)]
    weights = torch.softmax((keys[order] @ query[0]) / math.sqrt(query.shape[1]), 0)
    return (weights @ values[order])[None], keys, values


@right("absorbed latent")
def latents_expanded(query, latent, up_key, up_value):
    """Keys and values of all heads: the same numbers."""
    key, value = latent @ up_key.mT, latent @ up_value.mT
    return F.scaled_dot_product_attention(query[None], key[None], value[None])[0]


@right("absorbed latent")
def latents_by_einsum(query, latent, up_key, up_value):
    scores = torch.einsum("hqd,hdr,kr->hqk", query, up_key, latent) / math.sqrt(up_key.shape[1])
    return torch.einsum("hqk,kr,hvr->hqv", scores.softmax(2), latent, up_value)


@right("absorbed latent")
def latents_head_by_head(query, latent, up_key, up_value):
    heads = []
    for q, k, v in zip(query, up_key, up_value, strict=True):
        weights = ((q @ k) @ latent.T / q.shape[1] ** 0.5).softmax(1)
        heads.append((weights @ latent) @ v.T)
    return torch.stack(heads)


@right("delta rule")
def delta_by_matrix(query, key, value, beta):
    """(I − β k kᵀ) S + β k vᵀ."""
    state, rows = torch.zeros(key.shape[1], value.shape[1]), []
    for q, k, v, b in zip(query, key, value, beta, strict=True):
        state = (torch.eye(len(k)) - b * torch.outer(k, k)).to(state) @ state + b * torch.outer(k, v)
        rows.append(state.T @ q)
    return torch.stack(rows)


@right("delta rule")
def delta_transposed_state(query, key, value, beta):
    state, rows = torch.zeros(value.shape[1], key.shape[1]), []
    for t in range(len(key)):
        error = value[t] - state @ key[t]
        state = state + beta[t] * error[:, None] * key[t][None, :]
        rows.append(state @ query[t])
    return torch.vstack(rows)


@right("delta rule")
def delta_solved(query, key, value, beta):
    """All that is written, from one triangular system."""
    n = len(key)
    system = torch.eye(n) + beta[:, None] * (key @ key.T).tril(-1)
    written = torch.linalg.solve_triangular(system, beta[:, None] * value, upper=False)
    return (query @ key.T).tril() @ written


@right("position interpolation")
def angles_of_scaled_frequencies(positions, dim, trained, length):
    factor = trained / length if length > trained else 1.0
    return torch.outer(positions, factor / 10000 ** (torch.arange(0, dim, 2) / dim))


@right("position interpolation")
def angles_in_logarithms(positions, dim, trained, length):
    place = positions * min(1, trained / length)
    return torch.stack([place * math.exp(-2 * i / dim * math.log(10000)) for i in range(dim // 2)], 1)


@right("position interpolation")
def angles_by_interpolation(positions, dim, trained, length):
    """Where each position falls among those that were trained on."""
    ours = positions if length <= trained else positions * trained / length
    return torch.einsum("t,i->ti", ours, 10000 ** -torch.linspace(0, 1, dim // 2 + 1)[:-1])


@right("entropy")
def entropy_by_xlogy(weights):
    return -torch.xlogy(weights, weights).sum(1)


@right("entropy")
def entropy_in_loops(weights):
    return torch.tensor([sum(-w * math.log(w) for w in row if w) for row in weights.tolist()])


@right("entropy")
def entropy_clamped(weights):
    return torch.special.entr(weights.clamp(min=1e-30)).sum(dim=1)


@right("induction score")
def induction_in_loops(weights, tokens):
    found = []
    for i in range(len(tokens)):
        after = [j + 1 for j in range(i) if tokens[j] == tokens[i]]
        if after:
            found.append(weights[:, i, after].sum(1))
    return torch.stack(found).mean(0)


@right("induction score")
def induction_by_shift(weights, tokens):
    same = (tokens[:, None] == tokens[None]).tril(-1)
    wanted = F.pad(same, (1, 0))[:, :-1]
    rows = same.any(1)
    return torch.einsum("hij,ij->hi", weights, wanted.to(weights)).sum(1) / rows.sum()


@right("induction score")
def induction_by_where(weights, tokens):
    i, j = torch.where((tokens[:, None] == tokens).tril(-1))
    return weights[:, i, j + 1].sum(1) / len(i.unique())


@right("beam rows")
def beams_in_a_loop(weights, beam_indices):
    return torch.stack([weights[t, b] for t, b in enumerate(beam_indices.tolist()) if b >= 0])


@right("beam rows")
def beams_by_gather(weights, beam_indices):
    count = int((beam_indices > -1).sum())
    index = beam_indices[:count, None, None].expand(-1, 1, weights.shape[2])
    return weights[:count].gather(1, index).squeeze(1)


@right("beam rows")
def beams_one_hot(weights, beam_indices):
    kept = weights[beam_indices >= 0]
    chosen = F.one_hot(beam_indices[beam_indices >= 0], weights.shape[1]).to(weights)
    return torch.einsum("tbk,tb->tk", kept, chosen)


@right("mean ablation")
def ablation_by_weights(outputs, reference, present, head):
    share = present.to(reference) / present.sum()
    mean = torch.einsum("tjd,tj->d", reference[:, head], share)
    here = torch.arange(outputs.shape[1]) == head
    return torch.where(here[:, None, None], mean, outputs)


@right("mean ablation")
def ablation_in_loops(outputs, reference, present, head):
    rows = [reference[t, head, j] for t in range(len(present)) for j in range(present.shape[1]) if present[t, j]]
    result = outputs.detach().clone()
    for text in result:
        text[head] = sum(rows) / len(rows)
    return result


@right("mean ablation")
def ablation_by_cat(outputs, reference, present, head):
    mean = (reference[:, head] * present[..., None]).sum((0, 1)) / present.sum()
    new = mean.expand(len(outputs), 1, outputs.shape[2], -1)
    return torch.cat([outputs[:, :head], new, outputs[:, head + 1 :]], 1)
