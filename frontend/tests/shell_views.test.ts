// @vitest-environment jsdom
/** A view is one line in the list of views: its link, its key and the help follow. Shown with one view more than there are. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { View } from "../src/contract";
import { views } from "../src/views";
import { browser, shown } from "./shell_host";

vi.mock("../src/views", async (original) => {
  const { views } = await original<typeof import("../src/views")>();
  const last: View = {
    name: "last",
    title: "Last",
    styles: "",
    keys: [["x", "what only this view does"]],
    unavailable: () => null,
    mount: (root) => {
      root.textContent = "the last view";
      return {
        redraw: () => {},
        destroy: () => {},
        keydown: () => false,
        table: async () => ({ caption: "the last view", columns: [], rows: [] }),
        svg: async () => "<svg/>",
      };
    },
  };
  return { views: [...views, last] };
});

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
      dispatchEvent(new Event("hashchange"));
      const tab = page.all("[role=tab]").find((one) => one.textContent === title)!;
      expect(page.tab(), name).toBe(tab.getAttribute("aria-disabled") === "true" ? "Map" : title);
    }
    expect(page.find(".panel").textContent).toBe("the last view");
  });

  it("has the key of its place", () => {
    page = shown();
    page.press("7");
    expect(page.tab()).toBe("Last");
    expect(page.all("[role=tab]")[6].getAttribute("aria-keyshortcuts")).toBe("7");
    expect(page.press("8")).toBe(false);
    expect(page.press("0")).toBe(false);
  });

  it("is in the help, with its own keys", () => {
    page = shown();
    page.press("7");
    page.press("?");
    expect(page.find("dialog").textContent).toContain("1 … 7choose the view");
    expect(page.find("dialog").textContent).toContain("what only this view does");
  });
});
