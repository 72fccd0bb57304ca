"""Rows that are no shares, what rows may see, sinks beyond the first key, and definitions where statistics are shown."""

import itertools
import json
import math
from dataclasses import replace

import pytest
import torch
from transformers import BertConfig, BertModel

import regard
from regard import AttentionMap
from regard.analysis.heads.figure import heads_table, meaning_lines
from regard.analysis.heads.registry import STATISTICS
from regard.analysis.heads.roles import THRESHOLDS, roles_of
from regard.analysis.heads.statistics import head_statistics
from regard.analysis.heads.table import heads, heads_text
from regard.analysis.heads.visibility import visible_counts
from regard.cli import main
from regard.errors import ScoreError
from regard.figures.panels import text_width
from regard.maps.grouped import GroupedWeights
from regard.maps.view import MapData, MapView
from regard.masks import Mask, causal, from_tensor, padding, spans, window
from witnesses.heads import head_numbers

BY_MASS = ("mass",)


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(found, expected, but=()):
    for name, value in expected.items():
        if name not in but:
            assert found.flat()[name] == pytest.approx(value, abs=1e-9, nan_ok=True), name


@pytest.fixture(scope="module")
def recording():
    """A model whose values are as long as a trained one's."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=32,
        attn_implementation="sdpa",
    )
    model = BertModel(config).eval()
    for parameter in model.encoder.layer[0].attention.parameters():
        parameter.data *= 20
    with torch.no_grad(), regard.record(model, values=True) as made:
        model(input_ids=torch.arange(20)[None])
    return made


# -- rows that are no shares


@pytest.mark.parametrize("by", ["head", "layer"])
@pytest.mark.parametrize("size", [1.0, 0.01], ids=["long vectors", "short vectors"])
def test_norms_are_divided_by_the_mass_of_their_row(recording, by, size):
    """Short vectors have rows of less than 1: it is the map that is no share, not its sum."""
    calls = [replace(call, projection=call.projection * size) for call in recording.values]
    [amap] = regard.norm_weighted(recording, by, projections=[call.projection for call in calls])
    for one in head_statistics(amap):
        norms = amap[0, one.head].double()
        shares = norms / norms.sum(-1, keepdim=True)
        expected = head_numbers(shares)
        for name, value in expected.items():
            wanted = float(norms.sum(-1).mean()) if name == "mass" else value
            assert one.flat()[name] == pytest.approx(wanted, rel=1e-5, abs=1e-6), name
        assert not one.shares
        assert 0 <= one.entropy <= math.log(20)
        assert roles_of(one, dict.fromkeys(THRESHOLDS, 0.0)) == ()
    assert all(one.shares for one in head_statistics(recording))


def test_norms_of_words_are_no_shares_either(recording):
    """Short vectors again: their rows sum to less than 1 between words, too."""
    [amap] = regard.norm_weighted(recording, projections=[call.projection * 0.01 for call in recording.values])
    words = tuple(tuple(range(at, min(at + 3, 20))) for at in range(0, 20, 3))
    merged = AttentionMap.from_data(MapData(MapView.whole(GroupedWeights(amap.view, words, words))))
    for one in head_statistics(merged):
        norms = merged[0, one.head].double()
        assert not one.shares
        assert one.mass == pytest.approx(float(norms.sum(-1).mean()), rel=1e-5)
        assert one.mass < 1
        assert one.entropy == pytest.approx(head_numbers(norms / norms.sum(-1, keepdim=True))["entropy"], rel=1e-5)


@pytest.mark.parametrize("largest", [1.5, 40.0])
def test_weights_that_sum_to_more_than_one_are_divided(largest):
    weights = drawn(2, 13, 13)
    weights = weights / weights.sum(-1, keepdim=True) * torch.linspace(0.5, largest, 13, dtype=torch.float64)[:, None]
    weights[:, 5] = 0
    for one in head_statistics(AttentionMap.from_dense(weights)):
        shares = weights[one.head] / weights[one.head].sum(-1, keepdim=True).clamp(min=1e-9)
        close(one, head_numbers(shares), BY_MASS)
        assert one.mass == pytest.approx(float(weights[one.head].sum(-1).sum() / 12))
        assert (one.rows, one.masked_rows, one.shares) == (12, 1, False)


def test_rounded_shares_and_sinks_are_shares():
    weights = torch.softmax(drawn(2, 37, 37) * 5, -1)
    for made in (weights.bfloat16().float(), weights * 0.3, weights):
        assert all(one.shares for one in head_statistics(AttentionMap.from_dense(made)))
    assert head_statistics(AttentionMap.from_dense(weights * 0.3))[0].mass == pytest.approx(0.3)


def test_one_sequence_that_is_no_share_leaves_the_others():
    weights = torch.softmax(drawn(2, 1, 7, 7), -1)
    weights[1] *= 3
    [both] = head_statistics(AttentionMap.from_dense(weights))
    numbers = [head_numbers(weights[0, 0]), head_numbers(weights[1, 0] / 3)]
    assert both.entropy == pytest.approx((numbers[0]["entropy"] + numbers[1]["entropy"]) / 2)
    assert both.mass == pytest.approx(2)
    assert not both.shares


def test_a_mass_above_one_has_no_role_even_where_nothing_else_says_so():
    [one] = head_statistics(AttentionMap.from_dense(torch.eye(24).roll(1, 0)))
    assert roles_of(one)
    assert roles_of(one._replace(mass=2.2)) == roles_of(one._replace(shares=False)) == ()


def test_negative_weights_are_refused_still():
    weights = torch.full((3, 3), 2.0)
    weights[1, 1] = -0.5
    with pytest.raises(ScoreError, match="expected weights of at least 0, got negative or NaN ones"):
        head_statistics(AttentionMap.from_dense(weights))


def test_the_text_says_what_is_divided():
    text = heads_text(head_statistics(AttentionMap.from_dense(torch.full((9, 9), 0.5))))
    assert "rows that are no shares of attention: divided by their mass (column mass), without roles" in text
    assert "no shares" not in heads_text(head_statistics(AttentionMap.from_dense(torch.full((9, 9), 1 / 9))))


# -- what rows may see

N = 23
MASKS = {
    "none": None,
    "causal": causal(),
    "window": window(5) & causal(),
    "centred": window(7),
    "padding on the right": causal() & padding(torch.arange(N)[None] < 19),
    "padding on the left": causal() & padding(torch.arange(N)[None] > 3),
    "runs": spans(torch.arange(N)[None, None] // 5 * 5, (torch.arange(N)[None, None] // 5 * 5 + 5).clamp(max=N), N),
    "a tensor by heads": from_tensor(torch.rand(1, 3, N, N, generator=torch.Generator().manual_seed(5)) < 0.4),
    "an own function": Mask(lambda b, h, q, k: (b + q + k + h) % 3 > 0, "own"),
    "not causal": ~causal(),
}


@pytest.mark.parametrize("bias", [False, True], ids=["", "a bias that hides"])
@pytest.mark.parametrize("name", MASKS)
def test_what_a_mask_lets_see_is_counted(name, bias):
    random = torch.Generator().manual_seed(1)
    added = torch.where(torch.rand(1, 3, N, N, generator=random) < 0.2, -torch.inf, 0.5) if bias else None
    amap = AttentionMap(*torch.randn(2, 1, 3, N, 4, generator=random), MASKS[name], bias=added)
    seen = amap.dense() > 0  # no score is so low that a float cannot hold its weight
    real = torch.arange(N)[None] % 7 > 0
    for part, rows in ((amap, real), (amap.select(queries=slice(4, 17), keys=slice(3, 20), heads=[2, 0]), real[:, 4:17])):
        chosen = seen if part is amap else seen[:, [2, 0], 4:17, 3:20]
        found = visible_counts(part, rows)
        assert torch.equal(found.keys.expand(chosen.shape[:3]), chosen.sum(3))
        assert torch.equal(found.rows.expand(1, chosen.shape[1], -1), (chosen & rows[:, None, :, None]).sum(2))
    some = amap.select(queries=[7, 2], keys=[5, 1, 2])
    assert torch.equal(visible_counts(some, real[:, [7, 2]]).keys.expand(1, 3, 2), seen[:, :, [7, 2]][..., [5, 1, 2]].sum(3))


def test_what_is_too_small_for_a_float_may_be_seen_all_the_same():
    """Slopes of ALiBi leave exact zeros far away, which no mask has hidden."""
    n = 300
    places = torch.arange(n, dtype=torch.float32)
    bias = (places - places[:, None])[None, None] * 0.5
    amap = AttentionMap(*torch.zeros(2, 1, 1, n, 4), bias=bias, causal=True)
    assert bool((amap[0, 0].tril() == 0).tril().any())
    [found] = head_statistics(amap)
    numbers = head_numbers(amap[0, 0], allowed=torch.ones(n, n).tril().tolist())
    for name in ("evenness", "received_per_row_gini", "sink", "sink_mass"):
        assert found.flat()[name] == pytest.approx(numbers[name], rel=1e-5, abs=1e-7), name


def test_equal_weights_are_even_whatever_rows_may_see():
    zeros = torch.zeros(2, 1, 1, 29, 3, dtype=torch.float64)
    for options in ({}, {"causal": True}, {"causal": True, "window": 5}, {"mask": padding(torch.arange(29)[None] > 6)}):
        [found] = head_statistics(AttentionMap(*zeros, **options))
        assert found.evenness == pytest.approx(1)
    assert math.isnan(head_statistics(AttentionMap(*zeros[..., :1, :], causal=True))[0].evenness)


def test_early_keys_of_causal_maps_no_longer_win():
    """Every row looks at its own key: each key gets the same, but late keys from fewer rows. Half to the first undoes it."""
    n = 41
    own = AttentionMap.from_dense(torch.eye(n, dtype=torch.float64))
    assert head_statistics(own)[0].received_gini == pytest.approx(0)
    amap = AttentionMap(*torch.zeros(2, 1, 1, n, 3, dtype=torch.float64), causal=True)
    [found] = head_statistics(amap)
    assert found.received_per_row_gini < 0.6 * found.received_gini


# -- sinks


@pytest.mark.parametrize("place", [0, 1, 5, 11, 20])
@pytest.mark.parametrize("kind", ["causal", "both ways", "padding on the left", "padding on the right"])
def test_a_sink_is_found_where_it_was_put(place, kind):
    n = 31
    scores = drawn(1, 1, n, n, seed=place)
    scores[..., place] += 5.0
    keep = {"padding on the left": torch.arange(n) >= 4, "padding on the right": torch.arange(n) < 28}.get(kind)
    mask = None if keep is None else padding(keep[None])
    if keep is not None:
        scores[..., ~keep] += 50.0  # what nobody may see takes nothing
    place = max(place, 4) if kind == "padding on the left" else place
    if kind == "padding on the left":
        scores[..., place] = 6.0
    amap = AttentionMap(
        torch.zeros(1, 1, n, 3).double(), torch.zeros(1, 1, n, 3).double(), mask, bias=scores, causal=kind != "both ways"
    )
    [found] = head_statistics(amap)
    assert found.sink == place
    rows = amap[0, 0][torch.arange(n) > place, place]
    assert found.sink_mass == pytest.approx(float(rows.mean()), abs=0.05)
    assert found.sink_mass > 0.5


def test_one_row_makes_no_sink():
    """Heads of the own and of the previous token give each key one row, and late keys are seen by few."""
    for offset in (0, 1):
        weights = torch.eye(53).roll(-offset, 1).tril()
        weights[0, 0] = 1
        for amap in (
            AttentionMap.from_dense(weights),
            AttentionMap(*torch.zeros(2, 1, 1, 53, 3), bias=60 * weights[None, None], causal=True),
        ):
            [found] = head_statistics(amap)
            assert math.isnan(found.sink_mass) or found.sink_mass < 0.1


def test_the_sink_of_several_texts_is_that_of_most_rows():
    maps = []
    for place, n in ((2, 11), (6, 13), (2, 7), (6, 5)):
        weights = torch.full((n, n), 0.1 / n)
        weights[:, min(place, n - 1)] += 0.9
        amap = AttentionMap.from_dense(weights)
        amap.kind, amap.layer, amap.name = "self", 0, "attention"
        maps.append(amap)
    [found] = head_statistics(maps)
    assert found.sink == 2  # in 18 rows; 6 is it in 13
    masses = [head_numbers(amap[0, 0])["sink_mass"] for amap in maps]
    assert found.sink_mass == pytest.approx(sum(m * amap.shape[2] for m, amap in zip(masses, maps, strict=True)) / 36)


# -- definitions


def test_the_data_frame_says_what_its_columns_are():
    pytest.importorskip("pandas")
    table = heads(AttentionMap.from_dense(torch.eye(24).roll(1, 0)), thresholds={"local": 0.7})
    said = table.attrs["definitions"]
    assert said["previous"] == f"{STATISTICS['previous'].meaning}; {STATISTICS['previous'].formula}"
    assert said["local_8"].startswith("mass closer")
    assert said["local"] == "local ≥ 0.7: mass closer than this many tokens"
    shown = table[["head", "previous", "roles"]]._repr_html_()
    assert f'<th title="{said["previous"]}"'.replace("'", "&#x27;") in shown
    assert "previous-token: previous ≥ 0.5" in shown
    assert "induction" not in shown  # only the roles that are there
    assert "<small>" not in table[["head", "previous"]]._repr_html_()


def test_pictures_say_what_they_show():
    made = [AttentionMap.from_dense(torch.softmax(drawn(2, 9, 9, seed=seed), -1)) for seed in range(2)]
    for theme, names in itertools.product(("light", "dark"), (["previous"], ["entropy", "local_8", "local_64", "evenness"])):
        figure = heads_table(head_statistics(made), names, theme=theme)
        said = " ".join(text.get_text() for text in reversed(figure.texts))
        for name in names:
            meaning = STATISTICS["local" if name.startswith("local") else name].meaning
            assert meaning in said
    lines = meaning_lines(["entropy", "induction", "sink"], 150.0, 6.5)
    assert len(lines) > 3
    assert all(text_width(line, 6.5) <= 150 for line in lines)
    assert meaning_lines(["mood"], 150.0, 6.5) == []


def test_the_command_line_says_what_columns_are(tmp_path, capsys):
    AttentionMap.from_dense(torch.eye(24).roll(1, 0)).save(tmp_path / "map")
    main(["heads", str(tmp_path / "map")])
    lines = capsys.readouterr().out.splitlines()
    assert "prev – mass on the key before the row's own;" in " ".join(lines)
    assert max(len(line) for line in lines[3:]) <= 120
    main(["heads", str(tmp_path / "map"), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["definitions"]["sink"] == "first ≥ 0.5: mass on the first key"
    assert said["definitions"]["previous"].startswith("mass on the key before the row's own; w[i, p(i) − 1]")
