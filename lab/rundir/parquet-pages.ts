/**
 * A chunk of the recorder as one row group, straight from its flat columns: the library's writer takes a BigInt object per
 * integer and a string per name, which cost a fifth of a whole run. Page headers, the footer and the
 * file itself stay the library's; only the bodies of the pages are made here, after the format's specification:
 *
 *   names     dictionary page, then RLE_DICTIONARY numbers
 *   integers  DELTA_BINARY_PACKED (blocks of 128, four miniblocks) while every value lies within 2^51, so that all the
 *             arithmetic is exact in doubles; PLAIN otherwise (hashes, which no encoding shrinks)
 *
 * Source: Apache Parquet, Encodings.md (delta encoding, RLE/bit-packing hybrid) and parquet.thrift.
 */
import type { ColumnChunk, Encoding } from 'hyparquet';
import { ByteWriter, type ParquetWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeRleBitPackedHybrid } from 'hyparquet-writer/src/encoding.js';
import type { Chunk, ChunkColumn } from '../../core/record/recorder.ts';

const BLOCK = 128;
const MINIBLOCKS = 4;
const MINIBLOCK = BLOCK / MINIBLOCKS;
/** Sums and differences of two integers within it, doubled, are exact in a double. */
const EXACT = 0x8000000000000;
const TWO24 = 0x1000000;
const TWO32 = 0x100000000;
const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Bytes of one page body; kept between pages. */
class PageBytes {
  #bytes = new Uint8Array(1 << 20);
  #length = 0;

  clear(): void {
    this.#length = 0;
  }
  taken(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
  need(n: number): void {
    if (this.#length + n <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * (this.#length + n));
    grown.set(this.taken());
    this.#bytes = grown;
  }

  /** Unsigned LEB128 of a whole number up to 2^53. */
  varint(v: number): void {
    this.need(10);
    let rest = v;
    while (rest >= 0x80) {
      const high = Math.floor(rest / 0x80);
      this.#bytes[this.#length++] = rest - high * 0x80 + 0x80;
      rest = high;
    }
    this.#bytes[this.#length++] = rest;
  }
  zigzag(v: number): void {
    this.varint(v >= 0 ? 2 * v : -2 * v - 1);
  }
  byte(v: number): void {
    this.need(1);
    this.#bytes[this.#length++] = v;
  }

  /** `count` whole numbers from `at`, `width` bits each (at most 53), lowest bit first, padded with zeros to a miniblock. */
  miniblock(values: Float64Array, at: number, count: number, width: number): void {
    this.need(4 * width + 8);
    const bytes = this.#bytes;
    let length = this.#length;
    let held = 0;
    let bits = 0;
    for (let i = 0; i < MINIBLOCK; i++) {
      let rest = i < count ? values[at + i]! : 0;
      // At most 24 new bits join at most 7 held ones, so 32-bit arithmetic is enough.
      for (let left = width; left > 0; left -= 24) {
        const low = rest % TWO24;
        if (left > 24) rest = (rest - low) / TWO24;
        held |= low << bits;
        bits += left < 24 ? left : 24;
        while (bits >= 8) {
          bytes[length++] = held & 0xff;
          held >>>= 8;
          bits -= 8;
        }
      }
    }
    this.#length = length;
  }
}

const page = new PageBytes();
const deltas = new Float64Array(BLOCK);
const widths = new Uint8Array(MINIBLOCKS);

const widthOf = (max: number): number =>
  max < TWO32 ? 32 - Math.clz32(max) : 64 - Math.clz32(Math.floor(max / TWO32));

/** DELTA_BINARY_PACKED body of `n >= 1` integers within 2^51. */
function deltaPack(values: Float64Array, n: number): void {
  page.varint(BLOCK);
  page.varint(MINIBLOCKS);
  page.varint(n);
  page.zigzag(values[0]!);
  for (let start = 1; start < n; start += BLOCK) {
    const size = Math.min(BLOCK, n - start);
    let least = Infinity;
    let most = -Infinity;
    let previous = values[start - 1]!;
    for (let i = 0; i < size; i++) {
      const v = values[start + i]!;
      const d = v - previous;
      previous = v;
      deltas[i] = d;
      if (d < least) least = d;
      if (d > most) most = d;
    }
    page.zigzag(least);
    if (least === most) {
      for (let m = 0; m < MINIBLOCKS; m++) page.byte(0);
      continue;
    }
    for (let m = 0; m < MINIBLOCKS; m++) {
      const end = Math.min((m + 1) * MINIBLOCK, size);
      let max = 0;
      for (let i = m * MINIBLOCK; i < end; i++) {
        const d = deltas[i]! - least;
        deltas[i] = d;
        if (d > max) max = d;
      }
      widths[m] = widthOf(max);
      page.byte(widths[m]!);
    }
    for (let m = 0; m < MINIBLOCKS; m++) {
      const at = m * MINIBLOCK;
      if (widths[m]! > 0) page.miniblock(deltas, at, Math.max(0, Math.min(MINIBLOCK, size - at)), widths[m]!);
    }
  }
}

/** Safe integers to the bytes of 64-bit ones without a BigInt per value. */
function int64Bytes(values: Float64Array, n: number): Uint8Array {
  const out = new DataView(new ArrayBuffer(8 * n));
  for (let i = 0; i < n; i++) {
    out.setInt32(8 * i, values[i]! | 0, true);
    out.setInt32(8 * i + 4, Math.floor(values[i]! / TWO32), true);
  }
  return new Uint8Array(out.buffer);
}

function bigBytes(values: BigInt64Array, n: number): Uint8Array {
  if (littleEndian) return new Uint8Array(values.buffer, values.byteOffset, 8 * n);
  const out = new DataView(new ArrayBuffer(8 * n));
  for (let i = 0; i < n; i++) out.setBigInt64(8 * i, values[i]!, true);
  return new Uint8Array(out.buffer);
}

let doubles = new Float64Array(0);

/** The values as doubles, or null when one of them is not within 2^51. */
function asDoubles(values: BigInt64Array, n: number): Float64Array | null {
  if (doubles.length < n) doubles = new Float64Array(n);
  const words = new Int32Array(values.buffer, values.byteOffset, 2 * n);
  const low = littleEndian ? 0 : 1;
  for (let i = 0; i < n; i++) {
    const high = words[2 * i + 1 - low]!;
    if (high >= 0x80000 || high < -0x80000) return null;
    doubles[i] = high * TWO32 + (words[2 * i + low]! >>> 0);
  }
  return doubles;
}

interface Body {
  encoding: Encoding;
  bytes: Uint8Array;
  min: bigint;
  max: bigint;
}

function rangeOf(values: Float64Array, n: number): [number, number] {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < n; i++) {
    const v = values[i]!;
    if (v < min) min = v;
    if (v > max) max = v;
  }
  return [min, max];
}

function integers(c: ChunkColumn, n: number): Body {
  const values = c.column.type === 'big' ? asDoubles(c.bigs, n) : c.ints;
  if (values === null) {
    let min = c.bigs[0]!;
    let max = min;
    for (let i = 1; i < n; i++) {
      if (c.bigs[i]! < min) min = c.bigs[i]!;
      if (c.bigs[i]! > max) max = c.bigs[i]!;
    }
    return { encoding: 'PLAIN', bytes: bigBytes(c.bigs, n), min, max };
  }
  const [min, max] = rangeOf(values, n);
  const span = { min: BigInt(min), max: BigInt(max) };
  if (min < -EXACT || max > EXACT) return { encoding: 'PLAIN', bytes: int64Bytes(values, n), ...span };
  page.clear();
  deltaPack(values, n);
  return { encoding: 'DELTA_BINARY_PACKED', bytes: page.taken(), ...span };
}

/** Names that occur in the column, in order of appearance, and the number of each row's. */
function dictionaryOf(c: ChunkColumn, n: number): { names: Uint8Array[]; indexes: Int32Array } {
  const local = new Int32Array(c.names.length).fill(-1);
  const names: Uint8Array[] = [];
  const indexes = new Int32Array(n);
  const encoder = new TextEncoder();
  for (let i = 0; i < n; i++) {
    const id = c.ints[i]!;
    let index = local[id]!;
    if (index < 0) {
      index = names.length;
      local[id] = index;
      names.push(encoder.encode(c.names[id]!));
    }
    indexes[i] = index;
  }
  return { names, indexes };
}

function writeDataPage(writer: ParquetWriter, rows: number, encoding: Encoding, body: Uint8Array): void {
  writePageHeader(writer.writer, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: body.length,
    compressed_page_size: body.length,
    data_page_header_v2: {
      num_values: rows,
      num_nulls: 0,
      num_rows: rows,
      encoding,
      definition_levels_byte_length: 0,
      repetition_levels_byte_length: 0,
      is_compressed: false,
    },
  });
  writer.writer.appendBytes(body);
}

function writeDictionaryPage(writer: ParquetWriter, names: readonly Uint8Array[]): void {
  const body = new ByteWriter();
  for (const name of names) {
    body.appendUint32(name.length);
    body.appendBytes(name);
  }
  const bytes = body.getBytes();
  writePageHeader(writer.writer, {
    type: 'DICTIONARY_PAGE',
    uncompressed_page_size: bytes.length,
    compressed_page_size: bytes.length,
    dictionary_page_header: { num_values: names.length, encoding: 'PLAIN' },
  });
  writer.writer.appendBytes(bytes);
}

function writeColumn(writer: ParquetWriter, c: ChunkColumn, rows: number): ColumnChunk {
  const start = writer.writer.offset;
  const common = { path_in_schema: [c.name], codec: 'UNCOMPRESSED' as const, num_values: BigInt(rows) };
  const sizes = () => ({
    total_compressed_size: BigInt(writer.writer.offset - start),
    total_uncompressed_size: BigInt(writer.writer.offset - start),
  });
  if (c.column.type !== 'text') {
    const { encoding, bytes, min, max } = integers(c, rows);
    writeDataPage(writer, rows, encoding, bytes);
    return {
      file_offset: BigInt(start),
      meta_data: {
        ...common,
        type: 'INT64',
        encodings: [encoding],
        ...sizes(),
        data_page_offset: BigInt(start),
        statistics: { min_value: min, max_value: max, null_count: 0n },
        encoding_stats: [{ page_type: 'DATA_PAGE_V2', encoding, count: 1 }],
      },
    };
  }
  const { names, indexes } = dictionaryOf(c, rows);
  writeDictionaryPage(writer, names);
  const data = writer.writer.offset;
  const width = names.length < 2 ? 0 : 32 - Math.clz32(names.length - 1);
  const body = new ByteWriter(rows);
  body.appendUint8(width);
  writeRleBitPackedHybrid(body, indexes, width);
  writeDataPage(writer, rows, 'RLE_DICTIONARY', body.getBytes());
  let min = names[0]!;
  let max = min;
  for (const name of names) {
    if (Buffer.compare(name, min) < 0) min = name;
    if (Buffer.compare(name, max) > 0) max = name;
  }
  return {
    file_offset: BigInt(start),
    meta_data: {
      ...common,
      type: 'BYTE_ARRAY',
      encodings: ['PLAIN', 'RLE_DICTIONARY'],
      ...sizes(),
      data_page_offset: BigInt(data),
      dictionary_page_offset: BigInt(start),
      statistics: { min_value: min, max_value: max, null_count: 0n },
      encoding_stats: [
        { page_type: 'DICTIONARY_PAGE', encoding: 'PLAIN', count: 1 },
        { page_type: 'DATA_PAGE_V2', encoding: 'RLE_DICTIONARY', count: 1 },
      ],
    },
  };
}

/** Appends the chunk (at least one row) as one row group; the columns must be those of the writer's schema, all required. */
export function writeRowGroup(writer: ParquetWriter, chunk: Chunk): void {
  const start = writer.writer.offset;
  const columns = chunk.columns.map((c) => writeColumn(writer, c, chunk.rows));
  const size = BigInt(writer.writer.offset - start);
  writer.num_rows += BigInt(chunk.rows);
  writer.row_groups.push({
    columns,
    total_byte_size: size,
    num_rows: BigInt(chunk.rows),
    total_compressed_size: size,
  });
}
