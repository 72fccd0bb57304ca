/** The map view over the small example, at the size of a window. */

import { afterEach, beforeEach, vi } from "vitest";
import type { Source, State } from "../src/contract";
import { view } from "../src/views/map";
import { smallExample } from "./dense_source";
import { stageOf } from "./mounting";

const SIZE = { width: 900, height: 700 };

/** Gives each element of a test file that size, which jsdom does not. */
export function sized(): void {
  beforeEach(() => {
    HTMLCanvasElement.prototype.getContext = () => null;
    vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(SIZE.width);
    vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(SIZE.height);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    document.body.replaceChildren();
  });
}

export function mounted(change: Partial<State> = {}, source?: Source) {
  const example = smallExample();
  return stageOf(view, change, source ? { ...example, source } : example);
}

/** Time for a question and its answer, and the frames that draw them. */
export async function drawn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 60));
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}

export const status = ({ described }: { described: string[] }) => described.at(-1);
