/** What scenarios of several features did wrong together, each in its smallest form (found by test/fuzz/scenarios.test.ts). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunJson } from '../../sim/summary.ts';
import { inTemp, janctionInside } from '../support/cli.ts';
import { moneyFault } from '../support/money.ts';

const scenario = (more: string, persona = '', group = ''): string => `name: together
horizon: 6 hour
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  pools: [{ name: east }, { name: west }]
  groups: [{ name: farm, providers: 6, gpus: 2, class: card, ${group} }]
demand:
  personas:
    - name: users
      users: 4
      arrivals: { rate: 8 jobs/hour }
      work: { median: 25 minute, max: 2 hour }
      value: { median: 2 USD/hour }
      ${persona}
${more}`;
const prices = (mechanism = 'posted') => `pricing: { mechanism: ${mechanism}, rates: { card: 0.4 USD/hour } }\n`;

/** Runs under every law and audits; the result, or the line of the refusal. */
async function ran(text: string): Promise<RunJson> {
  return inTemp(async (dir) => {
    const path = join(dir, 's.yaml');
    writeFileSync(path, text);
    const out = join(dir, 'run');
    const run = await janctionInside(['run', path, '--json', '--quiet', '--check', 'every-event', '--out', out]);
    expect([run.code, run.err]).toEqual([0, '']);
    const audit = JSON.parse((await janctionInside(['audit', out, '--rerun', '--json'])).out);
    expect(audit.firstDifference).toBeNull();
    const result = JSON.parse(run.out) as RunJson;
    expect(moneyFault(result)).toBeNull();
    return result;
  });
}

describe('together', () => {
  test('disputes, and leases of the second of several pools', async () => {
    const rules = '{ rule: metered, window: 1 hour, answer: 30 minute, decide: 30 minute,';
    const acts =
      'filers: [{ persona: users, frivolous: 60 %, after: 10 minute }], providers: { after: 5 minute }, checks: { after: 5 minute } }';
    const r = await ran(scenario(`${prices()}billing: { disputes: ${rules} ${acts} }\n`));
    expect(r.disputes!.filed).toBeGreaterThan(5);
  });

  test('users who come again, and pools that do not answer at the edge', async () => {
    const cut = 'partitions: [{ from: 1 hour, to: 3 hour, side: { pools: [east, west] } }]';
    const again = 'patience: 10 minute\n      retry: { times: 5, after: 10 minute }';
    const r = await ran(scenario(`${prices()}network: { ${cut} }\n`, again));
    expect(r.jobs.submitted).toBeGreaterThan(50);
  });

  test('mean times to an error of a card or a machine so long that some lie beyond all time', async () => {
    const between = 'between: { weibull: { scale: 100 year, shape: 0.5 } }';
    const errors = `gpus: { farm: { errors: [{ xid: 79, ${between} }] } }`;
    const shared = `shared: [{ name: box, of: provider, groups: farm, ${between} }]`;
    await ran(scenario(`${prices()}failures: { groups: { farm: { ${between} } }, ${errors}, ${shared} }\n`));
  });

  test('results that the chain hears of when a check of them is due already', async () => {
    const stake = 'stake: { rules: { epoch: 50 minute }, resources: [{ staker: fund, group: farm, amount: 100 JCT }] }';
    const cut = 'network: { partitions: [{ from: 1 hour, to: 3 hour, side: { chain: true } }] }';
    await ran(scenario(`${prices()}${stake}\nverification: { audit: 100 %, delay: 1 minute }\n${cut}\n`));
  });

  test('an epoch of stake that ends with the run issues its tokens by what was done in it', async () => {
    const emission = 'emission: { perEpoch: 90 JCT, providers: 100 %, stakers: 0 % }';
    const r = await ran(scenario(`${prices()}stake: { rules: { epoch: 2 hour, ${emission} } }\n`));
    // Nothing of three epochs is left for the treasury.
    expect([r.moneyJct.providers, r.moneyJct.treasury]).toEqual(['270000000', '0']);
  });

  test.each([
    'prepaid',
    'escrow',
    'notes',
  ])('surge prices with the contract %s; what running jobs have in escrow is held', async (kind) => {
    // A period ends with the run: what is paid for it is divided.
    const r = await ran(scenario(`${prices('surge')}billing: { contract: { kind: ${kind}, period: 12 minute } }\n`));
    expect(r.jobs.running).toBeGreaterThan(0);
    expect(BigInt(r.money.memo.held) > 0n).toBe(kind !== 'notes');
  });

  test('surge prices buy no supply', async () => {
    await inTemp(async (dir) => {
      const path = join(dir, 's.yaml');
      writeFileSync(
        path,
        scenario(`${prices('surge')}`).replace('mechanism: surge,', 'mechanism: surge, supply: { pay: use },'),
      );
      const run = await janctionInside(['run', path, '--quiet']);
      expect([run.code, run.out]).toEqual([2, '']);
      expect(run.err).toMatch(/supply: surge buys no supply; take pricing\.supply out/);
    });
  });

  test('availability of machines of which one card comes back while another is out', async () => {
    const supply =
      'pricing: { mechanism: pvcg, rates: { card: 0.4 USD/hour }, supply: { pay: availability, subsidy: 50 USD } }';
    const cards = 'failures: { gpus: { farm: { errors: [{ xid: 74, mtbf: 1 hour }, { xid: 79, mtbf: 4 hour }] } } }';
    await ran(scenario(`${supply}\n${cards}\n`));
  });

  test('machines of which the chain hears nothing any more, under a contract that pays as they run', async () => {
    const cut = 'network: { partitions: [{ from: 70 minute, to: 5 hour, side: { groups: farm } }] }';
    await ran(scenario(`${prices()}billing: { contract: { kind: prepaid, period: 12 minute } }\n${cut}\n`));
  });
});
