/** Opens the files of traces and machine lists: plain, gzip, tar or gzipped tar. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { detectTrace, type TraceFile } from '../scenarios/index.ts';
import { UsageError } from './errors.ts';

const CHUNK = 1 << 20;
/** Archives are held in memory, so their unpacked size is limited. */
const MAX_UNPACKED = 256 * 1024 * 1024;
const BLOCK = 512;

export function reason(e: unknown): string {
  const code = (e as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EISDIR') return 'is a directory';
  if (code === 'EACCES') return 'may not be read';
  return `cannot be read (${code ?? String(e)})`;
}

/** Bytes of a plain file, a megabyte at a time. */
export function* chunksOf(
  path: string,
  mend = 'give the path of a job list (in a scenario, demand.trace.path)',
): Generator<Uint8Array> {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (e) {
    throw new UsageError(`${path}: ${reason(e)}; ${mend}`);
  }
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw new UsageError(`${path}: is a directory; give the trace file itself`);
    if (!stat.isFile()) throw new UsageError(`${path}: is no regular file; save it to a file first`);
    for (;;) {
      // A fresh buffer per chunk: readers may keep a view of the last one.
      const buffer = new Uint8Array(CHUNK);
      const n = readSync(fd, buffer, 0, CHUNK, null);
      if (n === 0) return;
      yield buffer.subarray(0, n);
    }
  } finally {
    closeSync(fd);
  }
}

/** The first bytes of a file. */
function beginning(path: string): Uint8Array {
  for (const chunk of chunksOf(path)) return chunk.subarray(0, BLOCK);
  return new Uint8Array(0);
}

const isGzip = (b: Uint8Array): boolean => b[0] === 0x1f && b[1] === 0x8b;
const isTar = (b: Uint8Array): boolean => text(b, 257, 5) === 'ustar';

function text(b: Uint8Array, from: number, size: number): string {
  let s = '';
  for (let i = from; i < from + size && b[i] !== undefined && b[i] !== 0; i++) s += String.fromCharCode(b[i]!);
  return s;
}

/** Files of a tar archive (POSIX ustar, 1988): name and bytes; links, directories and extensions are passed over. */
function tarMembers(path: string, b: Uint8Array): [string, Uint8Array][] {
  const members: [string, Uint8Array][] = [];
  for (let at = 0; at + BLOCK <= b.length && b[at] !== 0; ) {
    const header = b.subarray(at, at + BLOCK);
    const octal = text(header, 124, 12).trim();
    const size = Number.parseInt(octal, 8);
    const end = at + BLOCK + size;
    if (!isTar(header) || !/^[0-7]+$/.test(octal) || end > b.length)
      throw new UsageError(`${path}: the archive is damaged or cut off; fetch it again`);
    const prefix = text(header, 345, 155);
    const name = text(header, 0, 100);
    const type = header[156];
    if (type === 0 || type === 48)
      members.push([prefix === '' ? name : `${prefix}/${name}`, b.subarray(at + BLOCK, end)]);
    at = at + BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return members;
}

function unpacked(path: string): Uint8Array {
  if (statSync(path).size > MAX_UNPACKED) throw tooLarge(path);
  const bytes = readFileSync(path);
  if (!isGzip(bytes)) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED });
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(path);
    throw new UsageError(`${path}: the archive is damaged or cut off; fetch it again`);
  }
}

const tooLarge = (path: string): UsageError =>
  new UsageError(`${path}: unpacks to more than ${MAX_UNPACKED} bytes; unpack it first and give the files`);

const whole = (bytes: Uint8Array) =>
  function* (): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
  };

/**
 * The files a trace consists of: the file itself, what a gzip file holds, or the members of a tar archive that are job lists
 * (`member` picks one of them by name). Throws UsageError.
 */
export function traceFiles(path: string, member = ''): TraceFile[] {
  const head = beginning(path);
  if (!isGzip(head) && !isTar(head)) {
    if (member !== '') throw new UsageError(`${path}: is no tar archive; leave demand.trace.member away`);
    return [{ file: path, label: '', open: () => chunksOf(path) }];
  }
  const bytes = unpacked(path);
  if (!isTar(bytes)) return [{ file: path, label: '', open: whole(bytes) }];
  const members = tarMembers(path, bytes)
    .filter(([name]) => member === '' || name === member || basename(name) === member)
    .map(
      ([name, b]): TraceFile => ({
        file: `${path}/${name}`,
        label: basename(name, extname(name)),
        open: whole(b),
      }),
    )
    .sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
  if (members.length === 0) throw new UsageError(`${path}: holds no file ${member}; see what it holds with tar -tf`);
  if (member !== '') return members;
  const lists = members.filter((m) => {
    for (const chunk of m.open()) return chunk.length > 0 && isJobList(m);
    return false;
  });
  if (lists.length === 0) throw new UsageError(`${path}: holds no job list; unpack it and give the file that is one`);
  return lists;
}

/** The file of a machine list, unpacked when it is a gzip file. */
export function listFiles(path: string): TraceFile[] {
  const bytes = [...chunksOf(path, 'give the list with --set fleet.list.path=FILE')];
  if (bytes.length === 0 || !isGzip(bytes[0]!)) return [{ file: path, label: '', open: () => bytes }];
  return [{ file: path, label: '', open: whole(unpacked(path)) }];
}

/** Members of other kinds, such as a licence, are passed over. */
function isJobList(file: TraceFile): boolean {
  try {
    return detectTrace(file).format !== null;
  } catch {
    return false;
  }
}
