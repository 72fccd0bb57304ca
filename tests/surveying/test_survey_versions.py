"""Surveys of older and newer versions: a statistic that a file lacks is missing in the table, one that only it has is kept."""

import math
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from regard.analysis.heads.registry import WINDOWS, in_table
from regard.analysis.heads.roles import roles_of
from regard.analysis.heads.table import heads_text
from regard.cli import main
from regard.errors import FileFormatError, OptionError
from regard.surveying.comparison import survey_diff
from regard.surveying.survey import checkpoint_of, survey
from regard.surveying.survey_file import Survey
from support.survey_models import tokenizer_of
from support.surveys import same, words, write
from support.tiny_models import tiny

LATER = ("evenness", "sink", "sink_mass", "received_per_row_gini")
"""Statistics that the first version did not count; it kept no lengths either."""

SHIPPED = Path(__file__).parents[2] / "docs" / "survey" / "tatoeba.parquet"


@pytest.fixture(scope="module")
def shipped():
    """One layer of the file that is shipped: each head has the same rows, and all of them take half a second to read."""
    table = parquet.read_table(SHIPPED)
    return table.filter((pa.compute.field("kind") == "encoder") & (pa.compute.field("layer") == 0))


@pytest.fixture(scope="module")
def path(shipped, tmp_path_factory):
    path = tmp_path_factory.mktemp("shipped") / "layer.parquet"
    parquet.write_table(shipped, path)
    return path


@pytest.fixture(scope="module")
def whole(path):
    return Survey.load(path)


def without(table, name):
    """The file as a version wrote it that did not know the statistic."""
    return table.filter(pa.compute.not_equal(table["statistic"], name))


def with_another(table, name, like="entropy"):
    """The file as a version will write it that knows one more, with bins of its own."""
    rows = []
    for row in table.to_pylist():
        rows.append(row)
        if row["statistic"] == like:
            rows.append(row | {"statistic": name, "edges": [edge / 2 for edge in row["edges"]]})
    return pa.Table.from_pylist(rows, table.schema)


def lacks(found, name):
    """Whether the table has no number there for any head."""
    return all(math.isnan(one.flat()[name]) for one in found.heads())


@pytest.mark.slow
@pytest.mark.parametrize("name", in_table(WINDOWS))
def test_a_file_of_an_older_version(shipped, whole, tmp_path, name, capsys):
    parquet.write_table(without(shipped, name), tmp_path / "older.parquet")
    found = Survey.load(tmp_path / "older.parquet")
    assert lacks(found, name)
    assert not lacks(whole, name)  # the line above can fail
    for one, other in zip(found.heads(), whole.heads(), strict=True):
        assert repr({**other.flat(), name: math.nan}) == repr(one.flat())
        assert name not in {role.statistic for role in roles_of(one)}
    assert len(heads_text(found.heads()).splitlines()) > 4
    found.save(tmp_path / "again.parquet")
    same(found, Survey.load(tmp_path / "again.parquet"))
    assert main(["survey", "show", str(tmp_path / "older.parquet")]) == 0
    assert "model_eng_fra on" in capsys.readouterr().out


@pytest.mark.slow
def test_a_file_of_the_first_version(tmp_path, capsys):
    path, first = tmp_path / "first.parquet", parquet.read_table(SHIPPED)
    for name in LATER:
        first = without(first, name)
    parquet.write_table(first.drop_columns(["lengths"]), path)
    found, whole = Survey.load(path), Survey.load(SHIPPED)
    assert set(in_table(WINDOWS)) - set(found.statistics) == set(LATER)
    assert all(lacks(found, name) and not lacks(whole, name) for name in LATER)
    assert (found.tally.totals.strata, found.tally.totals.texts) == ({}, None)
    assert whole.tally.totals.strata
    with pytest.raises(OptionError, match="expected a survey that kept the values of its texts"):
        found.values("encoder", 0, 1, "previous")
    assert main(["survey", "diff", str(path), str(SHIPPED)]) == 0
    assert "has no lengths" in capsys.readouterr().out


@pytest.mark.slow
def test_a_file_of_a_newer_version(shipped, path, whole, tmp_path, capsys):
    newer = tmp_path / "newer.parquet"
    parquet.write_table(with_another(shipped, "mood"), newer)
    found = Survey.load(newer)
    assert repr(found.heads()) == repr(whole.heads())
    row, like = (found.row("encoder", 0, 1, name) for name in ("mood", "entropy"))
    assert (row.mean, row.count, row.histogram, row.highest) == (like.mean, like.count, like.histogram, like.highest)
    assert row.edges == tuple(edge / 2 for edge in like.edges)
    found.save(tmp_path / "again.parquet")
    same(found, Survey.load(tmp_path / "again.parquet"))
    assert [ax.get_title(loc="left") for ax in found.figure("mood").axes] == ["mood", ""]
    assert "mood" not in {one.statistic for one in survey_diff(found, found).differences}
    assert {one.statistic for one in survey_diff(found, found, ["mood"]).differences} == {"mood"}
    assert main(["survey", "show", str(newer)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert main(["survey", "show", str(path)]) == 0
    assert shown[:-1] == capsys.readouterr().out.splitlines()[:-1]  # the last line names some statistics of the file
    assert main(["survey", "show", str(newer), "--statistic", "mood"]) == 0
    assert "middle 80 %" in capsys.readouterr().out


def test_a_statistic_that_was_renamed_is_read_by_its_old_name(shipped, whole, tmp_path):
    rows = shipped.to_pylist()
    for row in rows:
        row["statistic"] = {"masked_rows": "unseeing"}.get(row["statistic"], row["statistic"])
    parquet.write_table(pa.Table.from_pylist(rows, shipped.schema), tmp_path / "older.parquet")
    assert parquet.read_table(tmp_path / "older.parquet")["statistic"][1].as_py() == "unseeing"
    same(Survey.load(tmp_path / "older.parquet"), whole)


def with_other_bins(table, chosen=slice(None)):
    """The file as a version wrote it that counted in other bins: half as wide, where they are all chosen."""
    rows = table.to_pylist()
    for row in rows[chosen]:
        row["edges"] = [edge / 2 for edge in row["edges"]]
    return pa.Table.from_pylist(rows, table.schema)


def test_a_file_with_other_bins_has_its_own(shipped, whole, tmp_path):
    path = tmp_path / "other.parquet"
    parquet.write_table(with_other_bins(shipped), path)
    found = Survey.load(path)
    row, like = (survey.row("encoder", 0, 1, "entropy") for survey in (found, whole))
    assert (row.mean, row.count, row.histogram) == (like.mean, like.count, like.histogram)
    assert row.edges == tuple(edge / 2 for edge in like.edges)
    for one, other in zip(found.heads(), whole.heads(), strict=True):  # modes are the middle of a bin
        assert repr(one._replace(offset=0.0, sink=0.0)) == repr(other._replace(offset=0.0, sink=0.0))
    assert len(found.figure("entropy").axes) == 2
    found.save(tmp_path / "again.parquet")
    same(found, Survey.load(tmp_path / "again.parquet"))


def test_a_file_that_is_not_of_one_piece_is_damage(shipped, tmp_path):
    parquet.write_table(with_other_bins(shipped, slice(27, None)), tmp_path / "other.parquet")
    with pytest.raises(FileFormatError, match="row 27 has other bins"):
        Survey.load(tmp_path / "other.parquet")
    rows = shipped.to_pylist()
    rows[7]["histogram"] = [7]
    parquet.write_table(pa.Table.from_pylist(rows, shipped.schema), tmp_path / "short.parquet")
    with pytest.raises(FileFormatError, match="row 7 has other bins of"):
        Survey.load(tmp_path / "short.parquet")
    rows = shipped.to_pylist()
    rows[27]["statistic"], rows[28]["statistic"] = rows[28]["statistic"], rows[27]["statistic"]
    parquet.write_table(pa.Table.from_pylist(rows, shipped.schema), tmp_path / "mixed.parquet")
    with pytest.raises(FileFormatError, match="row 27 is of"):
        Survey.load(tmp_path / "mixed.parquet")


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    corpus, path = write(tmp_path / "c.txt", words(7)), tmp_path / "heads.parquet"
    model, tokenizer = tiny("gpt2"), tokenizer_of("gpt2")
    survey(model, str(corpus), path, tokenizer=tokenizer)
    parquet.write_table(without(parquet.read_table(path), "span"), checkpoint_of(path))
    with pytest.raises(FileFormatError, match=r"a checkpoint of the same statistics, got one of a version .* \(span\)"):
        survey(model, str(corpus), path, tokenizer=tokenizer)
    parquet.write_table(with_other_bins(parquet.read_table(path)), checkpoint_of(path))
    with pytest.raises(FileFormatError, match=r"a checkpoint of the same bins, got one of a version .* \(rows, "):
        survey(model, str(corpus), path, tokenizer=tokenizer)
    assert survey(model, str(corpus), path, tokenizer=tokenizer, restart=True).tally.texts == 7
