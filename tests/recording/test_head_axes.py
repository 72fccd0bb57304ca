"""Which axis is a head is seen from how a model cuts its projections, and from an einsum's letters, not from a count."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

import regard
from regard.errors import RecordingError
from regard.recording.ablation import ablate

BATCH, HEADS, TOKENS, DIM = 3, 4, 5, 2


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Attention(nn.Module):
    """Attention whose heads are cut and put together by functions that are given; ``truth`` is (batch, heads, n, n)."""

    def __init__(self, cut, back, attend, said=None):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(HEADS * DIM, HEADS * DIM) for _ in range(3))
        self.out = nn.Linear(HEADS * DIM, HEADS * DIM)
        self.cut, self.back, self.attend = cut, back, attend
        if said is not None:
            self.num_heads = said

    def forward(self, x):
        apart = [one(x).view(*x.shape[:2], HEADS, DIM).transpose(1, 2) for one in (self.query, self.key, self.value)]
        self.truth = (apart[0] @ apart[1].mT / DIM**0.5).softmax(-1).detach()
        cut = [self.cut(one(x)) for one in (self.query, self.key, self.value)]
        self.merged = self.back(self.attend(*cut))
        return self.out(self.merged)


def by_hand(query, key, value):
    return (query @ key.transpose(-2, -1) / DIM**0.5).softmax(-1) @ value


def fused(query, key, value):
    return functional.scaled_dot_product_attention(query, key, value)


FOUR_AXES = "heads outside of the batch"
CUTS = {
    "batch-major": (
        lambda x: x.view(-1, TOKENS, HEADS, DIM).transpose(1, 2).reshape(-1, TOKENS, DIM),
        lambda x: x.view(-1, HEADS, TOKENS, DIM).transpose(1, 2).reshape(-1, TOKENS, HEADS * DIM),
    ),
    "heads-major": (
        lambda x: x.view(-1, TOKENS, HEADS, DIM).permute(2, 0, 1, 3).reshape(-1, TOKENS, DIM),
        lambda x: x.view(HEADS, -1, TOKENS, DIM).permute(1, 2, 0, 3).reshape(-1, TOKENS, HEADS * DIM),
    ),
    "Set Transformer": (
        lambda x: torch.cat(x.split(DIM, 2), 0),
        lambda x: torch.cat(x.split(x.shape[0] // HEADS, 0), 2),
    ),
    "sequence first": (
        lambda x: x.transpose(0, 1).contiguous().view(TOKENS, -1, DIM).transpose(0, 1),
        lambda x: x.transpose(0, 1).contiguous().view(TOKENS, -1, HEADS * DIM).transpose(0, 1),
    ),
    FOUR_AXES: (
        lambda x: x.unflatten(-1, (HEADS, DIM)).permute(2, 0, 1, 3),
        lambda x: x.permute(1, 2, 0, 3).flatten(2),
    ),
}


@pytest.mark.parametrize("attend", [by_hand, fused])
@pytest.mark.parametrize("said", [None, HEADS])
@pytest.mark.parametrize(("cut", "batch"), [(c, b) for c in CUTS for b in (1, BATCH, HEADS)])
def test_heads_are_as_the_model_cuts_them(cut, attend, batch, said):
    model = Attention(*CUTS[cut], attend, said)
    with torch.no_grad(), regard.record(model) as recording:
        model(drawn(batch, TOKENS, HEADS * DIM))
    [amap] = recording.self
    assert_close(amap.dense(), model.truth, rtol=0, atol=1e-6)
    assert recording.calls[0].kept in ("factors", "dense")


@pytest.mark.parametrize("attend", [by_hand, fused])
@pytest.mark.parametrize("cut", CUTS)
def test_a_head_is_off_for_all_items(cut, attend):
    model, x = Attention(*CUTS[cut], attend, HEADS), drawn(BATCH, TOKENS, HEADS * DIM)
    model(x)
    plain = model.merged.detach().unflatten(2, (HEADS, DIM))
    for head in range(HEADS):
        with torch.no_grad(), ablate(model, [(0, head)]):
            model(x)
        found = model.merged.unflatten(2, (HEADS, DIM))
        assert (found[:, :, head] == 0).all()
        others = [other for other in range(HEADS) if other != head]
        assert torch.equal(found[:, :, others], plain[:, :, others])


@pytest.mark.parametrize("axes", [(0, 2, 3, 1), (0, 1, 3, 2)], ids=["timm Hiera", "windows before heads"])
def test_windows_are_batch_and_heads_are_heads(axes):
    """Five axes: (batch, heads, windows, n, dim)."""

    class Windows(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv = nn.Linear(6, 18)

        def forward(self, x):
            cut = self.qkv(x).reshape(2, 5, 7, 3, 3, 2).permute(3, 0, 4, 2, 1, 5)  # (3, batch, heads, windows, n, dim)
            self.given = cut = cut if axes == (0, 2, 3, 1) else cut.transpose(2, 3)
            return functional.scaled_dot_product_attention(*cut.unbind(0))

    model = Windows()
    with torch.no_grad(), regard.record(model) as recording:
        output = model(drawn(2, 35, 6))
    [amap] = recording.self
    assert amap.shape == (14, 3, 5, 5)
    query, key, _ = model.given if axes == (0, 2, 3, 1) else model.given.transpose(2, 3)
    truth = (query @ key.mT / 2**0.5).softmax(-1)  # (batch, heads, windows, n, n)
    assert_close(amap.dense().view(2, 7, 3, 5, 5).transpose(1, 2), truth, rtol=0, atol=1e-6)
    with torch.no_grad(), ablate(model, [(0, 1)]):
        less = model(drawn(2, 35, 6))
    less, output = (one if axes == (0, 2, 3, 1) else one.transpose(1, 2) for one in (less, output))
    assert (less[:, 1] == 0).all()
    assert torch.equal(less[:, [0, 2]], output[:, [0, 2]])


@pytest.mark.parametrize("attend", [by_hand, fused])
def test_heads_that_share_keys_and_values_are_heads(attend):
    def shared(x):  # only the first half of the heads have keys and values, for two heads each
        return x.view(-1, TOKENS, HEADS, DIM).transpose(1, 2)[:, : HEADS // 2].repeat_interleave(2, 1)

    truth = []

    def grouped(query, key, value):
        query, key, value = query.view(-1, TOKENS, HEADS, DIM).transpose(1, 2), shared(key), shared(value)
        truth.append((query @ key.mT / DIM**0.5).softmax(-1).detach())
        return attend(query, key, value)

    model = Attention(lambda x: x, lambda x: x.transpose(1, 2).flatten(2), grouped)
    with torch.no_grad(), regard.record(model) as recording:
        model(drawn(BATCH, TOKENS, HEADS * DIM))
    assert_close(recording.self[0].dense(), truth[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("equation", ["...qk,...kd->...qd", "...ij,...jz", "b...qk,b...kd->b...qd", "...hqk,...hkd->...hqd"])
def test_axes_under_an_ellipsis_are_seen(equation):
    def attend(query, key, value):
        return torch.einsum(equation, (query @ key.mT / DIM**0.5).softmax(-1), value)

    model = Attention(lambda x: x.unflatten(-1, (HEADS, DIM)).transpose(1, 2), lambda x: x.transpose(1, 2).flatten(2), attend)
    with torch.no_grad(), regard.record(model) as recording:
        model(drawn(BATCH, TOKENS, HEADS * DIM))
    assert_close(recording.self[0].dense(), model.truth, rtol=0, atol=1e-6)


def test_a_softmax_of_five_axes_is_said_whatever_its_module_is_called():
    class Grouped(nn.Module):
        def forward(self, x):
            return (x @ x.mT).softmax(-1) @ x

    with pytest.raises(RecordingError, match="Grouped: a softmax of 5 axes"), regard.record(model := Grouped()):
        model(drawn(2, 3, 1, TOKENS, DIM))


EINSUMS = ["bhqk,bkhd->bqhd", "bqhk,bkhd->bqhd", "hbqk,bkhd->bqhd", "hnij,njhd->nihd", "bnij,bjnd->bind", "xyij,xjyd->xiyd"]


@pytest.mark.parametrize("equation", EINSUMS)
def test_the_letters_of_an_einsum_say_which_axis_is_which(equation):
    weights_are, values_are = equation.split("->")[0].split(",")
    batch, key, head, _ = values_are
    query = next(one for one in weights_are if one not in (batch, key, head))

    class Einsum(nn.Module):
        def forward(self, x):
            q = x.view(BATCH, TOKENS, HEADS, DIM)
            scores = torch.einsum(f"{batch}{query}{head}d,{values_are}->{weights_are}", q, q)
            self.merged = torch.einsum(equation, scores.softmax(-1), q)
            return self.merged

    model, x = Einsum(), drawn(BATCH, TOKENS, HEADS * DIM)
    with regard.record(model) as recording:
        model(x)
    q = x.view(BATCH, TOKENS, HEADS, DIM).transpose(1, 2)
    assert_close(recording.self[0].dense(), (q @ q.mT).softmax(-1), rtol=0, atol=1e-6)
    plain = model.merged
    with ablate(model, [(0, 1)]):
        model(x)
    assert (model.merged[:, :, 1] == 0).all()
    assert torch.equal(model.merged[:, :, [0, 2, 3]], plain[:, :, [0, 2, 3]])


def test_values_that_all_heads_share_in_an_einsum():
    class Shared(nn.Module):
        def forward(self, q, k):
            return torch.einsum("bhqk,bkd->bqhd", torch.einsum("bqhd,bkd->bhqk", q, k).softmax(-1), k)

    q, k = drawn(BATCH, TOKENS, HEADS, DIM), drawn(BATCH, 7, DIM, seed=1)
    with regard.record(model := Shared()) as recording:
        model(q, k)
    assert_close(recording.maps[0].dense(), (q.transpose(1, 2) @ k[:, None].mT).softmax(-1), rtol=0, atol=1e-6)


def test_rows_that_share_their_weights_are_features():
    """ESM's attention over the rows of an alignment."""

    class Rows(nn.Module):
        def forward(self, x):
            rows, tokens, batch, _ = x.shape
            q = x.view(rows, tokens, batch, HEADS, DIM)
            weights = torch.einsum("rinhd,rjnhd->hnij", q, q).softmax(-1)
            return torch.einsum("hnij,rjnhd->rinhd", weights, q)

    x = drawn(7, TOKENS, BATCH, HEADS * DIM)
    with regard.record(model := Rows()) as recording:
        plain = model(x)
    q = x.view(7, TOKENS, BATCH, HEADS, DIM)
    assert_close(recording.self[0].dense(), torch.einsum("rinhd,rjnhd->nhij", q, q).softmax(-1), rtol=0, atol=1e-5)
    with ablate(model, [(0, 2)]):
        less = model(x)
    assert (less[..., 2, :] == 0).all()
    assert torch.equal(less[..., :2, :], plain[..., :2, :])


def test_an_einsum_of_one_operand_does_not_disturb_the_model():
    class Mean(nn.Module):
        def forward(self, x):
            weights = (x @ x.mT).softmax(-1)
            self.mean = torch.einsum("bij->bi", weights), torch.einsum("bij,bjd,bjd->bid", weights, x, x)
            return weights @ x

    with regard.record(model := Mean()) as recording:
        model(drawn(2, 5, 8))
    assert [amap.shape for amap in recording.self] == [(2, 1, 5, 5)]


class Untold(nn.Module):
    """It is given queries that somebody else has cut."""

    num_heads = HEADS

    def forward(self, query):
        return functional.scaled_dot_product_attention(query, query, query)


@pytest.mark.parametrize("before", [(BATCH * HEADS,), (2, HEADS, 7)])
def test_where_nothing_tells_all_stand_in_batch_and_the_call_says_so(before):
    query = drawn(*before, TOKENS, DIM)
    with regard.record(model := Untold()) as recording:
        model(query)
    wide = query.flatten(0, -3)[:, None]
    assert_close(recording.self[0].dense(), (wide @ wide.mT / DIM**0.5).softmax(-1), rtol=0, atol=1e-6)
    said = "factors; which of its leading axes are heads is not known: they all stand in batch"
    assert [call.kept for call in recording.calls] == [said]
    refused = pytest.raises(
        RecordingError, match=r"expected attention in .* whose heads are known, got a call where which of its"
    )
    with refused, ablate(model, [(0, 0)]):
        model(query)


def test_an_error_in_looking_at_a_call_waits_for_the_end_of_the_block(monkeypatch):
    monkeypatch.setattr("regard.recording.recorder.Recorder.look_at", lambda *_: 1 / 0)
    done = []
    with pytest.raises(ZeroDivisionError), regard.record(model := Untold()):
        done.append(model(drawn(2, 3, 5, 7)))
    assert len(done) == 1


def test_reshapes_of_tensors_that_are_gone_are_forgotten():
    from regard.recording.reshapes import Reshapes

    noted = Reshapes()
    for _ in range(5):
        x = drawn(2, 6)
        noted.see(torch.Tensor.view, (x, 2, 3, 2), {}, y := x.view(2, 3, 2))
        assert noted.parts(y) is not None
    del x, y
    assert not noted._nodes
