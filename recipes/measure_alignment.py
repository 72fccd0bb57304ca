"""Which head aligns best? Alignment error rate of every cross-attention head on gold word alignments, as a table.

    python recipes/measure_alignment.py --gold GOLD [--model FOLDER] [--out docs/alignment_heads.md] [--write]

GOLD holds a folder a text, each with sentences in two languages (``*_sents.txt``: id, tab, tokens split by blanks) and links
(``ali_w2w_*.txt``: id, tab, ``f-e`` sure or ``fpe`` possible, French position first), as in the ALIBI collection (Yvon & Xu
2016). The translations are given, not decoded: the attention is that of a teacher-forced pass over them. ``--write`` enters
the best head into the model's config.json, where ``regard.translate`` looks for it.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from tqdm import tqdm

from publish_translator import write_checksums
from regard.analysis.alignment import ROWS, aer, align
from regard.analysis.words import words_of
from regard.errors import TooLongError
from regard.recording.recording import Recording
from regard.translation.translator import EMBEDDED, Translation, load_translator

Links = set[tuple[int, int]]
THRESHOLDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
Gold = tuple[str, str, Links, Links]  # English, French, sure, possible


def read_gold(folder: Path) -> list[Gold]:
    """Sentence pairs with their links as (source word, target word)."""
    pairs: list[Gold] = []
    for links_file in sorted(folder.glob("*/ali_w2w_*.txt")):
        french_name, english_name = links_file.stem.removeprefix("ali_w2w_").split("_")[:2]
        english = read_numbered(links_file.parent / f"{english_name}_sents.txt")
        french = read_numbered(links_file.parent / f"{french_name}_sents.txt")
        for number, links in read_numbered(links_file).items():
            found = re.findall(r"(\d+)([-p])(\d+)", links)
            sure = {(int(e), int(f)) for f, mark, e in found if mark == "-"}
            possible = {(int(e), int(f)) for f, _, e in found}
            pairs.append((english[number], french[number], sure, possible))
    return pairs


def read_numbered(path: Path) -> dict[str, str]:
    """Lines ``id<TAB>text``."""
    lines = (line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines() if "\t" in line)
    return {number: " ".join(text.split()) for number, text in lines}


def forced(gold: list[Gold], model: str | None) -> list[tuple[Gold, Translation]]:
    """The pairs that fit the model, with their recordings."""
    translator = load_translator(model)
    kept: list[tuple[Gold, Translation]] = []
    for pair in tqdm(gold, desc="recording", unit="pair"):
        english, french, *_ = pair
        try:
            translation = next(iter(translator.stream([english], 1, [french])))
        except TooLongError:
            continue
        counts = len(words_of(translation.source_tokens).texts), len(words_of(translation.target_tokens).texts)
        if counts == (len(english.split()), len(french.split())):
            kept.append((pair, translation))
    return kept


def error_rate(
    pairs: list[tuple[Gold, Translation]], layer: int | None, head: int | None, rows: str, threshold: float
) -> float:
    """AER of one head over the whole collection; of each sentence's sharpest head where none is named."""
    found = [set(align(t.recording.cross, layer, head, rows=rows, threshold=threshold).links) for _, t in pairs]
    return aer(found, [sure for (_, _, sure, _), _ in pairs], [possible for (_, _, _, possible), _ in pairs])


def mean_error_rate(pairs: list[tuple[Gold, Translation]], rows: str) -> float:
    """AER of the mean over all layers and heads, for comparison."""
    found = []
    for _, translation in pairs:
        recording: Recording = translation.recording
        mean = sum(amap.dense().mean(dim=1, keepdim=True) for amap in recording.cross) / len(recording.cross)
        averaged = type(recording.cross[0]).from_dense(mean)
        averaged.queries, averaged.keys = recording.cross[0].queries, recording.cross[0].keys
        found.append(set(align([averaged], 0, 0, rows=rows).links))
    return aer(found, [sure for (_, _, sure, _), _ in pairs], [possible for (_, _, _, possible), _ in pairs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--model", help="folder or hub name; the embedded model where left out")
    parser.add_argument("--out", type=Path, help="write the table here as Markdown")
    parser.add_argument("--write", action="store_true", help="enter the best head into the embedded model's config.json")
    arguments = parser.parse_args()
    gold = read_gold(arguments.gold)
    pairs = forced(gold, arguments.model)
    cross = pairs[0][1].recording.cross
    rates = {
        (rows, layer, head): error_rate(pairs, layer, head, rows, 0.0)
        for rows in ROWS
        for layer in range(len(cross))
        for head in range(cross[layer].shape[1])
    }
    best = min(rates, key=lambda place: rates[place])
    rows, layer, head = best
    strict = {threshold: error_rate(pairs, layer, head, rows, threshold) for threshold in THRESHOLDS}
    threshold = min(strict, key=lambda one: strict[one])
    lines = [
        f"{len(pairs)} of {len(gold)} sentence pairs fit the model and split into the same words.",
        "",
        "| layer | head | row that produced the token | row that consumed it |",
        "|---|---|---|---|",
        *(
            f"| {layer} | {head} | {rates[ROWS[0], layer, head]:.3f} | {rates[ROWS[1], layer, head]:.3f} |"
            for rows, layer, head in rates
            if rows == ROWS[0]
        ),
        f"| mean of all | | {mean_error_rate(pairs, ROWS[0]):.3f} | {mean_error_rate(pairs, ROWS[1]):.3f} |",
        f"| each sentence's sharpest | | {error_rate(pairs, None, None, ROWS[0], 0.0):.3f} "
        f"| {error_rate(pairs, None, None, ROWS[1], 0.0):.3f} |",
        "",
        f"Best: layer {best[1]}, head {best[2]}, the row that {best[0]} the token: AER {rates[best]:.3f}.",
        "",
        "A word of which the head is not sure has no link. By the least weight of a link:",
        "",
        f"| weight above | {' | '.join(map(str, strict))} |",
        f"|---|{'---|' * len(strict)}",
        f"| AER | {' | '.join(f'{rate:.3f}' for rate in strict.values())} |",
    ]
    text = "\n".join(lines)
    print(text)
    if arguments.out:
        arguments.out.write_text(HEADER + text + "\n", encoding="utf-8")
    if arguments.write:
        config = json.loads((EMBEDDED / "config.json").read_text(encoding="utf-8"))
        config |= {"alignment_heads": [[layer, head]], "alignment_rows": rows, "alignment_threshold": threshold}
        (EMBEDDED / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        write_checksums(EMBEDDED)


HEADER = """# Which head aligns best

Alignment error rate (0 is perfect) of each cross-attention head of the embedded English–French model, on the gold word
alignments of two stories (ALIBI, Yvon & Xu 2016). The French text is given, the attention is that of a teacher-forced pass,
and every French word is linked to the English word that it gave the most weight. Measured with
`python recipes/measure_alignment.py --gold GOLD`. `regard.translate` shows and aligns with the best head of this table, and
links above the best of the weights below it. Two heads of the last layer were shown word links in training (guided
alignment): one the links of the token that a row writes, one those of the token that it has read.

"""


if __name__ == "__main__":
    main()
