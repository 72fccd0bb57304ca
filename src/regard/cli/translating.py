"""``regard translate``: a text, its translation, and what each word looked at."""

import argparse
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from tqdm import tqdm

import regard
from regard.analysis.alignment.align import Alignment, align
from regard.arguments import whole_number
from regard.axes.roles import ROLES
from regard.cli.reports import check_layer_and_head, complain, print_json
from regard.errors import OptionError, RegardError
from regard.progress import bar
from regard.translation.translator import BATCH, Translation, Translator, load_translator
from regard.viewer.saving import PAGES

SHOWN = 3  # source words a target word is shown with, at most
LEAST = 0.05  # and the least weight that is worth a word
BAR = 12  # characters of a full bar
SHADES = ("bright_black", "blue", "cyan", "green", "bold green")


@dataclass(frozen=True)
class Line:
    """One line of input, and what became of it."""

    number: int
    text: str
    translation: Translation | None = None
    error: RegardError | None = None


def run(options: argparse.Namespace) -> int:
    """Translate the text, or the lines of standard input; 1 where one of them could not be."""
    if options.text is None and options.save:
        raise OptionError("expected one TEXT beside --save, got lines from standard input; draw them one at a time")
    check_layer_and_head(options)
    console = Console(highlight=False, soft_wrap=False)
    if options.text is not None:
        translation = regard.translate(options.text, options.model, beams=options.beams)
        _show(console, options, translation)
        _save(options, translation)
        return 0
    status = 0
    for line in _lines(load_translator(options.model), sys.stdin, options.beams):
        if line.translation is not None:
            _show(console, options, line.translation)
        elif line.error is not None:
            status = 1
            complain(line.error, f"line {line.number}: ")
            if options.json:
                print_json({"source": line.text, "error": str(line.error)})
        elif not options.json:
            print(flush=True)
    return status


def _save(options: argparse.Namespace, translation: Translation) -> None:
    """Pictures of one head, by the tokens produced where nothing else is asked for; pages have all heads."""
    pages = [path for path in options.save if path.suffix.lower() in PAGES]
    pictures = [path for path in options.save if path not in pages]
    if pictures:
        layer, head, rows = translation.reading(options.layer, options.head, options.rows)
        saved = regard.save(translation.figure(layer, head, rows=rows, theme=options.theme), *pictures)
        print(f"picture: {', '.join(map(str, saved))} (layer {layer}, head {head}; rows are {ROLES[rows]})", file=sys.stderr)
    for path in pages:
        regard.page(translation, path)
        print(f"page: {path} (open it in a browser; it works offline)", file=sys.stderr)


def _lines(translator: Translator, lines: Iterable[str], beams: int) -> Iterator[Line]:
    """Input lines in order, translated in batches; an empty line stays one, and a bad one stops no other."""
    whole_number("--beams", beams, 1)
    numbered = enumerate((line.rstrip("\n") for line in lines), 1)
    # A person who types wants an answer to each line.
    batch = 1 if sys.stdin.isatty() else BATCH
    with bar(desc="translating", unit="line") as shown:
        while chunk := [Line(number, text) for number, text in itertools.islice(numbered, batch)]:
            refused: dict[int, RegardError] = {}
            for line in chunk:
                try:
                    if line.text.strip():
                        translator.check(line.text)
                except RegardError as error:
                    refused[line.number] = error
            good = [line for line in chunk if line.text.strip() and line.number not in refused]
            found = _translated(translator, good, beams)
            for line in chunk:
                with tqdm.external_write_mode():
                    yield found.get(line.number) or Line(line.number, line.text, error=refused.get(line.number))
                shown.update()


def _translated(translator: Translator, lines: Sequence[Line], beams: int) -> dict[int, Line]:
    """The lines with their translations; where a batch fails, its lines are tried one by one to find out whose fault it is."""
    try:
        found = translator.stream([line.text for line in lines], beams)
        return {line.number: Line(line.number, line.text, one) for line, one in zip(lines, found, strict=True)}
    except RegardError as error:
        if len(lines) == 1:
            return {lines[0].number: Line(lines[0].number, lines[0].text, error=error)}
        return {number: line for one in lines for number, line in _translated(translator, [one], beams).items()}


def _show(console: Console, options: argparse.Namespace, translation: Translation) -> None:
    alignment = translation.alignment
    if (options.layer, options.head, options.rows) != (None, None, None):
        layer, head, rows = translation.reading(options.layer, options.head, options.rows)
        alignment = align(translation.recording.cross, layer, head, rows=rows)
    if options.json:
        print_json(_as_json(translation, alignment))
        return
    console.print(Text(translation.source, style="dim"))
    console.print(Text(translation.text, style="bold"))
    console.print(_table(alignment))
    sys.stdout.flush()


def _table(alignment: Alignment) -> Table:
    """For each target word the source words that it looked at most, heaviest first."""
    title = "read at layer {}, head {}, by the tokens {}".format(*alignment.reading)
    table = Table(caption=title, caption_justify="left", caption_style="dim", box=None, pad_edge=False, header_style="dim")
    table.add_column("word", no_wrap=True)
    table.add_column("weight", no_wrap=True)
    table.add_column("looked at", min_width=24)
    for word, weights in zip(alignment.target_words, alignment.weights, strict=True):
        order = weights.argsort(descending=True)[:SHOWN].tolist()
        seen = [place for place in order if weights[place] >= LEAST] or order[:1]
        looked = Text(", ").join(
            Text(f"{alignment.source_words[place]} {weights[place]:.2f}", style=_shade(float(weights[place]))) for place in seen
        )
        strongest = float(weights[seen[0]]) if seen else 0.0
        length = Text("█" * round(strongest * BAR) or "·", style=_shade(strongest))
        table.add_row(Text(word, style="bold"), length, looked)
    return table


def _shade(weight: float) -> str:
    return SHADES[min(int(weight * len(SHADES)), len(SHADES) - 1)]


def _as_json(translation: Translation, alignment: Alignment) -> dict[str, Any]:
    layer, head, rows = alignment.reading
    weights = translation.recording.cross[layer][0, head]
    return {
        "source": translation.source,
        "text": translation.text,
        "source_tokens": translation.source_tokens,
        "target_tokens": translation.target_tokens,
        "layer": layer,
        "head": head,
        "rows": rows,
        "weights": [[round(weight, 6) for weight in row] for row in weights.tolist()],
        "source_words": alignment.source_words,
        "target_words": alignment.target_words,
        "links": sorted(alignment.links),
    }
