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

export const views: readonly View[] = [map, heads, ribbon, text, steps, image, effects, finding];
