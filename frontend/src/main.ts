/** What the hosts call: an offline page runs by itself, a notebook calls `render`, the server's page `mountSite`. */

import { pageTransport } from "./engine/page_transport";
import { manifestOf, sourceOver } from "./engine/source";
import { type WidgetModel, widgetTransport } from "./engine/widget_transport";
import { type MountedViewer, mountViewer } from "./shell";
import type { Theme } from "./shell/theme";

export { mountSite } from "./site";

/** Shows what this page carries, in an element of its own or in the one given. */
export async function mountPage(root: HTMLElement = appended()): Promise<MountedViewer> {
  try {
    const transport = pageTransport();
    const manifest = await manifestOf(transport);
    return mountViewer(root, { transport, source: sourceOver(transport), manifest, kind: "page" });
  } catch (error) {
    root.textContent = messageOf(error);
    throw error;
  }
}

/** anywidget's model: messages, and the traits of the Python side. */
interface NotebookModel extends WidgetModel {
  get(trait: string): unknown;
  on(event: "msg:custom", heard: (content: unknown, buffers: readonly ArrayBufferView[]) => void): void;
  on(event: "change:theme", heard: () => void): void;
  off(event: "msg:custom", heard: (content: unknown, buffers: readonly ArrayBufferView[]) => void): void;
  off(event: "change:theme", heard: () => void): void;
}

async function render({ model, el }: { model: NotebookModel; el: HTMLElement }): Promise<() => void> {
  const transport = widgetTransport(model);
  const root = document.createElement("div");
  el.append(root);
  const showStill = hideStill(model.get("still"));
  const theme = () => model.get("theme") as Theme;
  const [given, source] = [Number(model.get("height")), sourceOver(transport)];
  const height = given > 0 ? { height: given } : {};
  try {
    const manifest = await manifestOf(transport);
    const viewer = mountViewer(root, { transport, source, manifest, kind: "widget", theme: theme(), ...height });
    const changed = () => viewer.setTheme(theme());
    model.on("change:theme", changed);
    return () => {
      model.off("change:theme", changed);
      viewer.destroy();
      root.remove();
      showStill();
    };
  } catch (error) {
    transport.close();
    showStill();
    root.textContent = messageOf(error);
    return () => root.remove();
  }
}

export default { render };

/** Hides the picture that stands for the widget where no kernel answers; returns how to show it again. */
function hideStill(id: unknown): () => void {
  const still = typeof id === "string" && id !== "" ? document.getElementById(id) : null;
  if (!still) return () => {};
  still.hidden = true;
  return () => {
    still.hidden = false;
  };
}

function appended(): HTMLElement {
  const root = document.createElement("div");
  document.body.append(root);
  return root;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (globalThis.document?.getElementById("regard-manifest")) void mountPage();
