"""The table of heads as a picture, and ``regard heads`` as a user types it."""

import csv
import io
import json
import math

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

import regard
from regard import AttentionMap
from regard.analysis.heads.figure import heads_table
from regard.analysis.heads.registry import DRAWN
from regard.analysis.heads.statistics import head_statistics
from regard.cli import main
from regard.errors import DtypeError, OptionError
from regard.recording.recording import Recording

pytestmark = pytest.mark.slow

LETTERS = ("<s>", *"regadregadregadregad")


def maps(layers=2, heads=3, n=21, kind="self"):
    random = torch.Generator().manual_seed(0)
    made = [AttentionMap(*torch.randn(2, 1, heads, n, 4, generator=random), causal=True) for _ in range(layers)]
    for layer, amap in enumerate(made):
        amap.kind, amap.layer, amap.name, amap.keys = kind, layer, f"layers.{layer}.{kind}", LETTERS[:n]
    return made


@pytest.fixture
def file(tmp_path):
    recording = Recording(maps())
    recording.passes = 1
    recording.save(tmp_path / "recording.safetensors")
    return tmp_path / "recording.safetensors"


# -- the picture


def cells(ax):
    """The values that an axes shows, (layers, heads), NaN where it shows none."""
    mesh = ax.collections[0]
    return np.ma.filled(np.ma.masked_invalid(mesh.get_array()), np.nan)


def test_every_cell_is_its_head():
    found = head_statistics(maps())
    figure = heads_table(found, ["previous", "entropy", "local_8"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["previous", "entropy", "local 8"]
    for ax, name in zip(figure.axes, ("previous", "entropy", "local_8"), strict=True):
        for one in found:
            assert cells(ax)[one.layer, one.head] == pytest.approx(one.flat()[name])
    assert figure.axes[0].collections[0].get_clim() == (0, 1)
    assert figure.axes[1].collections[0].get_clim() == (0, pytest.approx(max(one.entropy for one in found)))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["0", "1"]


def test_what_has_no_number_is_not_drawn():
    figure = heads_table(head_statistics(maps(kind="cross")))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert "previous" not in titles
    assert "first token" in titles
    both = heads_table(head_statistics([*maps(kind="decoder"), *maps(kind="cross")]), ["own"])
    assert np.isnan(cells(both.axes[0])[2:]).all()
    assert len(both.axes[0].lines) == 6  # a dot each
    assert [label.get_text() for label in both.axes[0].get_yticklabels()] == ["decoder 0", "decoder 1", "cross 0", "cross 1"]


def test_two_towers_are_told_apart_by_their_modules():
    towers = [*maps(1), *maps(1)]
    towers[0].name, towers[1].name = "text.0", "vision.0"
    labels = heads_table(head_statistics(towers)).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["text.0", "vision.0"]


def test_layers_of_different_heads():
    found = head_statistics([*maps(1, heads=2), *maps(2, heads=3)[1:]])
    assert np.isnan(cells(heads_table(found, ["entropy"]).axes[0])).tolist() == [[False, False, True], [False] * 3]


def test_the_table_draws_itself(tmp_path):
    table = regard.heads(maps())
    assert [ax.get_title(loc="left") for ax in table.figure().axes] == [
        ax.get_title(loc="left") for ax in heads_table(head_statistics(maps())).axes
    ]
    part = table[table.layer == 1].sort_values("entropy")
    [ax] = part.figure("previous", theme="dark").axes
    expected = [one.previous for one in head_statistics(maps()) if one.layer == 1]
    assert cells(ax)[0].tolist() == pytest.approx(expected)
    [path] = regard.save(part.figure(["own"]), tmp_path / "own.svg")
    assert "own" in path.read_text(encoding="utf-8")
    with pytest.raises(OptionError, match="statistics: expected some of "):
        table.figure("owen")


def test_negative_numbers_have_a_scale_of_two_sides():
    figure = heads_table(head_statistics(maps()), ["offset"])
    low, high = figure.axes[0].collections[0].get_clim()
    assert low == -high < 0
    assert figure.axes[0].collections[0].get_cmap().name == "regard_signed"


def test_a_data_frame_is_a_table():
    class Frame:
        def to_dict(self, how):
            return {"records": [one.flat() for one in head_statistics(maps())]}[how]

    drawn = [ax.get_title(loc="left") for ax in heads_table(Frame()).axes]
    assert drawn == [ax.get_title(loc="left") for ax in heads_table(head_statistics(maps())).axes]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_files_are_the_same_every_time(theme, tmp_path):
    found = head_statistics(maps())
    paths = [tmp_path / name for name in ("a.svg", "b.svg", "c.png", "d.pdf")]
    shown = ["previous", "induction", "first", "distance"]
    regard.save(heads_table(found, shown, theme=theme), *paths, dpi=80)
    regard.save(heads_table(found, shown, theme=theme), paths[1])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    text = paths[0].read_text(encoding="utf-8")
    for name in ("previous", "induction", "first token", "0 to 1"):
        assert name in text
    background = {"light": "#ffffff", "dark": "#121418"}[theme]
    assert to_hex(heads_table(found, theme=theme).get_facecolor()) == background


def test_many_heads_fit():
    found = head_statistics(maps(1, heads=2))
    many = [found[0]._replace(layer=layer, head=head) for layer in range(48) for head in range(40)]
    figure = heads_table(many)
    across, down = figure.get_size_inches()
    assert across < 12
    assert down < 40
    assert len(figure.axes) == len([name for name in DRAWN if not math.isnan(many[0].flat()[name])])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([],), OptionError, "expected at least one head"),
        (([{"layer": 0}],), DtypeError, "a row has at least layer, head"),
        ((torch.eye(3),), DtypeError, "got Tensor"),
        (([{"layer": 0, "head": 0, "heat": 1.0}],), OptionError, "expected a table with some of previous"),
        (
            ([{"layer": 0, "head": 0, "own": 1.0}], ["owen"]),
            OptionError,
            "statistics: expected some of own, got 'owen'",
        ),
        (([{"layer": 0, "head": 0, "own": 1.0}], "own"), DtypeError, "expected a list of names, got 'own'"),
    ],
)
def test_what_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        heads_table(*arguments)
    with pytest.raises(OptionError, match="theme"):
        heads_table([{"layer": 0, "head": 0, "own": 1.0}], theme="sepia")


# -- the command line


def test_text(file, capsys):
    assert main(["heads", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["layer", "head", "entropy", "span"]
    assert [line.split()[:2] for line in lines[1:7]] == [[str(layer), str(head)] for layer in range(2) for head in range(3)]
    found = head_statistics(regard.load(file))
    assert lines[1].split()[2] == f"{found[0].entropy:.2f}"


def test_sorted_by_a_column_that_is_not_shown(file, capsys):
    main(["heads", str(file), "--sort", "next"])
    assert "next" not in capsys.readouterr().out.splitlines()[0].split()[:1]
    main(["heads", str(file), "--sort", "repeats"])
    assert "repeats" in capsys.readouterr().out.splitlines()[0].split()


def test_json(file, capsys):
    assert main(["heads", str(file), "--json", "--sort", "induction", "--windows", "4"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = head_statistics(regard.load(file), windows=(4,))
    assert [row["induction"] for row in said["heads"]] == sorted((one.induction for one in found), reverse=True)
    assert {"local_4", "received_gini", "roles", "rows"} <= set(said["heads"][0])
    assert said["thresholds"]["induction"] == 0.5


def test_csv_reads_back(file, capsys):
    assert main(["heads", str(file), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    found = head_statistics(regard.load(file))
    assert [float(row["previous"]) for row in rows] == [one.previous for one in found]
    assert [int(row["head"]) for row in rows] == [0, 1, 2] * 2


def test_json_has_null_for_what_has_no_meaning(tmp_path, capsys):
    AttentionMap.from_dense(torch.eye(5)).save(tmp_path / "map")
    main(["heads", str(tmp_path / "map"), "--json"])
    [row] = json.loads(capsys.readouterr().out)["heads"]
    assert (row["own"], row["special"], row["layer"]) == (1, None, None)


def test_a_picture(file, tmp_path, capsys):
    path = tmp_path / "heads.svg"
    assert main(["heads", str(file), "--save", str(path), "--theme", "dark"]) == 0
    picture = path.read_text(encoding="utf-8")
    assert "induction" in picture
    assert "#121418" in picture
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sort", "owen"], "sort: expected one of layer, head"),
        (["--save", "x.bmp"], "bmp"),
        (["--windows", "0"], "windows: expected a whole number of at least 1, got 0"),
    ],
)
def test_mistakes_are_one_line(file, arguments, words, capsys):
    assert main(["heads", str(file), *arguments]) == 1
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""
