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
  const saved: Record<string, unknown>[] = [];
  const tell = (event: string, content?: unknown, buffers: ArrayBufferView[] = []) => {
    for (const heard of [...(listeners.get(event) ?? [])]) heard(content, buffers);
  };
  const model = {
    get: (trait: string) => traits[trait],
    set(trait: string, value: unknown) {
      traits[trait] = value;
    },
    save_changes: () => saved.push({ ...traits }),
    on: (event: string, heard: Heard) => listeners.set(event, (listeners.get(event) ?? new Set()).add(heard)),
    off: (event: string, heard: Heard) => listeners.get(event)?.delete(heard),
    async send({ id, question, request }: { id: string; question: string; request: { map: number } }) {
      if (broken) return tell("msg:custom", { id, error: "no such recording" });
      const answer = question === "manifest" ? pack(manifest, {}) : packOverview(await source.overview(request.map));
      tell("msg:custom", { id }, [new Uint8Array(answer)]);
    },
  };
  const listening = () => [...listeners.values()].reduce((sum, one) => sum + one.size, 0);
  return { model: model as unknown as Parameters<typeof main.render>[0]["model"], traits, tell, listening, saved };
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

  it("follows what the kernel is told to look at, and tells it what the reader looks at", async () => {
    const { el } = cell();
    const looks = { view: "text", map: 0, heads: [0], query: 1, key: null, unit: "tokens", pins: [] };
    const { model, traits, tell, saved } = modelOf({ height: 431, theme: "auto", ...looks });
    const cleanup = await main.render({ model, el });
    const viewer = el.querySelector("div")!.shadowRoot!.querySelector<HTMLElement>(".viewer")!;
    const chosen = () => viewer.querySelector('[role="tab"][aria-selected="true"]')?.textContent;
    expect([chosen(), saved]).toEqual(["Text", []]);

    Object.assign(traits, { view: "map", query: 2, pins: [{ map: 0, query: 0, key: 1 }] });
    tell("change:pins");
    tell("change:view");
    tell("change:query");
    await Promise.resolve();
    expect(chosen()).toBe("Map");
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(saved).toEqual([]); // nothing is said back that the kernel said

    [...viewer.querySelectorAll<HTMLElement>('[role="tab"]')].find((tab) => tab.textContent === "Heads")!.click();
    await vi.waitFor(() => expect(saved.at(-1)).toMatchObject({ view: "heads", query: 2 }));
    expect(saved).toHaveLength(1);
    cleanup();
  });

  it("is a picture where no kernel is, and says so at once", async () => {
    const el = document.createElement("div");
    document.body.append(el);
    const { model, listening } = modelOf({ still: "elsewhere", picture: "data:image/png;base64,AA==" });
    const cleanup = await main.render({ model, el, live: false });
    expect(el.querySelector("img")?.src).toBe("data:image/png;base64,AA==");
    expect(el.textContent).toContain("No kernel answers here");
    expect(listening()).toBe(0);
    cleanup();
    expect(el.childElementCount).toBe(0);
  });

  it("leaves its still picture where the kernel has nothing", async () => {
    const { still, el } = cell();
    const { model, listening } = modelOf({ height: 560, theme: "auto", still: "still" }, true);
    await main.render({ model, el });
    expect([el.textContent, still.hidden, listening()]).toEqual(["no such recording", false, 0]);
  });
});
