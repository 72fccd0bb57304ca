import { describe, expect, it } from "vitest";
import { boxed, frameOf, panned, showing, wholeScale, wholeView, zoomed } from "../src/views/map/viewport";

const small = { rows: 7, columns: 11 };
const large = { rows: 131_072, columns: 65_536 };
const flat = { rows: 3, columns: 401 };
const room = { width: 907, height: 601 };

describe("the whole map", () => {
  it("has square cells where it is small, and where it fills the room well", () => {
    for (const extent of [small, { rows: 5, columns: 5 }, { rows: 997, columns: 997 }]) {
      const { square, x, y } = wholeScale(extent, room);
      expect(square).toBe(true);
      expect(x).toBe(y);
      expect(x * extent.columns).toBeLessThanOrEqual(room.width);
      expect(y * extent.rows).toBeLessThanOrEqual(room.height);
    }
  });

  it("fills the room where square cells would be lines", () => {
    const { square, x } = wholeScale(flat, room);
    expect(square).toBe(false);
    expect(x * flat.columns).toBeCloseTo(room.width);
  });

  it("is what an impossible viewport shows", () => {
    for (const view of [
      null,
      { top: 20, bottom: 30, left: 0, right: 5 },
      { top: Number.NaN, bottom: 3, left: 0, right: 5 },
      { top: 3, bottom: 3, left: 0, right: 5 },
    ])
      expect(frameOf(view, small, room).view).toEqual(wholeView(small));
  });
});

describe("zooming", () => {
  it("keeps the unit under the pointer, down to single weights and back to the whole map", () => {
    const square = { rows: 131_072, columns: 131_072 };
    const at = { x: 313, y: 211 };
    let frame = frameOf({ top: 50_000, bottom: 80_000, left: 40_000, right: 90_000 }, square, room);
    for (let step = 0; step < 40; step++) {
      const before = { row: frame.view.top + at.y / frame.y, column: frame.view.left + at.x / frame.x };
      const next = frameOf(zoomed(frame, square, room, 1.37, at), square, room);
      expect(next.view.top + at.y / next.y).toBeCloseTo(before.row, 4);
      expect(next.view.left + at.x / next.x).toBeCloseTo(before.column, 4);
      frame = next;
    }
    expect(frame.x).toBe(96);
    let view = zoomed(frame, square, room, 0.5, at);
    for (let step = 0; step < 40 && view; step++) view = zoomed(frameOf(view, square, room), square, room, 0.5, at);
    expect(view).toBeNull();
  });

  it("never leaves the map, and draws a viewport as it was made", () => {
    for (const extent of [small, large, flat]) {
      let view = null;
      for (let step = 0; step < 25; step++) {
        const frame = frameOf(view, extent, room);
        view = zoomed(frame, extent, room, step % 5 === 4 ? 0.4 : 1.7, { x: (step * 97) % 907, y: (step * 61) % 601 });
        if (!view) continue;
        expect(Math.min(view.top, view.left)).toBeGreaterThanOrEqual(0);
        expect(view.bottom).toBeLessThanOrEqual(extent.rows + 1e-9);
        expect(view.right).toBeLessThanOrEqual(extent.columns + 1e-9);
        const drawn = frameOf(view, extent, room);
        for (const side of ["top", "bottom", "left", "right"] as const)
          expect(drawn.view[side]).toBeCloseTo(view[side], 6);
      }
    }
  });

  it("to a box shows all of it, in its middle", () => {
    const box = { top: 1000, bottom: 1100, left: 30_000, right: 30_017 };
    const view = boxed(box, large, room);
    expect(view).not.toBeNull();
    if (!view) return;
    expect(view.top).toBeLessThanOrEqual(1000);
    expect(view.bottom).toBeGreaterThanOrEqual(1100);
    expect(view.left).toBeLessThanOrEqual(30_000);
    expect(view.right).toBeGreaterThanOrEqual(30_017);
    expect(view.bottom - view.top).toBeCloseTo(100);
    expect((view.left + view.right) / 2).toBeCloseTo(30_008.5);
  });
});

describe("moving", () => {
  const view = { top: 100, bottom: 160, left: 200, right: 290 };
  const extent = { rows: 997, columns: 991 };

  it("keeps what was under the pointer under it, and stops at the edges", () => {
    const frame = frameOf(view, extent, room);
    const next = panned(frame, extent, room, 3 * frame.x, -5 * frame.y);
    expect(next?.left).toBeCloseTo(frame.view.left - 3);
    expect(next?.top).toBeCloseTo(frame.view.top + 5);
    expect(panned(frame, extent, room, 1e6, 1e6)).toMatchObject({ top: 0, left: 0 });
    expect(panned(frame, extent, room, -1e6, -1e6)).toMatchObject({ bottom: 997, right: 991 });
  });

  it("brings a unit on screen and moves no more than that", () => {
    const frame = frameOf(view, extent, room);
    const kept = showing(frame, extent, room, 120, 250);
    for (const side of ["top", "bottom", "left", "right"] as const) expect(kept?.[side]).toBeCloseTo(frame.view[side]);
    expect(showing(frame, extent, room, 700, 250)?.bottom).toBeCloseTo(701);
    expect(showing(frame, extent, room, 120, 3)?.left).toBeCloseTo(3);
  });
});
