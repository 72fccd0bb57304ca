import { describe, expect, it } from "vitest";
import { Units } from "../src/units";
import { layoutOf } from "../src/views/map/layout";
import { marksOf, niceStep, shortened } from "../src/views/map/marks";
import { smallExample } from "./dense_source";

const measure = (text: string) => 7 * [...text].length;
const axis = (size: number) => ({
  title: "tokens",
  tokens: Array.from({ length: size }, (_, at) => `token${at}`),
  special: [0],
  words: null,
  wordTexts: null,
  spellings: null,
  characters: null,
  characterTexts: null,
});
const spaces = { spacing: 13, far: 40, room: 50 };

describe("marks along an axis", () => {
  it("never stand closer than they may, from five tokens to 131,072", () => {
    for (const size of [5, 97, 4099, 131_072]) {
      const units = new Units(axis(size), "tokens", false);
      for (const pixels of [600 / size, 0.9, 3.1, 6.4, 13, 50]) {
        const seen = Math.min(size, 600 / pixels);
        const low = (size - seen) / 3;
        const { marks, named } = marksOf(units, [low, low + seen], pixels, spaces, measure);
        expect(marks.length).toBeGreaterThan(0);
        for (let at = 1; at < marks.length; at++)
          expect(marks[at].at - marks[at - 1].at).toBeGreaterThanOrEqual(named ? 13 - 1e-6 : 40 - 1e-6);
        for (const mark of marks) {
          expect(mark.at).toBeCloseTo((mark.unit + 0.5 - low) * pixels, 6);
          expect(measure(mark.text)).toBeLessThanOrEqual(Math.max(50, 7 * 7));
        }
      }
    }
  });

  it("are tokens where there is room, and positions where not", () => {
    const units = new Units(axis(4099), "tokens", false);
    const near = marksOf(units, [100, 110], 40, spaces, measure);
    expect(near.named).toBe(true);
    expect(near.marks[0].text).toBe("token1…");
    const far = marksOf(units, [0, 4099], 0.1, spaces, measure);
    expect(far.named).toBe(false);
    expect(far.marks.map(({ text }) => text).slice(0, 4)).toEqual(["0", "500", "1,000", "1,500"]);
    expect(marksOf(units, [0, 10], 40, spaces, measure).marks[0].special).toBe(true);
  });

  it("step by 1, 2 or 5 times powers of ten", () => {
    expect([0.2, 1, 1.5, 3, 7, 51, 1999].map(niceStep)).toEqual([1, 1, 2, 5, 10, 100, 2000]);
  });

  it("are shortened by characters and not by halves of them", () => {
    expect(shortened("abcdefghij", 70, measure)).toBe("abcdefghij");
    expect(shortened("abcdefghij", 35, measure)).toBe("abcd…");
    expect(shortened("🐈🐈🐈🐈🐈🐈", 28, measure)).toBe("🐈🐈🐈…");
  });
});

describe("the layout", () => {
  const { manifest } = smallExample();
  const info = manifest.maps[0];
  const map = (rows: number, columns: number) => ({
    info: { ...info, queries: rows, keys: columns },
    rows: new Units(axis(rows), "tokens", false),
    columns: new Units(axis(columns), "tokens", false),
  });

  it("keeps all parts inside and apart, at any size", () => {
    for (const size of [
      { width: 320, height: 280 },
      { width: 320, height: 700 },
      { width: 719, height: 401 },
      { width: 1999, height: 1201 },
    ])
      for (const shown of [map(5, 7), map(61, 59), map(3, 401), map(131_072, 131_072)]) {
        const layout = layoutOf(size, shown, null, measure);
        const boxes = [
          layout.plot,
          layout.bar,
          layout.received,
          layout.rowProfile,
          layout.entropy,
          layout.columnProfile,
        ];
        const there = boxes.filter((box) => box !== null);
        for (const box of there) {
          expect(box.x).toBeGreaterThanOrEqual(0);
          expect(box.y).toBeGreaterThanOrEqual(0);
          expect(box.x + box.width).toBeLessThanOrEqual(size.width + 1e-6);
          expect(box.y + box.height).toBeLessThanOrEqual(size.height + 1e-6);
        }
        there.forEach((one, at) => {
          for (const other of there.slice(at + 1)) {
            const across = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
            const down = Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y);
            expect(across <= 1e-6 || down <= 1e-6).toBe(true);
          }
        });
      }
  });

  it("does not move the map when it is zoomed", () => {
    const shown = map(4099, 4099);
    const size = { width: 1000, height: 700 };
    const far = layoutOf(size, shown, null, measure);
    const near = layoutOf(size, shown, { top: 100, bottom: 110, left: 100, right: 115 }, measure);
    expect([near.plot.x, near.plot.y]).toEqual([far.plot.x, far.plot.y]);
    expect(near.room).toEqual(far.room);
  });
});
