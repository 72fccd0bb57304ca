"""Sweeps over files of prompts: as over a list of them, interrupted or not, by one process or several, to the same bytes."""

import gc
import gzip
import json
import signal
import subprocess
import sys
import tracemalloc
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import regard
from regard.errors import DtypeError, FileFormatError, OptionError
from regard.interventions import Prompt, patch, prompt_corpus
from regard.interventions.corpus_sweep import CorpusSweeper
from regard.interventions.effects import Effects
from support.forked import Piped
from support.survey_models import saved_model, tokenizer_of
from support.tiny_models import tiny

MEASURES = ["logit_difference", "kl"]


def rows_of(count, seed=0):
    """Prompts as rows: of three lengths, with partners, answers and groups."""
    chance = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        words = [f"w{number}" for number in chance.integers(5, 53, 3 + at % 3)]
        other = [*words[:-2], f"w{chance.integers(5, 53)}", words[-1]]
        rows.append({"text": " ".join(words), "other": " ".join(other), "answer": " w7", "wrong": " w9", "group": f"g{at % 5}"})
    return rows


def written(place, rows):
    place.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return place


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(prompt_corpus, "CHUNK_PROMPTS", 3)


def swept(over, output=None, **options):
    options = {"replace": patch(), "tokenizer": tokenizer_of("gpt2")} | options
    return regard.sweep(tiny("gpt2"), over, MEASURES, output=output, **options)


@pytest.mark.usefixtures("small_chunks")
def test_a_file_of_prompts_is_a_list_of_them(tmp_path):
    rows = rows_of(8)
    found = swept(str(written(tmp_path / "p.jsonl", rows)), tmp_path / "x.parquet")
    listed = swept([Prompt(**row) for row in rows])
    assert found.measures == listed.measures == ("logit_difference", "kl")
    assert found.prompts == [("p.jsonl", line) for line in range(8)]
    for measure in MEASURES:
        np.testing.assert_allclose(found.grid(measure).values, listed.grid(measure).values, rtol=1e-4, atol=1e-5)
    assert found.tests().rows[0].groups == 5
    assert found.about["left_out"] == {}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("x")] == ["x.parquet"]
    assert Effects.load(tmp_path / "x.parquet").tests() == found.tests()
    in_memory = swept(str(tmp_path / "p.jsonl"))
    assert [str(row) for row in in_memory.table()] == [str(row) for row in found.table()]


@pytest.mark.usefixtures("small_chunks")
def test_estimates_over_a_file_are_those_of_a_list(tmp_path):
    rows = [*rows_of(5), {"text": "w5 w6", "other": "w5", "answer": " w7", "wrong": " w9"}]
    place, output = written(tmp_path / "p.jsonl", rows), tmp_path / "x.parquet"
    options = {"replace": patch(), "tokenizer": tokenizer_of("gpt2")}
    found = regard.attribute(tiny("gpt2"), str(place), "logit_difference", output=output, **options)
    listed = regard.attribute(tiny("gpt2"), [Prompt(**row) for row in rows[:5]], "logit_difference", **options)
    np.testing.assert_allclose(found.grid().values, listed.grid().values, rtol=1e-4, atol=1e-5)
    assert found.estimated
    assert Effects.load(output).estimated
    [unfit] = found.about["left_out"]["unfit"]["first"]
    assert unfit.startswith("p.jsonl:6.other: expected as many tokens as the text has, 2, got 1")
    before = output.read_bytes()
    regard.attribute(tiny("gpt2"), str(place), "logit_difference", output=output, restart=True, **options)
    assert output.read_bytes() == before
    for wrong, said in (
        ({"columns": {"text": "a"}}, "columns: expected columns and restart of addresses, got prompts"),
        ({"restart": 1}, "restart: expected True or False, got 1"),
    ):
        with pytest.raises((OptionError, DtypeError), match=said):
            regard.attribute(tiny("gpt2"), [Prompt([5, 6], answer=[7], wrong=[8])], "logit_difference", **wrong)
    with pytest.raises(OptionError, match="measures: expected one with a gradient, got 'kl'"):
        regard.attribute(tiny("gpt2"), str(place), "kl", **options)


def test_columns_and_formats(tmp_path):
    rows = rows_of(5)
    plain = swept(str(written(tmp_path / "p.jsonl", rows)))
    with gzip.open(tmp_path / "p.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write((tmp_path / "p.jsonl").read_text())
    names = {"text": "clean.prompt", "other": "corrupt", "answer": "right"}
    renamed = [
        {
            "clean": {"prompt": row["text"]},
            "corrupt": row["other"],
            "right": row["answer"],
            "wrong": row["wrong"],
            "group": row["group"],
        }
        for row in rows
    ]
    parquet.write_table(pa.Table.from_pylist(renamed), tmp_path / "p.parquet")
    for found in (swept(str(tmp_path / "p.jsonl.gz")), swept(str(tmp_path / "p.parquet"), columns=names)):
        assert np.array_equal(found.grid().values, plain.grid().values)
    with pytest.raises(TypeError, match="expected a column 'text', got a table with clean, corrupt, right"):
        swept(str(tmp_path / "p.parquet"))


def test_lines_that_do_not_fit_are_left_out_counted_and_named(tmp_path):
    rows = rows_of(4)
    rows[1]["other"] += " w5"
    rows.append({"text": "w5 " * 40, "answer": " w7", "wrong": " w9", "other": "w6 " * 40})
    rows.append({"other": "w5"})
    del rows[2]["wrong"]
    place = written(tmp_path / "p.jsonl", rows)
    with place.open("a") as file:
        file.write("no JSON\n")
    found = swept(str(place), tmp_path / "x.parquet")
    left_out = found.about["left_out"]
    assert found.prompts == [("p.jsonl", 0), ("p.jsonl", 3)]
    assert {reason: one["count"] for reason, one in left_out.items()} == {
        "missing field": 1,
        "not JSON": 1,
        "too long": 1,
        "unfit": 2,
    }
    assert left_out["unfit"]["first"][0].startswith("p.jsonl:2.other: expected as many tokens as the text has")
    assert left_out["unfit"]["first"][1].startswith("p.jsonl:3.wrong: expected one, as logit_difference needs it")
    assert left_out["not JSON"]["first"][0].startswith("p.jsonl:7 ")
    assert Effects.load(tmp_path / "x.parquet").about["left_out"] == left_out


def test_spans_of_files_are_those_of_prompts(tmp_path):
    rows = [row | {"spans": {"first": [0, row["text"].index(" ")]}} for row in rows_of(3)]
    site = [regard.interventions.heads((1, 0), at="first")]
    found = swept(str(written(tmp_path / "p.jsonl", rows)), what=site)
    listed = swept([Prompt(**row) for row in rows], what=site)
    np.testing.assert_allclose(found.grid().values, listed.grid().values, rtol=1e-4, atol=1e-6)


def stopping(monkeypatch, after):
    """A sweeper that is interrupted after some chunks."""
    read, count = CorpusSweeper.read, [0]

    def stops(self, chunk):
        if chunk.items:
            count[0] += 1
            if count[0] > after:
                raise KeyboardInterrupt
        return read(self, chunk)

    monkeypatch.setattr(CorpusSweeper, "read", stops)
    return lambda: monkeypatch.setattr(CorpusSweeper, "read", read)


@pytest.mark.usefixtures("small_chunks")
def test_an_interrupted_sweep_goes_on_to_the_same_bytes(tmp_path, monkeypatch):
    corpora = [str(written(tmp_path / "a.jsonl", rows_of(7))), str(written(tmp_path / "b.jsonl", rows_of(5, seed=1)))]
    swept(corpora, tmp_path / "whole.parquet")
    for after in (1, 2):
        go_on = stopping(monkeypatch, after)
        with pytest.raises(KeyboardInterrupt):
            swept(corpora, tmp_path / "x.parquet")
        go_on()
    assert len(list((tmp_path / "x.parquet.parts").glob("*.parquet"))) == 3
    assert not (tmp_path / "x.parquet").exists()
    counted = []
    read = CorpusSweeper.read
    monkeypatch.setattr(CorpusSweeper, "read", lambda self, chunk: [counted.append(len(chunk.items)), read(self, chunk)][1])
    swept(corpora, tmp_path / "x.parquet")
    assert sum(counted) == 12 - 7  # the prompts of whole parts are not run again
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not (tmp_path / "x.parquet.parts").exists()


@pytest.mark.usefixtures("small_chunks")
def test_parts_of_another_sweep_or_corpus_are_refused(tmp_path, monkeypatch):
    place = written(tmp_path / "p.jsonl", rows := rows_of(7))
    go_on = stopping(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        swept(str(place), tmp_path / "x.parquet")
    go_on()
    with pytest.raises(FileFormatError, match=r"parts of the same sweep, got those of another sweep \(another replacement\)"):
        swept(str(place), tmp_path / "x.parquet", replace=None)
    written(place, [rows[1], rows[0], *rows[2:]])
    with pytest.raises(FileFormatError, match="got a part of another p.jsonl: its prompts have changed since"):
        swept(str(place), tmp_path / "x.parquet")
    again = swept(str(place), tmp_path / "x.parquet", restart=True)
    assert len(again.prompts) == 7


def test_what_cannot_be_is_refused_before_anything_runs(tmp_path):
    place = str(written(tmp_path / "p.jsonl", rows_of(2)))
    with pytest.raises(OptionError, match="workers and cluster with engine='ray' only"):
        swept(place, workers=2)
    with pytest.raises(OptionError, match="engine: expected one of process, ray"):
        swept(place, engine="spark")
    with pytest.raises(OptionError, match="an output beside the corpus"):
        swept(place, place)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        swept(place, tmp_path / "no" / "x.parquet")
    with pytest.raises(FileNotFoundError, match="expected a corpus"):
        swept(str(tmp_path / "none.jsonl"))
    with pytest.raises(OptionError, match="columns: expected one of text, other, answer"):
        swept(place, columns={"prompt": "text"})
    with pytest.raises(OptionError, match="columns, workers and engines of addresses, got prompts"):
        swept([Prompt("w5 w6", other="w6 w6", answer=" w7", wrong=" w8")], columns={"text": "t"})


def test_a_list_of_prompts_is_written_too(tmp_path):
    found = swept([Prompt(**row) for row in rows_of(3)], tmp_path / "x.parquet")
    assert Effects.load(tmp_path / "x.parquet").tests() == found.tests()


PROGRAM = """
import sys
import torch

torch.set_num_threads(1)
import regard
from regard.interventions import corpus_sweep, patch, prompt_corpus

if __name__ == "__main__":
    prompt_corpus.CHUNK_PROMPTS = 3
    model, over, output, engine, stop = sys.argv[1:6]
    from regard.interventions.sweep import measures_of

    read, count = corpus_sweep.CorpusSweeper.read, [0]

    def hangs(self, chunk):
        count[0] += bool(chunk.items)
        if count[0] == int(stop):
            print("now", flush=True)
            import time

            time.sleep(600)
        return read(self, chunk)

    if int(stop) > 0:
        corpus_sweep.CorpusSweeper.read = hangs
    options = {"measures": measures_of(["logit_difference", "kl"]), "replacement": patch()}
    workers = 2 if engine == "ray" else None
    corpus_sweep.sweep_corpus(model, over, options, output=__import__("pathlib").Path(output), engine=engine, workers=workers)
"""


LIMIT = 900  # seconds, on a machine that does much else


@pytest.mark.slow
def test_killed_and_gone_on_it_is_the_same_file(tmp_path):
    folder, place = saved_model("llama", tmp_path / "model"), written(tmp_path / "p.jsonl", rows_of(13))

    def ended(name, stop=0):
        with Piped(PROGRAM, folder, place, tmp_path / name, "process", stop) as program:
            if stop:
                assert program.stdout.readline() == "now\n"
                program.kill()
            return program.wait(LIMIT)

    assert ended("whole.parquet") == 0
    for stop in (2, 3):
        assert ended("x.parquet", stop) == -signal.SIGKILL
    assert len(list((tmp_path / "x.parquet.parts").glob("*.parquet"))) == 3
    assert ended("x.parquet") == 0
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(find_spec("ray") is None, reason='it needs pip install "regard[ray]"')
@pytest.mark.exhaustive
def test_workers_write_the_file_that_one_process_writes(tmp_path):
    folder, place = saved_model("gpt2", tmp_path / "model"), written(tmp_path / "p.jsonl", rows_of(13))
    for engine in ("process", "ray"):
        command = [sys.executable, "-c", PROGRAM, folder, place, tmp_path / f"{engine}.parquet", engine, "0"]
        subprocess.run(command, check=True, timeout=LIMIT)
    one, other = (Effects.load(tmp_path / f"{engine}.parquet") for engine in ("process", "ray"))
    assert (tmp_path / "process.parquet").read_bytes() == (tmp_path / "ray.parquet").read_bytes(), (one.about, other.about)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_memory_does_not_grow_with_the_corpus(tmp_path, monkeypatch):
    """What is held after each chunk is as much at the end as near the beginning, but for the names of parts."""
    monkeypatch.setattr(prompt_corpus, "CHUNK_PROMPTS", 5)
    held, read = [], CorpusSweeper.read

    def watched(self, chunk):
        part = read(self, chunk)
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        return part

    monkeypatch.setattr(CorpusSweeper, "read", watched)
    place = str(written(tmp_path / "p.jsonl", rows_of(60)))
    tracemalloc.start()
    swept(place, tmp_path / "x.parquet")
    tracemalloc.stop()
    assert len(held) == 13  # the last one is empty: it says that the file is at its end
    assert held[11] < held[2] + 0.1 * held[0] + 20_000
