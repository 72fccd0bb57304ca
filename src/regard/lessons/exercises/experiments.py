"""Asking a recorded model: how broad a head is, what it looks for, which rows were the answer's, what happens without it."""

import random

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn


def entropy(weights: torch.Tensor) -> torch.Tensor:
    """Weights (queries, keys) to the entropy of each row (queries,), in nats; weights of 0 are allowed."""
    logarithms = torch.where(weights > 0, weights, 1.0).log()
    return -(weights * logarithms).sum(dim=-1)


_LOGARITHMS = "torch.where(weights > 0, weights, 1.0).log()"


def _shares(queries: int, keys: int, seed: int) -> Tensor:
    """Weights of which some are 0: what each query sees is at least one key."""
    scores = drawn(queries, keys, seed=seed)
    hidden = drawn(queries, keys, seed=seed + 1) > 0.75
    hidden[:, seed % keys] = False
    return torch.softmax(scores.masked_fill(hidden, -torch.inf), dim=-1)


ENTROPY = Exercise(
    name="entropy",
    text=(
        "How broadly does a row look? Its entropy is 0 where all weight is on one key, and log n where n keys share it evenly. "
        "Masks make weights of exactly 0, which add nothing: x log x goes to 0 with x."
    ),
    formula="H_i = −Σ_j weights_ij · log weights_ij,  with 0 · log 0 = 0",
    returns=(Result("entropy", ("queries",)),),
    answer=entropy,
    cases=(
        Case("one key, two keys, four keys", (torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]]),)),
        Case("as many queries as keys", (_shares(3, 3, seed=400),)),
        Case("nothing hidden", (torch.softmax(drawn(2, 5, seed=401), dim=-1),)),
    ),
    draw=lambda rng: (_shares(rng.randint(1, 5), rng.randint(2, 6), rng.randrange(2**31)),),
    mistakes=(
        Mistake(
            "NaN where hidden",
            "0 · log 0 is NaN, as log 0 is −∞: such keys add nothing.",
            {_LOGARITHMS: "weights.log()"},
        ),
        Mistake("in bits", "The logarithm is that of base 2, which gives bits: nats are asked for.", {".log()": ".log2()"}),
        Mistake("wrong sign", "Entropy is not below 0: the sum has a minus before it.", {"-(weights": "(weights"}),
        Mistake(
            "over queries",
            "The sum runs over the queries: an entropy belongs to a row, and the sum is over its keys, dim=-1, which leaves "
            "the shape (queries,).",
            {"(weights * logarithms).sum(dim=-1)": "(weights * logarithms).sum(dim=0)"},
        ),
        Mistake(
            "mean over keys",
            "The mean over the keys is taken in place of their sum: weights are shares already.",
            {".sum(dim=-1)": ".mean(dim=-1)"},
        ),
        Mistake(
            "divided by the largest",
            "The entropy is divided by the logarithm of the number of keys, which makes it a share: it is asked for in nats.",
            {".sum(dim=-1)": ".sum(dim=-1) / torch.tensor(float(weights.shape[1])).log().to(weights)"},
        ),
        Mistake(
            "number of keys",
            "exp of the entropy was returned, which is a number of keys: return the entropy itself.",
            {"-(weights * logarithms).sum(dim=-1)": "(-(weights * logarithms).sum(dim=-1)).exp()"},
        ),
        Mistake(
            "logarithm of the mean",
            "It is the logarithm of a mean, not the mean of logarithms: −log Σ weights² is another measure (Rényi's).",
            {"-(weights * logarithms).sum(dim=-1)": "-(weights * weights).sum(dim=-1).log()"},
        ),
    ),
    hints=(
        "By hand: two keys of one half each give 2 · ½ · log 2, which is 0.693.",
        "What becomes of 0 times the logarithm of 0 on a computer, and by which number can a weight of 0 be replaced?",
        "Each row gives one number. Which axis goes?",
    ),
)


def induction_score(weights: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Weights (heads, positions, positions) and tokens (positions,), whole numbers, to one score a head (heads,)."""
    earlier = torch.arange(len(tokens) - 1) < torch.arange(len(tokens))[:, None]
    wanted = torch.zeros_like(weights[0])
    wanted[:, 1:] = (tokens[:, None] == tokens[:-1]) & earlier
    rows = wanted.any(dim=-1)
    found = (weights * wanted).sum(dim=-1)
    return found[:, rows].mean(dim=-1)


def _repeated(heads: int, positions: int, kinds: int, seed: int) -> tuple[Tensor, Tensor]:
    """A causal map over a text in which at least one token comes again."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(kinds, (positions,), generator=generator)
    tokens[-1] = tokens[int(torch.randint(positions - 2, (1,), generator=generator))]
    hidden = torch.ones(positions, positions, dtype=torch.bool).triu(1)
    return torch.softmax(drawn(heads, positions, positions, seed=seed).masked_fill(hidden, -torch.inf), dim=-1), tokens


def _any_repeated(rng: random.Random) -> tuple[Tensor, Tensor]:
    return _repeated(rng.randint(1, 4), rng.randint(4, 9), rng.randint(2, 4), rng.randrange(2**31))


INDUCTION = Exercise(
    name="induction score",
    text=(
        "A probe of your own: an induction head looks at what came after the earlier occurrences of the present token, so "
        "as to say it again (Olsson et al. 2022). For each row whose token has been there before, add up the weights of the "
        "keys one after its earlier occurrences; the score is the mean over such rows. At least one token comes again."
    ),
    formula="score_h = mean over i of Σ_j weights_h,i,j+1 · [j < i and token_j = token_i],  over rows i that have such a j",
    returns=(Result("score", ("heads",)),),
    answer=induction_score,
    cases=(
        Case("two heads, A B A B", (_repeated(2, 4, 2, seed=411)[0], torch.tensor([0, 1, 0, 1]))),
        Case("a token comes three times", (_repeated(3, 7, 3, seed=412)[0], torch.tensor([0, 1, 0, 2, 0, 1, 2]))),
        Case("only the last comes again", (_repeated(2, 5, 3, seed=413)[0], torch.tensor([4, 3, 2, 1, 3]))),
        Case("the same twice in a row", (_repeated(2, 6, 3, seed=414)[0], torch.tensor([5, 5, 1, 5, 5, 1]))),
    ),
    draw=_any_repeated,
    mistakes=(
        Mistake(
            "the token itself",
            "The keys are the earlier occurrences themselves, which is a duplicate-token head: an induction head looks one "
            "after.",
            {"wanted[:, 1:]": "wanted[:, :-1]"},
        ),
        Mistake(
            "one before",
            "The keys are those before the earlier occurrences: one after is what comes next.",
            {
                "wanted[:, 1:] = (tokens[:, None] == tokens[:-1]) & earlier": (
                    "wanted[:, :-2] = ((tokens[:, None] == tokens[:-1]) & earlier)[:, 1:]"
                )
            },
        ),
        Mistake(
            "all rows",
            "The mean runs over all rows: those whose token has not been there before have nothing to find. Leave them out.",
            {"found[:, rows]": "found"},
        ),
        Mistake(
            "last occurrence only",
            "Only the last of the earlier occurrences counts: add up the weights after each of them.",
            {"rows = wanted.any": ("wanted = wanted * (wanted.flip(1).cumsum(dim=1).flip(1) == 1)\n    rows = wanted.any")},
        ),
        Mistake(
            "first occurrence only",
            "Only the first occurrence counts: add up the weights after each of them.",
            {"rows = wanted.any": "wanted = wanted * (wanted.cumsum(dim=1) == 1)\n    rows = wanted.any"},
        ),
        Mistake(
            "mean over occurrences",
            "The weights of a row are averaged over the earlier occurrences: add them up, they are shares of one row.",
            {"(weights * wanted).sum(dim=-1)": "(weights * wanted).sum(dim=-1) / wanted.sum(dim=-1).clamp(min=1)"},
        ),
        Mistake(
            "over queries",
            "Columns are added up: a row is a query, and its weights over the keys are what counts.",
            {"weights * wanted": "weights.mT * wanted"},
        ),
        Mistake(
            "sum over rows",
            "The rows are added up: the score is their mean, so that a longer text has no larger one.",
            {"[:, rows].mean(dim=-1)": "[:, rows].sum(dim=-1)"},
        ),
    ),
    hints=(
        "Make a table of queries by keys that says which weights are wanted, and look at it for A B A B.",
        "If token j is the token of the row, the wanted key is j + 1: the table of equal tokens moves by one column.",
        "Rows without a wanted key are not zeros in the mean, they are not in it.",
    ),
)


def rows_of_the_answer(weights: torch.Tensor, beam_indices: torch.Tensor) -> torch.Tensor:
    """Weights (steps, beams, keys) of a beam search to those of its answer (tokens, keys).

    beam_indices (steps,), whole numbers, has the beam in which each step of the answer was written, and −1 after its end.
    """
    written = beam_indices >= 0
    steps = torch.arange(len(weights))[written]
    return weights[steps, beam_indices[written]]


_ROWS = "weights[steps, beam_indices[written]]"


def _beams(steps: int, beams: int, keys: int, ended: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    indices = torch.randint(beams, (steps,), generator=generator)
    indices[steps - ended :] = -1
    return torch.softmax(drawn(steps, beams, keys, seed=seed), dim=-1), indices


def _any_beams(rng: random.Random) -> tuple[Tensor, Tensor]:
    steps = rng.randint(2, 6)
    return _beams(steps, rng.randint(1, 4), rng.randint(1, 4), rng.randint(0, steps - 1), rng.randrange(2**31))


BEAMS = Exercise(
    name="beam rows",
    text=(
        "A beam search keeps several texts and lets them swap places: what generate returns as the attention of step t has "
        "a row for each beam, and the answer's row is not always the same one. Take the rows in which the answer was "
        "written; after its end, where other beams went on, there are none."
    ),
    formula="output_t = weights_t,b(t),  b = beam_indices, for the steps with b(t) ≥ 0",
    returns=(Result("rows", ("tokens", "keys")),),
    answer=rows_of_the_answer,
    cases=(
        Case(
            "three steps, two beams",
            (_beams(3, 2, 3, 0, seed=421)[0], torch.tensor([0, 1, 0])),
        ),
        Case("ended a step before the others", (_beams(4, 3, 4, 1, seed=422)[0], torch.tensor([0, 2, 1, -1]))),
        Case("ended two steps before", (_beams(5, 3, 2, 2, seed=423)[0], torch.tensor([2, 2, 1, -1, -1]))),
        Case("always in one beam", (_beams(4, 4, 3, 0, seed=424)[0], torch.tensor([1, 1, 1, 1]))),
    ),
    draw=_any_beams,
    mistakes=(
        Mistake(
            "always beam 0",
            "The rows are those of beam 0: the answer ended in it, but was not always written there.",
            {_ROWS: "weights[steps, 0]"},
        ),
        Mistake(
            "last beam for all",
            "All rows are those of the beam in which the answer ended: it has moved from beam to beam before.",
            {_ROWS: "weights[steps, beam_indices[written][-1]]"},
        ),
        Mistake(
            "mean of the beams",
            "The rows are means over the beams, of which only one wrote the answer.",
            {_ROWS: "weights[steps].mean(dim=1)"},
        ),
        Mistake(
            "sharpest beam",
            "In each step the beam with the largest weight was taken: the answer's is in beam_indices.",
            {_ROWS: "weights[steps, weights[steps].amax(dim=-1).argmax(dim=-1)]"},
        ),
        Mistake(
            "ended steps kept",
            "−1 was taken for the last beam: it says that the answer has ended, and has no row. The shape is (tokens, "
            "keys), and the answer has fewer tokens than there are steps.",
            {"torch.arange(len(weights))[written]": "torch.arange(len(weights))", "beam_indices[written]": "beam_indices"},
        ),
        Mistake(
            "ended steps of beam 0",
            "Steps after the end have rows of beam 0: −1 says that the answer has ended, and has no row. The shape is (tokens, "
            "keys), and the answer has fewer tokens than there are steps.",
            {
                "torch.arange(len(weights))[written]": "torch.arange(len(weights))",
                "beam_indices[written]": "beam_indices.clamp(min=0)",
            },
        ),
        Mistake(
            "one step early",
            "Each row is that of the beam of the step before: b(t) belongs to step t.",
            {_ROWS: "weights[steps, torch.cat([beam_indices[:1], beam_indices[written][:-1]])]"},
        ),
    ),
    hints=(
        "How many rows has the answer? Count the entries of beam_indices that name a beam.",
        "Two lists of equal length, one of steps and one of beams, pick a row for each pair.",
        "An index of −1 is no error in Python: it takes the last. Leave those steps out first.",
    ),
)


def without_head(outputs: torch.Tensor, reference: torch.Tensor, present: torch.Tensor, head: int) -> torch.Tensor:
    """Outputs of heads (batch, heads, positions, dim), with those of one head replaced by their mean over a reference.

    reference (texts, heads, tokens, dim) are outputs over other texts; present (texts, tokens) is False for padding.
    """
    shown = reference[:, head][present]
    replaced = outputs.clone()
    replaced[:, head] = shown.mean(dim=0)
    return replaced


_SHOWN, _PUT, _MEAN = "reference[:, head][present]", "replaced[:, head] = shown", "shown.mean(dim=0)"


def _heads(batch: int, heads: int, positions: int, dim: int, texts: int, seed: int) -> tuple[Tensor | int, ...]:
    lengths = torch.randint(1, 5, (texts,), generator=torch.Generator().manual_seed(seed))
    present = torch.arange(4) < lengths[:, None]
    outputs, reference = drawn(batch, heads, positions, dim, seed=seed + 1), drawn(texts, heads, 4, dim, seed=seed + 2)
    return outputs, reference + 1.5, present, seed % heads


def _any_heads(rng: random.Random) -> tuple[Tensor | int, ...]:
    sizes = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 4)
    return _heads(*sizes, rng.randrange(2**31))


ABLATION = Exercise(
    name="mean ablation",
    text=(
        "What does a model do without a head? Replace what the head gives by its mean over other texts, and let the rest "
        "run. A zero is nothing that the next layer has ever seen, and padding is no text: it belongs in no mean. Each "
        "token of the reference counts the same."
    ),
    formula="outputs_b,h,i = mean of reference_t,h,j over all t, j that are present,  for this head h; all other heads stay",
    returns=(Result("outputs", ("batch", "heads", "positions", "dim")),),
    answer=without_head,
    cases=(
        Case(
            "one text of two tokens, two heads",
            (*_heads(1, 2, 2, 2, 2, seed=431)[:2], torch.arange(4) < torch.tensor([[2], [4]]), 1),
        ),
        Case("two texts, three heads", _heads(2, 3, 3, 2, 3, seed=433)),
        Case("a reference of one text", _heads(1, 2, 4, 3, 1, seed=436)),
    ),
    draw=_any_heads,
    mistakes=(
        Mistake(
            "zero",
            "The head is set to 0, which no layer has ever seen, and which takes its mean away as well: put the mean there.",
            {_MEAN: "0.0"},
        ),
        Mistake(
            "padding in the mean",
            "Padding is in the mean: only what is present counts.",
            {_SHOWN: "reference[:, head].flatten(0, 1)"},
        ),
        Mistake(
            "padding counted",
            "Padding is left out of the sum and counted in what it is divided by: divide by the number of tokens present.",
            {_MEAN: "shown.sum(dim=0) / present.numel()"},
        ),
        Mistake(
            "its own mean",
            "The mean is that of the texts at hand, which still says what they say: take it over the reference.",
            {_SHOWN: "outputs[:, head].flatten(0, 1)"},
        ),
        Mistake(
            "all heads",
            "All heads are replaced: one at a time, or nothing is said of it.",
            {_PUT: "replaced[:] = shown"},
        ),
        Mistake(
            "another head",
            "The mean stands in place of another head: heads are the second axis, counted from 0.",
            {_PUT: "replaced[:, head - 1] = shown"},
        ),
        Mistake(
            "mean of means",
            "Each text of the reference counts the same, however short: each token should.",
            {_MEAN: ("torch.stack([text[head][there].mean(dim=0) for text, there in zip(reference, present)]).mean(dim=0)")},
        ),
        Mistake(
            "mean over features",
            "The mean is one number: a head gives dim of them, each with a mean of its own.",
            {_MEAN: "shown.mean()"},
        ),
        Mistake(
            "mean taken away",
            "The mean is subtracted from what the head gives: it stands in its place.",
            {f"{_PUT}.mean(dim=0)": "replaced[:, head] = outputs[:, head] - shown.mean(dim=0)"},
        ),
    ),
    hints=(
        "Two axes of the reference go into the mean, and of those only what is present: a mask of both axes at once picks "
        "them.",
        "The mean of one head is (dim,). It takes the place of every position of every text in the batch.",
        "What was given is still needed, for the run with the head: write into a copy.",
    ),
)

EXERCISES = (ENTROPY, BEAMS, INDUCTION, ABLATION)
