"""Attention as the answer: its weights are probabilities of the keys, or of the words that stand there.

A decoder with a fixed vocabulary cannot name what it has never seen. One that points can: the answer is a place in the input.
A decoder that copies does both, and decides for each word which of the two to trust.
"""

import torch
from torch import Tensor

from regard.arguments import MOST, whole_number
from regard.errors import DtypeError, OptionError, ShapeError
from regard.masks import Mask
from regard.mechanisms import inputs
from regard.mechanisms.scores.score_functions import additive


def pointer(
    query: Tensor,
    key: Tensor,
    query_weight: Tensor,
    key_weight: Tensor,
    score_weight: Tensor,
    mask: Tensor | Mask | None = None,
) -> Tensor:
    """A pointer network's choice of a key: P(key j) = softmax_j(v · tanh(W q_i + U k_j)) (Vinyals et al. 2015, section 2.3).

    The weights of additive attention are the output; there is no vocabulary and there are no values. So the number of
    answers grows with the input: sorting, hulls and tours are sequences of pointers. A mask takes away what may not be
    pointed at, such as keys that were chosen before. In the paper k is the encoder's state e, q the decoder's state d, W is
    W₂ and U is W₁.

    Args:
        query_weight: W, (hidden, query_dim), for all heads.
        key_weight: U, (hidden, key_dim), for all heads.
        score_weight: v, (hidden,).

    Returns:
        Probabilities (batch, heads, queries, keys) in float32, or float64 where the input is; a query that may point at
        nothing gets 0 everywhere.

    Example:
        >>> heights = torch.tensor([[0.3], [-0.2], [0.9]])
        >>> pointer(torch.zeros(1, 1), heights, torch.eye(1), torch.eye(1), torch.tensor([50.0])).argmax(-1)
        tensor([2])
    """
    _, probabilities = additive(query, key, key, query_weight, key_weight, score_weight, mask)
    return probabilities


def copy_distribution(generating: Tensor, vocabulary: Tensor, weights: Tensor, tokens: Tensor, words: int) -> Tensor:
    """The next word of a pointer-generator, from the vocabulary or from the source (See et al. 2017, equation 9).

        P(w) = p · P_vocab(w) + (1 − p) · Σ_{j: token_j = w} weight_j

    Words of the source that the vocabulary lacks are numbered from its size on, anew for each source: they have no
    P_vocab and can still be copied. A word that stands at several places gets the weight of all of them. In the paper p is
    p_gen, σ of a linear function of context, state and input (equation 8), and the weights are a.

    Args:
        generating: p (batch, steps), between 0 and 1: how much to trust the vocabulary.
        vocabulary: P_vocab (batch, steps, vocabulary size), probabilities.
        weights: (batch, steps, keys), attention of each step to the source.
        tokens: (batch, keys), the number of the word at each place of the source; int64.
        words: how many words there are, with those that the vocabulary lacks.

    Returns:
        P (batch, steps, words): rows sum to 1 where those of the weights do.

    Example:
        >>> half, known = torch.tensor([[0.5]]), torch.tensor([[[0.8, 0.2]]])
        >>> copy_distribution(half, known, torch.tensor([[[0.1, 0.6, 0.3]]]), torch.tensor([[2, 1, 2]]), words=3)
        tensor([[[0.4000, 0.4000, 0.2000]]])
    """
    words = whole_number("words", words, 1, room=MOST)
    _check_copy(generating, vocabulary, weights, tokens, words)
    p = generating[..., None]  # (batch, steps, 1)
    made = torch.nn.functional.pad(p * vocabulary, (0, words - vocabulary.shape[2]))  # (batch, steps, words)
    places = tokens[:, None, :].expand(weights.shape)  # (batch, steps, keys)
    return made.scatter_add(2, places, (1 - p) * weights)  # (batch, steps, words)


def _check_copy(generating: Tensor, vocabulary: Tensor, weights: Tensor, tokens: Tensor, words: int) -> None:
    named = {"generating": generating, "vocabulary": vocabulary, "weights": weights}
    for name, tensor in named.items():
        inputs.check_floats(name, tensor)
    if not generating.dtype == vocabulary.dtype == weights.dtype:
        raise DtypeError(
            "expected generating, vocabulary and weights of one type, "
            f"got {generating.dtype}, {vocabulary.dtype} and {weights.dtype}; convert them with tensor.to(dtype)"
        )
    if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64:
        raise DtypeError(
            f"tokens: expected torch.int64, the numbers of words, got {getattr(tokens, 'dtype', type(tokens).__name__)}; "
            "write torch.as_tensor(tokens).long()"
        )
    axes = {"generating": (generating, 2), "vocabulary": (vocabulary, 3), "weights": (weights, 3), "tokens": (tokens, 2)}
    shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, (tensor, _) in axes.items())
    if (
        any(tensor.ndim != count for tensor, count in axes.values())
        or not generating.shape == vocabulary.shape[:2] == weights.shape[:2]
        or tokens.shape != (weights.shape[0], weights.shape[2])
    ):
        raise ShapeError(
            "expected generating (batch, steps), vocabulary (batch, steps, vocabulary size), weights (batch, steps, keys) and "
            f"tokens (batch, keys), got {shapes}"
        )
    if not bool(((generating >= 0) & (generating <= 1)).all()):
        least, most = (value.item() for value in generating.aminmax())
        raise OptionError(
            f"generating: expected probabilities from 0 to 1, got {least:.4g} to {most:.4g}; write torch.sigmoid(...)"
        )
    for name, rows in (("vocabulary", vocabulary), ("weights", weights)):
        lowest, most = rows.detach().min().item(), rows.detach().float().sum(dim=-1).max().item()
        if not (lowest >= 0 and most <= 1.01):  # half types round sums off by less
            raise OptionError(
                f"{name}: expected probabilities, at least 0 and at most 1 together, got {lowest:.4g} and a row that sums to "
                f"{most:.4g}; write torch.softmax(..., dim=-1)"
            )
    whole_number("words", words, vocabulary.shape[2], advice="it counts the vocabulary, and what the source has on top")
    if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < words:
        raise OptionError(
            f"tokens: expected numbers from 0 to {words - 1}, got {int(tokens.min())} to {int(tokens.max())}; "
            f"words={words} must count every word of the source"
        )
