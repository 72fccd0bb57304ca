// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chosenHeads } from "../src/shell/head_strip";
import { notebookTheme } from "../src/shell/theme";
import { smallExample } from "./dense_source";
import { browser, dark, shown } from "./shell_host";

let viewers: ReturnType<typeof shown>[] = [];
const open = (...args: Parameters<typeof shown>) => {
  viewers.push(shown(...args));
  return viewers[viewers.length - 1];
};

beforeEach(browser);
afterEach(() => {
  for (const { viewer } of viewers) viewer.destroy();
  viewers = [];
  document.body.replaceChildren();
  document.body.removeAttribute("class");
  document.body.removeAttribute("data-jp-theme-light");
  history.replaceState(null, "", "/");
  vi.unstubAllGlobals();
});

describe("keys", () => {
  it("choose the view, the head, the layer", () => {
    const page = open();
    expect(page.tab()).toBe("Map");
    page.press("2");
    expect(page.tab()).toBe("Heads");
    page.press("1");
    page.press("]");
    expect(page.status()).toBe("cross layer 0, head 1");
    page.press("]");
    expect(page.status()).toBe("cross layer 0, head 0");
    page.press("}");
    expect(page.status()).toBe("cross layer 1, head 0");
    page.press("}");
    expect(page.status()).toBe("cross layer 1, head 0: there is no later layer");
    page.press("{");
    expect(page.select("map").value).toBe("0");
  });

  it("change how things are shown, and the controls follow", () => {
    const page = open();
    for (const key of ["w", "s", "c", "m"]) expect(page.press(key), key).toBe(true);
    const values = ["units", "special tokens", "colours", "a cell shows"].map((label) => page.select(label).value);
    expect(values).toEqual(["words", "hidden", "linear", "mean"]);
    expect(page.press("ö")).toBe(false);
  });

  it("are left to what is typed into, and to the rest of a notebook", () => {
    const page = open();
    expect(page.press("2", page.select("map"))).toBe(false);
    const widget = open({ kind: "widget" });
    page.viewer.destroy();
    viewers.shift();
    widget.press("2", document.body);
    expect(widget.tab()).toBe("Map");
    widget.press("2", widget.find("[role=tab]"));
    expect(widget.tab()).toBe("Heads");
  });

  it("are nobody's where the viewer has not the focus, and letters can be turned off", () => {
    const page = open();
    expect(page.root.shadowRoot!.activeElement).toBe(page.find(".viewer"));
    document.body.dispatchEvent(new Event("pointerdown", { bubbles: true })); // something beside it is used
    page.press("2", document.body);
    expect(page.tab()).toBe("Map");
    const letters = [...page.shadow.querySelectorAll("label")].find(
      (one) => one.textContent === "shortcuts of one key",
    )!;
    page.press("4");
    letters.querySelector("input")!.click();
    expect(page.press("2")).toBe(false);
    expect(page.press("ArrowRight")).toBe(true);
    letters.querySelector("input")!.click();
    expect(page.press("2")).toBe(true);
  });

  it("say why a view has nothing to show", () => {
    const page = open();
    page.press("6");
    expect(page.tab()).toBe("Map");
    expect(page.status()).toBe("Image: this recording has no picture");
    expect(page.all("[role=tab]")[5].hidden).toBe(true);
    expect(page.find(".menu-absent").textContent).toContain("Image: this recording has no picture.");
  });

  it("open the help with the keys of the view", () => {
    const page = open();
    page.press("?");
    expect(page.find<HTMLDialogElement>("dialog").open).toBe(true);
    expect(page.find("dialog").textContent).toContain("move the crosshair");
    expect(page.find("dialog").textContent).toContain("previous or next layer");
  });
});

describe("heads", () => {
  it("are chosen alone, one more, or in a row", () => {
    const keys = { shiftKey: false, ctrlKey: false, metaKey: false };
    expect(chosenHeads([1], 5, keys)).toEqual([5]);
    expect(chosenHeads([5], 1, { ...keys, ctrlKey: true })).toEqual([1, 5]);
    expect(chosenHeads([1, 5], 1, { ...keys, metaKey: true })).toEqual([5]);
    expect(chosenHeads([5], 5, { ...keys, ctrlKey: true })).toEqual([5]);
    expect(chosenHeads([5], 2, { ...keys, shiftKey: true })).toEqual([2, 3, 4, 5]);
  });

  it("of the map are a strip of buttons with all", () => {
    const page = open();
    const buttons = page.all(".head-strip button");
    expect(buttons.map((one) => one.textContent)).toEqual(["0", "1", "all", "+"]);
    buttons[2].click();
    expect(buttons.map((one) => one.getAttribute("aria-pressed"))).toEqual(["true", "true", "true", "false"]);
    buttons[1].click();
    expect(buttons.map((one) => one.getAttribute("aria-pressed"))).toEqual(["false", "true", "false", "false"]);
    buttons[3].click(); // several, where there is no Ctrl key
    buttons[0].click();
    expect(buttons.map((one) => one.getAttribute("aria-pressed"))).toEqual(["true", "true", "true", "true"]);
    buttons[1].click();
    expect(buttons.map((one) => one.getAttribute("aria-pressed"))).toEqual(["true", "false", "false", "true"]);
  });
});

describe("the theme", () => {
  const background = (page: ReturnType<typeof shown>) => page.find(".viewer").style.getPropertyValue("--background");

  it("follows the system, until one is asked for", () => {
    const page = open();
    expect(background(page)).toBe("#ffffff");
    dark.matches = true;
    for (const heard of dark.listeners) heard();
    expect(background(page)).toBe("#121418");
    page.viewer.setTheme("light");
    expect(background(page)).toBe("#ffffff");
    page.viewer.destroy();
    viewers = [];
    expect(dark.listeners.size).toBe(0);
  });

  it("follows a notebook's own while it changes", async () => {
    document.body.setAttribute("data-jp-theme-light", "true");
    dark.matches = true;
    const widget = open({ kind: "widget" });
    expect(background(widget)).toBe("#ffffff");
    document.body.setAttribute("data-jp-theme-light", "false");
    await widget.settle();
    expect(background(widget)).toBe("#121418");
  });

  it("is read from every kind of notebook", () => {
    const page = document.implementation.createHTMLDocument();
    expect(notebookTheme(page)).toBeNull();
    page.body.className = "vscode-dark";
    expect(notebookTheme(page)).toBe("dark");
    page.body.className = "vscode-high-contrast vscode-high-contrast-light";
    expect(notebookTheme(page)).toBe("light");
    page.body.className = "";
    page.documentElement.setAttribute("theme", "dark");
    expect(notebookTheme(page)).toBe("dark");
    page.documentElement.removeAttribute("theme");
    page.documentElement.className = "dark";
    expect(notebookTheme(page)).toBe("dark");
  });
});

describe("the viewer", () => {
  it("says errors until they are dismissed, each once", async () => {
    const { manifest, source } = smallExample();
    const failing = { ...source, overview: () => Promise.reject(new Error("the kernel is gone <b>")) };
    const page = open({ manifest, source: failing });
    await page.settle();
    expect(page.all(".error span").map((one) => one.textContent)).toEqual(["the kernel is gone <b>"]);
    page.find(".error button").click();
    expect(page.all(".error")).toEqual([]);
    expect(page.tab()).toBe("Map");
  });

  it("shows what is on screen as a table that follows", async () => {
    const page = open();
    page.press("4");
    page.press("t");
    await page.settle();
    expect(page.find(".table-panel").hidden).toBe(false);
    expect(page.find(".table-holder caption").textContent).toContain("cross layer 0, head 0");
    page.press("]");
    await page.settle(250);
    expect(page.find(".table-holder caption").textContent).toContain("cross layer 0, head 1");
    page.press("Escape");
    expect(page.find(".table-panel").hidden).toBe(true);
  });

  it("keeps the place in the address, and finds it there", async () => {
    const page = open();
    page.press("}");
    page.press("w");
    await page.settle(400);
    expect(location.hash).toBe("#map=1&unit=words");
    history.replaceState(null, "", "#map=2&view=text");
    dispatchEvent(new PopStateEvent("popstate"));
    expect([page.tab(), page.select("map").value]).toEqual(["Text", "2"]);
    page.viewer.destroy();
    viewers = [];
    expect(location.hash).toBe("");
    expect(page.transport.close).toHaveBeenCalledOnce();
  });

  it("says what is renormalised, and whose labels rows have", () => {
    const page = open();
    const box = page.find<HTMLInputElement>(".settings .tick input");
    expect(box.closest("label")!.hidden).toBe(true);
    page.press("s");
    expect(box.closest("label")!.hidden).toBe(false);
    box.click();
    expect(page.find(".notes").textContent).toMatch(/^special tokens are left out, and each row is divided/);
    expect([...page.select("row labels").options].map((one) => one.text)).toEqual([
      "tokens produced",
      "tokens consumed",
    ]);
  });

  it("groups maps by kind, and finds the same map in another sequence", () => {
    const { manifest, source } = smallExample();
    const second = manifest.maps.map((info) => ({ ...info, item: 1 }));
    const two = { ...manifest, items: ["one", "two"], maps: [...manifest.maps, ...second] };
    const page = open({ manifest: two, source });
    const groups = () =>
      [...page.select("map").querySelectorAll("optgroup")].map((one) => [one.label, one.children.length]);
    expect(groups()).toEqual([
      ["cross-attention", 2],
      ["decoder", 1],
    ]);
    page.press("}");
    const items = page.select("sequence");
    expect(items.options[1].text).toBe("two");
    items.value = "1";
    items.dispatchEvent(new Event("change"));
    expect(page.select("map").value).toBe("4");
  });

  it("takes the map where a view has nothing to show of another map", () => {
    const { manifest, source } = smallExample();
    const maps = manifest.maps.map((info, at) => ({ ...info, steps: at === 0 }));
    const steps = () => new Promise<never>(() => {});
    const page = open({ manifest: { ...manifest, maps }, source: { ...source, steps } });
    page.press("5");
    expect(page.tab()).toBe("Steps");
    page.press("}");
    expect(page.tab()).toBe("Map");
  });
});
