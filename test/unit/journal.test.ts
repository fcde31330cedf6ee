import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CardState, DownCause, type Fact, FactKind } from '../../core/facts.ts';
import { ByteSink, ByteSource, crc32, decodeUtf8 } from '../../core/journal/bytes.ts';
import { readFact, writeFact } from '../../core/journal/facts-codec.ts';
import {
  CHECK_EVERY,
  FrameType,
  JOURNAL_SCHEMA,
  JournalError,
  JournalWriter,
  readJournal,
} from '../../core/journal/journal.ts';
import { readPlain, writePlain } from '../../core/journal/plain-codec.ts';
import { replay } from '../../core/journal/replay.ts';
import { utf8 } from '../../core/num/index.ts';
import { type MarketConfig, Outcome } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { config, Rows, simulation, spec } from '../support/market.ts';
import { workload } from '../support/workload.ts';

const facts: Fact[] = [
  { kind: FactKind.started, node: 3, lease: 2 ** 41 + 5, fence: 2 ** 33 },
  { kind: FactKind.exited, node: 3, lease: 7, fence: 1, outcome: Outcome.limit, clean: false },
  { kind: FactKind.released, node: 0, lease: 7, fence: 1 },
  { kind: FactKind.nodeDown, node: 40_000, cause: DownCause.owner },
  { kind: FactKind.leaving, node: 3, stopUs: 9_007_199_254_740_991 },
  { kind: FactKind.gpu, node: 40_000, gpu: 7, state: CardState.draining, xid: 94 },
  { kind: FactKind.nodeUp, node: 40_000 },
  { kind: FactKind.contact, pool: 1, node: 2, until: Number.MAX_SAFE_INTEGER },
  { kind: FactKind.submit, pool: 1, spec: spec(12, { user: 'zoë-🎬', classes: [0, 1], bids: [5, 6] }) },
  { kind: FactKind.cancel, pool: 0, job: 12 },
  { kind: FactKind.deposit, user: 'alice', currency: 1, amount: '12345678901234567890', seq: 4 },
  { kind: FactKind.takeover, from: 0, to: 1, seq: 9 },
  { kind: FactKind.settle, seq: 0 },
  { kind: FactKind.dispute, seq: 7, act: { do: 'file', lease: 1_099_511_627_777, by: 'zoë-🎬' } },
  { kind: FactKind.payer, user: 'zoë-🎬', answers: true, seq: 3 },
  {
    kind: FactKind.progress,
    node: 40_000,
    lease: 1_099_511_627_777,
    fence: 4_294_967_297,
    remainingUs: 86_400_000_000,
  },
  {
    kind: FactKind.packet,
    packet: {
      fromHost: 1,
      toHost: 0,
      ack: 4,
      first: 5,
      base: 5,
      letters: [{ from: 1, to: 0, message: { kind: 35, hold: 257, closing: 18, term: 2 } }],
    },
  },
  {
    kind: FactKind.stake,
    seq: 7,
    act: { do: 'bond', staker: 'sam', provider: 'owner-n0', amount: '25000000', lockUs: 3600_000_000 },
  },
];

/** A journal of a run in memory. */
function recorded(seed: number, jobs: number): { bytes: Uint8Array; rows: Rows; config: MarketConfig } {
  const w = workload(seed, jobs);
  const chunks: Uint8Array[] = [];
  const header = { schema: JOURNAL_SCHEMA, engine: 'test', host: 0, config: w.config, solvers: {} } as const;
  const journal = new JournalWriter(header, (b) => chunks.push(b.slice()), 512);
  const { sim, rows } = simulation(w.config, w.arrivals, { lives: w.lives, seed, journals: [journal] });
  sim.finish();
  const bytes = new Uint8Array(chunks.reduce((n, c) => n + c.length, 0));
  let at = 0;
  for (const c of chunks) {
    bytes.set(c, at);
    at += c.length;
  }
  return { bytes, rows, config: w.config };
}

describe('encodings', () => {
  test('every fact comes back as it went in, a typical one in at most 80 bytes', () => {
    for (const f of facts) {
      const out = new ByteSink(4);
      writeFact(out, f);
      const src = new ByteSource(out.bytes, 0, out.length);
      expect(readFact(src)).toEqual(f);
      expect(src.done).toBe(true);
      if (f.kind !== FactKind.packet) expect(out.length).toBeLessThanOrEqual(80);
    }
    const kinds = new Set(facts.map((f) => f.kind));
    expect([...kinds].sort((a, b) => a - b)).toEqual(Object.values(FactKind).sort((a, b) => a - b));
  });

  test('integers and texts of any size come back', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat()), fc.array(fc.string({ unit: 'binary' })), (ints, texts) => {
        const out = new ByteSink(2);
        for (const v of ints) out.uint(v);
        for (const s of texts) out.text(s);
        const src = new ByteSource(out.bytes, 0, out.length);
        for (const v of ints) expect(src.uint()).toBe(v);
        for (const s of texts) expect(src.text()).toBe(s);
      }),
      { seed: 1 },
    );
  });

  test('plain data of any shape comes back', () => {
    const plain = fc.letrec((tie) => ({
      v: fc.oneof(
        { depthSize: 'small' },
        fc.constant(null),
        fc.boolean(),
        fc.double({ noNaN: true }),
        fc.maxSafeInteger(),
        fc.bigInt(),
        fc.string(),
        fc.array(tie('v')),
        fc.dictionary(fc.string(), tie('v'), { noNullPrototype: true }),
      ),
    })).v;
    fc.assert(
      fc.property(plain, (v) => {
        const out = new ByteSink(2);
        writePlain(out, v);
        expect(readPlain(new ByteSource(out.bytes, 0, out.length))).toEqual(v);
      }),
      { seed: 1 },
    );
  });

  test('what is no whole number is refused', () => {
    const out = new ByteSink();
    for (const v of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => out.uint(v)).toThrow(/whole number/);
  });

  test('UTF-8 is read strictly', () => {
    const ok = utf8('aé€😀');
    expect(decodeUtf8(ok, 0, ok.length)).toBe('aé€😀');
    for (const bad of [
      [0x80],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xe2, 0x82],
      [0xf5, 0x80, 0x80, 0x80],
      [0xc3, 0x28],
    ]) {
      expect(() => decodeUtf8(Uint8Array.from(bad), 0, bad.length)).toThrow(/UTF-8/);
    }
  });

  test('CRC-32 of the standard check string', () => {
    expect(crc32(utf8('123456789'), 0, 9)).toBe(0xcbf43926);
  });
});

describe('journal', () => {
  const run = recorded(1, 400);

  test('replay reaches the same decisions and makes the same rows', () => {
    const again = new Rows();
    const r = replay(readJournal(run.bytes), shipped, again);
    r.market.report();
    expect(r.difference).toBeNull();
    expect(r.complete).toBe(true);
    expect(r.checks).toBeGreaterThan(Math.floor(r.facts / (2 * CHECK_EVERY)));
    expect(again.recorder.fingerprint).toBe(run.rows.recorder.fingerprint);
  });

  test('one byte changed anywhere is noticed, at its frame', () => {
    const frames = [...readJournal(run.bytes)];
    for (let i = 0; i < 60; i++) {
      const at = Math.floor((i * run.bytes.length) / 60);
      const bytes = run.bytes.slice();
      bytes[at]! ^= 0x10;
      const frame = frames.findLast((f) => f.offset <= at);
      try {
        const r = replay(readJournal(bytes), shipped);
        expect(r.difference).not.toBeNull();
      } catch (e) {
        expect(e).toBeInstanceOf(JournalError);
        if (frame !== undefined) expect((e as JournalError).offset).toBeLessThanOrEqual(at);
      }
    }
  });

  test('cut off at any byte it is incomplete, never wrong', () => {
    for (let i = 1; i < 40; i++) {
      const at = Math.floor((i * run.bytes.length) / 40);
      try {
        const r = replay(readJournal(run.bytes.subarray(0, at)), shipped);
        expect(r.complete).toBe(false);
        expect(r.difference).toBeNull();
      } catch (e) {
        expect(e).toBeInstanceOf(JournalError);
        expect((e as Error).message).toMatch(/cut off|ends too early|header is missing/);
      }
    }
  });

  test('a replay under other rules differs, and the check frame says where', () => {
    const frames = [...readJournal(run.bytes)].map((f) => {
      if (f.type !== FrameType.header) return f;
      const pools = f.header.config.pools.map((p) => ({
        ...p,
        placement: { name: p.placement.name === 'best-fit' ? 'first-fit' : 'best-fit', params: {} },
      }));
      return { ...f, header: { ...f.header, config: { ...f.header.config, pools } } };
    });
    let noticed = '';
    try {
      noticed = replay(frames, shipped).difference ?? '';
    } catch (e) {
      noticed = (e as Error).message;
    }
    expect(noticed).not.toBe('');
  });

  test('what is no journal is refused by name', () => {
    expect(() => [...readJournal(utf8('PAR1 and so on'))]).toThrow(/byte 0: this is no janction journal/);
    expect(() => [...readJournal(new Uint8Array(0))]).toThrow(JournalError);
    expect(() => [...readJournal(utf8('JNCJ1\n'))]).toThrow(/header is missing/);
  });

  test('steps without facts are not written: replay finds the deadlines itself', () => {
    const c = config();
    let bytes = 0;
    const j = new JournalWriter({ schema: JOURNAL_SCHEMA, engine: 't', host: 0, config: c, solvers: {} }, (b) => {
      bytes += b.length;
    });
    j.flush();
    const before = bytes;
    for (let t = 0; t < 100; t++) j.step(t, [], () => '');
    j.flush();
    expect(bytes).toBe(before);
    expect(j.steps).toBe(0);
  });
});
