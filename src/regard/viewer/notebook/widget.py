"""The viewer as a notebook's widget: the kernel answers, the page draws, and each says to the other what is looked at."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import ipywidgets  # type: ignore[import-untyped]
import traitlets

from regard.errors import OptionError, RegardError, in_short
from regard.viewer.document.document import Document
from regard.viewer.document.opening import checked_heads, checked_map, checked_position, checked_unit, checked_view
from regard.viewer.front_end import front_end
from regard.viewer.notebook.look import checked_look
from regard.viewer.notebook.still import Still

LOADER = """const name = Symbol.for("regard front ends");
export default {
  async render(context) {
    const { model } = context;
    const kept = (globalThis[name] ??= new Map());
    const code = await model.widget_manager.get_model(model.get("front_end").replace("IPY_MODEL_", ""));
    if (!kept.has(code)) {
      const blob = new Blob([code.get("code")], { type: "text/javascript" });
      kept.set(code, import(URL.createObjectURL(blob)));
    }
    const { default: viewer } = await kept.get(code);
    return viewer.render({ ...context, live: code.comm_live !== false });
  },
};
"""
"""What each widget brings: it fetches the front end, which a notebook has once."""

VIEW_TYPE = "application/vnd.jupyter.widget-view+json"


class FrontEnd(ipywidgets.Widget):  # type: ignore[misc]
    """The front end, sent once to a notebook, for all of its widgets."""

    code = traitlets.Unicode().tag(sync=True)


class LookError(OptionError, traitlets.TraitError):
    """What a widget is told to look at is not there."""


class ViewerWidget(anywidget.AnyWidget):
    """A document in a notebook. ``regard.show`` makes it.

    What is looked at stands in ``view``, ``map``, ``heads``, ``query``, ``key``, ``unit`` and ``pins``: they follow the reader,
    can be set, and tell what changes (``widget.observe(heard, "query")``). A map may be set by what the viewer calls it, a
    query or a key by its word, and all heads by "all".

    Args:
        document: what is looked at.
        height: of the widget, in pixels.
        theme: "light", "dark", or "auto" for the notebook's own.
        shared: whether the notebook has one front end for all widgets; where not, this one brings its own.

    Raises:
        OptionError: another theme, or a height that no screen has.
    """

    height = traitlets.Int(560).tag(sync=True)
    theme = traitlets.Unicode("auto").tag(sync=True)
    view = traitlets.Unicode("map").tag(sync=True)
    map = traitlets.Union([traitlets.Int(), traitlets.Unicode()], default_value=0).tag(sync=True)
    heads = traitlets.Union([traitlets.List(traitlets.Int()), traitlets.Int(), traitlets.Unicode()], default_value=[0]).tag(
        sync=True
    )
    query = traitlets.Union([traitlets.Int(), traitlets.Unicode()], default_value=None, allow_none=True).tag(sync=True)
    key = traitlets.Union([traitlets.Int(), traitlets.Unicode()], default_value=None, allow_none=True).tag(sync=True)
    unit = traitlets.Unicode("tokens").tag(sync=True)
    pins: Any = traitlets.List().tag(sync=True)
    still = traitlets.Unicode("").tag(sync=True)
    picture = traitlets.Unicode("").tag(sync=True)
    front_end = traitlets.Instance(FrontEnd, allow_none=True, default_value=None).tag(
        sync=True, **ipywidgets.widget_serialization
    )

    def __init__(self, document: Document, *, height: int = 560, theme: str = "auto", shared: bool = False) -> None:
        height, theme = checked_look(height, theme)
        self.document = document
        self._esm = LOADER if shared else front_end()
        opening = {name: value for name, value in document.manifest["opening"].items() if name in self._looks}
        opening["front_end"] = notebook_front_end() if shared else None
        name = f"regard-still-{secrets.token_hex(6)}"
        super().__init__(height=height, theme=theme, still=name, **opening)
        self.placed = False  #: whether it is on display or in a box
        self.displayed = False  #: whether it is on display by itself, with its picture
        self.on_msg(self._answer)

    _looks = ("view", "map", "heads", "query", "key", "unit", "pins")

    # -- what is looked at ----------------------------------------------------------------------------------------------

    @traitlets.validate(*_looks)
    def _checked(self, proposal: Any) -> Any:
        """What is set, from either side, as the viewer says it."""
        manifest, value, name = self.document.manifest, proposal.value, proposal.trait.name
        if value is None:
            return None
        try:
            if name == "map":
                return checked_map(manifest, value)
            if name == "pins":
                return [self._pin(one) for one in value]
            if name in ("query", "key"):
                opening = {"map": self.map, "rowAxis": manifest["opening"].get("rowAxis", 0)}
                return checked_position(manifest, opening, name, value)
            check: Callable[..., Any] = {"view": checked_view, "heads": checked_heads, "unit": checked_unit}[name]
            return check(manifest, self.map, value)
        except RegardError as error:
            raise LookError(str(error)) from None

    def _pin(self, given: Any) -> dict[str, Any]:
        """A pin as the viewer keeps it: of a query and a key, or a mapping that also says which map it is on."""
        manifest, parts = self.document.manifest, given
        if isinstance(given, tuple) and len(given) == 2:
            parts = {"query": given[0], "key": given[1]}
        if not isinstance(parts, Mapping) or not parts.keys() <= {"map", "query", "key"} or len(parts) == 0:
            raise OptionError(
                f"pins: expected pairs of a query and a key, or mappings of map, query and key, got {in_short(given)}"
            )
        number = checked_map(manifest, parts.get("map", self.map))
        opening = {"map": number, "rowAxis": manifest["opening"].get("rowAxis", 0) if number == self.map else 0}
        sides = {side: parts.get(side) for side in ("query", "key")}
        found = {side: None if at is None else checked_position(manifest, opening, side, at) for side, at in sides.items()}
        return {"map": number, **found}

    @traitlets.observe("map")
    def _moved(self, change: Any) -> None:
        """Another map may have fewer heads, rows and columns."""
        info = self.document.manifest["maps"][change.new]
        if any(head >= info["heads"] for head in self.heads):
            self.heads = [0]
        for side, size in (("query", info["queries"]), ("key", info["keys"])):
            if getattr(self, side) is not None and getattr(self, side) >= size:
                setattr(self, side, None)

    # -- how it is shown ------------------------------------------------------------------------------------------------

    def keep_picture(self) -> None:
        """Keep the still picture in the state, as boxes have no other place for it."""
        self.picture = Still(self.document).address

    @property
    def model_id(self) -> str | None:
        """Its number on the page; a box that takes it asks for that."""
        self.placed = True
        found: str | None = super().model_id
        return found

    def __repr__(self) -> str:
        return f"ViewerWidget({in_short(self.document.manifest['title'])})"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:  # type: ignore[override]
        """The widget, and for those that have no widgets its picture."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {VIEW_TYPE: view, **Still(self.document).bundle(self.still)}

    def _ipython_display_(self, **_: Any) -> None:
        """The picture, and below it the widget, which hides it: without a kernel, one output shows no second type."""
        from IPython.display import display

        self.displayed = True
        bundle = self._repr_mimebundle_()
        view = bundle.pop(VIEW_TYPE)
        display(bundle, raw=True)  # type: ignore[no-untyped-call]
        display({VIEW_TYPE: view, "text/html": "", "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]

    # -- questions of the page ------------------------------------------------------------------------------------------

    def _answer(self, _: Any, content: Any, __: Any) -> None:
        """One question of the page, by its number."""
        if not isinstance(content, dict) or "id" not in content:
            return
        number = content["id"]
        try:
            question, request = content.get("question"), content.get("request")
            if not isinstance(question, str) or not isinstance(request, dict):
                raise OptionError(f"expected a question and a request, got {type(question).__name__}, {type(request).__name__}")
            packed = self.document.answer(question, request)
        except RegardError as error:
            self.send({"id": number, "error": str(error)})
        except Exception as error:
            self.send({"id": number, "error": f"{type(error).__name__}: {error}"})
            raise  # the kernel shows where
        else:
            self.send({"id": number}, [packed])


_front_ends: list[FrontEnd] = []


def notebook_front_end() -> FrontEnd:
    """The front end of this notebook: one, as long as it is not closed."""
    if not _front_ends or _front_ends[0].comm is None:
        _front_ends[:] = [FrontEnd(code=front_end())]
    return _front_ends[0]
