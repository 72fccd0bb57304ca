"""The committed tables of conventions are what the libraries that are here answer, and the questions can tell answers apart."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import table_of_conventions as recipe
from asked_libraries import LIBRARIES, NORMALISERS, Library, NotOfferedError, by_hand, regard_attention

PAGE = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")
HERE = [
    pytest.param(name, library, id=library.name)
    for name, (libraries, _) in recipe.TABLES.items()
    for library in libraries
    if library.available()
]


@pytest.mark.slow
@pytest.mark.parametrize(("table", "library"), HERE)
def test_rows_of_installed_libraries_are_those_of_the_page(table, library):
    _, questions = recipe.TABLES[table]
    assert recipe.row(library, questions) in recipe.committed_table(PAGE, table).splitlines(), (
        "the page is not what the libraries answer; its recipe says how to make it again"
    )


def test_torch_and_transformers_are_among_them():
    packages = {package for param in HERE for package in param.values[1].packages}
    assert packages >= {"torch", "transformers"}


@pytest.mark.parametrize("table", recipe.TABLES)
def test_every_library_has_one_row(table):
    libraries, questions = recipe.TABLES[table]
    rows = [line.split(" | ") for line in recipe.committed_table(PAGE, table).strip().splitlines()[2:]]
    assert [row[0].removeprefix("| ") for row in rows] == [library.name for library in libraries]
    assert {len(row) for row in rows} == {2 + len(questions)}


def test_this_package_answers_as_it_says():
    answers = {question: recipe.answer(ask, regard_attention) for question, ask in recipe.QUESTIONS.items()}
    assert answers == {
        "True means": "may attend",
        "a row that may attend to nothing": "0",
        "causal, 2 queries, 7 keys": "bottom-right",
        "window 3, causal": "3 keys",
        "window 3, both ways": "3 keys",
        "softcap and mask": "softcap, mask",
        "query head h reads": "h // group",
    }
    sparse = [library for library in NORMALISERS if not library.packages]
    assert len(sparse) == 3
    for library in sparse:
        assert [recipe.answer(ask, library.attend) for ask in recipe.NORMALISER_QUESTIONS.values()] == ["0", "1.00"]


def scores_of(asked):
    return asked.query @ asked.key.swapaxes(2, 3) / np.sqrt(asked.key.shape[3])


def soft(scores):
    return torch.from_numpy(scores).softmax(-1).numpy()


def test_true_means_hidden():
    filled = partial(by_hand, fill=-np.inf)

    def inverted(asked):
        return filled(asked if asked.mask is None else replace(asked, mask=~asked.mask))

    assert recipe.polarity(filled) == "may attend"
    assert recipe.polarity(inverted) == "hidden"
    assert recipe.blind_row(inverted) == recipe.blind_row(filled) == "NaN"
    assert recipe.polarity(lambda asked: by_hand(replace(asked, mask=None), fill=0)).startswith("neither")


def test_a_blind_row_that_is_neither_nothing_nor_even():
    def first(asked):
        return np.broadcast_to(np.eye(7)[0], asked.query.shape) if not asked.mask.any() else by_hand(asked, fill=-np.inf)

    assert recipe.blind_row(first).startswith("[1.")


@pytest.mark.parametrize(("offset", "answer"), [(0, "top-left"), (5, "bottom-right"), (1, "[2, 3] keys")])
def test_sides_of_causal(offset, answer):
    def causal(asked):
        queries, keys = asked.query.shape[2], asked.key.shape[2]
        return soft(np.where(np.tri(queries, keys, offset, dtype=bool), scores_of(asked), -np.inf)) @ asked.value

    assert recipe.causal_side(causal) == answer


def test_widths_of_windows():
    def wide(asked):
        distance = np.arange(7)[:, None] - np.arange(7)
        near = (distance <= asked.window) & (distance >= (0 if asked.causal else -asked.window))
        return soft(np.where(near, scores_of(asked), -np.inf)) @ asked.value

    assert (recipe.causal_window(wide), recipe.centred_window(wide)) == ("4 keys", "7 keys")


def test_orders_of_softcap_and_mask():
    def capped(asked, *, mask_first, ignored=False):
        scores = scores_of(asked)
        masked = np.where(asked.mask, scores, -np.inf) if asked.mask is not None else scores
        inner = asked.softcap * np.tanh((masked if mask_first else scores) / asked.softcap) if asked.softcap else scores
        if not mask_first and asked.mask is not None:
            inner = np.where(asked.mask, inner, -np.inf)
        plain = ignored or not asked.softcap
        return soft(masked if plain else inner) @ asked.value

    assert recipe.softcap_and_mask(partial(capped, mask_first=False)) == "softcap, mask"
    assert recipe.softcap_and_mask(partial(capped, mask_first=True)) == "mask, softcap"
    assert recipe.softcap_and_mask(partial(capped, mask_first=True, ignored=True)) == "softcap ignored"


def test_ways_to_share_heads():
    def tiled(asked):
        groups = asked.query.shape[1] // asked.key.shape[1]
        key, value = (np.tile(array, (1, groups, 1, 1)) for array in (asked.key, asked.value))
        return soft(scores_of(replace(asked, key=key))) @ value

    assert recipe.shared_heads(tiled) == "h % kv_heads"


def test_options_that_are_missing_and_options_that_fail():
    def lacking(_asked):
        raise NotOfferedError

    def failing(_asked):
        raise RuntimeError("no")

    assert recipe.answer(recipe.polarity, lacking) == "·"
    assert recipe.answer(recipe.polarity, failing) == "refused: RuntimeError"


def test_what_is_not_installed_keeps_its_row(capsys):
    absent = Library("absent", ("a_package_that_is_not_there",), regard_attention)
    made = recipe.table([LIBRARIES[0], absent], recipe.QUESTIONS, "| absent | 7.0 | as it was |\n")
    assert made.splitlines()[-1] == "| absent | 7.0 | as it was |"
    assert "absent is not installed" in capsys.readouterr().out


def test_only_the_tables_of_a_page_change(monkeypatch):
    monkeypatch.setattr(recipe, "TABLES", {"attention": ([LIBRARIES[0]], {"True means": recipe.polarity})})
    page = "before\n<!-- attention: made by recipes/tables/table_of_conventions.py -->\n<!-- attention: end -->\nafter"
    once = recipe.renewed(page)
    assert once.startswith("before\n<!-- attention: made")
    assert once.endswith("| **regard** `attention` |  | may attend |\n<!-- attention: end -->\nafter")
    assert recipe.renewed(once) == once
    with pytest.raises(ValueError, match="expected a page with the lines"):
        recipe.renewed("a page without marks")
