/**
 * What the parts of the viewer say to each other.
 *
 * A *manifest* says what there is to see: maps, and the tokens of their axes. A *source* answers questions about the maps: a
 * region, its margins, an overview, the steps of a computation. Who computes the answer is the host's affair: a worker over
 * factors that the page carries, a notebook's kernel, a server. A *view* draws answers; the *store* holds what is being looked
 * at, so that changing the view does not lose the place.
 */

export type * from "./contract/answers";
export type * from "./contract/manifest";
export type * from "./contract/state";
export type * from "./contract/views";
