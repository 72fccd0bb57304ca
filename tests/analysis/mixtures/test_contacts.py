"""Contacts equal those of the model's own head, whole and in parts."""

import sys

import pytest
import torch
from transformers import EsmConfig, EsmModel

import regard
from regard.errors import DtypeError, OptionError, ScoreError, ShapeError


def protein_model(kernel):
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 20}
    more = {"pad_token_id": 1, "mask_token_id": 32, "position_embedding_type": "rotary", "max_position_embeddings": 60}
    config = EsmConfig(vocab_size=33, **sizes, **more, token_dropout=False, attn_implementation=kernel)
    model = EsmModel(config, add_pooling_layer=False).eval()
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.4)
    model.contact_head.regression.weight.data.mul_(5)
    return model


@pytest.fixture(scope="module")
def proteins():
    """A recording of two chains of 15 and 7 residues, the regression, and what the model itself says of them."""
    ids = torch.tensor([[0, *range(5, 20), 2], [0, *range(5, 12), 2, *[1] * 8]])
    model = protein_model("sdpa")
    with torch.no_grad():
        expected = protein_model("eager").predict_contacts(ids, (ids != 1).long())
        with regard.record(model) as recording:
            model(ids, attention_mask=(ids != 1).long())
    return recording, model.contact_head.regression, expected


@pytest.mark.parametrize(("item", "residues"), [(0, 15), (1, 7)])
def test_they_are_those_of_the_model_s_own_head(proteins, item, residues):
    recording, regression, expected = proteins
    found = regard.contacts(recording.sample(item), regression, residues=range(1, residues + 1)).map
    torch.testing.assert_close(found.dense()[0, 0], expected[item, :residues, :residues], atol=2e-6, rtol=0)
    torch.testing.assert_close(found[0, 0, 1:4, 3:7], expected[item, 1:4, 3:7], atol=2e-6, rtol=0)


def test_weights_by_head_are_the_same_as_a_layer_of_them(proteins):
    recording, regression, _ = proteins
    values = iter(regression.weight.detach().flatten().tolist())
    heads = {(layer, head): next(values) for layer in range(3) for head in range(4)}
    given = regard.contacts(recording.sample(0), heads, float(regression.bias.detach()), residues=range(1, 16))
    own = regard.contacts(recording.sample(0), regression, residues=range(1, 16))
    torch.testing.assert_close(given.map.dense(), own.map.dense())


def test_the_strongest_are_the_strongest_and_far_apart(proteins, monkeypatch):
    monkeypatch.setattr(sys.modules["regard.analysis.mixtures.contacts"], "ROWS", 4)
    recording, regression, expected = proteins
    found = regard.contacts(recording.sample(0), regression, residues=range(1, 16))
    strongest = found.strongest(5, apart=3)
    pairs = sorted(((float(expected[0, i, j]), i, j) for i in range(15) for j in range(i + 3, 15)), reverse=True)[:5]
    assert [(one.first, one.second) for one in strongest] == [(i, j) for _, i, j in pairs]
    assert strongest[0].probability == pytest.approx(pairs[0][0], abs=2e-6)


def test_precision_counts_those_that_touch(proteins):
    recording, regression, _ = proteins
    found = regard.contacts(recording.sample(0), regression, residues=range(1, 16))
    truth = torch.zeros(15, 15, dtype=torch.bool)
    for one in found.strongest(4, apart=3)[::2]:
        truth[one.first, one.second] = True
    assert found.precision(truth, apart=3, top=4) == 0.5
    assert found.precision(~truth, apart=3, top=4) == 0.5


def test_a_picture_has_the_structure_above_the_diagonal(proteins):
    recording, regression, _ = proteins
    found = regard.contacts(recording.sample(0), regression, residues=range(1, 16))
    truth = torch.zeros(15, 15)
    truth[2, 9] = 1
    shown = found.figure(truth).axes[0].collections[0].get_array().reshape(15, 15)
    assert shown[2, 9] == 1
    assert shown[2, 10] == 0
    assert shown[9, 2] == pytest.approx(float(found.map[0, 0, 9, 2]))


def test_a_structure_beside_contacts_is_read_by_tiles(proteins):
    """No square of probabilities is made: a long chain is read where it is looked at."""
    recording, regression, _ = proteins
    truth = torch.rand(15, 15, generator=torch.Generator().manual_seed(0)) > 0.7
    found = regard.contacts(recording.sample(0), regression, residues=range(1, 16))
    whole = found.map.dense()[0, 0]
    want = torch.where(torch.ones(15, 15).triu(1) > 0, truth.float(), whole)
    beside = found.beside(truth.double() * 8)  # any number above 0
    torch.testing.assert_close(beside[0, 0], want)
    torch.testing.assert_close(beside[0, 0, 3:9, 1:14], want[3:9, 1:14])
    torch.testing.assert_close(beside.select(queries=[7, 2], keys=[9, 1, 4])[0, 0], want[[7, 2]][:, [9, 1, 4]])
    size = 4_099
    q = torch.randn(1, 1, size, 2, generator=torch.Generator().manual_seed(0))
    long = regard.contacts(regard.AttentionMap(q, q), {(0, 0): 1.0}, residues=range(size))
    line = torch.zeros(size, size, dtype=torch.bool)
    tile = long.beside(line)[0, 0, 5:8, 3:12]
    torch.testing.assert_close(tile.tril(2), long.map[0, 0, 5:8, 3:12].tril(2))
    assert not bool(tile.triu(3).any())


def test_a_structure_with_holes_is_refused(proteins):
    recording, regression, _ = proteins
    found = regard.contacts(recording.sample(0), regression, residues=range(1, 16))
    truth = torch.zeros(15, 15)
    truth[3, 4] = torch.nan
    for ask in (found.precision, found.figure, found.beside):
        with pytest.raises(ScoreError, match="truth: expected which residues touch, .* got NaN; say 0"):
            ask(truth)


def test_ends_that_are_known_are_cut_off(proteins):
    recording, regression, _ = proteins
    one = recording.sample(0)
    for amap in one.maps:
        amap.queries = amap.keys = ["<cls>", *"ACDEFGHIKLMNPQR", "<eos>"]
    found = regard.contacts(one, regression)
    assert found.map.shape == (1, 1, 15, 15)
    assert list(found.map.queries) == list("ACDEFGHIKLMNPQR")


def test_what_is_not_known_is_asked_for(proteins):
    recording, regression, _ = proteins
    amap = recording.sample(0).maps[0]
    unknown = regard.AttentionMap(amap.factors.query, amap.factors.key)
    with pytest.raises(OptionError, match=r"residues=range\(1, 16\)"):
        regard.contacts([unknown], {(0, 0): 1.0})
    with pytest.raises(ShapeError, match="expected self-attention of one sequence"):
        regard.contacts(recording, regression, residues=[1])
    with pytest.raises(ShapeError, match="expected 4 numbers"):
        regard.contacts(recording.sample(0).maps[:1], regression, residues=[1])
    with pytest.raises(DtypeError, match=r"model\.contact_head\.regression"):
        regard.contacts(recording.sample(0), 3, residues=[1])
    with pytest.raises(OptionError, match="expected at least one position"):
        regard.contacts(recording.sample(0), regression, residues=[])
