/** The page's worker: answers questions off the main thread, and asks the page for its data as it needs them. */

import { type FromWorker, serve, type ToWorker } from "./worker_talk";

interface Scope {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  postMessage(message: FromWorker, transfer: ArrayBuffer[]): void;
}

/** Whether this is the program's second run, in the worker that the page has made of it. */
export const inWorker = "DedicatedWorkerGlobalScope" in globalThis;

export function listen(): void {
  const scope = globalThis as unknown as Scope;
  scope.onmessage = ({ data }) => {
    if (!("shapes" in data)) return;
    const hear = serve(data.shapes, (message, transfer) => scope.postMessage(message, transfer));
    scope.onmessage = ({ data }) => hear(data);
    scope.postMessage({ ready: true }, []);
  };
}
