// @vitest-environment jsdom
import { expect, it } from "vitest";
import { bothPictures } from "../src/compare/both_pictures";
import { paletteOf } from "../src/palette";

const drawing = (width: number, height: number, fill: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
  `<clipPath id="clip1"><rect width="${width}" height="9"/></clipPath>` +
  `<g clip-path="url(#clip1)"><rect width="7" height="7" fill="${fill}"/></g></svg>`;

function both(one: string, two: string) {
  const text = bothPictures([one, two], ["A", "A − B"], paletteOf("light"));
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  const inner = [...svg.querySelectorAll("svg")];
  const number = (element: Element, name: string) => Number(element.getAttribute(name));
  return {
    svg,
    inner,
    size: [number(svg, "width"), number(svg, "height")],
    places: inner.map((one) => [number(one, "x"), number(one, "y")]),
  };
}

it("two pictures stand beside each other, each by its name", () => {
  const { svg, size, places } = both(drawing(300, 400, "red"), drawing(200, 350, "blue"));
  expect(size).toEqual([300 + 16 + 200, 400 + 24]);
  expect(places).toEqual([
    [0, 24],
    [316, 24],
  ]);
  expect([...svg.querySelectorAll(":scope > text")].map((one) => one.textContent)).toEqual(["A", "A − B"]);
});

it("and one above the other where both are wide", () => {
  const { size, places } = both(drawing(600, 200, "red"), drawing(500, 150, "blue"));
  expect(size).toEqual([600, 200 + 24 + 16 + 150 + 24]);
  expect(places).toEqual([
    [0, 24],
    [0, 264],
  ]);
});

it("what one cuts off the other does not", () => {
  const { svg, inner } = both(drawing(30, 40, "red"), drawing(20, 40, "blue"));
  const ids = [...svg.querySelectorAll("clipPath")].map(({ id }) => id);
  expect(new Set(ids).size).toBe(2);
  inner.forEach((one, at) => {
    expect(one.querySelector("g")?.getAttribute("clip-path")).toBe(`url(#${ids[at]})`);
  });
});
