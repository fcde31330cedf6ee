/**
 * The journal of one host: everything that entered it, in order, enough to be that host again. Layout:
 *
 *   magic "JNCJ1\n", then frames: type u8, length LEB128, payload, CRC-32 (u32) of type + length + payload.
 *   header (1)  JSON of JournalHeader, first and once
 *   step (2)    stamp delta, number of facts, facts. Pulses are not written, replay derives them; only those are, as a step
 *               without facts, that facts of the same stamp followed or whose actions left the host
 *   check (3)   steps so far, digest of every decision so far
 *   end (4)     last stamp, digest: a journal without it was cut off
 *   host (5)    whose frames follow, where the header names several hosts (a simulation's journal of all of them). There every
 *               step is written, pulses too, each with the delta to its own host's last stamp: a host that was down takes its
 *               deadlines late. Packets are written without what is in them: their senders' steps are in the same file
 *
 * A reader says at which byte a file stops making sense.
 */
import type { Fact } from '../facts.ts';
import type { Topology } from '../market/market.ts';
import type { MarketConfig, TimeUs } from '../types.ts';
import { ByteSink, ByteSource, crc32 } from './bytes.ts';
import { readFact, writeFact } from './facts-codec.ts';

export const MAGIC = 'JNCJ1\n';
export const JOURNAL_SCHEMA = 'janction.journal/1';

export interface JournalHeader {
  schema: typeof JOURNAL_SCHEMA;
  engine: string;
  host: number;
  config: MarketConfig;
  /** Name and version of every injected solver, file and hash of every module of a user's own; empty when none. */
  solvers: Record<string, string>;
  /** Present when the journal is that of all hosts of a simulation; `host` is then 0. */
  topology?: Omit<Topology, 'host'>;
}

export const FrameType = { header: 1, step: 2, check: 3, end: 4, host: 5 } as const;

export type Frame =
  | { type: typeof FrameType.header; header: JournalHeader; offset: number }
  | { type: typeof FrameType.step; host: number; now: TimeUs; facts: Fact[]; offset: number }
  | { type: typeof FrameType.check; host: number; steps: number; digest: string; offset: number }
  | { type: typeof FrameType.end; host: number; now: TimeUs; digest: string; offset: number };

/** Steps between two check frames: how closely a replay can name the first difference. */
export const CHECK_EVERY = 1024;

/** Stamp of the last frame and number of steps with facts before some byte of a journal. */
export interface JournalPosition {
  last: TimeUs;
  steps: number;
}

export class JournalWriter {
  readonly #out = new ByteSink();
  readonly #body = new ByteSink(1024);
  readonly #flush: (bytes: Uint8Array) => void;
  readonly #flushAt: number;
  #last: TimeUs = 0;
  /** Stamp of a pulse that no facts have followed yet. */
  #pulsed: TimeUs = -1;
  #steps = 0;
  /** Of each host, where there are several; and the one whose frames are being written. */
  readonly #hosts: JournalPosition[] | null;
  #host = -1;

  /**
   * `flush` receives finished frames; the bytes are only valid during the call. `resumed` continues a journal that was cut
   * off, from where its last whole frame stands: magic and header are there already.
   */
  constructor(
    header: JournalHeader,
    flush: (bytes: Uint8Array) => void,
    flushAt = 65536,
    resumed: JournalPosition | null = null,
  ) {
    this.#flush = flush;
    this.#flushAt = flushAt;
    this.#hosts =
      header.topology === undefined
        ? null
        : Array.from({ length: Math.max(...header.topology.hostOf) + 1 }, () => ({ last: 0, steps: 0 }));
    if (resumed !== null) {
      this.#last = resumed.last;
      this.#steps = resumed.steps;
      return;
    }
    for (const ch of MAGIC) this.#out.u8(ch.charCodeAt(0));
    this.#body.text(JSON.stringify(header));
    this.#frame(FrameType.header);
  }

  /** Steps written so far. */
  get steps(): number {
    return this.#steps;
  }
  /** Where a writer that continues after the frames written so far must stand. */
  get position(): JournalPosition {
    return { last: this.#last, steps: this.#steps };
  }

  /** `digest` is asked for when a check frame is due: the state before this step. */
  step(now: TimeUs, facts: readonly Fact[], digest: () => string, host = 0): void {
    if (this.#hosts !== null) return this.#stepOf(this.#hosts[host]!, host, now, facts, digest);
    if (facts.length === 0) {
      this.#pulsed = now;
      return;
    }
    if (this.#pulsed === now) this.#write(now, facts.slice(0, 0));
    this.#pulsed = -1;
    if (this.#steps > 0 && this.#steps % CHECK_EVERY === 0) {
      this.#body.uint(this.#steps);
      this.#body.text(digest());
      this.#frame(FrameType.check);
    }
    this.#steps++;
    this.#write(now, facts);
    if (this.#out.length >= this.#flushAt) this.flush();
  }

  #stepOf(at: JournalPosition, host: number, now: TimeUs, facts: readonly Fact[], digest: () => string): void {
    this.#on(host);
    if (at.steps > 0 && at.steps % CHECK_EVERY === 0) {
      this.#body.uint(at.steps);
      this.#body.text(digest());
      this.#frame(FrameType.check);
    }
    at.steps++;
    this.#body.uint(now - at.last);
    this.#body.uint(facts.length);
    for (let i = 0; i < facts.length; i++) writeFact(this.#body, facts[i]!, true);
    this.#frame(FrameType.step);
    at.last = now;
    if (this.#out.length >= this.#flushAt) this.flush();
  }

  #on(host: number): void {
    if (host === this.#host) return;
    this.#host = host;
    this.#body.uint(host);
    this.#frame(FrameType.host);
  }

  /**
   * Writes the last pulse although no facts follow it: a driver whose actions leave the host needs their cause on disk
   * first, and replay would otherwise not reach that deadline after a crash.
   */
  keepPulse(): void {
    if (this.#pulsed < 0) return;
    this.#write(this.#pulsed, []);
    this.#pulsed = -1;
  }

  #write(now: TimeUs, facts: readonly Fact[]): void {
    this.#body.uint(now - this.#last);
    this.#body.uint(facts.length);
    for (let i = 0; i < facts.length; i++) writeFact(this.#body, facts[i]!);
    this.#frame(FrameType.step);
    this.#last = now;
  }

  end(now: TimeUs, digest: string, host = 0): void {
    if (this.#hosts !== null) this.#on(host);
    this.#body.uint(now);
    this.#body.text(digest);
    this.#frame(FrameType.end);
    this.flush();
  }

  /** Hands over what is buffered. When the receiver throws, the bytes are kept for another try. */
  flush(): void {
    if (this.#out.length === 0) return;
    this.#flush(this.#out.bytes.subarray(0, this.#out.length));
    this.#out.length = 0;
  }

  #frame(type: number): void {
    const start = this.#out.length;
    this.#out.u8(type);
    this.#out.uint(this.#body.length);
    this.#out.append(this.#body);
    this.#out.u32(crc32(this.#out.bytes, start, this.#out.length));
    this.#body.length = 0;
  }
}

export class JournalError extends Error {
  readonly offset: number;
  constructor(offset: number, what: string) {
    super(`journal: byte ${offset}: ${what}`);
    this.name = 'JournalError';
    this.offset = offset;
  }
}

/**
 * Reads a journal that lies in memory. Throws JournalError at the first byte that makes no sense. `from` starts at a frame
 * boundary behind the header, where the last stamp was `last`.
 */
export function* readJournal(
  bytes: Uint8Array,
  from: { offset: number; last: TimeUs } | null = null,
): Generator<Frame, void, void> {
  for (let i = 0; i < MAGIC.length; i++) {
    if (bytes[i] !== MAGIC.charCodeAt(i)) throw new JournalError(i, 'this is no janction journal (bad magic)');
  }
  const src = new ByteSource(bytes, from?.offset ?? MAGIC.length);
  const last = new Map<number, TimeUs>([[0, from?.last ?? 0]]);
  let host = 0;
  let several = false;
  let first = from === null;
  while (!src.done) {
    const offset = src.at;
    let frame: Frame | number;
    try {
      frame = readFrame(bytes, src, offset, host, last.get(host) ?? 0, several);
    } catch (e) {
      if (e instanceof JournalError) throw e;
      throw new JournalError(offset, (e as Error).message);
    }
    if (typeof frame === 'number') {
      if (!several) throw new JournalError(offset, 'a host is named in the journal of one');
      host = frame;
      continue;
    }
    if (first !== (frame.type === FrameType.header))
      throw new JournalError(offset, 'the header must come first and once');
    first = false;
    if (frame.type === FrameType.header) several = frame.header.topology !== undefined;
    if (frame.type === FrameType.step) last.set(host, frame.now);
    yield frame;
  }
  if (first) throw new JournalError(bytes.length, 'the header is missing');
}

/** A frame, or the host whose frames follow. */
function readFrame(
  bytes: Uint8Array,
  src: ByteSource,
  offset: number,
  host: number,
  last: TimeUs,
  several: boolean,
): Frame | number {
  const type = src.u8();
  const length = src.uint();
  const from = src.at;
  const to = from + length;
  if (to + 4 > bytes.length) throw new JournalError(offset, 'the last frame is cut off');
  src.at = to;
  const sum = src.u32();
  if (sum !== crc32(bytes, offset, to))
    throw new JournalError(offset, 'checksum does not match: the frame was changed or torn');
  const body = new ByteSource(bytes, from, to);
  let frame: Frame | number;
  switch (type) {
    case FrameType.header: {
      const header = JSON.parse(body.text()) as JournalHeader;
      if (header.schema !== JOURNAL_SCHEMA)
        throw new JournalError(offset, `schema ${String(header.schema)} is not ${JOURNAL_SCHEMA}`);
      frame = { type, header, offset };
      break;
    }
    case FrameType.step: {
      const now = last + body.uint();
      const facts: Fact[] = [];
      for (let n = body.uint(); n > 0; n--) facts.push(readFact(body, several));
      frame = { type, host, now, facts, offset };
      break;
    }
    case FrameType.check:
      frame = { type, host, steps: body.uint(), digest: body.text(), offset };
      break;
    case FrameType.end:
      frame = { type, host, now: body.uint(), digest: body.text(), offset };
      break;
    case FrameType.host:
      frame = body.uint();
      break;
    default:
      throw new JournalError(offset, `unknown frame type ${type}`);
  }
  if (!body.done) throw new JournalError(offset, 'the frame is longer than its contents');
  return frame;
}
