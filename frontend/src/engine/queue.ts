/**
 * Answers in turn on one thread: work is done in slices, and between slices questions come in and are given up. What has had
 * the fewest slices goes next, so that a glance at one row need not wait for a whole map.
 */

import type { Engine, Work } from "./engine";

interface Task {
  work: Work;
  slices: number;
  signal: AbortSignal;
  resolve(answer: ArrayBuffer): void;
  reject(reason: unknown): void;
}

export class Queue {
  private readonly tasks: Task[] = [];
  private running = false;

  constructor(
    private readonly engine: Engine,
    /** Milliseconds of a slice. */
    private readonly slice: number,
  ) {}

  async ask(question: string, request: object, signal: AbortSignal): Promise<ArrayBuffer> {
    await turn(); // those who take it back at once are heard first
    signal.throwIfAborted();
    const work = await this.engine.begin(question, request);
    return new Promise((resolve, reject) => {
      this.tasks.push({ work, slices: 0, signal, resolve, reject });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.tasks.length > 0) {
      const task = this.tasks.reduce((one, two) => (two.slices < one.slices ? two : one));
      if (this.advance(task)) this.tasks.splice(this.tasks.indexOf(task), 1);
      await turn();
    }
    this.running = false;
  }

  /** One slice of a task; whether it is over. */
  private advance(task: Task): boolean {
    task.slices++;
    try {
      task.signal.throwIfAborted();
      const end = performance.now() + this.slice;
      do {
        const { done, value } = task.work.next();
        if (done) {
          task.resolve(value);
          return true;
        }
      } while (performance.now() < end);
      return false;
    } catch (error) {
      task.reject(error);
      return true;
    }
  }
}

/** Until whatever else waits for this thread has had its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close(); // or it would be kept, and keep its thread
      resolve();
    };
    port2.postMessage(null);
  });
}
