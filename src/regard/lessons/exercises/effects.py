"""What a change of a model does: edges taken away by hand, and an effect with its error."""

import random

import torch
from torch import Tensor

from regard.lessons.exercise import Case, Exercise, Mistake, Result, drawn


def without_edges(scores: torch.Tensor, hidden: torch.Tensor, head: int) -> torch.Tensor:
    """Scores (heads, queries, keys), −inf where a mask hides, to weights of the same shape without some edges of one head.

    hidden (queries, keys) is True for the edges that this head loses. It may lose all that a query had.
    """
    lost = torch.zeros_like(scores, dtype=torch.bool)
    lost[head] = hidden
    left = scores.masked_fill(lost, -torch.inf)
    weights = torch.softmax(left, dim=-1)
    return torch.where((left > -torch.inf).any(dim=-1, keepdim=True), weights, 0.0)


_LOST, _LEFT = "lost[head] = hidden", "scores.masked_fill(lost, -torch.inf)"
_EMPTY = "torch.where((left > -torch.inf).any(dim=-1, keepdim=True), weights, 0.0)"
_AFTER = "torch.softmax(scores, dim=-1).masked_fill(lost, 0.0)"


def _shared_evenly(scores: torch.Tensor, hidden: torch.Tensor, head: int) -> torch.Tensor:
    weights = torch.softmax(scores, dim=-1)
    kept = ~hidden & (scores[head] > -torch.inf)
    over = (weights[head] * hidden).sum(dim=-1, keepdim=True)
    weights[head] = torch.where(kept, weights[head] + over / kept.sum(dim=-1, keepdim=True).clamp(min=1), 0.0)
    return weights


_FAR = 1000.0  # so far above the others that nothing is left of them after a softmax, in double precision either


def _edges(
    heads: int, queries: int, keys: int, seed: int, *, far: bool = False, empty: bool = False
) -> tuple[Tensor | int, ...]:
    """Causal scores and some edges; the largest score of a row may be among them, or all that it sees."""
    generator, head = torch.Generator().manual_seed(seed), seed % heads
    scores = drawn(heads, queries, keys, seed=seed)
    hidden = torch.rand(queries, keys, generator=generator) < 0.4
    hidden[:, 0] = False
    last = queries - 1
    if far:
        hidden[last, keys - 1] = True
        scores[head, last, keys - 1] += _FAR
    if empty:
        hidden[int(torch.randint(queries, (1,), generator=generator))] = True
    unseen = ~torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    return scores.masked_fill(unseen, -torch.inf), hidden, head


def _any_edges(rng: random.Random) -> tuple[Tensor | int, ...]:
    queries = rng.randint(1, 5)
    far, empty = rng.random() < 0.4, rng.random() < 0.4
    return _edges(rng.randint(1, 4), queries, queries + rng.randint(0, 3), rng.randrange(2**31), far=far, empty=empty)


EDGES = Exercise(
    name="hidden edges",
    text=(
        "What does a head say when it may not look at some keys? Take edges away from one head as a mask would: the keys "
        "that are left share all of the weight, in proportion to what they had. It must survive that a hidden edge had all "
        "of the weight, and that a query loses all that it sees: its weights are then 0, and not NaN. Other heads stay as "
        "they are."
    ),
    formula="weights_h,i = softmax over the keys j that i still sees of scores_h,i,j;  0 where there is none",
    returns=(Result("weights", ("heads", "queries", "keys")),),
    answer=without_edges,
    cases=(
        Case(
            "two heads, one edge",
            (_edges(2, 3, 3, 500)[0], torch.tensor([[False] * 3, [False] * 3, [False, True, False]]), 1),
        ),
        Case("two queries, four keys", _edges(2, 2, 4, 503)),
        Case("a query that loses all", _edges(3, 3, 3, 506, empty=True)),
        Case("a hidden edge far above the others", _edges(2, 3, 4, 509, far=True)),
    ),
    draw=_any_edges,
    mistakes=(
        Mistake(
            "weight lost",
            "The weight of hidden edges is lost: the rows sum to less than 1. A mask gives it to the keys that are left, as "
            "the softmax comes after it.",
            {_LEFT: "scores", "torch.softmax(left, dim=-1)": "torch.softmax(left, dim=-1).masked_fill(lost, 0.0)"},
        ),
        Mistake(
            "renormalised too late",
            "Weights are set to 0 after the softmax and the rest is divided by its sum. Where a hidden edge had all of the "
            "weight, nothing is left to divide: hide the scores, before the softmax.",
            {_LEFT: _AFTER, "torch.softmax(left, dim=-1)": "left / left.sum(dim=-1, keepdim=True)", _EMPTY: "weights"},
            {
                _LEFT: _AFTER,
                "torch.softmax(left, dim=-1)": "left / left.sum(dim=-1, keepdim=True).clamp(min=1e-9)",
                _EMPTY: "weights",
            },
        ),
        Mistake(
            "shared evenly",
            "Each key that is left gets as much of the hidden weight as any other: they share it in proportion to what they "
            "had, as a softmax over them does.",
            _shared_evenly,
        ),
        Mistake(
            "NaN where nothing is left",
            "A query that sees no key has NaN: softmax over nothing but −inf is 0/0. Its weights are 0.",
            {_EMPTY: "weights"},
        ),
        Mistake(
            "not minus infinity",
            "Hidden scores are a large negative number: a query that loses all spreads its weight over what is hidden. "
            "Fill with −inf, and give such a query 0.",
            {_LEFT: "scores.masked_fill(lost, -1e9)"},
        ),
        Mistake(
            "score 0",
            "Hidden scores are set to 0, which is a score like any other: exp(0) is 1. Fill with −inf.",
            {_LEFT: "scores.masked_fill(lost, 0.0)"},
        ),
        Mistake("all heads", "All heads lose the edges: only the one that is asked about does.", {_LOST: "lost[:] = hidden"}),
        Mistake(
            "another head",
            "Another head loses the edges: heads are the first axis, counted from 0.",
            {_LOST: "lost[head - 1] = hidden"},
        ),
        Mistake(
            "inverted",
            "hidden was taken for what stays: True is an edge that is lost.",
            {_LOST: "lost[head] = ~hidden"},
        ),
        Mistake(
            "whole keys",
            "A key that one query loses is hidden from all of them: an edge is one query and one key.",
            {_LOST: "lost[head] = hidden.any(dim=0)"},
        ),
        Mistake(
            "whole queries",
            "A query that loses one key loses all: an edge is one query and one key.",
            {_LOST: "lost[head] = hidden.any(dim=1, keepdim=True)"},
        ),
    ),
    hints=(
        "Which number as a score gives the weight 0, whatever the other scores are?",
        "The mask of edges is for one head. Make one of the shape of all scores that is False elsewhere.",
        "Look for the rows in which nothing finite is left, before they meet the softmax or after it.",
    ),
)


def paired_effect(unchanged: torch.Tensor, changed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A measure of each text without a change (texts,) and with each change (sites, texts) to effects and errors (sites,)."""
    differences = changed - unchanged
    effect = differences.mean(dim=1)
    spread = differences.std(dim=1)
    return effect, spread / differences.shape[1] ** 0.5


def _variance_of_squares(unchanged: torch.Tensor, changed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    differences = changed - unchanged
    texts = differences.shape[1]
    effect = differences.mean(dim=1)
    variance = (differences.square().mean(dim=1) - effect.square()).clamp(min=0)
    return effect, (variance / texts).sqrt()


def _measured(sites: int, texts: int, seed: int, effect: float = 0.0) -> tuple[Tensor, Tensor]:
    """Texts that are easy or hard, with a change and without it."""
    unchanged = 8 * drawn(texts, seed=seed) + 20
    return unchanged, unchanged + drawn(sites, texts, seed=seed + 1) + drawn(sites, 1, seed=seed + 2) + effect


def _any_measured(rng: random.Random) -> tuple[Tensor, Tensor]:
    return _measured(rng.randint(1, 5), rng.randint(2, 9), rng.randrange(2**31), rng.choice((0.0, 0.0, 3.0, -5000.0)))


EFFECT = Exercise(
    name="paired effect",
    text=(
        "How much does each change matter, and how sure is it? Each text is its own comparison: some texts are easy and some "
        "are hard, with the change and without it, and that is no doubt about the change. Return the mean difference of each "
        "site, changed minus unchanged, and its standard error. It must survive effects that are thousands of times their "
        "spread."
    ),
    formula=(
        "effect_s = mean of x over the texts,  x_t = changed_s,t − unchanged_t\n"
        "error_s = √( Σ_t (x_t − effect_s)² / (n − 1) ) / √n"
    ),
    returns=(Result("effect", ("sites",)), Result("error", ("sites",))),
    answer=paired_effect,
    cases=(
        Case(
            "two sites, three texts",
            (torch.tensor([10.0, 20.0, 60.0]), torch.tensor([[11.0, 22.0, 63.0], [10.0, 19.0, 60.0]])),
        ),
        Case("three sites, seven texts", _measured(3, 7, 520)),
        Case("as many sites as texts", _measured(3, 3, 523)),
        Case("an effect far above its spread", _measured(2, 5, 526, 5000.0)),
    ),
    draw=_any_measured,
    mistakes=(
        Mistake(
            "unpaired",
            "The error is that of two samples that have nothing to do with each other: how easy or hard the texts are is in it "
            "twice. Take the differences first, text by text, and the spread of those.",
            {
                "differences.std(dim=1)": "(changed.var(dim=1) + unchanged.var()) ** 0.5",
            },
        ),
        Mistake(
            "error of the changed",
            "The error is that of the changed measure, in which texts are easy and hard: it is the spread of the differences.",
            {"differences.std(dim=1)": "changed.std(dim=1)"},
        ),
        Mistake(
            "spread for error",
            "This is the spread of the texts, which more texts do not make smaller: the error of their mean is that over √n.",
            {"spread / differences.shape[1] ** 0.5": "spread"},
        ),
        Mistake(
            "divided by n",
            "The spread is divided by n: the error of a mean falls with the root of n, as errors partly cancel.",
            {"differences.shape[1] ** 0.5": "differences.shape[1]"},
        ),
        Mistake(
            "root forgotten",
            "This is the square of the error: it lacks a root.",
            {"spread / differences.shape[1] ** 0.5": "spread**2 / differences.shape[1]"},
        ),
        Mistake(
            "by n in the spread",
            "The squares are divided by n: the mean is from the same texts and fits them best, so it is n − 1.",
            {"differences.std(dim=1)": "differences.std(dim=1, correction=0)"},
            _variance_of_squares,
        ),
        Mistake(
            "mean of sizes",
            "The sizes of the differences are averaged, so that a change that does nothing has an effect as well: keep their "
            "signs.",
            {"differences.mean(dim=1)": "differences.abs().mean(dim=1)"},
        ),
        Mistake(
            "sign turned",
            "The effect is unchanged minus changed: what a change adds is above 0.",
            {"differences.mean(dim=1)": "-differences.mean(dim=1)"},
        ),
        Mistake(
            "as a share",
            "Differences are divided by the unchanged measure: they are asked for in its own unit.",
            {"changed - unchanged": "(changed - unchanged) / unchanged"},
        ),
        Mistake(
            "over sites",
            "Sites are averaged: each has an effect of its own, and the mean is over its texts.",
            {
                "differences.mean(dim=1)": "differences.mean(dim=0)",
                "differences.std(dim=1)": "differences.std(dim=0)",
                "differences.shape[1]": "differences.shape[0]",
            },
        ),
        Mistake(
            "median",
            "The effect is the median of the texts: the mean is asked for, to which the error belongs.",
            {"differences.mean(dim=1)": "differences.median(dim=1).values"},
        ),
    ),
    hints=(
        "By hand, in the first case: the differences of the first site are 1, 2 and 3. Their mean is 2, and their spread is 1.",
        "Subtract first. What is the same in both measures of a text is then gone, however large it was.",
        "Two roots: one makes a spread of squares, the other says how much surer a mean of n is than one text.",
    ),
)

EXERCISES = (EDGES, EFFECT)
