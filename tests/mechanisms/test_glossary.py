"""What people call things leads to cards: other names, the glossary, and the search."""

import json

import pytest

from regard.cli import main
from regard.errors import DtypeError, OptionError
from regard.mechanisms.catalogue import card, catalogue, find, terms
from regard.mechanisms.glossary import GLOSSARY


def test_each_term_leads_to_cards_that_there_are_or_to_something_to_read():
    names = {one.name for one in catalogue()}
    for term in GLOSSARY:
        assert set(term.cards) <= names, term.name
        assert term.cards or term.read, term.name
        assert term.meaning.endswith((".", ".)"))


def test_a_term_has_one_meaning():
    said = [name.casefold() for term in GLOSSARY for name in (term.name, *term.also)]
    twice = {name for name in said if said.count(name) > 1}
    assert twice <= {"long context", "context extension"}


def test_other_names_are_no_names_of_other_cards():
    names = {one.name for one in catalogue()}
    for one in catalogue():
        assert not {name.casefold() for name in one.also} & (names - {one.name}), one.name


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("MLA", ["latent"]),
        ("GQA", ["grouped-query"]),
        ("gqa ", ["grouped-query"]),
        ("RoPE", ["rotary-half", "rotary-interleaved"]),
        ("YaRN", ["yarn"]),
        ("mask_mod", ["causal", "window"]),
        ("DSA", ["lightning-indexer"]),
        ("KDA", ["kimi-delta"]),
        ("KV cache", ["multi-head", "grouped-query"]),
        ("StreamingLLM", ["streaming"]),
        ("temperature", ["scaled-dot", "yarn"]),
        ("Mamba", ["linear"]),
        ("Longformer", ["global-local"]),
        ("AlphaFold", ["gated"]),
    ],
)
def test_words_lead_to_cards(words, first):
    assert [one.name for one in find(words)][: len(first)] == first


@pytest.mark.parametrize("one", catalogue(), ids=lambda one: one.name)
def test_each_card_is_found_by_all_that_it_is_called(one):
    for called in (one.name, one.title, *one.also):
        assert one in find(called)


def test_words_that_lead_nowhere():
    assert find("sourdough") == find("  ") == []
    assert terms("sourdough") == []
    with pytest.raises(OptionError, match="did you mean grouped-query"):
        card("GQA")
    with pytest.raises(DtypeError, match="words: expected a text"):
        find(3)


def test_the_command_finds_words(capsys):
    assert main(["mechanisms", "KV cache"]) == 0
    out = capsys.readouterr().out
    assert "which decoding keeps" in out
    assert "heavy-hitters" in out
    assert main(["mechanisms", "GQA"]) == 0
    assert "Grouped-query attention" in capsys.readouterr().out
    assert main(["mechanisms", "PagedAttention"]) == 0
    assert "PagedCache" in capsys.readouterr().out
    assert main(["mechanisms", "KV cache", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) >= 8
    assert main(["mechanisms", "sourdough"]) == 1
