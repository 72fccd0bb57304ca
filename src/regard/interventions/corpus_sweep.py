"""A sweep over a corpus: chunk by chunk, each kept beside the output as it is done, so that a run that was killed goes on."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from regard.arguments import one_of, whole_number
from regard.errors import FileFormatError, OptionError, RegardError, TooLongError
from regard.files import opened, written_whole
from regard.interventions.effects import Effects
from regard.interventions.effects_file import METADATA, arrow_of, schema_of, write_rows
from regard.interventions.prompt_corpus import placed, prompt_corpus
from regard.interventions.reading import Read
from regard.interventions.running import Place
from regard.interventions.sweeper import Sweeper, about
from regard.interventions.tables import Table
from regard.progress import bar
from regard.recording.pretrained import DTYPES, load_text_model
from regard.surveying.corpus import Chunk, Corpus, require_pyarrow
from regard.surveying.records import Refusal
from regard.surveying.survey import check_output
from regard.surveying.surveyor import Loader
from regard.surveying.tally import FIRST, Done, ReadChunk

ENGINES = ("process", "ray")

LeftOut = dict[str, dict[str, Any]]
"""By reason: how many lines, and the first of them, each with what was wrong."""


class Part(NamedTuple):
    """What one chunk of a corpus gave."""

    table: Table
    left_out: LeftOut
    digest: int  #: of what was read


@dataclass(frozen=True)
class SweepLoader:
    """How to get a sweeper of a corpus: in this process, or in another one.

    Attributes:
        model: the model, or its folder or hub name.
        options: of ``Sweeper``.
        corpus: whose chunks are read.
        dtype: of a model that is loaded.
        device: likewise.
        plan: what runs, or estimates.
    """

    model: Any
    options: Mapping[str, Any]
    corpus: Corpus
    dtype: str = "auto"
    device: str = "cpu"
    plan: type[Sweeper] = Sweeper

    def load(self) -> "CorpusSweeper":
        """The sweeper, ready to read.

        Raises:
            ModelError: the model cannot be found or read.
        """
        model, options = self.model, dict(self.options)
        if isinstance(model, str):
            model, options["tokenizer"] = load_text_model(model, generates=True, dtype=self.dtype, device=self.device)
        return CorpusSweeper(self.plan(model, options.pop("measures"), **options), self.corpus)


class CorpusSweeper:
    """A sweep of chunks.

    Args:
        plan: the sweep.
        corpus: that the chunks are of.
    """

    def __init__(self, plan: Sweeper, corpus: Corpus) -> None:
        self.plan, self.corpus = plan, corpus
        self.about = about(plan)

    def described(self) -> tuple[dict[str, Any], bool]:
        """What is to be known of the effects; and that lines of text are no pairs."""
        return self.about, False

    def read(self, chunk: Chunk) -> Part:
        """The effects on the prompts of a chunk; lines that are none are left out, counted and named."""
        prompts: list[tuple[Place, Read]] = []
        left_out: LeftOut = {}
        for file, line, prompt in placed(self.corpus, chunk):
            if isinstance(prompt, Refusal):
                _leave_out(left_out, prompt.reason, f"{file}:{line + 1} {prompt.what}")
                continue
            try:
                prompts.append(((file, line), self.plan.read(prompt, (file, line))))
            except RegardError as error:
                _leave_out(left_out, "too long" if isinstance(error, TooLongError) else "unfit", str(error))
        return Part(Table.of(self.plan.records(prompts), self.about), left_out, chunk.digest)


def _leave_out(left_out: LeftOut, reason: str, what: str, count: int = 1) -> None:
    found = left_out.setdefault(reason, {"count": 0, "first": []})
    found["count"] += count
    if what and len(found["first"]) < FIRST:
        found["first"].append(what)


def is_addresses(over: Any) -> bool:
    """Whether prompts are to be read from files: a text, or texts."""
    listed = isinstance(over, list | tuple) and bool(over) and all(isinstance(one, str) for one in over)
    return isinstance(over, str) or listed


def sweep_corpus(
    model: Any,
    over: str | Sequence[str],
    options: Mapping[str, Any],
    *,
    columns: Mapping[str, str] | None = None,
    output: Path | None = None,
    engine: str = "process",
    workers: int | None = None,
    cluster: str | None = None,
    restart: bool = False,
    dtype: str = "auto",
    device: str = "cpu",
    plan: type[Sweeper] = Sweeper,
) -> Effects:
    """What ``regard.sweep`` and ``regard.attribute`` do of addresses; options are those of the plan."""
    if engine == "process" and (workers is not None or cluster is not None):
        raise OptionError("expected workers and cluster with engine='ray' only, got them with engine='process'")
    if workers is not None:
        whole_number("workers", workers, 1)
    one_of("dtype", dtype, DTYPES)
    if output is not None:
        require_pyarrow("to write effects")
    corpus = prompt_corpus(over, columns)
    if output is not None:
        check_output(output, corpus)
    loader = SweepLoader(model, options, corpus, dtype, device, plan)
    with _engine(engine, loader, workers, cluster) as (said, read):
        begun = {
            **said,
            "corpus": corpus.described(),
            "columns": dict(columns or {}),
            "chunks": {"lines": corpus.chunk_records, "letters": corpus.chunk_letters},
        }
        kept: _Parts | _Memory = _Memory() if output is None else _Parts(output, begun, restart=restart)
        expected = dict(kept.digests)
        with bar(total=corpus.bytes, desc="sweeping", unit="B", unit_scale=True, smoothing=0.1) as shown:
            for chunk in read(corpus, kept.done):
                part, place = cast("Part", chunk.tally), (chunk.file, chunk.number)
                if place not in expected:
                    kept.add(place, part)
                elif expected.pop(place) != part.digest:
                    kept.refuse(f"a part of another {corpus.sources[chunk.file].name}: its prompts have changed since")
                shown.update(chunk.bytes)
        if expected:
            kept.refuse("parts that the corpus has no more")
        return kept.finish(begun)


@contextmanager
def _engine(engine: str, loader: SweepLoader, workers: int | None, cluster: str | None) -> Iterator[tuple[dict[str, Any], Any]]:
    """What is to be known of the effects, and a function that reads what is not done of a corpus."""
    if engine == "process":
        sweeper = loader.load()

        def read(corpus: Corpus, done: Done) -> Iterator[ReadChunk]:
            for chunk in corpus.chunks(done):
                yield ReadChunk(chunk.file, chunk.number, chunk.bytes, cast("Any", sweeper.read(chunk)))

        yield sweeper.described()[0], read
        return
    from regard.surveying.on_ray import running

    with running(cast("Loader", loader), workers, cluster) as pool:
        yield pool.describe()[0], pool.read


class _Memory:
    """Parts that are kept until the end."""

    def __init__(self) -> None:
        self.done, self.digests = Done(), dict[tuple[int, int], int]()
        self._parts: dict[tuple[int, int], Part] = {}

    def add(self, place: tuple[int, int], part: Part) -> None:
        self._parts[place] = part

    def refuse(self, why: str) -> None:
        raise OptionError(f"over: expected a corpus that stays as it is, got {why}; sweep again")

    def finish(self, begun: dict[str, Any]) -> Effects:
        parts = [self._parts[place] for place in sorted(self._parts)]
        said = begun | {"left_out": _together(part.left_out for part in parts)}
        return Effects.of((part.table.columns() for part in parts), said)


class _Parts:
    """Parts in files beside the output: each is written once, whole, and never again.

    Args:
        output: the file that will be made of them.
        begun: what is to be known of the effects.
        restart: whether what is there is thrown away.
    """

    def __init__(self, output: Path, begun: dict[str, Any], *, restart: bool) -> None:
        self.output, self.folder = output, output.with_name(f"{output.name}.parts")
        self.done, self.digests = Done(), dict[tuple[int, int], int]()
        if restart and self.folder.exists():
            shutil.rmtree(self.folder)
        self._begun, self._about = json.dumps(begun, ensure_ascii=True), self.folder / "about.json"
        if self._about.exists() and (other := self._about.read_text(encoding="utf-8")) != self._begun:
            self.refuse(f"those of another sweep ({_difference(other, begun)})")
        for path in sorted(self.folder.glob("*.parquet")):
            file_number, number = map(int, path.stem.split("-"))
            self.digests[file_number, number] = int(self._said(path)["digest"])
            self.done.add(file_number, number)

    def _path(self, place: tuple[int, int]) -> Path:
        return self.folder / f"{place[0]:06}-{place[1]:09}.parquet"

    @staticmethod
    def _said(path: Path) -> dict[str, Any]:
        from pyarrow import parquet

        with opened(path) as file:  # for Arrow knows no names but UTF-8
            found: dict[str, Any] = json.loads(parquet.read_schema(file).metadata[METADATA])
        return found

    def add(self, place: tuple[int, int], part: Part) -> None:
        """Keep a part; nothing stands there before there is one."""
        if not self._about.exists():
            self.folder.mkdir(exist_ok=True)
            with written_whole(self._about) as file:
                file.write(self._begun.encode())
        schema = schema_of({"digest": str(part.digest), "left_out": part.left_out})
        write_rows(self._path(place), arrow_of(part.table, schema), schema)

    def refuse(self, why: str) -> None:
        raise FileFormatError(
            f"expected in {str(self.folder)!r} the parts of the same sweep, got {why}; begin again with restart=True "
            "(--restart), or write to another file"
        )

    def finish(self, begun: dict[str, Any]) -> Effects:
        """The parts as one file, in their order, a part in memory at a time."""
        paths = sorted(self.folder.glob("*.parquet"))
        said = begun | {"left_out": _together(self._said(path)["left_out"] for path in paths)}
        schema = schema_of(said)
        write_rows(self.output, (_rows(path).cast(schema) for path in paths), schema)
        shutil.rmtree(self.folder)
        return Effects(said, self.output)


def _rows(path: Path) -> Any:
    from pyarrow import parquet

    with opened(path) as file:
        return parquet.read_table(file)


def _together(parts: Iterator[LeftOut]) -> LeftOut:
    """The lines that were left out of all parts, in order."""
    found: LeftOut = {}
    for part in parts:
        for reason, one in part.items():
            _leave_out(found, reason, "", one["count"])
            found[reason]["first"] = [*found[reason]["first"], *one["first"]][:FIRST]
    return dict(sorted(found.items()))


def _difference(other: str, begun: dict[str, Any]) -> str:
    try:
        said = json.loads(other)
    except ValueError:
        return "damaged"
    names = [name for name in begun if json.loads(json.dumps(begun[name])) != said.get(name)]
    return f"another {', '.join(names)}" if names else "of another version"
