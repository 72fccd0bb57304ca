"""Surveys for tests: made-up texts, surveys of made-up values, and when two surveys are the same."""

import numpy as np

from regard.analysis.heads.registry import statistic_named
from regard.surveying.survey_file import Survey
from regard.surveying.tally import Tally
from regard.surveying.totals import Head, Passage, Totals


def words(count, seed=0, longest=13):
    """Texts of words that the tiny models know."""
    random = np.random.default_rng(seed)
    return [" ".join(f"w{token}" for token in random.integers(5, 53, random.integers(1, longest))) for _ in range(count)]


def write(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def same(one, other):
    """The same numbers, texts and lines left out."""
    assert list(map(repr, one.rows())) == list(map(repr, other.rows()))
    assert (one.tally.texts, one.tally.tokens, one.tally.left_out) == (
        other.tally.texts,
        other.tally.tokens,
        other.tally.left_out,
    )


STATISTICS = ("entropy", "offset", "own")


def survey_of(values, *, heads=((0, 0), (0, 1)), name="tiny", statistics=STATISTICS, keys=None):
    """A survey of (texts, heads, statistics) values, which are kept where texts have keys."""
    edges = {name: statistic_named(name).quantity.edges for name in statistics}
    totals = Totals(
        [Head("self", layer, f"layers.{layer}", head) for layer, head in heads], edges, 0, per_text=keys is not None
    )
    totals.add(np.array(values), range(len(values)), [Passage("", None)] * len(values), keys)
    about = {"finished": True, "model": {"name": name}, "corpus": [{"name": "c"}], "settings": {"examples": 0}}
    return Survey(about, Tally(totals, texts=len(values)))


def drawn(texts, shift=0.0, seed=0):
    values = np.random.default_rng(seed).normal(0.5, 0.1, (texts, 2, 3))
    values[:, 1, 0] += shift
    return values
