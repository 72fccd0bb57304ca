"""A survey that is interrupted, kill -9 included, goes on from its checkpoint, where it is of the same survey."""

import signal
import time
from dataclasses import replace

import pytest

from regard.errors import FileFormatError
from regard.surveying import corpus as corpus_module
from regard.surveying import survey as survey_module
from regard.surveying.survey import checkpoint_of, survey
from regard.surveying.survey_file import Survey
from support.forked import start
from support.survey_models import saved_model, tokenizer_of
from support.surveys import same, words, write
from support.tiny_models import tiny

pytestmark = pytest.mark.slow


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(corpus_module, "CHUNK_RECORDS", 5)


@pytest.mark.usefixtures("small_chunks")
def test_a_checkpoint_is_gone_on_from(tmp_path, monkeypatch):
    corpus = write(tmp_path / "c.txt", [*words(37), "", "w5 " * 40])
    path = tmp_path / "heads.parquet"
    model, tokenizer = tiny("gpt2"), tokenizer_of("gpt2")
    expected = survey(model, str(corpus), tokenizer=tokenizer)
    read = survey_module.read_here

    def dies(surveyor, corpus, done):
        for count, part in enumerate(read(surveyor, corpus, done)):
            if count == 5:
                raise KeyboardInterrupt
            yield part

    monkeypatch.setattr(survey_module, "read_here", dies)
    with pytest.raises(KeyboardInterrupt):
        survey(model, str(corpus), path, tokenizer=tokenizer, checkpoint=2)
    assert not path.exists()
    kept = Survey.load(checkpoint_of(path))
    assert (kept.tally.texts, kept.done.runs, kept.finished) == (20, {0: [[0, 4]]}, False)
    assert "not finished" in str(kept)
    surveyed = []

    def watched(surveyor, corpus, done):
        for part in read(surveyor, corpus, done):
            surveyed.append(part.tally.texts)
            yield part

    monkeypatch.setattr(survey_module, "read_here", watched)
    found = survey(model, str(corpus), path, tokenizer=tokenizer, checkpoint=2)
    assert surveyed == [0, 0, 0, 0, 5, 5, 5, 2]  # what was done is not read again
    same(found, expected)
    same(Survey.load(path), expected)
    assert not checkpoint_of(path).exists()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("change", ["model", "corpus", "settings", "columns"])
def test_a_checkpoint_of_another_survey_is_refused(tmp_path, change):
    corpus = write(tmp_path / "c.txt", words(7))
    path = tmp_path / "heads.parquet"
    tokenizer = tokenizer_of("gpt2")
    done = survey(tiny("gpt2"), str(corpus), tokenizer=tokenizer)
    replace(done, about=done.about | {"finished": False}).save(checkpoint_of(path))
    options = {"settings": {"windows": (3,)}, "columns": {"column": "sentence"}}.get(change, {})
    if change == "corpus":
        write(corpus, words(8))
    model = tiny("gpt2", seed=1 if change == "model" else 0)
    with pytest.raises(FileFormatError, match=f"a checkpoint of the same {change}.*--restart"):
        survey(model, str(corpus), path, tokenizer=tokenizer, **options)
    found = survey(model, str(corpus), path, tokenizer=tokenizer, restart=True, **options)
    assert found.tally.texts == (8 if change == "corpus" else 7)


KILLED = """
import sys, time
from regard.surveying import corpus
from regard.surveying import survey as engine

corpus.CHUNK_RECORDS = 5
read = engine.read_here


def hangs(*given):
    for count, part in enumerate(read(*given)):
        if count == int(sys.argv[4]):
            time.sleep(600)  # it is killed here: on a busy machine, any other moment may be too late
        yield part


if __name__ == "__main__":
    engine.read_here = hangs
    engine.survey(sys.argv[1], sys.argv[2], sys.argv[3], checkpoint=3, batch_tokens=16, per_text=True)
"""


@pytest.mark.usefixtures("small_chunks")
def test_a_corpus_that_changed_without_growing_is_refused(tmp_path, monkeypatch):
    lines = words(37)
    corpora = [str(write(tmp_path / "a.txt", words(7, seed=3))), str(write(tmp_path / "b.txt", lines))]
    path = tmp_path / "heads.parquet"
    model, tokenizer = tiny("gpt2"), tokenizer_of("gpt2")
    read = survey_module.read_here
    monkeypatch.setattr(survey_module, "read_here", lambda *given: stopped(read(*given), 6))
    with pytest.raises(KeyboardInterrupt):
        survey(model, corpora, path, tokenizer=tokenizer, checkpoint=3)
    monkeypatch.setattr(survey_module, "read_here", read)
    kept = checkpoint_of(path).read_bytes()
    write(tmp_path / "b.txt", [lines[1], lines[0], *lines[2:]])  # as long as it was
    with pytest.raises(FileFormatError, match=r"same corpus, got one of another b.txt: its texts have changed.*--restart"):
        survey(model, corpora, path, tokenizer=tokenizer)
    assert checkpoint_of(path).read_bytes() == kept
    write(tmp_path / "b.txt", [*lines[:-1], lines[-1].replace("w", "v")])  # where nobody has read yet: no harm
    assert survey(model, corpora, path, tokenizer=tokenizer).tally.texts == 44


def stopped(parts, after):
    """The first parts of a run that the user then stops."""
    for count, part in enumerate(parts):
        if count == after:
            raise KeyboardInterrupt
        yield part


@pytest.mark.usefixtures("small_chunks")
def test_slow_chunks_are_kept_one_by_one(tmp_path, monkeypatch):
    corpus = write(tmp_path / "c.txt", words(31))
    path = tmp_path / "heads.parquet"
    read = survey_module.read_here
    monkeypatch.setattr(survey_module, "read_here", lambda *given: stopped(read(*given), 4))
    for seconds, chunks in ((300.0, None), (0.0, [[0, 4]])):
        monkeypatch.setattr(survey_module, "CHECKPOINT_SECONDS", seconds)
        with pytest.raises(KeyboardInterrupt):
            survey(tiny("gpt2"), str(corpus), path, tokenizer=tokenizer_of("gpt2"), checkpoint=99)
        assert checkpoint_of(path).exists() == (chunks is not None)
    assert Survey.load(checkpoint_of(path)).done.runs == {0: chunks}


def test_nothing_is_counted_twice_after_kill_9(tmp_path, monkeypatch):
    folder = saved_model("llama", tmp_path / "llama")
    corpus = write(tmp_path / "c.txt", [*words(103, seed=1), ""])
    path = tmp_path / "heads.parquet"
    for kept, chunk in ((15, 4), (30, 7)):  # killed twice, each time after a checkpoint of its own
        run = start(KILLED, folder, corpus, path, chunk)
        deadline = time.monotonic() + 300
        while not checkpoint_of(path).exists() or Survey.load(checkpoint_of(path)).tally.texts < kept:
            assert run.is_alive(), run.exitcode
            assert time.monotonic() < deadline
            time.sleep(0.01)
        run.kill()
        run.join()
        assert run.exitcode == -signal.SIGKILL
        assert not path.exists()
        assert Survey.load(checkpoint_of(path)).tally.texts == kept
    run = start(KILLED, folder, corpus, path, -1)
    run.join()
    assert run.exitcode == 0
    monkeypatch.setattr(corpus_module, "CHUNK_RECORDS", 5)
    whole = survey(folder, str(corpus), batch_tokens=16, per_text=True, output=tmp_path / "whole.parquet")
    assert whole.tally.texts == len(whole.texts) == 103
    same(Survey.load(path), whole)
    assert path.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "whole.parquet").unlink()
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("heads")] == ["heads.parquet"]
