/** A source of answers over any transport. */

import type { Axis, Manifest, Source, Transport } from "../contract";
import { unpack } from "./pack";
import { untilAborted } from "./signals";
import { unpackJoint, unpackMargins, unpackOverview, unpackRegion, unpackSteps } from "./wire";

/** Answers are kept while they take no more bytes than this. */
const KEPT_BYTES = 2 ** 26;

/** A manifest on its way: an axis that differs from another by its title alone says which. */
type Sent = Omit<Manifest, "axes"> & { axes: Record<string, Axis | { title: string; like: string }> };

export async function manifestOf(transport: Transport, signal?: AbortSignal): Promise<Manifest> {
  const { axes, ...sent } = unpack(await transport.ask("manifest", {}, signal)).meta as Sent;
  const whole = Object.entries(axes).map(([name, axis]) => [
    name,
    "like" in axis ? { ...(axes[axis.like] as Axis), title: axis.title } : axis,
  ]);
  return { ...sent, axes: Object.fromEntries(whole) };
}

/** Answers are shared between all who ask the same: they are only to be read. */
export function sourceOver(transport: Transport, keptBytes = KEPT_BYTES): Source {
  const answers = new Answers(transport, keptBytes);
  return {
    region: (request, signal) => answers.get("region", request, unpackRegion, signal),
    margins: (request, signal) => answers.get("margins", request, unpackMargins, signal),
    overview: (map, signal) => answers.get("overview", { map }, unpackOverview, signal),
    steps: (map, head, signal, row) => answers.get("steps", { map, head, ...row }, unpackSteps, signal),
    joint: (map, head, signal, row) => answers.get("joint", { map, head, ...row }, unpackJoint, signal),
  };
}

interface Pending {
  answer: Promise<unknown>;
  askers: number;
  controller: AbortController;
}

class Answers {
  private readonly kept = new Map<string, { answer: unknown; bytes: number }>();
  private readonly pending = new Map<string, Pending>();
  private bytes = 0;

  constructor(
    private readonly transport: Transport,
    private readonly keptBytes: number,
  ) {}

  async get<T>(
    question: string,
    request: object,
    unpacking: (bytes: ArrayBuffer) => T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    signal?.throwIfAborted();
    const name = `${question} ${JSON.stringify(request)}`;
    const kept = this.kept.get(name);
    if (kept) {
      this.kept.delete(name); // and put last: the first is what was not asked for longest
      this.kept.set(name, kept);
      return kept.answer as T;
    }
    const pending = this.pending.get(name) ?? this.ask(name, question, request, unpacking);
    pending.askers++;
    try {
      return (await untilAborted(pending.answer, signal)) as T;
    } finally {
      pending.askers--;
      if (pending.askers === 0 && this.pending.get(name) === pending) {
        this.pending.delete(name); // none waits any more
        pending.controller.abort();
      }
    }
  }

  private ask<T>(name: string, question: string, request: object, unpacking: (bytes: ArrayBuffer) => T): Pending {
    const controller = new AbortController();
    const answer = this.transport.ask(question, request, controller.signal).then((bytes) => {
      const answer = unpacking(bytes);
      this.keep(name, answer, bytes.byteLength);
      return answer;
    });
    const pending: Pending = { answer, askers: 0, controller };
    this.pending.set(name, pending);
    const over = () => {
      if (this.pending.get(name) === pending) this.pending.delete(name);
    };
    answer.then(over, over);
    return pending;
  }

  private keep(name: string, answer: unknown, bytes: number): void {
    if (bytes > this.keptBytes || this.kept.has(name)) return;
    this.kept.set(name, { answer, bytes });
    this.bytes += bytes;
    for (const [oldest, { bytes }] of this.kept) {
      if (this.bytes <= this.keptBytes) break;
      this.kept.delete(oldest);
      this.bytes -= bytes;
    }
  }
}
