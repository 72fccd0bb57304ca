"""Which word of the translation belongs to which word of the source, counted from the training pairs themselves.

Statistical links guide two attention heads of the translator while it is trained ("guided alignment", Chen et al. 2016,
arXiv 1607.01628; from both directions and by hard links, Garg et al. 2019, arXiv 1909.02074). The links are eflomal's (Östling
& Tiedemann 2016), one set a direction: forward, a source word or none for every target word; reverse, the other way round.
"""

from __future__ import annotations

import gzip
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

Span = tuple[int, int]
Link = tuple[int, int]  # (source word, target word)

WORD = re.compile(r"'(?:s|t|d|m|re|ve|ll)\b|\w+'(?!(?:s|t|d|m|re|ve|ll)\b)(?=\w)|\w+|[^\w\s]+")
"""Clitics go alone (the cat|'s, l'|homme, it|'ll), a run of marks is one word."""


class Links(NamedTuple):
    """Of one sentence pair."""

    forward: tuple[Link, ...]
    reverse: tuple[Link, ...]


def split_words(text: str) -> list[Span]:
    """Where each word and mark begins and ends, in a text that the vocabulary has normalised.

    >>> [text[slice(*span)] for text in ("L'homme n'a pas vu...", "Tom's here, don't!") for span in split_words(text)]
    ["L'", 'homme', "n'", 'a', 'pas', 'vu', '...', 'Tom', "'s", 'here', ',', 'don', "'t", '!']
    """
    return [match.span() for match in WORD.finditer(text)]


def spaced(text: str) -> str:
    """The text with blanks between all words and marks, as tokenized corpora have it."""
    return " ".join(text[start:end] for start, end in split_words(text))


def link_pairs(pairs: Sequence[tuple[str, str]], path: Path) -> list[Links]:
    """The links of every pair, from ``path``, or counted by eflomal and written there.

    The file has a line a pair: forward links, tab, reverse links, each ``source-target`` (Pharaoh).
    """
    if not path.exists():
        count_links(pairs, path)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        links = [Links(*(tuple(map(read_link, part.split())) for part in line.rstrip("\n").split("\t"))) for line in lines]
    if len(links) != len(pairs):
        sys.exit(f"{path}: expected links for {len(pairs)} pairs, got {len(links)}; remove the file to count them anew")
    return links


def read_link(link: str) -> Link:
    """``3-4`` as (3, 4)."""
    source, target = link.split("-")
    return int(source), int(target)


def count_links(pairs: Sequence[tuple[str, str]], path: Path) -> None:
    """Run eflomal over all pairs, both ways."""
    try:
        import eflomal
    except ImportError:
        sys.exit(
            "expected eflomal for guided alignment, got none installed; pip install eflomal (it needs a C compiler), "
            "or train with --guided 0"
        )
    sides = [[spaced(text).lower() + "\n" for text in tqdm(side, desc="words")] for side in zip(*pairs, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        forward, reverse = Path(folder) / "forward", Path(folder) / "reverse"
        print(f"linking the words of {len(pairs)} pairs")
        eflomal.Aligner(model=3).align(*sides, links_filename_fwd=str(forward), links_filename_rev=str(reverse))
        rows = zip(forward.read_text().splitlines(), reverse.read_text().splitlines(), strict=True)
        with gzip.open(path.with_suffix(".new"), "wt", encoding="utf-8") as file:
            file.writelines(f"{one}\t{other}\n" for one, other in rows)
    path.with_suffix(".new").replace(path)


Guide = list[dict[int, float]]
"""For each target piece the source pieces to look at, with weights; what is left of 1 belongs to the source's ``</s>``."""


def guide(links: Links, source_words: Sequence[int | None], target_words: Sequence[int | None]) -> Guide:
    """Where each target piece should look, from the words that the pieces belong to.

    The two directions have half the say each; a word without a link in one of them leaves that half to ``</s>``. A piece gets
    its word's row, and a source word's weight is shared by its pieces.

    >>> guide(Links(forward=((0, 0),), reverse=((0, 0), (1, 0))), source_words=[0, 0, 1], target_words=[0, None])
    [{0: 0.375, 1: 0.375, 2: 0.25}, {}]
    """
    pieces: dict[int, list[int]] = {}
    for piece, word in enumerate(source_words):
        if word is not None:
            pieces.setdefault(word, []).append(piece)
    rows: dict[int, dict[int, float]] = {}
    for direction in links:
        found: dict[int, list[int]] = {}
        for source, target in direction:
            if source in pieces:
                found.setdefault(target, []).append(source)
        for target, sources in found.items():
            row = rows.setdefault(target, {})
            for source in sources:
                for piece in pieces[source]:
                    row[piece] = row.get(piece, 0.0) + 0.5 / len(sources) / len(pieces[source])
    return [{} if word is None else rows.get(word, {}) for word in target_words]


def words_of_pieces(text: str, pieces: Iterable[str]) -> list[int | None]:
    """The word that each piece belongs to: that of its last character, since a blank at the front belongs to none.

    >>> words_of_pieces("l'homme", ["▁l", "'", "hom", "me"])
    [0, 0, 1, 1]
    """
    owner: list[int | None] = [None] * (len(text) + 1)
    for word, (start, end) in enumerate(split_words(text)):
        owner[start + 1 : end + 1] = [word] * (end - start)  # one further: the pieces begin with a blank of their own
    words, at = [], 0
    for piece in pieces:
        at += len(piece)
        words.append(owner[at - 1] if at <= len(owner) else None)
    return words
