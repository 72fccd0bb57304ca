"""The viewer as a widget, with its kernel in this process: what a notebook does, and nothing else of one."""

import base64
import json

from regard.viewer.front_end import front_end
from regard.viewer.notebook.widget import ViewerWidget
from support.viewer_driving import Opened

HOST = """async ([program, traits]) => {
  const module = await import(URL.createObjectURL(new Blob([program], { type: "text/javascript" })));
  const heard = new Map();
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
  const model = {
    get: (name) => traits[name],
    on: (name, listener) => heard.set(listener, name),
    off: (name, listener) => heard.delete(listener),
    set() {},
    save_changes() {},
    send: (content) => kernel(JSON.stringify(content)).then((answers) => {
      for (const [said, buffers] of JSON.parse(answers))
        for (const [listener, name] of heard) if (name === "msg:custom") listener(said, buffers.map(bytes));
    }),
  };
  document.body.replaceChildren();
  const el = document.createElement("div");
  document.body.append(el);
  globalThis.cleanup = await module.default.render({ model, el });
}"""


def widget_opened(browser, shown, folder, script=None, height=560, **options):
    """A page of its own with a widget of the document ``shown`` in it, over the program and the messages as they are."""
    widget = ViewerWidget(shown, height=height)
    sent = []
    widget.send = lambda content, buffers=(): sent.append((content, buffers))

    def kernel(text):
        sent.clear()
        widget._handle_custom_msg(json.loads(text), [])
        return json.dumps([(content, [base64.b64encode(one).decode() for one in buffers]) for content, buffers in sent])

    looked = widget.get_state(["view", "map", "heads"])
    traits = {"height": widget.height, "theme": widget.theme, "still": widget.still} | looked
    page = folder / "notebook.html"
    page.write_text("<!doctype html><html lang=en><title>x</title><div role=tab>Map</div>", encoding="utf-8")
    return Opened(browser, page.as_uri(), script, host=(kernel, HOST, [front_end(), traits]), **options)
