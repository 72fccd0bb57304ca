// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { inkedColour } from "../src/compare/head_colours";
import { weightText } from "../src/labels";
import { view } from "../src/views/text";
import { denseSource, smallExample, softmaxRows } from "./dense_source";
import { press, stageOf } from "./mounting";

const tokens = (root: HTMLElement, side: string) => [...root.querySelectorAll<HTMLElement>(`[data-side=${side}]`)];

describe("the text", () => {
  it("colours what a token attends to", async () => {
    const stage = stageOf(view);
    await stage.settle();
    tokens(stage.root, "query")[1].dispatchEvent(new Event("pointerover", { bubbles: true }));
    await stage.settle();
    expect(stage.app.store.state).toMatchObject({ query: 1, key: null, direction: "from" });
    expect(stage.described.at(-1)).toContain("▁chat attends to ▁cat 0.");
    expect(tokens(stage.root, "key")[1].style.background).toMatch(/^rgb/);
    expect(stage.errors).toEqual([]);
  });

  it("colours what attends to a token", async () => {
    const stage = stageOf(view);
    await stage.settle();
    tokens(stage.root, "key")[1].dispatchEvent(new Event("click", { bubbles: true }));
    await stage.settle();
    expect(stage.app.store.state).toMatchObject({ query: null, key: 1, direction: "to", pinned: true });
    expect(stage.described.at(-1)).toContain("▁cat is attended by ▁chat");
  });

  it("is one text where queries and keys are the same tokens, read in both directions", async () => {
    const stage = stageOf(view, { map: 2, rowAxis: 1 });
    await stage.settle();
    expect(tokens(stage.root, "query").length).toBe(0);
    press(stage.view, "ArrowRight");
    press(stage.view, "ArrowRight");
    await stage.settle();
    expect(stage.app.store.state.query).toBe(1);
    press(stage.view, "d");
    await stage.settle();
    expect(stage.app.store.state).toMatchObject({ key: 1, query: null, direction: "to" });
    const table = await stage.view.table();
    expect(table.rows.length).toBe(9); // a causal map: the first token does not see this one
    expect(stage.said.length).toBeGreaterThan(0);
  });

  it("colours what each of several heads attends to, one over the other", async () => {
    const stage = stageOf(view, { heads: [0, 1], several: "colours", query: 1 });
    await stage.settle();
    const { app, root } = stage;
    const weights = await Promise.all(
      [0, 1].map(async (head) => {
        const request = {
          map: 0,
          heads: [head],
          how: "mean" as const,
          hideSpecial: false,
          renormalise: false,
          sample: 0,
        };
        const rows = { start: 1, stop: 2, count: 1 };
        return (await app.source.region({ ...request, rows, columns: { start: 0, stop: 9, count: 9 } })).values;
      }),
    );
    tokens(root, "key").forEach((token, at) => {
      const expected = inkedColour([weights[0][at], weights[1][at]], app.palette);
      expect(token.style.background).toBe(`rgb(${expected.join(", ")})`);
      expect(token.title).toContain(`head 0 ${weightText(weights[0][at])}, head 1 ${weightText(weights[1][at])}`);
    });
    expect(root.querySelector(".head-legend")?.textContent).toMatch(/head 0\s*head 1/);
    expect(stage.described.at(-1)).toContain("heads 0, 1, a colour each: ▁chat attends to");
  });

  it("turns the pages of a long text", async () => {
    const { manifest } = smallExample();
    const long = Array.from({ length: 3200 }, (_, at) => `t${at}`);
    manifest.axes.source = {
      title: "tokens",
      tokens: long,
      special: [],
      words: null,
      wordTexts: null,
      spellings: null,
      characters: null,
      characterTexts: null,
    };
    manifest.maps = [
      {
        ...manifest.maps[0],
        kind: "self",
        queries: 3200,
        keys: 3200,
        rowAxes: ["source"],
        columnAxis: "source",
        heads: 1,
      },
    ];
    const source = denseSource(manifest, [[softmaxRows(2, 2, () => 0)]]);
    const stage = stageOf(view, {}, { manifest, source });
    expect(tokens(stage.root, "key").length).toBe(1500);
    press(stage.view, "PageDown");
    expect(tokens(stage.root, "key")[0].textContent).toBe("t1500");
    press(stage.view, "PageDown");
    press(stage.view, "PageDown");
    expect(tokens(stage.root, "key").length).toBe(200);
  });

  it("breaks lines where the text does, and lets words and marks be told apart", () => {
    const { manifest, source } = smallExample();
    const { axes } = manifest;
    axes.source.spellings = axes.source.tokens;
    axes.source.tokens = ["def", "▁f:↵", "→⟨E4⟩", "##x", "▁▁", "▁a", "▁b", ".", "</s>"];
    axes.source.words = [0, 1, 2, 4, 7, 8];
    axes.source.wordTexts = ["def", "f:", "⟨E4⟩x", "ab", ".", "</s>"];
    const stage = stageOf(view, {}, { manifest, source });
    const shown = tokens(stage.root, "key");
    expect(shown.map((token) => token.textContent)).toEqual(axes.source.tokens);
    expect(shown[1].innerHTML).toBe('<span class="mark">▁</span>f:<span class="mark">↵</span><br>');
    expect(shown[2].innerHTML).toBe('<span class="mark">→</span><span class="code" dir="ltr">⟨E4⟩</span>');
    expect(shown[8].dir).toBe("ltr");
    const between = shown.slice(1).map((token) => token.previousSibling?.nodeName);
    expect(between).toEqual(["WBR", "#text", "WBR", "WBR", "WBR", "WBR", "#text", "#text"]);
    expect(shown[0].closest("p")?.dir).toBe("auto");
    expect(shown[1].title).toBe(axes.source.spellings[1]);
  });
});
