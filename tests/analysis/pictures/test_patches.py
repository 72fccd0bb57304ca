"""Words to patches, beside eager weights that are reshaped by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import transformers as hf
from torch.testing import assert_close

import regard
from regard.axes import Picture, View
from regard.errors import DtypeError, OptionError, ShapeError

PICTURE = 90


def qwen():
    """A tiny random Qwen2.5-VL, two pictures of 2 × 3 and 4 × 2 positions in one prompt, and its inputs."""
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}
    sizes = {"hidden_size": 32, "intermediate_size": 32}
    text = sizes | {"vocab_size": 100, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    vision = sizes | {"depth": 2, "num_heads": 2, "out_hidden_size": 32, "fullatt_block_indexes": [1], "window_size": 56}
    ends = {"image_token_id": PICTURE, "video_token_id": 91, "vision_start_token_id": 92, "vision_end_token_id": 93}
    vision |= {"patch_size": 14, "spatial_merge_size": 2}
    config = hf.Qwen2_5_VLConfig(text_config=text | {"rope_parameters": rope}, vision_config=vision, **ends)
    model = hf.Qwen2_5_VLForConditionalGeneration(config).eval()
    ids = torch.tensor([[1, 92, *[PICTURE] * 6, 93, 5, 92, *[PICTURE] * 8, 93, 7, 8, 9]])
    thw = torch.tensor([[1, 4, 6], [1, 8, 4]])
    given = {"input_ids": ids, "pixel_values": torch.randn(56, 1176), "image_grid_thw": thw}
    return model, given | {"mm_token_type_ids": (ids == PICTURE).long()}


@pytest.fixture(scope="module")
def seen():
    model, given = qwen()
    with torch.no_grad(), regard.record(model) as recording:
        model(**given)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        eager = model(**given, output_attentions=True).attentions
    return model, given, recording.tower("language_model"), torch.stack(eager)[:, 0].double()  # (layers, heads, rows, keys)


def test_two_pictures_of_qwen_are_the_eager_weights_reshaped(seen):
    model, given, recording, eager = seen
    places = (given["input_ids"][0] == PICTURE).nonzero().flatten()
    found = regard.patches(recording, {"one": [21], "both": [20, 21]}, pictures=regard.pictures(given, model.config))
    for word, rows in (("one", [20]), ("both", [19, 20])):
        mean = eager[:, :, rows].mean((0, 1, 2))
        for number, (part, shape) in enumerate(((places[:6], (2, 3)), (places[6:], (4, 2)))):
            assert_close(found.heat(word, number), mean[part].reshape(shape), rtol=0, atol=4e-9)
        share = found.share()[["one", "both"].index(word)]
        assert share.pictures == pytest.approx((mean[places[:6]].sum().item(), mean[places[6:]].sum().item()), abs=1e-7)
        assert share.text == pytest.approx(1 - mean[places].sum().item(), abs=1e-6)
    known = regard.patches(recording, {"one": [21]})  # the recording knows them too
    assert_close(known.heat("one", 1), found.heat("one", 1))


def test_chosen_heads_count_as_is_said(seen):
    _, _, recording, eager = seen
    found = regard.patches(recording, {"one": [21]}, heads={(0, 1): 3.0, (1, 2): 1.0})
    want = (3 * eager[0, 1, 20] + eager[1, 2, 20]) / 4
    assert_close(found.weights[0], want, rtol=0, atol=4e-8)
    assert "2 chosen heads" in str(found)


def test_contrasts_take_away_what_all_words_share(seen):
    _, _, recording, _ = seen
    found = regard.patches(recording, {"a": [19], "b": [20], "c": [21]})
    heats = torch.stack([found.heat(word) for word in "abc"])
    above = torch.stack([found.heat(word, against="words") for word in "abc"])
    assert_close(above, heats - heats.mean(0))
    assert_close(above.sum(0), torch.zeros(2, 3, dtype=torch.float64), rtol=0, atol=1e-15)
    neutral = regard.patches(recording, {"x": [20]})
    assert_close(found.heat("c", 1, against=neutral), found.heat("c", 1) / neutral.heat("x", 1))
    assert_close(found.heat("b", 1, against=neutral), torch.ones(4, 2, dtype=torch.float64))


def with_a_sink():
    """40 keys, of which 2 to 13 are a picture; every row looks at its patch 1,2, only row 38 at 2,3."""
    query, key = (torch.randn(1, 2, 40, 8, generator=torch.Generator().manual_seed(seed)) / 4 for seed in (0, 1))
    query[..., 0], key[..., 0], key[..., 1] = 3, 0, 0
    key[:, :, 2 + 6, 0] = 4.5
    query[:, :, 38, 1], key[:, :, 2 + 11, 1] = 8, 4
    return regard.AttentionMap(query, key, causal=True), Picture((View(3, 4, range(2, 14)),))


def test_a_patch_that_lights_up_for_every_word_is_named():
    amap, picture = with_a_sink()
    found = regard.patches(amap, {"red": [39], "is": [38]}, pictures=[picture])
    assert [(one.row, one.column, one.heads) for one in found.named_sinks()] == [(1, 2, 2)]
    assert found.strongest(1, sinks=False)[0][:4] == ("red", 0, 2, 3)
    assert found.heat("red", sinks=False)[1, 2] == 0
    assert found.share()[0].sinks == pytest.approx(found.heat("red")[1, 2].item())
    assert "patches are sinks" in str(found)


def blip():
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 11}
    parts = {
        "vision_config": hf.Blip2VisionConfig(**sizes, image_size=35, patch_size=7),
        "qformer_config": hf.Blip2QFormerConfig(**sizes, encoder_hidden_size=16, cross_attention_frequency=1),
    }
    text = hf.OPTConfig(
        vocab_size=101, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=11, word_embed_proj_dim=16
    )
    config = hf.Blip2Config(**parts, text_config=text, num_query_tokens=4, image_token_index=99)
    torch.manual_seed(0)
    return hf.Blip2ForConditionalGeneration(config).eval()


def test_through_the_resampler_of_blip():
    ids = torch.tensor([[99, 99, 99, 99, 7, 8]])
    model = blip()
    with torch.no_grad(), regard.record(model) as recording:
        model(input_ids=ids, pixel_values=torch.randn(1, 3, 35, 35))
    with pytest.raises(OptionError, match="through="):
        regard.pictures({"input_ids": ids}, model.config)
    text = recording.tower("language_model")
    crossed = [amap for amap in recording.tower("qformer").maps if amap.shape[3] == 26][-1]
    through = regard.mixture([crossed], {(crossed.layer, 0): 0.5, (crossed.layer, 1): 0.5})
    found = regard.patches(text, {"word": [5]}, through=through, queries=range(4))
    own = text.maps[0].dense()[0, :, 4].mean(0).double()
    handed = own[:4] @ crossed.dense()[0].mean(0).double()
    assert_close(found.heat("word"), handed[1:].reshape(5, 5), rtol=0, atol=1e-7)
    assert found.share()[0].pictures[0] == pytest.approx(own[:4].sum().item(), abs=1e-6)
    for error, message, wrong in (
        (OptionError, "one head, got 2", {"through": crossed, "queries": range(4)}),
        (OptionError, "4 positions of the resampler", {"through": through}),
        (ShapeError, "4 positions, each once, got 3", {"through": through, "queries": range(3)}),
        (DtypeError, "through: expected the resampler's map", {"through": 3, "queries": range(4)}),
        (OptionError, "queries: expected them beside through=", {"queries": range(4)}),
    ):
        with pytest.raises(error, match=message):
            regard.patches(text, {"word": [5]}, **wrong)


def test_words_of_an_answer_are_its_own_words():
    amap, picture = with_a_sink()
    amap.queries = amap.keys = [*(f"▁t{at}" for at in range(36)), "▁re", "d", "▁fox", "▁fox"]
    found = regard.patches(amap, range(36, 40), pictures=[picture])
    assert found.words == ("red", "fox", "fox (2)")
    assert found.rows == ((35, 36), (37,), (38,))
    assert regard.patches(amap, "t35 red", pictures=[picture]).words == ("t35", "red")


def test_memory_is_that_of_words_and_keys():
    query, key = (torch.randn(1, 1, 30_000, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    amap = regard.AttentionMap(query, key, causal=True)
    found = regard.patches(amap, {"late": range(29_990, 30_000)}, pictures=[Picture((View(100, 200, range(50, 20_050)),))])
    assert found.weights.shape == (1, 30_000)
    assert found.heat(0, shape=(10, 10)).sum() == pytest.approx(found.share()[0].pictures[0])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figure_has_a_row_a_word_and_shares_beside(seen, theme):
    _, _, recording, _ = seen
    found = regard.patches(recording, {"a": [20], "b": [21]})
    images = [np.full((56, 84, 3), 120, np.uint8), np.full((112, 56, 3), 90, np.uint8)]
    figure = found.figure(images, theme=theme)
    laid = [ax for ax in figure.axes if ax.images]
    assert len(laid) == 4
    assert [ax.images[-1].get_array().shape[:2] for ax in laid] == [(2, 3), (4, 2)] * 2
    assert max(ax.images[-1].get_array()[..., 3].max() for ax in laid[:2]) == pytest.approx(0.85)
    plt.close(figure)
    for against in ("words", found):
        found.figure(against=against, words=["b"], pictures=[1], theme=theme)
    with pytest.raises(ShapeError, match="images: expected 2, one a picture, got 3"):
        found.figure([*images, images[0]])


def test_tables_have_a_line_a_cell(seen):
    _, _, recording, _ = seen
    lines = list(regard.patches(recording, {"a": [20]}).table())
    assert len(lines) == 1 + 6 + 8


def test_what_cannot_be(seen):
    _, _, recording, _ = seen
    found, beyond = regard.patches(recording, {"a": [20]}), Picture((View(1, 2, [3, 40]),))
    for error, message, call in (
        (OptionError, "word: expected one of", lambda: found.heat("b")),
        (OptionError, "picture", lambda: found.heat("a", 2)),
        (OptionError, 'against: expected "words"', lambda: found.heat("a", against="mean")),
        (OptionError, "at least one word", lambda: regard.patches(recording, {})),
        (OptionError, "heads of layers 0, 1", lambda: regard.patches(recording, {"a": [20]}, heads={(2, 0): 1.0})),
        (OptionError, "above 0", lambda: regard.patches(recording, {"a": [20]}, heads={(0, 0): 0.0})),
        (ShapeError, "positions from 0 to 22", lambda: regard.patches(recording, {"a": [20]}, pictures=[beyond])),
        (DtypeError, "pictures: expected what regard.pictures", lambda: regard.patches(recording, {"a": [20]}, pictures=[3])),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            call()
    with pytest.raises(OptionError, match="patches of pictures, got none"):
        regard.patches(regard.AttentionMap(torch.randn(1, 1, 5, 4), torch.randn(1, 1, 5, 4), causal=True), {"a": [4]})


def test_positions_of_a_padded_batch_are_not_those_of_a_sequence():
    """Without its padding, a sequence has its pictures earlier."""
    from regard.axes import Axis, Line

    amap = regard.AttentionMap(torch.randn(1, 1, 8, 4), torch.randn(1, 1, 8, 4), causal=True)
    amap.keys = Axis((Line(8, id=(1, 92, 90, 90, 93, 5, 6, 7)),))
    here, padded = (Picture((View(1, 2, places),)) for places in ((2, 3), (6, 7)))
    assert regard.patches(amap, [7], pictures=[here]).heat("7").shape == (1, 2)
    regard.overlay(amap, queries=[6], picture=here)
    for call in (
        lambda: regard.patches(amap, [7], pictures=[padded]),
        lambda: regard.overlay(amap, queries=[6], picture=padded),
    ):
        with pytest.raises(OptionError, match="pictures: expected placeholders where picture 0 stands, got several tokens"):
            call()
