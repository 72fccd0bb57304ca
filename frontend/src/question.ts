/** What a view asks of the source: only its last question counts, and its element says that it is read. */

import type { App } from "./contract";

export class Question {
  private asking = new AbortController();
  private waiting = false;

  constructor(
    private readonly app: Pick<App, "fail">,
    private readonly element: HTMLElement,
  ) {}

  /** Asks in place of what was asked before, whose answer is dropped. Resolves when it was taken, dropped, or has failed. */
  async ask<T>(answered: (signal: AbortSignal) => Promise<T>, take: (answer: T) => void): Promise<void> {
    this.drop();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.wait(true);
    try {
      const answer = await answered(signal);
      if (!signal.aborted) take(answer);
    } catch (error) {
      if (!signal.aborted) this.app.fail(error);
    }
    if (!signal.aborted) this.wait(false);
  }

  /** Whether an answer is still to come. */
  get open(): boolean {
    return this.waiting;
  }

  /** Nothing is asked any more: what is looked at is known, or gone. */
  drop(): void {
    this.asking.abort();
    this.wait(false);
  }

  private wait(whether: boolean): void {
    this.waiting = whether;
    this.element.toggleAttribute("data-reading", whether);
  }
}
