"""``regard.save(x, "x.csv")``: the numbers that a picture shows, exact, with their labels."""

import csv

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import regard
from regard.analysis.alignment import Pair, Rule, rank_heads
from regard.analysis.flow.edges import FlowEdges
from regard.analysis.weighted.relevance import Relevance
from regard.errors import DtypeError, FileFormatError, OptionError, ScoreError, ShapeError, TooLargeError
from regard.figures import numbers
from regard.figures.numbers import weight_lines


def weights(*shape, dtype=torch.float32):
    return (2 * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)).softmax(dim=-1)


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def saved(tmp_path, thing, **options):
    [path] = regard.save(thing, tmp_path / "x.csv", **options)
    return read(path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_head_is_a_matrix_with_its_labels_and_every_digit(tmp_path, dtype):
    amap = regard.AttentionMap.from_dense(weights(1, 3, 5, 7, dtype=torch.float32).to(dtype))
    amap.queries, amap.keys = list("abcde"), ["▁the", 'a "quoted", one', "two\nlines", "=1+1", "我", "", "\u200c"]
    header, *rows = saved(tmp_path, amap, head=2)
    assert header == ["queries", *amap.keys]
    assert [row[0] for row in rows] == list("abcde")
    found = torch.tensor([[float(text) for text in row[1:]] for row in rows], dtype=torch.float64)
    assert torch.equal(found, amap.dense()[0, 2].double())


def test_several_heads_and_sequences_are_a_line_for_each_weight(tmp_path):
    values = weights(2, 3, 5, 7)
    lines = saved(tmp_path, values, queries=list("abcde"))
    assert lines[0] == ["batch", "head", "query", "query label", "key", "key label", "weight"]
    assert len(lines) == 1 + 2 * 3 * 5 * 7
    for batch, head, query, label, key, key_label, weight in lines[1:]:
        assert float(weight) == values[int(batch), int(head), int(query), int(key)].item()
        assert (label, key_label) == ("abcde"[int(query)], key)
    table = pd.read_csv(tmp_path / "x.csv")
    again = table.pivot_table("weight", ["batch", "head", "query"], "key").to_numpy().reshape(2, 3, 5, 7)
    np.testing.assert_array_equal(again, values.double().numpy())


def test_one_sequence_and_the_mean_of_heads(tmp_path):
    values = weights(2, 3, 5, 7)
    lines = saved(tmp_path, values, batch=1)
    assert {line[0] for line in lines[1:]} == {"1"}
    _, *rows = saved(tmp_path, values, batch=-1, head="mean")
    found = torch.tensor([[float(text) for text in row[1:]] for row in rows], dtype=torch.float64)
    torch.testing.assert_close(found, values[1].double().mean(0), rtol=1e-15, atol=0)
    lines = saved(tmp_path, values, head="mean")
    assert {line[1] for line in lines[1:]} == {"mean"}


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(1, 40))
def test_blocks_give_what_the_whole_gives(rows, columns, block):
    values = weights(1, 2, rows, columns)
    amap = regard.AttentionMap.from_dense(values)
    usual = numbers._BLOCK
    numbers._BLOCK = block
    try:
        found = [line[-1] for line in list(weight_lines(amap))[1:]]
    finally:
        numbers._BLOCK = usual
    assert found == values.double().flatten().tolist()


def test_a_long_map_is_read_by_parts(monkeypatch):
    amap = regard.AttentionMap(torch.randn(1, 2, 997, 8), torch.randn(1, 2, 997, 8), causal=True)
    largest = []
    dense = regard.AttentionMap.dense
    monkeypatch.setattr(regard.AttentionMap, "dense", lambda part: largest.append(np.prod(part.shape)) or dense(part))
    monkeypatch.setattr(numbers, "_BLOCK", 10_000)
    for row, line in enumerate(weight_lines(amap, head=1), -1):
        assert row < 0 or sum(line[1:]) == pytest.approx(1, abs=1e-5)
    assert max(largest) <= 10_000


def test_weights_of_any_make_give_the_same_file(tmp_path):
    values = weights(5, 7)
    given = (values, values.numpy(), values.tolist(), pd.DataFrame(values.numpy()))
    files = [regard.save(thing, tmp_path / f"{at}.csv")[0].read_bytes() for at, thing in enumerate(given)]
    assert len(set(files)) == 1


def alignment():
    return regard.Alignment(
        frozenset(), regard.AttentionMap.from_dense(weights(2, 3)), ("the", "black", "cat"), ("le", "chat"), (), Rule()
    )


def ranking():
    amap = regard.AttentionMap.from_dense(torch.stack([torch.eye(2), torch.eye(2).flip(0)])[None])
    amap.queries, amap.keys = ("▁le", "▁chat"), ("▁the", "▁cat")
    return rank_heads([Pair([amap], {(0, 0), (1, 1)}, set())])


def test_findings_have_tables(tmp_path):
    header, *rows = saved(tmp_path, alignment())
    assert header == ["target word", "the", "black", "cat"]
    assert [[row[0], *map(float, row[1:])] for row in rows] == [
        [word, *line] for word, line in zip(("le", "chat"), weights(2, 3).tolist(), strict=True)
    ]
    header, best, *_ = saved(tmp_path, ranking())
    assert header[:4] == ["layer", "head", "rows", "method"]
    assert best == ["0", "0", "produced", "argmax", "0.0", "ignore", "1.0", "1.0", "0.0", "2", "2"]
    sweep = regard.Sweep("self", 1.0, torch.tensor([[1.5, 0.75], [1.0, torch.nan]]))
    assert saved(tmp_path, sweep)[1:] == [
        *[["self", "0", "0", "1.5", "0.5"], ["self", "0", "1", "0.75", "-0.25"], ["self", "1", "0", "1.0", "0.0"]]
    ]
    relevance = Relevance(torch.tensor([[0.5, 0.25, 2.0]]), None)
    assert saved(tmp_path, relevance, tokens=list("abc"))[1:] == [["0", "a", "0.5"], ["1", "b", "0.25"], ["2", "c", "2.0"]]
    edges = FlowEdges(torch.tensor([[[[0.0, 0.0], [0.25, 0.75]]]]), ("the", "cat"))
    assert saved(tmp_path, edges)[1:] == [["0", "1", "cat", "0", "the", "0.25"], ["0", "1", "cat", "1", "cat", "0.75"]]


@pytest.mark.slow
def test_a_translation_and_its_heads_have_tables(tmp_path):
    translation = regard.translate("The cat sat.")
    header, *rows = saved(tmp_path, translation, layer=0, head=1)
    assert header == ["tokens produced", *translation.source_tokens]
    assert [row[0] for row in rows] == list(translation.target_tokens)
    np.testing.assert_array_equal(
        [[float(text) for text in row[1:]] for row in rows], translation.recording.cross[0].dense()[0, 1].double().numpy()
    )
    header, *rows = saved(tmp_path, translation, layer=0, head=1, rows="consumed")
    assert header[0] == "tokens consumed"
    assert [row[0] for row in rows] == list(translation.recording.consumed)
    heads = regard.heads(translation.recording)
    header, *rows = saved(tmp_path, heads)
    assert header == list(heads.columns)
    assert len(rows) == len(heads)


@pytest.mark.parametrize(
    ("thing", "options", "error", "message"),
    [
        (weights(3, 5, 7), {"head": 3}, OptionError, r"head: expected a whole number from -3 to 2, got 3"),
        (weights(3, 5, 7), {"head": "max"}, OptionError, r"head: expected a number of a head or 'mean'"),
        (weights(5, 7), {"queries": ["a"]}, ShapeError, r"queries: expected 5 labels"),
        (weights(7), {}, ShapeError, r"2 to 4 axes"),
        (torch.tensor([[0.5, float("nan")]]), {}, ScoreError, r"NaN or infinite"),
        ("text", {}, DtypeError, r"expected what has a table: .*, got str; save one of its maps"),
        (regard.Alignment, {}, DtypeError, r"expected what has a table: .*, got type"),
    ],
)
def test_what_has_no_table_is_one_error_and_no_file(tmp_path, thing, options, error, message):
    with pytest.raises(error, match=message):
        saved(tmp_path, thing, **options)
    assert list(tmp_path.iterdir()) == []


def test_other_endings_and_too_many_numbers_are_refused(tmp_path, monkeypatch):
    for name in ("x.tsv", "x.xlsx", "x"):
        with pytest.raises(FileFormatError, match=r"expected a name ending in .*\.csv, got"):
            regard.save(weights(2, 3), tmp_path / name)
    with pytest.raises(OptionError, match=r"no options for pictures and tables at once, got head; .* save 'x.csv' by itself"):
        regard.save(weights(3, 2, 3), tmp_path / "x.png", tmp_path / "x.csv", head=0)
    monkeypatch.setattr(numbers, "MOST_NUMBERS", 5)
    with pytest.raises(TooLargeError, match="at most 5 numbers in a table, got 6; select a region"):
        regard.save(weights(2, 3), tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_whole_or_what_it_was(tmp_path):
    class Broken:
        def table(self):
            yield ["a"]
            raise ValueError("in the middle")

    (tmp_path / "x.csv").write_text("old")
    with pytest.raises(ValueError, match="in the middle"):
        regard.save(Broken(), tmp_path / "x.csv")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
    regard.save(weights(2, 3), tmp_path / "x.csv", tmp_path / "y.csv")
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "y.csv").read_bytes()
