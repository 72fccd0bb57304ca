/** The views, in the order of their keys: links, keys, buttons, help and styles follow from this list. */

import type { View } from "../contract";
import { view as effects } from "./effects";
import { view as finding } from "./finding";
import { view as heads } from "./heads";
import { view as image } from "./image";
import { view as map } from "./map";
import { view as ribbon } from "./ribbon";
import { view as steps } from "./steps";
import { view as text } from "./text";

declare global {
  /** False in the program of pages without a finding, which leaves out the view of findings: the build says which it makes. */
  var WITH_FINDINGS: boolean | undefined;
}

const always = [map, heads, ribbon, text, steps, image, effects];
export const views: readonly View[] = globalThis.WITH_FINDINGS === false ? always : [...always, finding];
