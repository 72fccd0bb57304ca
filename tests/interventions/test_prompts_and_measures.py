"""Prompts in tokens, refused where they do not fit; measures beside sums in plain loops."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close
from transformers import GPT2Config

from regard.errors import DtypeError, OptionError, ShapeError, TooLongError
from regard.interventions import MEASURES, Measure, Prompt, Seen, loss
from regard.interventions.measures import measures_of
from regard.interventions.reading import Reader
from support.tiny_models import tiny
from support.tiny_tokenizers import tokenizer


class Letters:
    """A tokenizer of one id a letter, behind a beginning; "th" is one token."""

    mask_token_id = None

    def __call__(self, text=None, *, text_target=None, add_special_tokens=True, return_offsets_mapping=False):
        text = text_target if text is None else text
        ids, offsets, at = [], [], 0
        while at < len(text):
            size = 2 if text[at : at + 2] == "th" else 1
            ids.append(52 if size == 2 else 3 + ord(text[at]) % 40)
            offsets.append((at, at + size))
            at += size
        if add_special_tokens:
            ids, offsets = [1, *ids], [(0, 0), *offsets]
        return {"input_ids": ids} | ({"offset_mapping": offsets} if return_offsets_mapping else {})


def read(prompt, name="gpt2", given=None):
    return Reader(tiny(name), Letters() if given is None else given).read(prompt, "over[3]")


def test_a_text_and_its_answer():
    one = read(Prompt("ab c", answer="de", wrong="x", other="xy c", spans={"first": "ab", "blank": (2, 4)}, group="g"))
    letters = Letters()
    assert list(one.ids) == letters("ab cd")["input_ids"]
    assert list(one.answer) == letters("de", add_special_tokens=False)["input_ids"]
    assert one.rows == (4, 5)
    assert (one.text, one.tokens, one.group, len(one.wrong)) == (5, 5, "g", 1)
    assert one.spans == {"first": range(1, 3), "blank": range(3, 5)}
    assert list(one.other) == letters("xy cd")["input_ids"]
    given = read(Prompt([5, 6, 7], answer=8, wrong=torch.tensor([9]), spans={"all": (0, 3)}), given=Letters())
    assert (given.ids, given.answer, given.wrong, given.rows) == ((5, 6, 7), (8,), (9,), (2,))
    assert given.spans == {"all": range(3)}
    assert read(Prompt("ab")).rows == (2,)


def test_an_encoder_decoder_and_masks():
    one = read(Prompt("abc", answer="de", other="xbc"), "marian")
    answer = tuple(Letters()("de")["input_ids"])
    assert one.ids == (0, *answer[:-1])
    assert one.answer == answer
    assert one.rows == (0, 1, 2)
    assert len(one.source) == len(one.other_source) == 4
    masked = Letters()
    masked.mask_token_id = 3 + ord("_") % 40
    assert read(Prompt("a_c_", answer="bd"), given=masked).rows == (2, 4)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (
            Prompt("t", answer="h"),
            r"over\[3\].answer: expected tokens that follow those of the text, got 'h', which changes them",
        ),
        (Prompt("abc", other="ab"), r"over\[3\].other: expected as many tokens as the text has, 4, got 3"),
        (Prompt("athc", spans={"x": "at"}), r"over\[3\].spans\['x'\]: expected a span that begins and ends where tokens do"),
        (Prompt("abab", spans={"x": "ab"}), "expected a part that stands once in the text, got 'ab', 2 times"),
        (Prompt("ab", spans={"x": (1, 9)}), "expected characters from 0 to 2"),
        (Prompt([4, 5], spans={"x": (1, 3)}), "expected positions from 0 to 2"),
        (Prompt([4, -5]), r"over\[3\].text: expected a whole number of at least 0, got -5"),
        (Prompt([]), r"over\[3\].text: expected a text of at least one token"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_does_not_fit_is_refused_with_its_place(prompt, said):
    with pytest.raises(OptionError, match=said):
        read(prompt)


def test_more_is_refused():
    with pytest.raises(OptionError, match=r"over\[3\].answer: expected what the decoder writes"):
        read(Prompt("abc"), "marian")
    with pytest.raises(TooLongError, match=r"over\[3\]: expected at most 32 tokens, got 41"):
        read(Prompt("a" * 40), "llama")
    with pytest.raises(OptionError, match="expected ids, got a text and no tokenizer"):
        Reader(tiny("gpt2")).read(Prompt("a"), "over[0]")
    with pytest.raises(DtypeError, match="expected a Prompt, got 'a'"):
        read("a")
    with pytest.raises(OptionError, match="expected a tokenizer that says where tokens stand"):
        read(Prompt("ab", spans={"x": (0, 1)}), given=lambda text: [3] * len(text))
    masked = Letters()
    masked.mask_token_id = 3 + ord("_") % 40
    with pytest.raises(OptionError, match="expected as many tokens as the text has masks, 2, got 1"):
        read(Prompt("a_c_", answer="b"), given=masked)


def test_a_tokenizer_of_transformers():
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer("byte-level"))
    wide = SimpleNamespace(config=GPT2Config(vocab_size=len(fast)))
    one = Reader(wide, fast).read(Prompt("the cat sat on", answer=" the", spans={"cat": "cat"}), "over[3]")
    assert fast.decode(list(one.answer)) == " the"
    assert "".join(fast.decode([one.ids[at]]) for at in one.spans["cat"]).strip() == "cat"
    with pytest.raises(
        OptionError, match=r"over\[3\].text: expected ids below 53, the words of the model, got \d+; take the tok"
    ):
        read(Prompt("the cat sat on"), given=fast)
    with pytest.raises(OptionError, match=r"over\[3\].wrong: expected ids below 53, the words of the model, got 53"):
        read(Prompt([5], answer=[52], wrong=[53]), "marian")


# -- measures


def seen(**changed):
    made = torch.Generator().manual_seed(0)
    logits, before = 3 * torch.randn(2, 3, 5, 7, generator=made)
    given = {
        "ids": torch.randint(7, (3, 5), generator=made),
        "rows": (0, 1, 2, 3, 4),
        "answer": torch.randint(7, (3, 5), generator=made),
        "wrong": torch.randint(7, (3,), generator=made),
        "spans": [{"a": range(2, 4)}, {"a": range(1, 2)}, {"a": range(1, 5)}],
        "unchanged": before,
        "logits": logits,
    }
    return Seen(**given | changed)


def chances(row):
    top = max(row)
    total = sum(math.exp(one - top) for one in row)
    return [math.exp(one - top) / total for one in row]


def by_loops(one):
    """The witness: each measure of each prompt, from lists of numbers."""
    found = {name: [] for name in (*MEASURES, "answer_loss", "loss of a")}
    for item in range(3):
        z, before = one.logits[item].double().tolist(), one.unchanged[item].double().tolist()
        ids, a, w = one.ids[item].tolist(), one.answer[item].tolist(), int(one.wrong[item])
        p, q = [chances(row) for row in z], [chances(row) for row in before]
        logs = [math.log(p[at][a[at]]) for at in range(5)]
        found["accuracy"].append(float(all(max(range(7), key=z[at].__getitem__) == a[at] for at in range(5))))
        found["kl"].append(sum(x * math.log(x / y) for at in range(5) for x, y in zip(q[at], p[at], strict=True)) / 5)
        found["log_probability"].append(sum(logs))
        found["probability"].append(math.prod(p[at][a[at]] for at in range(5)))
        found["answer_loss"].append(-sum(logs) / 5)
        found["logit_difference"].append(z[0][a[0]] - z[0][w])
        found["margin"].append(z[0][a[0]] - sum(z[0][v] for v in range(7) if v != a[0]) / 6)
        found["rank"].append(1.0 + sum(z[0][v] > z[0][a[0]] for v in range(7)))
        found["loss"].append(-sum(math.log(p[at - 1][ids[at]]) for at in range(1, 5)) / 4)
        span = one.spans[item]["a"]
        found["loss of a"].append(-sum(math.log(p[at - 1][ids[at]]) for at in span) / len(span))
    return found


@pytest.mark.parametrize("measure", [*MEASURES.values(), loss("answer"), loss("a")], ids=lambda one: one.name)
def test_a_measure_is_its_formula(measure):
    assert_close(measure(seen()), torch.tensor(by_loops(seen())[measure.name], dtype=torch.float64), atol=1e-12, rtol=1e-12)


def test_measures_are_refused_where_they_say_nothing():
    assert [one.name for one in measures_of("kl")] == ["kl"]
    with pytest.raises(OptionError, match="measures: expected some of accuracy, kl, .*, got 'perplexity'"):
        measures_of(["perplexity"])
    with pytest.raises(OptionError, match="each with a name of its own"):
        measures_of(["kl", "kl"])
    with pytest.raises(ShapeError, match=r"mine: expected a number for each of 3 prompts, got \(\)"):
        Measure("mine", lambda one: one.logits.mean(), higher_is_better=True)(seen())
    with pytest.raises(OptionError, match="needs: expected some of answer"):
        Measure("mine", lambda one: one.logits, higher_is_better=True, needs=["gold"])
    with pytest.raises(OptionError, match="expected a span 'b' behind the first token"):
        loss("b")(seen())
