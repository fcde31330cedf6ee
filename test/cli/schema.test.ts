/** `janction schema`: every name answers, what commands print fits, and files that are read fit what is said of them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { MarketFault, readExact, readMarket } from '../../lab/certify/market-json.ts';
import { schemaCommand, schemaNames } from '../../lab/commands/schema.ts';
import { marketSchema } from '../../lab/schemas/market.ts';
import { resultSchemas } from '../../lab/schemas/results.ts';
import { studySchema } from '../../lab/sweep/study.ts';
import { sensitivitySchema, tuneSchema } from '../../lab/tune/study.ts';
import { rationals } from '../../mechanisms/pricing/lib/field.ts';
import { inTemp, janctionInside, root } from '../support/cli.ts';
import { writeStudy } from '../support/sweeps.ts';

test('every name gives a JSON schema', () => {
  expect(schemaNames.length).toBeGreaterThan(14);
  for (const name of schemaNames) {
    const s = JSON.parse(schemaCommand(name, false)) as { $schema: string };
    expect(s.$schema, name).toContain('2020-12');
  }
});

test('studies that are shipped fit their schemas', () => {
  const schemas: Record<string, z.ZodType> = {
    'sweep.yaml': studySchema,
    'tune.yaml': tuneSchema,
    'sensitivity.yaml': sensitivitySchema,
  };
  let seen = 0;
  for (const dir of readdirSync(join(root, 'scenarios'), { withFileTypes: true })) {
    if (!dir.isDirectory()) continue;
    for (const [file, schema] of Object.entries(schemas)) {
      const path = join(root, 'scenarios', dir.name, file);
      if (!readdirSync(join(root, 'scenarios', dir.name)).includes(file)) continue;
      expect(schema.safeParse(parse(readFileSync(path, 'utf8'))).success, path).toBe(true);
      seen++;
    }
  }
  expect(seen).toBeGreaterThan(5);
});

test('what commands print fits: run, sweep, compare, tune, sensitivity', async () => {
  await inTemp(async (dir) => {
    const study = writeStudy(
      dir,
      `name: s
scenario: scenario.yaml
replications: 5
design: { kind: list, points: [{ pricing.rates.gpu: 0.2 USD/hour }, { pricing.rates.gpu: 0.8 USD/hour }] }
quantiles: [0.5]
baseline: 0
metrics: [gpu_utilisation]
`,
    );
    const scenario = join(dir, 'scenario.yaml');
    const tune = join(dir, 'tune.yaml');
    const common =
      'name: t\nscenario: scenario.yaml\nparameters: { pricing.rates.gpu: { from: 0.1, to: 1, unit: USD/hour } }\n';
    writeFileSync(
      tune,
      `${common}objectives: [{ metric: gpu_utilisation, goal: max }]\nbudget: 12\nreplications: 1\nfinalists: 1\nfinalReplications: 2\n`,
    );
    const sensitivity = join(dir, 'sensitivity.yaml');
    writeFileSync(sensitivity, `${common}metrics: [gpu_utilisation]\nsamples: 4\nbootstrap: 100\n`);
    const out = join(dir, 'out');
    const cases: [keyof typeof resultSchemas, string[]][] = [
      ['run-result', ['run', scenario]],
      ['sweep-status', ['sweep', 'run', study, '--out', out, '--workers', '1']],
      ['sweep-summary', ['sweep', 'collect', study, '--out', out]],
      ['compare-result', ['compare', scenario, '--b-set', 'seed=2', '--replications', '2', '--workers', '1']],
      ['tune-result', ['tune', tune, '--workers', '1']],
      ['sensitivity-result', ['sensitivity', sensitivity, '--workers', '1']],
    ];
    for (const [name, args] of cases) {
      const a = await janctionInside([...args, '--json', '--quiet']);
      expect(a.err).toBe('');
      const got = resultSchemas[name].safeParse(JSON.parse(a.out));
      expect(got.error?.issues ?? [], name).toEqual([]);
    }
  });
});

const markets = [
  {
    kind: 'procurement',
    income: { kind: 'marginal', values: [10, 9, 8] },
    suppliers: [
      { id: 'p1', capacity: 2, unitCost: '0.1', quality: 1, types: { capacity: [1, 2], unitCost: [0, 1] } },
      { id: 'p2', capacity: 2, unitCost: 3 },
    ],
    reserve: 4,
    fee: { base: 'residual', rate: '0.1', holder: 'p1' },
  },
  { kind: 'procurement', income: { kind: 'sqrt', alpha: '3' }, suppliers: [{ id: 'a', capacity: 1, unitCost: 0 }] },
  {
    kind: 'exchange',
    buyers: [{ id: 'b1', quantity: 1, unitValue: 17, arrival: 0 }],
    sellers: [{ id: 's1', units: [{ quantity: 1, cost: 1 }, { cost: 2 }] }],
    priceBounds: [1, 20],
  },
  {
    kind: 'combinatorial',
    goods: ['A', 'B'],
    bids: [{ bidder: 'x', xor: [{ bundle: ['A', 'B'], value: 10 }] }],
    norm: 'sqrt',
  },
];

type Json = { [key: string]: Json } | Json[] | string | number;

/** The document with one key taken out, one unknown key put in, or one value replaced, everywhere in turn. */
function* mutants(value: Json): Generator<{ doc: Json; how: string }> {
  if (typeof value !== 'object') {
    for (const v of ['', 'x', -1, 0, []] as Json[]) yield { doc: v, how: 'replaced' };
    return;
  }
  if (Array.isArray(value)) {
    yield { doc: [], how: 'emptied' };
    for (const [i, v] of value.entries())
      for (const m of mutants(v)) yield { doc: value.map((w, k) => (k === i ? m.doc : w)), how: m.how };
    return;
  }
  yield { doc: { ...value, unheardOf: 1 }, how: 'unknown key' };
  for (const key of Object.keys(value)) {
    const { [key]: one, ...rest } = value;
    yield { doc: rest, how: `without ${key}` };
    for (const m of mutants(one!)) yield { doc: { ...value, [key]: m.doc }, how: m.how };
  }
}

test('the market schema takes what the reader takes, and refuses unknown keys', () => {
  const reads = (doc: unknown): boolean => {
    try {
      readMarket(rationals, readExact, doc);
      return true;
    } catch (e) {
      if (e instanceof MarketFault) return false;
      throw e;
    }
  };
  let taken = 0;
  let refused = 0;
  for (const market of markets as unknown as Json[]) {
    expect(reads(market)).toBe(true);
    for (const { doc, how } of mutants(market)) {
      const fits = marketSchema.safeParse(doc).success;
      if (reads(doc)) {
        taken++;
        expect(fits, `${how}: ${JSON.stringify(doc)}`).toBe(true);
      } else {
        refused++;
        if (how === 'unknown key') expect(fits, JSON.stringify(doc)).toBe(false);
      }
    }
  }
  expect(taken).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(100);
});
