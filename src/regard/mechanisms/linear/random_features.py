"""Performer: features of random directions, whose products are softmax attention on average.

For ω drawn from a standard normal distribution (Choromanski et al. 2020, lemma 1),

    exp(q·k) = E[ exp(ω·q − ‖q‖²/2) · exp(ω·k − ‖k‖²/2) ]

so with m directions in place of the expectation, φ(x) = exp(Ω x − ‖x‖²/2) / √m turns softmax attention into linear
attention. The features are positive, and so are the weights; sines and cosines have the same mean, and fail where weights
are near 0. Directions that are orthogonal to each other cover the space more evenly: the mean is the same, the error
smaller.

The error does not fall for free. The variance of exp(ω·x) grows with exp(‖q + k‖²): peaked attention is what it cannot do.
"""

import math

import torch
from torch import Tensor

from regard.arguments import MOST, number, whole_number
from regard.errors import ScoreError, ShapeError
from regard.mechanisms import inputs
from regard.mechanisms.linear.linear_attention import (
    FeatureMap,
    LinearState,
    linear_attention_chunked,
    linear_attention_parallel,
    linear_attention_recurrent,
)


def orthogonal_projection(features: int, dim: int, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Directions ω, each normal with covariance 1, orthogonal within each block of dim (Choromanski et al. 2020, section 2.4).

    The result is (features, dim).

    Args:
        features: how many directions, their m.
        dim: their d.
        seed: other seeds give other directions; the same seed always the same.
        dtype: of the result; directions are drawn in float64.

    Example:
        >>> projection = orthogonal_projection(3, 3, dtype=torch.float64)
        >>> products = projection @ projection.T
        >>> torch.testing.assert_close(products, products.diag().diag())
    """
    features, dim = whole_number("features", features, 1, room=MOST), whole_number("dim", dim, 1, room=inputs.MOST_FEATURES)
    inputs.check_float_dtype("dtype", dtype)
    random = torch.Generator().manual_seed(whole_number("seed", seed, -(2**63), 2**64 - 1))
    blocks = []
    for _ in range(-(-features // dim)):
        basis, triangle = torch.linalg.qr(torch.randn(dim, dim, generator=random, dtype=torch.float64))
        blocks.append((basis * triangle.diagonal().sign()).T)  # without the signs some directions would be more likely
    lengths = torch.randn(features, dim, generator=random, dtype=torch.float64).norm(dim=-1, keepdim=True)  # (features, 1)
    projection: Tensor = torch.cat(blocks)[:features] * lengths  # (features, dim)
    return projection.to(dtype)


def positive_features(projection: Tensor, *, scale: float | None = None) -> FeatureMap:
    """The map φ with E[φ(q)·φ(k)] = exp(scale · q·k): φ(x) = exp(Ω y − ‖y‖²/2) / √m with y = √scale · x.

    It goes into every form of linear attention as its feature_map (Choromanski et al. 2020, lemma 1).

    Args:
        projection: (features, dim), their ω as rows; see `orthogonal_projection`.

    Returns:
        A function from (…, dim) to (…, features), which raises ScoreError where a vector is too long for each of its features
        to be told from 0 and infinity: where queries and keys are opposite, the smallest decide.

    Example:
        >>> phi = positive_features(orthogonal_projection(4000, 2), scale=1.0)
        >>> query, key = torch.tensor([0.5, 1.0]), torch.tensor([-0.5, 0.5])
        >>> round(float(phi(query) @ phi(key)), 1), round(math.exp(query @ key), 1)
        (1.3, 1.3)
    """
    inputs.check_shape("projection", projection, {"features": None, "dim": None}, advice="take orthogonal_projection")
    scale = 1 / math.sqrt(projection.shape[1]) if scale is None else scale
    scale = number("scale", scale, above=0, advice="leave it out for the default")
    shrink = math.sqrt(scale)  # the scale of the score is that of the query times that of the key

    def phi(x: Tensor) -> Tensor:
        if x.shape[-1] != projection.shape[1]:
            raise ShapeError(
                f"expected projection (features, dim) with dim={x.shape[-1]} as the vectors, got {tuple(projection.shape)}"
            )
        y = x * shrink
        powers = y @ projection.to(x).T - y.square().sum(-1, keepdim=True) / 2  # (…, features)
        features = powers.exp() / math.sqrt(projection.shape[0])
        lost = ~((features >= torch.finfo(x.dtype).tiny) & features.isfinite()).all(-1)
        if bool(lost.any()):
            raise ScoreError(
                f"expected shorter queries and keys, got a length of {x.norm(dim=-1)[lost][0].item():.3g}, with features "
                f"that are 0 or infinite in {x.dtype}; normalise them, compute in float64, or use regard.attention"
            )
        return features

    return phi


def performer_parallel(
    query: Tensor, key: Tensor, value: Tensor, projection: Tensor, *, causal: bool = False, scale: float | None = None
) -> tuple[Tensor, Tensor]:
    """FAVOR+, attention through positive random features, with its weights (Choromanski et al. 2020, sections 2.2 to 2.4).

    A_ij = φ(q_i)·φ(k_j) / Σ_l φ(q_i)·φ(k_l), with φ as in `positive_features`. More features, nearer to `attention`.

    Args:
        projection: (features, dim), the same at every call; see `orthogonal_projection`.

    Raises:
        ScoreError: also queries and keys too long for their products to be told from 0.

    Example:
        >>> from regard.mechanisms.softmax_attention import attention
        >>> query, key, value = torch.eye(3).expand(3, 3, 3).unbind()
        >>> performer_parallel(query, key, value, orthogonal_projection(3000, 3))[1][0]
        tensor([0.4..., 0.2..., 0.2...])
        >>> attention(query, key, value)[1][0]
        tensor([0.4711, 0.2645, 0.2645])
    """
    return linear_attention_parallel(query, key, value, causal=causal, feature_map=positive_features(projection, scale=scale))


def performer_recurrent(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    projection: Tensor,
    *,
    state: LinearState | None = None,
    scale: float | None = None,
) -> tuple[Tensor, LinearState]:
    """Causal `performer_parallel` one position after the other: `linear_attention_recurrent` with random features.

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> output, state = performer_recurrent(query, key, value, orthogonal_projection(16, 4))
        >>> output.shape, state.mixed.shape
        (torch.Size([7, 4]), torch.Size([1, 1, 16, 4]))
    """
    return linear_attention_recurrent(query, key, value, state=state, feature_map=positive_features(projection, scale=scale))


def performer_chunked(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    projection: Tensor,
    *,
    state: LinearState | None = None,
    chunk: int = 64,
    scale: float | None = None,
) -> tuple[Tensor, LinearState]:
    """`performer_recurrent` by chunks: `linear_attention_chunked` with random features.

    The projection is that of `performer_parallel`.

    Example:
        >>> query, key, value = torch.randn(3, 7, 4).unbind()
        >>> projection = orthogonal_projection(16, 4)
        >>> output, _ = performer_chunked(query, key, value, projection, chunk=3)
        >>> torch.testing.assert_close(output, performer_recurrent(query, key, value, projection)[0])
    """
    phi = positive_features(projection, scale=scale)
    return linear_attention_chunked(query, key, value, state=state, chunk=chunk, feature_map=phi)
