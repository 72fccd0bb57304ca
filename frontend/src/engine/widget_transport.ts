/** A notebook kernel's answers, through anywidget's messages. */

import type { Transport } from "../contract";

/** What of anywidget's model is used here. */
export interface WidgetModel {
  send(content: object): void;
  on(event: "msg:custom", heard: (content: unknown, buffers: readonly ArrayBufferView[]) => void): void;
  off(event: "msg:custom", heard: (content: unknown, buffers: readonly ArrayBufferView[]) => void): void;
}

/** A kernel answers one after another: more than these wait here, where they can still be given up. */
const TOGETHER = 2;

/** Milliseconds after which a kernel is thought to be busy or gone. */
const PATIENCE = 120_000;

interface Pending {
  id: string;
  question: string;
  request: object;
  resolve(answer: ArrayBuffer): void;
  reject(reason: unknown): void;
}

/** Says {id, question, request}, and hears {id} with one buffer, or {id, error}. */
export function widgetTransport(model: WidgetModel, patience = PATIENCE): Transport {
  // Two views of one model hear each other's answers: their numbers must differ.
  const own = Math.random().toString(36).slice(2);
  const sent = new Map<string, { pending: Pending; timer: ReturnType<typeof setTimeout> }>();
  let waiting: Pending[] = [];
  let last = 0;
  let closed = false;

  const sendMore = () => {
    while (sent.size < TOGETHER && waiting.length > 0) {
      const pending = waiting.shift()!;
      const { id, question, request } = pending;
      const timer = setTimeout(() => {
        settle(id)?.reject(
          new Error(`no answer from the kernel for ${patience / 1000} s: it is busy, or gone; run the cell again`),
        );
      }, patience);
      sent.set(id, { pending, timer });
      model.send({ id, question, request });
    }
  };
  const settle = (id: string): Pending | undefined => {
    const found = sent.get(id);
    if (!found) return undefined;
    clearTimeout(found.timer);
    sent.delete(id);
    sendMore();
    return found.pending;
  };
  const heard = (content: unknown, buffers: readonly ArrayBufferView[]) => {
    const { id, error } = (content ?? {}) as { id?: unknown; error?: unknown };
    if (typeof id !== "string") return;
    const pending = settle(id);
    if (!pending) return;
    if (error !== undefined) pending.reject(new Error(String(error)));
    else if (buffers.length !== 1)
      pending.reject(new Error(`expected one buffer from the kernel, got ${buffers.length}`));
    else pending.resolve(copied(buffers[0]));
  };
  model.on("msg:custom", heard);
  return {
    ask: (question, request, signal) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error("the viewer is closed"));
        if (signal?.aborted) return reject(signal.reason);
        const pending: Pending = { id: `${own}-${++last}`, question, request, resolve, reject };
        // One that is already with the kernel keeps its place until it is answered, and is not heard.
        const stop = () => {
          waiting = waiting.filter((one) => one !== pending);
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", stop, { once: true });
        waiting.push(pending);
        sendMore();
      }),
    close() {
      closed = true;
      model.off("msg:custom", heard);
      const left = [...waiting, ...[...sent.values()].map(({ pending }) => pending)];
      for (const { timer } of sent.values()) clearTimeout(timer);
      waiting = [];
      sent.clear();
      for (const pending of left) pending.reject(new Error("the viewer is closed"));
    },
  };
}

function copied(view: ArrayBufferView): ArrayBuffer {
  const bytes = new Uint8Array(view.byteLength);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return bytes.buffer;
}
