import { describe, expect, it } from "vitest";
import type { App, Manifest } from "../src/contract";
import { Finder, viewportAt } from "../src/find/finder";
import { paletteOf } from "../src/palette";
import { shownBy } from "../src/shown";
import { initialState, makeStore } from "../src/store";
import { smallExample } from "./dense_source";

const example = smallExample();

const appOf = (manifest: Manifest = example.manifest, change: object = {}): App => ({
  manifest,
  source: example.source,
  store: makeStore({ ...initialState(manifest), ...change }),
  embedded: false,
  palette: paletteOf("light"),
  say: () => {},
  describe: () => {},
  fail: () => {},
});

const long: Manifest = {
  ...example.manifest,
  axes: {
    text: {
      ...example.manifest.axes.source,
      tokens: Array.from({ length: 5000 }, (_, at) => `w${at % 100}`),
      words: null,
      wordTexts: null,
    },
  },
  maps: [{ ...example.manifest.maps[0], queries: 5000, keys: 5000, rowAxes: ["text"], columnAxis: "text" }],
};

describe("places that are found", () => {
  it("are those of the rows, then of the columns, round and round", async () => {
    const app = appOf();
    let changes = 0;
    const finder = new Finder(app, () => changes++);
    await finder.look("th"); // "The" and "the" of the source; nothing in French
    expect(finder.found.rows).toEqual([]);
    expect(finder.found.columns.map(({ start }) => start)).toEqual([0, 5]);
    expect(finder.text()).toBe("2 found");
    expect(finder.next(1)).toMatchObject({ key: 0, pinned: true, direction: "to" });
    expect(finder.text()).toBe("1 of 2");
    expect(finder.next(-1)).toMatchObject({ key: 5 });
    expect(finder.next(1)).toMatchObject({ key: 0 });
    await finder.look("s'est");
    expect(finder.next(1)).toMatchObject({ query: 2, direction: "from" });
    expect(changes).toBeGreaterThan(4);
  });

  it("are counted once where a text looks at itself", async () => {
    const finder = new Finder(appOf(long), () => {});
    await finder.look("w42");
    expect(finder.text()).toBe("50 found");
    expect(finder.found.rows).toEqual(finder.found.columns);
  });

  it("are said not to be there", async () => {
    const finder = new Finder(appOf(), () => {});
    await finder.look("daughter");
    expect(finder.text()).toBe("no such text");
    expect(finder.next(1)).toBeNull();
    await finder.look("70,000");
    expect(finder.text()).toBe("no such position: there are 10 rows and 9 columns");
    await finder.look("");
    expect(finder.text()).toBe("");
  });

  it("of an earlier question are dropped", async () => {
    const finder = new Finder(appOf(long), () => {});
    const first = finder.look("w1");
    await Promise.all([first, finder.look("w42")]);
    expect(finder.found.question).toBe("w42");
  });
});

describe("a place on a long map", () => {
  it("is gone to at a size where it is seen, on both axes of one text", async () => {
    const app = appOf(long);
    const finder = new Finder(app, () => {});
    await finder.look("3,000");
    const change = finder.next(1)!;
    expect(change).toMatchObject({
      query: 3000,
      viewport: { top: 2968.5, bottom: 3032.5, left: 2968.5, right: 3032.5 },
    });
    const shown = shownBy(long, app.store.state);
    expect(viewportAt(change.viewport!, shown, "query", 3010)).toEqual(change.viewport);
    expect(viewportAt(change.viewport!, shown, "query", 4999)).toMatchObject({ top: 4936, bottom: 5000 });
    expect(viewportAt(change.viewport!, shown, "query", 0)).toMatchObject({ top: 0, bottom: 64, left: 0 });
  });

  it("does not move a short one", () => {
    const shown = shownBy(example.manifest, initialState(example.manifest));
    expect(viewportAt(null, shown, "query", 9)).toBeNull();
  });
});
