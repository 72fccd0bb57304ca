// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pack } from "../src/engine/pack";
import { packOverview } from "../src/engine/wire";
import main from "../src/main";
import { smallExample } from "./dense_source";
import { browser } from "./shell_host";

type Heard = (content: unknown, buffers: readonly ArrayBufferView[]) => void;

/** anywidget's model with a kernel behind it; `broken` answers with an error. */
function modelOf(traits: Record<string, unknown>, broken = false) {
  const { manifest, source } = smallExample();
  const listeners = new Map<string, Set<Heard>>();
  const tell = (event: string, content?: unknown, buffers: ArrayBufferView[] = []) => {
    for (const heard of [...(listeners.get(event) ?? [])]) heard(content, buffers);
  };
  const model = {
    get: (trait: string) => traits[trait],
    on: (event: string, heard: Heard) => listeners.set(event, (listeners.get(event) ?? new Set()).add(heard)),
    off: (event: string, heard: Heard) => listeners.get(event)?.delete(heard),
    async send({ id, question, request }: { id: string; question: string; request: { map: number } }) {
      if (broken) return tell("msg:custom", { id, error: "no such recording" });
      const answer = question === "manifest" ? pack(manifest, {}) : packOverview(await source.overview(request.map));
      tell("msg:custom", { id }, [new Uint8Array(answer)]);
    },
  };
  const listening = () => [...listeners.values()].reduce((sum, one) => sum + one.size, 0);
  return { model: model as unknown as Parameters<typeof main.render>[0]["model"], traits, tell, listening };
}

beforeEach(browser);
afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

function cell() {
  const still = document.createElement("div");
  still.id = "still";
  const el = document.createElement("div");
  document.body.append(still, el);
  return { still, el };
}

describe("the widget", () => {
  it("shows what the kernel has, in the place of its still picture, and leaves nothing behind", async () => {
    const { still, el } = cell();
    const { model, traits, tell, listening } = modelOf({ height: 431, theme: "auto", still: "still", view: "heads" });
    const cleanup = await main.render({ model, el });
    const viewer = el.querySelector("div")!.shadowRoot!.querySelector<HTMLElement>(".viewer")!;
    expect(viewer.querySelector(".title")?.textContent).toBe("The cat sat on the mat.");
    expect(viewer.style.height).toBe("431px");
    expect(still.hidden).toBe(true);
    expect(el.querySelector("div")!.dataset.lmSuppressShortcuts).toBe("true");
    traits.theme = "dark";
    tell("change:theme");
    expect(viewer.style.getPropertyValue("--background")).toBe("#121418");
    cleanup();
    expect([el.childElementCount, listening(), still.hidden]).toEqual([0, 0, false]);
  });

  it("leaves its still picture where the kernel has nothing", async () => {
    const { still, el } = cell();
    const { model, listening } = modelOf({ height: 560, theme: "auto", still: "still" }, true);
    await main.render({ model, el });
    expect([el.textContent, still.hidden, listening()]).toEqual(["no such recording", false, 0]);
  });
});
