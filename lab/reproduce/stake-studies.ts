/** Published results on elections, rewards and proof of contribution that need no data files. */
import { rat, ratParse, ratToNumber, studentQuantile } from '../../core/num/index.ts';
import { type Election, phragmen, phragmms } from '../../mechanisms/elections/index.ts';
import { decParse, decText, F1, maxPool } from '../../mechanisms/rewards/index.ts';
import {
  deterringRate,
  expectedReplicated,
  inspectionEquilibrium,
  nextConsecutive,
  singleCopyChance,
  yumaEpoch,
} from '../../mechanisms/verification/index.ts';
import { Stream } from '../../sim/kernel/streams.ts';
import { deterrenceFrontier, learnInspection } from '../economics/inspection-learning.ts';
import { concentration } from './concentration.ts';
import { covers, exactly, type Figure, simpleStudy, within } from './simple-study.ts';
import type { Study } from './study.ts';

function parties(stakes: readonly number[], seats: number): Election {
  return {
    seats,
    candidates: stakes.flatMap((_, p) => Array.from({ length: seats }, (_x, k) => `${p}.${k}`)),
    voters: stakes.map((s, p) => ({
      id: String(p),
      stake: BigInt(s),
      approvals: Array.from({ length: seats }, (_x, k) => p * seats + k),
    })),
  };
}

const seatsOf = (winners: readonly number[], parties: number, seats: number): string =>
  Array.from({ length: parties }, (_, p) => winners.filter((c) => Math.floor(c / seats) === p).length).join(' ');

const dhondt = simpleStudy({
  name: 'dhondt',
  about: 'on party lists, sequential Phragmén and balanced PhragMMS are D’Hondt',
  source:
    'Brill, Laslier, Skowron, "Multiwinner approval rules as apportionment methods" (2018); Wikipedia’s D’Hondt example',
  run(): Figure[] {
    const cases: [number[], number, string][] = [
      [[60, 25, 15], 4, '3 1 0'],
      [[60, 25, 15], 10, '7 2 1'],
      [[53, 24, 23], 7, '4 2 1'],
      [[47000, 16000, 15900, 12000, 6000, 3100], 10, '5 2 2 1 0 0'],
    ];
    return cases.flatMap(([stakes, seats, want]) => {
      const e = parties(stakes, seats);
      return [
        exactly(
          `phragmen ${stakes.join(':')}, ${seats} seats`,
          want,
          seatsOf(phragmen(e).winners, stakes.length, seats),
        ),
        exactly(
          `phragmms ${stakes.join(':')}, ${seats} seats`,
          want,
          seatsOf(phragmms(e).winners, stakes.length, seats),
        ),
      ];
    });
  },
});

/** Share of the first holder after n rewards of r drawn by stake (Pólya's urn), from stakes a and b. */
function urn(a: number, b: number, r: number, n: number, s: Stream): number {
  let x = a;
  let total = a + b;
  for (let i = 0; i < n; i++) {
    if (s.uniform() * total < x) x += r;
    total += r;
  }
  return x / total;
}

const polya = simpleStudy({
  name: 'polya',
  about:
    'stake lotteries that compound: the share is a martingale with a known variance; proportional rewards keep it constant',
  source: 'Eggenberger and Pólya 1923; Fanti et al., "Compounding of wealth in proof-of-stake" (2019)',
  run(seed): Figure[] {
    const cases: [number, number, number, number][] = [
      [1, 1, 1, 10],
      [1, 9, 1, 100],
      [10, 90, 1, 1000],
      [100, 900, 1, 1000],
    ];
    const replications = 4000;
    // Eight intervals at a family-wise 99.9 %.
    const t = studentQuantile(1 - 0.001 / 16, replications - 1);
    return cases.flatMap(([a, b, r, n]) => {
      const s = new Stream(`polya/${seed}/${a}/${b}/${n}`);
      const p = a / (a + b);
      const total = a + b;
      const variance = (p * (1 - p) * r * r * n) / ((total + r) * (total + r * n));
      const shares = Array.from({ length: replications }, () => urn(a, b, r, n, s));
      const squares = shares.map((x) => (x - p) * (x - p));
      return [
        interval(`mean share from ${a}:${b} after ${n}`, p, shares, t),
        interval(`variance of the share from ${a}:${b} after ${n}`, variance, squares, t),
      ];
    });
  },
});

function interval(what: string, theory: number, values: readonly number[], t: number): Figure {
  const n = values.length;
  const mean = values.reduce((x, y) => x + y, 0) / n;
  const spread = values.reduce((x, y) => x + (y - mean) * (y - mean), 0) / (n - 1);
  return covers(what, Number(theory.toPrecision(8)), mean, t * Math.sqrt(spread / n));
}

const inspection = simpleStudy({
  name: 'inspection-game',
  about: 'learning providers and verifiers against the mixed equilibrium; the audit rate that deters',
  source: 'Dresher 1962; Avenhaus, von Stengel, Zamir, "Inspection games" (2002)',
  run(seed): Figure[] {
    const game = { gain: 10, penalty: 90, auditCost: 1, loss: 20, bounty: 0 };
    const e = inspectionEquilibrium({
      gain: rat(10),
      penalty: rat(90),
      auditCost: rat(1),
      loss: rat(20),
      bounty: rat(0),
    });
    const starts: [number, number][] = [
      [0.5, 0.5],
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ];
    const figures = starts.flatMap(([cheat, audit], i) => {
      const got = learnInspection(game, cheat, audit, 2_000_000, seed * 10 + i);
      const from = `from cheat ${cheat}, audit ${audit}`;
      return [
        within(`audit rate p*, ${from}`, ratToNumber(e.auditRate), got.auditRate, 0.01, 4),
        within(`cheat rate q*, ${from}`, ratToNumber(e.cheatRate), got.cheatRate, 0.01, 4),
      ];
    });
    const frontiers: [number, number, string, string][] = [
      [1, 9, '4/5', '1/20'],
      [10, 90, '9/10', '1/100'],
      [2, 10, '1/2', '1/10'],
    ];
    for (const [gain, penalty, d, phi] of frontiers) {
      const p = deterringRate(rat(gain), rat(penalty), ratParse(d), ratParse(phi))!;
      const got = deterrenceFrontier(
        { gain, penalty, detection: ratToNumber(ratParse(d)), falseAlarm: ratToNumber(ratParse(phi)) },
        400_000,
        seed,
      );
      figures.push(
        within(
          `deterring audit rate, g=${gain} P=${penalty} d=${d} phi=${phi}`,
          Number(ratToNumber(p).toFixed(6)),
          got,
          0.01,
          4,
        ),
      );
    }
    return figures;
  },
});

const boinc = simpleStudy({
  name: 'boinc-adaptive',
  about: 'adaptive replication: replicated jobs of an honest host',
  source: 'BOINC scheduler (trusted after 10 valid results, single copy with chance 1 - 1/cv)',
  run(seed): Figure[] {
    const figures = [
      within('replicated of 10 jobs (Markov chain)', 10, expectedReplicated(10), 1e-9),
      within('replicated of 100 jobs (Markov chain)', 16.813324787, expectedReplicated(100), 1e-8),
      within('replicated of 1000 jobs (Markov chain)', 45.839193766, expectedReplicated(1000), 1e-8),
    ];
    const replications = 2000;
    const s = new Stream(`boinc/${seed}`);
    const counts = Array.from({ length: replications }, () => {
      let cv = 0;
      let replicated = 0;
      for (let job = 0; job < 1000; job++) {
        const alone = s.uniform() < singleCopyChance(cv);
        if (!alone) replicated++;
        cv = nextConsecutive(cv, !alone, true);
      }
      return replicated;
    });
    figures.push(
      interval(
        'replicated of 1000 jobs (simulated)',
        45.839193766,
        counts,
        studentQuantile(1 - 0.001 / 2, replications - 1),
      ),
    );
    return figures;
  },
});

const yuma = simpleStudy({
  name: 'yuma',
  about: 'Yuma consensus: incentives and dividends of two epochs, a clipped minority cabal',
  source: 'opentensor/subtensor tests/epoch.rs test_bonds (values stored in 16 bits: 2e-5)',
  run(): Figure[] {
    const row = [16383, 32767, 49149, 65535];
    const first = yumaEpoch([1, 2, 3, 4], [row, row, row, row]);
    const second = yumaEpoch([1, 2, 3, 4], [[0, 0, 0, 0], row, row, row], 0.5, first.bonds);
    const list = (what: string, want: number[], got: readonly number[]) =>
      want.map((w, i) => within(`${what} ${i + 1}`, w, got[i]!, 2e-5, 10));
    const cabal = yumaEpoch(
      [60, 40],
      [
        [1, 1, 0],
        [0, 0, 1],
      ],
    );
    return [
      ...list('incentive, epoch 1, server', [0.0999975582, 0.2000012207, 0.2999926752, 0.4000085455], first.incentive),
      ...list('dividend, epoch 1, validator', [0.1, 0.2, 0.3, 0.4], first.dividends),
      ...list('dividend, epoch 2, validator', [0.0899967032, 0.2022211233, 0.303334432, 0.404447741], second.dividends),
      within('incentive of a 40 % cabal’s server', 0, cabal.incentive[2]!, 1e-12, 1),
    ];
  },
});

const f1 = simpleStudy({
  name: 'f1',
  about: 'F1 fee distribution with slashes',
  source: 'cosmos-sdk x/distribution keeper tests (TestCalculateRewards…)',
  run(): Figure[] {
    const book = (ops: (f: F1) => void): F1 => {
      const f = new F1(decParse('0.5'));
      ops(f);
      return f;
    };
    const basic = book((f) => {
      f.delegate('v', 100n);
      f.allocate(10n);
    });
    const many = book((f) => {
      f.delegate('v', 100_000_000n);
      for (let i = 0; i < 2; i++) {
        f.slash(decParse('0.5'));
        f.allocate(10_000_000n);
      }
    });
    const two = book((f) => {
      f.delegate('v', 100_000_000n);
      f.allocate(30_000_000n);
      f.slash(decParse('0.5'));
      f.delegate('w', 100_000_000n);
      f.allocate(30_000_000n);
      f.slash(decParse('0.5'));
    });
    const dust = new F1(0n);
    for (const d of ['a', 'b', 'c']) dust.delegate(d, 1n);
    dust.allocate(10n);
    for (const d of ['a', 'b', 'c']) dust.withdraw(d);
    return [
      exactly('basic: delegator', '5', decText(basic.pending('v'))),
      exactly('basic: commission', '5', decText(basic.commission)),
      exactly('two slashes: delegator', '10000000', decText(many.pending('v'))),
      exactly('two slashes: tokens left', '25000000', many.tokens.toString()),
      exactly('two delegators, two slashes: first', '20000000', decText(two.pending('v'))),
      exactly('two delegators, two slashes: second', '10000000', decText(two.pending('w'))),
      exactly('two delegators, two slashes: commission', '30000000', decText(two.commission)),
      exactly('dust of 10 over three: pool', '0.999999999999999999', decText(dust.pool)),
      exactly('dust of 10 over three: outstanding', '0.000000000000000001', decText(dust.outstanding)),
    ];
  },
});

const cardano = simpleStudy({
  name: 'cardano',
  about: 'pool rewards with saturation and pledge',
  source: 'cardano-ledger Shelley/Rewards.hs (maxPool)',
  run(): Figure[] {
    const pot = 10_000_000_000_000n;
    const k = { k: 500n, a0: ratParse('3/10') };
    const cases: [string, string, string][] = [
      ['1/500', '1/500', '20000000000'],
      ['1/500', '0', '15384615384'],
      ['1/1000', '0', '7692307692'],
      ['1/1000', '1/2000', '8125000000'],
      ['3/1000', '1/1000', '17692307692'],
    ];
    return cases.map(([sigma, pledge, want]) =>
      exactly(`sigma ${sigma}, pledge ${pledge}`, want, maxPool(k, pot, ratParse(sigma), ratParse(pledge)).toString()),
    );
  },
});

export const stakeStudies: readonly Study[] = [dhondt, polya, inspection, boinc, yuma, f1, cardano, concentration];
