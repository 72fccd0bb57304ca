"""Effects as a picture: colours symmetric about 0, rings where a test says so, hatches where nothing was run."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import Ellipse, Rectangle

import regard
from regard.errors import OptionError
from regard.interventions.effects import Effects
from support.effects import columns_of

MEAN = [[0.0, 2.0, -0.7], [0.1, 0.0, 0.4]]
FOUND = Effects.of(columns_of(mean=MEAN))


def test_colours_are_symmetric_about_nothing():
    matrix, _ = FOUND.figure().axes
    [mesh] = matrix.collections
    low, high = mesh.get_clim()
    assert low == -high
    np.testing.assert_allclose(high, FOUND.differences.abs().max().item())
    np.testing.assert_allclose(mesh.get_array().reshape(2, 3), FOUND.differences.numpy())


def test_rings_are_the_heads_that_tests_find():
    matrix, _ = FOUND.figure().axes
    rings = {tuple(patch.get_center()) for patch in matrix.patches if isinstance(patch, Ellipse)}
    assert rings == {(row.head, row.layer) for row in FOUND.tests().significant()} == {(1, 0)}


def test_estimates_are_hatched():
    matrix, _ = Effects.of(columns_of(), {"estimated": True}).figure().axes
    assert [patch.get_hatch() for patch in matrix.patches if isinstance(patch, Rectangle)] == ["////"]
    assert not [patch for patch in FOUND.figure().axes[0].patches if isinstance(patch, Rectangle)]


def test_the_strongest_stand_from_the_top_with_their_intervals():
    _, whiskers = FOUND.figure("margin", strongest=3).axes
    rows = FOUND.tests("margin").rows[:3]
    assert [label.get_text() for label in whiskers.get_yticklabels()] == [row.site for row in rows]
    bars = [line for line in whiskers.lines if len(line.get_xdata()) == 2 and len(set(line.get_ydata())) == 1]
    assert [tuple(bar.get_xdata()) for bar in bars] == [(row.low, row.high) for row in rows]
    assert whiskers.get_xlabel() == "margin"


def test_heads_that_a_layer_does_not_have_are_dots():
    columns = columns_of()
    rows = [at for at, site in enumerate(columns["site"]) if site != "1.2"]
    matrix, _ = Effects.of({name: [values[at] for at in rows] for name, values in columns.items()}).figure().axes
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in matrix.lines] == [(2, 1)]


def test_sites_that_are_no_heads_have_no_cells():
    columns = columns_of(5, 1, 2)
    columns |= {"layer": [-1] * 20, "head": [-1] * 20}
    assert len(Effects.of(columns).figure().axes) == 1


def test_several_sites_at_one_head_have_no_cell():
    columns = columns_of(5, 1, 3)
    columns["head"] = [min(head, 1) for head in columns["head"]]  # 0.2 as a path from 0.1 would be
    matrix, whiskers = Effects.of(columns).figure().axes
    assert matrix.collections[0].get_array().shape[-1] == 1
    assert len(whiskers.get_yticklabels()) == 3


def test_one_prompt_is_drawn_without_intervals():
    matrix, whiskers = Effects.of(columns_of(1)).figure().axes
    assert matrix.collections
    assert not matrix.patches
    assert not [line for line in whiskers.lines if len(set(line.get_ydata())) == 1 and len(line.get_xdata()) == 2]


def test_it_is_saved_and_shown(tmp_path):
    one, other = tmp_path / "a.svg", tmp_path / "b.svg"
    regard.save(FOUND, one)
    regard.save(FOUND.tests(), other)
    assert one.read_bytes() == other.read_bytes()
    regard.save(FOUND, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().startswith("site,kind,layer,head,measure,file,line,group,draw,unchanged,other")
    regard.save(FOUND.tests(), tmp_path / "y.csv")
    assert len((tmp_path / "y.csv").read_text().splitlines()) == 7
    bundle = FOUND._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}


def test_axes_are_filled():
    figure, ax = plt.subplots()
    try:
        assert FOUND.figure(ax=ax) is figure
        assert len(ax.child_axes) == 2
    finally:
        plt.close(figure)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(OptionError, match="theme: expected one of light, dark"):
        FOUND.figure(theme="blue")
    with pytest.raises(OptionError, match="strongest: expected a whole number of at least 0"):
        FOUND.figure(strongest=-1)
