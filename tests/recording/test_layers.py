"""A layer is the index of its module, a pass begins with the outermost module, and further calls of a layer are numbered."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import (
    AlbertConfig,
    AlbertModel,
    BartConfig,
    BartModel,
    CLIPConfig,
    CLIPModel,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
)

import regard
from regard.errors import OptionError, RecordingError
from regard.recording.ablation import HeadSwitch, ablate
from regard.recording.layers import Layers, listed
from regard.recording.observe import observe
from support.attention_modules import ByHand, Fused
from support.tiny_models import tiny, tiny_inputs

TEXT = {"vocab_size": 53, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
PICTURE = {key: size for key, size in TEXT.items() if key != "vocab_size"} | {"image_size": 16, "patch_size": 4}


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def places(recording):
    return [(call.name, call.layer, call.call) for call in recording.calls]


def clip():
    return CLIPModel(CLIPConfig(text_config=TEXT, vision_config=PICTURE, projection_dim=8)).eval()


def two_pictures():
    sizes = {"num_key_value_heads": 1, "bos_token_id": None, "eos_token_id": None}
    rope = {"rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}}
    vision = {
        "depth": 3, "embed_dim": 16, "hidden_size": 16, "num_heads": 2, "patch_size": 4, "in_channels": 3,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "mlp_ratio": 2,
    }  # fmt: skip
    marks = {"image_token_id": 52, "video_token_id": 51, "vision_start_token_id": 50, "vision_end_token_id": 49}
    model = Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=TEXT | sizes | rope, vision_config=vision, **marks))
    ids = torch.tensor([[5, 50] + [52] * 4 + [50] + [52] * 4 + [49, 7]])
    grid = torch.tensor([[1, 4, 4], [1, 4, 4]])
    return model.eval(), {
        "input_ids": ids,
        "pixel_values": drawn(32, 96),
        "image_grid_thw": grid,
        "mm_token_type_ids": (ids == 52).int(),
    }


# -- layers


@pytest.mark.parametrize(
    ("names", "layers"),
    [
        (["layers.0.attn", "layers.3.attn"], [0, 3]),
        (["layers.3.attn"], [3]),
        (["h.0.attn1", "h.0.attn2", "h.1.attn1", "h.1.attn2"], [0, 0, 1, 1]),
        (["block.0.layer.0.own", "block.1.layer.0.own", "block.0.layer.1.other", "block.1.layer.1.other"], [0, 1, 0, 1]),
        (["stages.1.blocks.0.attn", "stages.1.blocks.1.attn", "stages.2.blocks.0.attn"], [0, 1, 2]),
        (["features.1.0.attn", "features.1.1.attn", "features.3.0.attn"], [0, 1, 2]),
        (["block1.0.attn", "block1.1.attn", "block2.0.attn"], [0, 1, 2]),
        (["encoder.layer_0.attn", "encoder.layer_1.attn"], [0, 1]),
        (["text.0", "text.1", "picture.0"], [0, 1, 0]),
    ],
    ids=["hybrid", "one of many", "two in a block", "T5", "stages", "torchvision", "numbered stages", "names", "towers"],
)
def test_the_layer_is_the_index_of_the_module(names, layers):
    """Among parts of the model that may have no attention at all."""
    model = nn.Module()
    for name in [*names, *(f"layers.{at}.mlp" for at in range(5)), "features.0.0", "features.0.1", "stages.0.blocks.0.conv"]:
        module = model
        for part in name.split("."):
            if part not in module._modules:
                module.add_module(part, nn.Module())
            module = module._modules[part]
    counted = Layers(dict(model.named_modules()))
    assert [counted.of(name, "self", [("", dict.fromkeys(names, 1)), (name, {})]) for name in names] == layers


def test_ablate_and_sweep_count_as_a_recording_does():
    model, x = (
        nn.Sequential(
            nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 3, 7, batch_first=True), 2, enable_nested_tensor=False)
        ).eval(),
        drawn(2, 5, 6),
    )
    with torch.no_grad(), regard.record(model, layers=[1]) as recording:
        model(x)
    assert [amap.layer for amap in recording.self] == [1]
    hybrid, x = Hybrid().eval(), drawn(1, 2, 5, 3)
    switch = HeadSwitch(hybrid)
    with observe(hybrid, switch):
        hybrid(x)
    assert switch.heads == {1: 2, 3: 2}
    with regard.record(hybrid) as recording:
        hybrid(x)
    assert [amap.layer for amap in recording.self] == [1, 3]
    found = regard.sweep(hybrid, x, lambda output: output.sum())
    assert found.measured.isnan().all(1).tolist() == [True, False, True, False]


class Hybrid(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Layer(at % 2 == 1) for at in range(4))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Layer(nn.Module):
    def __init__(self, attends):
        super().__init__()
        self.mixer = Fused() if attends else nn.Identity()

    def forward(self, x):
        return self.mixer(x, x, x) if isinstance(self.mixer, Fused) else self.mixer(x)


def test_sublayers_in_one_list_are_counted_among_themselves():
    """x-transformers: attention and feed-forward layers alternate as bare lists."""

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            parts = [*(nn.MultiheadAttention(6, 2, batch_first=True) for _ in range(4)), nn.Linear(6, 6), nn.Linear(6, 6)]
            order = [parts[at] for at in (0, 1, 4, 2, 3, 5)]
            self.layers = nn.ModuleList(nn.ModuleList([nn.LayerNorm(6), part]) for part in order)

        def forward(self, x, context):
            for at, (norm, part) in enumerate(self.layers):
                read = norm(x)
                if at % 3 == 2:
                    x = x + part(read)
                else:
                    looked_at = read if at % 3 == 0 else context
                    x = x + part(read, looked_at, looked_at, need_weights=False)[0]
            return x

    with regard.record(model := Decoder()) as recording:
        model(drawn(2, 5, 6), drawn(2, 7, 6, seed=1))
    assert [(amap.kind, amap.layer) for amap in recording.maps] == [("self", 0), ("cross", 0), ("self", 1), ("cross", 1)]


def test_skipped_layers_keep_their_number():
    sizes = {"encoder_layers": 7, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    model = BartModel(
        BartConfig(vocab_size=53, d_model=8, encoder_ffn_dim=8, decoder_ffn_dim=8, encoder_layerdrop=0.5, **sizes)
    )
    ids = torch.arange(3, 9)[None]
    with torch.random.fork_rng(), torch.no_grad(), regard.record(model.train()) as recording:
        torch.manual_seed(0)
        model(input_ids=ids)
    ran = [amap.layer for amap in recording.encoder]
    assert 0 < len(ran) < 7
    assert [f"encoder.layers.{layer}.self_attn" for layer in ran] == [amap.name for amap in recording.encoder]


@pytest.mark.parametrize("groups", [1, 2])
def test_layers_that_share_a_module_are_counted_by_its_runs(groups):
    sizes = {"vocab_size": 53, "embedding_size": 8, "hidden_size": 12, "num_attention_heads": 2, "intermediate_size": 8}
    model = AlbertModel(AlbertConfig(num_hidden_layers=4, num_hidden_groups=groups, **sizes)).eval()
    with torch.no_grad(), regard.record(model) as recording:
        for _ in range(2):
            model(torch.arange(3, 8)[None])
    assert [(amap.step, amap.layer, amap.call) for amap in recording.maps] == [(s, at, 0) for s in range(2) for at in range(4)]


def test_a_module_in_several_places_has_the_layer_of_each():
    """Zamba: one attention module in several layers."""

    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            shared = Layer(True)
            self.layers = nn.ModuleList(Place(shared if at in (1, 3) else None) for at in range(4))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    with regard.record(model := Shared()) as recording:
        model(drawn(1, 2, 5, 3))
    assert [(amap.layer, amap.call) for amap in recording.self] == [(1, 0), (3, 0)]
    with ablate(model, [(3, 1)]):
        output = model(drawn(1, 2, 5, 3))
    assert (output[:, 1] == 0).all()


class Place(nn.Module):
    def __init__(self, shared):
        super().__init__()
        self.shared = shared

    def forward(self, x):
        return x if self.shared is None else self.shared(x)


def test_layers_that_no_stack_has_are_an_error():
    model, inputs = tiny("bert"), tiny_inputs("bert")
    refused = pytest.raises(OptionError, match=r"layers: expected layers that ran, 0 to 2, got 7")
    with refused, torch.no_grad(), regard.record(model, layers=[1, 7]):
        model(**inputs)
    hybrid = Hybrid()
    with pytest.raises(OptionError, match="expected layers that ran, 1 and 3, got 0"), regard.record(hybrid, layers=[0]):
        hybrid(drawn(1, 2, 5, 3))
    with regard.record(model, layers=[7]):
        pass  # nothing ran, so nothing was missed


def test_layers_in_words():
    assert listed([]) == "of which there were none"
    assert listed({2, 0, 1}) == "0 to 2"
    assert listed([7, 3, 5]) == "3, 5 and 7"


# -- calls


def test_pictures_are_calls_of_a_layer():
    model, inputs = two_pictures()
    with torch.no_grad(), regard.record(model) as recording:
        model(**inputs)
    tower = [(f"model.visual.blocks.{layer}.attn", layer, call) for layer in range(3) for call in range(2)]
    assert places(recording)[:6] == tower
    assert [(amap.layer, amap.call, amap.step) for amap in recording.maps[:2]] == [(0, 0, 0), (0, 1, 0)]
    with torch.no_grad(), regard.record(model, layers=[1]) as part:
        model(**inputs)
    assert [amap.name for amap in part.maps] == ["model.visual.blocks.1.attn"] * 2 + ["model.language_model.layers.1.self_attn"]
    assert torch.equal(part.maps[1].dense(), recording.maps[3].dense())


def test_calls_and_steps_are_kept_in_files_and_samples(tmp_path):
    model, inputs = two_pictures()
    with torch.no_grad(), regard.record(model) as recording:
        model(**inputs)
        model(**inputs)
    recording.save(path := tmp_path / "two.safetensors")
    read = regard.load(path)
    assert read.calls == recording.calls
    numbers = [(amap.call, amap.step) for amap in recording.maps]
    assert {step for _, step in numbers} == {0, 1}
    assert [(amap.call, amap.step) for amap in read.maps] == numbers
    assert [(amap.call, amap.step) for amap in read.at(1).sample(0).maps] == [one for one in numbers if one[1]]


def test_what_a_module_computes_twice_is_two_calls():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([ByHand(), ByHand()])

        def forward(self, x):
            for block in self.blocks:
                x = torch.cat([block(part, part, part) for part in x.chunk(3, 2)], 2)
            return x

    with regard.record(model := Twice()) as recording:
        model(drawn(1, 2, 6, 5))
    assert places(recording) == [(f"blocks.{layer}", layer, call) for layer in range(2) for call in range(3)]
    refused = pytest.raises(OptionError, match=r"expected one map a layer, got 3 of layer 0, in blocks\.0: of several pictures")
    with refused:
        regard.rollout(recording)
    assert regard.rollout([amap for amap in recording.maps if amap.call == 2]).shape == (1, 2, 2)


# -- passes


ENTRIES = {
    "the model": lambda model, x: model(pixel_values=x, input_ids=torch.tensor([[1, 2]])),
    "its method": lambda model, x: model.get_image_features(pixel_values=x),
    "a part": lambda model, x: model.vision_model(pixel_values=x),
    "a part's part": lambda model, x: model.vision_model.encoder(model.vision_model.embeddings(x)),
    "layer by layer": lambda model, x: [
        layer(model.vision_model.embeddings(x), None) for layer in model.vision_model.encoder.layers
    ],
    "forward itself": lambda model, x: model.forward(pixel_values=x, input_ids=torch.tensor([[1, 2]])),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_pass_begins_with_the_outermost_module(entry):
    model, pictures = clip(), drawn(2, 1, 3, 16, 16)
    with torch.no_grad(), regard.record(model) as recording:
        for picture in pictures:
            ENTRIES[entry](model, picture)
    assert recording.passes == 2
    with pytest.raises(RecordingError, match=r"expected one pass of the model for \.self, got 2; .* recording\.at\(1\)"):
        recording.self  # noqa: B018
    for step, picture in enumerate(pictures):
        with torch.no_grad(), regard.record(model) as alone:
            ENTRIES[entry](model, picture)
        assert alone.passes == 1
        one = recording.at(step)
        assert [(amap.name, amap.layer) for amap in one.self] == [(amap.name, amap.layer) for amap in alone.self]
        for amap, same in zip(one.self, alone.self, strict=True):
            assert_close(amap.dense(), same.dense(), rtol=0, atol=0)


def test_layers_are_kept_for_each_picture():
    model, pictures = clip(), drawn(2, 1, 3, 16, 16)
    with torch.no_grad(), regard.record(model, layers=[1]) as recording:
        for picture in pictures:
            model.get_image_features(pixel_values=picture)
    assert [(amap.layer, amap.step) for amap in recording.maps] == [(1, 0), (1, 1)]


def test_a_part_after_the_whole_is_a_pass_of_its_own():
    model, picture = clip(), drawn(1, 3, 16, 16)
    with torch.no_grad(), regard.record(model) as recording:
        model(pixel_values=picture, input_ids=torch.tensor([[1, 2]]))
        model.visual_projection(drawn(1, 16))  # no attention, no pass
        model.get_image_features(pixel_values=picture)
    assert recording.passes == 2
    assert {amap.name.split(".")[0] for amap in recording.at(1).maps} == {"vision_model"}


def test_two_methods_of_a_model_are_two_passes():
    model, picture, words = clip(), drawn(1, 3, 16, 16), torch.tensor([[1, 2]])
    with torch.no_grad(), regard.record(model) as recording:
        model.get_image_features(pixel_values=picture)
        model.get_text_features(input_ids=words)
    assert recording.passes == 2
    assert [{amap.name.split(".")[0] for amap in recording.at(step).maps} for step in range(2)] == [
        {"vision_model"}, {"text_model"},
    ]  # fmt: skip


def test_a_method_that_goes_on_with_what_came_out_is_the_same_pass():
    class Halves(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = ByHand(), ByHand()

        def forward_features(self, x):
            return self.one(x, x, x)

        def forward_head(self, x):
            return self.other(x, x, x)

    x = drawn(1, 2, 3, 5)
    with regard.record(model := Halves()) as recording:
        model.forward_head(model.forward_features(x))
        model.forward_features(x)
        model.forward_head(x)
    assert [(amap.name, amap.step) for amap in recording.maps] == [("one", 0), ("other", 0), ("one", 1), ("other", 2)]


def test_one_pass_of_several():
    model, inputs = tiny("bert"), tiny_inputs("bert")
    with torch.no_grad(), regard.record(model, values=True) as recording:
        for _ in range(3):
            model(**inputs)
    last = recording.at(-1)
    assert (last.passes, len(last.self), len(last.calls), len(last.values)) == (1, 3, 3, 3)
    assert last.maps == recording.maps[6:]
    assert last.values == recording.values[6:]
    for wrong in (3, -4, 0.5, True):
        with pytest.raises(OptionError, match="step: expected a whole number"):
            recording.at(wrong)
    with regard.record(model) as none:
        pass
    with pytest.raises(OptionError, match=r"step: expected a pass that was recorded, got 0 of none; run the model"):
        none.at(0)
    with pytest.raises(OptionError, match=r"expected the maps of one pass, got those of 3; pass recording\.at\(0\)"):
        regard.rollout(recording.maps)


# -- towers


def test_towers_have_names_and_do_not_flow_through_one_another():
    model = clip()
    ids = torch.randint(3, 53, (1, 17))  # as many as the picture's class token and patches
    with torch.no_grad(), regard.record(model) as recording:
        model(input_ids=ids, pixel_values=drawn(1, 3, 16, 16))
    assert set(recording.towers) == {"vision_model", "text_model"}
    text = recording.tower("text_model")
    assert [amap.name for amap in text.self] == [f"text_model.encoder.layers.{layer}.self_attn" for layer in range(2)]
    assert len(text.calls) == 2
    for given in (recording, recording.self):
        with pytest.raises(OptionError, match=r"which stand beside each other; pass recording\.tower\('"):
            regard.rollout(given)
    alone = torch.eye(17)
    for amap in text.self:
        alone = (0.5 * torch.eye(17) + 0.5 * amap.dense()[0].mean(0)) @ alone
    assert_close(regard.rollout(text)[0], alone.double(), rtol=0, atol=1e-6, check_dtype=False)
    with pytest.raises(
        OptionError, match=r"tower: expected a part of the model that has maps, one of .*text_model.*, got 'audio'"
    ):
        recording.tower("audio")
