"""``regard.survey``: what the heads of a model do over a corpus."""

import errno
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from regard.analysis.heads.registry import WINDOWS, in_table
from regard.analysis.heads.statistics import checked_windows
from regard.arguments import one_of, truth, whole_number
from regard.errors import DtypeError, FileFormatError, OptionError
from regard.files import checked_path, refusal
from regard.progress import bar
from regard.recording.pretrained import DTYPES
from regard.surveying.corpus import Corpus, find_corpus, require_pyarrow
from regard.surveying.records import Columns
from regard.surveying.survey_file import Survey
from regard.surveying.surveyor import Loader, Settings, Surveyor, described
from regard.surveying.tally import Done, ReadChunk, Tally
from regard.translation.translator import EMBEDDED

ENGINES = ("process", "ray")
COMPARED = ("model", "corpus", "columns", "settings", "chunks")
"""What a checkpoint must have in common with the run that goes on from it."""

CHECKPOINT_SECONDS = 300.0
"""A checkpoint is kept at least so often: a chunk of long texts takes a large model many minutes."""


def survey(
    model: Any = None,
    text: str | Sequence[str] = (),
    output: str | os.PathLike[str] | None = None,
    *,
    column: str = "text",
    target_column: str | None = None,
    max_tokens: int | None = None,
    batch_tokens: int = 2048,
    windows: Sequence[int] = WINDOWS,
    examples: int = 3,
    per_text: bool = False,
    tokenizer: Any = None,
    dtype: str = "float32",
    device: str = "cpu",
    engine: str = "process",
    workers: int | None = None,
    cluster: str | None = None,
    checkpoint: int = 16,
    restart: bool = False,
) -> Survey:
    r"""The statistics of every head over a corpus: mean, error, histogram, and the texts at either end.

    Every text of the corpus goes through the model once. The statistics are those of ``regard.heads`` on each text alone, and
    a text counts once, whatever its length: mean and standard error are over texts. What a corpus adds up to does not depend on
    how it is cut, nor on who reads which part. A line that cannot be read, is empty or too long is left out and counted.

    An encoder or decoder reads the text. An encoder-decoder also needs what it writes: the target where the corpus has one (a
    second column, after a tab in lines of text), else what it writes itself, greedily.

    Memory does not grow with the corpus, but for ``per_text``, and with a text as its length does.

    Args:
        model: folder or hub name, a loaded Transformers model, or None for the embedded English–French one.
        text: addresses of text (a line each; compressed or not), JSON lines, Parquet, or folders, saved by the datasets library
            or with such files; local, or anywhere that fsspec reaches.
        output: the Parquet file to write. While it is made, ``OUTPUT.checkpoint`` is kept beside it; a run that was
            interrupted goes on from there.
        column: the column of the text, in JSON lines and tables; dots lead into it: "translation.en".
        target_column: the column of the target.
        max_tokens: of a text, and of a target; longer ones are left out. As many as the model has positions, where not given.
        batch_tokens: of one pass through the model, padding included; a longer text goes alone.
        windows: widths in which mass is local.
        examples: how many texts are kept at either end of each statistic of each head.
        per_text: keep the values of every text: 4 bytes for each statistic of each head, in memory and in the file. Two models
            are then compared text by text, and ``Survey.values`` gives them.
        tokenizer: of a loaded model.
        dtype: of a model that is loaded: "float32", "bfloat16", "auto" as it is stored.
        device: "cpu", "cuda", "cuda:1".
        engine: "process", or "ray" for several workers on this machine or a cluster.
        workers: of Ray; one a CPU, or one a GPU for device="cuda", where not given.
        cluster: address of a Ray cluster; one is started on this machine where not given.
        checkpoint: how many chunks of 1,024 lines are read between two checkpoints; fewer where they take over five minutes.
        restart: begin again where there is a checkpoint.

    Returns:
        The Survey.

    Raises:
        OptionError: an option outside of its values, a cluster that is too small, an output that is a file of the corpus.
        OSError: the corpus or the model cannot be found, the file cannot be written.
        FileFormatError: a checkpoint of another survey, or of a corpus that reads otherwise now.
        RecordingError: the model's attention cannot be recorded.
        ImportError: pyarrow or ray are needed and not installed.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> corpus = Path(tempfile.mkdtemp()) / "pairs.tsv"
        >>> _ = corpus.write_text("I tripped.\tJ'ai trébuché.\nCan I help?\tPuis-je aider ?\n", encoding="utf-8")
        >>> found = survey(text=str(corpus))
        >>> print(found)
        model_eng_fra on pairs.tsv: 2 texts, 26 tokens
        >>> row = found.row("cross", 0, 0, "entropy")
        >>> row.count, row.highest[0].text
        (2, 'I tripped.')
    """
    settings = Settings(max_tokens, batch_tokens, checked_windows(windows), examples, truth("per_text", per_text))
    settings.check()
    _check(engine, dtype, workers, checkpoint, cluster)
    restart = truth("restart", restart)
    path = None if output is None else checked_path(output)
    if path is not None:
        require_pyarrow("to write a survey")
    corpus = find_corpus(text, Columns(column, target_column))
    if path is not None:
        check_output(path, corpus)
    loader = Loader(*_named(model, tokenizer), dtype, device, settings)
    if engine == "process":
        surveyor = loader.load()
        found = _begin(loader, described(surveyor.model), corpus)
        corpus = replace(corpus, columns=replace(corpus.columns, pairs=surveyor.answers))
        found = _resumed(found, path, restart)
        return _finish(found, read_here(surveyor, corpus, found.done), corpus, path, checkpoint)
    from regard.surveying.on_ray import running

    with running(loader, workers, cluster) as pool:
        about, answers = pool.describe()
        found = _resumed(_begin(loader, about, corpus), path, restart)
        corpus = replace(corpus, columns=replace(corpus.columns, pairs=answers))
        return _finish(found, pool.read(corpus, found.done), corpus, path, checkpoint)


def read_here(surveyor: Surveyor, corpus: Corpus, done: Done) -> Iterator[ReadChunk]:
    """The parts of a corpus, one after another in this process."""
    for chunk in corpus.chunks(done):
        yield ReadChunk(chunk.file, chunk.number, chunk.bytes, surveyor.read(chunk))


def _check(engine: str, dtype: str, workers: int | None, checkpoint: int, cluster: str | None) -> None:
    one_of("engine", engine, ENGINES)
    one_of("dtype", dtype, DTYPES)
    if workers is not None:
        whole_number("workers", workers, 1)
    whole_number("checkpoint", checkpoint, 1)
    if engine == "process" and (workers is not None or cluster is not None):
        raise OptionError("expected workers and cluster with engine='ray' only, got them with engine='process'")


def check_output(path: Path, corpus: Corpus) -> None:
    """Refuse an output that cannot be written, or that would replace what is read, before hours of work."""
    for source in corpus.sources:
        if source.address.startswith("file://") and path.exists() and path.samefile(source.address.removeprefix("file://")):
            raise OptionError(
                f"expected an output beside the corpus, got {str(path)!r}, a file of it, which would be lost; name another"
            )
    try:
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except OSError as error:
        advice = f"{error.strerror or error}; check the permissions and the space there, or choose another folder"
        raise refusal("write", error.errno or errno.EIO, path, advice) from error


def _named(model: Any, tokenizer: Any) -> tuple[Any, Any]:
    """A model's name or folder, or a loaded one with its tokenizer."""
    if model is None or isinstance(model, str | os.PathLike):
        if tokenizer is not None:
            raise OptionError("expected a tokenizer with a loaded model only, got one with a name; a named model has its own")
        return str(EMBEDDED if model is None else model), None
    if not hasattr(model, "config") or not hasattr(model, "base_model"):
        raise DtypeError(f"expected a model's name, its folder or a Transformers model, got {type(model).__name__}")
    if tokenizer is None:
        raise OptionError(f"expected the tokenizer of the loaded {type(model).__name__}, got none; tokenizer=...")
    return model, tokenizer


def _begin(loader: Loader, about: dict[str, Any], corpus: Corpus) -> Survey:
    """A survey of nothing yet."""
    given = loader.model if isinstance(loader.model, str) else str(getattr(loader.model, "name_or_path", None) or "")
    place = Path(given)
    name = place.name if place.is_absolute() or place.exists() else given  # of a folder the last part, for a file may travel
    return Survey(
        {
            "finished": False,
            "model": {"name": name or about["class"], **about},
            "corpus": corpus.described(),
            "columns": {"text": corpus.columns.text, "target": corpus.columns.target},
            "settings": asdict(loader.settings) | {"windows": list(loader.settings.windows)},
            "chunks": {"lines": corpus.chunk_records, "letters": corpus.chunk_letters},
            "versions": {package: version(package) for package in ("regard", "torch", "transformers")},
        },
        Tally(),
    )


def _resumed(begun: Survey, path: Path | None, restart: bool) -> Survey:
    """What the checkpoint beside the output has, where there is one."""
    place = None if path is None else checkpoint_of(path)
    if place is None or restart or not place.exists():
        return begun
    kept = Survey.load(place)
    for name in COMPARED:
        if kept.about[name] != begun.about[name]:
            _refuse_checkpoint(place, name, f"got one of {_shown(kept.about[name])}, not of {_shown(begun.about[name])}")
    if kept.tally.totals is not None:
        known = in_table(begun.about["settings"]["windows"])
        if odd := set(kept.statistics) ^ set(known):
            _refuse_checkpoint(place, "statistics", f"got one of a version of Regard with others ({', '.join(sorted(odd))})")
        bins = dict(zip(kept.statistics, kept.tally.totals.edges, strict=True))
        if other := [name for name, one in known.items() if tuple(bins[name].tolist()) != one.quantity.edges]:
            _refuse_checkpoint(place, "bins", f"got one of a version of Regard with others ({', '.join(other)})")
    return Survey(begun.about, kept.tally, kept.done)


def _refuse_checkpoint(place: Path, what: str, why: str) -> NoReturn:
    raise FileFormatError(
        f"expected in {str(place)!r} a checkpoint of the same {what}, {why}; begin again with restart=True (--restart), or "
        "write to another file"
    )


def _shown(about: Any) -> str:
    """A part of what a survey says of itself, in a sentence; of many files, the first."""
    if isinstance(about, list):
        files = ", ".join(f"{source['name']} ({source['bytes']} bytes)" for source in about[:3])
        return files if len(about) <= 3 else f"{files} and {len(about) - 3} more files"
    return ", ".join(f"{name} {value}" for name, value in about.items())


def checkpoint_of(path: Path) -> Path:
    """Where the checkpoint of a survey stands while it is made."""
    return path.with_name(f"{path.name}.checkpoint")


def _finish(found: Survey, parts: Iterable[ReadChunk], corpus: Corpus, path: Path | None, every: int) -> Survey:
    """Merge the parts as they come, keep a checkpoint, and write the file."""
    before, again, earlier = found.tally.texts, Tally(), Done(found.done.runs)
    expected, seen, saved = dict(found.tally.digests), 0, time.monotonic()
    what = "going on" if before else "surveying"
    with bar(total=corpus.bytes, desc=what, unit="B", unit_scale=True, smoothing=0.1) as shown:
        for count, part in enumerate(parts, 1):
            if (part.file, part.number) in earlier:  # read again for its digest only
                again.merge(part.tally)
                seen += 1
                if seen == len(earlier):
                    _check_corpus(expected, again.digests, corpus, path)
            elif (part.file, part.number) not in found.done:
                found.tally.merge(part.tally)
                found.done.add(part.file, part.number)
            shown.update(part.bytes)
            elapsed = float(shown.format_dict["elapsed"])
            shown.set_postfix_str(f"{found.tally.texts:,} texts, {(found.tally.texts - before) / max(elapsed, 1e-9):,.0f}/s")
            if path is not None and (count % every == 0 or time.monotonic() - saved > CHECKPOINT_SECONDS):
                found.save(checkpoint_of(path))
                saved = time.monotonic()
    _check_corpus(expected, again.digests, corpus, path)
    found = Survey({**found.about, "finished": True}, found.tally, found.done)
    if path is not None:
        found.save(path)
        checkpoint_of(path).unlink(missing_ok=True)
    return found


def _check_corpus(expected: dict[int, int], found: dict[int, int], corpus: Corpus, path: Path | None) -> None:
    """Refuse to go on from a checkpoint where what it has counted reads otherwise now, though files are as long as before."""
    for file, digest in expected.items():
        if path is not None and found.get(file) != digest:
            name = corpus.sources[file].name
            _refuse_checkpoint(checkpoint_of(path), "corpus", f"got one of another {name}: its texts have changed since")
