/** What the pointer passes over: it is looked at for as long as the pointer is there, and then again what was chosen before. */

import type { State, Store } from "./contract";

type Place = Pick<State, "query" | "key" | "direction">;

export class Pointed {
  private before: Place | null = null;

  constructor(private readonly store: Store) {}

  /** Whether what is looked at goes with the pointer. */
  get passing(): boolean {
    return this.before !== null;
  }

  over(place: Partial<Place>): void {
    const { pinned, query, key, direction } = this.store.state;
    if (pinned) return;
    this.before ??= { query, key, direction };
    this.store.set(place);
  }

  leave(): void {
    const { before } = this;
    this.before = null;
    if (before && !this.store.state.pinned) this.store.set(before);
  }

  /** What is looked at now is chosen: by a click, or by a key. */
  keep(): void {
    this.before = null;
  }
}
