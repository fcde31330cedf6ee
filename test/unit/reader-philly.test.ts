import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TraceError } from '../../scenarios/input-error.ts';
import { MAX_LINE_BYTES } from '../../scenarios/readers/csv.ts';
import { readPhilly } from '../../scenarios/readers/philly.ts';
import { plainJob } from '../../scenarios/readers/row.ts';
import type { TraceJob } from '../../scenarios/resolved.ts';

const HEADER = '#job id,arrival time (sec),topology,shape,size,duration (sec)';
const bytes = (text: string) => new TextEncoder().encode(text);
const read = (...chunks: Uint8Array[]) => [...readPhilly(chunks, 't.csv')];

function refusal(...chunks: Uint8Array[]): string {
  try {
    read(...chunks);
  } catch (e) {
    if (e instanceof TraceError) return e.message;
    throw e;
  }
  throw new Error('the trace was taken');
}

test('CRLF, no final newline, decimals, a job of length zero', () => {
  const text = `${HEADER}\r\n0,0.0,CLOS,1,1,3613033.0\r\n1,266563.25,CLOS,8,8,0\r\nx-7,266563.250001,CLOS,4x4x4,64,0.5`;
  expect(read(bytes(text))).toEqual([
    plainJob('0', 0, 1, 3_613_033_000_000),
    plainJob('1', 266_563_250_000, 8, 1),
    plainJob('x-7', 266_563_250_001, 64, 500_000),
  ]);
});

test('seconds are exact microseconds; finer decimals are rounded half up', () => {
  const us = (text: string) => read(bytes(`${HEADER}\n0,0,C,1,1,${text}\n`))[0]!.durationUs;
  expect(['0.1', '0.000001', '9007199254.740990', '1.0000004999', '1.0000005', '0.9999995'].map(us)).toEqual([
    100_000, 1, 9_007_199_254_740_990, 1_000_000, 1_000_001, 1_000_000,
  ]);
});

describe('faults', () => {
  const row = (text: string) => bytes(`${HEADER}\n0,5,C,1,1,9\n${text}\n`);
  test.each([
    ['nothing', bytes(''), `1:1: the file is empty; its first line must be "${HEADER}"`],
    ['a header alone', bytes(`${HEADER}\n`), '1:1: a header and no jobs; was the file cut off?'],
    ['no header', bytes('0,0.0,CLOS,1,1,5\n'), `1:1: the header is missing; the first line must be "${HEADER}"`],
    ['a column too few', row('1,6,C,1,1'), '3:1: 5 columns, not 6; was the file cut off?'],
    ['a column too many', row('1,6,C,1,1,9,'), '3:1: 7 columns, not 6; remove what is too much'],
    ['many columns', row(','.repeat(100)), '3:1: 101 columns, not 6; remove what is too much'],
    ['an empty line', row(''), '3:1: an empty line; remove it'],
    ['a negative arrival', row('1,-6,C,1,1,9'), '3:3: arrival time "-6" is negative; write zero or more seconds'],
    ['a negative duration', row('1,6,C,1,1,-9.5'), '3:11: duration "-9.5" is negative; write zero or more seconds'],
    ['no number', row('1,6,C,1,1,NaN'), '3:11: duration "NaN" is no plain number; write seconds such as 64.0'],
    ['no digits', row('1,6,C,1,1,.'), '3:11: duration "." is no plain number; write seconds such as 64.0'],
    ['no decimals', row('1,6,C,1,1,5.'), '3:11: duration "5." is no plain number; write seconds such as 64.0'],
    [
      'letters among the decimals',
      row('1,6,C,1,1,5.0000000x'),
      '3:11: duration "5.0000000x" is no plain number; write seconds such as 64.0',
    ],
    ['an exponent', row('1,6e3,C,1,1,5'), '3:3: arrival time "6e3" is no plain number; write seconds such as 64.0'],
    ['nothing for a number', row('1,6,C,1,1,'), '3:11: duration "" is no plain number; write seconds such as 64.0'],
    [
      'beyond 285 years',
      row('1,6,C,1,1,9007199254.740991'),
      '3:11: duration "9007199254.740991" is too large; write less than 9007199254 seconds',
    ],
    [
      'very many digits',
      row(`1,6,C,1,1,${'9'.repeat(400)}`),
      `3:11: duration "${'9'.repeat(57)}..." is too large; write less than 9007199254 seconds`,
    ],
    ['half a GPU', row('1,6,C,1,0.5,9'), '3:9: size "0.5" is no whole number of GPUs; write one from 1'],
    ['no GPU', row('1,6,C,1,0,9'), '3:9: size 0; write at least 1 GPU, or leave the job out'],
    ['minus a GPU', row('1,6,C,1,-1,9'), '3:9: size "-1" is no whole number of GPUs; write one from 1'],
    ['too many GPUs', row('1,6,C,1,1000001,9'), '3:9: size "1000001" is too large; write at most 1000000 GPUs'],
    ['a job without an id', row(',6,C,1,1,9'), '3:1: a job without an id; give it one'],
    ['a job twice', row('0,6,C,1,1,9'), '3:1: a second job "0"; give each job its own id'],
    ['a word twice', row('a,6,C,1,1,9\nb,6,C,1,1,9\na,6,C,1,1,9'), '5:1: a second job "a"; give each job its own id'],
    ['a number twice', row('7,6,C,1,1,9\n1,6,C,1,1,9\n7,6,C,1,1,9'), '5:1: a second job "7"; give each job its own id'],
    ['a NUL byte', row('1,6,C\0,1,1,9'), '3:6: a NUL byte; give a text file'],
    [
      'Latin-1',
      Uint8Array.from([...bytes(`${HEADER}\n0,1,`), 0xe9, ...bytes(',1,1,9\n')]),
      '2:5: byte 0xe9 is not UTF-8; save the file as UTF-8',
    ],
    [
      'a long line',
      bytes(`${HEADER}\n${'x'.repeat(MAX_LINE_BYTES + 1)}\n`),
      '2:1: a line of more than 1048576 bytes; give a text file of short lines',
    ],
  ])('%s', (_, source, message) => {
    expect(refusal(source)).toBe(`t.csv:${message}`);
    // The same when it comes in small pieces.
    const pieces = Array.from({ length: Math.ceil(source.length / 1000) }, (_, i) =>
      source.subarray(i * 1000, i * 1000 + 1000),
    );
    expect(refusal(...pieces)).toBe(`t.csv:${message}`);
  });

  test('a line of 200 MB is refused after its first megabyte', () => {
    let given = 0;
    function* endless(): Generator<Uint8Array> {
      for (; given < 200; given++) yield new Uint8Array(1_000_000).fill(120);
    }
    expect(() => [...readPhilly(endless(), 't.csv')]).toThrow(
      't.csv:1:1: a line of more than 1048576 bytes; give a text file of short lines',
    );
    expect(given).toBe(1);
  });

  test.each([
    [
      'name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\n',
      'a pod list of the Alibaba GPU trace of 2023 (format: openb-pods)',
    ],
    ['sn,cpu_milli,memory_mib,gpu,model\n', 'a node list of the Alibaba GPU trace of 2023 (format: openb-nodes)'],
    [
      'job_id,num_gpu,submit_time,iterations,model_name,batch_size,duration\n',
      'a job list of the Muri simulator (format: muri)',
    ],
    [
      'job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n',
      'a job list of the Tiresias simulator (format: tiresias)',
    ],
    [
      'num_switch,num_node_p_switch,num_gpu_p_node\n',
      'a cluster description of the Tiresias or Muri simulator (format: cluster-spec)',
    ],
    ['TIMESTAMP,ContextTokens,GeneratedTokens\n', 'an Azure trace of LLM requests (format: azure-llm)'],
    ['{"timestamp": 0, "input_length": 6758}\n', 'a Mooncake trace of LLM requests (format: mooncake)'],
    [
      '[{"status": "Pass", "vc": "ee9e8c"}]\n',
      'JSON, perhaps the original Philly job log, which has to be reduced first',
    ],
    ['version https://git-lfs.github.com/spec/v1\n', 'a Git LFS pointer, not the file itself: fetch it with git lfs'],
    ['A3C\tpython3 main.py\t-n\t1\t9\t0.0\t1\n', 'a Gavel trace (format: gavel)'],
    ['<!DOCTYPE html>\n', 'a web page, not the file itself'],
  ])('a file of another format is named: %s', (text, what) => {
    expect(refusal(bytes(text))).toBe(`t.csv:1:1: this is ${what}; give a file that begins with "${HEADER}"`);
  });

  test.each([
    [[0x1f, 0x8b, 8, 0], 'a gzip archive: unpack it first'],
    [[0x50, 0x4b, 3, 4, 0], 'a zip archive: unpack it first'],
    [[0x50, 0x41, 0x52, 0x31, 0x15, 0], 'a Parquet file: write it as CSV first'],
    [[0xff, 0xfe, 0x23, 0], 'UTF-16 text: save it as UTF-8'],
  ])('a binary file is named: %s', (magic, what) => {
    expect(refusal(Uint8Array.from(magic))).toBe(`t.csv:1:1: this is ${what}`);
  });
});

/** The slow obvious way. */
function naive(text: string): TraceJob[] {
  const micros = (s: string) => {
    const [whole, fraction = ''] = s.split('.');
    return Number(BigInt(whole!) * 1_000_000n + BigInt(fraction.padEnd(6, '0')));
  };
  return text
    .split(/\r?\n/)
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => {
      const f = line.split(',');
      return plainJob(f[0]!, micros(f[1]!), Number(f[4]), Math.max(1, micros(f[5]!)));
    });
}

test('any valid file, cut anywhere, reads as it is written', () => {
  const decimals = fc.constantFrom('', '.0', '.5', '.000001', '.123456', '.25');
  const row = fc.record({
    gap: fc.nat({ max: 100_000 }),
    at: decimals,
    label: fc.constantFrom('CLOS', '', 'トーラス', 'a b'),
    gpus: fc.integer({ min: 1, max: 5000 }),
    seconds: fc.nat({ max: 5_000_000 }),
    part: decimals,
  });
  const file = fc.record({
    rows: fc.array(row, { minLength: 1, maxLength: 30 }),
    ids: fc.constantFrom(
      (i: number) => `${i}`,
      (i: number) => `${i + 7}`,
      (i: number) => `job-${i}`,
      (i: number) => `0${i}`,
      (i: number) => `${(i * 7) % 31}`,
    ),
    eol: fc.constantFrom('\n', '\r\n'),
    last: fc.boolean(),
    mark: fc.boolean(),
    cuts: fc.array(fc.nat({ max: 3000 }), { maxLength: 12 }),
  });
  fc.assert(
    fc.property(file, ({ rows, ids, eol, last, mark, cuts }) => {
      let time = 0;
      const lines = rows.map((r, i) => {
        time += r.gap + 1;
        return `${ids(i)},${time}${r.at},${r.label},1,${r.gpus},${r.seconds}${r.part}`;
      });
      const text = [HEADER, ...lines].join(eol) + (last ? eol : '');
      const all = bytes((mark ? '\ufeff' : '') + text);
      const ends = [...cuts.filter((c) => c < all.length).sort((a, b) => a - b), all.length];
      const chunks = ends.map((end, i) => all.slice(i === 0 ? 0 : ends[i - 1]!, end));
      expect(read(...chunks)).toEqual(naive(text));
    }),
    { seed: 1, numRuns: 200 },
  );
});

test('a chunk may be overwritten once the next is asked for', () => {
  const all = bytes(`${HEADER}\n0,1,C,1,1,2\n1,3,C,1,1,4\n2,5,C,1,1,6\n`);
  const buffer = new Uint8Array(7);
  function* reusing(): Generator<Uint8Array> {
    for (let i = 0; i < all.length; i += 7) {
      const part = all.subarray(i, i + 7);
      buffer.fill(0);
      buffer.set(part);
      yield buffer.subarray(0, part.length);
    }
  }
  expect([...readPhilly(reusing(), 't.csv')].map((j) => j.submitUs)).toEqual([1e6, 3e6, 5e6]);
});

const shared = resolve(fileURLToPath(import.meta.url), '../../../../shared/traces/philly_rfold/philly_trace.csv');

test.skipIf(!existsSync(shared))('the whole Philly trace (skipped where ../shared does not hold it)', () => {
  let jobs = 0;
  let seconds = 0;
  let gpuSeconds = 0;
  let instant = 0;
  let largest = 0;
  let last = 0;
  for (const j of readPhilly([readFileSync(shared)], 'philly')) {
    jobs++;
    if (j.durationUs === 1) instant++;
    else {
      seconds += j.durationUs / 1e6;
      gpuSeconds += (j.durationUs / 1e6) * j.gpus;
    }
    largest = Math.max(largest, j.gpus);
    last = j.submitUs;
  }
  expect({ jobs, seconds, gpuSeconds, instant, largest, last }).toEqual({
    jobs: 111_549,
    seconds: 3_970_636_575,
    gpuSeconds: 13_039_807_588,
    instant: 10,
    largest: 128,
    last: 11_176_511_000_000,
  });
});
