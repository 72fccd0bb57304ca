"""``regard align``, as a user types it."""

import io
import json

import pytest

import regard
from regard import align
from regard.analysis.alignment import from_pharaoh, scores
from regard.cli import main

pytestmark = pytest.mark.slow

ENGLISH, FRENCH = "The cat sat on the mat.", "Le chat était assis sur le tapis."
PAIRS = [(ENGLISH, FRENCH), ("I love you.", "Je t'aime."), ("He is my brother .", "C' est mon frère .")]
GOLD = ["0-0 1-1 2-2 2?3 3-4 4-5 5-6", "0-0 1-1 2?1", "2-2 3-3 4-4 0?0"]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("".join(f"{one} ||| {other}\n" for one, other in PAIRS), encoding="utf-8")
    return str(path)


@pytest.fixture
def gold(tmp_path):
    path = tmp_path / "gold.txt"
    path.write_text("".join(f"{line}\n" for line in GOLD), encoding="utf-8")
    return str(path)


def expected(english, french, *reading, **options):
    translation = regard.translate(english, target=french)
    if not reading:
        layer, head, rows = translation.alignment.reading
        reading, options = (layer, head), {"rows": rows, **options}
    words = {"source_words": english.split(), "target_words": french.split()}
    return align(translation.recording, *reading, **options, **words)


def test_one_pair_as_a_table(capsys):
    assert main(["align", ENGLISH, FRENCH]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "cat" in rows["chat"]
    assert "mat." in rows["tapis."]
    assert "layer 1 head 0 consumed" in out


def test_a_corpus_is_a_line_a_pair(capsys, corpus):
    assert main(["align", "--corpus", corpus, "--layer", "1", "--head", "0", "--rows", "consumed", "--method", "mutual"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, (english, french) in zip(lines, PAIRS, strict=True):
        assert from_pharaoh(line).sure == expected(english, french, 1, 0, rows="consumed", method="mutual").links


def test_tabs_and_standard_input(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{one}\t{other}\n" for one, other in PAIRS)))
    assert main(["align", "--corpus", "-"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(PAIRS)


def test_gold_gives_scores_and_leaves_the_links_alone(capsys, corpus, gold):
    arguments = ["align", "--corpus", corpus, "--gold", gold, "--layer", "1", "--head", "0", "--rows", "consumed"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    links = [set(from_pharaoh(line).sure) for line in captured.out.splitlines()]
    known = [from_pharaoh(line) for line in GOLD]
    right = scores(links, [set(one.sure) for one in known], [set(one.possible) for one in known])
    assert f"AER {right.aer:.3f}, precision {right.precision:.3f}, recall {right.recall:.3f}; 3 pairs" in captured.err
    assert main([*arguments, "--format", "json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said[-1] == {"pairs": 3, **vars(right)}
    assert [{tuple(link) for link in one["links"]} for one in said[:-1]] == links
    assert said[0]["sure"] == [list(link) for link in sorted(known[0].sure)]


def test_swapped_gold(capsys, corpus, gold, tmp_path):
    swapped = tmp_path / "swapped.txt"
    flipped = [" ".join(f"{b}{m}{a}" for a, m, b in (tuple(link) for link in line.split())) for line in GOLD]
    swapped.write_text("\n".join(flipped) + "\n", encoding="utf-8")
    main(["align", "--corpus", corpus, "--gold", gold])
    first = capsys.readouterr().err
    main(["align", "--corpus", corpus, "--gold", str(swapped), "--swap-gold"])
    assert capsys.readouterr().err == first


def test_words_that_stand_apart_are_read_with_natural_spacing(capsys):
    apart = ["align", "He is my brother .", "C' est mon frère .", "--tokenized", "--format", "json"]
    assert main(apart) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["source"], said["target"]) == ("He is my brother.", "C'est mon frère.")
    assert said["source_words"] == ["He", "is", "my", "brother", "."]
    assert said["target_words"] == ["C'", "est", "mon", "frère", "."]
    assert {(2, 2), (3, 3)} <= {tuple(link) for link in said["links"]}


def test_rules_of_the_command_line(capsys):
    arguments = ["--layer", "1", "--head", "0", "--rows", "consumed", "--format", "json"]
    for options in ({"method": "itermax"}, {"method": "threshold", "threshold": 0.25}, {"sinks": "special", "threshold": 0.3}):
        typed = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        assert main(["align", ENGLISH, FRENCH, *arguments, *typed]) == 0
        said = json.loads(capsys.readouterr().out)
        right = expected(ENGLISH, FRENCH, 1, 0, rows="consumed", **options)
        assert {tuple(link) for link in said["links"]} == right.links
        assert (said["method"], said["threshold"], said["sinks"]) == tuple(vars(right.rule).values())


def test_heads_in_order(capsys, corpus, gold):
    assert main(["align", "--corpus", corpus, "--gold", gold, "--rank", "--format", "json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(said) == 2 * 4 * 2
    assert (said[0]["layer"], said[0]["head"], said[0]["rows"]) == (1, 0, "consumed")
    assert main(["align", "--corpus", corpus, "--gold", gold, "--rank"]) == 0
    assert f"{said[0]['aer']:.3f}" in capsys.readouterr().out


def test_pictures(capsys, tmp_path):
    gold = tmp_path / "gold.txt"
    gold.write_text(GOLD[0] + "\n", encoding="utf-8")
    for kind in ("matrix", "ribbon"):
        path = tmp_path / f"{kind}.svg"
        assert main(["align", ENGLISH, FRENCH, "--gold", str(gold), "--save", str(path), "--picture", kind]) == 0
        assert "tapis." in path.read_text(encoding="utf-8")
        captured = capsys.readouterr()
        assert str(path) in captured.err
        assert "AER" in captured.out


def test_a_pair_that_does_not_fit_leaves_an_empty_line(capsys, tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text(f"No.\tNon.\n{'word ' * 300}\tmot\nYes.\tOui.\n", encoding="utf-8")
    assert main(["align", "--corpus", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1] == ""
    assert len(captured.out.splitlines()) == 3
    assert "regard: pair 2: expected a text of at most 256 tokens" in captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected SOURCE and TARGET, or --corpus FILE, got neither"),
        ([ENGLISH], "expected SOURCE and TARGET, or --corpus FILE, got SOURCE alone"),
        ([ENGLISH, ""], "expected TARGET with words"),
        ([ENGLISH, FRENCH, "--layer", "1"], "expected --layer and --head together"),
        ([ENGLISH, FRENCH, "--layer", "7", "--head", "0"], "layer: expected a whole number from 0 to 1, got 7"),
        ([ENGLISH, FRENCH, "--threshold", "2"], "threshold: expected a number of at least 0 and below 1, got 2"),
        ([ENGLISH, FRENCH, "--corpus", "pairs.txt"], "expected SOURCE and TARGET or --corpus, got both"),
        ([ENGLISH, FRENCH, "--rank"], "expected --gold FILE beside --rank"),
        ([ENGLISH, FRENCH, "--gold", "nowhere.txt"], "nowhere.txt"),
        ([ENGLISH, FRENCH, "--model", "/nowhere/model"], "does not exist; check the path"),
        ([ENGLISH, FRENCH, "--save", "map.bmp"], "bmp"),
        ([ENGLISH, FRENCH, "--tokenized", "english"], "expected --tokenized with two languages such as en-fr"),
        (["--corpus", "nowhere.txt"], "nowhere.txt"),
        (["--corpus", "nowhere.txt", "--save", "map.png"], "expected SOURCE and TARGET beside --save"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["align", *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("regard: ")
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("pairs", "gold", "words"),
    [
        (
            "No. Non.\n",
            "0-0\n",
            "pairs.txt, line 1: expected a source and a target with a tab or ||| between them, got 'No. Non.'",
        ),
        ("No.\tNon.\n", "0-0\n0-0\n", "expected a line of gold links a pair, got 2 lines for 1 pairs"),
        ("No.\tNon.\n", "zero\n", "gold.txt, line 1: expected links such as 3-4 (sure) or 3?4 (possible), got 'zero'"),
        (b"No.\t\xff.\n", "0-0\n", "pairs.txt: expected UTF-8"),
    ],
)
def test_files_that_do_not_fit(pairs, gold, words, capsys, tmp_path):
    one, other = tmp_path / "pairs.txt", tmp_path / "gold.txt"
    one.write_bytes(pairs if isinstance(pairs, bytes) else pairs.encode())
    other.write_text(gold, encoding="utf-8")
    assert main(["align", "--corpus", str(one), "--gold", str(other)]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
