"""Caches beside full attention where they should equal it, beside loops where they choose, and what they cost."""

import re

import pytest
import torch
from torch.testing import assert_close

from regard import masks
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError
from regard.mechanisms.caches.cache import FullCache, decode
from regard.mechanisms.caches.compressed import PagedCache, Pages, QuantizedCache, SharedLayers, rounded
from regard.mechanisms.caches.evicting import HeavyHitterCache, LastWeightsCache, PromptCache, StreamingCache
from regard.mechanisms.softmax_attention import attention
from witnesses import caches as oracle

BATCH, HEADS, LENGTH, DIM, VALUE_DIM = 2, 3, 17, 5, 7


def drawn(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


QUERY, KEY = 2 * drawn(BATCH, HEADS, LENGTH, DIM, seed=1), drawn(BATCH, HEADS, LENGTH, DIM, seed=2)
VALUE = drawn(BATCH, HEADS, LENGTH, VALUE_DIM, seed=3)
TEXT = QUERY, KEY, VALUE

EXACT = {
    "full": FullCache,
    "paged": lambda: PagedCache(Pages(size=4, pages=9)),
    "streaming with room": lambda: StreamingCache(2, LENGTH),
    "heavy hitters with room": lambda: HeavyHitterCache(8, LENGTH - 8),
    "last weights with room": lambda: LastWeightsCache(LENGTH),
    "a prompt with room": lambda: PromptCache(LENGTH, 3),
    "quantised, none full": lambda: QuantizedCache(2, group=LENGTH + 1),
}
POLICIES = {
    "streaming": lambda: StreamingCache(2, 4),
    "heavy hitters": lambda: HeavyHitterCache(3, 2),
    "last weights": lambda: LastWeightsCache(5),
    "a prompt": lambda: PromptCache(3, 2, kernel=3),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("prompt", [1, 6, LENGTH])
def test_what_lets_nothing_go_is_causal_attention(name, prompt):
    output, weights, cache = decode(EXACT[name], *TEXT, prompt=prompt)
    expected = attention(*TEXT, causal=True)
    assert_close(output, expected[0])
    assert_close(weights, expected[1])
    assert cache.positions.shape == (BATCH, HEADS, LENGTH)
    assert cache.seen == LENGTH


@pytest.mark.parametrize(("sinks", "window"), [(0, 1), (0, 5), (2, 1), (3, 4)])
def test_a_stream_is_attention_under_a_mask(sinks, window):
    seen = masks.window(window) | masks.prefix(sinks) if sinks else masks.window(window)
    output, weights, cache = decode(lambda: StreamingCache(sinks, window), *TEXT)
    expected = attention(*TEXT, masks.causal() & seen)
    assert_close(output, expected[0])
    assert_close(weights, expected[1])
    assert cache.positions.shape[2] == sinks + window - 1


@pytest.mark.parametrize(("heavy", "recent"), [(1, 1), (3, 2), (2, 6)])
def test_heavy_hitters_are_those_of_the_loops(heavy, recent):
    output, weights, cache = decode(lambda: HeavyHitterCache(heavy, recent), *TEXT)
    q, k = QUERY.tolist(), KEY.tolist()
    expected = [[oracle.heavy_hitters(q[b][h], k[b][h], heavy, recent) for h in range(HEADS)] for b in range(BATCH)]
    assert_close(weights, torch.tensor(expected, dtype=torch.float64))
    assert_close(output, weights @ VALUE)
    assert cache.positions.shape[2] == heavy + recent
    assert_close(cache.received, weights.sum(2).gather(2, cache.positions))  # all that each has had since it came


@pytest.mark.parametrize("budget", [1, 5, 12])
def test_last_weights_are_those_of_the_loops(budget):
    output, weights, cache = decode(lambda: LastWeightsCache(budget), *TEXT)
    expected = [oracle.last_weights(q, k, budget) for q, k in zip(QUERY.tolist(), KEY.tolist(), strict=True)]
    assert_close(weights, torch.tensor(expected, dtype=torch.float64))
    assert_close(output, weights @ VALUE)
    assert cache.positions.shape[2] == budget


@pytest.mark.parametrize(("budget", "window", "kernel"), [(3, 2, 1), (4, 3, 3), (2, 1, 5)])
def test_a_prompt_keeps_what_its_end_looks_at(budget, window, kernel):
    prompt = 13
    cache = PromptCache(budget, window, kernel)
    cache.attend(*(x[:, :, :prompt] for x in TEXT))
    for b in range(BATCH):
        for h in range(HEADS):
            expected = oracle.after_prompt(*(x[b, h, :prompt].tolist() for x in (QUERY, KEY)), budget, window, kernel)
            assert cache.positions[b, h].tolist() == expected
    cache.attend(*(x[:, :, prompt:] for x in TEXT))
    assert cache.positions.shape[2] == budget + window + LENGTH - prompt  # what follows is all kept


@pytest.mark.parametrize("name", POLICIES)
def test_what_was_let_go_never_comes_back(name):
    weights = decode(POLICIES[name], *TEXT, prompt=7)[1]
    gone = torch.zeros(BATCH, HEADS, LENGTH, dtype=torch.bool)
    for i in range(7, LENGTH):
        seen = weights[:, :, i] > 0
        assert not (seen & gone).any()
        gone |= ~seen & (torch.arange(LENGTH) <= i)
    assert gone.any()
    assert_close(weights.sum(-1), torch.ones(BATCH, HEADS, LENGTH, dtype=torch.float64))


@pytest.mark.parametrize("name", POLICIES)
def test_keys_and_values_are_those_of_the_positions(name):
    cache = decode(POLICIES[name], *TEXT, prompt=7)[2]
    keys, values = cache.held()
    for found, whole in ((keys, KEY), (values, VALUE)):
        assert_close(found, whole.gather(2, cache.positions[..., None].expand(*cache.positions.shape, whole.shape[3])))
    assert cache.nbytes == BATCH * HEADS * cache.positions.shape[2] * (DIM + VALUE_DIM) * 8


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_codes_are_off_by_half_a_step_at_most(bits):
    x = drawn(3, 11, 5, seed=4)
    step = (x.amax(1, keepdim=True) - x.amin(1, keepdim=True)) / (2**bits - 1)
    found = rounded(x, bits, axis=1)
    assert ((found - x).abs() <= step / 2 + 1e-12).all()
    assert (torch.stack([column.unique().numel() * torch.ones(()) for column in found[0].T]) <= 2**bits).all()
    assert_close(found.amax(1), x.amax(1))
    assert_close(rounded(found, bits, axis=1), found)


def test_a_group_is_written_when_it_is_full():
    cache = QuantizedCache(bits=4, group=5)
    errors = []
    for t in range(LENGTH):
        cache.attend(*(x[:, :, t : t + 1] for x in TEXT))
        errors.append((cache.held()[0] - KEY[:, :, : t + 1]).abs().amax((0, 1, 3)))
    assert cache.written == 15
    assert (errors[-1][:15] > 0).all()
    assert (errors[-1][15:] == 0).all()
    ranges = BATCH * HEADS * (3 * DIM + 15) * 2 * 2
    assert cache.nbytes == BATCH * HEADS * (15 * (DIM + VALUE_DIM) * 4 // 8 + 2 * (DIM + VALUE_DIM) * 8) + ranges


def test_more_bits_are_nearer():
    whole = attention(*TEXT, causal=True)[0]
    off = [(decode(lambda bits=bits: QuantizedCache(bits, group=4), *TEXT)[0] - whole).abs().max().item() for bits in (2, 4, 8)]
    assert off[0] > off[1] > off[2] > 0
    assert off[2] < 0.02


def test_texts_with_one_beginning_share_its_pages():
    pages = Pages(size=4, pages=9)
    first = PagedCache(pages)
    first.attend(*(x[:, :, :10] for x in TEXT))  # pages 0, 1, and half of 2
    second = first.fork()
    assert len(pages.free) == 6
    other = tuple(x.flip(2)[:, :, :3] for x in TEXT)
    output, _ = second.attend(*other)
    joined = tuple(torch.cat([x[:, :, :10], y], dim=2) for x, y in zip(TEXT, other, strict=True))
    assert_close(output, attention(*joined, causal=True)[0][:, :, 10:])
    assert first.table[:2] == second.table[:2]
    assert first.table[2] != second.table[2]  # copied on write
    rest, _ = first.attend(*(x[:, :, 10:] for x in TEXT))
    assert_close(rest, attention(*TEXT, causal=True)[0][:, :, 10:])
    first.drop()
    assert_close(torch.stack(second.held()[:1])[0], joined[1])
    second.drop()
    assert sorted(pages.free) == list(range(9))


def test_pages_run_out():
    pages = Pages(size=4, pages=4)
    cache = PagedCache(pages)
    cache.attend(*(x[:, :, :6] for x in TEXT))
    other = cache.fork()
    for asked, wanted in ((other, 4), (cache.fork(), 4)):  # a copy of the page that they share, and three of their own
        with pytest.raises(OptionError, match=f"expected {wanted} free pages for 11 tokens, got 2 of 4; drop a cache"):
            asked.attend(*(x[:, :, 6:] for x in TEXT))
    assert (other.table, other.seen, pages.free) == ([0, 1], 6, [2, 3])
    other.attend(*(x[:, :, 6:12] for x in TEXT))  # all that there are
    assert (other.table, pages.free) == ([0, 2, 3], [])


def test_a_page_is_dropped_once():
    pages = Pages(size=4, pages=2)
    pages.drop(pages.take())
    for page, said in ((0, "page: expected one in use, got 0"), (2, "page: expected a whole number from 0 to 1, got 2")):
        with pytest.raises(OptionError, match=said):
            pages.drop(page)
    assert (sorted(pages.free), pages.users) == ([0, 1], [0, 0])


@pytest.mark.parametrize("name", EXACT | POLICIES)
def test_what_is_refused_is_not_kept(name):
    """An overflow in the middle of a text: it goes on as if nothing had been asked."""
    cache, alone = (EXACT | POLICIES)[name](), (EXACT | POLICIES)[name]()
    for one in (cache, alone):
        one.attend(*(x[:, :, :7] for x in TEXT))
    with pytest.raises(ScoreError, match="expected finite scores"):
        cache.attend(QUERY[:, :, 7:8], KEY[:, :, 7:8] * torch.inf, VALUE[:, :, 7:8])
    assert_close(cache.positions, alone.positions)
    rest = tuple(x[:, :, 7:] for x in TEXT)
    assert_close(cache.attend(*rest), alone.attend(*rest))


def test_what_another_held_counts_as_the_last_tokens():
    for make in (FullCache, lambda: PagedCache(Pages(size=4, pages=9))):
        cache = make()
        cache.take(KEY[:, :, :3], VALUE[:, :, :3], seen=9)
        assert cache.positions[0, 0].tolist() == [6, 7, 8]


def test_layers_that_share_a_cache():
    caches = SharedLayers(layers=4, group=2)
    for layer in range(4):
        if caches.writes(layer):
            caches.of(layer).attend(*TEXT)
    assert caches.nbytes == 2 * BATCH * HEADS * LENGTH * (DIM + VALUE_DIM) * 8
    keys, values = caches.of(3).held()
    assert_close(attention(QUERY, keys, values, causal=True), attention(*TEXT, causal=True))


def used():
    cache = FullCache()
    cache.attend(*TEXT)
    return cache


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: StreamingCache(-1, 3), OptionError, "sinks: expected a whole number of at least 0, got -1"),
        (lambda: HeavyHitterCache(0, 3), OptionError, "heavy: expected a whole number of at least 1, got 0"),
        (lambda: LastWeightsCache(0), OptionError, "budget: expected a whole number of at least 1, got 0"),
        (lambda: PromptCache(2, 2, kernel=4), OptionError, "kernel: expected an odd number, got 4"),
        (lambda: QuantizedCache(9), OptionError, "bits: expected a whole number from 1 to 8, got 9"),
        (lambda: PagedCache(4), DtypeError, "pages: expected Pages, got int; write Pages(size=16, pages=64)"),
        (lambda: SharedLayers(4, 2).of(4), OptionError, "layer: expected a whole number from 0 to 3, got 4"),
        (lambda: FullCache().held(), ShapeError, "expected a cache with tokens, got an empty one"),
        (lambda: FullCache().attend(QUERY[:, :, :1], KEY, VALUE), ShapeError, "one of each for each new token and head"),
        (lambda: decode(lambda: 3, *TEXT), DtypeError, "make: expected a cache or a function that makes one, got int"),
        (lambda: decode(StreamingCache, *TEXT), DtypeError, "what makes a cache without arguments, got <class"),
        (lambda: decode(used(), *TEXT), ShapeError, "make: expected an empty cache, got one of 17 tokens"),
        (lambda: decode(FullCache, *(x[0, 0] for x in TEXT)), ShapeError, "expected query and key (batch, heads, new, dim)"),
        (lambda: decode(FullCache, QUERY[:, :, :3], KEY, VALUE), ShapeError, "expected query and key (batch, heads, new, dim)"),
        (lambda: PromptCache(2, 2, kernel=2**62 + 1), OptionError, "kernel: expected a whole number from 1 to 65,536"),
        (lambda: decode(FullCache, *TEXT, prompt=0), OptionError, "prompt: expected a whole number from 1 to 17, got 0"),
        (lambda: rounded(torch.ones(3).long(), 2, 0), DtypeError, "expected x of a floating type, got torch.int64"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


@pytest.mark.parametrize("name", EXACT | POLICIES)
def test_tokens_of_another_size_are_refused(name):
    cache = (EXACT | POLICIES)[name]()
    cache.attend(*TEXT)
    with pytest.raises(ShapeError, match=r"expected key like those held, torch.float64 \(batch, heads, new, features\)"):
        cache.attend(*(x[:1] for x in TEXT))
