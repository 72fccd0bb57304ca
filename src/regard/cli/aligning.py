"""``regard align``: which word of a translation belongs to which word of the source, for a pair or a corpus."""

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import regard
from regard.analysis.alignment.align import ROW_NAMES, Alignment, Reading, align, guess_reading
from regard.analysis.alignment.error_rates import Scores, scores
from regard.analysis.alignment.methods import Rule
from regard.analysis.alignment.pharaoh import Gold, from_pharaoh, to_pharaoh
from regard.analysis.alignment.ranking.rank_heads import Pair, rank_heads
from regard.cli.reports import check_layer_and_head, complain, print_json
from regard.errors import FileFormatError, OptionError, RegardError
from regard.files import text_in
from regard.recording.recording import Recording
from regard.tokens.natural_text import natural_text
from regard.translation.translator import BATCH, Translator, load_translator

BAR = "|||"


@dataclass(frozen=True)
class TextPair:
    """A text and its translation, as they are read and as the model sees them."""

    number: int
    source: str
    target: str
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]


def run(options: argparse.Namespace) -> int:
    """Align the pair, or the pairs of a corpus; 1 where one of them could not be."""
    _check(options)
    pairs: Iterable[TextPair] = _pairs(options)
    gold: list[Gold] | None = None
    if options.gold is not None:
        gold, pairs = _gold(options.gold, swap=options.swap_gold), list(pairs)
        if len(gold) != len(pairs):
            raise OptionError(f"expected a line of gold links a pair, got {len(gold)} lines for {len(pairs)} pairs")
        _check_gold(options.gold, gold, pairs)
    translator = load_translator(options.model)
    if options.rank:
        return _rank(options, translator, list(pairs), gold or [])
    shown = options.format or ("pharaoh" if options.corpus else "table")
    console = Console(highlight=False)
    status, done = 0, list[tuple[Alignment, Gold]]()
    for pair, found in _aligned(options, translator, pairs):
        known = gold[pair.number - 1] if gold is not None else None
        if isinstance(found, RegardError):
            status = 1
            complain(found, f"pair {pair.number}: " if options.corpus else "")
            if shown == "json":
                print_json({"source": pair.source, "target": pair.target, "error": str(found)})
            elif options.corpus:
                print(flush=True)  # a line a pair, whatever becomes of it
            continue
        _show(console, shown, pair, found, known)
        if known is not None:
            done.append((found, known))
        if options.save:
            figure = found.figure(*(known or ()), kind=options.picture, theme=options.theme)
            print(f"picture: {', '.join(map(str, regard.save(figure, *options.save)))}", file=sys.stderr)
    if done:
        _tell(shown, scores([set(one.links) for one, _ in done], *_sides([known for _, known in done])), len(done))
    return status


def _check(options: argparse.Namespace) -> None:
    """Refuse options that do not fit each other."""
    check_layer_and_head(options)
    if options.corpus is not None and options.source is not None:
        raise OptionError("expected SOURCE and TARGET or --corpus, got both; leave one out")
    if options.corpus is None and options.target is None:
        came = "neither" if options.source is None else "SOURCE alone"
        raise OptionError(f'expected SOURCE and TARGET, or --corpus FILE, got {came}; try regard align "The cat." "Le chat."')
    if options.corpus is not None and options.save:
        raise OptionError("expected SOURCE and TARGET beside --save, got --corpus; draw its pairs one at a time")
    if options.rank and options.gold is None:
        raise OptionError("expected --gold FILE beside --rank, got none; heads are ranked by the links that are known")


def _pairs(options: argparse.Namespace) -> Iterator[TextPair]:
    """The pair of the command line, or those of the file."""
    if options.corpus is None:
        yield _text_pair(options, 1, options.source, options.target)
        return
    opened = nullcontext(sys.stdin) if str(options.corpus) == "-" else options.corpus.open(encoding="utf-8")
    with opened as lines:
        try:
            for number, line in enumerate(lines, 1):
                sides = line.split(BAR if BAR in line else "\t")
                if len(sides) != 2 or not all(side.strip() for side in sides):
                    raise FileFormatError(
                        f"{options.corpus}, line {number}: expected a source and a target with a tab or {BAR} between them, "
                        f"got {line.strip()[:60]!r}"
                    )
                yield _text_pair(options, number, *sides)
        except UnicodeDecodeError as error:
            raise _not_text(options.corpus, error) from error


def _text_pair(options: argparse.Namespace, number: int, source: str, target: str) -> TextPair:
    words = tuple(source.split()), tuple(target.split())
    for name, side in zip(("SOURCE", "TARGET"), words, strict=True):
        if not side:
            raise OptionError(f"expected {name} with words, got an empty one")
    texts = source.strip(), target.strip()
    if options.tokenized is not None:
        languages = options.tokenized.split("-")
        if len(languages) != 2:
            raise OptionError(f"expected --tokenized with two languages such as en-fr, got {options.tokenized!r}")
        texts = natural_text(words[0], languages[0]), natural_text(words[1], languages[1])
    return TextPair(number, *texts, *words)


def _gold(path: Path, *, swap: bool) -> list[Gold]:
    """The links of every line."""
    found = []
    try:
        text = text_in(path)
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from error
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found.append(from_pharaoh(line, swap=swap))
        except RegardError as error:
            raise FileFormatError(f"{path}, line {number}: {error}") from error
    return found


def _check_gold(path: Path, gold: Sequence[Gold], pairs: Iterable[TextPair]) -> None:
    """Refuse links of words that a pair does not have: a file that is shifted by a line looks like a bad aligner."""
    for pair, known in zip(pairs, gold, strict=True):
        sizes = len(pair.source_words), len(pair.target_words)
        for source, target in sorted(known.possible):
            if source >= sizes[0] or target >= sizes[1]:
                raise FileFormatError(
                    f"{path}, line {pair.number}: expected links of {sizes[0]} source and {sizes[1]} target words, counted "
                    f"from 0, got {source}-{target}; are they the links of that pair, the source's word first (--swap-gold)?"
                )


def _not_text(path: Path, error: UnicodeDecodeError) -> FileFormatError:
    return FileFormatError(f"{path}: expected UTF-8, got {error.reason} at byte {error.start}; convert it")


def _sides(gold: Sequence[Gold]) -> tuple[list[set[tuple[int, int]]], list[set[tuple[int, int]]]]:
    return [set(one.sure) for one in gold], [set(one.possible) for one in gold]


def _aligned(
    options: argparse.Namespace, translator: Translator, pairs: Iterable[TextPair]
) -> Iterator[tuple[TextPair, Alignment | RegardError]]:
    """The pairs with their alignments, or why there is none."""
    for pair, recording in _recorded(translator, pairs):
        if isinstance(recording, RegardError):
            yield pair, recording
            continue
        readings, rule = _reading(options, translator, recording)
        found = align(
            recording.cross,
            readings=readings,
            threshold=rule.threshold,
            method=rule.method,
            sinks=rule.sinks,
            source_words=pair.source_words,
            target_words=pair.target_words,
        )
        yield pair, found


def _recorded(translator: Translator, pairs: Iterable[TextPair]) -> Iterator[tuple[TextPair, Recording | RegardError]]:
    """The pairs with what was recorded, in batches; a pair that cannot be read stops no other."""
    pairs = iter(pairs)
    while batch := list(itertools.islice(pairs, BATCH)):
        try:
            translations = list(translator.stream([one.source for one in batch], 1, [one.target for one in batch]))
        except RegardError as error:
            if len(batch) == 1:
                yield batch[0], error
            else:
                for one in batch:
                    yield from _recorded(translator, [one])
            continue
        yield from zip(batch, (one.recording for one in translations), strict=True)


def _reading(options: argparse.Namespace, translator: Translator, recording: Recording) -> tuple[list[Reading], Rule]:
    """What is asked for; for the rest, what was measured to be best in this model."""
    measured = translator.reading is not None and options.layer is None
    if options.layer is not None:
        readings = [Reading(options.layer, options.head, options.rows or ROW_NAMES[0])]
    elif measured:
        readings = [one._replace(rows=options.rows or one.rows) for one in translator.readings]
    else:
        guessed = guess_reading(recording.cross)
        readings = [guessed._replace(rows=options.rows or guessed.rows)]
    method = options.method or (translator.method if measured else "argmax")
    sinks = options.sinks or (translator.sinks if measured else "ignore")
    least = options.threshold
    if least is None:
        least = translator.threshold if measured else 0.0
        least = least or (0.25 if method == "threshold" else 0.0)
    return readings, Rule(method, least, sinks)


def _show(console: Console, shown: str, pair: TextPair, found: Alignment, gold: Gold | None) -> None:
    if shown == "pharaoh":
        print(to_pharaoh(found.links), flush=True)
        return
    readings = [one._asdict() for one in found.readings]
    if shown == "json":
        said: dict[str, Any] = {"source": pair.source, "target": pair.target}
        said |= {"source_words": found.source_words, "target_words": found.target_words, "links": sorted(found.links)}
        said |= {"weights": [[round(weight, 6) for weight in row] for row in found.weights.tolist()]}
        said |= {"readings": readings, **vars(found.rule)}
        if gold is not None:
            said |= {"sure": sorted(gold.sure), "possible": sorted(gold.possible)}
        print_json(said)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("word", "linked to", *(() if gold is None else ("gold",))):
        table.add_column(column)
    for target, word in enumerate(found.target_words):
        sources = sorted(source for source, other in found.links if other == target)
        linked = Text(", ").join(
            Text(
                f"{found.source_words[source]} {float(found.weights[target, source]):.2f}",
                style="red" if gold is not None and (source, target) not in gold.possible else "green",
            )
            for source in sources
        )
        cells = [Text(word, style="bold"), linked]
        if gold is not None:
            cells.append(
                Text(
                    ", ".join(
                        found.source_words[source] + ("" if (source, other) in gold.sure else "?")
                        for source, other in sorted(gold.possible)
                        if other == target and source < len(found.source_words)
                    )
                )
            )
        table.add_row(*cells)
    console.print(table)
    rule, times = found.rule, Counter(found.readings)
    read = " + ".join(
        f"{f'{times[one]} × ' if times[one] > 1 else ''}layer {one.layer} head {one.head} {one.rows}" for one in times
    )
    said_last = f"{read}; {rule.method}, weight above {rule.threshold:g}, sinks: {rule.sinks}"
    console.print(Text(said_last, style="dim"), soft_wrap=True)
    sys.stdout.flush()


def _tell(shown: str, found: Scores, pairs: int) -> None:
    """How far the links are from the gold ones; where links go to a file, they stay alone in it."""
    if shown == "json":
        print_json({"pairs": pairs, **vars(found)})
        return
    text = (
        f"AER {found.aer:.3f}, precision {found.precision:.3f}, recall {found.recall:.3f}; "
        f"{pairs} pair{'s' * (pairs != 1)}, {found.found} links found, {found.sure} sure ones in gold"
    )
    print(text, file=sys.stderr if shown == "pharaoh" else sys.stdout, flush=True)


def _rank(options: argparse.Namespace, translator: Translator, pairs: list[TextPair], gold: list[Gold]) -> int:
    """Every head by its error rate."""
    refused: list[int] = []

    def recorded() -> Iterator[Pair]:
        for pair, recording in _recorded(translator, pairs):
            if isinstance(recording, RegardError):
                complain(recording, f"pair {pair.number}: ")
                refused.append(pair.number)
                continue
            sure, possible = gold[pair.number - 1]
            yield Pair(recording.cross, sure, possible, pair.source_words, pair.target_words)

    method = options.method or "argmax"
    least = options.threshold if options.threshold is not None else 0.25 if method == "threshold" else 0.0
    ranked = rank_heads(recorded(), [Rule(method, least, options.sinks or "ignore")])
    if options.format == "json":
        for one in ranked:
            print_json({**one.readings[0]._asdict(), **vars(one.rule), **vars(one.scores)})
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("layer", "head", "rows", "AER", "precision", "recall"):
            table.add_column(column, justify="left" if column == "rows" else "right")
        for (reading, *_), _, found in ranked:
            numbers = (f"{value:.3f}" for value in (found.aer, found.precision, found.recall))
            table.add_row(str(reading.layer), str(reading.head), reading.rows, *numbers)
        Console(highlight=False).print(table)
    sys.stdout.flush()
    return 1 if refused else 0
