"""The recipe that chooses how the embedded model aligns: what is chosen on what, and what it writes."""

import gzip
import json
import shutil
import sys
from pathlib import Path
from unittest import mock

import pytest

import measure_alignment
from measure_alignment import Directions, in_rows, told
from regard.analysis.alignment import Ranked, Ranking, Reading, Rule, scores
from regard.translation.translator import EMBEDDED

pytestmark = pytest.mark.slow

PAIRS = [("The black cat .", "Le chat noir ."), ("A dog", "Un chien"), ("He sees the bird .", "Il voit l' oiseau .")]
GOLD = ["0-0 1-2 2p1 3-3", "0-0 1-1", "0-0 1-1 2-2 3-3 4-4"]
EFLOMAL = """#!{python}
# What stands in for eflomal: every word belongs to the one at its place.
import sys
source, target, forward, reverse = sys.argv[3:]
lines = [min(len(a.split()), len(b.split())) for a, b in zip(open(source), open(target))]
for path in (forward, reverse):
    open(path, "w").writelines(" ".join(f"{{at}}-{{at}}" for at in range(count)) + "\\n" for count in lines)
"""


@pytest.fixture
def folders(tmp_path):
    for name, chosen in (("One_Story", slice(0, 2)), ("Another_Text", slice(2, 3))):
        french, english = name.split("_")
        folder = tmp_path / "gold" / name
        folder.mkdir(parents=True)
        for language, side in ((english, 0), (french, 1)):
            lines = [f"{number}\t{pair[side]}\n" for number, pair in enumerate(PAIRS[chosen])]
            (folder / f"{language}_sents.txt").write_text("".join(lines), encoding="utf-8")
        links = [f"{number}\t{line}\n" for number, line in enumerate(GOLD[chosen])]
        (folder / f"ali_w2w_{name}.txt").write_text("".join(links), encoding="utf-8")
    for name in ("dev", "train"):
        with gzip.open(tmp_path / f"{name}.tsv.gz", "wt", encoding="utf-8") as file:
            file.writelines(f"{one}\t{other}\n" for one, other in (PAIRS * 2)[:5])
    fake = tmp_path / "python"
    fake.write_text(EFLOMAL.format(python=sys.executable), encoding="utf-8")
    fake.chmod(0o755)
    return tmp_path


def test_what_is_chosen_is_told_and_written(folders, capsys):
    model = shutil.copytree(EMBEDDED, folders / "model")
    typed = [
        "measure",
        "--gold",
        str(folders / "gold"),
        "--data",
        str(folders),
        "--eflomal",
        str(folders / "python"),
        "--write",
    ]
    with mock.patch.object(sys, "argv", typed), mock.patch.object(measure_alignment, "EMBEDDED", model):
        measure_alignment.main()
    out = capsys.readouterr().out
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")]
    assert "3 of 3 sentence pairs" in out
    assert [row[0].split(",")[0].removeprefix("| ") for row in rows[1:8]] == ["attention"] * 3 + ["eflomal"] * 4
    known = [measure_alignment.read_gold(folders / "gold")[at][2:] for at in range(3)]
    drawn = [{(at, at) for at in range(len(pair[0].split()))} for pair in [*PAIRS[2:], *PAIRS[:2]]]
    right = scores(drawn, [sure for sure, _ in known], [possible for _, possible in known])
    assert f"| eflomal, English→French | {right.aer:.3f} | {right.precision:.3f} | {right.recall:.3f} |" in out
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    chosen = Ranked(
        tuple(Reading(layer, head, config["alignment_rows"]) for layer, head in config["alignment_heads"]),
        Rule(config["alignment_method"], config["alignment_threshold"], config["alignment_sinks"]),
        right,
    )
    assert f"chosen on both stories: {told(chosen)} |" in out


def test_the_page_shows_the_table_as_a_picture(folders, capsys):
    page = folders / "heads.md"
    typed = ["measure", "--gold", str(folders / "gold"), "--data", str(folders), "--eflomal", str(folders / "python")]
    drawn, draw = [], Ranking.figure

    def figure(ranking, **how):
        drawn.append((ranking, how))
        return draw(ranking, **how)

    with (
        mock.patch.object(sys, "argv", [*typed, "--out", str(page)]),
        mock.patch.object(Ranking, "figure", figure),
    ):
        measure_alignment.main()
    text = page.read_text(encoding="utf-8")
    assert capsys.readouterr().out.split("\n", 1)[1].strip() in text  # its first line says what is being done
    for theme, name in (("light", "heads.png"), ("dark", "heads-dark.png")):
        assert f"(images/{name}#only-{theme})" in text
        assert (folders / "images" / name).read_bytes().startswith(b"\x89PNG")
    (light, how), (dark, other) = drawn
    assert (how, other) == ({"theme": "light"}, {"theme": "dark"})
    assert light == dark
    header = "| layer | head | row | argmax | mutual | itermax | threshold |"
    rows = [line.strip("| ").split(" | ") for line in text.split(header)[1].splitlines()[2:18]]
    written = {
        (int(layer), int(head), by, method): rate.split()[0]
        for layer, head, by, *rates in rows
        for method, rate in zip(header.strip("| ").split(" | ")[3:], rates, strict=True)
    }
    assert written == {(*one.readings[0], one.rule.method): f"{one.scores.aer:.3f}" for one in light}


def test_the_shipped_choice_is_that_of_the_table():
    config = json.loads((EMBEDDED / "config.json").read_text(encoding="utf-8"))
    readings = tuple(Reading(layer, head, config["alignment_rows"]) for layer, head in config["alignment_heads"])
    rule = Rule(config["alignment_method"], config["alignment_threshold"], config["alignment_sinks"])
    table = Path(__file__).parents[2] / "docs" / "alignment_heads.md"
    text = told(Ranked(readings, rule, scores(set(), {(0, 0)}, set())))
    assert f"chosen on both stories: {text} |" in table.read_text(encoding="utf-8")


def test_short_sentences_in_a_row_keep_their_links():
    found = [Directions({(0, 0)}, {(0, 0), (1, 1)})] * 4
    ((english, french, sure, possible),) = in_rows([("a b", "c d e")] * 4 + [("f", "g")], [*found, found[0]])
    assert (english, french) == ("a b a b a b a b", "c d e c d e c d e c d e")
    assert sure == {(0, 0), (2, 3), (4, 6), (6, 9)}
    assert possible == sure | {(1, 1), (3, 4), (5, 7), (7, 10)}


def test_a_python_without_eflomal(folders):
    (folders / "python").write_text("#!/bin/sh\necho \"No module named 'eflomal'\" >&2\nexit 1\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="expected eflomal in .*python, got: No module named 'eflomal'"):
        measure_alignment.eflomal_links(folders / "python", PAIRS)
