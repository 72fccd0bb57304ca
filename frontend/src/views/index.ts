/** The views, in the order of their keys. */

import type { View } from "../contract";
import * as heads from "./heads";
import * as image from "./image";
import * as map from "./map";
import * as ribbon from "./ribbon";
import * as steps from "./steps";
import * as text from "./text";

const folders = [map, heads, ribbon, text, steps, image];

export const views: readonly View[] = folders.map((one) => one.view);

export const styles: readonly string[] = folders.map((one) => one.styles);
