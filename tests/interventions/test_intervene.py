"""Parts of a model replaced while it runs: beside masks of the model's own, hooks on its modules, and itself."""

import copy

import pytest
import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

import regard
from regard.errors import DtypeError, OptionError, RecordingError, ShapeError
from regard.interventions import add, all_but, edges, heads, hide, layers, patch, put, running_mean, scale, zero
from support.attention_modules import ByHand, Fused
from support.tiny_models import NAMES, VOCABULARY, tiny, tiny_inputs

KIND = {"bert": None, "gpt2": None, "llama": None, "marian": "decoder"}
KEY_HEADS = {"bert": 2, "gpt2": 2, "llama": 2, "marian": 2}
PARTS = ("output", "query", "key", "value")


def ids_of(length, seed=0):
    return torch.randint(3, VOCABULARY, (1, length), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def run(model, inputs, changes):
    with regard.intervene(model, changes):
        return model(**inputs)[0]


@torch.no_grad()
def recorded(model, inputs):
    with regard.record(model, values=True) as found:
        model(**inputs)
    return found


# -- nothing changes nothing


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", NAMES)
def test_replaced_by_itself_is_the_same_to_the_bit(name, attention):
    model, inputs, kind = tiny(name, attention), tiny_inputs(name), KIND[name]
    weights = copy.deepcopy(model.state_dict())
    own = patch(recorded(model, inputs))
    with torch.no_grad():
        plain = model(**inputs)[0]
    assert torch.equal(run(model, inputs, {}), plain)
    for part in PARTS:
        assert torch.equal(run(model, inputs, {heads((0, 1), (2, 0), part=part, kind=kind): own}), plain)
        assert not torch.equal(run(model, inputs, {heads((1, 1), part=part, kind=kind): scale(0.5)}), plain)
    real = torch.ones(2, 5).bool() if name == "marian" else inputs["attention_mask"].bool()
    found = run(model, inputs, {heads((0, 1), (2, 0), part="pattern", kind=kind): own})
    assert_close(found[real], plain[real], atol=1e-4, rtol=1e-4)  # weights are computed from the factors once more
    for part in ("attention", "feed_forward", "stream"):
        assert torch.equal(run(model, inputs, {layers(0, 1, part=part, kind=kind): scale(1.0)}), plain)
        assert not torch.equal(run(model, inputs, {layers(0, part=part, kind=kind, at=-1): scale(0.5)}), plain)
    assert all(torch.equal(now, weights[key]) for key, now in model.state_dict().items())
    with torch.no_grad():
        assert torch.equal(model(**inputs)[0], plain)


def test_the_stream_of_another_run_is_that_run():
    model, ids, other = tiny("gpt2"), ids_of(7), ids_of(7, seed=1)
    kept = []
    hook = model.transformer.h[2].register_forward_hook(
        lambda _, _given, output: kept.append(output[0] if isinstance(output, tuple) else output)
    )
    with torch.no_grad():
        truth = model(other).logits
        hook.remove()
        found = run(model, {"input_ids": ids}, {layers(2, part="stream"): put(kept[0])})
        assert torch.equal(found, truth)
        last = run(model, {"input_ids": ids}, {layers(2, part="stream", at=-1): put(kept[0][:, -1:])})
        assert torch.equal(last[:, -1], truth[:, -1])
        assert torch.equal(last[:, :-1], model(ids).logits[:, :-1])


def test_the_order_of_sites_means_nothing():
    model, inputs = tiny("llama"), tiny_inputs("llama")
    changes = [
        (heads((1, 0), part="key"), scale(0.5)),
        (heads((1, 1), part="value", at=-1), zero()),
        (edges(2, layers=[1]), hide()),
        (heads((1, 3)), zero()),
        (layers(1, part="feed_forward", at=0), add(torch.ones(24))),
    ]
    assert torch.equal(run(model, inputs, dict(changes)), run(model, inputs, dict(changes[::-1])))


# -- what is replaced


def test_a_value_head_at_zero_is_its_query_heads_off():
    model, inputs = tiny("llama"), tiny_inputs("llama")
    with torch.no_grad(), regard.ablate(model, [(1, 3), (1, 4), (1, 5)]):
        truth = model(**inputs)[0]
    assert torch.equal(run(model, inputs, {heads((1, 1), part="value"): zero()}), truth)
    assert torch.equal(run(model, inputs, {heads((1, 3), (1, 4), (1, 5)): zero()}), truth)
    with pytest.raises(OptionError, match="expected key and value heads from 0 to 1 in self layer 1, got 2"):
        run(model, inputs, {heads((1, 2), part="value"): zero()})


def test_all_but_some_heads():
    model, inputs = tiny("gpt2"), tiny_inputs("gpt2")
    every = heads((0, 0), (0, 1), (1, 0), (2, 0), (2, 1))
    found = run(model, inputs, {all_but(heads((1, 1))): zero()})
    assert torch.equal(found, run(model, inputs, {every: zero()}))
    assert all_but(all_but(every)) == every


def test_a_part_of_another_run_at_some_places():
    """Beside a hook that puts the other run's slice of the projection's input there."""
    model, ids, other = tiny("gpt2"), ids_of(7), ids_of(9, seed=1)
    projection = model.transformer.h[1].attn.c_proj
    kept = []
    hook = projection.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    with torch.no_grad():
        model(other)
    hook.remove()

    def change(_, given):
        made = given[0].clone()
        made[:, [2, 6], 11:] = kept[0][:, [2, 8], 11:]
        return (made,)

    hook = projection.register_forward_pre_hook(change)
    with torch.no_grad():
        truth = model(ids).logits
    hook.remove()
    with torch.no_grad():
        run_of_other = recorded(model, {"input_ids": other})
    assert torch.equal(run(model, {"input_ids": ids}, {heads((1, 1), at=[2, -1]): patch(run_of_other)}), truth)
    with pytest.raises(ShapeError, match=r"run: expected \(sequences, heads, positions, dim\)=\(1, 1, 7, 11\)"):
        run(model, {"input_ids": ids}, {heads((1, 1)): patch(run_of_other)})


def test_own_tensors_are_put_and_added():
    model, ids = tiny("gpt2"), ids_of(7)
    vector = torch.randn(11, generator=torch.Generator().manual_seed(2))
    both = run(model, {"input_ids": ids}, {heads((1, 0), at=[1, 3]): put(vector)})
    zeroed = run(model, {"input_ids": ids}, {heads((1, 0), at=[1, 3]): put(torch.zeros(2, 11))})
    assert torch.equal(zeroed, run(model, {"input_ids": ids}, {heads((1, 0), at=[1, 3]): zero()}))
    with torch.no_grad():
        plain = model(ids).logits
    assert (both != plain).any(-1).tolist() == [[False, True, True, True, True, True, True]]
    assert torch.equal(run(model, {"input_ids": ids}, {heads((1, 0)): add(torch.zeros(1))}), plain)
    uniform = torch.ones(7, 7).tril() / torch.arange(1, 8)[:, None]
    values = recorded(model, {"input_ids": ids}).values[1].value[:, 0]
    by_pattern = run(model, {"input_ids": ids}, {heads((1, 0), part="pattern"): put(uniform)})
    assert_close(by_pattern, run(model, {"input_ids": ids}, {heads((1, 0)): put(uniform @ values)}), atol=1e-4, rtol=1e-4)
    with pytest.raises(ShapeError, match=r"put: expected a tensor that broadcasts to \(sequences, heads, positions, dim\)="):
        run(model, {"input_ids": ids}, {heads((1, 0)): put(torch.zeros(3))})


@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_hidden_keys_are_a_mask_of_the_model(name):
    """Of all heads and layers at once: the model with a mask of four axes."""
    model, ids = tiny(name), ids_of(11)
    allowed = torch.ones(11, 11, dtype=torch.bool)
    allowed = allowed.tril() if name == "gpt2" else allowed
    allowed[8:, 2:5] = False
    mask = torch.zeros(1, 1, 11, 11).masked_fill(~allowed, torch.finfo(torch.float32).min)
    with torch.no_grad():
        truth = model(ids, attention_mask=mask)[0]
    found = run(model, {"input_ids": ids}, {edges(range(2, 5), queries=[8, 9, -1]): hide()})
    assert_close(found, truth, atol=2e-5, rtol=1e-4)
    alone = {edges(range(2, 5), queries=[8, 9]): hide(), edges([2, 3, 4], queries=-1): hide()}
    assert_close(run(model, {"input_ids": ids}, alone), truth, atol=2e-5, rtol=1e-4)
    overlapping = {edges([2, 3], queries=[8, 9, 10]): hide(), edges([3, 4], queries=[8, 9, 10]): hide()}
    assert_close(run(model, {"input_ids": ids}, overlapping), truth, atol=2e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_hidden_span_needs_no_matrix():
    """16,384 keys by as many queries are 256 MiB as truth values alone; 12 heads of weights are 12 GiB."""
    length = 16_384
    query = torch.randn(1, 12, length, 2, generator=torch.Generator().manual_seed(0))
    model, span = Fused(), range(length - 300, length - 200)
    tracer = Largest()
    with torch.no_grad(), regard.intervene(model, {edges(span, queries=range(span.stop, length)): hide()}), tracer:
        model(query, query, query, is_causal=True)
    assert tracer.largest <= 2**25


class Largest(TorchDispatchMode):
    """The most numbers that any tensor had which was made inside the block."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple) else (made,):
            if isinstance(one, torch.Tensor):
                self.largest = max(self.largest, one.untyped_storage().nbytes() // one.element_size())
        return made


def test_a_row_whose_weights_were_all_hidden_is_zero_and_one_weight_of_nearly_1_is_exact():
    query, key, value = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    with regard.intervene(model := Fused(), {edges(0): hide()}):
        found = model(query, key, value, is_causal=True)
    assert (found[:, :, 0] == 0).all()
    assert_close(found[:, :, 1], value[:, :, 1])
    key[:, :, 0] = 40 * query[:, :, 4]  # a weight that rounds to 1: what is left of the others would be lost
    with regard.intervene(model, {edges(0): hide()}):
        found = model(query, key, value)
    truth = torch.nn.functional.scaled_dot_product_attention(query, key[:, :, 1:], value[:, :, 1:])
    assert_close(found, truth)


def test_what_is_computed_by_hand_has_outputs_and_patterns_only():
    query, key, value = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    with regard.intervene(model := ByHand(), {heads((0, 1), part="pattern"): put(torch.eye(5))}):
        assert_close(model(query, key, value)[:, 1], value[:, 1])
    refused = pytest.raises(RecordingError, match="got weights that the model computes itself")
    with refused, regard.intervene(model, {heads((0, 1), part="key"): zero()}):
        model(query, key, value)


# -- causality


@pytest.mark.parametrize(
    "changes",
    [
        {heads((0, 1), (1, 0)): zero()},
        {heads((0, 1), (1, 0)): running_mean()},
        {heads((1, 1), part="key"): scale(0.3)},
        {heads((1, 1), part="value", at=2): zero()},
        {layers(1, part="attention"): running_mean()},
        {layers(1, part="stream", at=3): zero()},
        {edges([1, 2]): hide()},
    ],
    ids=str,
)
def test_another_last_token_changes_nothing_before_it(changes):
    model, ids = tiny("gpt2"), ids_of(9)
    other = ids.clone()
    other[0, -1] = (ids[0, -1] + 1) % VOCABULARY
    found, changed = (run(model, {"input_ids": one}, changes) for one in (ids, other))
    assert torch.equal(found[:, :-1], changed[:, :-1])
    assert not torch.equal(found[:, -1], changed[:, -1])


def test_places_go_on_under_a_cache():
    model, ids = tiny("llama"), ids_of(6)
    options = {"max_new_tokens": 5, "do_sample": False, "eos_token_id": None, "attention_mask": torch.ones_like(ids)}
    changes = {heads((0, 1), (1, 4), at=[2, 7]): zero(), edges(3, queries=[6, 8]): hide()}
    with regard.intervene(model, changes):
        steps = model.generate(ids, **options)
        whole = model.generate(ids, use_cache=False, **options)
    assert torch.equal(steps, whole)
    assert not torch.equal(steps, model.generate(ids, **options))


# -- what is refused


def test_refused():
    model, inputs = tiny("gpt2"), tiny_inputs("gpt2")
    for changes, said in (
        ({heads((3, 0)): zero()}, "expected self layers that ran, 0 to 2, got layer 3"),
        ({heads((0, 2)): zero()}, "expected heads from 0 to 1 in self layer 0, got 2"),
        ({heads((0, 0), at=7): zero()}, "0.0 at 7: expected a site that the model comes to"),
        ({heads((0, 0)): zero(), heads((0, 1), (0, 0), at=1): zero()}, "expected sites that do not overlap"),
        ({heads((0, 0), at="subject"): zero()}, "at: expected a span 'subject' in each text"),
        ({heads((0, 0)): hide()}, r"expected another replacement than hide\(\)"),
        ({edges(1): zero()}, r"expected hide\(\) at keys 1"),
        ({heads((0, 0), kind="cross"): zero(), heads((0, 0)): zero()}, "got none|expected"),
    ):
        with pytest.raises(OptionError, match=said):
            run(model, inputs, changes)
    with pytest.raises(DtypeError, match=r"changes\[0\.0\]: expected a replacement .*, got zero; write zero\(\)"):
        run(model, inputs, {heads((0, 0)): zero})
    with pytest.raises(RecordingError, match="expected a recording with values"):
        patch(regard.Recording.of([torch.eye(2)[None, None]]))
