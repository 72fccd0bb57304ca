/** A page's way to its own numbers: through a worker, or on the main thread in slices where a worker cannot be made. */

import type { Manifest, Transport } from "../contract";
import { Engine, shapesOf } from "./engine";
import { pack } from "./pack";
import { decoded, pageManifest, pageText } from "./page_data";
import { Queue } from "./queue";
import { untilAborted } from "./signals";
import type { FromWorker, ToWorker } from "./worker_talk";

/** Milliseconds for which the main thread is held: half a frame. */
const SLICE = 8;

interface Answerer {
  ask(question: string, request: object, signal: AbortSignal): Promise<ArrayBuffer>;
  close(): void;
}

/** What a worker can do, as far as it is used here. */
export interface WorkerLike {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: ToWorker): void;
  terminate(): void;
}

/** Answers from the data of the page. */
export function pageTransport(page: Document = document, makeWorker: () => WorkerLike = workerOfPage): Transport {
  const manifest = pageManifest(page);
  const text = (name: string) => pageText(page, name);
  let answerer = workerAnswerer(manifest, text, makeWorker).catch(() => mainAnswerer(manifest, text));
  const closed = new AbortController();
  return {
    async ask(question, request, signal) {
      if (question === "manifest") return pack(manifest, {});
      const both = AbortSignal.any([closed.signal, ...(signal ? [signal] : [])]);
      both.throwIfAborted();
      const chosen = await answerer;
      both.throwIfAborted();
      try {
        return await untilAborted(chosen.ask(question, request, both), both);
      } catch (error) {
        if (error instanceof WorkerFailed) answerer = Promise.resolve(mainAnswerer(manifest, text));
        throw error;
      }
    },
    close() {
      closed.abort(new Error("the viewer is closed"));
      void answerer.then((chosen) => chosen.close());
    },
  };
}

function mainAnswerer(manifest: Manifest, text: (name: string) => string): Answerer {
  const engine = new Engine(shapesOf(manifest), async (name) => decoded(text(name)));
  const queue = new Queue(engine, SLICE);
  return { ask: (question, request, signal) => queue.ask(question, request, signal), close() {} };
}

class WorkerFailed extends Error {}

/** Rejects where there can be no worker: some pages may not make one, which they learn early or late. */
function workerAnswerer(
  manifest: Manifest,
  text: (name: string) => string,
  makeWorker: () => WorkerLike,
): Promise<Answerer> {
  return new Promise((resolve, reject) => {
    const worker = makeWorker();
    const waiting = new Map<number, { resolve(answer: ArrayBuffer): void; reject(reason: unknown): void }>();
    let last = 0;
    let failure: WorkerFailed | null = null;
    const ask = (question: string, request: object, signal: AbortSignal) =>
      new Promise<ArrayBuffer>((resolve, reject) => {
        if (failure) return reject(failure);
        const id = ++last;
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, question, request });
        signal.addEventListener("abort", () => waiting.delete(id) && worker.postMessage({ abort: id }), { once: true });
      });
    const fetchText = (name: string): ToWorker => {
      try {
        return { name, text: text(name) };
      } catch (error) {
        return { name, error: (error as Error).message };
      }
    };
    worker.onmessage = ({ data }) => {
      if ("ready" in data) return resolve({ ask, close: () => worker.terminate() });
      if ("need" in data) return worker.postMessage(fetchText(data.need));
      const asker = waiting.get(data.id);
      waiting.delete(data.id);
      if ("error" in data) asker?.reject(new Error(data.error));
      else asker?.resolve(data.answer);
    };
    worker.onerror = ({ message }) => {
      failure = new WorkerFailed(`the page's worker stopped (${message || "no reason given"}); ask again`);
      worker.terminate();
      reject(failure);
      for (const asker of waiting.values()) asker.reject(failure);
      waiting.clear();
    };
    worker.postMessage({ shapes: shapesOf(manifest) });
  });
}

/** What ends the program of a page: what other hosts call. */
const EXPORTS = /export\s*\{[^{}]*\};?\s*$/;

/**
 * The page's own program once more, which in a worker listens instead of drawing: it is in the page once. It runs as a script, since
 * browsers make no worker of a module where a page has no origin, as files and locked frames have none.
 */
function workerOfPage(): WorkerLike {
  const program = document.getElementById("regard-program")?.textContent;
  if (!program) throw new Error("expected the program in the page (#regard-program), got none");
  const script = `"use strict";${program.replace(EXPORTS, "")}`;
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  try {
    return new Worker(address);
  } finally {
    // It is fetched later than the worker is made; the address may go once it cannot be needed any more.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
}
