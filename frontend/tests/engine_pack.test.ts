import { gzipSync } from "node:zlib";
import { JSDOM } from "jsdom";
import { expect, test } from "vitest";
import { floats, pack, unpack } from "../src/engine/pack";
import { decoded, fromBase64, pageManifest, pageText, tableFromBase64 } from "../src/engine/page_data";
import { packMargins, packOverview, unpackMargins, unpackOverview } from "../src/engine/wire";
import { random } from "./engine_maps";

test("what is packed comes back, whatever its type", () => {
  const arrays = {
    weights: floats(Float32Array.of(0.5, -Infinity, 3), 3),
    bytes: { dtype: "uint8" as const, shape: [5], data: Uint8Array.of(0, 1, 2, 254, 255) },
    codes: { dtype: "uint16" as const, shape: [1, 3], data: Uint16Array.of(0, 256, 65535) },
    runs: { dtype: "int32" as const, shape: [2, 1], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
    twelve: { dtype: "int12p" as const, shape: [7], data: Int16Array.of(-2047, 2047, 0, 1, -1, 15, -16) },
    sixteen: { dtype: "int16p" as const, shape: [3], data: Int16Array.of(-32768, 32767, -1) },
    none: floats(new Float32Array(0), 0, 4),
  };
  const meta = { text: "▁chat 🐈 \ud800 </script>", deep: [1, { a: null }] };
  const found = unpack(pack(meta, arrays));
  expect(found.meta).toEqual(meta);
  expect(Object.fromEntries(found.arrays)).toEqual(arrays);
});

test("the bytes are those of the format, to the last", () => {
  const packed = pack(1, { a: { dtype: "int12p", shape: [3], data: Int16Array.of(-2047, 0, 2047) } });
  const text = '{"meta":1,"arrays":[{"name":"a","dtype":"int12p","shape":[3],"offset":0}]}';
  const padded = text + " ".repeat((8 - (text.length % 8)) % 8);
  const head = [...new TextEncoder().encode("RGD1"), padded.length, 0, 0, 0, ...new TextEncoder().encode(padded)];
  // −2047 + 2048 = 0x001, 2048 = 0x800, 4095 = 0xfff: high bytes, then nibbles, the first one low.
  expect([...new Uint8Array(packed)]).toEqual([...head, 0x00, 0x80, 0xff, 0x01, 0x0f, 0, 0, 0]);
});

test("bytes may begin anywhere in a buffer, as a notebook sends them", () => {
  const packed = new Uint8Array(pack({ n: 1 }, { a: floats(Float32Array.of(1, 2), 2) }));
  const moved = new Uint8Array(packed.length + 3);
  moved.set(packed, 3);
  const found = unpack(new DataView(moved.buffer, 3));
  expect(found.arrays.get("a")?.data).toEqual(Float32Array.of(1, 2));
});

test("other bytes and cut ones are refused", () => {
  const packed = pack({}, { a: floats(Float32Array.of(1, 2), 2) });
  expect(() => unpack(new TextEncoder().encode("<html>no</html>"))).toThrow("begin with RGD1");
  expect(() => unpack(new ArrayBuffer(0))).toThrow("begin with RGD1");
  expect(() => unpack(packed.slice(0, packed.byteLength - 8))).toThrow("expected 8 bytes of a, got 0");
  expect(() => unpack(packed.slice(0, 20))).toThrow("expected a description of");
});

test("answers come back as they went", () => {
  const beside = { received: Float32Array.of(1, 2), entropy: Float32Array.of(0.5), sampled: 3 };
  expect(unpackMargins(packMargins(beside))).toEqual(beside);
  const far = { heads: 1, rows: 1, columns: 2, mean: Float32Array.of(0, 1), max: Float32Array.of(1, 1) };
  expect(unpackOverview(packOverview(far))).toEqual(far);
});

test("base64 by table is base64, of any length", () => {
  const next = random(5);
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, () => 256 * next());
    const text = Buffer.from(bytes).toString("base64");
    expect(tableFromBase64(text)).toEqual(bytes);
    expect(fromBase64(text)).toEqual(bytes);
  }
  expect(() => tableFromBase64("AAA")).toThrow("in fours");
  expect(() => tableFromBase64("AA-A")).toThrow("other characters");
  expect(() => tableFromBase64("AAÿA")).toThrow("other characters");
});

test("the page's scripts give its manifest and its packs", async () => {
  const packed = pack({ kind: "dense" }, { a: floats(Float32Array.of(1, 2, 3), 3) });
  const data = gzipSync(new Uint8Array(packed)).toString("base64");
  const { document } = new JSDOM(
    `<script type="application/json" id="regard-manifest">{"title":"\\u003c/script\\u003e"}</script>
     <script type="text/plain" data-regard="map-0">${data}\n</script>`,
  ).window;
  expect(pageManifest(document).title).toBe("</script>");
  expect(await decoded(pageText(document, "map-0"))).toEqual(packed);
  expect(() => pageText(document, "map-1")).toThrow('expected "map-1" among the data of the page');
  expect(() => pageManifest(new JSDOM("").window.document)).toThrow("#regard-manifest");
});
