// @vitest-environment jsdom
/** A view is one line in the list of views: its link, its key and the help follow. Shown with one view more than there are. */

import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { View } from "../src/contract";
import { views } from "../src/views";
import { browser, shown } from "./shell_host";

// Files of tests share what they import; this one has the program for itself, with another list.
vi.hoisted(() => vi.resetModules());
afterAll(() => {
  vi.resetModules();
});
vi.mock("../src/views", async (original) => {
  const { views } = await original<typeof import("../src/views")>();
  const added: View = {
    name: "added",
    title: "Added",
    styles: "",
    keys: [["x", "what only this view does"]],
    settings: ["unit"],
    about: "Added: what the help says of it.",
    meaning: ({ row }) => `Each line is ${row}.`,
    unavailable: () => null,
    mount: (root) => {
      root.textContent = "the added view";
      return {
        redraw: () => {},
        destroy: () => {},
        keydown: () => false,
        table: async () => ({ caption: "the added view", columns: [], rows: [] }),
        svg: async () => "<svg/>",
      };
    },
  };
  return { views: [...views, added] };
});

const key = String(views.length);
let page: ReturnType<typeof shown>;
beforeEach(browser);
afterEach(() => {
  page.viewer.destroy();
  document.body.replaceChildren();
  history.replaceState(null, "", "/");
  vi.unstubAllGlobals();
});

describe("a view in the list", () => {
  it("is opened by its link", () => {
    expect(new Set(views.map(({ name }) => name)).size).toBe(views.length);
    page = shown();
    for (const { name, title } of views) {
      history.replaceState(null, "", `#view=${name}`);
      dispatchEvent(new PopStateEvent("popstate"));
      const tab = page.all("[role=tab]").find((one) => one.textContent === title)!;
      expect(page.tab(), name).toBe(tab.hidden ? "Map" : title);
    }
    expect(page.find(".panel").textContent).toBe("the added view");
  });

  it("has the key of its place", () => {
    page = shown();
    page.press(key);
    expect(page.tab()).toBe("Added");
    expect(page.find("[aria-selected=true]").getAttribute("aria-keyshortcuts")).toBe(key);
    expect(page.press(String(views.length + 1))).toBe(false);
    expect(page.press("0")).toBe(false);
  });

  it("is in the help, with its own keys", () => {
    page = shown();
    page.press(key);
    page.press("?");
    expect(page.find("dialog").textContent).toContain(`1 … ${key}choose the view`);
    expect(page.find("dialog").textContent).toContain("what only this view does");
  });
});
