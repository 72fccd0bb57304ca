"""``regard survey`` as a user types it, and its picture."""

import csv
import io
import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest

import regard
from regard.analysis.heads.statistics import head_statistics
from regard.cli import main
from regard.errors import ModelError, OptionError
from regard.surveying.comparison import survey_diff
from regard.surveying.examples import record_examples
from regard.surveying.figure import CONFIDENCE, quantile
from regard.surveying.survey import survey
from regard.surveying.survey_file import Survey
from regard.translation.translator import EMBEDDED
from support.survey_models import saved_model
from support.surveys import STATISTICS, drawn, survey_of, words, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, two corpora, and a survey of each."""
    place = tmp_path_factory.mktemp("survey")
    saved_model("bert", place / "bert")
    for name, seed in (("one", 0), ("two", 1)):
        write(place / f"{name}.txt", [*words(31, seed=seed, longest=9 + 9 * seed), ""])
        survey(place / "bert", str(place / f"{name}.txt"), place / f"{name}.parquet")
    return place


def test_a_survey_is_written(folder, tmp_path, capsys):
    path = tmp_path / "heads.parquet"
    command = ["survey", str(folder / "bert"), "--text", str(folder / "one.txt"), str(folder / "two.txt"), "-o", str(path)]
    assert main([*command, "--windows", "3", "--examples", "1", "--batch-tokens", "64", "--max-tokens", "9"]) == 0
    found = Survey.load(path)
    assert "local_3" in found.statistics
    assert found.about["settings"] == {"max_tokens": 9, "batch_tokens": 64, "windows": [3], "examples": 1, "per_text": False}
    out = capsys.readouterr().out
    assert out.startswith(str(found))
    assert f"saved: {path} (" in out
    assert f"regard survey show {path}" in out
    assert "left out, empty: 2 (one.txt:32 no text; two.txt:32 no text)" in out
    assert "left out, too long:" in out


def test_the_embedded_model_where_none_is_named(tmp_path, capsys):
    corpus = write(tmp_path / "c.tsv", ["No.\tNon.", "Go!\tVa !"])
    assert main(["survey", "--text", str(corpus), "-o", str(tmp_path / "it.parquet")]) == 0
    assert capsys.readouterr().out.startswith("model_eng_fra on c.tsv: 2 texts")


def test_the_table(folder, capsys):
    assert main(["survey", "show", str(folder / "one.parquet"), "--sort", "entropy"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bert on one.txt: 31 texts, 161 tokens"
    header = lines.index(next(line for line in lines if "entropy" in line))
    shown = [float(line.split()[2]) for line in lines[header + 1 : header + 7]]
    assert shown == sorted(shown, reverse=True)
    found = Survey.load(folder / "one.parquet")
    assert shown[0] == pytest.approx(max(row.mean for row in found.rows() if row.statistic == "entropy"), abs=0.005)


def test_one_statistic_with_errors_and_examples(folder, capsys):
    assert main(["survey", "show", str(folder / "one.parquet"), "--statistic", "entropy", "duplicate"]) == 0
    out = capsys.readouterr().out
    found = Survey.load(folder / "one.parquet")
    ranked = sorted((row for row in found.rows() if row.statistic == "entropy"), key=lambda row: -row.mean)
    for row in ranked:
        assert f"{row.mean:.4f}  ± {row.standard_error:.4f}" in out
    for example in (*ranked[0].highest, *ranked[-1].lowest):
        assert f"  {example.value:.4f}  {example.text}" in out
    assert "highest, self layer" in out
    assert out.index("entropy") < out.index("duplicate")


def test_all_of_it_as_csv_and_json(folder, capsys):
    assert main(["survey", "show", str(folder / "one.parquet"), "--csv"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert main(["survey", "show", str(folder / "one.parquet"), "--json", "--statistic", "own"]) == 0
    said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    rows = list(Survey.load(folder / "one.parquet").rows())
    assert len(table) == len(rows)
    assert [row["statistic"] for row in said["rows"]] == ["own"] * 6
    assert said["model"]["name"] == "bert"
    for row, line in zip(rows, table, strict=True):
        assert line["mean"] == ("" if math.isnan(row.mean) else str(row.mean))
        assert int(line["count"]) == row.count


def test_no_examples_where_none_are_asked_for(folder, tmp_path, capsys):
    path = tmp_path / "bare.parquet"
    command = ["survey", str(folder / "bert"), "--text", str(folder / "one.txt"), "-o", str(path), "--examples", "0"]
    assert main(command) == 0
    assert Survey.load(path).row("self", 0, 0, "entropy").highest == ()
    capsys.readouterr()
    assert main(["survey", "show", str(path), "--statistic", "entropy"]) == 0
    assert "highest" not in capsys.readouterr().out
    page = tmp_path / "page.html"
    assert main(["survey", "show", str(path), "--statistic", "own", "--save", str(page), "--model", str(folder / "bert")]) == 1
    assert "expected a row with examples, got self" in capsys.readouterr().err


def test_a_survey_of_no_texts(tmp_path, capsys):
    corpus, path = write(tmp_path / "c.txt", [""]), tmp_path / "none.parquet"
    survey(text=str(corpus), output=path)
    assert main(["survey", "show", str(path)]) == 0
    said = "model_eng_fra on c.txt: 0 texts, 0 tokens"
    assert capsys.readouterr().out == f"{said}\nleft out, empty: 1 (c.txt:1 no text)\n\nno heads\n"
    for options in (["--statistic", "own"], ["--save", str(tmp_path / "x.png")]):
        assert main(["survey", "show", str(path), *options]) == 1
        error = f"expected a survey of some texts, got one of none: {said}; left out, empty: 1 (c.txt:1 no text)"
        assert error in capsys.readouterr().err


def test_a_comparison_can_be_a_gate(folder, capsys):
    one, two = str(folder / "one.parquet"), str(folder / "two.parquet")
    found = survey_diff(Survey.load(one), Survey.load(two))
    assert found.not_within(1e-9)
    assert main(["survey", "diff", one, two, "--fail-above", "1e9", "--fail-unless-within", "1e9"]) == 0
    capsys.readouterr()
    assert main(["survey", "diff", one, two, "--fail-unless-within", "1e-9", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["test"] == found.test
    refused = f"expected no statistic of heads that is not shown to be within 1e-09, got {len(found.not_within(1e-9)):,}: "
    assert refused in said.err
    assert main(["survey", "diff", one, two, "--test", "means", "--fail-above", "0"]) == bool(
        survey_diff(Survey.load(one), Survey.load(two), test="means").above(0)
    )
    assert main(["survey", "diff", one, two, "--fail-above", "-1"]) == 1
    assert "tolerance: expected" in capsys.readouterr().err


@pytest.mark.parametrize("gate", ["--fail-above", "--fail-unless-within"])
def test_a_gate_does_not_pass_where_heads_are_gone(gate, tmp_path, capsys):
    survey_of(drawn(9), heads=((0, 0), (1, 0))).save(tmp_path / "old.parquet")
    survey_of(drawn(9), heads=((0, 0), (2, 3))).save(tmp_path / "new.parquet")
    files = [str(tmp_path / "old.parquet"), str(tmp_path / "new.parquet")]
    assert main(["survey", "diff", *files]) == 0
    out = capsys.readouterr().out
    assert "not tested: 1 head (self 1.0), only in A\n" in out
    assert "not tested: 1 head (self 2.3), only in B\n" in out
    assert main(["survey", "diff", *files, gate, "1e9", "--json"]) == 1
    said = capsys.readouterr()
    assert "expected the same heads in both surveys, got 1 head (self 1.0) only in A and 1 head (self 2.3) only" in said.err
    found = json.loads(said.out)
    assert found["lone"] == [{"kind": "self", "layer": 1, "head": 0}]
    assert found["other_lone"] == [{"kind": "self", "layer": 2, "head": 3}]
    assert main(["survey", "diff", files[0], files[0], gate, "1e9"]) == 0


def test_what_no_two_texts_have_is_said_and_refused_by_name(tmp_path, capsys):
    values, name = drawn(9), STATISTICS[0]
    values[1:, :, 0] = np.nan  # one text has it
    survey_of(drawn(9)).save(tmp_path / "old.parquet")
    survey_of(values).save(tmp_path / "new.parquet")
    files = [str(tmp_path / "old.parquet"), str(tmp_path / "new.parquet"), "--test", "means"]
    assert main(["survey", "diff", *files]) == 0
    assert f"not tested: {name} of 2 heads, which no two texts of A and of B have\n" in capsys.readouterr().out
    main(["survey", "diff", *files, "--json"])
    assert json.loads(capsys.readouterr().out)["untested"] == {name: 2}
    assert main(["survey", "diff", *files, "--fail-unless-within", "1e9", "--statistic", name, STATISTICS[2]]) == 1
    assert f"statistics: expected some that two texts of each survey have, got {name}; " in capsys.readouterr().err


def test_two_surveys_differ(folder, capsys):
    one, two = str(folder / "one.parquet"), str(folder / "two.parquet")
    assert main(["survey", "diff", one, two, "--top", "3"]) == 0
    out = capsys.readouterr().out
    assert "A: bert on one.txt: 31 texts" in out
    assert "B: bert on two.txt: 31 texts" in out
    mean = [Survey.load(path).tally.tokens / 31 for path in (one, two)]
    assert "mean tokens of a text: A {:.1f}, B {:.1f}".format(*mean) in out
    assert "warning: lengths differ; compared with texts of like length only, " in out
    assert "statistics of heads differ (Welch's test of texts of like length, Holm's correction, α = 0.05)" in out
    assert main(["survey", "diff", one, two, "--test", "means", "--top", "3", "--confidence", "0.9"]) == 0
    out = capsys.readouterr().out
    assert "warning: lengths differ, and entropy, span and others follow from length; compared all the same" in out
    table = out.split("effects:\n")[1].splitlines()
    assert "90 %" in table[0]
    assert len(table[:4]) == 4
    assert "not tested:" in table[4]
    assert " to " in table[1]
    assert main(["survey", "diff", one, one]) == 0
    out = capsys.readouterr().out
    assert "warning" not in out
    assert "0 of " in out
    assert main(["survey", "diff", one, two, "--json", "--statistic", "entropy"]) == 0
    said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (said["test"], said["correction"], len(said["differences"]), said["equal"]) == ("lengths", "Holm", 6, 0)
    assert said["mean_tokens"] == pytest.approx(mean)
    assert said["differences"][0]["low"] < said["differences"][0]["effect"] < said["differences"][0]["high"]


def test_the_same_texts_in_two_models(folder, tmp_path, capsys):
    saved_model("bert", tmp_path / "other", seed=1)
    paths = [str(tmp_path / f"{name}.parquet") for name in ("a", "b")]
    for path, model in zip(paths, (folder / "bert", tmp_path / "other"), strict=True):
        assert main(["survey", str(model), "--text", str(folder / "one.txt"), "-o", path, "--per-text"]) == 0
    capsys.readouterr()
    assert main(["survey", "diff", *paths]) == 0
    out = capsys.readouterr().out
    assert "compared text by text: the 31 that both have read\n" in out
    assert "(paired t test, text by text, Holm's correction, α = 0.05)" in out
    assert main(["survey", "diff", paths[0], paths[0]]) == 0
    out = capsys.readouterr().out
    assert "0 of 0 statistics of heads differ" in out
    assert "that have one value on both sides, and cannot differ" in out


def test_more_tokens_are_said_where_all_texts_are_in_both(tmp_path, capsys):
    def counted(name, tokens, keys):
        kept = survey_of(drawn(len(keys)), keys=list(keys))
        kept.tally.tokens = tokens
        kept.save(tmp_path / name)
        return str(tmp_path / name)

    long, few = counted("a", 80, range(8)), counted("b", 99, range(8))
    assert main(["survey", "diff", long, few]) == 0
    assert "the 8 that both have read; in one of them they have more tokens" in capsys.readouterr().out
    fewer = counted("c", 80, range(5))  # of the first five texts, which may be the longer ones
    assert main(["survey", "diff", long, fewer]) == 0
    assert "the 5 that both have read\n" in capsys.readouterr().out


def test_values_without_spread_are_listed_apart(tmp_path, capsys):
    for at, value in enumerate((0.25, 0.5)):
        values = np.full((7, 2, 3), 0.25)
        values[:, 1] = value
        survey_of(values).save(tmp_path / f"{at}.parquet")
    files = [str(tmp_path / f"{at}.parquet") for at in range(2)]
    assert main(["survey", "diff", *files]) == 0
    out = capsys.readouterr().out
    assert "0 of 0 statistics of heads differ" in out
    assert "not tested: 2 that have one value on both sides" in out
    assert "not tested: 2 with one value in A, another in B, and no spread to measure that by:" in out
    assert out.count("+0.2500 ± 0.0000") == 2
    assert main(["survey", "diff", *files, "--json"]) == 0
    said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert [(row["difference"], row["effect"], row["p"]) for row in said["without_spread"]] == [(0.25, None, None)] * 2
    assert said["mean_tokens"] == [0, 0]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["show"], "regard survey show: error: the following arguments are required: FILE"),
        (["diff", "a"], "regard survey diff: error: the following arguments are required: FILE"),
        (["a", "b", "--text", "c", "-o", "d"], "unrecognized arguments: b"),
        (["a"], "regard survey: error: the following arguments are required: --text, -o/--output"),
        (["--text", "c"], "the following arguments are required: -o/--output"),
        (["show", "a", "--text", "c"], "unrecognized arguments: --text c"),
        (["show", "a", "--top", "3"], "unrecognized arguments: --top 3"),
        (["diff", "a", "b", "--max-tokens", "3"], "unrecognized arguments: --max-tokens 3"),
        (["a", "--text", "c", "-o", "d", "--statistic", "own"], "unrecognized arguments: --statistic"),
        (["show", "a", "--examples", "0"], "unrecognized arguments: --examples 0"),
    ],
)
def test_commands_that_mean_nothing(command, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["survey", *command])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["show", "no.parquet"], "there is no such file"),
        (["--text", "c", "-o", "d", "--max-tokens", "0"], "max_tokens: expected a whole number from 1 to 1,048,576, got 0"),
    ],
)
def test_files_and_numbers_that_mean_nothing(command, message, capsys):
    assert main(["survey", *command]) == 1
    assert message in capsys.readouterr().err


def test_help_says_what_each_command_takes(capsys):
    for command, wanted in (
        (["survey"], "--text CORPUS"),
        (["survey", "show"], "--sort COLUMN"),
        (["survey", "diff"], "--alpha P"),
        (["survey"], "--per-text"),
    ):
        with pytest.raises(SystemExit, match="0"):
            main([*command, "--help"])
        assert wanted in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["show", "--statistic", "no"], "--statistic: expected one of rows, masked_rows"),
        (["show", "--sort", "no"], "sort: expected one of layer, head"),
        (["show", "--save", "a.bmp"], "expected a name ending in .png"),
        (["diff", "--alpha", "1"], "--alpha: expected a number above 0 and below 1, got 1.0"),
        (["diff", "--confidence", "95"], "confidence: expected a number above 0 and below 1, got 95.0"),
        (["diff", "--test", "paired"], "expected a survey that kept the values of its texts"),
        (["diff", "--top", "0"], "--top: expected a whole number of at least 1, got 0"),
    ],
)
def test_options_that_mean_nothing(folder, options, message, capsys):
    files = [str(folder / "one.parquet")] * (2 if options[0] == "diff" else 1)
    assert main(["survey", options[0], *files, *options[1:]]) == 1
    assert message in capsys.readouterr().err


def test_a_package_that_is_missing_is_named(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["survey", "show", str(folder / "one.parquet")]) == 1
    assert "pip install pyarrow" in capsys.readouterr().err


def test_ray_that_is_missing_is_named(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["survey", "--text", str(folder / "one.txt"), "-o", str(folder / "x.parquet"), "--engine", "ray"]) == 1
    assert 'expected ray for engine="ray", got none; pip install "ray[data]"' in capsys.readouterr().err


# -- the texts at either end


@pytest.mark.parametrize("name", ["bert", "marian"])
def test_examples_are_recorded_again(tmp_path, name):
    model = saved_model(name, tmp_path / name)
    pairs = [f"{a}\t{b}" if name == "marian" else a for a, b in zip(words(17), words(17, seed=1), strict=True)]
    found = survey(model, str(write(tmp_path / "c.tsv", pairs)))
    row = max((row for row in found.rows() if row.statistic == "entropy"), key=lambda row: row.mean)
    recording = record_examples(found, row, model)
    assert len(row.highest) == len(row.lowest) == 3
    for at, example in enumerate((*row.highest, *row.lowest)):
        table = head_statistics(recording.sample(at))
        [one] = [one for one in table if (one.kind, one.layer, one.head) == (row.kind, row.layer, row.head)]
        assert one.entropy == pytest.approx(example.value, abs=1e-4)
    with pytest.raises(ModelError, match="expected the model that was surveyed, .*, got another one"):
        record_examples(found, row, EMBEDDED)
    with pytest.raises(OptionError, match="expected a row with examples"):
        record_examples(found, replace(row, highest=(), lowest=()), model)


def test_examples_in_the_viewer(folder, tmp_path, capsys):
    page = tmp_path / "page.html"
    command = ["survey", "show", str(folder / "one.parquet"), "--save", str(page)]
    assert main([*command, "--statistic", "previous", "--model", str(folder / "bert")]) == 0
    assert f"page: {page}" in capsys.readouterr().err
    found = Survey.load(folder / "one.parquet")
    row = max((row for row in found.rows() if row.statistic == "previous" and row.count), key=lambda row: row.mean)
    manifest = json.loads(page.read_text().split('id="regard-manifest">')[1].split("</script>")[0])
    assert manifest["title"] == f"previous, self layer {row.layer}, head {row.head}: highest and lowest texts"
    assert (manifest["opening"]["map"], manifest["opening"]["heads"]) == (row.layer, [row.head])
    assert manifest["items"] == [example.text[:80].strip() for example in (*row.highest, *row.lowest)]
    assert main(command) == 1
    assert "expected one --statistic for a page" in capsys.readouterr().err


# -- the picture


def test_the_picture_has_every_head(folder, tmp_path, capsys):
    path = tmp_path / "heads.png"
    assert main(["survey", "show", str(folder / "one.parquet"), "--save", str(path), "--theme", "dark"]) == 0
    assert f"picture: {path}" in capsys.readouterr().err
    assert path.read_bytes().startswith(b"\x89PNG")
    found = Survey.load(folder / "one.parquet")
    figure = found.figure(["entropy", "previous"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["entropy", "", "previous", ""]
    for matrix, whiskers, name in ((*figure.axes[:2], "entropy"), (*figure.axes[2:], "previous")):
        cells = np.asarray(matrix.collections[0].get_array())
        rows = [row for row in found.rows() if row.statistic == name]
        assert cells.shape == (3, 2)
        dots = [line.get_ydata()[0] for line in whiskers.lines if line.get_marker() == "o"]
        spans = [line.get_ydata() for line in whiskers.lines if line.get_marker() == "None" and len(line.get_ydata()) == 2]
        for at, row in enumerate(rows):
            assert cells[row.layer, row.head] == pytest.approx(row.mean)
            assert dots[at] == pytest.approx(row.mean)
            low, high = row.mean - CONFIDENCE * row.standard_error, row.mean + CONFIDENCE * row.standard_error
            assert any(span == pytest.approx([low, high]) for span in spans)
            assert any(
                span == pytest.approx([quantile(row.edges, row.histogram, share) for share in (0.1, 0.9)]) for span in spans
            )


def test_heads_without_a_meaning_are_dots():
    values = drawn(5)
    values[:, 0, 0] = math.nan
    figure = survey_of(values).figure(["entropy"])
    matrix, whiskers = figure.axes
    assert len(matrix.lines) == 1
    assert sum(line.get_marker() == "o" for line in whiskers.lines) == 1


def test_large_models_have_room(tmp_path):
    heads = [(layer, head) for layer in range(31) for head in range(37)]
    values = np.random.default_rng(0).uniform(0, 1, (3, len(heads), 3))
    figure = survey_of(values, heads=heads).figure(["entropy", "own"])
    width, height = figure.get_size_inches()
    assert width < 15
    assert height < 15
    regard.save(figure, tmp_path / "large.png")


def test_what_cannot_be_drawn():
    with pytest.raises(OptionError, match="expected a survey of some texts, got one of none"):
        survey_of(np.full((1, 2, 3), math.nan)).figure()
    with pytest.raises(OptionError, match="statistics: expected some of entropy, offset, own, got 'span'"):
        survey_of(drawn(3)).figure(["span"])
    with pytest.raises(OptionError, match=r"statistics: expected a list of names, got \[\]"):
        survey_of(drawn(3)).figure([])


def test_quantiles_of_a_histogram():
    assert quantile((0.0, 1.0, 3.0), (0, 4), 0.5) == 2.0
    assert quantile((0.0, 1.0, 3.0), (1, 3), 0.25) == 1.0
    values = np.random.default_rng(0).uniform(0, 1, 20_000)
    histogram, edges = np.histogram(values, 20, (0, 1))
    assert quantile(tuple(edges), tuple(histogram), 0.1) == pytest.approx(np.quantile(values, 0.1), abs=0.01)
