"""Positions: how attention, which sees a set, learns an order. Added to the vectors, to the scores, or turned into them.

    added to the inputs     `sinusoids`
    added to the keys       `shaw`, `transformer_xl`: a learned or fixed vector for each distance
    added to the scores     `t5_bias`, `alibi_bias`: a number for each distance; give them to `attention` as its bias
    turned into q and k     `rotary_half`, `rotary_interleaved`: a rotation by the position, before `attention`

All but the first depend on the distance alone: move the whole text, and nothing changes. Where queries meet keys, the last
query stands at the last key, so that a step of decoding over a cache needs no offset; where vectors are met one by one,
``start`` is the position of the first.
"""

import math

import torch
from torch import Tensor

from regard.arguments import whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.softmax_attention import attention


def sinusoids(
    length: int,
    dim: int,
    *,
    start: int = 0,
    base: float = 10000.0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """A vector for each position: sines and cosines of geometric wavelengths (Vaswani et al. 2017, section 3.5).

        row p:  sin(p · ω_0), cos(p · ω_0), sin(p · ω_1), cos(p · ω_1) ...  with ω_i = base^(−2i / dim)

    It is added to the embeddings before the first layer. Row p + s is row p with each pair turned by s · ω_i: a linear
    map that does not depend on p. Some models keep all sines before all cosines: the same up to the order of channels.

    Args:
        length: how many positions.
        dim: features of a vector, even; their d_model.
        start: the first position.
        base: wavelengths go from 2π to nearly base · 2π.
        dtype: of the table. It is computed in float64 and rounded once.
        device: where the table is made.

    Returns:
        The table, (length, dim).

    Raises:
        OptionError: a length, dim or base that is not positive, an odd dim, or a start that is no whole number.
        DtypeError: a dtype that is not floating-point.

    >>> sinusoids(2, 4)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    inputs.check_float_dtype("dtype", dtype)
    angles = _angles(length, dim, start, base, device)  # (length, dim/2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2).to(dtype)  # (length, dim)


def shaw(
    query: Tensor, key: Tensor, value: Tensor, table: Tensor, mask: Tensor | Mask | None = None, *, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Relative keys: score_ij = q_i · (k_j + a_{j−i}) / √dim (Shaw et al. 2018, equation 4).

    Each distance has a learned key, shared by all heads; distances beyond clip share the last one, so the table works
    for any length. The paper's second table, added to the values, is left out: its authors found that the keys' may be enough.

    Args:
        query: (batch, heads, queries, dim).
        key: (batch, kv_heads, keys, dim).
        value: (batch, kv_heads, keys, value_dim).
        table: (2·clip + 1, dim): a for the distances −clip ... clip; their w^K, with clip their k.
        mask: as in `attention`.
        causal: hide the future, as in `attention`.

    Returns:
        output (batch, heads, queries, value_dim) and weights (batch, heads, queries, keys).

    Raises:
        ShapeError: sizes that do not fit each other.
        DtypeError: tensors that are not floating-point, or of mixed dtypes.
        ScoreError: NaN or +∞ where a query may attend.

    >>> table = torch.tensor([[9.0], [0.0], [-9.0]])  # everything behind is worth a look, nothing ahead is
    >>> shaw(torch.ones(3, 1), torch.zeros(3, 1), torch.ones(3, 1), table)[1].round(decimals=2)
    tensor([[1.0000, 0.0000, 0.0000],
            [1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000]])
    """
    inputs.check_attention(query, key, value)
    inputs.check_floats("table", table)
    if table.ndim != 2 or table.shape[0] % 2 == 0 or table.shape[1] != query.shape[-1]:
        raise ShapeError(
            f"table is {tuple(table.shape)}; expected (2·clip + 1, dim={query.shape[-1]}), a row for each distance −clip … clip"
        )
    clip = table.shape[0] // 2
    q = query.to(torch.promote_types(query.dtype, torch.float32))
    rows = _distances(query.shape[-2], key.shape[-2], q.device).clamp(-clip, clip) + clip  # (queries, keys)
    with torch.autocast(q.device.type, enabled=False):
        by_row = q @ table.to(q).mT / math.sqrt(q.shape[-1])  # (batch, heads, queries, 2·clip + 1)
    return attention(query, key, value, mask, causal=causal, bias=_pick(by_row, rows))


def transformer_xl(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    content_bias: Tensor,
    position_bias: Tensor,
    position_weight: Tensor,
    mask: Tensor | Mask | None = None,
    *,
    causal: bool = False,
) -> tuple[Tensor, Tensor]:
    """Relative attention with sinusoids: score_ij = ((q_i + u) · k_j + (q_i + v) · W r_{i−j}) / √dim.

    r is the row of `sinusoids` for the distance i − j: it is fixed, so unlike `shaw` no distance is clipped; what is
    learned is how a head reads it. The biases are what a head asks for whatever the query (Dai et al. 2019, section 3.3).

    Args:
        query: (batch, heads, queries, dim).
        key: (batch, kv_heads, keys, dim).
        value: (batch, kv_heads, keys, value_dim).
        content_bias: u, (heads, dim).
        position_bias: v, (heads, dim).
        position_weight: W, (heads, dim, features), features even; their W_{k,R}.
        mask: as in `attention`.
        causal: hide the future, as in `attention`.

    Returns:
        output (batch, heads, queries, value_dim) and weights (batch, heads, queries, keys).

    Raises:
        ShapeError: sizes that do not fit each other.
        DtypeError: tensors that are not floating-point, or of mixed dtypes.
        ScoreError: NaN or +∞ where a query may attend.

    >>> x = torch.zeros(1, 3, 2)
    >>> near = torch.tensor([[[0.0, 3.0], [0.0, 0.0]]])  # reads the cosine, which is largest at distance 0
    >>> transformer_xl(x, x, x, torch.zeros(1, 2), torch.ones(1, 2), near)[1]
    tensor([[[0.7009, 0.2643, 0.0348],
             [0.2150, 0.5700, 0.2150],
             [0.0348, 0.2643, 0.7009]]])
    """
    inputs.check_attention(query, key, value)
    heads, dim = inputs.widen(query).shape[1], query.shape[-1]
    for name, bias in (("content_bias", content_bias), ("position_bias", position_bias)):
        inputs.check_floats(name, bias)
        if bias.shape != (heads, dim):
            raise ShapeError(f"{name} is {tuple(bias.shape)}; expected (heads, dim) = ({heads}, {dim})")
    inputs.check_floats("position_weight", position_weight)
    if position_weight.ndim != 3 or position_weight.shape[:2] != (heads, dim) or position_weight.shape[2] % 2:
        raise ShapeError(
            f"position_weight is {tuple(position_weight.shape)}; expected (heads={heads}, dim={dim}, features), features even"
        )
    wide = torch.promote_types(query.dtype, torch.float32)
    q, k, v = (inputs.widen(tensor).to(wide) for tensor in (query, key, value))
    queries, keys = q.shape[2], k.shape[2]
    first = 1 - queries  # the distance i − j of the first query to the last key is the smallest
    rows = -_distances(queries, keys, q.device) - first  # (queries, keys)
    with torch.autocast(q.device.type, enabled=False):
        r = sinusoids(queries + keys - 1, position_weight.shape[2], start=first, dtype=wide, device=q.device)
        read = r @ position_weight.to(q).mT  # (heads, distances, dim)
        by_row = (q + position_bias.to(q)[:, None]) @ read.mT / math.sqrt(dim)  # (batch, heads, queries, distances)
    wanted = q + content_bias.to(q)[:, None]  # (batch, heads, queries, dim)
    output, weights = attention(wanted, k, v, mask, causal=causal, bias=_pick(by_row, rows))
    corner = (0,) * (4 - query.ndim)
    return output.to(value.dtype)[corner], weights[corner]


def t5_buckets(relative: Tensor, buckets: int = 32, max_distance: int = 128, *, causal: bool = False) -> Tensor:
    """Number the bucket of each distance: small ones have one each, larger ones share (Raffel et al. 2019, section 2.1).

    Half of a direction's buckets are for its small distances, the others widen as the distance grows; max_distance is in the
    last one, as is all beyond. Without causal the first half of all buckets looks back, the second ahead. The logarithm is
    float32, as where T5 was trained: in another precision a distance on an edge could change its bucket.

    Args:
        relative: position of the key minus that of the query, integers of any dtype and shape.
        buckets: how many.
        max_distance: where one bucket more would begin; of 32, with 128, the last begins at 91, or with causal at 113.
        causal: give all buckets to the past. The future is then in bucket 0, and must be hidden.

    Returns:
        Numbers from 0 to buckets − 1, int64, shaped as relative.

    Raises:
        DtypeError: relative that is no tensor of whole numbers.
        OptionError: fewer than 2 buckets a direction, an odd number for two, or a max_distance within the small distances.

    >>> t5_buckets(torch.tensor([-200, -20, -8, -1, 0, 1, 8, 20]))
    tensor([15, 10,  8,  1,  0, 17, 24, 26])
    >>> t5_buckets(torch.tensor([-200, -20, -8, -1, 0, 1, 8, 20]), causal=True)
    tensor([31, 17,  8,  1,  0,  0,  0,  0])
    """
    buckets, max_distance = whole_number("buckets", buckets, 1), whole_number("max_distance", max_distance, 1)
    numbers = isinstance(relative, Tensor) and relative.dtype != torch.bool and not relative.is_complex()
    if not numbers or relative.is_floating_point():
        given = getattr(relative, "dtype", type(relative).__name__)
        raise DtypeError(f"relative is {given}; expected a tensor of whole numbers: write torch.as_tensor(relative).long()")
    relative = relative.long()  # narrow integers have no room for their own negatives
    a_direction = buckets if causal else buckets // 2
    small = a_direction // 2
    if a_direction < 2 or (not causal and buckets % 2) or max_distance <= small:
        raise OptionError(
            f"buckets={buckets} and max_distance={max_distance} with causal={causal}; expected 2 or more buckets for each "
            f"direction, as many for both, and a max_distance above {small}, the number of small distances"
        )
    distance = (-relative).clamp(min=0) if causal else relative.abs()
    growth = torch.log(distance.clamp(min=1).float() / small) / math.log(max_distance / small)
    large = (small + (growth * (a_direction - small)).long()).clamp(max=a_direction - 1)
    bucket = torch.where(distance < small, distance, large)
    return bucket if causal else bucket + a_direction * (relative > 0)


def t5_bias(table: Tensor, queries: int, keys: int, max_distance: int = 128, *, causal: bool = False) -> Tensor:
    """A learned number for each bucket and head: bias_hij = table[bucket(j − i), h] (Raffel et al. 2019, section 2.1).

    T5 adds it to plain dot products, without 1/√dim: ``attention(query, key, value, scale=1.0, bias=t5_bias(...))``.

    Args:
        table: (buckets, heads), the embedding of T5's first layer, which all its layers share.
        queries: how many, the last of them at the last key.
        keys: how many.
        max_distance: as in `t5_buckets`.
        causal: a decoder's buckets, as in `t5_buckets`. It does not hide the future: `attention` does.

    Returns:
        (heads, queries, keys), in the dtype of table.

    Raises:
        ShapeError: a table that is not (buckets, heads).
        DtypeError: a table that is not floating-point.
        OptionError: queries or keys that are not positive, or buckets that cannot be.

    >>> table = torch.arange(8.0)[:, None]  # one head, which shows the buckets
    >>> t5_bias(table, 3, 5, max_distance=16)
    tensor([[[2., 1., 0., 5., 6.],
             [2., 2., 1., 0., 5.],
             [2., 2., 2., 1., 0.]]])
    """
    inputs.check_floats("table", table)
    if table.ndim != 2 or 0 in table.shape:
        raise ShapeError(f"table is {tuple(table.shape)}; expected (buckets, heads)")
    queries, keys = whole_number("queries", queries, 1), whole_number("keys", keys, 1)
    bucket = t5_buckets(_distances(queries, keys, table.device), table.shape[0], max_distance, causal=causal)
    return table[bucket].permute(2, 0, 1)  # (heads, queries, keys)


def alibi_slopes(heads: int, device: torch.device | str | None = None) -> Tensor:
    """One slope a head, a geometric series: 2^(−8/heads), 2^(−16/heads) ... 2^(−8) (Press et al. 2021, section 3).

    If heads is no power of two: the slopes of the power below, then every second one of the power above (authors' code).

    Args:
        heads: how many.
        device: where the slopes are made.

    Returns:
        (heads,), float64.

    Raises:
        OptionError: heads that is not positive.

    >>> alibi_slopes(8)
    tensor([0.5000, 0.2500, 0.1250, 0.0625, 0.0312, 0.0156, 0.0078, 0.0039], dtype=torch.float64)
    >>> alibi_slopes(6).log2()
    tensor([-2., -4., -6., -8., -1., -3.], dtype=torch.float64)
    """
    heads = whole_number("heads", heads, 1)
    below = 2 ** (heads.bit_length() - 1)  # the largest power of two up to heads
    slopes = [2 ** (-8 * step / below) for step in range(1, below + 1)]
    slopes += [2 ** (-8 * step / (2 * below)) for step in range(1, 2 * (heads - below), 2)]
    return torch.tensor(slopes, dtype=torch.float64, device=device)


def alibi_bias(
    heads: int, queries: int, keys: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Tensor:
    """Attention with linear biases: bias_hij = −slope_h · |i − j|, and nothing to learn (Press et al. 2021, section 3).

    The further back, the less weight; steep heads read the last words, flat ones the whole text. The paper is about
    causal models, where |i − j| is i − j. Give it to `attention` as its bias: it is added after 1/√dim.

    Args:
        heads: how many.
        queries: how many, the last of them at the last key.
        keys: how many.
        dtype: of the bias.
        device: where it is made.

    Returns:
        (heads, queries, keys).

    Raises:
        OptionError: a number that is not positive.
        DtypeError: a dtype that is not floating-point.

    >>> alibi_bias(1, 2, 4) * 2**8
    tensor([[[-2., -1., -0., -1.],
             [-3., -2., -1., -0.]]])
    """
    queries, keys = whole_number("queries", queries, 1), whole_number("keys", keys, 1)
    inputs.check_float_dtype("dtype", dtype)
    distances = _distances(queries, keys, device).abs()  # (queries, keys)
    return (-alibi_slopes(heads, device)[:, None, None] * distances).to(dtype)  # (heads, queries, keys)


def rotary_half(x: Tensor, *, start: int = 0, base: float = 10000.0) -> Tensor:
    """Rotary positions, channel i paired with channel i + dim/2, as in GPT-NeoX, and Llama in Transformers (Su et al. 2021).

        (x_i, x_{i+dim/2}) turned by the angle p · ω_i,  with ω_i = base^(−2i / dim), at position p

    Queries and keys are turned, values are not. Their score knows positions by the difference alone: (R_i q) · (R_j k) =
    q · R_{j−i} k. A cache keeps keys as they were turned; a new row only needs its ``start``.

    Args:
        x: (batch, heads, positions, dim), or with fewer axes before the last two; dim is even.
        start: position of the first row.
        base: as in `sinusoids`; larger ones for longer texts (500,000 in Llama 3).

    Returns:
        As x. Half precision is turned in float32, by angles in float64.

    Raises:
        ShapeError: fewer than two axes, or an odd dim.
        DtypeError: not floating-point.
        OptionError: a base that is not positive, or a start that is no whole number.

    >>> rotary_half(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """
    cos, sin = _turns(x, start, base)  # (positions, dim/2) each
    one, other = x.to(cos.dtype).chunk(2, dim=-1)  # (batch, heads, positions, dim/2) each
    return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=-1).to(x.dtype)


def rotary_interleaved(x: Tensor, *, start: int = 0, base: float = 10000.0) -> Tensor:
    """Rotary positions, channel 2i paired with channel 2i + 1, as in the paper, GPT-J and Meta's Llama (Su et al. 2021).

    The same as `rotary_half` with the channels in another order, in queries and keys alike: scores are the same when
    the projections are reordered with it. Weights that were trained with one pairing mean nothing with the other.

    Args:
        x: (batch, heads, positions, dim), or with fewer axes before the last two; dim is even.
        start: position of the first row.
        base: as in `sinusoids`.

    Returns:
        As x.

    Raises:
        ShapeError: fewer than two axes, or an odd dim.
        DtypeError: not floating-point.
        OptionError: a base that is not positive, or a start that is no whole number.

    >>> rotary_interleaved(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), start=1)
    tensor([[0.5403, 0.8415, 0.9999, 0.0100]])
    """
    cos, sin = _turns(x, start, base)  # (positions, dim/2) each
    one, other = x.to(cos.dtype).unflatten(-1, (-1, 2)).unbind(-1)  # (batch, heads, positions, dim/2) each
    return torch.stack([one * cos - other * sin, one * sin + other * cos], dim=-1).flatten(-2).to(x.dtype)


def _turns(x: Tensor, start: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each row's angles, in the dtype that x is turned in."""
    inputs.check_floats("x", x)
    if x.ndim < 2 or x.shape[-1] % 2 or 0 in x.shape:
        raise ShapeError(f"x is {tuple(x.shape)}; expected (..., positions, dim), none of them 0 and dim even: it turns pairs")
    angles = _angles(x.shape[-2], x.shape[-1], start, base, x.device)  # (positions, dim/2)
    wide = torch.promote_types(x.dtype, torch.float32)
    return angles.cos().to(wide), angles.sin().to(wide)


def _angles(length: int, dim: int, start: int, base: float, device: torch.device | str | None) -> Tensor:
    """Positions · base^(−2i / dim) in float64: at position 100,000 a float32 angle would be up to 0.004 off."""
    inputs.check_positive("base", base)
    start, length, dim = whole_number("start", start), whole_number("length", length, 1), whole_number("dim", dim, 1)
    if dim % 2:
        raise OptionError(f"dim is {dim}; expected an even number: a sine and a cosine share a wavelength")
    positions = torch.arange(start, start + length, dtype=torch.float64, device=device)
    frequencies = base ** (-torch.arange(0, dim, 2, dtype=torch.float64, device=device) / dim)  # (dim/2,)
    return positions[:, None] * frequencies  # (length, dim/2)


def _distances(queries: int, keys: int, device: torch.device | str | None) -> Tensor:
    """From each query i to each key j, j − i: (queries, keys). The last query stands at the last key."""
    return torch.arange(keys, device=device) - torch.arange(keys - queries, keys, device=device)[:, None]


def _pick(by_row: Tensor, rows: Tensor) -> Tensor:
    """For query i and key j the number in row rows[i, j]: (batch, heads, queries, rows) to (batch, heads, queries, keys)."""
    return by_row.gather(-1, rows.expand(*by_row.shape[:-1], -1))
