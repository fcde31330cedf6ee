import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasShared, sharedPath } from '../../bench/shared-data.ts';
import { chunksOf } from '../../lab/trace-files.ts';
import { TraceError } from '../../scenarios/input-error.ts';
import { detectTrace, readTrace, requireTrace, type TraceFile, traceReaders } from '../../scenarios/readers/index.ts';
import { readNodes } from '../../scenarios/readers/nodes.ts';
import { inOrder } from '../../scenarios/readers/order.ts';
import { plainJob } from '../../scenarios/readers/row.ts';
import { timestampText, timestampUs } from '../../scenarios/readers/timestamp.ts';
import { type TraceFormat, traceFormats } from '../../scenarios/resolved.ts';
import { traceSamples } from '../support/trace-samples.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const cut = (all: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
const read = (format: TraceFormat, source: Uint8Array, size = 1 << 20) => [
  ...traceReaders[format].read(cut(source, size), 't'),
];
const fileOf = (text: string, file = 't'): TraceFile => ({ file, label: '', open: () => [bytes(text)] });

function refusal(f: () => unknown): string {
  try {
    f();
  } catch (e) {
    if (e instanceof TraceError) return e.message;
    throw e;
  }
  throw new Error('it was taken');
}

describe.each([...traceFormats])('%s', (format) => {
  const { text, jobs } = traceSamples[format];

  test('a sample reads as documented, cut anywhere, with LF or CRLF', () => {
    expect(read(format, bytes(text))).toEqual(jobs);
    expect(read(format, bytes(text), 7)).toEqual(jobs);
    expect(read(format, bytes(text.replace(/\r?\n/g, '\r\n')), 11)).toEqual(jobs);
  });

  test('is detected', () => {
    expect(detectTrace(fileOf(text)).format).toBe(format);
  });

  test('given as another format, it is refused by its name', () => {
    for (const other of traceFormats) {
      if (other === format) continue;
      const message = refusal(() => read(other, bytes(text)));
      expect(message, other).toMatch(/^t:1:\d+: this is /);
      expect(message, other).toContain(`(format: ${format})`);
    }
  });

  test('nothing, not text, NUL bytes, the web page in its place', () => {
    expect(refusal(() => read(format, bytes('')))).toMatch(/^t:1:1: .*(empty|no jobs)/);
    expect(refusal(() => read(format, Uint8Array.from([...bytes(text), 0xff, 0x0a])))).toMatch(/is not UTF-8/);
    expect(refusal(() => read(format, bytes(`${text.trimEnd()}\n\0\n`)))).toMatch(/a NUL byte/);
    expect(refusal(() => read(format, bytes('<!DOCTYPE html>\n<p>'), 5))).toContain('a web page, not the file itself');
    expect(refusal(() => read(format, Uint8Array.from([0x1f, 0x8b, 8, 0])))).toContain('a gzip archive');
  });

  test('cut off in the middle of a line, or with a number spoilt, it never reads on in silence', () => {
    const lines = text.trimEnd().split(/\r?\n/);
    const last = lines[lines.length - 1]!;
    // Half a line has too few fields, or is no JSON.
    const half = [...lines.slice(0, -1), last.slice(0, Math.floor(last.length / 3))].join('\n');
    expect(refusal(() => read(format, bytes(half)))).toMatch(/^t:\d+:\d+: .+; .+|^t:\d+:\d+: .+\?/);
    for (const bad of ['NaN', '-7', '1e9', 'x', '99999999999999999999']) {
      const spoilt = spoil(format, last, bad);
      const message = refusal(() => read(format, bytes([...lines.slice(0, -1), spoilt].join('\n'))));
      expect(message, bad).toMatch(new RegExp(`^t:${lines.length}:\\d+: `));
    }
  });
});

test('bytes changed at random: read, or refused with a place and a way to mend it; never anything else', () => {
  const edit = fc.record({
    at: fc.nat(),
    byte: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(44, 9, 10, 45, 48, 57, 34)),
  });
  const edits = fc.array(edit, { minLength: 1, maxLength: 2 });
  const cuts = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 40 }) });
  let refused = 0;
  let taken = 0;
  fc.assert(
    fc.property(fc.constantFrom(...traceFormats), edits, cuts, (format, list, cutAt) => {
      const source = bytes(traceSamples[format].text);
      // Mostly behind the header, which refuses nearly everything.
      const from = Math.floor(source.length * 0.4);
      for (const { at, byte } of list) source[from + (at % (source.length - from))] = byte;
      try {
        const jobs = read(format, cutAt === 0 ? source : source.subarray(0, source.length - cutAt));
        taken++;
        for (const j of jobs) {
          for (const n of [
            j.submitUs,
            j.gpus,
            j.gpuMilli,
            j.durationUs,
            j.cpuMilli,
            j.ramMiB,
            j.limitUs,
            j.inputTokens,
          ])
            expect(Number.isSafeInteger(n)).toBe(true);
          expect(j.gpuMilli).toBeGreaterThan(0);
        }
      } catch (e) {
        if (!(e instanceof TraceError)) throw e;
        refused++;
        expect(e.message).toMatch(/^t:\d+:\d+: [^\n]+$/);
      }
    }),
    { seed: 1, numRuns: 4000 },
  );
  // A canary: both ways are taken often.
  expect(Math.min(refused, taken)).toBeGreaterThan(400);
});

/** The last line with its GPUs, or its input tokens, replaced. */
function spoil(format: TraceFormat, line: string, bad: string): string {
  const nth: Partial<Record<TraceFormat, number>> = {
    philly: 4,
    'openb-pods': 3,
    'microsoft-itp': 3,
    muri: 1,
    tiresias: 1,
    gavel: 6,
    shockwave: 6,
    'azure-llm': 1,
    acme: 3,
    helios: 3,
    csv: 3,
  };
  if (format === 'mooncake') return line.replace(/"input_length": \d+/, `"input_length": ${bad}`);
  if (format === 'swf') return line.trim().split(/\s+/).with(3, bad).join(' ');
  const separator = format === 'gavel' || format === 'shockwave' ? '\t' : ',';
  return line.split(separator).with(nth[format]!, bad).join(separator);
}

describe('faults of single formats', () => {
  test.each<[string, TraceFormat, string, string]>([
    [
      'the same pod twice',
      'openb-pods',
      'name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,1,1,1000\na,1,1,1,1000\n',
      't:3:1: a second job "a"; give each job its own id',
    ],
    [
      'a share of two GPUs',
      'openb-pods',
      'name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,1,2,500\n',
      't:2:9: gpu_milli 500 with 2 GPUs; only a single GPU can be shared',
    ],
    [
      'deleted before it was scheduled',
      'openb-pods',
      `${traceSamples['openb-pods'].text.split('\n')[0]}\na,1,1,1,1000,,LS,Running,0,4,5\n`,
      't:2:28: deletion time "4" lies before the scheduled time; put the two in order',
    ],
    [
      'an unknown model',
      'gavel',
      'ResNet-19 (batch size 128)\tx\t-n\t1\t5\t0.0\t1\n',
      't:1:1: unknown job type "ResNet-19 (batch size 128)"; did you mean "ResNet-18 (batch size 128)"?',
    ],
    [
      'no date',
      'azure-llm',
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-02-29 00:00:00,1,1\n',
      't:2:1: TIMESTAMP "2023-02-29 00:00:00" is no time; write one such as 2023-11-16 18:17:03.97',
    ],
    ['no column', 'csv', 'duration,gpu\n5,1\n', 't:1:10: unknown column "gpu"; did you mean "gpus"?'],
    ['a column twice', 'csv', 'duration,gpus,gpus\n5,1,1\n', 't:1:15: a second column "gpus"; remove one'],
    ['a quoted field', 'csv', 'duration,user\n5,"a b"\n', 't:2:3: a quoted field; leave out the quotation marks'],
    [
      'a job number twice',
      'swf',
      '1 0 3 1 8 -1 -1 16 6 -1 1 4 1 -1 1 -1 -1 -1\n1 0 3 1 8 -1 -1 16 6 -1 1 4 1 -1 1 -1 -1 -1\n',
      't:2:1: a second job 1; give each job its own number',
    ],
    [
      'no JSON',
      'mooncake',
      '{"timestamp": 0, "input_length": 1, "output_length": 5}\n{"timestamp": 1\n',
      't:2:1: no JSON; write lines such as {"timestamp": 0, "input_length": 6758, "output_length": 500} (was the file cut off?)',
    ],
  ])('%s', (_, format, text, message) => {
    expect(refusal(() => read(format, bytes(text)))).toBe(message);
  });

  test('a file that is no trace is told what it is', () => {
    expect(refusal(() => requireTrace(fileOf('sn,cpu_milli,memory_mib,gpu,model\n')))).toContain(
      'this is a node list of the Alibaba GPU trace of 2023 (format: openb-nodes), no job list; have: philly',
    );
    expect(refusal(() => requireTrace(fileOf('a;b;c\n')))).toContain('no job list that is known here; have: philly');
    expect(refusal(() => requireTrace(fileOf('')))).toBe('t:1:1: the file is empty; was it cut off?');
  });
});

test('clock times against the platform, and back', () => {
  const years = fc.integer({ min: 0, max: 4_102_444_799_999 });
  fc.assert(
    fc.property(years, fc.nat({ max: 999 }), (ms, micros) => {
      const iso = new Date(ms).toISOString();
      const text = `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(micros).padStart(3, '0')}`;
      expect(timestampUs(text)).toBe(ms * 1000 + micros);
      expect(timestampText(ms * 1000 + micros)).toBe(text);
    }),
    { seed: 1, numRuns: 500 },
  );
  expect(timestampUs('1970-01-01T01:00:00+01:00')).toBe(0);
  expect(timestampUs('1970-01-01 00:30:00-0030')).toBe(3_600_000_000);
  for (const bad of ['', '2023-13-01 00:00:00', '2023-00-01 00:00:00', '2023-04-31 00:00:00', '2023-01-01 24:00:00'])
    expect(timestampUs(bad)).toBe(-1);
  expect(timestampUs('1969-12-31 23:59:59')).toBe(-1);
});

test('any order of rows becomes the stable order of time, in bounded memory', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 20 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 9 }),
      (times, small, window) => {
        const rows = times.map((t, i) => ({
          ...plainJob(`${i}`, t, 1 + (i % 4), 1000 + i),
          gpuMilli: 500,
          cpuMilli: i,
          ramMiB: 2 * i,
          models: i % 2 === 0 ? 'A|B' : '',
          limitUs: 3 * i,
          inputTokens: i + 1,
          outputTokens: i + 2,
          user: `u${i % 3}`,
          fails: i % 3 === 0,
        }));
        let opened = 0;
        const open = () => {
          opened++;
          return rows;
        };
        const expected = rows.map((r, i) => ({ r, i })).sort((a, b) => a.r.submitUs - b.r.submitUs || a.i - b.i);
        expect([...inOrder(open, small, window)]).toEqual(expected.map((x) => x.r));
        expect(opened).toBeLessThanOrEqual(2 + Math.ceil(times.length / window));
      },
    ),
    { seed: 1, numRuns: 300 },
  );
});

test('several files are one trace in order; wall-clock times begin with the first job', () => {
  const a = { ...fileOf('job_id,submission_time,duration,num_gpu\na,10,1,1\nb,30,1,1\n', 'a'), label: 'east' };
  const b = { ...fileOf('job_id,submission_time,duration,num_gpu\na,5,1,1\nc,20,1,1\n', 'b'), label: 'west' };
  const jobs = [...readTrace('microsoft-itp', [a, b])];
  expect(jobs.map((j) => [j.submitUs / 1e6, j.user])).toEqual([
    [5, 'west'],
    [10, 'east'],
    [20, 'west'],
    [30, 'east'],
  ]);
  const azure = fileOf(
    'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 00:00:02,1,1\n2023-11-16 00:00:00.5,1,1\n2023-11-16 00:00:09,1,1\n',
  );
  expect([...readTrace('azure-llm', [azure])].map((j) => j.submitUs)).toEqual([0, 1_500_000, 8_500_000]);
  expect([...readTrace('azure-llm', [azure], 1)].map((j) => j.submitUs)).toEqual([0]);
});

describe('lists of machines', () => {
  const nodes = (text: string) => [...readNodes([bytes(text)], 'n', 'detect')];
  test('openb and the simulators', () => {
    expect(nodes('sn,cpu_milli,memory_mib,gpu,model\nn-0,64000,262144,2,P100\nn-1,96000,393216,0,\n')).toEqual([
      { id: 'n-0', cpuMilli: 64000, ramMiB: 262144, gpus: 2, model: 'P100', place: 'n:2' },
      { id: 'n-1', cpuMilli: 96000, ramMiB: 393216, gpus: 0, model: '', place: 'n:3' },
    ]);
    const spec = nodes('num_switch,num_node_p_switch,num_gpu_p_node,num_cpu_p_node,mem_p_node\n5,32,8,128,256\n');
    expect(spec.length).toBe(160);
    expect(spec[7]).toEqual({ id: '0-7', model: '', gpus: 8, cpuMilli: 128_000, ramMiB: 262_144, place: 'n:2' });
  });
  test.each([
    ['', 'n:1:1: the file is empty; give a list of machines'],
    ['sn,cpu_milli,memory_mib,gpu,model\n', 'n:1:1: a header and no machines; was the file cut off?'],
    ['sn,cpu_milli,memory_mib,gpu,model\na,1,1,1\n', 'n:2:1: 4 columns, not 5; was the file cut off?'],
    [
      'sn,cpu_milli,memory_mib,gpu,model\na,1,1,1,T\na,1,1,1,T\n',
      'n:3:1: a second machine "a"; give each machine its own id',
    ],
  ])('faults %#', (text, message) => {
    expect(refusal(() => nodes(text))).toBe(message);
  });
  test('a job list in its place is named', () => {
    expect(refusal(() => nodes(traceSamples.muri.text))).toContain('a job list of the Muri simulator (format: muri)');
  });
});

describe('public traces (skipped where ../shared does not hold them)', () => {
  test.skipIf(!hasShared('traces')).each([
    ['openb/openb_pod_list_cpu037.csv', 7336, 870],
    ['muri/simulator__trace-data__trace2.csv', 5755, 0],
    ['tiresias/simulator__60_job.csv', 60, 0],
    ['gavel_msr/scheduler__traces__msr__seed=0__7f04ca.trace', 972, 0],
    ['azure_llm_2023/AzureLLMInferenceTrace_conv.csv', 19_366, 19_366],
    ['mooncake_fast25/conversation_trace.jsonl', 12_031, 12_031],
  ])('%s', (path, jobs, unknown) => {
    const file: TraceFile = { file: path, label: '', open: () => chunksOf(sharedPath(`traces/${path}`)) };
    let n = 0;
    let lacking = 0;
    let last = 0;
    for (const j of readTrace(requireTrace(file), [file])) {
      n++;
      if (j.durationUs < 0) lacking++;
      expect(j.submitUs).toBeGreaterThanOrEqual(last);
      last = j.submitUs;
    }
    expect([n, lacking]).toEqual([jobs, unknown]);
  });
});
