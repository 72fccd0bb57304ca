/** One end of the colours for pictures that stand beside each other: the largest of what each of them would have. */

export class SharedTop {
  private readonly tops = new Map<object, number>();

  /** `changed` is told to draw the others again. */
  constructor(private readonly changed: (others: object) => void) {}

  /** The end for all, once `who` says what its own would be. */
  meet(who: object, own: number): number {
    const before = this.most();
    this.tops.set(who, own);
    const now = this.most();
    if (now !== before && this.tops.size > 1) this.changed(who);
    return now;
  }

  leave(who: object): void {
    this.tops.delete(who);
  }

  private most(): number {
    return Math.max(0, ...this.tops.values());
  }
}
