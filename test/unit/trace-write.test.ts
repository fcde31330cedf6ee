import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convertCommand, convertTrace } from '../../lab/commands/convert.ts';
import { UsageError } from '../../lab/errors.ts';
import { traceFiles } from '../../lab/trace-files.ts';
import { readTrace, requireTrace } from '../../scenarios/readers/index.ts';
import { plainJob } from '../../scenarios/readers/row.ts';
import { lostFields, traceWriters } from '../../scenarios/readers/write.ts';
import { type TraceFormat, type TraceJob, traceFormats } from '../../scenarios/resolved.ts';
import { traceSamples } from '../support/trace-samples.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'janction-convert-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const refusal = (f: () => unknown): string => {
  try {
    f();
  } catch (e) {
    if (e instanceof UsageError) return e.message.replaceAll(dir, 'DIR');
    throw e;
  }
  throw new Error('it was taken');
};

const written = (format: TraceFormat, jobs: readonly TraceJob[]): TraceJob[] => {
  const w = traceWriters[format];
  const text = `${[...w.header, ...jobs.map((j, n) => w.line(j, n)).filter((l) => l !== null)].join('\n')}\n`;
  const file = { file: format, label: '', open: () => [new TextEncoder().encode(text)] };
  return [...readTrace(format, [file])];
};

/** What a job is after it went through a format. */
function through(job: TraceJob, format: TraceFormat): TraceJob {
  const w = traceWriters[format];
  const kept = { ...plainJob('', job.submitUs, job.gpus, job.durationUs) };
  if (w.keeps.includes('gpu share')) kept.gpuMilli = job.gpuMilli;
  if (w.keeps.includes('cpu')) kept.cpuMilli = job.cpuMilli;
  if (w.keeps.includes('memory')) kept.ramMiB = job.ramMiB;
  if (w.keeps.includes('models')) kept.models = job.models;
  if (w.keeps.includes('wall limit')) kept.limitUs = job.limitUs;
  if (w.keeps.includes('failure')) kept.fails = job.fails;
  if (w.keeps.includes('label')) kept.user = job.user === '' && format !== 'csv' ? 'none' : job.user;
  return kept;
}

const aJob = fc.record({
  gap: fc.nat({ max: 10_000_000_000 }),
  gpus: fc.integer({ min: 1, max: 64 }),
  gpuMilli: fc.integer({ min: 1, max: 1000 }),
  cpuMilli: fc.nat({ max: 64_000 }),
  ramMiB: fc.nat({ max: 100_000 }),
  models: fc.constantFrom('', 't4', 't4|a10'),
  durationUs: fc.integer({ min: 1_000_000, max: 1_000_000_000_000 }),
  limitUs: fc.constantFrom(0, 5_000_000, 7_000_000_000),
  user: fc.constantFrom('', 'vcA', 'x1'),
  fails: fc.boolean(),
});

function jobsOf(drawn: (typeof aJob extends fc.Arbitrary<infer T> ? T : never)[]): TraceJob[] {
  let submitUs = 0;
  return drawn.map(({ gap, ...d }, i) => {
    if (i > 0) submitUs += gap;
    return { ...plainJob(`j${i}`, submitUs, d.gpus, d.durationUs), ...d, gpuMilli: d.gpus === 1 ? d.gpuMilli : 1000 };
  });
}

describe.each(traceFormats.filter((f) => f !== 'azure-llm' && f !== 'mooncake'))('%s', (format) => {
  test('what is written reads back, and what is lost is named', () => {
    fc.assert(
      fc.property(fc.array(aJob, { minLength: 1, maxLength: 20 }), (drawn) => {
        const jobs = jobsOf(drawn);
        const back = written(format, jobs);
        expect(back.length).toBe(jobs.length);
        // Whole seconds, or whole steps of at least 1/18 s: the formats that are not exact.
        const exact = traceWriters[format].keeps.includes('exact time');
        const within = exact ? 0 : 600_000;
        back.forEach((b, i) => {
          const want = through(jobs[i]!, format);
          expect(Math.abs(b.submitUs - want.submitUs)).toBeLessThanOrEqual(format === 'gavel' ? 0 : within);
          expect(Math.abs(b.durationUs - want.durationUs)).toBeLessThanOrEqual(within);
          expect(Math.abs(b.limitUs - want.limitUs)).toBeLessThanOrEqual(within);
          const blank = { id: '', submitUs: 0, durationUs: 0, limitUs: 0 };
          expect({ ...b, ...blank }).toEqual({ ...want, ...blank });
          if (lostFields(jobs[i]!, traceWriters[format]).length === 0)
            expect({ ...b, id: '' }).toEqual({ ...jobs[i]!, id: '', user: want.user });
        });
      }),
      { seed: 1, numRuns: 40 },
    );
  });
});

test('any sample becomes any format, and is then detected as that', () => {
  for (const from of traceFormats) {
    const input = join(dir, `from-${from}`);
    writeFileSync(input, traceSamples[from].text);
    for (const to of traceFormats) {
      const output = join(dir, `${from}-${to}`);
      const llm = to === 'azure-llm' || to === 'mooncake';
      const hasTokens = traceSamples[from].jobs.some((j) => j.inputTokens > 0);
      if (llm && !hasTokens) {
        expect(refusal(() => convertTrace(input, output, to, { seed: 1 }))).toMatch(
          /none of its \d jobs can be written/,
        );
        continue;
      }
      const r = convertTrace(input, output, to, { seed: 1 });
      const files = traceFiles(output);
      expect(requireTrace(files[0]!)).toBe(to);
      const jobs = [...readTrace(to, files)];
      expect(jobs.length).toBe(r.jobs);
      expect(r.jobs + r.leftOut).toBe(traceSamples[from].jobs.length);
      expect([r.from, r.to]).toEqual([from, to]);
    }
  }
});

test('LLM requests keep their tokens, and get a run time where one is needed', () => {
  const input = join(dir, 'requests');
  writeFileSync(input, traceSamples.mooncake.text);
  const r = convertTrace(input, join(dir, 'requests.csv'), 'philly', { seed: 1 });
  expect(r.imputed).toEqual([
    'GPU time of 2 LLM requests: input over 8000 plus output over 40 tokens per second, on 5 % of 1 GPU',
  ]);
  expect(r.lost).toEqual({ 'gpu share': 2, tokens: 2 });
  // 6758 / 8000 + 500 / 40 s
  expect(readFileSync(join(dir, 'requests.csv'), 'utf8').split('\n')[1]).toBe('1,0,CLOS,1,1,13.34475');
  convertTrace(input, join(dir, 'azure'), 'azure-llm', { seed: 1 });
  expect([...readTrace('azure-llm', traceFiles(join(dir, 'azure')))]).toEqual(traceSamples.mooncake.jobs);
});

test('times that are missing are drawn from the seed', () => {
  const input = join(dir, 'sizes.csv');
  writeFileSync(input, 'duration\r\n5\r\n7\r\n9\r\n');
  const text = (seed: number, name: string) => {
    const r = convertTrace(input, join(dir, name), 'csv', { seed });
    expect(r.imputed).toEqual(['arrival times of 3 jobs: exponential gaps of mean 60 s']);
    return readFileSync(join(dir, name), 'utf8');
  };
  expect(text(1, 's1')).toBe(text(1, 's1b'));
  expect(text(1, 's1c')).not.toBe(text(2, 's2'));
});

describe('files', () => {
  const tar = (members: [string, string][]): Buffer => {
    const parts = members.flatMap(([name, text]) => {
      const header = Buffer.alloc(512);
      header.write(name, 0);
      header.write('0000644\0', 100);
      header.write(`${Buffer.byteLength(text).toString(8).padStart(11, '0')}\0`, 124);
      header.write('0', 156);
      header.write('ustar\0', 257);
      return [header, Buffer.from(text), Buffer.alloc((512 - (Buffer.byteLength(text) % 512)) % 512)];
    });
    return Buffer.concat([...parts, Buffer.alloc(1024)]);
  };
  const itp = 'job_id,submission_time,duration,num_gpu\n';

  test('a gzipped tar is one trace of all its job lists; one can be picked', () => {
    const path = join(dir, 'lists.tar.gz');
    const members: [string, string][] = [
      ['LICENSE', 'All rights'],
      ['x/b.csv', `${itp}b,5,1,1\n`],
      ['x/a.csv', `${itp}a,9,1,1\n`],
      ['empty', ''],
    ];
    writeFileSync(path, gzipSync(tar(members)));
    const ids = (member = '') => [...readTrace('microsoft-itp', traceFiles(path, member))].map((j) => j.id);
    expect(ids()).toEqual(['b', 'a']);
    expect(ids('a.csv')).toEqual(['a']);
    expect(ids('x/b.csv')).toEqual(['b']);
    expect(refusal(() => traceFiles(path, 'c.csv'))).toBe(
      'DIR/lists.tar.gz: holds no file c.csv; see what it holds with tar -tf',
    );
    writeFileSync(join(dir, 'plain.tar'), tar(members));
    expect(traceFiles(join(dir, 'plain.tar')).length).toBe(2);
  });

  test('damaged, cut off, without lists, a directory, nothing', () => {
    const whole = gzipSync(tar([['a.csv', `${itp}a,9,1,1\n`]]));
    const give = (name: string, bytes: Uint8Array | string) => {
      writeFileSync(join(dir, name), bytes);
      return refusal(() => traceFiles(join(dir, name)));
    };
    expect(give('cut.tar.gz', whole.subarray(0, 60))).toContain('the archive is damaged or cut off; fetch it again');
    expect(give('cut.tar', tar([['a.csv', itp]]).subarray(0, 520))).toContain('damaged or cut off');
    expect(give('bad.gz', Uint8Array.from([0x1f, 0x8b, 1, 2, 3]))).toContain('damaged or cut off');
    expect(give('none.tar', tar([['LICENSE', 'text']]))).toContain('holds no job list');
    expect(refusal(() => traceFiles(dir))).toContain('is a directory; give the trace file itself');
    expect(refusal(() => traceFiles(join(dir, 'absent')))).toContain('no such file');
  });

  test('a file that is there is not overwritten, and nothing is left of what went wrong', () => {
    const input = join(dir, 'good.csv');
    writeFileSync(input, traceSamples.csv.text);
    expect(refusal(() => convertCommand(input, input, { to: 'swf', seed: 1 }))).toBe(
      'DIR/good.csv: is there already; name a new file',
    );
    const spoilt = join(dir, 'spoilt.csv');
    writeFileSync(spoilt, 'duration,gpus\n5,1\n5,x\n');
    expect(refusal(() => convertCommand(spoilt, join(dir, 'never'), { to: 'swf', seed: 1 }))).toBe(
      'DIR/spoilt.csv:3:3: gpus "x" is no whole number of GPUs; write one from 0',
    );
    expect(() => readFileSync(join(dir, 'never'))).toThrow();
    expect(() => readFileSync(join(dir, 'never.partial'))).toThrow();
    expect(refusal(() => convertCommand(input, join(dir, 'n'), { seed: 1 }))).toContain(
      'wants either --to FORMAT or --fit',
    );
  });
});
