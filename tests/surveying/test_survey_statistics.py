"""The statistics of a batch are those of ``head_statistics`` on each of its texts alone."""

import math
from types import SimpleNamespace

import pytest
import torch

import regard
from regard import AttentionMap
from regard.analysis.heads.batches import batch_statistics
from regard.analysis.heads.keys import PaddedKeys, TextKeys
from regard.analysis.heads.registry import in_table
from regard.analysis.heads.statistics import head_statistics
from regard.errors import OptionError, RecordingError, ScoreError
from regard.recording.generation import replay
from regard.surveying.corpus import Chunk
from regard.surveying.records import Refusal
from regard.surveying.scales import UNIT
from regard.surveying.survey import survey
from regard.surveying.surveyor import UNLIMITED_TOKENS, Settings, Surveyor
from support.survey_models import tokenizer_of
from support.surveys import words, write
from support.tiny_models import PAD, tiny

pytestmark = pytest.mark.slow

WINDOWS = (2, 5)
TEXTS = ("w5 w6 w5 . w7 w6 ,", "w9 w9 w9", "w11", "w5 , w6 w13 w17 . w5 , w6 w19 w23")
TARGETS = ("w7 . w8", "w9 w10 w9 w10 w9 w10", "w31", "w5 w6 w7 w5 w6")


def assert_equal_statistics(values, found, names):
    """(heads, statistics) beside a table of heads: sums of float32, in another order."""
    assert len(values) == len(found)
    for row, one in zip(values.tolist(), found, strict=True):
        for name, value in zip(names, row, strict=True):
            expected = float(one.flat()[name])
            assert (math.isnan(value) and math.isnan(expected)) or value == pytest.approx(expected, rel=2e-5, abs=5e-6), name


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "marian"])
def test_a_batch_is_its_texts_alone(name):
    model, tokenizer = tiny(name).double(), tokenizer_of(name)  # in float32 the model's own numbers change with the padding
    surveyor = Surveyor(model, tokenizer, Settings(windows=WINDOWS))
    targets = TARGETS if name == "marian" else [None] * 4
    chunk = Chunk(0, 0, list(enumerate(zip(TEXTS, targets, strict=True))), 0)
    texts = surveyor.tokenized(chunk, None)
    values, heads = surveyor.statistics(texts)
    assert values.shape == (4, len(heads), len(surveyor.edges))
    for item, text in enumerate(texts):
        ids = torch.tensor([text.ids])
        if name == "marian":
            answer = torch.tensor([[PAD, *text.answer]])
            recording = replay(model, {"input_ids": ids}, answer, tokenizer=tokenizer)
        else:
            with torch.no_grad(), regard.record(model, tokenizer=tokenizer) as recording:
                model(input_ids=ids)
        found = head_statistics(recording, windows=WINDOWS)
        assert [(one.kind, one.layer, one.name, one.head) for one in found] == [tuple(head) for head in heads]
        assert_equal_statistics(values[item], found, surveyor.edges)


def keys_of(lengths, positions, vocabulary=7):
    ids = torch.randint(0, vocabulary, (len(lengths), positions), generator=torch.Generator().manual_seed(3))
    kinds = (
        torch.stack([ids == 1, ids == 2], -1).double() * (torch.arange(positions) < torch.tensor(lengths)[:, None])[..., None]
    )
    repeats = torch.tensor([[row[at] in row[:at] for at in range(positions)] for row in ids.tolist()])
    return PaddedKeys(torch.tensor(lengths), ids, kinds, repeats)


@pytest.mark.parametrize("positions", [37, 1103], ids=["short rows", "long rows"])
@pytest.mark.parametrize("causal", [True, False])
def test_maps_of_any_length(positions, causal, monkeypatch):
    monkeypatch.setattr(TextKeys, "ranked", PaddedKeys.ranked)  # the same rows are ranked
    lengths = [positions, positions - 11]
    random = torch.Generator().manual_seed(5)
    query, key = (torch.randn(2, 3, positions, 4, generator=random) for _ in range(2))
    keys = keys_of(lengths, positions)
    seen = (torch.arange(positions) < keys.lengths[:, None])[:, None, None]
    amap = AttentionMap(query, key, mask=seen, causal=causal, scale=2.0)
    names = list(in_table(WINDOWS))
    values = batch_statistics(amap, keys.lengths, keys, WINDOWS)
    for item, length in enumerate(lengths):
        one = AttentionMap(query[item, None, :, :length], key[item, None, :, :length], causal=causal, scale=2.0)
        labels = [{1: "<s>", 2: "."}.get(token, f"w{token}") for token in keys.ids[item, :length].tolist()]
        assert_equal_statistics(values[item], head_statistics(one, tokens=labels, windows=WINDOWS), names)


def test_rows_that_see_nothing_and_weights_that_are_dense():
    weights = torch.rand(2, 3, 7, 7, generator=torch.Generator().manual_seed(1))
    weights[0, :, 2] = 0
    weights[1, :, :, 5:] = 0
    weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-9) * 0.8
    weights[1, :, 5:] = torch.nan  # padding may hold anything
    keys = keys_of([7, 5], 7)
    names = list(in_table(WINDOWS))
    values = batch_statistics(AttentionMap.from_dense(weights), keys.lengths, keys, WINDOWS)
    assert values[0, :, names.index("masked_rows")].tolist() == [1, 1, 1]
    for item, length in enumerate((7, 5)):
        one = AttentionMap.from_dense(weights[item, :, :length, :length])
        labels = [{1: "<s>", 2: "."}.get(token, f"w{token}") for token in keys.ids[item, :length].tolist()]
        assert_equal_statistics(values[item], head_statistics(one, tokens=labels, windows=WINDOWS), names)


def test_what_is_no_map_of_the_texts_is_refused():
    keys = keys_of([7, 5], 7)
    amap = AttentionMap.from_dense(torch.rand(2, 3, 7, 8))
    with pytest.raises(RecordingError, match=r"expected maps \(texts=2, heads, queries=7, keys=7\)"):
        batch_statistics(amap, keys.lengths, keys, ())
    with pytest.raises(ScoreError, match="expected weights of at least 0"):
        batch_statistics(AttentionMap.from_dense(torch.full((2, 3, 7, 7), -1.0)), keys.lengths, keys, ())


# -- reading texts


def counted(surveyor, *items):
    return surveyor.read(Chunk(0, 0, list(enumerate(items)), 0))


def test_what_cannot_be_surveyed_is_counted():
    surveyor = Surveyor(tiny("marian"), tokenizer_of("marian"), Settings(max_tokens=5))
    tally = counted(
        surveyor,
        *(("w5 w6", "w7"), (" ", "w7"), ("w5", "\t"), ("w5 w6 w7 w8 w9", "w7"), ("w5", "w6 " * 5)),
        *(Refusal("not UTF-8", "byte 0xff at 3"), ("w5 w6 w7 w8", "w9")),
    )
    assert (tally.texts, tally.lines) == (2, 7)
    assert {reason: (found.count, found.first) for reason, found in tally.left_out.items()} == {
        "empty": (2, [(1, "no text"), (2, "no target")]),
        "too long": (2, [(3, "6 tokens of at most 5"), (4, "6 tokens of at most 5")]),
        "not UTF-8": (1, [(5, "byte 0xff at 3")]),
    }
    assert tally.tokens == (3 + 2) + (5 + 2)
    assert counted(surveyor, (" ", None)).totals is None


@pytest.mark.parametrize("name", ["gpt2", "marian"])
def test_batches_do_not_matter_beyond_rounding(name):
    random = torch.Generator().manual_seed(11)
    items = [
        tuple(
            " ".join(f"w{token}" for token in torch.randint(5, 53, (length,), generator=random).tolist())
            for length in torch.randint(1, 14, (2,), generator=random).tolist()
        )
        for _ in range(23)
    ]
    wide, narrow = (
        counted(Surveyor(tiny(name), tokenizer_of(name), Settings(batch_tokens=tokens)), *items) for tokens in (2048, 1)
    )
    assert (wide.totals.count == narrow.totals.count).all()
    means, others = (tally.totals.sums.astype(float) * UNIT / tally.totals.count.clip(1) for tally in (wide, narrow))
    assert means == pytest.approx(others, abs=1e-5, rel=1e-5)
    assert (wide.totals.highest.places == narrow.totals.highest.places).mean() > 0.99


def test_batches_stay_within_their_tokens():
    surveyor = Surveyor(tiny("bert"), tokenizer_of("bert"), Settings(batch_tokens=12))
    texts = surveyor.tokenized(Chunk(0, 0, [(at, (text, None)) for at, text in enumerate(TEXTS)], 0), None)
    batches = list(surveyor.batches(texts))
    assert sorted(text.place for batch in batches for text in batch) == [0, 1, 2, 3]
    assert [len(batch) for batch in batches] == [2, 1, 1]
    for batch in batches:
        assert len(batch) * max(len(text.ids) for text in batch) <= 12


def test_an_answer_that_nobody_gives_is_the_models_own():
    model, tokenizer = tiny("marian"), tokenizer_of("marian")
    surveyor = Surveyor(model, tokenizer, Settings(max_tokens=17))
    surveyor.ends = {*range(11, 53)}  # a random model seldom ends: here most of its words do
    model.generation_config.eos_token_id = sorted(surveyor.ends)
    tally = counted(surveyor, *((text, None) for text in TEXTS))
    assert tally.texts + sum(found.count for found in tally.left_out.values()) == 4
    assert tally.texts
    texts = surveyor.tokenized(Chunk(0, 0, [(at, (text, None)) for at, text in enumerate(TEXTS)], 0), type(tally)())
    for text in texts:
        ids = torch.tensor([text.ids])
        written = model.generate(ids, num_beams=1, do_sample=False, max_length=18)[0, 1:].tolist()
        assert text.answer == written
        assert text.target == tokenizer.decode(written[:-1], skip_special_tokens=True)


def test_an_answer_without_end_is_left_out():
    surveyor = Surveyor(tiny("marian"), tokenizer_of("marian"), Settings(max_tokens=7))
    surveyor.model.generation_config.eos_token_id = EOS_NEVER
    surveyor.ends = {EOS_NEVER}
    surveyor.model.generation_config.suppress_tokens = [EOS_NEVER]
    tally = counted(surveyor, ("w5 w6", None))
    assert tally.left_out["endless answer"].first == [(0, "no end within 7 tokens")]
    assert tally.totals is None


EOS_NEVER = 52


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"max_tokens": 0}, "max_tokens: expected a whole number from 1 to 1,048,576, got 0"),
        ({"batch_tokens": True}, "batch_tokens: expected a whole number from 1"),
        ({"examples": -1}, "examples: expected a whole number from 0 to 100, got -1"),
        ({"windows": (8, 0)}, "windows: expected a whole number of at least 1, got 0"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(option, message):
    with pytest.raises(OptionError, match=message):
        Settings(**option).check()


def test_the_longest_text_is_as_long_as_the_model():
    assert Surveyor(tiny("gpt2"), tokenizer_of("gpt2"), Settings()).longest == 32
    assert Surveyor(tiny("gpt2"), tokenizer_of("gpt2"), Settings(max_tokens=99)).longest == 32
    assert Surveyor(tiny("gpt2"), tokenizer_of("gpt2"), Settings(max_tokens=3)).longest == 3
    tokenizer = tokenizer_of("gpt2")
    tokenizer.model_max_length = 30
    assert Surveyor(tiny("gpt2"), tokenizer, Settings()).longest == 30
    model = tiny("gpt2")
    model.config = SimpleNamespace(is_encoder_decoder=False)  # relative positions have no end
    assert Surveyor(model, tokenizer_of("gpt2"), Settings()).longest == UNLIMITED_TOKENS
    assert Surveyor(model, tokenizer_of("gpt2"), Settings(max_tokens=9999)).longest == 9999


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_how_many_texts_are_read_together_changes_nothing(architecture, tmp_path):
    corpus = write(tmp_path / "c.txt", [*words(43, seed=2), "w7"])
    model, tokenizer = tiny(architecture), tokenizer_of(architecture)
    found = [survey(model, str(corpus), tokenizer=tokenizer, batch_tokens=tokens) for tokens in (1, 29, 4096)]
    alone, *together = [list(one.rows(examples=False)) for one in found]
    for rows in together:
        for row, expected in zip(rows, alone, strict=True):
            for name in ("module", "head", "statistic", "count"):
                assert getattr(row, name) == getattr(expected, name)
            assert (row.mean, row.variance) == pytest.approx((expected.mean, expected.variance), abs=1e-5, nan_ok=True)
