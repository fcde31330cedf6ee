import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalScenario } from '../../scenarios/canonical.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import { minimal, refusal } from '../support/scenario-text.ts';

const withSets = (...sets: string[]) => resolveScenario(minimal, 'f.yaml', sets);

test('an override changes, adds and takes away', () => {
  expect(withSets('horizon=2 day').horizonUs).toBe(172_800_000_000);
  expect(withSets('fleet.groups.0.providers=7').market.nodes).toHaveLength(7);
  expect(withSets('fleet.groups.lab.providers=7').market.nodes).toHaveLength(7);
  expect(withSets('billing.tokenPrice=0.05 USD/JCT').market.tokenPriceMicro).toBe(50_000);
  expect(withSets('billing.tokenPrice=0.05 USD/JCT', 'billing.tokenPrice=').market.tokenPriceMicro).toBe(0);
  expect(withSets('billing.tokenPrice=0.05 USD/JCT', 'billing=null').market.tokenPriceMicro).toBe(0);
  expect(withSets('question=what = what').question).toBe('what = what');
  const shapes = 'demand.personas.users.shapes=[{ gpus: 1, weight: 2 }, { tasks: 3 }]';
  const { demand } = withSets(shapes, 'demand.personas.0.shapes.1.gpus=0');
  expect(
    demand.kind === 'personas' &&
      demand.personas[0]!.shapes.map((s) => [s.weight, s.groups[0]!.tasks, s.groups[0]!.gpus]),
  ).toEqual([
    [2, 1, 1],
    [1, 3, 0],
  ]);
  expect(withSets('pricing.rates.rtx-4090=1 USD/hour').market.pools[0]!.pricing.params).toEqual({
    rates: { 'rtx-4090': 1_000_000 },
  });
});

test('the last of two overrides rules', () => {
  expect(withSets('seed=3', 'seed=4').seed).toBe(4);
});

test('overrides alone can make a scenario', () => {
  const sets = [
    'name=a',
    'horizon=1 hour',
    'fleet={ classes: [{ name: c, memory: 1 GiB }], groups: [{ name: g, class: c }] }',
  ];
  const demand =
    'demand.personas=[{ name: p, arrivals: { rate: 1 job/hour }, work: { median: 1 minute }, value: { median: 1 USD/hour } }]';
  expect(resolveScenario('', 'f.yaml', [...sets, demand, 'pricing.rates.c=none']).market.nodes[0]!.id).toBe('g-001/0');
});

test.each([
  ['abc', 'no "=" in it; write --set path.to.key=value'],
  ['a..b=1', '"a..b" is no path; write keys, names or indices joined by points'],
  ['=1', '"" is no path; write keys, names or indices joined by points'],
  ['__proto__.x=1', '"__proto__.x" is no path; write keys, names or indices joined by points'],
  [
    'constructor.x=1',
    'unknown key "constructor"; keys here: name, question, horizon, warmup, seed, fleet, demand, scheduling, pricing, billing, stake, verification, network, failures, adversaries, output',
  ],
  ['horizn=1 day', 'unknown key "horizn"; did you mean "horizon"?'],
  ['billng.tokenPrice=1 USD/JCT', 'unknown key "billng"; did you mean "billing"?'],
  ['billing.tokenprice=1 USD/JCT', 'unknown key "tokenprice"; did you mean "tokenPrice"?'],
  ['fleet.groups.lub.providers=1', 'no "lub" in fleet.groups; did you mean "lab"?'],
  ['fleet.groups.3.providers=1', 'fleet.groups has no entry 3; it has 1, counted from 0'],
  ['fleet.groups.lab.provders=1', 'unknown key "provders"; did you mean "providers"?'],
  ['fleet.groups.lab.class=rtx-4000', 'class: unknown GPU class "rtx-4000"; did you mean "rtx-4090"?'],
  ['fleet.groups.lab=', 'an entry of a list cannot be taken away; set the whole list'],
  ['name.first=x', '"name" is "tiny", which has no "first"; set the whole of it'],
  ['horizon=5 GiB', 'horizon: "5 GiB" is an amount of memory, not a duration; write a duration such as "90 minute"'],
  [
    'horizon=[1,',
    'not valid YAML: flow sequence must end with a ]; close the quote or bracket, or see whether the file was cut off',
  ],
  ['pricing.rates.h100=1 USD/hour', 'h100: unknown GPU class "h100"; have: rtx-4090'],
])('--set %s', (set, message) => {
  expect(refusal(minimal, [set])).toBe(`--set ${set}: ${message}`);
});

test('overrides do not hide that the file holds a list', () => {
  expect(refusal('- a\n', ['seed=1'])).toBe(
    'f.yaml:1:1: a list is not a mapping (key: value); write a mapping (key: value)',
  );
});

test('an override that takes a needed key away is told by the file', () => {
  expect(refusal(minimal, ['horizon='])).toBe('f.yaml:1:1: "horizon" is missing; add it (length of the run)');
});

test('overrides come before the file in the message, and long ones are cut', () => {
  const set = `question=${'x'.repeat(200)}`;
  expect(refusal(minimal.replace('1 day', '1'), ['sed=1'])).toBe(
    '--set sed=1: unknown key "sed"; did you mean "seed"? (and 1 more)',
  );
  expect(refusal(minimal, [set.replace('=', '')])).toMatch(/^--set questionx{81}x*\.\.\.: no "=" in it/);
});

test('an override applied twice is applied once', () => {
  const sets = fc.constantFrom(
    'horizon=3 hour',
    'seed=9',
    'fleet.groups.lab.providers=2',
    'fleet.groups.0.cost=0.1 USD/hour',
    'demand.personas.users.users=5',
    'demand.personas.0.shapes=[{ tasks: 2 }]',
    'billing.shares={ provider: 1 }',
    'billing.tokenPrice=0.1 USD/JCT',
    'pricing.adjust={}',
    'pricing.adjust.cap=2',
    'pricing.adjust=',
    'scheduling.queueing=sjf',
    'scheduling.pools.main.queueing={ name: sjf, skip: true }',
  );
  fc.assert(
    fc.property(fc.array(sets, { maxLength: 5 }), sets, (before, set) => {
      const once = canonicalScenario(withSets(...before, set));
      expect(canonicalScenario(withSets(...before, set, set))).toBe(once);
    }),
    { seed: 1, numRuns: 25 },
  );
});
