/** An offline page runs by itself: it shows what it carries, and is its own worker. */

import { pageTransport } from "./engine/page_transport";
import { manifestOf, sourceOver } from "./engine/source";
import { inWorker, listen } from "./engine/worker";
import { type MountedViewer, mountViewer } from "./shell";

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

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function appended(): HTMLElement {
  const root = document.createElement("div");
  document.body.append(root);
  return root;
}

if (inWorker) listen();
else if (globalThis.document?.getElementById("regard-manifest")) void mountPage();
