/**
 * The parts of the reader, from top to bottom. Each is an object with `name`, `styles` and `mount` (contract/views.ts, `Section`):
 * a new one is a module beside this one and its line here.
 */

import type { Section } from "../contract";
import { section as levels } from "./levels";
import { section as meaning } from "./meaning";
import { section as partners } from "./partners";
import { section as pins } from "./pins";
import { section as statistics } from "./statistics";

export const sections: readonly Section[] = [meaning, levels, partners, pins, statistics];
