"""Which head aligns best, by which rule? Alignment error rates of every cross-attention head, as tables.

    python -m venv EFLOMAL && EFLOMAL/bin/pip install eflomal        # a C compiler is needed; GPL, so in a place of its own
    python recipes/model/measure_alignment.py --gold GOLD --data DATA --eflomal EFLOMAL/bin/python --out docs/alignment_heads.md

GOLD, the test, holds a folder a text, each with sentences in two languages (``*_sents.txt``: id, tab, tokens split by
blanks) and links (``ali_w2w_*.txt``: id, tab, ``f-e`` sure or ``fpe`` possible, French position first), as in the ALIBI
collection (Yvon & Xu 2016). The translations are given, not decoded: the attention is that of a teacher-forced pass over them.

What is read (heads, rows) and how it becomes links (method, threshold, sinks) is chosen three times, and each choice measured
on GOLD: on the sentence pairs of ``DATA/dev.tsv.gz``, which the model was not trained on, four of them in a row, against the
links that eflomal counts there (sure: both directions have it; possible: one has); on one text of GOLD for the other; and on
all of GOLD. Heads are chosen one after another, with replacement, as long as the mean of their weights gets better (Caruana et
al. 2004).
Without --data and --eflomal, GOLD is read by the rule that stands in the model's config.json.

``--out PAGE`` writes the tables as a page, and the table of heads as pictures, light and dark, into ``images`` beside it.

``--write`` enters what was chosen on all of GOLD into the model's config.json, where ``regard align`` looks for it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from alignment_tables import METHODS, cells_of, line, pictures_of_heads, table_of_heads, told
from link_words import spaced
from publish_translator import write_checksums
from regard.analysis.alignment import Pair, Ranked, Reading, Rule, Scores, rank_heads, scores, symmetrised
from regard.analysis.alignment.align import ROW_NAMES, align
from regard.errors import RegardError
from regard.tokens.natural_text import natural_text
from regard.translation.translator import EMBEDDED, Translator, load_translator

Links = set[tuple[int, int]]
Gold = tuple[str, str, Links, Links]  # English, French, sure, possible

THRESHOLDS = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
LEAST_OF_SEVERAL = 0.15  # several links a word need some weight
IN_A_ROW = 4  # dev sentences are short, those of texts are not
MOST_DEV = 160  # rows of four
MOST_TOGETHER = 3  # heads whose weights are averaged

EFLOMAL = """
import sys, eflomal
source, target, forward, reverse = sys.argv[1:]
with open(source) as one, open(target) as other:
    eflomal.Aligner(model=3).align(list(one), list(other), links_filename_fwd=forward, links_filename_rev=reverse)
"""


class Directions(NamedTuple):
    """eflomal's links of a sentence pair, as (source word, target word) both."""

    forward: Links
    reverse: Links


def read_gold(folder: Path) -> list[Gold]:
    """Sentence pairs with their links as (source word, target word)."""
    return [pair for text in read_texts(folder) for pair in text]


def read_texts(folder: Path) -> list[list[Gold]]:
    """The same, a list a text."""
    texts: list[list[Gold]] = []
    for links_file in sorted(folder.glob("*/ali_w2w_*.txt")):
        pairs: list[Gold] = []
        french_name, english_name = links_file.stem.removeprefix("ali_w2w_").split("_")[:2]
        english = read_numbered(links_file.parent / f"{english_name}_sents.txt")
        french = read_numbered(links_file.parent / f"{french_name}_sents.txt")
        for number, links in read_numbered(links_file).items():
            found = re.findall(r"(\d+)([-p])(\d+)", links)
            sure = {(int(e), int(f)) for f, mark, e in found if mark == "-"}
            possible = {(int(e), int(f)) for f, _, e in found}
            pairs.append((english[number], french[number], sure, possible))
        texts.append(pairs)
    return texts


def read_numbered(path: Path) -> dict[str, str]:
    """Lines ``id<TAB>text``."""
    lines = (line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines() if "\t" in line)
    return {number: " ".join(text.split()) for number, text in lines}


def read_tsv(path: Path) -> list[tuple[str, str]]:
    """Pairs ``English<TAB>French``, words and marks apart."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        sides = (line.rstrip("\n").split("\t")[:2] for line in lines)
        return [(spaced(english), spaced(french)) for english, french in sides]


def eflomal_links(python: Path, pairs: Sequence[tuple[str, str]]) -> list[Directions]:
    """Link the words of all pairs both ways, in the Python that has eflomal."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side, texts in zip(("source", "target"), zip(*pairs, strict=True), strict=True):
            (folder / side).write_text("".join(f"{text.lower().replace('’', chr(39))}\n" for text in texts), encoding="utf-8")
        files = [str(folder / file) for file in ("source", "target", "forward", "reverse")]
        done = subprocess.run([str(python), "-c", EFLOMAL, *files], capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            sys.exit(f"expected eflomal in {python}, got: {done.stderr.strip().splitlines()[-1]}; see the head of this file")
        sides = [(folder / file).read_text().splitlines() for file in ("forward", "reverse")]
    return [Directions(*({link_of(link) for link in line.split()} for line in lines)) for lines in zip(*sides, strict=True)]


def link_of(text: str) -> tuple[int, int]:
    """``3-4`` as (3, 4)."""
    source, target = text.split("-")
    return int(source), int(target)


def in_rows(pairs: Sequence[tuple[str, str]], links: Sequence[Directions]) -> list[Gold]:
    """Every few pairs as one, with eflomal's links as gold: sure where both directions have them, else possible."""
    rows: list[Gold] = []
    for start in range(0, len(pairs) - IN_A_ROW + 1, IN_A_ROW):
        english, french, sure, possible = list[str](), list[str](), Links(), Links()
        for (one, other), found in zip(pairs[start : start + IN_A_ROW], links[start : start + IN_A_ROW], strict=True):
            shift = len(english), len(french)
            sure |= {(e + shift[0], f + shift[1]) for e, f in found.forward & found.reverse}
            possible |= {(e + shift[0], f + shift[1]) for e, f in found.forward | found.reverse}
            english += one.split()
            french += other.split()
        rows.append((" ".join(english), " ".join(french), sure, possible))
    return rows


def forced(translator: Translator, gold: Sequence[Gold], *, natural: bool = True) -> Iterator[tuple[Gold, Pair]]:
    """The pairs that fit the model, with their recordings, one after another.

    Args:
        translator: the model.
        gold: the pairs.
        natural: with the spacing of texts; else with blanks between all words and marks.
    """
    for pair in tqdm(gold, desc="recording", unit="pair"):
        english, french, sure, possible = pair
        texts = (natural_text(english.split()), natural_text(french.split(), "fr")) if natural else (english, french)
        try:
            (translation,) = translator.stream([texts[0]], 1, [texts[1]])
        except RegardError:
            continue
        yield pair, Pair(translation.recording.cross, sure, possible, english.split(), french.split())


def rules() -> list[Rule]:
    """Every method with every threshold and the sinks that it may have."""
    thresholds = dict.fromkeys(METHODS, THRESHOLDS) | {"threshold": tuple(one for one in THRESHOLDS if one >= LEAST_OF_SEVERAL)}
    return [Rule(method, one, sinks) for method in METHODS for one in thresholds[method] for sinks in ("ignore", "special")]


def rule_of(translator: Translator) -> Rule:
    """What stands in config.json."""
    config = translator.model.config
    return Rule(
        getattr(config, "alignment_method", "argmax"), translator.threshold, getattr(config, "alignment_sinks", "ignore")
    )


def select(pairs: Sequence[Pair], ranked: Sequence[Ranked]) -> Ranked:
    """The best reading and rule of the ranking; then heads beside it, as long as the error rate falls."""
    best = ranked[0]
    rows = best.readings[0].rows
    alone = [one for one in {one.readings[0] for one in ranked} if one.rows == rows]
    same = [rule for rule in rules() if (rule.method, rule.sinks) == (best.rule.method, best.rule.sinks)]
    while len(best.readings) < MOST_TOGETHER:
        grown = rank_heads(pairs, same, readings=[(*best.readings, one) for one in sorted(alone)])[0]
        if grown.scores.aer >= best.scores.aer:
            break
        best = grown
    return best


def links_by(pairs: Sequence[Pair], choice: Ranked) -> list[Links]:
    """The links of this choice."""
    options = {"readings": choice.readings, **vars(choice.rule)}
    words = [{"source_words": one.source_words, "target_words": one.target_words} for one in pairs]
    return [set(align(one.cross, **options, **given).links) for one, given in zip(pairs, words, strict=True)]


def scores_of(links: Sequence[Links], pairs: Sequence[Pair]) -> Scores:
    """How far these links are from gold."""
    return scores(list(links), [set(one.sure) for one in pairs], [set(one.possible) for one in pairs])


def averaged(pairs: Sequence[Pair], rows: str) -> float:
    """AER of the mean over all layers and heads, for comparison."""
    every = [(layer, head) for layer, amap in enumerate(pairs[0].cross) for head in range(amap.shape[1])]
    return rank_heads(pairs, readings=[tuple(Reading(layer, head, rows) for layer, head in every)])[0].scores.aer


def sharpest(pairs: Sequence[Pair]) -> float:
    """AER of each sentence's sharpest head, as it is taken where no measurement is known."""
    found = [align(one.cross, source_words=one.source_words, target_words=one.target_words) for one in pairs]
    return scores_of([set(one.links) for one in found], pairs).aer


def table_of_thresholds(pairs: Sequence[Pair], choice: Ranked) -> list[str]:
    """What the rules score with the chosen heads."""
    rates = {one.rule: one.scores.aer for one in rank_heads(pairs, rules(), readings=[choice.readings])}
    lines = [f"| method | sinks | {' | '.join(f'{one:g}' for one in THRESHOLDS)} |", f"|---|---|{'---|' * len(THRESHOLDS)}"]
    for method in METHODS:
        for sinks in ("ignore", "special"):
            known = {rule.threshold: rate for rule, rate in rates.items() if (rule.method, rule.sinks) == (method, sinks)}
            lines.append(
                f"| {method} | {sinks} | {' | '.join(f'{known[one]:.3f}' if one in known else '' for one in THRESHOLDS)} |"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder with train.tsv.gz and dev.tsv.gz")
    parser.add_argument("--eflomal", type=Path, metavar="PYTHON", help="a Python with eflomal")
    parser.add_argument("--model", help="folder or hub name; the embedded model where left out")
    parser.add_argument("--out", type=Path, help="write the tables here as Markdown, with pictures beside")
    parser.add_argument("--write", action="store_true", help="enter what was chosen into the embedded model's config.json")
    arguments = parser.parse_args()
    if (arguments.data is None) != (arguments.eflomal is None) or (arguments.write and arguments.data is None):
        parser.error("expected --data and --eflomal together or neither, and both beside --write")
    texts = read_texts(arguments.gold)
    gold = [pair for text in texts for pair in text]
    translator = load_translator(arguments.model)
    read = list(forced(translator, gold))
    pairs = [pair for _, pair in read]
    lines = [f"{len(pairs)} of {len(gold)} sentence pairs fit the model.", ""]
    if arguments.data is None:
        rule = rule_of(translator)
        ranked = sorted(rank_heads(pairs, [rule]), key=lambda one: one.readings)
        lines += ["## Every head", "", f"By {rule}.", "", *pictures_of_heads(arguments.out, ranked)]
        lines += ["| layer | head | row | AER |", "|---|---|---|---|"]
        lines += [f"| {one.layer} | {one.head} | {one.rows} | {found.aer:.3f} |" for (one, *_), _, found in ranked]
    else:
        sides = [[pair for known, pair in read if known in text] for text in texts]
        lines += compared(
            arguments, translator, sides, eflomal_on(arguments, gold, [known in [one for one, _ in read] for known in gold])
        )
    text = "\n".join(lines)
    print(text)
    if arguments.out:
        arguments.out.write_text(HEADER + text + "\n", encoding="utf-8")


class Counted(NamedTuple):
    """What eflomal found."""

    gold: list[Directions]  #: of the gold pairs that the model can read
    dev: list[Gold]  #: dev pairs in rows, its links as gold


def eflomal_on(arguments: argparse.Namespace, gold: Sequence[Gold], fits: Sequence[bool]) -> Counted:
    """Links of the gold, dev and training pairs, counted together."""
    dev, train = (read_tsv(arguments.data / f"{name}.tsv.gz") for name in ("dev", "train"))
    print(f"linking the words of {len(gold) + len(dev) + len(train)} pairs")
    linked = eflomal_links(arguments.eflomal, [*((english, french) for english, french, *_ in gold), *dev, *train])
    rows = in_rows(dev, linked[len(gold) : len(gold) + len(dev)])
    return Counted(list(compress(linked, fits)), rows[:: max(1, len(rows) // MOST_DEV)])


def compared(
    arguments: argparse.Namespace, translator: Translator, texts: Sequence[Sequence[Pair]], counted: Counted
) -> list[str]:
    """The tables: what was chosen on what, every head, what the choice costs, and eflomal."""
    pairs = [pair for text in texts for pair in text]
    dev = [pair for _, pair in forced(translator, counted.dev)]
    on_dev, ranked = rank_heads(dev, rules()), rank_heads(pairs, rules())
    cells = cells_of(ranked, on_dev)
    by_dev, by_gold = select(dev, on_dev), select(pairs, ranked)
    by_produced = next(one for one in ranked if one.readings[0].rows == "produced")
    crossed: list[str] = []
    if len(texts) > 1:
        others = [[pair for other in texts if other is not text for pair in other] for text in texts]
        choices = [select(other, rank_heads(other, rules())) for other in others]
        links = [one for text, choice in zip(texts, choices, strict=True) for one in links_by(text, choice)]
        crossed = [line(f"attention, chosen on the other story: {'; '.join(map(told, choices))}", scores_of(links, pairs))]
    apart = [pair for _, pair in forced(translator, [gold_of(one) for one in pairs], natural=False)]
    unnatural = scores_of(links_by(apart, by_gold), apart).aer
    directions = {
        "English→French": [one.forward for one in counted.gold],
        "French→English": [one.reverse for one in counted.gold],
        **{how: [symmetrised(*one, how) for one in counted.gold] for how in ("intersection", "grow-diag-final-and")},
    }
    if arguments.write:
        write(by_gold, by_produced.readings[0])
    return [
        "## What was chosen, and what it scores on the stories",
        "",
        "| links | AER | precision | recall |",
        "|---|---|---|---|",
        line(f"attention, chosen on dev pairs by eflomal's links: {told(by_dev)}", scores_of(links_by(pairs, by_dev), pairs)),
        *crossed,
        line(f"attention, chosen on both stories: {told(by_gold)}", scores_of(links_by(pairs, by_gold), pairs)),
        *(line(f"eflomal, {name}", scores_of(links, pairs)) for name, links in directions.items()),
        "",
        f"The dev pairs are {len(dev)} rows of {IN_A_ROW}; the error rate of that choice against eflomal's links there is "
        f"{by_dev.scores.aer:.3f}. What was chosen on both stories is measured on what it was chosen on, and stands in "
        "config.json; what to expect of it elsewhere is the line above it. The methods and heads that there are to choose from "
        "were drawn up with the scores of both stories in sight.",
        "",
        f"Of the heads that are read by the tokens produced, as a first picture is, {told(by_produced)} aligns best: AER "
        f"{by_produced.scores.aer:.3f}.",
        "",
        f"The last choice, with blanks between all words and marks instead of natural spacing: AER {unnatural:.3f}.",
        "",
        "eflomal (model 3) was given the stories, the dev pairs and the training pairs together, lower-cased, words and marks "
        "apart. It draws at random: another run may differ by 0.005.",
        "",
        "## Every head",
        "",
        "AER on the stories; in brackets the least weight of a link, chosen on the dev pairs for each cell, with * where "
        "special tokens may leave a word without link. The picture has the same numbers, the lowest framed.",
        "",
        *pictures_of_heads(arguments.out, list(cells.values())),
        *table_of_heads(cells),
        *(f"| mean of all | | {rows} | {averaged(pairs, rows):.3f} (0) | | | |" for rows in ROW_NAMES),
        f"| each sentence's sharpest | | | {sharpest(pairs):.3f} (0) | | | |",
        "",
        "## Every rule",
        "",
        "AER on the stories by the least weight of a link, with the heads that were chosen there "
        f"({told(by_gold).split(', ')[0]}).",
        "",
        *table_of_thresholds(pairs, by_gold),
    ]


def gold_of(pair: Pair) -> Gold:
    """The pair as it was read."""
    return " ".join(pair.source_words), " ".join(pair.target_words), set(pair.sure), set(pair.possible)


def write(choice: Ranked, produced: Reading) -> None:
    """Enter a choice, and the head of a first picture, into the embedded model's config.json."""
    config = json.loads((EMBEDDED / "config.json").read_text(encoding="utf-8"))
    config |= {"alignment_heads": [[one.layer, one.head] for one in choice.readings], "alignment_rows": choice.readings[0].rows}
    config |= {f"alignment_{name}": value for name, value in vars(choice.rule).items()}
    config["alignment_produced"] = [produced.layer, produced.head]
    (EMBEDDED / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    write_checksums(EMBEDDED)


HEADER = """# Which head aligns best

Alignment error rate (0 is perfect) of the cross-attention heads of the embedded English–French model, on the gold word
alignments of two stories (ALIBI, Yvon & Xu 2016). The French text is given, the attention is that of a teacher-forced pass;
the stories' words and marks get the spacing of ordinary text, and find their tokens again by characters. Two heads of the last
layer were shown word links in training (guided alignment): one the links of the token that a row writes, one those of the token
that it has read. Methods and sinks are those of `regard.align`. Measured with

```
python -m venv EFLOMAL && EFLOMAL/bin/pip install eflomal
python recipes/model/measure_alignment.py --gold GOLD --data DATA --eflomal EFLOMAL/bin/python \\
    --out docs/alignment_heads.md --write
```

Aligners that read embeddings (simalign, awesome-align) are not beside it: their models have to be downloaded, and none was at
hand.

"""


if __name__ == "__main__":
    main()
