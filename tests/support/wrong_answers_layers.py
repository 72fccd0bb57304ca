"""Wrong answers to whole layers, kernels and caches: each program is one with a switch for what people get wrong."""

import math

import torch
import torch.nn.functional as F

from support.wrong_answers import wrong


def seeded(exercise, program, **mistakes):
    """A wrong answer for each mistake: the program, with these switches."""
    for name, switches in mistakes.items():

        def answer(*given, switches=switches):
            return program(*given, **switches)

        answer.__wrapped__ = program
        wrong(exercise, name.replace("_", " "))(answer)


def layer(
    x, memory, wq, wk, wv, wo, heads, *, turned=True, last=True, sides=(0, 1, 1), root=None, cut="features", join=True, over=-1
):
    both = (x, memory)
    q, k, v = (both[side] @ (w.T if turned else w) for side, w in zip(sides, (wq, wk, wv), strict=True))
    dim = x.shape[1] // heads
    if cut == "features":
        q, k, v = (torch.stack(side.split(dim, 1)) for side in (q, k, v))
    elif cut == "text":
        q, k, v = (side.reshape(heads, len(side), dim) for side in (q, k, v))
    else:
        q, k, v, dim = q[None], k[None], v[None], x.shape[1]
    scores = torch.einsum("hqd,hkd->hqk", q, k) / math.sqrt({None: dim, "all": x.shape[1], "none": 1}[root])
    mixed = scores.softmax(over) @ v
    merged = torch.cat(list(mixed), 1) if join else mixed.reshape(len(x), -1)
    return F.linear(merged, wo if turned else wo.T) if last else merged


seeded(
    "multi head attention",
    layer,
    weights_not_transposed={"turned": False},
    no_output_projection={"last": False},
    keys_and_values_from_x={"sides": (0, 0, 0)},
    keys_from_x={"sides": (0, 0, 1)},
    scaled_by_all_features={"root": "all"},
    no_scale={"root": "none"},
    reshape_without_transpose={"cut": "text"},
    merged_without_transpose={"join": False},
    one_head={"cut": "no"},
    over_queries={"over": 1},
    over_heads={"over": 0},
)


def block(x, memory, norm, attend, feed, *, add=1, before=True, at="", causal=(True, False), keys=None, order="sc", old=False):
    def plain(h):
        return h

    read = norm if before else plain
    given = x
    if at == "residual":
        x = norm(x)
    for step in order:
        h = x if at == "residual" and step == "s" else read(given if old and step == "c" else x)
        if step == "s":
            found = attend(h, x if keys == "plain" else h, causal[0])
        else:
            found = attend(h, {"self": h, "normed": norm(memory)}.get(keys, memory), causal[1])
        x = add * x + found
        x = norm(x) if at == "after" else x
    x = add * x + feed(read(x))
    return norm(x) if at == "after" else x


seeded(
    "decoder block",
    block,
    no_residual={"add": 0},
    norms_after={"before": False, "at": "after"},
    no_norm={"before": False},
    keys_not_normed={"keys": "plain"},
    residual_normed={"at": "residual"},
    not_causal={"causal": (False, False)},
    memory_causal={"causal": (True, True)},
    memory_normed_again={"keys": "normed"},
    looks_at_itself_twice={"keys": "self"},
    memory_first={"order": "cs"},
    old_norm={"old": True},
)


def flash(query, key, value, tile, *, fade=(True, True), last=True, each=False, divide=True, lse="both", safe=True, power=0.5):
    top, total, mixed = torch.full((len(query), 1), -math.inf), 0, 0
    for start in range(0, len(key) if last else len(key) // tile * tile, tile):
        k, v = key[start:][:tile], value[start:][:tile]
        scores = torch.einsum("qd,kd->qk", query, k) * query.shape[1] ** -power
        new = torch.cat([top, scores], 1).max(1, keepdim=True).values if safe else torch.zeros(len(query), 1)
        e, old = (scores - new).exp(), (top - new).exp()
        total = total * (old if fade[0] else 1) + e.sum(1, keepdim=True)
        mixed = mixed * (old if fade[1] and not each else 1) + (e / e.sum(1, keepdim=True) if each else e) @ v
        top = new
    if isinstance(total, int):
        total, mixed = torch.zeros(len(query), 1), torch.zeros(len(query), value.shape[1])
    if each:
        mixed = mixed / math.ceil(len(key) / tile)
    sums = {"both": top + total.log(), "log": total.log(), "plain": top + total}[lse]
    return mixed / total if divide and not each else mixed, sums


seeded(
    "flash attention",
    flash,
    not_rescaled={"fade": (False, False)},
    only_the_total_rescaled={"fade": (True, False)},
    only_the_mixed_values_rescaled={"fade": (False, True)},
    last_tile_left_out={"last": False},
    divided_in_each_tile={"each": True},
    not_divided={"divide": False},
    logsumexp_without_the_top={"lse": "log"},
    no_logarithm={"lse": "plain"},
    overflow={"safe": False},
    no_scale={"power": 0},
    scaled_by_dim={"power": 1},
)


def backward(q, k, v, out, lse, grad, *, mean="sum", back=(True, True), norm=True, forth=True, share=True, sign=1):
    root = math.sqrt(q.shape[1])
    scores = torch.einsum("qd,kd->qk", q, k) / (root if forth else 1)
    p = (scores - lse).exp() if norm else scores.exp()
    dp = torch.einsum("qv,kv->qk", grad, v)
    d = {
        "sum": torch.einsum("qv,qv->q", grad, out)[:, None],
        "none": 0,
        "mean": (grad * out).mean(1, keepdim=True),
        "plain": dp.mean(1, keepdim=True),
    }[mean]
    ds = (p if share else 1) * (dp - d) * sign
    return ds @ k / (root if back[0] else 1), ds.T @ q / (root if back[1] else 1), p.T @ grad


seeded(
    "flash backward",
    backward,
    no_mean_taken={"mean": "none"},
    mean_over_the_entries={"mean": "mean"},
    mean_without_weights={"mean": "plain"},
    no_scale_on_the_way_back={"back": (False, False)},
    query_not_scaled={"back": (False, True)},
    key_not_scaled={"back": (True, False)},
    not_normalised={"norm": False},
    weights_without_scale={"forth": False},
    weights_left_out={"share": False},
    wrong_sign={"sign": -1},
)


def own_row(t, n):
    return t % n


def ring(query, key, value, keys, values, position, *, row=own_row, hidden=1, late=False, both=True, power=0.5):
    before = keys, values
    keys, values, size = keys.clone(), values.clone(), len(keys)
    keys[row(position, size)] = key[0]
    if both:
        values[row(position, size)] = value[0]
    k, v = before if late else (keys, values)
    scores = query @ k.T / query.shape[1] ** power
    scores[:, position + hidden :] = -math.inf
    return scores.softmax(1) @ v, keys, values


seeded(
    "ring cache",
    ring,
    always_the_last_row={"row": lambda t, n: min(t, n - 1)},
    row_off_by_one={"row": lambda t, n: (t + 1) % n},
    empty_rows_seen={"hidden": 9},
    own_key_hidden={"hidden": 0},
    read_before_writing={"late": True},
    value_not_written={"both": False},
    no_scale={"power": 0},
    scaled_by_dim={"power": 1},
)


@wrong("ring cache", "moved along")
def _(query, key, value, keys, values, position):
    keys, values = torch.vstack([keys, key])[1:], torch.vstack([values, value])[1:]
    hidden = torch.arange(len(keys)) > position
    return (query @ keys.T / query.shape[1] ** 0.5).masked_fill(hidden, -math.inf).softmax(1) @ values, keys, values


def latents(query, latent, up_key, up_value, *, size=None, power=0.5, up=None, down=None, first=False, over=2, last=True):
    up_k, up_v = (up_value if up else up_key), (up_key if down else up_value)
    if first:
        up_k, up_v = up_k[:1].expand(len(query), -1, -1), up_v[:1].expand(len(query), -1, -1)
    scores = torch.einsum("hqd,hdr,kr->hqk", query, up_k, latent) / (latent if size else query).shape[-1] ** power
    mixed = torch.einsum("hqk,kr->hqr", scores.softmax(over), latent)
    return torch.einsum("hqr,hvr->hqv", mixed, up_v) if last else mixed[:, :, : up_value.shape[1]]


seeded(
    "absorbed latent",
    latents,
    scaled_by_the_rank={"size": "rank"},
    no_scale={"power": 0},
    scaled_by_dim={"power": 1},
    keys_for_values={"down": True},
    values_for_keys={"up": True},
    first_head_for_all={"first": True},
    over_queries={"over": 1},
    latents_not_brought_up={"last": False},
)


def delta(query, key, value, beta, *, take=1, only=False, whole=False, find=None, fade=False, late=False, turned=False, keep=1):
    state, rows = torch.zeros(key.shape[1], value.shape[1]), []
    for q, k, v, b in zip(query, key, value, beta, strict=True):
        before = state
        had = state.T @ (q if find else k)
        if fade:
            state = state - b * state + b * k[:, None] * v
        elif only:
            state = state + k[:, None] * (b * v - had)
        else:
            state = keep * state + (1 if whole else b) * k[:, None] * (v - take * had)
        rows.append((state @ q) if turned else (before if late else state).T @ q)
    return torch.stack(rows)


seeded(
    "delta rule",
    delta,
    nothing_taken_away={"take": 0},
    beta_on_the_value_only={"only": True},
    no_beta={"whole": True},
    found_by_the_query={"find": True},
    all_fades={"fade": True},
    added_once_more={"take": -1},
    read_before_update={"late": True},
    state_transposed={"turned": True},
    state_replaced={"keep": 0},
)
