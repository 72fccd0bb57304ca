"""The viewer as a notebook's widget: the kernel answers, the page draws."""

from typing import Any

import anywidget
import traitlets

from regard.errors import OptionError, RegardError
from regard.viewer.document.document import Document
from regard.viewer.front_end import front_end
from regard.viewer.notebook.look import checked_look


class ViewerWidget(anywidget.AnyWidget):
    """A document in a notebook. ``regard.show`` makes it.

    Args:
        document: what is looked at.
        height: of the widget, in pixels.
        theme: "light", "dark", or "auto" for the notebook's own.
        still: id of the element on the page that shows the same without a kernel; hidden while the widget is there.

    Raises:
        OptionError: another theme, or a height that no screen has.
    """

    _esm = front_end()
    height = traitlets.Int(560).tag(sync=True)
    theme = traitlets.Unicode("auto").tag(sync=True)
    still = traitlets.Unicode("").tag(sync=True)

    def __init__(self, document: Document, *, height: int = 560, theme: str = "auto", still: str = "") -> None:
        height, theme = checked_look(height, theme)
        self.document = document
        super().__init__(height=height, theme=theme, still=still)
        self.on_msg(self._answer)

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
