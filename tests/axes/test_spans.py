"""Spans: where they come from, and that nothing is found by guessing."""

import pytest
import torch

import regard
from regard.axes.axis import Axis
from regard.axes.line import Line
from regard.axes.places import Patch, Seconds
from regard.axes.spans import Spans
from regard.errors import DtypeError, OptionError, ShapeError

WORDS = Axis.unknown(8).with_text(["▁The", "▁red", "▁fox", ".", "▁The", "▁blue", "▁ja", "y."])


def test_parts_are_found_whatever_their_blanks_cases_and_accents():
    assert Spans.found(WORDS, {"a": "THE  RED fox.", "b": "blué jay"}).places == ((0, 1, 2, 3), (5, 6, 7))


def test_characters_say_which_of_several_is_meant():
    with pytest.raises(OptionError, match="stands there several times"):
        Spans.found(WORDS, ["The"])
    assert Spans.found(WORDS, {"second": (13, 17)}).places == ((4,),)


def test_bytes_of_one_character_belong_to_it_all():
    axis = Axis((Line(4, text=("a", "b", "c", "d"), token=("ä½", "ł", "å¥½", "Ġa"), kind="byte-level"),))
    assert Spans.found(axis, ["你"]).places == ((0, 1),)


def test_a_token_of_two_parts_is_of_both():
    assert Spans.in_text("ab cd", [(0, 4), (4, 5)], ["ab", "cd"]).places == ((0,), (0, 1))


def test_special_tokens_are_of_no_part():
    axis = Axis.unknown(4).with_text(["<s>", "▁one", "▁two", "</s>"])
    assert Spans.found(axis, ["one two"]).places == ((1, 2),)
    assert Spans.sentences(axis).places == ((1, 2),)


@pytest.mark.parametrize(
    ("tokens", "places"),
    [
        (["▁Is", "▁it", "?", "▁Yes", "!", "▁3.5"], ((0, 1, 2), (3, 4), (5,))),
        (["我", "。", "你", "！"], ((0, 1), (2, 3))),
        (["▁a", "\n\n", "b"], ((0,), (2,))),
    ],
)
def test_sentences_end_where_they_are_said_to(tokens, places):
    assert Spans.sentences(Axis.unknown(len(tokens)).with_text(tokens)).places == places


class Chat:
    """A template and a tokenizer of single letters."""

    def __init__(self, template="<{role}>{content};"):
        self.template = template

    def apply_chat_template(self, messages, *, add_generation_prompt=False, **_):
        text = "".join(self.template.format(**one, count=len(messages)) for one in messages)
        return text + ("<assistant>" if add_generation_prompt else "")

    def __call__(self, text, **_):
        return {"offset_mapping": [(at, at + 1) for at in range(len(text))]}


def test_turns_are_what_the_template_adds():
    turns = [{"role": "user", "content": "hi"}, {"role": "bot", "content": "ho!"}]
    found = Spans.chat(turns, Chat(), add_generation_prompt=True)
    assert found.names == ("1: user", "2: bot")
    assert [(places[0], places[-1]) for places in found.places] == [(0, 8), (9, 17)]
    with pytest.raises(OptionError, match="changes those before turn 1"):
        Spans.chat(turns, Chat("<{role} of {count}>{content};"))


def test_pictures_and_seconds_are_read_from_places():
    picture = Axis((Line(5, place=(None, Patch(0, 0, 0), Patch(0, 0, 1), Patch(1, 0, 0), None)),))
    assert Spans.images(picture).places == ((1, 2), (3,))
    sound = Axis((Line(4, place=tuple(Seconds(at / 2, at / 2 + 0.5) for at in range(4))),))
    assert Spans.seconds(sound, {"word": (0.5, 1.6)}).places == ((1, 2),)
    with pytest.raises(OptionError, match=r"stretches of 2 s of sound"):
        Spans.seconds(sound, {"late": (2.0, 3.0)})


def test_what_belongs_to_none_is_the_rest():
    assert Spans(("a", "b"), ([1], [1, 3])).rest(5) == (0, 2, 4)


def test_a_map_is_grouped_by_spans():
    amap = regard.AttentionMap.from_dense(torch.eye(4))
    grouped = amap.by(keys=Spans(("a", "b"), (range(3), [3])))
    assert list(grouped.keys) == ["a", "b"]
    assert grouped.dense()[0, 0].tolist() == [[1, 0], [1, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Spans(("a",), ()), ShapeError, "got 1 names and 0 lists"),
        (lambda: Spans(("a", "a"), ([0], [1])), OptionError, "got 'a' twice"),
        (lambda: Spans(("a",), ([],)), ShapeError, "got none for 'a'"),
        (lambda: Spans(("a",), ([-1],)), OptionError, "places"),
        (lambda: Spans.found(WORDS, ["green"]), OptionError, "'green', which does not stand there"),
        (lambda: Spans.found(WORDS, {"a": (3, 99)}), OptionError, "from 3 to"),
        (lambda: Spans.found(WORDS, {"blank": (0, 1)}), OptionError, "which none does"),
        (lambda: Spans.found(Axis.unknown(3), ["a"]), OptionError, "positions with texts"),
        (lambda: Spans.found("text", ["a"]), DtypeError, "axis: expected a side of a map"),
        (lambda: Spans.in_text("ab", [(0, 3)], ["a"]), OptionError, "offsets"),
        (lambda: Spans.images(WORDS), OptionError, "patches"),
        (lambda: Spans.seconds(WORDS, {"a": (0, 1)}), OptionError, "moments"),
        (lambda: Spans.chat([{"content": "x"}], Chat()), DtypeError, "role"),
        (lambda: Spans.chat([], object()), DtypeError, "tokenizer"),
    ],
)
def test_bad_spans_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
