"""The other views of an offline page: ribbon, running text, heads, steps and picture say what torch computed."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch
from transformers import ViTConfig, ViTModel

import regard
from regard.axes import Axis, Line, Patch
from support.tiny_models import tiny, tiny_inputs
from support.viewer_driving import Opened, colour_of, rounded

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def weights(translation):
    """Of the head that the page opens with."""
    reading = translation.reading()
    return translation.recording.cross[reading.layer][0, reading.head]


def listed(sentence, verb):
    """The tokens and numbers of "A attends to B 0.98, C 0.02"."""
    name, _, rest = sentence.rpartition(f" {verb} ")
    return name, [tuple(part.rsplit(" ", 1)) for part in rest.split(", ")]


class TestRibbon:
    def test_curves_are_the_weights_from_the_threshold_up(self, opened, weights):
        curves = opened.page.locator(".ribbon-stage svg g path")
        for threshold in (0.05, 0.31, 0.0):
            opened.page.get_by_role("slider").fill(str(threshold))
            opened.rest()
            assert curves.count() == int((weights >= threshold).sum()), threshold
        opened.page.locator(".ribbon-stage").focus()
        opened.press("Escape")  # no token is chosen
        _, columns, rows = opened.table()
        assert columns == ["tokens produced", "source tokens", "weight"]
        assert len(rows) == weights.numel()

    def test_a_token_under_the_pointer_is_told_with_its_weights(self, opened, translation, weights):
        opened.page.get_by_text(translation.target_tokens[3], exact=True).hover()
        opened.rest()
        name, found = listed(opened.told(), "attends to")
        assert name == translation.target_tokens[3]
        strong = [key for key in weights[3].argsort(descending=True).tolist() if weights[3, key] >= 0.05]
        assert [token for token, _ in found] == [translation.source_tokens[key] for key in strong]
        assert all(rounded(text, weights[3, key]) for (_, text), key in zip(found, strong, strict=True))
        assert opened.page.locator(".ribbon-stage path:not(.faint-curve)").count() == len(strong)
        assert {"query": "3"}.items() <= opened.address().items()

    def test_a_source_token_by_the_keyboard(self, opened, translation, weights):
        opened.page.locator(".ribbon-stage").focus()
        opened.press("Escape", "ArrowUp", "ArrowRight")
        name, found = listed(opened.said(), "is attended by")
        assert name == translation.source_tokens[1]
        most = int(weights[:, 1].argmax())
        assert found[0][0] == translation.target_tokens[most]
        assert rounded(found[0][1], weights[most, 1])

    def test_saved_with_tokens_as_text(self, opened, translation):
        opened.press("l")
        svg = opened.svg()
        assert all(f">{token}<" in svg.replace("&lt;", "<").replace("&gt;", ">") for token in translation.source_tokens)
        picture = opened.png()
        assert min(picture.size) > 300

    def test_links_of_the_alignment(self, opened, translation):
        opened.choose("units", "words")
        opened.page.get_by_label("links that the alignment found").check()
        opened.rest()
        dashed = opened.page.locator(".ribbon-stage path.link")
        assert dashed.count() == len(translation.alignment.links)


class TestText:
    def test_what_a_token_attends_to(self, opened, translation, weights):
        opened.view("Text")
        opened.page.locator(".text-token", has_text=translation.target_tokens[1]).hover()
        opened.rest()
        name, found = listed(opened.told(), "attends to")
        assert name.endswith(translation.target_tokens[1])
        order = weights[1].argsort(descending=True).tolist()
        for (token, text), key in zip(found, order, strict=False):
            assert token == translation.source_tokens[key]
            assert rounded(text, weights[1, key])
        tokens = opened.page.locator(".text-token[data-side=key]")
        grounds = tokens.evaluate_all("tokens => tokens.map(token => getComputedStyle(token).backgroundColor)")
        for key, ground in enumerate(grounds):
            if weights[1, key] > 0.01:
                shown = [int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")]
                assert np.abs(np.array(shown) - colour_of(weights[1, key])).max() <= 3

    def test_what_attends_to_a_token(self, opened, translation, weights):
        opened.view("Text")
        opened.page.locator(".text-token[data-side=key]").nth(1).click()
        opened.rest()
        assert opened.page.get_by_label("what attends to it").is_checked()
        name, found = listed(opened.told(), "is attended by")
        assert name.endswith(translation.source_tokens[1])
        order = weights[:, 1].argsort(descending=True).tolist()
        assert [token for token, _ in found[:2]] == [translation.target_tokens[at] for at in order[:2]]
        assert rounded(found[0][1], weights[order[0], 1])
        _, columns, rows = opened.table()
        assert columns[1] == "tokens produced"
        assert all(rounded(weight, weights[int(at), 1]) for at, _, weight in rows)

    def test_both_directions_in_one_text_by_keys(self, opened, translation):
        opened.choose("map", "encoder layer 0")
        opened.view("Text")
        encoder = translation.recording.encoder[0][0, translation.reading().head]
        opened.page.locator(".text-stage").focus()
        opened.press("Escape", "ArrowRight", "ArrowRight", "ArrowRight")
        name, found = listed(opened.said(), "attends to")
        assert name.endswith(translation.source_tokens[2])
        assert rounded(found[0][1], encoder[2].max())
        opened.press("d")
        name, found = listed(opened.told(), "is attended by")
        assert name.endswith(translation.source_tokens[2])
        assert rounded(found[0][1], encoder[:, 2].max())

    def test_saved(self, opened, translation):
        opened.view("Text")
        text = "".join(ET.fromstring(opened.svg()).itertext())  # noqa: S314 - the viewer's own
        assert all(token in text for token in translation.source_tokens)
        assert min(opened.png().size) > 300


class TestHeads:
    def test_one_is_opened_by_a_click(self, opened, translation):
        opened.view("Heads")  # the head that was looked at is in sight
        layer = translation.reading().layer
        canvas = opened.page.locator(".heads-canvas").bounding_box()
        for across in range(60, 1000, 40):
            opened.page.mouse.move(canvas["x"] + across, canvas["y"] + canvas["height"] - 60)
            if opened.told().startswith(f"cross layer {layer}, head 2"):
                break
        opened.page.mouse.down()
        opened.page.mouse.up()
        opened.rest()
        assert {"view": "map", "heads": "2"}.items() <= opened.address().items()
        assert opened.drawing().says(0, 0, translation.recording.cross[layer][0, 2, 0, 0])

    def test_sorted_by_a_statistic(self, opened, translation):
        opened.view("Heads")
        opened.choose("sorted by", "entropy")
        caption, columns, rows = opened.table()
        assert "by entropy, largest first" in caption
        at = columns.index("entropy")
        values = [float(row[at]) for row in rows]
        assert values == sorted(values, reverse=True)
        recording = translation.recording
        assert len(rows) == sum(amap.shape[1] for amap in recording.maps)
        shown = {row[0]: row[at] for row in rows}
        for layer, amap in enumerate(recording.encoder):
            for head in range(amap.shape[1]):
                entropy = torch.special.entr(amap[0, head]).sum(-1).mean()
                assert rounded(shown[f"encoder layer {layer}, head {head}"], entropy, 1e-4)

    def test_keys(self, opened):
        opened.view("Heads")
        opened.page.locator(".heads-canvas").focus()
        opened.press("Home", "ArrowRight", "ArrowRight", "Enter")
        assert opened.address()["heads"] == "2"
        assert opened.address()["view"] == "map"


@pytest.fixture(scope="module")
def softmax():
    """Everything that can happen to scores: scale, cap, bias, mask, sink."""
    generator = torch.Generator().manual_seed(7)
    query, key = (torch.randn(1, heads, size, 3, generator=generator) for heads, size in ((4, 5), (2, 7)))
    options = {
        "scale": 0.7,
        "softcap": 3.0,
        "bias": torch.randn(1, 4, 5, 7, generator=generator),
        "sinks": torch.randn(4, generator=generator),
        "causal": True,
    }
    return query, key, options


class TestSteps:
    def numbers(self, opened):
        """The rows of the table of stages, by name."""
        _, columns, rows = opened.table()
        return columns, {row[0].split(":")[0]: row[1:] for row in rows}

    def same(self, shown, expected):
        return all(
            text == "−∞" if value == -torch.inf else rounded(text, value, 2e-6 * abs(float(value)))
            for text, value in zip(shown, expected, strict=True)
        )

    def test_every_stage_is_that_of_trace(self, browser, softmax, tmp_path):
        query, key, options = softmax
        regard.page(regard.AttentionMap(query, key, **options), tmp_path / "softmax.html")
        steps = regard.trace(query, key, torch.zeros(1, 2, 7, 2), **options)
        opened = Opened(browser, (tmp_path / "softmax.html").as_uri())
        opened.view("Steps")
        opened.page.get_by_role("button", name="All", exact=True).click()
        opened.head(3)
        for at in (0, 4):
            opened.page.get_by_role("toolbar", name="query").get_by_role("button").nth(at).click()
            opened.rest()
            _, rows = self.numbers(opened)
            assert list(rows) == ["q · k", "scale", "softcap", "bias", "mask", "exp", "softmax"]
            names = {"q · k": "scores", "scale": "scaled", "softcap": "capped", "bias": "biased", "mask": "masked"}
            for name, field in (names | {"softmax": "weights"}).items():
                assert self.same(rows[name][:7], getattr(steps, field)[0, 3, at]), (name, at)
            weights = steps.weights[0, 3, at]
            assert rounded(rows["softmax"][7], 1 - weights.sum())  # the sink
            assert rounded(rows["softmax"][8], weights.sum())
        opened.finish()

    def test_one_stage_at_a_time(self, opened):
        opened.view("Steps")
        opened.page.get_by_role("button", name="First", exact=True).click()
        assert opened.page.locator(".steps-table tbody tr").first.locator("th").count() >= 1
        assert list(self.numbers(opened)[1]) == ["q · k"]
        opened.page.get_by_role("button", name="Next", exact=True).click()
        assert list(self.numbers(opened)[1]) == ["q · k", "scale"]
        opened.page.locator(".steps-queries button").first.focus()
        opened.press("j", "j")
        assert list(self.numbers(opened)[1]) == ["q · k", "scale", "exp", "softmax"]
        opened.press("k")
        assert "exp" in opened.said()

    def test_the_output_is_weights_times_values(self, browser, tmp_path):
        model = tiny("llama")
        with regard.record(model, values=True) as recording, torch.no_grad():
            model(**tiny_inputs("llama"))
        regard.page(recording, tmp_path / "llama.html")
        opened = Opened(browser, (tmp_path / "llama.html").as_uri())
        opened.choose("map", f"{recording.maps[2].kind} layer 2")
        opened.view("Steps")
        opened.page.get_by_role("button", name="All", exact=True).click()
        opened.head(5)
        opened.page.get_by_role("toolbar", name="query").get_by_role("button").nth(6).click()
        opened.rest()
        shown = opened.page.locator("[aria-label=output] tr.current td").all_text_contents()
        expected = recording.maps[2][0, 5, 6] @ recording.values[2].value[0, 5 * 2 // 6]
        assert self.same(shown, expected)
        opened.finish()

    def test_the_dot_product_is_opened(self, opened):
        opened.view("Steps")
        opened.page.get_by_text("The dot product of").click()
        opened.rest()
        rows = opened.page.locator("[aria-label='dot product'] tbody tr")
        found = [
            [float(text.replace("−", "-")) for text in row.locator("td").all_text_contents() if text] for row in rows.all()
        ]
        q, k, products = found
        assert np.allclose(np.array(q) * np.array(k[: len(q)]), products[: len(q)], atol=0.2)
        assert sum(products[:-1]) == pytest.approx(products[-1], abs=0.3)

    def test_saved(self, opened, translation):
        opened.view("Steps")
        assert translation.source_tokens[1] in opened.svg()
        assert min(opened.png().size) > 100


@pytest.fixture(scope="module")
def vision():
    """A vision transformer over a picture of 3 × 5 patches."""
    sizes = {"hidden_size": 22, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 13}
    with torch.random.fork_rng():
        torch.manual_seed(11)
        config = ViTConfig(image_size=(24, 40), patch_size=8, initializer_range=0.5, **sizes)
        model = ViTModel(config, add_pooling_layer=False).eval()
    with regard.record(model) as made, torch.no_grad():
        model(torch.randn(1, 3, 24, 40, generator=torch.Generator().manual_seed(1)))
    return made


class TestImage:
    @pytest.fixture
    def pictured(self, browser, vision, tmp_path):
        picture = np.zeros((24, 40, 3), np.uint8)
        picture[:, :, 0] = np.arange(40) * 6
        regard.page(vision, tmp_path / "vit.html", image=picture)
        made = Opened(browser, (tmp_path / "vit.html").as_uri())
        yield made
        made.finish()

    def told(self, opened):
        return opened.page.locator(".image-status").text_content()

    def assert_patches(self, opened, expected):
        _, columns, rows = opened.table()
        assert columns == ["row", "column", "token", "weight"]
        assert len(rows) == 15
        for row, column, token, weight in rows:
            assert int(token) == 1 + 5 * int(row) + int(column)
            assert rounded(weight, expected[int(token)])
        opened.close_table()

    def test_what_a_patch_attends_to_and_what_attends_to_it(self, pictured, vision):
        weights = vision.maps[0][0, 0]
        assert pictured.page.get_by_role("tab", name="Image").get_attribute("aria-selected") == "true"
        self.assert_patches(pictured, weights[0])  # [CLS], where nothing is chosen
        canvas = pictured.page.locator(".image-canvas")
        canvas.click()  # its middle is the middle patch: row 1, column 2
        pictured.rest()
        assert "what row 1, column 2 attends to" in self.told(pictured)
        self.assert_patches(pictured, weights[8])
        canvas.focus()
        pictured.press("ArrowRight", "ArrowUp")
        assert "what row 0, column 3 attends to" in pictured.said()
        self.assert_patches(pictured, weights[4])
        pictured.press("d")
        assert "what attends to row 0, column 3" in self.told(pictured)
        self.assert_patches(pictured, weights[:, 4])

    def test_the_reader_calls_patches_by_their_place_and_shows_them(self, pictured):
        page = pictured.page
        pictured.view("Map")
        assert "Each row is a patch of the picture" in page.locator(".meaning-said").text_content()
        page.locator(".map-canvas").focus()
        pictured.press("Home", "ArrowDown")
        pictured.press(*["ArrowRight"] * 7)
        assert "patches (query): patch row 0, column 0" in pictured.said()
        assert "patches (key): patch row 1, column 1" in pictured.said()
        assert page.locator(".reader-partners h3").first.text_content() == "patch row 0, column 0 (1)"
        seen = page.locator(".reader-partners h3 .patch-seen")
        assert seen.count() == 2
        place = "one => [getComputedStyle(one).backgroundSize, getComputedStyle(one).backgroundPosition]"
        assert seen.nth(1).evaluate(place) == ["500% 300%", "25% 50%"]
        assert page.locator(".partner-name", has_text="row ").count() > 5
        pictured.view("Image")

    def test_the_picture_lies_under_the_weights_and_is_saved(self, pictured):
        canvas = pictured.pixels(".image-canvas")
        height, width, _ = canvas.shape
        line = canvas[height // 2, width // 4 : 3 * width // 4]
        assert len(np.unique(line, axis=0)) > 3
        assert "data:image/png;base64," in pictured.svg() or "data:image/jpeg;base64," in pictured.svg()
        assert len(pictured.png().convert("RGB").getcolors(2**24)) > 20

    def test_colours_lie_where_the_patches_are(self, browser, tmp_path):
        """Tokens in the middle of a prompt, in an order of their own: 3 × 4 patches of the second of two pictures."""
        order = np.random.default_rng(3).permutation(12)
        places = [None, Patch(0, 0, 0), None, *(Patch(1, int(at) // 4, int(at) % 4) for at in order), None]
        looks = torch.zeros(1, 1, 2, 16)
        looks[..., 3 + int(np.flatnonzero(order == 1 * 4 + 2)[0])] = 1  # row 1, column 2
        amap = regard.AttentionMap.from_dense(looks)
        amap.keys = Axis((Line(16, place=tuple(places)),))
        regard.page(amap, tmp_path / "two.html", image=[np.zeros((9, 9, 3)), np.zeros((30, 80, 3))])
        opened = Opened(browser, (tmp_path / "two.html").as_uri())
        opened.page.get_by_role("button", name="picture 2: ").click()
        opened.rest()
        assert self.told(opened).startswith("what 0 attends to: 1.00 of its weight is on picture 2 of 2")
        canvas = opened.pixels(".image-canvas")[..., :3].astype(int)
        above = canvas[: int(len(canvas) * 0.8)]  # without the legend

        def box(marked):
            down, across = np.nonzero(marked)
            return np.array([down.min(), across.min(), down.max() + 1, across.max() + 1])

        top, left, _, right = box(np.abs(above - above[0, 0]).max(-1) > 30)
        cell = box(above.max(-1) - above.min(-1) > 60) - [top, left, top, left]
        width = (right - left) / 4
        height = width * 4 * 30 / 80 / 3
        assert np.abs(cell - [height, 2 * width, 2 * height, 3 * width]).max() <= 2
        opened.finish()
