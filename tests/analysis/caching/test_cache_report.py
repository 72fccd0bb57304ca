"""What caches keep equals what whole matrices say."""

import pytest
import torch
from torch.nn.functional import avg_pool1d
from transformers import LlamaConfig, LlamaForCausalLM

import regard
from regard.analysis.caching.policies import pyramid
from regard.errors import OptionError, RecordingError, ShapeError

TOKENS, PROMPT = 60, 40


@pytest.fixture(scope="module")
def recording():
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=50, intermediate_size=16, **sizes)).eval()
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.4)
    with torch.no_grad(), regard.record(model, values=True) as found:
        model(input_ids=torch.randint(0, 50, (1, TOKENS)))
    return found


def scores_by_hand(policy, weights, window, sinks):
    """(2, PROMPT) of (4, TOKENS, TOKENS)."""
    early = weights[:, :PROMPT, :PROMPT]
    if policy == "streaming":
        return torch.tensor([1e3 if key < sinks else key for key in range(PROMPT)], dtype=torch.float64).expand(2, -1)
    if policy == "observed":
        each = early.sum(1) / torch.arange(PROMPT, 0, -1)
    elif policy == "snapkv":
        each = early[:, PROMPT - window :].mean(1)
        each[:, : PROMPT - window] = avg_pool1d(each[:, : PROMPT - window], 5, 1, 2)
        each[:, PROMPT - window :] = 1e3
    else:
        each = early[:, -1].mean(0, keepdim=True).expand(4, -1)
    return each.unflatten(0, (2, 2)).mean(1)


@pytest.mark.parametrize("policy", ["streaming", "observed", "snapkv", "tova"])
def test_it_is_what_the_matrix_says(recording, policy):
    budget = 12
    report = regard.cache(recording, [policy], [budget, 0.5], prompt=PROMPT, window=6, sinks=3)
    assert report.budgets == (12, 20)
    for layer in range(2):
        weights = recording.self[layer].dense()[0].double()
        value = recording.values[layer].value[0].double()
        scores = scores_by_hand(policy, weights, 6, 3)
        for head in range(4):
            keep = torch.ones(TOKENS)
            keep[:PROMPT] = 0
            keep[scores[head // 2].topk(budget).indices] = 1
            later = weights[head, PROMPT:]
            kept = later * keep
            whole, left = later @ value[head // 2], kept / kept.sum(-1, keepdim=True) @ value[head // 2]
            assert float(report.retained[0, layer, head, 0]) == pytest.approx(float(kept.sum(-1).mean()), abs=1e-6)
            moved = ((left - whole).norm(dim=-1) / whole.norm(dim=-1)).mean()
            assert float(report.change[0, layer, head, 0]) == pytest.approx(float(moved), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("budget", "kept"),
    [(132, [227, 164, 100, 37]), (32, [32, 32, 32, 32]), (20, [20, 20, 20, 20]), (800, [1000, 867, 733, 600])],
)
def test_a_pyramid_falls_evenly_and_costs_what_it_says(budget, kept):
    assert [pyramid([budget], layer, 4, 1000, 32)[0] for layer in range(4)] == kept
    assert sum(kept) == 4 * budget


def test_layers_of_a_pyramid_are_snapkvs_with_their_own_budgets(recording):
    report = regard.cache(recording, ["pyramidkv"], [16], prompt=PROMPT, window=6)
    of_layers = [pyramid([16], layer, 2, PROMPT, 6)[0] for layer in range(2)]
    assert of_layers == [26, 6]
    other = regard.cache(recording, ["snapkv"], of_layers, prompt=PROMPT, window=6)
    for layer in range(2):
        torch.testing.assert_close(report.retained[0, layer, :, 0], other.retained[0, layer, :, layer])
        torch.testing.assert_close(report.change[0, layer, :, 0], other.change[0, layer, :, layer])


def test_what_moves_is_what_the_lost_keys_carried(recording):
    """o′ − o = d · (o_kept − o_dropped)."""
    weights, value = recording.self[0].dense()[0, 0, PROMPT:].double(), recording.values[0].value[0, 0].double()
    keep = torch.ones(TOKENS, dtype=torch.float64)
    keep[5:30] = 0
    lost = (weights * (1 - keep)).sum(-1, keepdim=True)
    kept, dropped = (weights * keep) @ value / (1 - lost), (weights * (1 - keep)) @ value / lost
    torch.testing.assert_close(kept - weights @ value, lost * (kept - dropped))


def test_all_keys_lose_nothing(recording):
    report = regard.cache(recording, budgets=[PROMPT], prompt=PROMPT)
    torch.testing.assert_close(report.retained, torch.ones_like(report.retained))
    assert float(report.change.max()) < 1e-5
    assert bool((report.budget(0.99) == PROMPT).all())


def test_more_keys_keep_more(recording):
    report = regard.cache(recording, budgets=[4, 8, 16, 32], prompt=PROMPT)
    assert bool((report.retained.diff(dim=-1) >= -1e-6).all())
    assert report.nbytes(8) == 2 * 2 * (8 + 8) * 4 * 8  # layers, key heads, numbers of a key and its value, bytes, keys
    assert "streaming" in str(report)


def test_a_sink_keeps_its_share():
    query, key = torch.randn(2, 1, 1, 10, 4, generator=torch.Generator().manual_seed(0))
    amap = regard.AttentionMap(query, key, causal=True, sinks=torch.tensor([1.5]))
    report = regard.cache([amap], ["streaming"], [2], prompt=6, sinks=1)
    assert report.change is None
    weights = amap.dense()[0, 0, 6:].double()
    kept = weights[:, [0, 5, 6, 7, 8, 9]].sum(-1) / weights.sum(-1)
    assert float(report.retained[0, 0, 0, 0]) == pytest.approx(float(kept.mean()), abs=1e-6)


def test_a_table_and_a_picture(recording):
    report = regard.cache(recording, ["tova", "snapkv"], [4, 8], prompt=PROMPT)
    rows = list(report.table())
    assert len(rows) == 1 + 2 * 2 * 4 * 2
    lines = report.figure().axes[0].lines
    assert [line.get_label() for line in lines] == ["tova", "snapkv"]
    assert list(lines[0].get_ydata()) == pytest.approx(report.retained[0].flatten(0, 1).mean(0).tolist())


@pytest.mark.parametrize("width", [None, 3.3])
def test_all_of_a_picture_is_on_it(recording, width):
    figure = regard.cache(recording, ["tova", "snapkv"], [4, 8], prompt=PROMPT).figure(width=width)
    figure.draw_without_rendering()
    drawn, (across, down) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(drawn.x0, drawn.y0) >= 0, drawn
    assert drawn.x1 <= across, drawn
    assert drawn.y1 <= down, drawn


def test_what_has_no_answer_is_refused(recording):
    with pytest.raises(OptionError, match="some rows have to come after it"):
        regard.cache(recording, prompt=TOKENS)
    with pytest.raises(OptionError, match="policies: expected"):
        regard.cache(recording, ["fifo"], prompt=PROMPT)
    with pytest.raises(OptionError, match="budgets: expected a whole number from 1 to 40"):
        regard.cache(recording, budgets=[41], prompt=PROMPT)
    with pytest.raises(ShapeError, match=r"recording\.sample\(0\)"):
        regard.cache([regard.AttentionMap(*torch.randn(2, 2, 1, 9, 4), causal=True)], prompt=4)
    with pytest.raises(RecordingError, match="causal"):
        regard.cache([regard.AttentionMap(*torch.randn(2, 1, 1, 9, 4))], prompt=4)
