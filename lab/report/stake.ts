/** Who holds stake and what it earned: revenue by stake, elections and slashes. */
import { byCodeUnits, type RunData } from './data.ts';
import { amount, group, percent, short } from './numbers.ts';
import { figure, htmlTable, type Section } from './over-time.ts';
import { bars, html } from './svg.ts';

/** Holders with a bar, and with a row, of their own. */
const BARS = 14;
const ROWS = 40;

interface Holder {
  name: string;
  /** Mean over the run of what was bonded, tokens. */
  stake: number;
  /** Received in the first currency, micro-units. */
  revenue: number;
}

/**
 * Mean bonded stake of each staker, micro-tokens. Where stake moves it is what the table `stakes` says after every act, weighed by
 * time; where it stands still it is the scenario's.
 */
function meanStakes(run: RunData): Map<string, number> {
  const mean = new Map<string, number>();
  const { stakes: s, scenario } = run;
  if (scenario.market.staking === undefined) {
    for (const p of scenario.market.stakes) mean.set(p.staker, (mean.get(p.staker) ?? 0) + Number(p.amount));
    return mean;
  }
  const positions = new Map<string, { staker: string; bonded: number; since: number; area: number }>();
  for (let i = 0; i < s.rows; i++) {
    if (s.staker[i] === '' || s.code[i] !== 'ok') continue;
    const key = `${s.staker[i]}\n${s.provider[i]}`;
    const p = positions.get(key) ?? { staker: s.staker[i]!, bonded: 0, since: 0, area: 0 };
    positions.set(key, p);
    p.area += p.bonded * (s.time_us[i]! - p.since);
    p.bonded = s.bonded_micro[i]!;
    p.since = s.time_us[i]!;
  }
  for (const p of positions.values()) {
    const area = p.area + p.bonded * (run.endUs - p.since);
    mean.set(p.staker, (mean.get(p.staker) ?? 0) + area / run.endUs);
  }
  return mean;
}

function holders(run: RunData, code: string): Holder[] {
  const stakes = meanStakes(run);
  const revenue = new Map<string, number>();
  const { accounts: a } = run;
  for (let i = 0; i < a.rows; i++) {
    const [kind, who] = a.account[i]!.split(/:(.*)/s) as [string, string | undefined];
    if (kind !== 'staker' || who === undefined || a.currency[i] !== code) continue;
    revenue.set(who, (revenue.get(who) ?? 0) + a.credits_posted_micro[i]!);
  }
  return [...new Set([...stakes.keys(), ...revenue.keys()])]
    .map((name) => ({ name, stake: (stakes.get(name) ?? 0) / 1e6, revenue: revenue.get(name) ?? 0 }))
    .sort((x, y) => y.stake - x.stake || y.revenue - x.revenue || byCodeUnits(x.name, y.name));
}

/** Null when nobody holds stake. */
export function stakeSection(run: RunData): Section | null {
  const code = run.scenario.market.currencies[0]!.code;
  const token = run.scenario.market.currencies[1]?.code ?? 'tokens';
  const list = holders(run, code);
  if (list.length === 0) return null;
  const stake = list.reduce((n, h) => n + h.stake, 0);
  const revenue = list.reduce((n, h) => n + h.revenue, 0);
  const share = (part: number, whole: number): string => (whole > 0 ? percent(part / whole) : '–');
  const top = list[0]!;
  const shown = list.slice(0, ROWS);
  const chart = bars(
    'stake-bars',
    'Revenue of stakers, most stake first',
    list.map((h) => `${h.name}: ${amount(h.revenue, code)} on ${short(h.stake)} ${token}`).join(', '),
    shown.slice(0, BARS).map((h) => ({
      name: h.name,
      parts: [{ value: h.revenue, color: 4, about: `${h.name}: ${amount(h.revenue, code)}` }],
      note: `${amount(h.revenue, code)}, ${share(h.stake, stake)} of stake`,
    })),
  );
  const perYear = (h: Holder): string =>
    h.stake > 0 ? short(((h.revenue / 1e6 / h.stake) * 1000 * 365.25 * 86_400e6) / run.endUs) : '–';
  const rows = shown.map((h) => [
    html(h.name),
    short(h.stake),
    share(h.stake, stake),
    amount(h.revenue, code),
    share(h.revenue, revenue),
    perYear(h),
  ]);
  const rest =
    list.length > shown.length
      ? `<p class="note">${group(list.length - shown.length)} smaller holders are not shown.</p>`
      : '';
  const title =
    revenue === 0
      ? `${group(list.length)} stakers hold ${short(stake)} ${token} and earned nothing`
      : `Stakers earned ${amount(revenue, code)}: ${html(top.name)}, with ${share(top.stake, stake)} of the stake, got ${share(top.revenue, revenue)} of it`;
  return {
    id: 'stake',
    title,
    html:
      figure('Revenue by stake', chart) +
      htmlTable(
        [
          'staker',
          `mean stake, ${token}`,
          'of all stake',
          'revenue',
          'of all revenue',
          `${code} a year per 1,000 ${token}`,
        ],
        rows,
      ) +
      rest +
      electionTable(run) +
      slashes(run),
  };
}

/** Seats won by pool: how often, at what support. */
function electionTable(run: RunData): string {
  const e = run.elections;
  const all = new Map<string, { aggregators: Set<string>; stood: number; won: number; support: number }>();
  const epochs = new Set<number>();
  for (let i = 0; i < e.rows; i++) {
    if (e.voter[i] !== '' || e.occasion[i] !== 'epoch') continue;
    epochs.add(e.epoch[i]!);
    const p = all.get(e.pool[i]!) ?? { aggregators: new Set<string>(), stood: 0, won: 0, support: 0 };
    all.set(e.pool[i]!, p);
    p.aggregators.add(e.aggregator[i]!);
    p.stood++;
    if (e.seat[i]! < 0) continue;
    p.won++;
    p.support += e.amount_micro[i]! / 1e6;
  }
  if (epochs.size === 0) return '';
  const rows = [...all]
    .sort((a, b) => b[1].won - a[1].won || byCodeUnits(a[0], b[0]))
    .map(([name, p]) => [
      html(name),
      html([...p.aggregators].join(', ')),
      group(p.won),
      percent(p.won / epochs.size),
      p.won === 0 ? '–' : short(p.support / p.won),
    ]);
  return `<h3>${group(epochs.size)} elections</h3>${htmlTable(['pool', 'aggregator', 'elected', 'of all elections', 'mean support when elected'], rows, [0, 1])}`;
}

function slashes(run: RunData): string {
  const { stake } = run.result;
  if (stake === undefined || stake.slashes === 0) return '';
  return `<p>${group(stake.slashes)} offences were slashed, ${group(stake.slashesOfUnbonding)} of them in stake on its way out; ${group(stake.reversed)} were given back on appeal. Committees changed ${group(stake.changedCommittees)} times; ${group(stake.failedSeats)} seats were handed on because an aggregator failed.</p>`;
}
