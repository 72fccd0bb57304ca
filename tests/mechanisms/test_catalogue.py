"""What holds for every mechanism, whatever it computes: each card is run through the same battery."""

import importlib
import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from regard.errors import OptionError, ScoreError
from regard.maps.attention_map import AttentionMap
from regard.mechanisms.card import Sizes
from regard.mechanisms.catalogue import card as card_named
from regard.mechanisms.catalogue import catalogue, example, picture
from witnesses import WITNESS

HEADS, LENGTH, DIM = 4, 16, 8
WALKS = ("monotonic", "mocha")  # decoding takes the walk that training has the mean of
WHOLE = (
    "global-local",
    "bigbird",
    "swin-window",
    "graph",
    "selective",
    "multi-token",
    "streaming",
    "heavy-hitters",
    "last-weights",
    "snapkv",
    "quantised-cache",
    "paged-cache",
)  # of a sequence that looks at itself


def of_cards(wanted=None):
    return pytest.mark.parametrize("card", list(filter(wanted, catalogue())), ids=lambda card: card.name)


CARDS = of_cards()


@pytest.fixture
def factors():
    random = torch.Generator().manual_seed(3)
    return tuple(torch.randn(2, HEADS, LENGTH, DIM, dtype=torch.float64, generator=random) for _ in range(3))


@CARDS
def test_shapes_and_dtype(card, factors):
    output, weights = card.apply(*factors)
    assert output.shape == (2, HEADS, weights.shape[2], DIM)
    assert weights.ndim == 4
    assert weights.shape[:2] == (2, HEADS)
    assert output.dtype == weights.dtype == torch.float64
    assert output.isfinite().all()
    assert weights.isfinite().all()


@CARDS
def test_float32_is_float64_to_rounding(card, factors):
    output, weights = card.apply(*(factor.float() for factor in factors))
    assert output.dtype == weights.dtype == torch.float32
    expected = card.apply(*(factor.float().double() for factor in factors))
    assert_close(weights.double(), expected.weights, atol=2e-5, rtol=2e-4)
    assert_close(output.double(), expected.output, atol=2e-5, rtol=2e-4)


def against_witness(card, factors, witness):
    """Refuse a card that computes other numbers than its witness does."""
    expected = witness(*factors)
    output, weights = expected if isinstance(expected, tuple) else (expected, None)
    found = card.apply(*factors)
    assert_close(found.output, output, atol=1e-10, rtol=1e-7)
    if weights is not None:
        assert_close(found.weights, weights, atol=1e-10, rtol=1e-7)


@pytest.mark.slow
@CARDS
def test_it_computes_what_its_witness_does(card, factors):
    against_witness(card, factors, WITNESS[card.name])


def without_witness(cards, witnesses):
    """Names that only one of the two has."""
    return {card.name for card in cards} ^ set(witnesses)


def test_every_card_has_a_witness_and_every_witness_a_card():
    assert without_witness(catalogue(), WITNESS) == set()


def test_a_wrong_formula_and_a_missing_witness_are_found(factors):
    def with_half_of_everything(query, key, value):
        output, weights = card_named("off-by-one").apply(query, key, value)
        return output / 2, weights / 2

    wrong = replace(card_named("off-by-one"), function=with_half_of_everything)
    with pytest.raises(AssertionError, match="not close"):
        against_witness(wrong, factors, WITNESS["off-by-one"])
    capped = replace(card_named("softcap"), factors=lambda query, key: {"query": query, "key": key, "softcap": 2.1})
    with pytest.raises(AssertionError, match="not close"):
        against_witness(capped, factors, WITNESS["softcap"])
    new = replace(card_named("off-by-one"), name="off-by-two")
    assert without_witness([*catalogue(), new], WITNESS) == {"off-by-two"}
    assert without_witness(catalogue()[1:], WITNESS) == {"additive"}


@of_cards(lambda card: card.factors(*example()[:2]) is not None)
@pytest.mark.parametrize("queries", [16, 3])
def test_a_map_of_its_factors_has_its_weights(card, factors, queries):
    query, key, value = factors
    query = query[:, :, -queries:]
    assert_close(AttentionMap(**card.factors(query, key)).dense(), card.apply(query, key, value).weights)


def test_a_card_without_function_and_factors_is_refused(factors):
    with pytest.raises(OptionError, match="expected a card with a function or with factors, got Card"):
        replace(card_named("general"), function=None).apply(*factors)


@CARDS
def test_rows(card, factors):
    sums = card.apply(*factors).weights.sum(-1)
    if card.rows == "one":
        assert_close(sums, torch.ones_like(sums))
    elif card.rows == "at most one":
        assert (sums <= 1 + 1e-9).all()
        assert (sums < 1 - 1e-6).any(), "rows that always sum to one"
    else:
        assert ((sums - 1).abs() > 1e-6).any(), "rows that always sum to one"


@CARDS
def test_output_is_weights_times_values(card, factors):
    output, weights = card.apply(*factors)
    same = weights.shape[-1] == LENGTH and torch.allclose(output, weights @ _values(card, factors[2]))
    assert same == card.reconstructs


def _values(card, value):
    """The values that each query head reads: those of the shared head where the card keeps fewer."""
    kept = [tensor for tensor in card.kept(value, value, value) if tensor.shape[-2:] == value.shape[-2:]]
    shared = kept[-1].shape[1] if kept and card.family == "heads" else HEADS
    return kept[-1].repeat_interleave(HEADS // shared, 1) if shared < HEADS else value


@CARDS
def test_the_future_does_not_matter_where_causal(card, factors):
    before = card.apply(*factors).output
    cut = 9
    changed = tuple(factor.clone() for factor in factors)
    for factor in changed:
        factor[:, :, cut:] = factor[:, :, cut:].flip(2) * 3 - 1
    after = card.apply(*changed).output
    untouched = torch.allclose(before[:, :, :cut], after[:, :, :cut], rtol=1e-9, atol=1e-12)
    assert untouched == card.causal


@of_cards(lambda card: card.causal)
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_broken_value_of_the_future_does_not_leak(card, factors, poison):
    query, key, value = factors
    cut = 9
    broken = value.clone()
    broken[:, :, cut:] = poison
    try:
        output = card.apply(query, key, broken).output
    except ScoreError:  # refused: what has a state would carry it on
        return
    assert_close(output[:, :, :cut], card.apply(query, key, value).output[:, :, :cut])
    assert not output[:, :, cut:].isfinite().all(), "a broken value that no query sees"


@CARDS
def test_sequences_do_not_mix(card, factors):
    together = card.apply(*factors)
    alone = card.apply(*(factor[1:] for factor in factors))
    assert_close(alone.output, together.output[1:])
    assert_close(alone.weights, together.weights[1:])


@CARDS
def test_the_order_of_keys_matters_where_it_should(card, factors):
    query, key, value = factors
    order = torch.randperm(LENGTH, generator=torch.Generator().manual_seed(1))
    before, after = card.apply(query, key, value), card.apply(query, key[:, :, order], value[:, :, order])
    assert torch.allclose(before.output, after.output) == card.permutable


@CARDS
def test_gradients_are_numbers(card, factors):
    factors = [factor.requires_grad_() for factor in factors]
    output = card.apply(*factors).output
    gradients = torch.autograd.grad(output.square().sum(), factors, allow_unused=True)
    for name, gradient in zip(("query", "key", "value"), gradients, strict=True):
        if name in card.without_gradient:
            assert gradient is None or not gradient.any(), f"{name} has a gradient"
        else:
            assert gradient is not None, f"{name} has no gradient"
            assert gradient.isfinite().all()
            assert gradient.any(), f"the gradient of {name} is 0 everywhere"


@CARDS
def test_inputs_are_left_alone(card, factors):
    copies = [factor.clone() for factor in factors]
    card.apply(*factors)
    for factor, copy in zip(factors, copies, strict=True):
        assert torch.equal(factor, copy)


@pytest.mark.slow
@CARDS
@pytest.mark.parametrize("length", [16, 64])
def test_operations_are_those_of_the_card(card, length):
    factors = [torch.randn(1, HEADS, length, DIM, dtype=torch.float64) for _ in range(3)]
    sizes = Sizes(HEADS, length, length, DIM, DIM, 8)
    if card.sparse:
        visible = int((card.apply(*factors).weights != 0).sum())
        counted = 2 * visible * (DIM + DIM)
    else:
        with FlopCounterMode(display=False) as counter:
            (card.runs_as or card.apply)(*factors)
        counted = counter.get_total_flops()
    assert counted == card.flops.count(sizes)


@of_cards(lambda card: card.name in WHOLE)
def test_a_pattern_of_a_whole_sequence_has_no_cost_of_one_step(card):
    with pytest.raises(OptionError, match="queries: expected as many as keys, 16, got 1; ask for a whole sequence"):
        card.flops.count(Sizes(HEADS, 1, LENGTH, DIM, DIM, 8))


@of_cards(lambda card: card.family != "linear" and card.name not in WHOLE)
def test_operations_of_one_step_are_those_of_the_card(card):
    """The last query alone: what a step of decoding costs, or a text that asks another one. (A state has a query a key.)"""
    query, *others = (torch.randn(1, HEADS, LENGTH, DIM, dtype=torch.float64) for _ in range(3))
    query, sizes = query[:, :, -1:], Sizes(HEADS, 1, LENGTH, DIM, DIM, 8)
    if card.sparse:
        counted = 2 * int((card.apply(query, *others).weights != 0).sum()) * (DIM + DIM)
    else:
        with FlopCounterMode(display=False) as counter:
            (card.runs_as or card.apply)(query, *others)
        counted = counter.get_total_flops()
    assert counted == card.flops.count(sizes)


def decodes(card):
    return bool(card.kept(*example())) and card.name not in WALKS


@of_cards(decodes)
@pytest.mark.parametrize("length", [5, 8, 16])
def test_what_decoding_keeps_is_enough_to_go_on(card, factors, length):
    """The last token, from what the card says is kept of those before it: as if all were read at once."""
    factors = [factor[:, :, :length] for factor in factors]
    kept = card.kept(*(factor[:, :, :-1] for factor in factors))
    output = card.step(*(factor[:, :, -1:] for factor in factors), kept)
    assert_close(output, card.apply(*factors).output[:, :, -1:])


@of_cards(lambda card: not decodes(card))
def test_what_does_not_decode_token_by_token_says_so(card, factors):
    with pytest.raises(OptionError, match=r"expected a mechanism .*, got"):
        card.step(*(factor[:, :, -1:] for factor in factors), card.kept(*factors))


@CARDS
@pytest.mark.parametrize("length", [16, 64])
def test_what_decoding_keeps_is_what_the_card_says(card, length):
    factors = [torch.randn(1, HEADS, length, DIM) for _ in range(3)]
    sizes = Sizes(HEADS, length, length, DIM, DIM, 4)
    held = sum(tensor.numel() * tensor.itemsize for tensor in card.kept(*factors))
    assert held == card.state.count(sizes) + length * card.cache_per_token.count(sizes)


@CARDS
def test_the_card_is_filled_in(card):
    texts = (card.title, card.formula, card.latex, card.paper, card.change, card.use, card.wins, card.loses)
    assert all(text.strip() for text in texts)
    assert str(card.year) in card.paper
    assert card.name == card.name.lower()
    place, _, name = card.code.rpartition(".")
    assert callable(getattr(importlib.import_module(f"regard.mechanisms.{place}"), name))


def test_a_formula_is_that_of_one_card():
    formulas = [card.formula for card in catalogue()]
    pages = [card.latex for card in catalogue()]
    assert len(set(formulas)) == len(formulas)
    assert len(set(pages)) == len(pages)


def test_names_are_unique_and_found():
    names = [card.name for card in catalogue()]
    assert len(set(names)) == len(names)
    assert card_named("multi-query").year == 2019
    with pytest.raises(OptionError, match="got 'multi-qery'; did you mean multi-query"):
        card_named("multi-qery")


def test_the_example_is_always_the_same():
    for one, other in zip(example(), example(), strict=True):
        assert torch.equal(one, other)


def test_no_two_cards_look_alike():
    """By their weights, up to the largest, and by their second pictures, up to the largest of those."""

    def look(card):
        drawn = picture(card)
        parts = [part[card.drawn] for part in (drawn.weights, drawn.beside) if part is not None]
        hidden = None if drawn.seen is None else ~drawn.seen[card.drawn]
        return [part / part.abs().max() for part in parts] + ([] if hidden is None else [hidden.double()])

    looks = {card.name: look(card) for card in catalogue()}
    for (one, its), (other, those) in itertools.combinations(looks.items(), 2):
        if [part.shape for part in its] == [part.shape for part in those]:
            apart = max(float((a - b).abs().max()) for a, b in zip(its, those, strict=True))
            assert apart > 0.08, (one, other)


def test_a_second_picture_has_a_row_for_each_query():
    for card in catalogue():
        drawn = picture(card)
        assert (drawn.beside is None) == (card.beside is None)
        assert drawn.beside is None or drawn.beside.shape[:2] == drawn.weights.shape[:2]


def test_what_second_pictures_show():
    query, key, value = example()
    sinks, paged = picture(card_named("sinks")), picture(card_named("paged-cache"))
    assert_close(sinks.beside[0, :, 0], 1 - sinks.weights[0].sum(-1))
    assert_close(paged.beside.sum(-1), torch.ones(4, 16))  # the same weights, elsewhere
    assert_close(paged.beside[..., 8:12], paged.weights[..., :4])  # page 2 is the first of the text
    for name in ("quantised-cache", "ntk-aware"):
        assert_close(picture(card_named(name)).beside.sum(-1), torch.zeros(4, 16), atol=1e-5, rtol=0)  # of rows that sum to 1
    gated = card_named("gated")
    assert_close(gated.apply(query, key, value).output[0], picture(gated).weights @ value[0] * picture(gated).beside)


@pytest.mark.parametrize(
    "names", [("multi-head", "multi-query", "grouped-query"), ("window", "dilated")], ids=lambda names: names[0]
)
def test_pictures_of_cards_that_differ_in_some_heads_show_one_of_them(names):
    cards = [card_named(name) for name in names]
    drawn = [picture(card).weights[card.drawn] for card in cards]
    first = [picture(card).weights[0] for card in cards]
    for at, one in enumerate(drawn[1:], start=1):
        assert torch.equal(first[at], first[0])  # the first head tells none from the other
        for other in drawn[:at]:
            assert (one - other).abs().max() > 0.1
