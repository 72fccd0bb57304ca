/** The colours of figures/themes.py, for the screen. A test on the Python side holds the two together. */

import type { Palette } from "./contract";

const THEMES = {
  light: {
    background: "#ffffff",
    text: "#1c2024",
    dimmed: "#6b727b",
    frame: "#b4bac2",
    accent: "#c2410c",
    positive: "#ffffff #cfe8e1 #97d6c5 #56bfb0 #32a4a9 #308aa7 #3670a3 #3e5394 #3f3872 #342449 #201322",
    negative: "#ffffff #f7dbd2 #f5b79b #f69069 #f26348 #df3444 #bd1852 #95195c #6b1e58 #431c45 #1e122d",
  },
  dark: {
    background: "#121418",
    text: "#e8eaed",
    dimmed: "#9aa1aa",
    frame: "#4a5058",
    accent: "#ff922b",
    positive: "#121418 #292137 #3a3062 #414789 #3b649d #317ea6 #2b98aa #3ab1ab #63caad #9de0b9 #d2f0db",
    negative: "#121418 #2d1b31 #511f4d #791d5b #a1165a #c71c4e #e53f43 #f36c4b #f6976b #f6bd9b #f9e2d0",
  },
} as const;

export function paletteOf(name: "light" | "dark"): Palette {
  const theme = THEMES[name];
  return { ...theme, name, positive: ramp(theme.positive), negative: ramp(theme.negative) };
}

/** 256 colours between anchors that stand at equal distances. */
function ramp(anchors: string): Uint8Array {
  const rgb = anchors.split(" ").map((hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));
  const colours = new Uint8Array(256 * 3);
  for (let at = 0; at < 256; at++) {
    const place = (at / 255) * (rgb.length - 1);
    const below = Math.min(Math.floor(place), rgb.length - 2);
    for (let channel = 0; channel < 3; channel++) {
      const [low, high] = [rgb[below][channel], rgb[below + 1][channel]];
      colours[3 * at + channel] = Math.round(low + (place - below) * (high - low));
    }
  }
  return colours;
}
