/** A server's answers, by POST. */

import type { Transport } from "../contract";
import { pause } from "./signals";

/** The server is busy, or not there yet: worth asking once more. */
const AGAIN = new Set([409, 429, 503]);
const LONGEST_PAUSE = 10_000;

/**
 * Questions go to `${base}/${question}` as JSON; answers are packed bytes, or JSON {error} with the status of an error.
 */
export function serverTransport(base: string, headers: Readonly<Record<string, string>> = {}): Transport {
  const closed = new AbortController();
  const post = (question: string, request: object, signal: AbortSignal) =>
    fetch(`${base.replace(/\/+$/, "")}/${encodeURIComponent(question)}`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(request),
      signal,
    }).catch((error: unknown) => {
      if (!(error instanceof TypeError)) throw error; // of what fetch throws, this alone is about the connection
      throw new Error(`no answer from the server (${error.message}); is it still running?`);
    });
  return {
    async ask(question, request, signal) {
      const both = AbortSignal.any([closed.signal, ...(signal ? [signal] : [])]);
      both.throwIfAborted();
      let response = await post(question, request, both);
      if (AGAIN.has(response.status)) {
        await response.body?.cancel();
        await pause(pauseOf(response), both);
        response = await post(question, request, both);
      }
      if (!response.ok) throw new Error(await reasonOf(response));
      return response.arrayBuffer();
    },
    close() {
      closed.abort(new Error("the viewer is closed"));
    },
  };
}

/** Milliseconds of a Retry-After, which is in seconds or a date; one second where there is none. */
function pauseOf(response: Response): number {
  const after = response.headers.get("retry-after");
  const pause = after === null ? 1000 : /^\d+$/.test(after) ? 1000 * Number(after) : Date.parse(after) - Date.now();
  return Number.isNaN(pause) ? 1000 : Math.min(Math.max(pause, 0), LONGEST_PAUSE);
}

async function reasonOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === "string") return error;
  } catch {
    // not one of the server's own answers: a proxy's page, or nothing
  }
  return `the server answered ${response.status} ${response.statusText}`.trim();
}
