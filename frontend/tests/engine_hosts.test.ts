import { gzipSync } from "node:zlib";
import { JSDOM } from "jsdom";
import { afterEach, expect, test, vi } from "vitest";
import type { RegionRequest, Transport } from "../src/contract";
import { Engine, shapesOf, type Work } from "../src/engine/engine";
import { floats, pack } from "../src/engine/pack";
import { pageTransport, type WorkerLike } from "../src/engine/page_transport";
import { Queue } from "../src/engine/queue";
import { serverTransport } from "../src/engine/server_transport";
import { manifestOf, sourceOver } from "../src/engine/source";
import { type WidgetModel, widgetTransport } from "../src/engine/widget_transport";
import { packRegion, unpackRegion } from "../src/engine/wire";
import { serve } from "../src/engine/worker_talk";
import { makeFactors, manifestOfMaps } from "./engine_maps";

const SIZE = { heads: 2, queries: 13, keys: 17 };
const REQUEST: RegionRequest = {
  map: 0,
  heads: [0],
  rows: { start: 0, stop: 13, count: 13 },
  columns: { start: 0, stop: 17, count: 17 },
  how: "mean",
  hideSpecial: false,
  renormalise: false,
  sample: 0,
};
const MADE = makeFactors({ ...SIZE, dim: 5 });

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function pageOfMaps(): Document {
  const manifest = manifestOfMaps([SIZE, SIZE]);
  const codes = Uint8Array.from({ length: 2 * 2 * 3 }, (_, at) => 20 * at);
  const far = { dtype: "uint8" as const, shape: [2, 2, 3], data: codes };
  const overviews = pack(
    {},
    {
      "mean.0": far,
      "max.0": far,
      "scale.0": floats(Float32Array.of(0.5, 1, 2, 4), 2, 2),
      "mean.1": floats(Float32Array.of(-1, 1), 2, 1, 1),
      "max.1": floats(Float32Array.of(-0.5, 2), 2, 1, 1),
    },
  );
  const text = (packed: ArrayBuffer) => gzipSync(new Uint8Array(packed)).toString("base64");
  return new JSDOM(
    `<script type="application/json" id="regard-manifest">${JSON.stringify(manifest)}</script>
     <script type="text/plain" data-regard="overviews">${text(overviews)}</script>
     <script type="text/plain" data-regard="map-0">${text(MADE.packed)}</script>`,
  ).window.document;
}

/** A worker on this thread. */
function fakeWorker(): WorkerLike & { said: string[] } {
  let hear: ReturnType<typeof serve> | null = null;
  const say = (data: Parameters<Parameters<typeof serve>[1]>[0] | { ready: true }) =>
    queueMicrotask(() => worker.onmessage?.({ data } as MessageEvent));
  const worker: WorkerLike & { said: string[] } = {
    onmessage: null,
    onerror: null,
    said: [],
    postMessage(message) {
      worker.said.push(Object.keys(message)[0]);
      if (hear) return hear(message);
      if (!("shapes" in message)) throw new Error("expected shapes first");
      hear = serve(message.shapes, say);
      say({ ready: true });
    },
    terminate: () => worker.said.push("terminated"),
  };
  return worker;
}

const HOSTS: Record<string, () => WorkerLike> = {
  "a worker": fakeWorker,
  "no worker": () => {
    throw new Error("refused");
  },
  "a worker that fails late": () => {
    const worker = fakeWorker();
    worker.postMessage = () => setTimeout(() => worker.onerror?.({ message: "refused" } as ErrorEvent), 5);
    return worker;
  },
};

test("an axis that is like another has all but its title", async () => {
  const { axes, ...made } = manifestOfMaps([SIZE]);
  const [rows] = Object.keys(axes);
  const sent = { ...made, axes: { [rows]: axes[rows], other: { title: "keys", like: rows } } };
  const transport: Transport = { ask: async () => pack(sent, {}), close: () => {} };
  const found = await manifestOf(transport);
  expect(found.axes.other).toEqual({ ...axes[rows], title: "keys" });
  expect(found.axes.other.tokens).toBe(found.axes[rows].tokens);
});

for (const [name, makeWorker] of Object.entries(HOSTS))
  test(`a page answers from what it carries: ${name}`, async () => {
    const transport = pageTransport(pageOfMaps(), makeWorker);
    const source = sourceOver(transport);
    expect((await manifestOf(transport)).maps).toHaveLength(2);
    const [region, far, signed] = await Promise.all([source.region(REQUEST), source.overview(0), source.overview(1)]);
    MADE.weights[0].forEach((weight, at) => {
      expect(region.values[at]).toBeCloseTo(weight, 6);
    });
    expect(far.mean[7]).toBeCloseTo((140 / 255) ** 2 * 2, 6);
    expect(far.max[5]).toBeCloseTo((100 / 255) ** 2 * 1, 6);
    expect([...signed.mean, ...signed.max]).toEqual([-1, 1, -0.5, 2]);
    expect((await source.steps(0, 1)).weights).toHaveLength(13 * 17);
    await expect(source.region({ ...REQUEST, map: 1 })).rejects.toThrow('expected "map-1" among the data');
    await expect(source.region({ ...REQUEST, heads: [9] })).rejects.toThrow("expected a head from 0 to 1, got 9");
    transport.close();
    await expect(transport.ask("region", REQUEST)).rejects.toThrow("the viewer is closed");
  });

test("a worker that stops is told of, and the page goes on without it", async () => {
  const worker = fakeWorker();
  const transport = pageTransport(pageOfMaps(), () => worker);
  const source = sourceOver(transport);
  await source.overview(0);
  worker.postMessage = () => worker.onerror?.({ message: "out of memory" } as ErrorEvent);
  await expect(source.region(REQUEST)).rejects.toThrow("the page's worker stopped (out of memory)");
  expect((await source.region(REQUEST)).rows).toBe(13);
});

test("a page fetches a map's data once, and tells its worker when no answer is awaited", async () => {
  const worker = fakeWorker();
  const source = sourceOver(pageTransport(pageOfMaps(), () => worker));
  const controller = new AbortController();
  const post = worker.postMessage;
  worker.postMessage = (message) => {
    post(message);
    if ("question" in message) queueMicrotask(() => controller.abort());
  };
  await expect(source.region(REQUEST, controller.signal)).rejects.toThrow("abort");
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(worker.said).toEqual(["shapes", "id", "abort"]); // and it was never begun: its data were not asked for
  worker.postMessage = post;
  await source.region(REQUEST);
  await source.region({ ...REQUEST, heads: [1] });
  expect(worker.said.filter((one) => one === "name")).toEqual(["name"]);
});

/** An engine whose work is so many slices long. */
function slowEngine(log: string[]): Engine {
  const begin = async (question: string, request: object): Promise<Work> => {
    const { slices } = request as { slices: number };
    return (function* () {
      for (let slice = 0; slice < slices; slice++) {
        log.push(question);
        yield;
      }
      return new ArrayBuffer(slices);
    })();
  };
  return { begin } as unknown as Engine;
}

test("short work does not wait for long work, and what is given up stops", async () => {
  const log: string[] = [];
  const queue = new Queue(slowEngine(log), 0);
  const given = new AbortController();
  const endless = queue.ask("endless", { slices: Number.POSITIVE_INFINITY }, given.signal);
  await vi.waitFor(() => expect(log.length).toBeGreaterThan(6));
  const short = await queue.ask("short", { slices: 2 }, new AbortController().signal);
  expect(short.byteLength).toBe(2);
  given.abort();
  await expect(endless).rejects.toThrow("abort");
  const before = log.length;
  await queue.ask("short", { slices: 2 }, new AbortController().signal);
  expect(log.slice(before)).toEqual(["short", "short"]);
});

test("work that is given up before it begins is never begun", async () => {
  const begin = vi.fn();
  const queue = new Queue({ begin } as unknown as Engine, 0);
  const given = new AbortController();
  const dropped = queue.ask("region", REQUEST, given.signal);
  given.abort();
  await expect(dropped).rejects.toThrow("abort");
  expect(begin).not.toHaveBeenCalled();
});

/** A transport whose answers the test gives. */
function heldTransport() {
  const asked: { request: object; signal: AbortSignal | undefined; answer(values: number): void; fail(): void }[] = [];
  const transport: Transport = {
    ask: (_question, request, signal) =>
      new Promise((resolve, reject) => {
        const answer = (value: number) =>
          resolve(packRegion({ rows: 1, columns: 1, values: Float32Array.of(value), sampled: 0, every: 1 }));
        asked.push({ request, signal, answer, fail: () => reject(new Error("no")) });
      }),
    close() {},
  };
  return { asked, transport };
}

test("the same question is asked once, and its answer kept", async () => {
  const { asked, transport } = heldTransport();
  const source = sourceOver(transport);
  const [one, two] = [source.region(REQUEST), source.region({ ...REQUEST })];
  asked[0].answer(0.5);
  expect(await one).toBe(await two);
  expect((await source.region(REQUEST)).values[0]).toBe(0.5);
  expect(asked).toHaveLength(1);
});

test("a shared question is given up when the last who asked gives up", async () => {
  const { asked, transport } = heldTransport();
  const source = sourceOver(transport);
  const [first, second] = [new AbortController(), new AbortController()];
  const one = source.region(REQUEST, first.signal);
  const two = source.region(REQUEST, second.signal);
  first.abort();
  await expect(one).rejects.toThrow("abort");
  expect(asked[0].signal?.aborted).toBe(false);
  second.abort();
  await expect(two).rejects.toThrow("abort");
  expect(asked[0].signal?.aborted).toBe(true);
  const again = source.region(REQUEST);
  expect(asked).toHaveLength(2);
  asked[1].answer(2);
  expect((await again).values[0]).toBe(2);
  asked[0].answer(1); // late, and of a question that is answered
  await Promise.resolve();
  expect((await source.region(REQUEST)).values[0]).toBe(2);
});

test("failures are not kept", async () => {
  const { asked, transport } = heldTransport();
  const source = sourceOver(transport);
  const one = source.region(REQUEST);
  asked[0].fail();
  await expect(one).rejects.toThrow("no");
  const two = source.region(REQUEST);
  asked[1].answer(3);
  expect((await two).values[0]).toBe(3);
});

test("what was not asked for longest is let go", async () => {
  const { asked, transport } = heldTransport();
  const bytes = packRegion({ rows: 1, columns: 1, values: Float32Array.of(0), sampled: 0, every: 1 }).byteLength;
  const source = sourceOver(transport, 2 * bytes);
  const ask = async (sample: number) => {
    const before = asked.length;
    const answer = source.region({ ...REQUEST, sample });
    if (asked.length > before) asked[before].answer(sample);
    return (await answer).values[0];
  };
  for (const sample of [1, 2, 1, 3, 1, 2]) expect(await ask(sample)).toBe(sample);
  expect(asked.map(({ request }) => (request as RegionRequest).sample)).toEqual([1, 2, 3, 2]);
});

test("a server is asked by POST, and answers with bytes or a reason", async () => {
  const answers = [
    new Response(Uint8Array.of(1, 2)),
    new Response('{"error":"expected a map"}', { status: 400 }),
    new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" }),
  ];
  const fetched = vi.fn(async (_address: string, _init: RequestInit) => answers.shift()!);
  vi.stubGlobal("fetch", fetched);
  const transport = serverTransport("/maps/7/", { authorization: "Bearer t" });
  expect([...new Uint8Array(await transport.ask("region", { map: 1 }))]).toEqual([1, 2]);
  const [address, init] = fetched.mock.calls[0];
  expect(address).toBe("/maps/7/region");
  expect(init).toMatchObject({ method: "POST", body: '{"map":1}' });
  expect(init.headers).toEqual({ authorization: "Bearer t", "content-type": "application/json" });
  await expect(transport.ask("region", {})).rejects.toThrow("expected a map");
  await expect(transport.ask("region", {})).rejects.toThrow("the server answered 502 Bad Gateway");
  fetched.mockRejectedValueOnce(new TypeError("Failed to fetch"));
  await expect(transport.ask("region", {})).rejects.toThrow("no answer from the server (Failed to fetch)");
  transport.close();
  await expect(transport.ask("region", {})).rejects.toThrow("the viewer is closed");
});

test.each([409, 429, 503])(
  "a server that is busy (%i) is asked once more, after the pause it wants",
  async (status) => {
    vi.useFakeTimers();
    const busy = () => new Response('{"error":"busy"}', { status, headers: { "retry-after": "3" } });
    const fetched = vi.fn(async () => busy());
    fetched.mockResolvedValueOnce(busy()).mockResolvedValueOnce(new Response(Uint8Array.of(9)));
    vi.stubGlobal("fetch", fetched);
    const transport = serverTransport("");
    const answer = transport.ask("region", {});
    await vi.advanceTimersByTimeAsync(2999);
    expect(fetched).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect([...new Uint8Array(await answer)]).toEqual([9]);
    const twice = expect(transport.ask("region", {})).rejects.toThrow("busy");
    await vi.advanceTimersByTimeAsync(3000);
    await twice;
    expect(fetched).toHaveBeenCalledTimes(4);
    const controller = new AbortController();
    const given = expect(transport.ask("region", {}, controller.signal)).rejects.toThrow("abort");
    await vi.advanceTimersByTimeAsync(10);
    controller.abort();
    await given;
    await vi.advanceTimersByTimeAsync(5000);
    expect(fetched).toHaveBeenCalledTimes(5);
  },
);

type Heard = Parameters<WidgetModel["on"]>[1];

function fakeModel() {
  const sent: { id: string; question: string }[] = [];
  const listeners = new Set<Heard>();
  const model: WidgetModel = {
    send: (content) => sent.push(content as { id: string; question: string }),
    on: (_event, heard) => listeners.add(heard),
    off: (_event, heard) => listeners.delete(heard),
  };
  const reply = (at: number, value: number, error?: string) => {
    const whole = Uint8Array.of(0, 0, 0, value); // a view into more, as Jupyter hands them out
    const buffers = error === undefined ? [new DataView(whole.buffer, 3, 1)] : [];
    for (const heard of listeners) heard({ id: sent[at].id, ...(error === undefined ? {} : { error }) }, buffers);
  };
  return { model, sent, listeners, reply };
}

test("a kernel is asked two things at a time, and answers by their ids", async () => {
  const { model, sent, reply, listeners } = fakeModel();
  const transport = widgetTransport(model);
  const other = widgetTransport(model); // a second view of the same widget
  const controller = new AbortController();
  const answers = [0, 1].map((map) => transport.ask("region", { map }));
  const dropped = transport.ask("region", { map: 2 }, controller.signal);
  const last = transport.ask("margins", { map: 3 });
  expect(sent).toHaveLength(2);
  controller.abort();
  await expect(dropped).rejects.toThrow("abort");
  reply(1, 11);
  reply(0, 10);
  expect(await Promise.all(answers.map(async (one) => new Uint8Array(await one)[0]))).toEqual([10, 11]);
  expect(sent[2]).toMatchObject({ question: "margins", request: { map: 3 } });
  reply(2, 0, "expected a map");
  await expect(last).rejects.toThrow("expected a map");
  const theirs = other.ask("region", {});
  expect(new Set(sent.map(({ id }) => id)).size).toBe(4);
  other.close();
  await expect(theirs).rejects.toThrow("the viewer is closed");
  transport.close();
  expect(listeners.size).toBe(0);
  await expect(transport.ask("region", {})).rejects.toThrow("the viewer is closed");
});

test("a kernel that does not answer is told of, and others are asked", async () => {
  vi.useFakeTimers();
  const { model, sent } = fakeModel();
  const transport = widgetTransport(model, 5000);
  const lost = [1, 2, 3].map((map) =>
    expect(transport.ask("region", { map })).rejects.toThrow("no answer from the kernel for 5 s"),
  );
  await vi.advanceTimersByTimeAsync(5000);
  expect(sent).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(5000);
  await Promise.all(lost);
});

test("an engine lets go of maps that take too much memory, and fetches them again", async () => {
  const sizes = Array.from({ length: 4 }, () => ({ heads: 1, queries: 2, keys: 3 }));
  const big = pack(
    { kind: "dense", heads: 1, queries: 2, keys: 3, low: 0, step: 1 },
    {
      weights: floats(new Float32Array(6), 1, 2, 3),
      received: floats(new Float32Array(3), 1, 3),
      entropy: floats(new Float32Array(2), 1, 2),
      ballast: { dtype: "uint8", shape: [2 ** 27 - 100], data: new Uint8Array(2 ** 27 - 100) },
    },
  );
  const loaded: string[] = [];
  const engine = new Engine(shapesOf(manifestOfMaps(sizes)), async (name) => {
    loaded.push(name);
    return big;
  });
  const rows = { start: 0, stop: 2, count: 2 };
  const columns = { start: 0, stop: 3, count: 3 };
  for (const map of [0, 1, 0, 2, 0, 1]) await engine.begin("region", { ...REQUEST, map, rows, columns });
  expect(loaded).toEqual(["map-0", "map-1", "map-2", "map-1"]);
});

test("hidden rows are the special tokens of the labels that are shown", async () => {
  const maps = [{ ...SIZE, rowAxes: ["produced", "consumed"], columnAxis: "source" }];
  const engine = new Engine({ maps, special: { produced: [12], consumed: [0], source: [] } }, async () => MADE.packed);
  const empty = async (rowAxis?: number) => {
    const asked = { ...REQUEST, hideSpecial: true, ...(rowAxis === undefined ? {} : { rowAxis }) };
    const work = await engine.begin("region", asked);
    let step = work.next();
    while (!step.done) step = work.next();
    const { values } = unpackRegion(step.value);
    return Array.from({ length: 13 }, (_, row) => row).filter((row) =>
      values.subarray(17 * row, 17 * (row + 1)).every((weight) => weight === 0),
    );
  };
  expect(await empty()).toEqual([12]);
  expect(await empty(1)).toEqual([0]);
  await expect(empty(2)).rejects.toThrow("row axis");
});
