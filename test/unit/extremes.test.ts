/** Durations, rates and prices at the ends of what can be written: refused in one line that says how to mend it, or run to the end. */
import { describe, expect, test } from 'vitest';
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import { runScenario } from '../../sim/run.ts';
import { minimal, refusal } from '../support/scenario-text.ts';

/** The minimal scenario with other keys at their paths; values are YAML. */
const withSets = (sets: readonly string[]) => resolveScenario(minimal, 'f.yaml', sets);

describe('what would never end is refused', () => {
  const lives =
    'fleet.groups.lab.availability={ sessions: { up: { exponential: { mean: 1 us } }, down: { exponential: { mean: 1 us } } } }';
  test.each<[string, string[], RegExp]>([
    ['failures', ['failures.groups.lab.mtbf=1 us'], /mtbf: makes some 345600000000 events .* write at least "7 ms"/],
    [
      'failures by a family',
      ['failures.groups.lab={ between: { lognormal: { median: 1 ms, sigma: 1 } } }'],
      /between: makes some/,
    ],
    [
      'a rack',
      ['failures.shared=[{ name: rack, of: site, groups: lab, mtbf: 1 us, repair: { exponential: { mean: 1 us } } }]'],
      /mtbf: makes some/,
    ],
    ['machines that come and go', [lives], /sessions: makes some/],
    [
      'jobs',
      ['demand.personas.users.arrivals.rate=1e9 jobs/hour'],
      /rate: makes some 24000000000 jobs .* write a lower rate/,
    ],
    ['bursts', ['demand.personas.users.arrivals.bursts={ every: 2 us, last: 1 us, factor: 3 }'], /every: makes some/],
    ['epochs of stake', ['stake.rules.epoch=1 ms'], /epoch: makes 86400000 periods of the horizon/],
    ['terms', ['billing.graces.quote=1 us'], /quote: makes 86400000000 periods/],
    ['resending', ['network={ resend: { first: 1 us, most: 1 us } }'], /most: makes some/],
    [
      'owners who think',
      ['fleet.groups.lab.entry={ outside: { fixed: 1 USD/hour }, every: 1 us }'],
      /every: makes some/,
    ],
    ['meter periods', ['billing.contract={ kind: prepaid, period: 1 us }'], /period: makes some/],
    [
      'a run that ends with its jobs',
      [
        'horizon=until done',
        'warmup=',
        'demand={ jobs: [{ name: x, work: 1 hour }] }',
        'failures.groups.lab.mtbf=1 us',
      ],
      /mtbf: makes some 14400000000 events in an hour/,
    ],
  ])('%s', (_, sets, says) => {
    expect(refusal(minimal, sets)).toMatch(says);
  });
});

describe('what lies beyond all time happens never', () => {
  const family = '{ lognormal: { median: 100 year, sigma: 10 } }';
  const work = 'demand.personas.users.work={ median: 100 year, max: 100 year }';
  test.each<[string, string[]]>([
    ['failures', ['failures.groups.lab={ mtbf: 1 hour, repair: 100 year }']],
    ['the first failure', ['failures.groups.lab.mtbf=100 year']],
    [
      'a family with a long tail',
      [
        `failures.groups.lab={ between: { exponential: { mean: 1 hour } }, causes: { x: { weight: 1, repair: ${family} } } }`,
      ],
    ],
    ['a rack', [`failures.shared=[{ name: rack, of: provider, groups: lab, mtbf: 1 hour, repair: ${family} }]`]],
    [
      'cards',
      [`failures.gpus.lab={ errors: [{ xid: 79, mtbf: 100 year }, { xid: 48, mtbf: 1 hour, repair: ${family} }] }`],
    ],
    ['sessions', [`fleet.groups.lab.availability={ sessions: { up: ${family}, down: ${family} } }`]],
    [
      'offers',
      [`adversaries.leavers={ group: lab, share: 1, every: 1 hour, pays: { fixed: 100 USD/hour }, lasts: ${family} }`],
    ],
    [
      'users who come back',
      [
        'demand.personas.users.retry={ times: 100, after: 100 year, backoff: 10 }',
        'demand.personas.users.patience=1 minute',
      ],
    ],
    ['packets', [`network={ latency: { min: 1 ms, beyond: ${family} } }`]],
    ['work', [work]],
    ['the limit of work', [work, 'demand.personas.users.limitFactor=1000000']],
    ['work beside its checkpoints', [work, 'fleet.processes.checkpoint={ every: 1 us, write: 1 day }']],
    ['values', ['demand.personas.users.value={ median: 1e6 USD/hour, sigma: 10 }']],
    ['costs', ['fleet.costs.rtx-4090={ lognormal: { median: 1e6 USD/hour, sigma: 10 } }']],
    ['heartbeats', ['network={ loss: 5 %, heartbeat: { every: 50 year } }']],
  ])('%s', (_, sets) => {
    const result = runScenario(withSets([...sets, 'horizon=6 hour']), { registry: shipped });
    expect(result.simulatedSeconds).toBe(6 * 3600);
    expect(result.jobs.submitted).toBeGreaterThan(20);
    expect(result.invariants.violations).toBe(0);
  });

  test('a lease that arrives at the very stamp by which it had to start is late', () => {
    const network = 'network={ latency: { min: 10 ms, beyond: { exponential: { mean: 1 us } } } }';
    const hurry = ['billing.graces.startWindow=10001 us', 'demand.personas.users.patience=1 second', 'horizon=1 hour'];
    const result = runScenario(withSets([network, ...hurry, 'demand.personas.users.arrivals.rate=60 jobs/hour']), {
      registry: shipped,
    });
    expect(result.invariants.violations).toBe(0);
    expect(result.jobs.submitted).toBeGreaterThan(20);
    expect(refusal(minimal, [network, 'billing.graces.startWindow=10 ms'])).toMatch(/startWindow: over before a lease/);
  });
});
