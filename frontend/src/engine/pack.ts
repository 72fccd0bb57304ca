/**
 * Numbers on their way: `RGD1`, the length of a JSON text, that text, and arrays, all little-endian. The text is
 * `{"meta": …, "arrays": [{"name", "dtype", "shape", "offset"}]}`; offsets count from the start of the data, which begins at a
 * multiple of 8, as each array does. viewer/answers/packing.py writes and reads the same.
 */

export type Numbers = Float32Array | Float64Array | Uint8Array | Uint16Array | Int32Array | Int16Array;

/**
 * How numbers are written. Signed codes of 12 and 16 bits (int12p, int16p) are stored as planes, most significant bits first,
 * for these compress better than codes one after another.
 */
export type Dtype = "float32" | "float64" | "uint8" | "uint16" | "int32" | "int16p" | "int12p";

export interface Packed {
  dtype: Dtype;
  shape: number[];
  data: Numbers;
}

export interface Unpacked {
  meta: unknown;
  arrays: Map<string, Packed>;
}

interface Entry {
  name: string;
  dtype: Dtype;
  shape: number[];
  offset: number;
}

const MAGIC = 0x31444752; // "RGD1"
const PLAIN = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  int32: Int32Array,
};
const RAISED = { int12p: 2048, int16p: 32768 };

/** What was packed; arrays are views of the bytes, except codes, which are put together from their planes. */
export function unpack(bytes: ArrayBuffer | ArrayBufferView): Unpacked {
  let { buffer, start, length } = spanOf(bytes);
  const head = new DataView(buffer, start, length);
  if (length < 8 || head.getUint32(0, true) !== MAGIC)
    throw new Error("expected packed bytes that begin with RGD1, got others; is the answer whole?");
  const textLength = head.getUint32(4, true);
  const dataStart = 8 + textLength;
  if (dataStart > length) throw new Error(`expected a description of ${textLength} bytes, got ${length - 8} bytes`);
  if (start % 8 !== 0) {
    buffer = buffer.slice(start, start + length);
    start = 0;
  }
  const text = new TextDecoder().decode(new Uint8Array(buffer, start + 8, textLength));
  const { meta, arrays } = JSON.parse(text) as { meta: unknown; arrays: Entry[] };
  const found = new Map<string, Packed>();
  for (const { name, dtype, shape, offset } of arrays) {
    const count = shape.reduce((product, size) => product * size, 1);
    const at = dataStart + offset;
    if (at + bytesOf(dtype, count) > length)
      throw new Error(`expected ${bytesOf(dtype, count)} bytes of ${name}, got ${length - at}`);
    found.set(name, { dtype, shape, data: read(buffer, start + at, dtype, count) });
  }
  return { meta, arrays: found };
}

/** Packed bytes. Codes are given as an Int16Array. */
export function pack(meta: unknown, arrays: Readonly<Record<string, Packed>>): ArrayBuffer {
  let dataLength = 0;
  const entries = Object.entries(arrays).map(([name, { dtype, shape, data }]) => {
    const offset = dataLength;
    dataLength = padded(offset + bytesOf(dtype, data.length));
    return { name, dtype, shape, offset };
  });
  const text = new TextEncoder().encode(JSON.stringify({ meta, arrays: entries }));
  const textLength = padded(text.length);
  const packed = new ArrayBuffer(8 + textLength + dataLength);
  const head = new DataView(packed);
  head.setUint32(0, MAGIC, true);
  head.setUint32(4, textLength, true);
  const bytes = new Uint8Array(packed);
  bytes.fill(32, 8, 8 + textLength);
  bytes.set(text, 8);
  for (const { name, dtype, offset } of entries) write(bytes, 8 + textLength + offset, dtype, arrays[name].data);
  return packed;
}

/** An array of float32 for `pack`. */
export function floats(data: Float32Array, ...shape: number[]): Packed {
  return { dtype: "float32", shape, data };
}

/** The array of this name as float32. */
export function floatsOf(packed: Unpacked, name: string): Float32Array {
  const data = packed.arrays.get(name)?.data;
  if (!(data instanceof Float32Array))
    throw new Error(`expected an array "${name}" of float32 in the answer, got none`);
  return data;
}

function spanOf(bytes: ArrayBuffer | ArrayBufferView): { buffer: ArrayBuffer; start: number; length: number } {
  if (!ArrayBuffer.isView(bytes)) return { buffer: bytes, start: 0, length: bytes.byteLength };
  return { buffer: bytes.buffer as ArrayBuffer, start: bytes.byteOffset, length: bytes.byteLength };
}

function padded(length: number): number {
  return (length + 7) & ~7;
}

function bytesOf(dtype: Dtype, count: number): number {
  if (dtype === "int12p") return count + ((count + 1) >> 1);
  if (dtype === "int16p") return 2 * count;
  if (!(dtype in PLAIN)) throw new Error(`expected a type of ${Object.keys({ ...PLAIN, ...RAISED })}, got ${dtype}`);
  return count * PLAIN[dtype].BYTES_PER_ELEMENT;
}

function read(buffer: ArrayBuffer, at: number, dtype: Dtype, count: number): Numbers {
  if (dtype !== "int12p" && dtype !== "int16p") return new PLAIN[dtype](buffer, at, count);
  const bytes = new Uint8Array(buffer, at, bytesOf(dtype, count));
  const codes = new Int16Array(count);
  if (dtype === "int16p") {
    for (let i = 0; i < count; i++) codes[i] = ((bytes[i] << 8) | bytes[count + i]) - RAISED.int16p;
  } else {
    for (let i = 0; i < count; i++) {
      const low = (bytes[count + (i >> 1)] >> (4 * (i & 1))) & 15;
      codes[i] = ((bytes[i] << 4) | low) - RAISED.int12p;
    }
  }
  return codes;
}

function write(bytes: Uint8Array, at: number, dtype: Dtype, data: Numbers): void {
  if (dtype !== "int12p" && dtype !== "int16p") {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    return;
  }
  const count = data.length;
  for (let i = 0; i < count; i++) {
    const raised = data[i] + RAISED[dtype];
    if (dtype === "int16p") {
      bytes[at + i] = raised >> 8;
      bytes[at + count + i] = raised & 255;
    } else {
      bytes[at + i] = raised >> 4;
      bytes[at + count + (i >> 1)] |= (raised & 15) << (4 * (i & 1));
    }
  }
}
