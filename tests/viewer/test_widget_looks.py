"""What a widget looks at, from Python's side: set, checked, told, shown once, and one front end for all."""

import sys

import ipywidgets
import nbclient
import nbconvert
import nbformat
import pytest
import torch
import traitlets

import regard
from regard.errors import OptionError
from regard.viewer.document.document import document
from regard.viewer.front_end import front_end
from regard.viewer.notebook.widget import VIEW_TYPE, ViewerWidget, notebook_front_end


@pytest.fixture
def widget():
    amaps = [regard.AttentionMap(*torch.randn(2, 1, heads, 5, 3), causal=True) for heads in (5, 2)]
    for layer, amap in enumerate(amaps):
        amap.kind, amap.layer, amap.name = "self", layer, f"h.{layer}"
        amap.queries = amap.keys = ["▁il", "▁ne", "▁faut", "▁rien", "."]
    return ViewerWidget(document(amaps, view="text", heads=[1, 4], query="rien"), shared=True)


def test_it_looks_at_what_it_opens_with(widget):
    assert (widget.view, widget.map, widget.heads, widget.query, widget.key) == ("text", 0, [1, 4], 3, None)
    assert widget.get_state(["heads"]) == {"heads": [1, 4]}


def test_what_is_set_is_read_as_the_viewer_says_it(widget):
    widget.query, widget.key, widget.heads, widget.unit = "faut", -1, "all", "words"
    assert (widget.query, widget.key, widget.heads, widget.unit) == (2, 4, [0, 1, 2, 3, 4], "words")
    widget.heads = 3
    assert widget.heads == [3]
    heard = []
    widget.observe(lambda change: heard.append((change.name, change.new)), ["map", "heads", "query"])
    widget.map = "self layer 1"
    assert sorted(heard) == [("heads", [0]), ("map", 1)]  # head 3 is not there
    widget.query = None
    assert widget.query is None


def test_pins_are_set_by_words_and_told_as_positions(widget):
    widget.pins = [("rien", -1), {"map": "self layer 1", "query": 2}]
    assert widget.pins == [{"map": 0, "query": 3, "key": 4}, {"map": 1, "query": 2, "key": None}]
    widget.set_state({"pins": []})
    assert widget.pins == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("pins", ["rien"], "pins: expected pairs of a query and a key"),
        ("pins", [(9, 0)], "query: expected a whole number from -5 to 4, got 9"),
        ("view", "image", "there is no picture"),
        ("view", "table", "view: expected one of map"),
        ("map", 7, "map: expected a whole number from -2 to 1, got 7"),
        ("heads", [5], "heads: expected a whole number from -5 to 4, got 5"),
        ("query", "tout", "query: expected a position below 5 or a word that is there, got 'tout'"),
        ("unit", "characters", "unit: expected one that this map has"),
    ],
)
def test_what_is_not_there_cannot_be_set(widget, name, value, said):
    before = getattr(widget, name)
    with pytest.raises(OptionError, match=said) as raised:
        setattr(widget, name, value)
    assert isinstance(raised.value, traitlets.TraitError)
    assert getattr(widget, name) == before


def test_what_the_page_says_is_told(widget):
    heard = []
    widget.observe(lambda change: heard.append((change.name, change.new)), ["map", "heads", "query"])
    widget.set_state({"map": 1, "heads": [1], "query": 0})
    assert sorted(heard) == [("heads", [1]), ("map", 1), ("query", 0)]


def test_widgets_share_one_front_end(widget):
    other = ViewerWidget(document(torch.eye(3)), shared=True)
    assert other.front_end is widget.front_end is notebook_front_end()
    assert widget.front_end.code == front_end()
    assert len(widget.get_state()["_esm"]) < 2000
    alone = ViewerWidget(document(torch.eye(3)))  # where a notebook has no way to ask for another model
    assert (alone.front_end, alone.get_state()["_esm"]) == (None, front_end())
    widget.front_end.close()
    assert notebook_front_end().code == front_end()


def test_one_bundle_for_all_who_ask(widget):
    bundle = widget._repr_mimebundle_()
    assert list(bundle) == [VIEW_TYPE, "text/html", "image/png", "text/plain"]
    assert bundle["text/plain"] == "self layer 0, mean of heads 1, 4 of Attention"


CELLS = {
    "the last value": "regard.show(x)",
    "in the middle": "w = regard.show(x)\nprint('and on')",
    "shown by hand": "w = regard.show(x)\ndisplay(w)",
    "two of a loop": "for _ in range(2):\n    regard.show(x)",
    "in a box": "import ipywidgets\nipywidgets.HBox([regard.show(x), regard.show(x)])",
    "again": "w",
}
SHOWN = {"the last value": 1, "in the middle": 1, "shown by hand": 1, "two of a loop": 2, "in a box": 1, "again": 1}


@pytest.fixture(scope="module")
def run_through():
    """A notebook that was run from top to bottom, with the state of its widgets."""
    setup = "import regard, torch\nx = regard.AttentionMap(*torch.randn(2, 1, 1, 5, 3))"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in (setup, *CELLS.values())])
    nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3", store_widget_state=True).execute()
    return notebook


@pytest.mark.slow
def test_each_is_shown_once_and_the_front_end_is_sent_once(run_through):
    found = {
        name: [one["data"] for one in cell.outputs if VIEW_TYPE in one.get("data", {})]
        for name, cell in zip(CELLS, run_through.cells[1:], strict=True)
    }
    assert {name: len(views) for name, views in found.items()} == SHOWN
    # A widget's output shows nothing to those who have no widgets: the picture before it does. A box has its own text.
    assert all(view["text/plain"] == "" for name, views in found.items() if name != "in a box" for view in views)
    stills = [one for cell in run_through.cells for one in cell.outputs if "image/png" in one.get("data", {})]
    assert len(stills) == 6
    state = run_through.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    assert sum(len(str(model)) > 150_000 for model in state) == 1
    assert sum(model["state"].get("picture", "") != "" for model in state) == 2  # those of the box


@pytest.mark.slow
def test_what_nbconvert_makes_of_it(run_through):
    notebook = nbformat.from_dict(run_through)
    markdown, _ = nbconvert.MarkdownExporter().from_notebook_node(notebook)
    latex, files = nbconvert.LatexExporter().from_notebook_node(notebook)
    assert markdown.count("<img alt=") == 6
    pictures = [name for name in files["outputs"] if name.endswith(".png")]
    assert [latex.count(f"{name}}}") for name in pictures] == [1] * 6
    for text in (markdown, latex):
        assert "object at 0x" not in text
        assert "IPython" not in text
    del notebook.metadata["widgets"]  # as on GitHub, and wherever no state was kept
    assert nbconvert.HTMLExporter().from_notebook_node(notebook)[0].count('<div id="regard-still-') == 6


MANAGER = """async () => {
  // What html-manager does, as far as a widget sees it: models of the saved state, without a kernel.
  const { state } = JSON.parse(document.querySelector('script[type="application/vnd.jupyter.widget-state+json"]').textContent);
  const modelOf = (id) => ({
    comm_live: false, get: (name) => state[id].state[name], set() {}, save_changes() {}, send() {}, on() {}, off() {},
    widget_manager: { get_model: async (id) => modelOf(id) },
  });
  const show = async (id, place) => {
    for (const child of state[id].state.children ?? []) await show(child.replace("IPY_MODEL_", ""), place);
    if (state[id].model_name !== "AnyModel") return;
    const code = new Blob([state[id].state._esm], { type: "text/javascript" });
    const el = place.appendChild(document.createElement("div"));
    await (await import(URL.createObjectURL(code))).default.render({ model: modelOf(id), el });
  };
  for (const script of document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]'))
    await show(JSON.parse(script.textContent).model_id, script.parentElement);
}"""


@pytest.mark.browser
@pytest.mark.slow
def test_a_published_notebook_keeps_its_pictures_before_and_without_a_kernel(run_through, browser, tmp_path):
    path = tmp_path / "published.html"
    path.write_text(nbconvert.HTMLExporter().from_notebook_node(run_through)[0], encoding="utf-8")
    context = browser.new_context(viewport={"width": 1000, "height": 1400})
    context.route("https://**", lambda route: route.abort())
    page = context.new_page()
    page.goto(path.as_uri())
    stills = page.locator("[id^=regard-still] img")

    def seen():
        return [stills.nth(at).is_visible() for at in range(stills.count())]

    assert seen() == [True] * 6
    page.evaluate(MANAGER)
    assert seen() == [True] * 6
    assert page.get_by_text("No kernel answers here").count() == 8  # two of them in the box
    boxed = page.locator("img[alt=attention]")
    assert [boxed.nth(at).is_visible() for at in range(boxed.count())] == [True, True]
    assert page.locator(".viewer").count() == 0
    context.close()


@pytest.mark.slow
def test_ipython_is_not_needed_to_make_one(widget, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert isinstance(ipywidgets.HBox([widget]), ipywidgets.HBox)
