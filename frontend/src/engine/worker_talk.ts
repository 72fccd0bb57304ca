/** What the page and its worker say to each other, and the worker's side of it. */

import { Engine, type Shapes } from "./engine";
import { decoded } from "./page_data";
import { Queue } from "./queue";

export type ToWorker =
  | { shapes: Shapes }
  | { id: number; question: string; request: object }
  | { abort: number }
  /** The text of a pack, or why there is none. */
  | { name: string; text: string }
  | { name: string; error: string };

export type FromWorker =
  | { ready: true }
  | { id: number; answer: ArrayBuffer }
  | { id: number; error: string }
  /** The pack of this name is needed. */
  | { need: string };

/** Milliseconds for which a worker hears nothing. */
const SLICE = 25;

/** Answers what it hears; returns how it is told. */
export function serve(
  shapes: Shapes,
  say: (message: FromWorker, transfer: ArrayBuffer[]) => void,
): (message: ToWorker) => void {
  const running = new Map<number, AbortController>();
  const needed = new Map<string, PromiseWithResolvers<string>>();
  const load = async (name: string) => {
    let text = needed.get(name);
    if (!text) {
      text = withResolvers<string>();
      needed.set(name, text);
      say({ need: name }, []);
    }
    return decoded(await text.promise);
  };
  const queue = new Queue(new Engine(shapes, load), SLICE);
  const answer = async (id: number, question: string, request: object) => {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const packed = await queue.ask(question, request, controller.signal);
      if (!controller.signal.aborted) say({ id, answer: packed }, [packed]);
    } catch (error) {
      if (!controller.signal.aborted) say({ id, error: error instanceof Error ? error.message : String(error) }, []);
    }
    running.delete(id);
  };
  return (message) => {
    if ("question" in message) void answer(message.id, message.question, message.request);
    else if ("abort" in message) running.get(message.abort)?.abort();
    else if ("name" in message) {
      const text = needed.get(message.name);
      needed.delete(message.name);
      if ("error" in message) text?.reject(new Error(message.error));
      else text?.resolve(message.text);
    }
  };
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/** Promise.withResolvers, which browsers of 2023 lack. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
