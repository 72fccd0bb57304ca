import { describe, expect, it } from "vitest";
import { barTicks, colourAt, colourise, inkOn, LEAST, rowTop, scaleOf, strength } from "../src/colours";
import { paletteOf } from "../src/palette";

const values = Float32Array.of(0, 0.1, 0.2, 0.37, 1e-7, 0.001);

describe("the colour scale", () => {
  it("reaches from nothing to a round number above the largest weight", () => {
    expect(scaleOf("linear", values, false, 0)).toEqual({ name: "linear", top: 0.4, signed: false });
    expect(scaleOf("linear", Float32Array.of(0.97), false, 0).top).toBe(1);
    expect(scaleOf("linear", Float32Array.of(-2.4, 1), true, 0).top).toBe(3);
    expect(scaleOf("linear", new Float32Array(3), false, 0).top).toBe(1);
  });

  it("does not make next to nothing look strong", () => {
    expect(scaleOf("linear", Float32Array.of(1e-9), false, 0.01).top).toBe(0.01);
  });

  it("is in proportion, by logarithm, or by the row's largest", () => {
    const linear = scaleOf("linear", values, false, 0);
    expect(strength(0.1, linear)).toBeCloseTo(0.25);
    const log = { ...linear, name: "log" as const, top: 1 };
    expect([1, 1e-3, LEAST, 1e-9, 0].map((weight) => strength(weight, log))).toEqual([
      1,
      expect.closeTo(0.5, 10),
      0,
      0,
      0,
    ]);
    expect(strength(0.1, { ...linear, name: "row" }, 0.2)).toBeCloseTo(0.5);
    expect(strength(-0.1, { ...linear, signed: true })).toBeCloseTo(-0.25);
  });

  it("says the same in its ticks, in pixels and in single cells", () => {
    const palette = paletteOf("dark");
    const signed = Float32Array.of(-0.3, 0.1, 0.2, 0.01, -0.02, 0);
    for (const name of ["linear", "log", "row"] as const) {
      const scale = scaleOf(name, signed, true, 0);
      const pixels = colourise(signed, 3, scale, palette);
      signed.forEach((value, at) => {
        const colour = colourAt(strength(value, scale, rowTop(signed, Math.floor(at / 3), 3)), palette);
        expect(colour).toBe(`rgb(${pixels[4 * at]},${pixels[4 * at + 1]},${pixels[4 * at + 2]})`);
        expect(pixels[4 * at + 3]).toBe(255);
      });
    }
  });

  it("has ticks where the weights they name are", () => {
    const linear = scaleOf("linear", values, false, 0);
    for (const { place, text } of barTicks(linear)) expect(place).toBeCloseTo(Number(text) / 0.4, 6);
    const log = { ...linear, name: "log" as const };
    expect(barTicks(log).map(({ text }) => text)).toEqual(["≤ 1e-6", "1e-4", "0.01", "0.4"]);
    const tiny = { ...linear, top: 8e-7 };
    expect(barTicks(tiny).map(({ text }) => text)).toEqual(["0", "2e-7", "4e-7", "6e-7", "8e-7"]);
    const signed = barTicks({ ...linear, signed: true });
    expect(signed.map(({ text }) => text)).toEqual(["−0.2", "−0.4", "0", "0.2", "0.4"]);
    expect(signed[1].place).toBe(0);
  });

  it("has ink that can be read on every colour", () => {
    const luminance = (rgb: number[]) => {
      const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (const theme of ["light", "dark"] as const)
      for (let at = -255; at <= 255; at++) {
        const palette = paletteOf(theme);
        const rgb = (colourAt(at / 255, palette).match(/\d+/g) ?? []).map(Number);
        const [back, ink] = [luminance(rgb), inkOn(at / 255, palette) === "#ffffff" ? 1 : 0];
        const contrast = (Math.max(back, ink) + 0.05) / (Math.min(back, ink) + 0.05);
        expect(contrast).toBeGreaterThanOrEqual(4.5);
      }
  });
});
