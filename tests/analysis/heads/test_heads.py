"""The table of heads: against loops over the definitions, closed forms, and heads whose weights are set by hand."""

import math
import sys

import pytest
import torch

import regard
from regard import AttentionMap, Recording
from regard.analysis.heads.keys import TextKeys
from regard.analysis.heads.roles import THRESHOLDS, roles_of
from regard.analysis.heads.statistics import head_statistics
from regard.analysis.heads.table import heads, heads_text, sorted_heads, table_rows
from regard.errors import DtypeError, OptionError, RecordingError, ScoreError, ShapeError
from regard.maps.reading import parts
from regard.masks import from_tensor
from support.tiny_models import Tokenizer, tiny, tiny_inputs
from witnesses.heads import detected, head_numbers, one_hot

WORDS = ("<s>", "▁the", "▁cat", ",", "▁the", "▁dog", ".", "▁the", "▁cat", ".", "</s>")
SPECIAL, PUNCTUATION = {"<s>", "</s>"}, {",", "."}
OF_THE_MASK = ("evenness", "sink", "sink_mass", "received_per_row_gini")
POSITIONS = ("distance", "own", "previous", "next", "offset", "offset_mass", "repeats", "duplicate", "induction")


def close(found, expected, tolerance=1e-9):
    """A HeadStatistics equals what the loops say, in every statistic that they know."""
    flat = found.flat()
    for name, value in expected.items():
        assert flat[name] == pytest.approx(value, abs=tolerance, nan_ok=True), name


def random_map(queries, keys, heads=3, dim=5, dtype=torch.float64, seed=0, **options):
    random = torch.Generator().manual_seed(seed)
    query = torch.randn(1, heads, queries, dim, generator=random, dtype=torch.float64) * 2
    key = torch.randn(1, heads, keys, dim, generator=random, dtype=torch.float64)
    return AttentionMap(query.to(dtype), key.to(dtype), **options)


def words_of(count, seed=0):
    """So many tokens, with repeats, marks and ends."""
    chosen = torch.randint(len(WORDS), (count,), generator=torch.Generator().manual_seed(seed))
    return tuple(WORDS[at] for at in chosen)


# -- loops over the definitions


@pytest.mark.parametrize(
    ("queries", "keys", "options"),
    [
        (11, 11, {"causal": True}),
        (11, 11, {}),
        (7, 11, {"causal": True}),
        (31, 31, {"causal": True, "window": 5}),
        (31, 31, {"window": 7}),
        (13, 13, {"causal": True, "sinks": torch.tensor([0.5, 2.0, -torch.inf])}),
        (1, 1, {"causal": True}),
    ],
    ids=["causal", "both ways", "fewer queries", "window", "centred window", "sinks", "one token"],
)
def test_statistics_are_the_loops(queries, keys, options):
    amap = random_map(queries, keys, **options)
    amap.keys = words_of(keys)
    seen = torch.ones(queries, keys) if amap.factors.mask is None else amap.factors.mask.dense(1, 1, queries, keys)[0, 0]
    known = {"special": SPECIAL, "punctuation": PUNCTUATION, "allowed": seen.tolist()}
    for head, found in enumerate(head_statistics(amap)):
        close(found, head_numbers(amap[0, head], amap.keys, **known))
        assert (found.head, found.keys) == (head, keys)


@pytest.mark.parametrize("block", [1, 97, 4096])
def test_blocks_of_rows_make_no_difference(block, monkeypatch):
    amap = random_map(37, 37, causal=True)
    amap.keys = words_of(37)
    expected = [head_numbers(amap[0, head], amap.keys, special=SPECIAL, punctuation=PUNCTUATION) for head in range(3)]
    monkeypatch.setattr(parts, "BLOCK_BYTES", block * 8)
    for found, wanted in zip(head_statistics(amap), expected, strict=True):
        close(found, wanted)


@pytest.mark.slow
def test_long_rows(monkeypatch):
    """From 1,024 keys on rows are read by a path of their own, in columns that the mask leaves."""
    monkeypatch.setattr(parts, "BLOCK_BYTES", 2**19)
    for options in ({"causal": True}, {"causal": True, "window": 100}, {}):
        amap = random_map(1031, 1031, heads=2, **options)
        amap.keys = words_of(1031)
        dense = AttentionMap.from_dense(amap.dense())
        dense.keys = amap.keys
        unknown = OF_THE_MASK if "window" in options else ()  # dense weights do not say that they are of a window
        for found, other in zip(head_statistics(amap), head_statistics(dense), strict=True):
            close(found, {name: value for name, value in other.flat().items() if type(value) is float and name not in unknown})


def test_the_dense_comparison_is_the_loops_at_length():
    amap = random_map(211, 211, heads=1, causal=True)
    amap.keys = words_of(211)
    close(head_statistics(amap)[0], head_numbers(amap[0, 0], amap.keys, special=SPECIAL, punctuation=PUNCTUATION))


def test_float32_and_half_factors():
    amap = random_map(29, 29, dtype=torch.bfloat16, causal=True)
    amap.keys = words_of(29)
    truth = amap[0].double()
    for head, found in enumerate(head_statistics(amap)):
        close(found, head_numbers(truth[head], amap.keys, special=SPECIAL, punctuation=PUNCTUATION), 1e-5)


def test_rows_of_span_90_are_chosen_evenly_on_long_maps(monkeypatch):
    amap = random_map(41, 41, heads=1, causal=True)
    monkeypatch.setattr(TextKeys, "ranked", 41 * 10)  # every fifth row
    rows = torch.arange(0, 41, 5)
    expected = [head_numbers(amap[0, 0, row : row + 1])["span_90"] for row in rows.tolist()]
    assert head_statistics(amap)[0].span_90 == pytest.approx(sum(expected) / len(expected))


def test_rows_without_weight_are_counted_and_in_no_mean():
    allowed = torch.ones(7, 7, dtype=torch.bool).tril()
    allowed[2] = allowed[5] = False
    amap = random_map(7, 7, mask=from_tensor(allowed[None, None]))
    amap.keys = words_of(7)
    for head, found in enumerate(head_statistics(amap)):
        close(found, head_numbers(amap[0, head], amap.keys, special=SPECIAL, punctuation=PUNCTUATION))
        assert (found.rows, found.masked_rows) == (5, 2)
    blind = head_statistics(AttentionMap.from_dense(torch.zeros(3, 3)))[0]
    assert (blind.rows, blind.masked_rows) == (0, 3)
    assert math.isnan(blind.entropy)
    assert math.isnan(blind.previous)
    assert roles_of(blind) == ()


def test_no_rows_and_no_keys():
    for shape in ((0, 5), (5, 0), (0, 0)):
        [found] = head_statistics(AttentionMap.from_dense(torch.zeros(shape)))
        assert (found.rows, found.masked_rows) == (0, shape[0])


# -- closed forms


def test_uniform_causal_attention():
    n = 53
    amap = AttentionMap(torch.zeros(1, 1, n, 2, dtype=torch.float64), torch.zeros(1, 1, n, 2, dtype=torch.float64), causal=True)
    [found] = head_statistics(amap, tokens=[0] * n, windows=(1, n))
    harmonic = sum(1 / i for i in range(1, n + 1))
    close(
        found,
        {
            "entropy": math.lgamma(n + 1) / n,
            "span": (n + 1) / 2,
            "distance": (n - 1) / 4,
            "own": harmonic / n,
            "first": harmonic / n,
            "previous": (harmonic - 1) / (n - 1),
            "next": 0,
            "repeats": (n - 1) / n,
            "duplicate": (n - harmonic) / (n - 1),  # all keys but the own one: 1 − 1/i
            "induction": (n - harmonic) / (n - 1),
            "local_1": harmonic / n,
            f"local_{n}": 1,
        },
    )
    assert "broad" in {role.name for role in roles_of(found)}


def test_uniform_attention_both_ways():
    n = 47
    [found] = head_statistics(AttentionMap.from_dense(torch.full((n, n), 1 / n, dtype=torch.float64)))
    close(found, {"entropy": math.log(n), "span": n, "distance": (n * n - 1) / (3 * n), "received_gini": 0, "next": 1 / n})
    assert found.span_90 == math.ceil(0.9 * n)


@pytest.mark.parametrize("n", [10, 60, 150, 320])
def test_nine_tenths_of_equal_weights_are_nine_tenths_of_the_keys(n):
    """0.1 is no binary fraction: the weights that hold it may sum to a little less."""
    [found] = head_statistics(AttentionMap.from_dense(torch.full((n, n), 1 / n, dtype=torch.float64)))
    assert found.span_90 == 9 * n / 10


def test_uniform_attention_in_a_window(monkeypatch):
    """Blocks of rows begin at keys that are not the first one."""
    monkeypatch.setattr(parts, "BLOCK_BYTES", 8 * 1280 * 8)
    n, window = 1280, 129
    amap = AttentionMap(*torch.zeros(2, 1, 1, n, 2, dtype=torch.float64), causal=True, window=window)
    [found] = head_statistics(amap)
    sees = [min(i, window) for i in range(1, n + 1)]
    close(
        found,
        {
            "first": sum(1 / i for i in sees[:window]) / n,
            "span": sum(sees) / n,
            "own": sum(1 / i for i in sees) / n,
            "distance": sum((i - 1) / 2 for i in sees) / n,
            "local_64": sum(min(64, i) / i for i in sees) / n,
        },
    )


def test_all_on_one_key():
    weights = torch.zeros(29, 29, dtype=torch.float64)
    weights[:, 0] = 1
    [found] = head_statistics(AttentionMap.from_dense(weights))
    close(found, {"first": 1, "received_gini": 1 - 1 / 29, "entropy": 0, "span": 1, "span_90": 1, "distance": 14})


# -- heads that are set by hand


def test_a_previous_token_head():
    n = 23
    query, key = one_hot([max(i - 1, 0) for i in range(n)], 200.0), one_hot([*range(n - 1), n - 1])
    amap = AttentionMap(torch.nn.functional.pad(query, (0, 1)), key, causal=True, scale=1.0)
    [found] = head_statistics(amap)
    close(found, {"previous": 1, "offset": -1, "offset_mass": (n - 1) / n, "distance": (n - 1) / n, "entropy": 0})
    assert [role.name for role in roles_of(found)] == ["previous-token", "local"]


def test_an_induction_head():
    """Its queries say their token, its keys the token before them: what a layer below has to bring."""
    tokens = [3, 1, 4, 5, 9, 2, 6] * 4
    before = [10, *tokens[:-1]]
    amap = AttentionMap(torch.nn.functional.pad(one_hot(tokens, 200.0), (0, 1)), one_hot(before), causal=True, scale=1.0)
    [found] = head_statistics(amap, tokens=tokens)
    close(found, {"repeats": 3 / 4, "induction": 1, "duplicate": 0})
    assert "induction" in [role.name for role in roles_of(found)]
    [other] = head_statistics(amap, tokens=list(range(28)))  # where nothing repeats, nothing can be said
    assert other.repeats == 0
    assert math.isnan(other.induction)


def test_a_duplicate_token_head():
    tokens = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    allowed = torch.ones(11, 11, dtype=torch.bool).tril(-1)
    amap = AttentionMap(one_hot(tokens, 200.0), one_hot(tokens), allowed, scale=1.0)
    [found] = head_statistics(amap, tokens=torch.tensor(tokens))
    close(found, {"duplicate": 1, "masked_rows": 1, "repeats": 4 / 10})
    assert "duplicate-token" in [role.name for role in roles_of(found)]


def test_a_sink_and_a_positional_head():
    n = 31
    weights = torch.zeros(2, n, n, dtype=torch.float64)
    weights[0] = 0.25 * torch.eye(n)
    weights[0, :, 0] += 0.75
    weights[1] = torch.eye(n).roll(-4, 1)
    weights[1] = weights[1].tril()
    weights[1, :4, 0] = 1
    sink, positional = head_statistics(AttentionMap.from_dense(weights))
    assert [role.name for role in roles_of(sink)] == ["sink"]
    names = [role.name for role in roles_of(positional)]
    assert (positional.offset, names) == (-4, ["positional", "local"])


def test_marks_and_special_tokens():
    weights = torch.zeros(2, 11, 11, dtype=torch.float64)
    weights[0, :, 6], weights[1, :, 10] = 1, 1
    amap = AttentionMap.from_dense(weights)
    amap.keys = WORDS
    mark, end = head_statistics(amap)
    assert (mark.punctuation, mark.special, end.punctuation, end.special) == (1, 0, 0, 1)
    assert [role.name for role in roles_of(mark)] == ["punctuation"]
    assert [role.name for role in roles_of(end)] == ["special-token"]
    assert head_statistics(amap, special={"."})[0].special == 1
    assert head_statistics(amap, special={"."})[0].punctuation == 0


# -- TransformerLens' definitions


@pytest.mark.parametrize("seed", range(3))
def test_detect_head(seed):
    n = 37
    amap = random_map(n, n, causal=True, seed=seed)
    tokens = torch.randint(7, (n,), generator=torch.Generator().manual_seed(seed)).tolist()
    for head, found in enumerate(head_statistics(amap, tokens=tokens)):
        weights = amap[0, head]
        assert found.previous * (n - 1) / n == pytest.approx(detected(weights, tokens, "previous_token_head"))
        assert found.duplicate * found.repeats == pytest.approx(detected(weights, tokens, "duplicate_token_head"))
        assert found.induction * found.repeats == pytest.approx(detected(weights, tokens, "induction_head"))


# -- what has no meaning is NaN


def test_cross_attention_has_no_positions():
    amap = random_map(7, 7)
    amap.kind, amap.keys = "cross", words_of(7)
    found = head_statistics(amap)[0]
    assert all(math.isnan(getattr(found, name)) for name in POSITIONS)
    assert all(map(math.isnan, found.local.values()))
    loops = head_numbers(amap[0, 0], amap.keys, special=SPECIAL, punctuation=PUNCTUATION)
    names = ("entropy", "span", "span_90", "first", "special", "punctuation", "received_gini", "mass")
    close(found, {name: loops[name] for name in names})


def test_unequal_axes_without_a_causal_mask_have_no_positions():
    assert math.isnan(head_statistics(random_map(5, 7))[0].own)
    assert math.isnan(head_statistics(random_map(1, 7))[0].own)
    assert not math.isnan(head_statistics(random_map(5, 7, causal=True))[0].own)


def test_without_labels_there_are_no_tokens():
    found = head_statistics(random_map(7, 7))[0]
    assert all(math.isnan(getattr(found, name)) for name in ("special", "punctuation", "repeats", "duplicate", "induction"))
    assert not math.isnan(found.previous)
    by_id = head_statistics(random_map(7, 7), tokens=torch.arange(7) % 3)[0]
    assert math.isnan(by_id.special)
    assert not math.isnan(by_id.induction)


def test_a_narrowed_map_knows_its_positions():
    amap = random_map(23, 23, causal=True)
    amap.keys = words_of(23)
    part = amap.select(queries=slice(9, 17), keys=slice(2, 19))
    for head, found in enumerate(head_statistics(part)):
        seen = (torch.arange(2, 19) <= torch.arange(9, 17)[:, None]).tolist()
        close(found, head_numbers(part[0, head], part.keys, special=SPECIAL, punctuation=PUNCTUATION, late=7, allowed=seen))
    scattered = head_statistics(amap.select(queries=[3, 1]))[0]
    assert math.isnan(scattered.distance)
    assert scattered.rows == 2
    beyond = head_statistics(amap.select(queries=slice(9, 17), keys=slice(2, 12)))[0]  # rows whose own token is not there
    assert math.isnan(beyond.induction)
    assert not math.isnan(beyond.previous)


# -- recordings


def test_a_batch_is_its_sequences_without_padding():
    model = tiny("llama")
    inputs = tiny_inputs("llama")
    with regard.record(model, tokenizer=Tokenizer()) as recording, torch.no_grad():
        model(**inputs)
    found = head_statistics(recording)
    assert [(one.layer, one.head) for one in found] == [(layer, head) for layer in range(3) for head in range(6)]
    assert {one.rows for one in found} == {7 + 4}
    parts = [head_statistics(recording.sample(item)) for item in range(2)]
    for both, first, second in zip(found, *parts, strict=True):
        assert both.entropy == pytest.approx((7 * first.entropy + 4 * second.entropy) / 11)
        assert both.previous == pytest.approx((6 * first.previous + 3 * second.previous) / 9)
    by_ids = head_statistics(recording, tokens=inputs["input_ids"])
    for one, other in zip(found, by_ids, strict=True):
        close(one, {"duplicate": other.duplicate, "induction": other.induction, "repeats": other.repeats})


@pytest.mark.parametrize("architecture", ["bert", "llama"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_a_saved_sample_of_a_padded_batch_knows_its_positions(architecture, side, tmp_path):
    model = tiny(architecture)
    ids, mask = torch.randint(5, 30, (2, 13)), torch.ones(2, 13, dtype=torch.long)
    mask[0, 7:] = 0  # 7 of 13: the first row sees as many keys as if the rows were the last of a text
    mask = mask.flip(1) if side == "left" else mask
    with torch.no_grad(), regard.record(model) as recording:
        model(input_ids=ids, attention_mask=mask)
    recording.sample(0).save(tmp_path / "sample.safetensors")
    opened = regard.load(tmp_path / "sample.safetensors")
    for found, expected in zip(head_statistics(opened), head_statistics(recording.sample(0)), strict=True):
        assert found.flat() == pytest.approx(expected.flat(), abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("kind", ["factors", "weights"])
@pytest.mark.parametrize(("rows", "columns"), [(slice(3, 8), None), (slice(5, 11), slice(2, 8)), ([7], None), ([9, 4], None)])
def test_rows_that_were_chosen_and_saved_know_their_positions(kind, rows, columns, tmp_path):
    """As many rows as columns, or one row that sees whatever it may: nothing but the file tells which they are."""
    query, key = torch.randn(2, 1, 3, 11, 5, generator=torch.Generator().manual_seed(2))
    amap = AttentionMap(query, key, causal=True)
    amap = AttentionMap.from_dense(amap.dense()) if kind == "weights" else amap
    part = amap.select(queries=rows, keys=columns)
    part.save(tmp_path / "part.safetensors")
    opened = regard.load(tmp_path / "part.safetensors")
    assert opened.view.shown == part.view.shown
    again = opened.select(queries=slice(1, None), keys=slice(1, None))
    again.save(tmp_path / "again.safetensors")
    twice = part.select(queries=slice(1, None), keys=slice(1, None))
    for found, expected in ((opened, part), (again, twice), (regard.load(tmp_path / "again.safetensors"), twice)):
        for one, other in zip(head_statistics(found), head_statistics(expected), strict=True):
            assert one.flat() == pytest.approx(other.flat(), abs=1e-6, nan_ok=True)
    assert math.isnan(head_statistics(opened)[0].distance) == (rows == [9, 4])  # in an order of their own


def test_an_encoder_decoder():
    model = tiny("marian")
    with regard.record(model, tokenizer=Tokenizer()) as recording, torch.no_grad():
        model(**tiny_inputs("marian"))
    found = head_statistics(recording)
    assert [(one.kind, one.layer) for one in found[::2]] == [("encoder", 0), ("encoder", 1)] + [
        (kind, layer) for layer in range(3) for kind in ("decoder", "cross")
    ]
    for one in found:
        assert math.isnan(one.own) == (one.kind == "cross")
        assert not math.isnan(one.special)
    text = heads_text(found)
    assert text.splitlines()[0].split()[:3] == ["kind", "layer", "head"]
    assert "–" in text


@pytest.mark.parametrize("order", [1, -1])
def test_calls_of_several_passes_are_taken_together(order):
    maps = [random_map(n, n, causal=True, seed=n) for n in (5, 9)]
    for amap in maps:
        amap.kind, amap.layer, amap.name = "self", 0, "attention"
    together, alone = head_statistics(maps[::order]), [head_statistics(amap) for amap in maps]
    assert len(together) == 3
    for both, short, long in zip(together, *alone, strict=True):
        assert both.rows == 14
        assert both.distance == pytest.approx((5 * short.distance + 9 * long.distance) / 14)
        assert both.previous == pytest.approx((4 * short.previous + 8 * long.previous) / 12)
        offsets = dict.fromkeys(range(-8, 1), 0.0)
        for amap in maps:
            for i in range(amap.shape[2]):
                for j in range(i + 1):
                    offsets[j - i] += float(amap[0, both.head, i, j])
        assert both.offset == max(offsets, key=lambda d: offsets[d])
        assert both.offset_mass == pytest.approx(max(offsets.values()) / 14)


def test_a_list_of_maps_counts_its_layers():
    found = head_statistics([random_map(5, 5), random_map(5, 5, heads=2)])
    assert [(one.layer, one.head) for one in found] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]


def test_nothing_of_the_size_of_the_matrix_is_kept():
    """4,099 tokens: the matrix would be 64 MiB, and no tensor is much larger than a block of rows."""
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, _types, args=(), kwargs=None):
            nonlocal largest
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                largest = max(largest, result.untyped_storage().nbytes())
            return result

    n = 4099
    amap = AttentionMap(*torch.randn(2, 1, 1, n, 4, generator=torch.Generator().manual_seed(0)), causal=True)
    with Watch():
        [found] = head_statistics(amap, tokens=[at % 50 for at in range(n)])
    assert found.rows == n
    assert largest <= 2 * parts.BLOCK_BYTES < n * n * 4


# -- roles


def test_a_role_says_why():
    [found] = head_statistics(AttentionMap.from_dense(torch.eye(30).roll(1, 0)))
    role = roles_of(found)[0]
    assert role == ("previous-token", "previous", 1.0, 0.5)
    assert str(role) == "previous-token (previous 1.00 ≥ 0.5)"
    assert [one.name for one in roles_of(found, {"previous-token": 1.1})] == ["local"]
    assert [one.name for one in roles_of(found, {"local": 0.99})] == ["previous-token"]


def test_short_maps_are_not_local():
    [found] = head_statistics(AttentionMap.from_dense(torch.eye(16)))
    assert [role.name for role in roles_of(found)] == ["current-token"]
    assert roles_of(found._replace(local={})) == roles_of(found)


def test_every_role_has_a_threshold_and_can_be_had():
    names = set()
    for statistic in ("previous", "next", "own", "offset_mass", "induction", "duplicate", "first", "special", "punctuation"):
        [plain] = head_statistics(AttentionMap.from_dense(torch.full((40, 40), 1 / 40)))
        names |= {role.name for role in roles_of(plain._replace(**{statistic: 0.5}, offset=-3, local={8: 0.9}))}
    assert names == set(THRESHOLDS)


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        ({"inductive": 0.3}, "thresholds: expected one of previous-token"),
        ({"sink": "high"}, r"thresholds\['sink'\]: expected a finite number, got 'high'; for example {'sink': 0.4}"),
        ({"sink": math.nan}, r"thresholds\['sink'\]: expected a finite number, got nan"),
    ],
)
def test_thresholds_that_nobody_knows(thresholds, words):
    with pytest.raises(OptionError, match=words):
        table_rows(head_statistics(random_map(3, 3)), thresholds)


# -- the table


def test_sorting():
    found = head_statistics(random_map(7, 7, causal=True))
    by_own = sorted_heads(found, "own")
    assert [one.own for one in by_own] == sorted((one.own for one in found), reverse=True)
    assert sorted_heads(found, None) == found
    assert [one.head for one in sorted_heads(found, "special")] == [0, 1, 2]  # all NaN: as they were
    none = found[0]._replace(own=math.nan)
    assert sorted_heads([none, *found[1:]], "own")[-1] is none
    with pytest.raises(OptionError, match="sort: expected one of head, rows, .*got 'ownn'"):
        sorted_heads(found, "ownn")


def test_text():
    amap = random_map(40, 40, heads=2, causal=True)
    amap.layer, amap.kind = 4, "self"
    lines = heads_text(head_statistics(amap)).splitlines()
    assert lines[0].split()[:3] == ["layer", "head", "entropy"]
    assert [line.split()[:2] for line in lines[1:3]] == [["4", "0"], ["4", "1"]]
    assert heads_text([]) == "no heads"


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.delitem(sys.modules, "regard.analysis.heads.data_frame", raising=False)
    with pytest.raises(ImportError, match=r"pip install pandas, or take the same table as a list: .*head_statistics"):
        heads(random_map(3, 3))


def test_a_data_frame():
    pandas = pytest.importorskip("pandas")
    table = heads(random_map(7, 7, causal=True), tokens=list("abcabca"), sort="induction", thresholds={"sink": 0.2})
    assert isinstance(table, pandas.DataFrame)
    assert table.induction.is_monotonic_decreasing
    assert table.attrs["thresholds"]["sink"] == 0.2
    assert {"layer", "head", "local_8", "received_gini", "roles"} <= set(table.columns)


def test_what_the_data_frame_is_made_of():
    amap = random_map(7, 7)
    amap.layer, amap.kind, amap.name = 2, "self", "attention"
    table = heads(amap, tokens=list("abcabca"), windows=(3,))
    assert table.to_dict("records") == table_rows(head_statistics(amap, tokens=list("abcabca"), windows=(3,)))
    assert table.attrs["thresholds"] == THRESHOLDS


# -- what is refused


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("maps",), DtypeError, "expected attention weights: .*, got str"),
        (([],), RecordingError, "expected attention weights, got none"),
        ((Recording(),), RecordingError, "expected a recording with maps, got one without"),
        ((AttentionMap.from_dense(torch.full((2, 2), torch.nan)),), ScoreError, "negative or NaN"),
        ((AttentionMap.from_dense(torch.tensor([[1.5, -0.5], [0.5, 0.5]])),), ScoreError, "negative or NaN"),
    ],
)
def test_no_maps(arguments, error, words):
    with pytest.raises(error, match=words):
        head_statistics(*arguments)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"tokens": "abc"}, DtypeError, "tokens: expected a list of texts"),
        ({"tokens": [1, 2]}, ShapeError, "tokens: expected 3 texts, one for each position, got 2"),
        ({"tokens": [[1, 2, 3], [1, 2, 3]]}, ShapeError, "tokens: expected one list of texts, got 2 lists"),
        ({"windows": (0,)}, OptionError, "windows: expected a whole number of at least 1, got 0"),
        ({"windows": (True,)}, OptionError, "got True"),
    ],
)
def test_options_that_do_not_fit(options, error, words):
    with pytest.raises(error, match=words):
        head_statistics(random_map(3, 3), **options)


def test_labels_that_do_not_fit():
    amap = random_map(3, 3)
    with pytest.raises(ShapeError, match="keys: expected 3 labels, one a position, got 2"):
        amap.keys = ("a", "b")
