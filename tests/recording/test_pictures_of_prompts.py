"""Where patches stand in a prompt, beside which pixels really reach each position of the language model.

A tower whose attention says nothing mixes no patches: then the gradient of what is put into the text at a position has the
pixels of its own patch alone. That is the model's own layout, whatever its code calls it.
"""

import ast
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import transformers as hf
from test_places import PICTURE, SIZES, SQUARE, TEXT, language, llava, qwen, recorded

import regard
from regard.axes import Patch, Picture, View
from regard.errors import DtypeError, OptionError, ShapeError

VIDEO = 98


def reached(model, pixels, **given):
    """For each position of the text, the indices of the pixels that reach it."""
    for name, parameter in model.named_parameters():
        if re.search(r"(vis|tower).*att", name):
            torch.nn.init.zeros_(parameter)
        elif parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(0))
    held = {}
    inner = model.model.language_model
    hook = inner.register_forward_pre_hook(lambda _, __, kwargs: held.update(kwargs), with_kwargs=True)
    name, values = pixels
    values = values.clone().requires_grad_()
    model.eval()(**{name: values}, **given)
    hook.remove()
    embedded = held["inputs_embeds"]
    found = {}
    for at in range(embedded.shape[1]):
        (slope,) = torch.autograd.grad(embedded[0, at].square().sum(), values, retain_graph=True, allow_unused=True)
        if slope is not None and bool(slope.any()):
            found[at] = slope.nonzero()
    return found


def middle(found, height, width):
    """Which picture of the pixels a position sees, and the middle of what it sees, in shares of it."""
    assert len(set(found[:, -4].tolist())) == 1
    down, across = found[:, -2].double().unique(), found[:, -1].double().unique()
    return int(found[0, -4]), ((down.mean() + 0.5) / height).item(), ((across.mean() + 0.5) / width).item()


def cells(view):
    """The middle of each patch of a view, in shares of the picture, by position."""
    high, wide = view.box.bottom - view.box.top, view.box.right - view.box.left
    return {
        place: (
            view.box.top + high * (at // view.columns + 0.5) / view.rows,
            view.box.left + wide * (at % view.columns + 0.5) / view.columns,
        )
        for at, place in enumerate(view.positions)
    }


def pixels_of(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def check(pictures, found, side, where):
    """Every position is that of the pixels that reach it.

    Args:
        pictures: what was said.
        found: by position, the pixels that reach it.
        side: of the pictures that the tower was given.
        where: (picture, view, middle down, middle across) to (number among the tower's, down, across) of it.
    """
    met = set()
    for number, picture in enumerate(pictures):
        for view in picture.views:
            for place, (down, across) in cells(view).items():
                wanted = where(number, view, down, across)
                assert middle(found[place], side, side) == pytest.approx(wanted, abs=0.6 / side), (number, view.name, place)
                met.add(place)
    assert met == set(found)


def whole(number, _, down, across):
    return number, down, across


def test_llava_has_a_square_after_the_class_token_or_without_it():
    ids = torch.tensor([[1, 5, *[PICTURE] * 25, 7, *[PICTURE] * 25]])
    given = pixels_of(2, 3, 35, 35)
    model = llava()
    found = regard.pictures({"input_ids": ids, "pixel_values": given}, model.config)
    check(found, reached(model, ("pixel_values", given), input_ids=ids), 35, whole)
    ids = torch.tensor([[1, *[PICTURE] * 26, 7]])
    model = llava("full")
    [picture] = regard.pictures({"input_ids": ids}, model.config)
    assert picture.ends == (1,)
    seen = reached(model, ("pixel_values", given[:1]), input_ids=ids)
    seen.pop(1, None)
    check([picture], seen, 35, whole)


def next_model(pinpoints):
    config = {"image_token_index": PICTURE, "vision_feature_layer": -1, "image_grid_pinpoints": pinpoints}
    parts = {"vision_config": hf.CLIPVisionConfig(**SQUARE), "text_config": hf.LlamaConfig(**TEXT)}
    return hf.LlavaNextForConditionalGeneration(hf.LlavaNextConfig(**parts, **config))


@pytest.mark.parametrize(("size", "tiles"), [((21, 70), (1, 2)), ((70, 23), (2, 1)), ((35, 61), (1, 2))])
def test_tiles_of_llava_next_are_one_grid_without_their_border(size, tiles):
    model = next_model([[35, 70], [70, 35]])
    canvas = [35 * side for side in tiles]
    scale = min(canvas[0] / size[0], canvas[1] / size[1])
    real = [side * scale for side in size]
    border = [(one - other) / 2 for one, other in zip(canvas, real, strict=True)]

    def where(_, view, down, across):
        if view.name == "whole":
            return 0, down, across
        y, x = (share * extent + before for share, extent, before in zip((down, across), real, border, strict=True))
        return 1 + int(y // 35) * tiles[1] + int(x // 35), y % 35 / 35, x % 35 / 35

    given = pixels_of(1, 3, 3, 35, 35)
    sizes = torch.tensor([size])
    length = next(n for n in range(26, 90) if fits(model, n, sizes))
    ids = torch.tensor([[1, *[PICTURE] * length, 7]])
    [picture] = regard.pictures({"input_ids": ids, "image_sizes": sizes}, model.config)
    assert len(picture.positions) + len(picture.ends) == length
    found = reached(model, ("pixel_values", given), input_ids=ids, image_sizes=sizes)
    assert set(found) & set(picture.ends) == set()
    check([picture], found, 35, where)


def fits(model, count, sizes):
    """Whether the model takes so many placeholders."""
    ids = torch.tensor([[1, *[PICTURE] * count, 7]])
    try:
        with torch.no_grad():
            model.eval()(input_ids=ids, pixel_values=pixels_of(1, 3, 3, 35, 35), image_sizes=sizes)
    except ValueError:
        return False
    return True


def onevision(**more):
    vision = hf.SiglipVisionConfig(vision_use_head=False, image_size=28, patch_size=7, **SIZES)
    tokens = {
        "image_token_id": PICTURE,
        "video_token_id": VIDEO,
        "image_grid_pinpoints": [[28, 28], [28, 56], [56, 28], [56, 56]],
    }
    options = {"vision_feature_layer": -1, "vision_feature_select_strategy": "full"}
    config = hf.LlavaOnevisionConfig(vision_config=vision, text_config=hf.Qwen2Config(**TEXT), **tokens, **options, **more)
    return hf.LlavaOnevisionForConditionalGeneration(config)


def test_tiles_of_onevision_and_those_that_are_made_smaller():
    model = onevision()
    ids, sizes = torch.tensor([[5, *[PICTURE] * (16 + 4 * 9), 7]]), torch.tensor([[28, 56]])
    given = pixels_of(1, 3, 3, 28, 28)
    found = regard.pictures({"input_ids": ids, "image_sizes": sizes}, model.config)

    def where(_, view, down, across):
        return (0, down, across) if view.name == "whole" else (1 + int(across >= 0.5), down, across * 2 % 1)

    check(found, reached(model, ("pixel_values", given), input_ids=ids, image_sizes=sizes), 28, where)
    # at most one tile's worth of patches: a grid of 8 × 8 becomes one of 4 × 4
    small = onevision(vision_aspect_ratio="anyres_max_1")
    ids = torch.tensor([[5, *[PICTURE] * (16 + 4 * 5), 7]])
    sizes = torch.tensor([[56, 56]])
    [picture] = regard.pictures({"input_ids": ids, "image_sizes": sizes}, small.config)
    assert [(view.rows, view.columns) for view in picture.views] == [(4, 4), (4, 4)]
    with torch.no_grad():
        small.eval()(input_ids=ids, pixel_values=pixels_of(1, 5, 3, 28, 28), image_sizes=sizes)  # takes so many


def test_frames_of_onevision_are_pooled_and_end_once():
    model = onevision()
    ids = torch.tensor([[5, *[VIDEO] * (3 * 4 + 1), 7]])
    given = pixels_of(1, 3, 3, 28, 28)
    found = regard.pictures({"input_ids": ids, "pixel_values_videos": given}, model.config)
    assert [one.ends for one in found] == [(), (), (13,)]
    check(found, reached(model, ("pixel_values_videos", given), input_ids=ids), 28, whole)


def packed(thw, side=2):
    """For each row of the pixels that Qwen's processor makes, its picture and patch."""
    return [
        Patch(image, row + down, column + across)
        for image, (times, rows, columns) in enumerate(thw.tolist())
        for _ in range(times)
        for row in range(0, rows, side)
        for column in range(0, columns, side)
        for down in range(side)
        for across in range(side)
    ]


@pytest.mark.parametrize("grids", [((4, 6), (10, 8)), ((4, 6), (6, 4)), ((6, 4), (4, 6))])
@pytest.mark.parametrize("family", ["2", "2.5", "3"])
def test_pictures_of_qwen_are_row_by_row_after_its_windows(family, grids):
    """Also where both have as many patches: which is upright follows from the order that the model itself takes them in."""
    model, thw = qwen(family), torch.tensor([[1, *grid] for grid in grids])
    one, other = (down * across // 4 for down, across in grids)
    ids = torch.tensor([[5, 97, *[PICTURE] * one, 97, *[PICTURE] * other, 7]])
    types = (ids == PICTURE).int()
    given = pixels_of(4 * (one + other), 96)
    found = regard.pictures({"input_ids": ids, "image_grid_thw": thw}, model.config)
    seen = reached(model, ("pixel_values", given), input_ids=ids, image_grid_thw=thw, mm_token_type_ids=types)
    assert [picture.shape for picture in found] == [(down // 2, across // 2) for down, across in grids]
    with torch.no_grad(), regard.record(model) as recording:
        model(input_ids=ids, pixel_values=given, image_grid_thw=thw, mm_token_type_ids=types)
    assert regard.pictures(recording.tower("language_model").self[0].keys) == found
    order = packed(thw)
    for number, picture in enumerate(found):
        [view] = picture.views
        for at, place in enumerate(view.positions):
            row, column = divmod(at, view.columns)
            square = {Patch(number, 2 * row + down, 2 * column + across) for down in (0, 1) for across in (0, 1)}
            assert {order[one] for one in seen[place][:, 0].tolist()} == square
    assert {at for one in found for at in one.positions} == set(seen)


class Stamps:
    """A tokenizer that knows the times between frames and the names of tiles."""

    def __init__(self):
        self.names = {31: "<0.5 seconds>", 32: "<2.5 seconds>", 41: "<row_1_col_1>", 42: "<row_1_col_2>", 43: "<global-img>"}

    def decode(self, ids):
        return "".join(self.names.get(int(one), " ") for one in ids)


def test_frames_of_qwen_know_their_times():
    thw = torch.tensor([[2, 4, 6]])
    ids = torch.tensor([[5, 97, *[VIDEO] * 12, 7]])
    found = regard.pictures({"input_ids": ids, "video_grid_thw": thw, "second_per_grid_ts": [1.5]}, qwen("2.5").config)
    assert [(one.seconds, one.positions[0]) for one in found] == [((0, 1.5), 2), ((1.5, 3), 8)]
    ids = torch.tensor([[5, 31, 97, *[VIDEO] * 6, 96, 32, 97, *[VIDEO] * 6, 96]])
    given = {"input_ids": ids, "video_grid_thw": thw}
    found = regard.pictures(given, qwen("3").config, tokenizer=Stamps())
    assert [(one.seconds, one.positions[0]) for one in found] == [((0.5, 0.5), 3), ((2.5, 2.5), 12)]
    assert [one.seconds for one in regard.pictures(given, qwen("3").config)] == [None, None]


def internvl():
    vision = hf.InternVLVisionConfig(**SIZES | {"image_size": [28, 28], "patch_size": [7, 7]})
    ends = {"image_token_id": PICTURE, "vision_feature_layer": -1}
    return hf.InternVLForConditionalGeneration(
        hf.InternVLConfig(vision_config=vision, text_config=hf.Qwen2Config(**TEXT), **ends)
    )


def test_tiles_of_internvl_lie_as_is_said_or_as_the_proportions_give():
    model, given = internvl(), pixels_of(7, 3, 28, 28)
    ids = torch.tensor([[4, *[PICTURE] * 24, 7, *[PICTURE] * 4]])
    inputs = {"input_ids": ids, "pixel_values": given}
    found = regard.pictures(inputs, model.config, sizes=[(10, 51), (5, 5)])
    assert [(view.name, view.rows, view.columns) for view in found[0].views] == [("tiles", 2, 10), ("whole", 2, 2)]

    def where(number, view, down, across):
        if number == 1 or view.name == "whole":
            return (5 if number == 0 else 6), down, across
        return int(across * 5), down, across * 5 % 1

    check(found, reached(model, ("pixel_values", given), input_ids=ids), 28, where)
    assert found == regard.pictures(inputs, model.config, tiles=[(1, 5), (1, 1)])
    with pytest.raises(OptionError, match=r"tiles: expected how the 5 tiles of picture 0 lie.*sizes=\[\(height, width\)\]"):
        regard.pictures(inputs, model.config)
    with pytest.raises(OptionError, match=r"tiles: expected \(down, across\) of 5 tiles"):
        regard.pictures(inputs, model.config, tiles=[(2, 2), (1, 1)])
    with pytest.raises(OptionError, match="tiles: expected 2, one a picture of the batch, got 3"):
        regard.pictures(inputs, model.config, tiles=[(1, 5), (1, 1), (1, 1)])


def test_the_tiles_that_proportions_give_are_those_of_the_processor():
    # its own two functions: the module around them needs torchvision
    spec = find_spec("transformers.models.got_ocr2.image_processing_got_ocr2")
    parts = [one for one in ast.parse(Path(spec.origin).read_text()).body if getattr(one, "name", "").startswith("get_")]
    rule = {"lru_cache": lru_cache}
    exec(compile(ast.Module(parts, []), spec.origin, "exec"), rule)  # noqa: S102
    model = internvl()
    for height in range(20, 200, 17):
        for width in range(20, 200, 13):
            across, down = rule["get_optimal_tiled_canvas"]((height, width), (28, 28), 1, 12)
            count = across * down + (across * down > 1)
            ids = torch.tensor([[*[PICTURE] * (4 * count), 7]])
            inputs = {"input_ids": ids, "pixel_values": torch.zeros(count, 3, 28, 28)}
            [picture] = regard.pictures(inputs, model.config, sizes=[(height, width)])
            view = picture.views[0]
            assert (view.rows, view.columns) == (2 * down, 2 * across)


def test_rows_of_mistral_and_their_ends():
    vision = hf.PixtralVisionConfig(**SIZES, image_size=56, patch_size=7)
    config = {"image_token_index": PICTURE, "spatial_merge_size": 2, "vision_feature_layer": -1}
    parts = {"vision_config": vision, "text_config": hf.MistralConfig(**TEXT)}
    model = hf.Mistral3ForConditionalGeneration(hf.Mistral3Config(**parts, **config))
    ids = torch.tensor(
        [[4, *[PICTURE] * 3, 51, *[PICTURE] * 3, 52, *[PICTURE] * 2, 51, *[PICTURE] * 2, 51, *[PICTURE] * 2, 52]]
    )
    found = regard.pictures({"input_ids": ids}, model.config)
    sizes = torch.tensor([[28, 42], [42, 28]])
    assert found == regard.pictures({"input_ids": ids, "image_sizes": sizes}, model.config)
    assert [(one.views[0].rows, one.views[0].columns, one.ends) for one in found] == [(2, 3, (4, 8)), (3, 2, (11, 14, 17))]
    seen = reached(model, ("pixel_values", pixels_of(2, 3, 42, 42)), input_ids=ids, image_sizes=sizes)
    shares = [(height / 42, width / 42) for height, width in sizes.tolist()]
    check(found, seen, 42, lambda number, _, down, across: (number, down * shares[number][0], across * shares[number][1]))


def test_tiles_of_idefics_lie_as_their_names_say():
    vision = {"image_size": 28, "patch_size": 7, **SIZES}
    parts = {"vision_config": vision, "text_config": hf.LlamaConfig(**TEXT)}
    model = hf.Idefics3ForConditionalGeneration(hf.Idefics3Config(**parts, image_token_id=PICTURE, scale_factor=2))
    ids = torch.tensor([[4, 41, *[PICTURE] * 4, 42, *[PICTURE] * 4, 43, *[PICTURE] * 4, 7, 43, *[PICTURE] * 4]])
    found = regard.pictures({"input_ids": ids}, model.config, tokenizer=Stamps())
    assert [[view.name for view in one.views] for one in found] == [["tiles", "whole"], ["whole"]]
    assert found == regard.pictures({"input_ids": ids}, model.config, tiles=[(1, 2), (1, 1)])
    model.model.language_model = model.model.text_model

    def where(number, view, down, across):
        if view.name == "whole":
            return 2 + number, down, across
        return int(across * 2), down, across * 2 % 1

    seen = reached(model, ("pixel_values", pixels_of(1, 4, 3, 28, 28)), input_ids=ids)
    check(found, seen, 28, where)
    with pytest.raises(OptionError, match=r"tokenizer: expected one, as the names of tiles"):
        regard.pictures({"input_ids": ids}, model.config)


def test_squares_of_gemma_are_pooled():
    vision = hf.SiglipVisionConfig(vision_use_head=False, image_size=28, patch_size=7, **SIZES)
    config = hf.Gemma3Config(
        text_config=TEXT | {"head_dim": 8}, vision_config=vision, mm_tokens_per_image=4, image_token_index=PICTURE
    )
    model = hf.Gemma3ForConditionalGeneration(config)
    ids = torch.tensor([[4, *[PICTURE] * 4, 5, *[PICTURE] * 4, 7]])
    found = regard.pictures({"input_ids": ids}, model.config)
    given = pixels_of(2, 3, 28, 28)
    types = (ids == PICTURE).int()
    check(found, reached(model, ("pixel_values", given), input_ids=ids, token_type_ids=types), 28, whole)


def test_each_sequence_of_a_batch_has_its_own_pictures():
    ids = torch.tensor([[5, *[PICTURE] * 6, 7, 7, 7], [5, *[PICTURE] * 8, 7]])
    inputs = {"input_ids": ids, "image_grid_thw": torch.tensor([[1, 4, 6], [1, 8, 4]])}
    assert [[one.shape for one in regard.pictures(inputs, qwen("2").config, item=item)] for item in (0, 1)] == [
        [(2, 3)],
        [(4, 2)],
    ]


def test_what_is_not_known_is_asked_for():
    config = qwen("2").config
    ids = torch.tensor([[5, *[PICTURE] * 6, 7]])
    blip = SimpleNamespace(vision_config=SimpleNamespace(), qformer_config=1, image_token_id=PICTURE)
    plain = SimpleNamespace(vision_config=SimpleNamespace(), image_token_id=PICTURE)
    one, text = torch.tensor([[1, 4, 6]]), {"input_ids": ids}
    for error, message, inputs, of in (
        (OptionError, "expected 9 placeholders.*got 6", text | {"image_grid_thw": torch.tensor([[1, 6, 6]])}, config),
        (OptionError, "those of 2 images", text | {"image_grid_thw": torch.cat([one, one])}, config),
        (OptionError, "of each image, got 1", {"input_ids": torch.cat([ids, ids], 1), "image_grid_thw": one}, config),
        (OptionError, "expected placeholders of pictures in sequence 0", {"input_ids": torch.tensor([[1, 2]])}, config),
        (ShapeError, "input_ids", {}, config),
        (DtypeError, "inputs: expected what the model is given", ids, config),
        (OptionError, "queries of a resampler.*through=", text, blip),
        (OptionError, "image_grid_thw for image placeholders, got none", text, config),
        (OptionError, "vision_config with image_size", text, plain),
    ):
        with pytest.raises(error, match=message):
            regard.pictures(inputs, of)


def test_pictures_by_places_are_those_of_the_inputs():
    model = llava()
    ids = torch.tensor([[1, 5, *[PICTURE] * 25, 7]])
    given = {"input_ids": ids, "pixel_values": pixels_of(1, 3, 35, 35)}
    made = recorded(model, **given)
    assert regard.pictures(language(made).keys) == regard.pictures(given, model.config)


# -- laying weights on a picture -----------------------------------------------------------------------------------------


def test_no_weight_is_lost_whatever_the_views_are():
    weights = torch.rand(2, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    picture = Picture((View(2, 3, range(4, 10)), View(5, 4, range(10, 30), (-0.1, 0.0, 1.1, 1.0), "tiles")))
    for shape in (None, (7, 11), (1, 1)):
        torch.testing.assert_close(picture.heat(weights, shape).sum((-1, -2)), weights[:, 4:30].sum(1))
    [[cell]] = Picture((View(2, 2, range(4)),)).heat(torch.tensor([1.0, 2.0, 3.0, 4.0]), (1, 1)).tolist()
    assert cell == 10
    # a patch over two cells is shared out by area
    [row] = Picture((View(1, 2, range(2)),)).heat(torch.tensor([1.0, 3.0]), (1, 3)).tolist()
    assert row == pytest.approx([2 / 3, 1 / 3 + 1, 2])


def test_patches_as_spans():
    amap = regard.AttentionMap.from_dense(torch.rand(1, 1, 3, 9).softmax(-1))
    spans = Picture((View(2, 3, range(2, 8)),)).spans()
    assert spans.names[4] == "1,1"
    assert amap.by(keys=spans).shape == (1, 1, 3, 6)
