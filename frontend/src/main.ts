/** What the hosts call: an offline page runs by itself, a notebook calls `render`, the server's page `mountSite`. */

import { manifestOf, sourceOver } from "./engine/source";
import { widgetTransport } from "./engine/widget_transport";
import { follow, lookedAt, type NotebookModel } from "./notebook/looks";
import { stillOf } from "./notebook/still";
import { messageOf } from "./page";
import { mountViewer } from "./shell";
import type { Theme } from "./shell/theme";

export { mountPage } from "./page";
export { mountSite } from "./site";

/** What anywidget gives, and whether a kernel is behind it. */
interface Notebook {
  model: NotebookModel;
  el: HTMLElement;
  live?: boolean;
}

async function render({ model, el, live = true }: Notebook): Promise<() => void> {
  const transport = widgetTransport(model);
  const root = document.createElement("div");
  el.append(root);
  const still = stillOf(model, root);
  if (!live) {
    transport.close();
    still.say("No kernel answers here: this is how it opened. Run the cell again to look around.");
    return () => root.remove();
  }
  const theme = () => model.get("theme") as Theme;
  const [given, source] = [Number(model.get("height")), sourceOver(transport)];
  const height = given > 0 ? { height: given } : {};
  try {
    const manifest = await manifestOf(transport);
    still.hide();
    const opened = { ...manifest, opening: { ...manifest.opening, ...lookedAt(model) } };
    const viewer = mountViewer(root, {
      transport,
      source,
      manifest: opened,
      kind: "widget",
      theme: theme(),
      ...height,
    });
    const unfollow = viewer.store ? follow(model, viewer.store, manifest) : () => {};
    const changed = () => viewer.setTheme(theme());
    model.on("change:theme", changed);
    return () => {
      model.off("change:theme", changed);
      unfollow();
      viewer.destroy();
      root.remove();
      still.show();
    };
  } catch (error) {
    transport.close();
    still.say(messageOf(error));
    return () => root.remove();
  }
}

export default { render };
