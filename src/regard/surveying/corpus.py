"""A corpus: its files, wherever they are, and their records in chunks, which are the pieces of work."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple, cast

import fsspec
from fsspec.compression import compr
from fsspec.utils import infer_compression

from regard.errors import FileFormatError, OptionError, in_short
from regard.extras import require
from regard.surveying.records import Columns, Item, format_of, read_records
from regard.surveying.tally import Done

CHUNK_RECORDS, CHUNK_LETTERS = 1024, 2**20
"""A chunk ends when it has so many of either: a second or a minute of work, and little to lose."""

FILE_BITS = 40
"""A place in the corpus is one number: the file's above this bit, the line's in the file below."""

_READ_AGAIN = "which a run that goes on from its checkpoint could not read again; write the texts to a file first"
MOST_STATE = 2**24
"""Bytes of what the datasets library says of a folder: the names of its files."""

_NOT_DATA = ("dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json")


class Chunk(NamedTuple):
    """Some records that follow each other in one file."""

    file: int
    number: int  #: of the chunk in its file
    items: list[tuple[int, Item]]  #: each with its place
    bytes: int  #: by which reading them went on in the file, as it is stored
    digest: int = 0  #: of what was read, done or not: it tells whether the corpus is still what it was


@dataclass(frozen=True)
class Source:
    """One file of a corpus."""

    address: str  #: as fsspec opens it
    name: str  #: as it is shown: below what the corpus was called
    kind: str  #: how it is read
    bytes: int | None  #: as it is stored, where that is known


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus in their order, and how they are read."""

    sources: tuple[Source, ...]
    columns: Columns = field(default_factory=Columns)
    chunk_records: int = field(default_factory=lambda: CHUNK_RECORDS)
    chunk_letters: int = field(default_factory=lambda: CHUNK_LETTERS)

    @property
    def bytes(self) -> int | None:
        """Of all files, as they are stored; None where one does not say."""
        sizes = [source.bytes for source in self.sources]
        return None if None in sizes else sum(cast("list[int]", sizes))

    def chunks(self, done: Done, files: Sequence[int] | None = None) -> Iterator[Chunk]:
        """The chunks that are not done yet, in order; those that are appear without items, to tell how far reading is."""
        for file in range(len(self.sources)) if files is None else files:
            yield from self._chunks_of(file, done)

    def _chunks_of(self, file: int, done: Done) -> Iterator[Chunk]:
        source, number, before = self.sources[file], 0, 0
        items: list[tuple[int, Item]] = []
        letters = 0
        with fsspec.open(source.address, "rb") as stored:
            records = read_records(partial(_plain, stored, source), source.kind, self.columns)
            for line, item in enumerate(records):
                items.append(((file << FILE_BITS) + line, item))
                letters += sum(len(text) for text in item if text) if isinstance(item, tuple) else 0
                if len(items) < self.chunk_records and letters < self.chunk_letters:
                    continue
                now = _position(stored, before)
                yield _chunk(file, number, items, now - before, done)
                items, letters, number, before = [], 0, number + 1, now
            rest = max(0, source.bytes - before) if source.bytes is not None else 0
            yield _chunk(file, number, items, rest, done)

    def name_of(self, place: int) -> str:
        """The file and the line, counted from 1, of a place."""
        return f"{self.sources[place >> FILE_BITS].name}:{(place & ((1 << FILE_BITS) - 1)) + 1}"

    def described(self) -> list[dict[str, Any]]:
        """The files by name, kind and size: what another survey is compared with."""
        return [{"name": source.name, "kind": source.kind, "bytes": source.bytes} for source in self.sources]


def _chunk(file: int, number: int, items: list[tuple[int, Item]], size: int, done: Done) -> Chunk:
    read = json.dumps(items, default=lambda refusal: refusal.reason).encode()
    digest = int.from_bytes(hashlib.blake2b(read, digest_size=8).digest(), "big")
    return Chunk(file, number, [] if (file, number) in done else items, size, digest)


def _plain(stored: Any, source: Source) -> BinaryIO:
    """The file as it reads when decompressed."""
    compression = infer_compression(source.address)
    return cast("BinaryIO", stored if compression is None else compr[compression](stored, mode="rb"))


def _position(stored: Any, before: int) -> int:
    """How far reading is in the stored file. Tables are read from several places; there it never goes back."""
    return max(before, int(stored.tell()))


def find_corpus(addresses: str | Sequence[str], columns: Columns) -> Corpus:
    """The files behind addresses, found before any work is done.

    Args:
        addresses: files, folders or patterns with *, local or anywhere fsspec reaches ("s3://bucket/*.parquet"). A folder that
            the datasets library saved is read as its state says; of any other, the files whose names say what they are.
        columns: where texts stand in rows.

    Raises:
        FileNotFoundError: nothing stands there.
        OptionError: no address, a scheme that fsspec does not know, or a pipe.
        FileFormatError: a folder without texts.
        ImportError: Parquet or Arrow without pyarrow, or a scheme without its package.
    """
    given: list[Any] = list(addresses) if isinstance(addresses, list | tuple | set | frozenset) else [addresses]
    if not given or not all(isinstance(one, str) and one for one in given):
        raise OptionError(
            f"expected the address of a corpus, or a list of them, got {in_short(addresses)}; for example 'corpus.txt'"
        )
    sources = _told_apart([source for address in given for source in _sources_of(address)])
    if any(source.kind in ("parquet", "arrow") for source in sources):
        require_pyarrow("to read Parquet and Arrow files")
    return Corpus(tuple(sources), columns)


def _told_apart(sources: list[Source]) -> list[Source]:
    """The files with names that are all different."""
    used = Counter(source.name for source in sources)
    seen: Counter[str] = Counter()
    found = []
    for source in sources:
        seen[source.name] += 1
        found.append(replace(source, name=f"{source.name} ({seen[source.name]})") if used[source.name] > 1 else source)
    return found


def require_pyarrow(why: str) -> None:
    """Refuse early where pyarrow is missing.

    Raises:
        ImportError: it is.
    """
    require(why, "pyarrow")


def _sources_of(address: str) -> list[Source]:
    try:
        files, path = fsspec.core.url_to_fs(address)
    except ValueError as error:
        raise OptionError(f"expected a path or an address that fsspec knows, got {address!r}: {error}") from error
    if any(mark in path for mark in "*?["):
        paths = sorted(str(found) for found in files.glob(path) if files.isfile(found))
        paths = [found for found in paths if not PurePosixPath(found).name.startswith(".")]  # as in a shell
        root = str(PurePosixPath(path.split("*")[0].split("?")[0].split("[")[0] + "x").parent)
        if not paths:
            raise FileNotFoundError(f"expected files that match {address!r}, got none; check the pattern")
    elif files.isdir(path):
        paths, root = _files_of_folder(files, path), path
        if not paths:
            raise FileFormatError(
                f"expected a folder with .txt, .tsv, .jsonl, .json, .parquet or .arrow files, got {address!r} without any; "
                "name the file itself, which is then read as lines of text"
            )
    elif files.exists(path):
        paths, root = [path], str(PurePosixPath(path).parent)
        if not files.isfile(path):
            raise OptionError(f"expected a file, got {address!r}, a pipe or a device, {_READ_AGAIN}")
    elif address == "-":
        raise OptionError(f"expected a file, got '-', standard input, {_READ_AGAIN}")
    else:
        raise FileNotFoundError(f"expected a corpus, got {address!r}, which does not exist; check the path")
    return [
        Source(files.unstrip_protocol(found), _below(found, root), format_of(found) or "text", files.size(found))
        for found in paths
    ]


def _files_of_folder(files: Any, path: str) -> list[str]:
    """The files of a folder that hold texts, in order."""
    state = f"{path}/state.json"
    if files.exists(state):  # as Dataset.save_to_disk leaves it; a DatasetDict is a folder of such folders
        return [f"{path}/{name}" for name in _names_of_state(files, state)]
    found: list[str] = []
    for entry in sorted(files.ls(path, detail=True), key=lambda entry: str(entry["name"])):
        inside, base = str(entry["name"]).rstrip("/"), PurePosixPath(entry["name"]).name
        if base.startswith((".", "_")) or base in _NOT_DATA or inside == path:
            continue
        if entry["type"] == "directory":
            found += _files_of_folder(files, inside)
        elif format_of(inside):
            if entry["type"] == "other" and not files.isfile(inside):  # a link to a file is one
                raise OptionError(f"expected files, got {inside!r}, a pipe or a device, {_READ_AGAIN}")
            found.append(inside)
    return found


def _names_of_state(files: Any, state: str) -> list[str]:
    """The names of the files of a dataset, as its state says: beside it, and nowhere else."""
    try:
        if files.size(state) > MOST_STATE:
            raise ValueError(f"more than {MOST_STATE:,} bytes")
        names = [entry["filename"] for entry in json.loads(files.cat_file(state))["_data_files"]]
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"expected the state of a dataset as the datasets library saves it, got {state!r}: {error}"
        ) from error
    for name in names:
        if not isinstance(name, str) or PurePosixPath(name).name != name or "\\" in name or name in ("", ".."):
            raise FileFormatError(f"expected names of files beside {state!r}, got {name!r}: it leads elsewhere")
    return names


def _below(path: str, root: str) -> str:
    """The path below the corpus's root: a survey says which file it read, and no one's folders."""
    return path.removeprefix(root).lstrip("/") or PurePosixPath(path).name
