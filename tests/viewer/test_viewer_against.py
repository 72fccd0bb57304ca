"""Two things side by side: what the viewer opens with, what they are called, and what is refused."""

import pytest
import torch

import regard
from regard.errors import DtypeError, OptionError, ShapeError
from regard.viewer.document.document import document


def map_of(seed, queries=5, heads=2, name=None, layer=None):
    generator = torch.Generator().manual_seed(seed)
    made = regard.AttentionMap(*torch.randn(2, 1, heads, queries, 3, generator=generator), causal=True)
    made.name, made.kind, made.layer = name, "self", layer
    return made


@pytest.fixture(scope="module")
def recordings():
    return [regard.Recording.of([torch.rand(1, 2, 5, 5).softmax(-1) for _ in range(3)]) for _ in range(2)]


def test_a_second_thing_opens_beside_the_first_where_that_is(recordings):
    one, two = recordings
    manifest = document(one, against=two, map=2, heads=[1], names=["mine", "yours"]).manifest
    assert [info["of"] for info in manifest["maps"]] == ["mine"] * 3 + ["yours"] * 3
    assert manifest["opening"]["with"] == {"map": 5, "heads": [1]}


def test_maps_and_weights_stand_against_each_other_too():
    shown = document(map_of(0), against=map_of(1, heads=1), heads=[1])
    assert [info["of"] for info in shown.manifest["maps"]] == ["first", "second"]
    assert shown.manifest["opening"]["with"] == {"map": 1, "heads": [0]}  # it has no second head
    shown = document(torch.eye(3)[None, None], against=torch.ones(3, 3)[None, None] / 3)
    assert shown.manifest["opening"]["with"] == {"map": 1, "heads": [0]}


def test_two_translations_are_called_by_their_texts():
    manifest = document(regard.translate("The cat sat."), against=regard.translate("The dog slept.")).manifest
    opening = manifest["opening"]
    one, two = manifest["maps"][opening["map"]], manifest["maps"][opening["with"]["map"]]
    assert (one["item"], two["item"]) == (0, 1)
    assert (one["kind"], one["layer"]) == (two["kind"], two["layer"])
    assert len(manifest["alignments"]) == 2


def test_named_translations_keep_their_links_and_their_opening():
    one, two = regard.translate(["The cat sat.", "The dog slept."])
    manifest = document([one, two], names=["cat", "dog"]).manifest
    assert manifest["items"] == ["cat: The cat sat.", "dog: The dog slept."]
    assert [found["sourceWords"][1] for found in manifest["alignments"]] == ["cat", "dog"]
    assert [found["item"] for found in manifest["alignments"]] == [0, 1]
    assert manifest["opening"]["view"] == "ribbon"
    assert manifest["maps"][manifest["opening"]["map"]]["kind"] == "cross"
    assert manifest["languages"] == [["en", "fr"]] * 2
    against = document(one, against=two, names=["cat", "dog"]).manifest
    assert len(against["alignments"]) == 2
    mixed = document({"plain": one.recording, "whole": two}).manifest
    assert [found["item"] for found in mixed["alignments"]] == [1]
    assert mixed["languages"] == [None, ["en", "fr"]]


def test_names_are_of_the_things_in_a_list(recordings):
    manifest = document(recordings, names=["a", "b"]).manifest
    assert {info["of"] for info in manifest["maps"]} == {"a", "b"}
    assert "with" not in manifest["opening"]
    assert "with" in regard.page(recordings[0], against=recordings[1])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"names": "ab"}, DtypeError),
        ({"names": [1, 2]}, DtypeError),
        ({"names": ["a"]}, ShapeError),
        ({"names": ["a", "a"]}, OptionError),
        ({"names": ["a", "b", "c"]}, ShapeError),
        ({"names": range(2**40)}, DtypeError),
        ({"against": 7}, DtypeError),
    ],
)
def test_what_is_no_name_and_no_thing_is_refused(recordings, options, error):
    with pytest.raises(error, match="expected"):
        document(recordings, **options) if "names" in options else document(recordings[0], **options)


def test_names_want_a_list_without_names_of_its_own(recordings):
    with pytest.raises(DtypeError, match="expected a list of things"):
        document(map_of(0), names=["a"])
    with pytest.raises(OptionError, match="expected none beside a mapping"):
        document({"a": recordings[0]}, names=["b"])
    with pytest.raises(OptionError, match="mechanism"):
        document(regard.catalogue()[0], names=["b"])
