/** Files, keys and names that a scenario can get wrong, with the exact line that a person reads. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ScenarioError } from '../../scenarios/input-error.ts';
import { SCENARIO_MAX_BYTES } from '../../scenarios/load/document.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import { NeedsUnits } from '../../scenarios/quantity/quantity.ts';
import { added, bent, group, minimal, persona, refusal, traced } from '../support/scenario-text.ts';

const KEYS =
  'name, question, horizon, warmup, seed, fleet, demand, scheduling, pricing, billing, stake, verification, network, failures, adversaries, output';

describe('files that are no scenario', () => {
  const bytes = (...b: number[]) => Uint8Array.from(b);
  test.each([
    ['empty', '', '1:1: the file holds no scenario; begin with "name: ..."'],
    ['a comment', '# nothing\n', '1:1: the file holds no scenario; begin with "name: ..."'],
    ['a list', '- a\n', '1:1: a list is not a mapping (key: value); write a mapping (key: value)'],
    ['a word', 'hello\n', '1:1: "hello" is not a mapping (key: value); write a mapping (key: value)'],
    [
      'cut off in a key',
      minimal.slice(0, 150),
      '8:1: not valid YAML: implicit map keys need to be followed by map values; write "key: value", or see whether the file was cut off',
    ],
    [
      'cut off in a bracket',
      minimal.slice(0, 80),
      '5:37: not valid YAML: flow map in block collection must be sufficiently indented and end with a }; close the quote or bracket, or see whether the file was cut off',
    ],
    [
      'cut off between keys',
      minimal.slice(0, 26),
      '1:1: "fleet" is missing; add it (the machines: classes of GPU, pools, groups of providers) (and 2 more)',
    ],
    [
      'an open quote',
      bent('tiny', '"tiny'),
      '16:1: not valid YAML: missing closing "quote; close the quote or bracket, or see whether the file was cut off',
    ],
    [
      'a tab',
      bent('  groups', '\tgroups'),
      '6:1: not valid YAML: tabs are not allowed as indentation; indent with spaces',
    ],
    [
      'two documents',
      added('---\na: 1\n'),
      '16:1: not valid YAML: more than one document; one scenario per file: remove the line ---',
    ],
    [
      'a tag',
      bent('tiny', '!secret tiny'),
      '1:7: not valid YAML: unresolved tag: !secret; write the value without a tag',
    ],
    [
      'a colon in a text',
      added('question: why: because\n'),
      '16:11: not valid YAML: nested mappings are not allowed in compact mappings; put a text that holds ": " in quotes and align keys of one level',
    ],
    ['a duplicate key', added('horizon: 2 day\n'), '16:1: duplicate key "horizon"; keep one of them'],
    [
      'a mapping as key',
      added('? { a: 1 }\n: 2\n'),
      '16:3: a key that is no plain name; write a word before the colon',
    ],
    [
      'a prototype',
      added('__proto__: { seed: 3 }\n'),
      '16:1: a key that is no plain name; write a word before the colon',
    ],
    ['an anchor in itself', 'a: &a [*a]\n', '1:8: *a stands inside what it stands for; write the value'],
    ['an unknown anchor', 'a: *x\n', '1:4: no anchor &x before this; define it or write the value'],
    [
      'a merge of nothing',
      added('billing: { <<: 3 }\n'),
      '16:16: << takes a mapping or a list of mappings; name an anchor of one',
    ],
    ['a NUL byte', 'name: a\nquestion: b\0\n', '2:12: a NUL byte; save the file as plain text'],
    [
      'a byte of Latin-1',
      bytes(97, 58, 32, 49, 10, 98, 58, 32, 0xe9, 10),
      '2:4: byte 0xe9 is not UTF-8; save the file as UTF-8',
    ],
    [
      'an overlong byte after umlauts',
      bytes(0xc3, 0xa4, 0xc0, 0x80),
      '1:2: byte 0xc0 is not UTF-8; save the file as UTF-8',
    ],
    ['UTF-16', bytes(0xff, 0xfe, 97, 0), '1:1: the file is UTF-16; save the file as UTF-8'],
    ['too deep', '['.repeat(100_000), '1:65: nested more than 64 deep; a scenario needs fewer than ten levels'],
    [
      'too deep behind comments',
      '[[[[ # ]]]]\n'.repeat(100_000 / 4),
      '17:1: nested more than 64 deep; a scenario needs fewer than ten levels',
    ],
    [
      'too deep in flow pairs',
      `[${'a: '.repeat(100_000)}]`,
      '1:195: nested more than 64 deep; a scenario needs fewer than ten levels',
    ],
    [
      'too deep in a line',
      `${'- '.repeat(50_000)}x`,
      '1:129: nested more than 64 deep; a scenario needs fewer than ten levels',
    ],
    [
      'too deep in lines',
      Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''),
      '402:1: nested more than 64 deep; a scenario needs fewer than ten levels',
    ],
  ])('%s', (_, source, message) => {
    expect(refusal(source)).toBe(`f.yaml:${message}`);
  });

  test('too large', () => {
    const message = `f.yaml:1:1: 1048577 bytes are over the limit of 1048576 for a scenario; give the scenario file, not its data`;
    expect(refusal('x'.repeat(SCENARIO_MAX_BYTES + 1))).toBe(message);
    expect(refusal(new Uint8Array(SCENARIO_MAX_BYTES + 1))).toBe(message);
  });

  test('anchors that expand without end', () => {
    const names = 'abcdefghij';
    const lines = [...names].map(
      (c, i) =>
        `${c}: &${c} [${Array(9)
          .fill(i === 0 ? 'x' : `*${names[i - 1]}`)
          .join(', ')}]`,
    );
    expect(refusal(lines.join('\n'))).toMatch(
      /^f\.yaml:\d+:\d+: anchors and lists expand to more than 50000 values; write fewer$/,
    );
    const merges = [...names].map(
      (c, i) =>
        `${c}: &${c} { ${
          i === 0
            ? 'x: 1'
            : `<<: [${Array(20)
                .fill(`*${names[i - 1]}`)
                .join(', ')}]`
        } }`,
    );
    expect(refusal(merges.join('\n'))).toMatch(/anchors and lists expand to more than 50000 values; write fewer$/);
  });
});

describe('keys and names', () => {
  test.each([
    ['unknown key', bent('horizon', 'horizn'), '2:1: unknown key "horizn"; did you mean "horizon"?'],
    ['key unlike any', added('colour: red\n'), `16:1: unknown key "colour"; keys here: ${KEYS}`],
    ['key in a flow map', bent('memory', 'memry'), '5:25: unknown key "memry"; did you mean "memory"?'],
    ['missing key', bent('horizon: 1 day\n', ''), '1:1: "horizon" is missing; add it (length of the run)'],
    [
      'missing key below',
      bent('{ rate: 10 jobs/hour }', '{ swing: 0.1 }'),
      '11:7: "rate" is missing in demand.personas[0].arrivals; add it (mean rate over a day, all users of the persona together)',
    ],
    [
      'a key without a value',
      bent('horizon: 1 day', 'horizon:'),
      '1:1: "horizon" is missing; add it (length of the run)',
    ],
    [
      'an empty list',
      bent('\n    - { name: lab, providers: 4, class: rtx-4090 }', ' []'),
      '6:11: groups: the list is empty; give at least one entry',
    ],
    [
      'a map for a list',
      bent('\n    - { name: rtx-4090, memory: 24 GiB }', ' { a: 1 }'),
      '4:12: classes: a mapping is not a list; write a list',
    ],
    [
      'GPU class of a group',
      bent('class: rtx-4090', 'class: rtx-4909'),
      '7:41: class: unknown GPU class "rtx-4909"; did you mean "rtx-4090"?',
    ],
    [
      'GPU class of a rate',
      bent('{ rtx-4090: 0.4', '{ rtx4090: 0.4'),
      '15:12: rtx4090: unknown GPU class "rtx4090"; did you mean "rtx-4090"?',
    ],
    ['GPU class of a persona', persona('classes: [h100]'), '12:16: classes: unknown GPU class "h100"; have: rtx-4090'],
    [
      'GPU class unknown twice',
      persona('classes: [rtx-4090, rtx-4091]'),
      '12:27: classes: unknown GPU class "rtx-4091"; did you mean "rtx-4090"?',
    ],
    ['pool of a group', group('pool: mian'), '7:57: pool: unknown pool "mian"; did you mean "main"?'],
    [
      'pool of the scheduling',
      added('scheduling: { pools: { mian: {} } }\n'),
      '16:24: mian: unknown pool "mian"; did you mean "main"?',
    ],
    ['pool of the pricing', added('  pools: { mian: {} }\n'), '16:12: mian: unknown pool "mian"; did you mean "main"?'],
    [
      'group of failures',
      added('failures: { groups: { lub: { mtbf: 1 day } } }\n'),
      '16:23: lub: unknown group "lub"; did you mean "lab"?',
    ],
    [
      'group of a stake',
      added('stake: { resources: [{ staker: s, group: labb, amount: 1 JCT }] }\n'),
      '16:42: group: unknown group "labb"; did you mean "lab"?',
    ],
    [
      'provider of a stake',
      added('stake: { resources: [{ staker: s, provider: lab-01, amount: 1 JCT }] }\n'),
      '16:45: provider: unknown provider "lab-01"; did you mean "lab-001"?',
    ],
    [
      'queueing policy',
      added('scheduling: { queueing: esy }\n'),
      '16:25: queueing: unknown "esy"; did you mean "easy"?',
    ],
    [
      'queueing policy with parameters',
      added('scheduling: { queueing: { name: esy } }\n'),
      '16:33: name: unknown queueing policy "esy"; did you mean "easy"?',
    ],
    [
      'parameter of a policy',
      added('scheduling: { queueing: { name: sjf, skp: true } }\n'),
      '16:38: unknown key "skp"; did you mean "skip"?',
    ],
    [
      'a policy without a name',
      added('scheduling: { queueing: { skip: true } }\n'),
      '16:15: name: no queueing policy named; have: fifo, sjf, easy, fifo-skip, conservative, srtf, srsf, las, priority, edf, fair-share, heterogeneity, elastic',
    ],
    [
      'a policy that is a number',
      added('scheduling: { queueing: 4 }\n'),
      '16:25: queueing: neither the name of a queueing policy nor a mapping with "name"; write one of the two',
    ],
    [
      'placement policy',
      added('scheduling: { placement: bestfit }\n'),
      '16:26: placement: unknown "bestfit"; did you mean "best-fit"?',
    ],
    ['pricing mechanism', added('  mechanism: postd\n'), '16:14: mechanism: unknown "postd"; did you mean "posted"?'],
    ['currency', persona('currency: EUR'), '12:17: currency: unknown "EUR"; have: USD, JCT'],
    ['trace format', traced('format: phily, path: x'), '9:20: format: unknown "phily"; did you mean "philly"?'],
    [
      'a class called by a number',
      bent('name: rtx-4090', 'name: 4090'),
      '5:15: name: 4090 is no name; put it in quotes and begin with a letter',
    ],
    [
      'a name with a space',
      bent('name: lab', 'name: la b'),
      '7:15: name: "la b" is no name; use up to 64 letters, digits, - and _, beginning with a letter',
    ],
    [
      'a name that objects have',
      bent('name: lab', 'name: constructor'),
      '7:15: name: "constructor" is a reserved word; use another name',
    ],
    ['a list for a name', bent('class: rtx-4090', 'class: [a]'), '7:41: class: ["a"] is no name; write one name'],
    [
      'a second group',
      bent('groups:\n', 'groups:\n    - { name: lab, class: rtx-4090 }\n'),
      '8:15: name: a second group "lab"; give each its own name',
    ],
    [
      'a second class',
      bent('classes:\n', 'classes:\n    - { name: rtx-4090, memory: 1 GiB }\n'),
      '6:15: name: a second GPU class "rtx-4090"; give each its own name',
    ],
    [
      'a second persona',
      bent(
        '    - name: users\n',
        '    - { name: users, arrivals: { rate: 1 job/hour }, work: { median: 1 s }, value: { median: 1 USD/hour } }\n    - name: users\n',
      ),
      '11:13: name: a second persona "users"; give each its own name',
    ],
    [
      'verification without stake',
      added('verification: { audit: 5 % }\n'),
      '16:15: verification: verification without stake; add "rules: {}" under stake',
    ],
    [
      'stakers without rules',
      added('stake: { stakers: [{ name: a, bonded: 5 JCT }] }\n'),
      '16:19: stakers: stakers without rules; add "rules: {}" under stake',
    ],
    [
      'an election rule',
      added('stake: { rules: { election: phragmén } }\n'),
      '16:29: election: unknown "phragmén"; did you mean "phragmen"?',
    ],
    [
      'a pool to nominate',
      added('stake: { rules: {}, stakers: [{ name: a, bonded: 5 JCT, nominates: [nowhere] }] }\n'),
      '16:68: nominates: unknown pool "nowhere"; have: main',
    ],
    [
      'a second staker',
      added('stake: { rules: {}, stakers: [{ name: a, bonded: 5 JCT }, { name: a, bonded: 5 JCT }] }\n'),
      '16:67: name: a second staker "a"; give each its own name',
    ],
    [
      'a stake below the minimum',
      added('stake: { rules: {}, stakers: [{ name: a, bonded: 0.5 JCT }] }\n'),
      '16:50: bonded: below stake.rules.minBond; raise it or lower the minimum',
    ],
    [
      'a bribe by nobody',
      added('stake: { rules: {}, stakers: [{ name: a, votes: bribed }] }\n'),
      '16:31: stakers: a bribed staker without a pool; add "pool: NAME"',
    ],
    [
      'more tokens than there can be',
      added('stake: { rules: {}, stakers: [{ name: a, free: 10000000000000 JCT }] }\n'),
      '16:31: stakers: more tokens than a ledger can hold; lower them',
    ],
    [
      'a weight without its bound',
      added('stake: { rules: { weight: capped } }\n'),
      '16:27: weight: capped needs a bound above zero; write { name: capped, cap: 1000 JCT }',
    ],
    [
      'a cheat of two minds',
      added('stake: { rules: {} }\nverification: { cheats: [{ group: lab }] }\n'),
      '17:26: cheats: wants either a share of results or "rational: true"; write one of them',
    ],
    [
      'a network that is none',
      added('network: lossy\n'),
      '16:10: network: "lossy" is not a mapping (key: value); write a mapping (key: value)',
    ],
    [
      'a partition of nobody',
      added('network: { partitions: [{ from: 1 hour, to: 2 hour, side: {} }] }\n'),
      '16:59: side: nobody is on this side; name pools, groups, providers, personas, regions or the chain',
    ],
    [
      'a partition of everybody',
      added(
        'network: { partitions: [{ from: 1 hour, to: 2 hour, side: { chain: true, pools: main, groups: lab } }] }\n',
      ),
      '16:59: side: everybody is on this side, so nothing is cut; leave somebody out',
    ],
    [
      'a partition that ends before it begins',
      added('network: { partitions: [{ from: 2 hour, to: 1 hour, side: { chain: true } }] }\n'),
      '16:25: partitions: ends before it begins; put the two in order',
    ],
    [
      'a partition that never heals and repeats',
      added('network: { partitions: [{ from: 0 hour, to: never, every: 1 hour, side: { chain: true } }] }\n'),
      '16:59: every: not longer than it lasts; write a longer period',
    ],
    [
      'a pool that is none',
      added('network: { crashes: [{ pool: mian, from: 1 hour, to: 2 hour }] }\n'),
      '16:30: pool: unknown pool "mian"; did you mean "main"?',
    ],
    [
      'a group that is none',
      added('network: { partitions: [{ from: 1 hour, to: 2 hour, side: { groups: labs } }] }\n'),
      '16:69: groups: unknown group "labs"; did you mean "lab"?',
    ],
    [
      'crashes that overlap',
      added(
        'network: { crashes: [{ pool: main, from: 1 hour, to: 3 hour }, { pool: main, from: 2 hour, to: 4 hour }] }\n',
      ),
      '16:64: crashes: overlaps another crash of the same pool; leave a gap between them',
    ],
    [
      'a takeover by nobody',
      added('network: { takeover: {} }\n'),
      '16:22: takeover: there is no other pool that could take over; add one under fleet.pools',
    ],
    [
      'loss above nine tenths',
      added('network: { loss: 95 % }\n'),
      '16:18: loss: "95 %" is out of range; write 0 to 0.9, or a percentage',
    ],
    [
      'a wire without delay',
      added('network: { latency: { min: 0 ms } }\n'),
      '16:28: min: no time at all; write at least "1 us"',
    ],
    [
      'a routing policy that is none',
      added('scheduling: { routing: power-of-tow }\n'),
      '16:24: routing: unknown "power-of-tow"; did you mean "power-of-two"?',
    ],
  ])('%s', (_, source, message) => {
    expect(refusal(source)).toBe(`f.yaml:${message}`);
  });
});

test('all faults are kept, in the order of the file, and the first is shown', () => {
  const text = bent('1 day', '5 GiB').replace('24 GiB', '24').replace('providers: 4', 'provders: 4');
  try {
    resolveScenario(text, 'f.yaml');
    expect.unreachable();
  } catch (e) {
    expect(e).toBeInstanceOf(ScenarioError);
    const { message, problems } = e as ScenarioError;
    expect(problems.map((p) => p.place)).toEqual(['f.yaml:2:10', 'f.yaml:5:33', 'f.yaml:7:20']);
    expect(message).toBe(`${problems[0]!.place}: ${problems[0]!.text} (and 2 more)`);
  }
});

test('control characters of a file never reach the terminal', () => {
  expect(refusal('"\\e[31m\\n": 1\n')).toMatch(
    /^f\.yaml:1:1: .*unknown key "\\u001b\[31m\\n"|^f\.yaml:1:1: "name" is missing/,
  );
  expect(refusal(bent('tiny', '"a\\u0007b"'))).toBe(
    'f.yaml:1:7: name: "a\\u0007b" is no name; use up to 64 letters, digits, - and _, beginning with a letter',
  );
});

test('whatever is done to a scenario, it is taken or refused in one line', () => {
  const edit = fc.record({
    at: fc.nat({ max: minimal.length }),
    cut: fc.nat({ max: 6 }),
    put: fc.oneof(
      fc.constantFrom('', '\n', ' ', ': ', '- ', '[', '}', '"', '&a ', '*a', '<<: ', '\t', '#', '0', '-1', '|', '!x '),
      fc.string({ maxLength: 4 }),
    ),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      let text = minimal;
      for (const e of edits) text = text.slice(0, e.at) + e.put + text.slice(e.at + e.cut);
      try {
        resolveScenario(text, 'f.yaml');
      } catch (e) {
        if (e instanceof NeedsUnits) return;
        if (!(e instanceof ScenarioError)) throw e;
        expect(e.message).toMatch(/^f\.yaml:\d+:\d+: [^\n]+$/);
      }
    }),
    { seed: 1, numRuns: 80 },
  );
});

test('what is asked of nobody, and times in which nobody can act', () => {
  const disputes = 'billing: { disputes: { rule: checked, window: 1 day, answer: 5 hour, decide: 5 hour } }\n';
  expect(refusal(added(disputes), ['pricing.mechanism=pvcg'])).toContain('use posted or surge prices, or remove this');
  expect(refusal(added(disputes), ['billing.disputes.checks.after=6 hour'])).toContain('nobody could check');
  expect(refusal(added('billing: { budgets: [{ persona: users, amount: 5 USD, perJob: 0 USD }] }\n'))).toBe(
    'f.yaml:16:63: perJob: nothing; write an amount above zero, or leave it away for no limit',
  );
});

test('a variant that changes what is not there is refused with its own line, when the scenario is read', () => {
  const text = (change: string) =>
    added(`adversaries:\n  overbillers:\n    group: lab\n    variants:\n      lenient: { ${change} }\n`);
  expect(refusal(text('billing.paymnts: 0 %'))).toMatch(
    /^f\.yaml:20:7: lenient: billing\.paymnts=0 %: unknown key "paymnts"/,
  );
  expect(resolveScenario(text('billing.shares.treasury: 0 %'), 'f.yaml').adversaries).toBeDefined();
});

test('times so short that a run would never end are refused, with the least that would do', () => {
  const offers = (every: string) =>
    added(
      `adversaries: { leavers: { group: lab, every: ${every}, lasts: { exponential: { mean: 1 hour } }, pays: { fixed: 1 USD/hour } } }\n`,
    );
  // One day over four machines: 345.6 billion offers.
  expect(refusal(offers('1 us'))).toContain(
    'every: makes some 345600000000 events in the horizon, 50000000 at most; write at least "7 ms"',
  );
  expect(resolveScenario(offers('7 ms'), 'f.yaml').adversaries).toBeDefined();
  const cards = (error: string) => added(`failures: { gpus: { lab: { errors: [{ xid: 31, ${error} }] } } }\n`);
  expect(refusal(cards('mtbf: 1 us'))).toContain('mtbf: makes some 345600000000 events');
  expect(refusal(cards('between: { exponential: { mean: 1 us } }'))).toContain(
    'between: makes some 345600000000 events',
  );
  expect(resolveScenario(cards('mtbf: 7 ms'), 'f.yaml').cards).toHaveLength(1);
});
