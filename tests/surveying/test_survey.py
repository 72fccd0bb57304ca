"""``regard.survey``: a corpus through a model, and its file."""

import json
import math
import re
import statistics
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

import regard
from regard.analysis.heads.statistics import head_statistics
from regard.errors import DtypeError, FileFormatError, ModelError, OptionError
from regard.surveying import corpus as corpus_module
from regard.surveying import survey as survey_module
from regard.surveying.scales import UNIT
from regard.surveying.survey import checkpoint_of, survey
from regard.surveying.survey_file import METADATA, Survey
from regard.surveying.surveyor import described
from regard.translation.translator import load_translator
from support.forked import growth
from support.survey_models import tokenizer_of
from support.surveys import same, words, write
from support.tiny_models import tiny

pytestmark = pytest.mark.slow

PAIRS = [
    ("I tripped.", "J'ai trébuché."),
    ("Can I help?", "Puis-je aider ?"),
    ("He laughed and laughed and laughed.", "Il a ri et ri et ri."),
    ("Go!", "Va !"),
    ("The cat sat on the mat.", "Le chat était assis sur le tapis."),
]


@pytest.fixture
def pairs(tmp_path):
    return write(tmp_path / "pairs.tsv", ["\t".join(pair) for pair in PAIRS])


# -- what it says


def test_a_survey_is_the_mean_of_its_texts(pairs):
    found = survey(text=str(pairs), windows=(2,))
    alone = [head_statistics(regard.translate(text, target=target).recording, windows=(2,)) for text, target in PAIRS]
    assert len(list(found.rows())) == 32 * 25
    for row in found.rows():
        values = [one.flat()[row.statistic] for table in alone for one in table if where(one) == where(row)]
        known = [value for value in values if not math.isnan(value)]
        assert row.count == len(known)
        assert sum(row.histogram) == len(known)
        if not known:
            assert math.isnan(row.mean)
            continue
        assert row.mean == pytest.approx(statistics.fmean(known), abs=1e-5, rel=1e-4)
        assert [example.value for example in row.highest] == pytest.approx(sorted(known)[::-1][:3], abs=2e-5, rel=1e-4)
        assert [example.value for example in row.lowest] == pytest.approx(sorted(known)[:3], abs=2e-5, rel=1e-4)
        if len(known) > 1:
            error = statistics.stdev(known) / math.sqrt(len(known))
            assert row.standard_error == pytest.approx(error, abs=2e-5, rel=1e-3)


def where(row):
    return row.kind, row.layer, row.head


def test_the_table_of_heads(pairs):
    found = survey(text=str(pairs))
    table = found.heads()
    for one in table:
        assert one.previous == pytest.approx(found.row(one.kind, one.layer, one.head, "previous").mean, nan_ok=True)
        assert one.local[8] == pytest.approx(found.row(one.kind, one.layer, one.head, "local_8").mean, nan_ok=True)
    assert table[1].rows == sum(len(regard.translate(text, target=target).source_tokens) for text, target in PAIRS)
    assert table[1].offset == -1  # the head of previous tokens
    assert math.isnan(next(one for one in table if one.kind == "cross").offset)


def test_a_target_is_only_for_models_that_answer(tmp_path):
    corpus = write(tmp_path / "c.txt", ["w5\tw6", "w7 w8 w9"])
    found = survey(tiny("gpt2"), str(corpus), tokenizer=tokenizer_of("gpt2"))
    assert found.tally.tokens == 5
    assert found.row("self", 0, 1, "rows").highest[1].text == "w5\tw6"
    assert found.row("self", 0, 1, "rows").highest[1].target is None


def test_the_answer_of_the_embedded_model_is_its_greedy_translation(tmp_path):
    corpus = write(tmp_path / "c.txt", [text for text, _ in PAIRS])
    found = survey(text=str(corpus))
    texts = {example.text: example.target for row in found.rows() for example in (*row.highest, *row.lowest)}
    assert texts == {text: regard.translate(text, beams=1).text for text, _ in PAIRS}


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_columns(tmp_path, pairs, kind):
    rows = [{"pair": {"en": text, "fr": target}} for text, target in PAIRS]
    path = tmp_path / {"json": "c.jsonl", "parquet": "c.parquet"}[kind]
    if kind == "json":
        write(path, map(json.dumps, rows))
    else:
        parquet.write_table(pa.Table.from_pylist(rows), path)
    found = survey(text=str(path), column="pair.en", target_column="pair.fr")
    expected = survey(text=str(pairs))
    for row, one in zip(found.rows(), expected.rows(), strict=True):
        assert (row.count, row.mean, row.variance) == pytest.approx((one.count, one.mean, one.variance), nan_ok=True)


def test_lines_that_are_left_out_are_named(tmp_path):
    corpus = tmp_path / "c.txt"
    corpus.write_bytes(b"No.\tNon.\n\xff\n\nRun!\tCours !\n" + b"and so on " * 300 + b"\n")
    found = survey(text=str(corpus))
    assert str(found).splitlines() == [
        "model_eng_fra on c.txt: 2 texts, 15 tokens",
        "left out, empty: 1 (c.txt:3 no text)",
        "left out, not UTF-8: 1 (c.txt:2 byte 0xff at 0)",
        "left out, too long: 1 (c.txt:5 901 tokens of at most 256)",
    ]


def test_a_corpus_of_nothing_is_a_survey_of_nothing(tmp_path):
    corpus = write(tmp_path / "c.txt", ["", " "])
    found = survey(text=str(corpus), output=tmp_path / "it.parquet")
    again = Survey.load(tmp_path / "it.parquet")
    same(found, again)
    assert (list(again.rows()), again.heads(), again.statistics) == ([], [], ())
    assert again.tally.left_out["empty"].count == 2
    with pytest.raises(OptionError, match="expected one of no heads"):
        again.row("self", 0, 0, "entropy")


# -- the cut does not matter


def test_the_cut_of_the_corpus_does_not_matter(tmp_path, monkeypatch):
    lines = words(61)
    write(tmp_path / "whole.txt", lines)
    (tmp_path / "parts").mkdir()
    for at, (start, stop) in enumerate(((0, 7), (7, 40), (40, 61))):
        write(tmp_path / "parts" / f"{at}.txt", lines[start:stop])
    found = []
    for corpus, records in (("whole.txt", 1024), ("parts", 1024), ("whole.txt", 11)):
        monkeypatch.setattr(corpus_module, "CHUNK_RECORDS", records)
        model, tokenizer = tiny("bert").double(), tokenizer_of("bert")
        found.append(survey(model, str(tmp_path / corpus), tokenizer=tokenizer))
    for other in found[1:]:
        for one, row in zip(found[0].rows(), other.rows(), strict=True):
            assert one.histogram == row.histogram, one
            assert (one.mean, one.variance) == pytest.approx((row.mean, row.variance), abs=2 * UNIT, rel=1e-6, nan_ok=True)
            assert [example.text for example in one.highest] == [example.text for example in row.highest]


# -- the file


def test_a_survey_comes_back_from_its_file(pairs, tmp_path):
    path = tmp_path / "heads.parquet"
    found = survey(text=str(pairs), output=path, examples=2)
    again = Survey.load(path)
    same(found, again)
    assert again.about == found.about
    assert str(again) == str(found)
    assert again.finished
    assert not checkpoint_of(path).exists()
    again.save(tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()


def test_the_values_of_texts_are_kept_where_they_are_asked_for(tmp_path):
    pairs = [*PAIRS, PAIRS[1], ("Go!", "Marche !")]
    parts = [["\t".join(pair) for pair in part] for part in (pairs[:2], pairs[2:])]
    corpora = [str(write(tmp_path / f"{at}.tsv", part)) for at, part in enumerate(parts)]
    path = tmp_path / "heads.parquet"
    found = survey(text=corpora, output=path, per_text=True, windows=(2,))
    alone = [head_statistics(regard.translate(text, target=target).recording, windows=(2,)) for text, target in pairs]
    assert found.texts == [("0.tsv", 1), ("0.tsv", 2), *(("1.tsv", line) for line in range(1, 6))]
    for row in found.rows():
        values = [one.flat()[row.statistic] for table in alone for one in table if where(one) == where(row)]
        kept = found.values(*where(row), row.statistic).tolist()
        assert kept == pytest.approx(values, abs=2e-5, rel=1e-4, nan_ok=True)
        if row.count:
            assert np.nanmean(kept) == pytest.approx(row.mean, rel=1e-6, abs=1e-7)
    keys = found.kept_texts().keys.tolist()
    assert [keys.count(key) for key in keys] == [1, 2, 1, 1, 1, 2, 1]  # a text with another target is another
    again = Survey.load(path)
    assert again.texts == found.texts
    assert (again.kept_texts().values == found.kept_texts().values).sum() == (~np.isnan(found.kept_texts().values)).sum()
    again.save(tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()
    with pytest.raises(OptionError, match=r"survey with per_text=True \(regard survey --per-text\)"):
        survey(text=corpora).kept_texts()


def test_sums_of_each_length_are_those_of_its_texts(pairs, tmp_path):
    found = survey(text=str(pairs), output=tmp_path / "heads.parquet", per_text=True)
    rows = parquet.read_table(tmp_path / "heads.parquet").to_pylist()
    assert Survey.load(tmp_path / "heads.parquet").tally.totals.strata.keys() == found.tally.totals.strata.keys()
    for row in rows[::7]:
        place = row["kind"], row["layer"], row["head"]
        lengths, values = (found.values(*place, name).astype(float) for name in ("keys", row["statistic"]))
        expected = {}
        for length, value in zip(lengths.tolist(), values.tolist(), strict=True):
            if not math.isnan(value):
                expected.setdefault(int(length), []).append(value)
        assert [one["length"] for one in row["lengths"]] == sorted(expected)
        for one in row["lengths"]:
            assert one["count"] == len(expected[one["length"]])
            assert int(one["sum"]) * UNIT == pytest.approx(sum(expected[one["length"]]), rel=1e-6)
        for name in ("sum", "sum_of_squares"):
            assert sum(int(one[name]) for one in row["lengths"]) == int(row[name])


def test_the_file_is_what_its_page_says(pairs, tmp_path):
    path = tmp_path / "heads.parquet"
    survey(text=str(pairs), output=path, per_text=True)
    table = parquet.read_table(path)
    page = (Path(__file__).parents[2] / "docs" / "survey.md").read_text(encoding="utf-8")
    for name in table.column_names:
        assert f"| `{name}` |" in page, name
    about = json.loads(table.schema.metadata[METADATA])
    for name in about:
        assert f"`{name}`" in page, name
    row = table.slice(1, 1).to_pylist()[0]
    assert (row["model"], row["kind"], row["layer"], row["head"]) == ("model_eng_fra", "encoder", 0, 0)
    assert row["mean"] == pytest.approx(int(table.slice(1, 1)["sum"][0].as_py()) * UNIT / row["count"])
    assert about["counts"]["texts"] == 5
    assert about["versions"]["regard"] == regard.__version__
    assert about["corpus"] == [{"name": "pairs.tsv", "kind": "text", "bytes": pairs.stat().st_size}]
    assert str(tmp_path) not in path.read_bytes().decode("latin-1")  # a file may travel


@pytest.mark.parametrize("damage", ["no parquet", "other parquet", "version", "rows", "sums", "bins", "json"])
def test_files_that_are_no_survey(pairs, tmp_path, damage):
    path = tmp_path / "heads.parquet"
    survey(text=str(pairs), output=path)
    table = parquet.read_table(path)
    about = json.loads(table.schema.metadata[METADATA])
    match damage:
        case "no parquet":
            path.write_bytes(path.read_bytes()[:-9])
        case "other parquet":
            parquet.write_table(table.replace_schema_metadata(None), path)
        case "version":
            parquet.write_table(table.replace_schema_metadata({METADATA: json.dumps(about | {"version": 2})}), path)
        case "rows":
            parquet.write_table(table.slice(1), path)
        case "sums":
            at = table.column_names.index("sum")
            parquet.write_table(table.set_column(at, "sum", pa.array(["x"] * len(table))), path)
        case "bins":
            at = table.column_names.index("edges")
            parquet.write_table(table.set_column(at, "edges", pa.array([[0.0, 1.0]] * len(table))), path)
        case "json":
            parquet.write_table(table.replace_schema_metadata({METADATA: b"{"}), path)
    with pytest.raises(FileFormatError, match="expected a (whole )?survey"):
        Survey.load(path)


def test_a_survey_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        Survey.load(tmp_path / "no.parquet")


def test_the_worked_example_is_what_its_page_says():
    docs = Path(__file__).parents[2] / "docs"
    page, found = (docs / "survey.md").read_text(encoding="utf-8"), Survey.load(docs / "survey" / "tatoeba.parquet")
    said = re.findall(r"\| (\w+) (\d)\.(\d) \| (\w+) \| ([\d.]+) ± ([\d.]+) \| ([\d,]+) \|", page)
    assert len(said) > 5
    for kind, layer, head, statistic, mean, error, count in said:
        row = found.row(kind, int(layer), int(head), statistic)
        assert (mean, error, count) == (f"{row.mean:.4f}", f"{row.standard_error:.4f}", f"{row.count:,}")
    row = found.row("encoder", 0, 1, "induction")
    assert [round(share * row.count / 100) for share in (74.6, 15.3)] == pytest.approx(
        [row.histogram[0], row.histogram[-1]], rel=0.01
    )
    assert all(example.text in page.replace("*", "").replace("\n  ", " ") for example in row.highest[:2])
    assert found.finished
    assert found.about["model"]["fingerprint"] == described(load_translator().model)["fingerprint"]
    assert "Sentence pairs from tatoeba.org (CC BY 2.0 FR), selected by manythings.org/anki" in page


# -- memory


MEMORY = """
import sys, torch
sys.path.insert(0, "TESTS")
from pathlib import Path
from support.survey_models import tokenizer_of
from support.surveys import same, words, write
from support.tiny_models import tiny
from regard.surveying.survey import survey

torch.set_num_threads(1)
tokenizer, model = tokenizer_of("gpt2"), tiny("gpt2")
corpus = Path("FOLDER/c.txt")
line = "w5 w6 w7 w8 w9 w10 w11\\n"
corpus.write_text(line * 3000)
survey(model, str(corpus), tokenizer=tokenizer)
corpus.write_text(line * LINES)
before = peak()
survey(model, str(corpus), tokenizer=tokenizer)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one program")
@pytest.mark.exhaustive
def test_memory_does_not_grow_with_the_corpus(tmp_path):
    program = MEMORY.replace("TESTS", str(Path(__file__).parents[1])).replace("FOLDER", str(tmp_path))
    lines = 48_000  # a program of the same size differs by some megabytes from run to run: fewer lines would drown in them
    assert growth(program.replace("LINES", str(lines))) < lines * 300  # texts as objects alone would be more


# -- refusals


def test_an_output_never_replaces_the_corpus(tmp_path):
    corpus = write(tmp_path / "c.txt", words(3))
    (tmp_path / "link.txt").symlink_to(corpus)
    before = corpus.read_bytes()
    for output in (corpus, tmp_path / "link.txt"):
        with pytest.raises(OptionError, match="expected an output beside the corpus, got .*, a file of it"):
            survey(text=str(tmp_path / "c.txt"), output=output)
    with pytest.raises(OptionError, match="a file of it"):
        survey(text=str(tmp_path), output=corpus)
    assert corpus.read_bytes() == before


def test_an_output_that_cannot_be_written_is_refused_before_the_work(pairs, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr(survey_module.Loader, "load", lambda _: pytest.fail("the model was loaded"))
    with pytest.raises(PermissionError, match=r"cannot write '.*heads.parquet': Permission denied; check the permissions"):
        survey(text=str(pairs), output=pairs.with_name("heads.parquet"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"engine": "spark"}, OptionError, "engine: expected one of process, ray, got 'spark'"),
        ({"dtype": "int8"}, OptionError, "dtype: expected one of auto, bfloat16"),
        ({"workers": 2}, OptionError, "expected workers and cluster with engine='ray' only"),
        ({"engine": "ray", "workers": 0}, OptionError, "workers: expected a whole number of at least 1, got 0"),
        ({"checkpoint": 0}, OptionError, "checkpoint: expected a whole number of at least 1, got 0"),
        ({"examples": 101}, OptionError, "examples: expected a whole number from 0 to 100, got 101"),
        ({"per_text": 1}, DtypeError, "per_text: expected True or False, got 1"),
        ({"tokenizer": "x"}, OptionError, "expected a tokenizer with a loaded model only"),
        ({"model": 3}, DtypeError, "expected a model's name, its folder or a Transformers model, got int"),
        ({"model": tiny("bert")}, OptionError, "expected the tokenizer of the loaded BertModel, got none"),
        ({"model": "no/model/there"}, ModelError, "expected a model folder, got no/model/there"),
        ({"output": "no folder/heads.parquet"}, FileNotFoundError, "make it first"),
        ({"text": "no corpus"}, FileNotFoundError, "which does not exist"),
    ],
)
def test_what_is_refused(pairs, options, error, message):
    with pytest.raises(error, match=message):
        survey(**{"text": str(pairs)} | options)


def test_models_that_change_their_calls_are_refused(tmp_path):
    model = tiny("bert")
    layers = list(model.encoder.layer)
    model.encoder.register_forward_pre_hook(
        lambda *_: setattr(model.encoder, "layer", torch.nn.ModuleList(layers[: len(model.encoder.layer) % 3 + 1]))
    )
    corpus = write(tmp_path / "c.txt", words(11))
    with pytest.raises(regard.errors.RecordingError, match="calls the same modules on every text"):
        survey(model, str(corpus), tokenizer=tokenizer_of("bert"), batch_tokens=1)


def test_without_pyarrow(pairs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"expected pyarrow to write a survey, got none; pip install pyarrow"):
        survey(text=str(pairs), output=tmp_path / "x.parquet")
    assert survey(text=str(pairs)).tally.texts == 5  # no file, no need
    with pytest.raises(ImportError, match="expected pyarrow to read a survey"):
        Survey.load(tmp_path / "x.parquet")


@pytest.mark.usefixtures("pairs")
def test_the_current_folder_stays_clean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    survey(text="pairs.tsv", output="heads.parquet")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["heads.parquet", "pairs.tsv"]
