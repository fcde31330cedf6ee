/**
 * Plain data to bytes and back: null, booleans, safe integers, doubles, strings, BigInt, arrays, objects (keys in their
 * order). Used for packets in a journal and for snapshots; the compact encodings of common facts are in `facts-codec.ts`.
 */
import type { ByteSink, ByteSource } from './bytes.ts';

const Tag = {
  null: 0,
  false: 1,
  true: 2,
  uint: 3,
  negative: 4,
  double: 5,
  text: 6,
  big: 7,
  array: 8,
  object: 9,
} as const;

const f64 = new Float64Array(1);
const f64Bytes = new Uint8Array(f64.buffer);
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

export function writePlain(out: ByteSink, value: unknown): void {
  if (value === null || value === undefined) out.u8(Tag.null);
  else if (typeof value === 'boolean') out.u8(value ? Tag.true : Tag.false);
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      out.u8(value < 0 ? Tag.negative : Tag.uint);
      out.uint(Math.abs(value));
    } else {
      out.u8(Tag.double);
      f64[0] = value;
      for (let i = 0; i < 8; i++) out.u8(f64Bytes[littleEndian ? i : 7 - i]!);
    }
  } else if (typeof value === 'string') {
    out.u8(Tag.text);
    out.text(value);
  } else if (typeof value === 'bigint') {
    out.u8(Tag.big);
    out.text(value.toString());
  } else if (Array.isArray(value)) {
    out.u8(Tag.array);
    out.uint(value.length);
    for (const v of value) writePlain(out, v);
  } else if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    out.u8(Tag.object);
    out.uint(entries.length);
    for (const [k, v] of entries) {
      out.text(k);
      writePlain(out, v);
    }
  } else throw new Error(`not plain data: ${typeof value}`);
}

export function readPlain(src: ByteSource): unknown {
  const tag = src.u8();
  switch (tag) {
    case Tag.null:
      return null;
    case Tag.false:
      return false;
    case Tag.true:
      return true;
    case Tag.uint:
      return src.uint();
    case Tag.negative:
      return -src.uint();
    case Tag.double:
      for (let i = 0; i < 8; i++) f64Bytes[littleEndian ? i : 7 - i] = src.u8();
      return f64[0]!;
    case Tag.text:
      return src.text();
    case Tag.big:
      return BigInt(src.text());
    case Tag.array: {
      const n = src.uint();
      if (n > src.end - src.at) throw new Error('ends too early');
      const list: unknown[] = [];
      for (let i = 0; i < n; i++) list.push(readPlain(src));
      return list;
    }
    case Tag.object: {
      const n = src.uint();
      if (n > src.end - src.at) throw new Error('ends too early');
      const object: Record<string, unknown> = {};
      for (let i = 0; i < n; i++) {
        const key = src.text();
        Object.defineProperty(object, key, {
          value: readPlain(src),
          enumerable: true,
          writable: true,
          configurable: true,
        });
      }
      return object;
    }
    default:
      throw new Error(`unknown tag ${tag}`);
  }
}
