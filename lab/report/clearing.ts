/** Supply auctions: what was offered, wanted and bought at each clearing, and at what price. */
import type { RunData } from './data.ts';
import { group, percent, short } from './numbers.ts';
import { figure, htmlTable, type Section } from './over-time.ts';
import { lines, type Series, ticks, timeAxis } from './svg.ts';

interface Clearing {
  at: number;
  offered: number;
  awarded: number;
  wanted: number;
  /** Micro-units an hour for everything bought. */
  pay: number;
  asked: number;
}

/** Most clearings drawn: as many as a screen has room for. */
const MOST = 700;

function clearings(run: RunData): { list: Clearing[]; byClass: Map<string, Omit<Clearing, 'at'>> } {
  const s = run.supply;
  const list: Clearing[] = [];
  const byClass = new Map<string, Omit<Clearing, 'at'>>();
  let demandSeen = new Set<string>();
  let paySeen = new Set<string>();
  for (let i = 0; i < s.rows; i++) {
    let c = list[list.length - 1];
    if (c === undefined || c.at !== s.time_us[i]!) {
      c = { at: s.time_us[i]!, offered: 0, awarded: 0, wanted: 0, pay: 0, asked: 0 };
      list.push(c);
      demandSeen = new Set();
      paySeen = new Set();
    }
    const name = s.gpu_class[i]!;
    const k = byClass.get(name) ?? { offered: 0, awarded: 0, wanted: 0, pay: 0, asked: 0 };
    byClass.set(name, k);
    for (const x of [c, k]) {
      x.offered += s.offered_gpus[i]!;
      x.awarded += s.awarded_gpus[i]!;
      x.asked += s.awarded_gpus[i]! * s.ask_micro_per_gpu_hour[i]!;
    }
    // Demand stands in every row of a class, pay in every row of a supplier.
    const market = `${s.pool[i]} ${name}`;
    if (!demandSeen.has(market)) {
      demandSeen.add(market);
      c.wanted += s.demand_gpus[i]!;
      k.wanted += s.demand_gpus[i]!;
    }
    const supplier = `${market} ${s.provider[i]}`;
    if (s.pay_micro_per_hour[i]! > 0 && !paySeen.has(supplier)) {
      paySeen.add(supplier);
      c.pay += s.pay_micro_per_hour[i]!;
      k.pay += s.pay_micro_per_hour[i]!;
    }
  }
  return { list, byClass };
}

/** Null when no pool buys supply. */
export function clearingSection(run: RunData): Section | null {
  if (run.supply.rows === 0) return null;
  const { list, byClass } = clearings(run);
  const code = run.scenario.market.currencies[0]!.code;
  const sum = (f: (c: Clearing) => number): number => list.reduce((n, c) => n + f(c), 0);
  const bought = sum((c) => c.awarded);
  const pay = sum((c) => c.pay);
  const asked = sum((c) => c.asked);
  const per = Math.ceil(list.length / MOST);
  const drawn = list.filter((_, i) => i % per === 0);
  const line = (name: string, color: number, of: (c: Clearing) => number, dash = false): Series => ({
    name,
    color,
    dash,
    step: true,
    points: [...drawn.map((c): [number, number] => [c.at, of(c)]), [run.endUs, of(drawn[drawn.length - 1]!)]],
  });
  const most = Math.max(1, ...list.map((c) => Math.max(c.offered, c.wanted, c.awarded)));
  const quantity = lines(
    {
      id: 'clearing',
      title: 'GPUs offered, wanted and bought at each clearing',
      about: `${group(list.length)} clearings bought ${group(bought)} GPU-epochs of ${group(sum((c) => c.offered))} offered; ${group(sum((c) => c.wanted))} were wanted.`,
      x: timeAxis(run.endUs),
      y: { from: 0, to: most * 1.04, ticks: ticks(0, most, 5, short), label: 'GPUs' },
    },
    [
      line('offered', 3, (c) => c.offered, true),
      line('wanted', 1, (c) => c.wanted),
      line('bought', 0, (c) => c.awarded),
    ],
  );
  const price = (c: { pay: number; awarded: number }): number => (c.awarded > 0 ? c.pay / c.awarded / 1e6 : 0);
  const rows = [...byClass].map(([name, k]) => [
    name,
    group(k.offered),
    group(k.wanted),
    group(k.awarded),
    k.awarded > 0 ? short(price(k)) : '–',
    k.awarded > 0 ? short(k.asked / k.awarded / 1e6) : '–',
  ]);
  return {
    id: 'clearing',
    title:
      bought === 0
        ? `${group(list.length)} clearings bought nothing`
        : `${group(list.length)} clearings bought ${percent(
            bought /
              Math.max(
                1,
                sum((c) => c.offered),
              ),
          )} of the GPUs on offer at ${short(price({ pay, awarded: bought }))} ${code} an hour; suppliers asked ${short(asked / bought / 1e6)}`,
    html:
      figure('Supply auctions', quantity) +
      htmlTable(
        ['GPU class', 'GPUs offered', 'wanted', 'bought', `paid, ${code}/h`, `asked by those bought, ${code}/h`],
        rows,
      ) +
      '<p class="note">GPUs summed over clearings: one that is bought at every clearing counts each time.</p>',
  };
}
