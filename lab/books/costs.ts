/**
 * Where a run's GPU-hours and money went: paid against used against wasted, what stood idle and what that forgoes, electricity, and budgets.
 * Exact integers; hours are divided once, at the end.
 */
import { gpusOf } from '../../sim/world/aggregator-books.ts';
import { RealUse, realMilliOf } from '../../sim/world/real-use.ts';
import { readRunTable } from '../rundir/reader.ts';
import type { Books } from './bills.ts';
import { milliUs } from './groups.ts';

/** Milli-GPU x us. */
export interface ClassCosts {
  gpuClass: string;
  gpus: number;
  up: bigint;
  used: bigint;
  /** Mean posted rate over the epochs, micro-USD per GPU-hour; -1 = never sold. */
  rateMicro: number;
  /** Idle time at that rate, micro-USD. */
  forgone: bigint;
  /** Providers' own cost of what was used, of which electricity; and what the GPUs drew while leased, in mWh. */
  cost: bigint;
  energyCost: bigint;
  milliWattHours: bigint;
}

export interface Efficiency {
  up: bigint;
  used: bigint;
  /** Of parts that were charged. */
  paid: bigint;
  useful: bigint;
  /** Use of attempts that did not complete, by outcome. */
  wasted: [string, bigint][];
  /** Still running at the end, or not told. */
  open: bigint;
  /** Idle while jobs waited, from the samples: too scattered, or kept for others. Null = no samples. */
  stranded: bigint | null;
  strandedForgone: bigint | null;
  classes: ClassCosts[];
}

const GPU_HOUR = 3_600_000_000_000n;
const big = (v: unknown) => v as bigint;

/** Of machines whose GPUs are registered several times, from the leases that are over. */
async function realUseOf(dir: string, b: Books): Promise<RealUse> {
  const milli = realMilliOf(b.resolved.market.nodes, b.resolved.nodes);
  const use = new RealUse(milli);
  if (milli.size === 0) return use;
  const p = (await readRunTable(dir, 'placements')).columns;
  for (let i = 0; i < p['node']!.length; i++) {
    const start = Number(p['start_us']![i]);
    const id = p['node']![i] as string;
    if (start >= 0 && use.knows(id))
      use.add(id, Number(p['gpu_milli']![i]) * gpusOf(p['gpus']![i] as string), start, Number(p['end_us']![i]));
  }
  return use;
}

export async function efficiency(dir: string, b: Books): Promise<Efficiency> {
  const devices = (await readRunTable(dir, 'devices')).columns;
  const prices = (await readRunTable(dir, 'prices')).columns;
  const life = new Map(b.resolved.market.nodes.map((n, i) => [n.id, b.resolved.nodes[i]!]));
  const real = await realUseOf(dir, b);
  const classes = new Map<string, ClassCosts & { rates: bigint; epochs: bigint }>();
  for (let i = 0; i < devices['node']!.length; i++) {
    const name = devices['gpu_class']![i] as string;
    let c = classes.get(name);
    if (c === undefined)
      classes.set(
        name,
        (c = {
          ...{ gpuClass: name, gpus: 0, up: 0n, used: 0n, rateMicro: -1, forgone: 0n },
          ...{ cost: 0n, energyCost: 0n, milliWattHours: 0n, rates: 0n, epochs: 0n },
        }),
      );
    const gpus = big(devices['gpus']![i]);
    const used = big(devices['busy_milli_us']![i]);
    const n = life.get(devices['node']![i] as string);
    c.gpus += Number(gpus);
    c.up += 1000n * (gpus * big(devices['up_us']![i]) - big(devices['gpu_out_us']![i]));
    c.used += used;
    // A card that is registered several times draws its power once.
    const id = devices['node']![i] as string;
    const worked = real.knows(id) ? real.milliUsOf(id) : used;
    c.cost += (worked * BigInt(n?.costMicroPerGpuHour ?? 0)) / GPU_HOUR;
    c.energyCost += (worked * BigInt(n?.energy?.costMicroPerGpuHour ?? 0)) / GPU_HOUR;
    c.milliWattHours += (worked * BigInt(n?.energy?.watts ?? 0) * 1000n) / GPU_HOUR;
  }
  for (let i = 0; i < prices['epoch']!.length; i++) {
    const c = classes.get(prices['gpu_class']![i] as string);
    const rate = big(prices['rate_micro_per_gpu_hour']![i]);
    if (c === undefined || rate < 0n) continue;
    c.rates += rate;
    c.epochs++;
  }
  for (const c of classes.values()) {
    if (c.epochs === 0n) continue;
    c.rateMicro = Number(c.rates / c.epochs);
    c.forgone = ((c.up - c.used) * BigInt(c.rateMicro)) / GPU_HOUR;
  }
  const sum = (f: (c: ClassCosts) => bigint) => [...classes.values()].reduce((s, c) => s + f(c), 0n);
  const up = sum((c) => c.up);
  const used = sum((c) => c.used);
  let paid = 0n;
  let useful = 0n;
  const wasted = new Map<string, bigint>();
  for (const u of b.uses) {
    const use = milliUs(u);
    if (u.charge > 0n) paid += use;
    if (u.outcome === 'completed') useful += use;
    else if (use > 0n) wasted.set(u.outcome, (wasted.get(u.outcome) ?? 0n) + use);
  }
  const lost = [...wasted.values()].reduce((s, w) => s + w, 0n);
  const stranded = await strandedTime(dir, b);
  const idle = up - used;
  return {
    up,
    used,
    paid,
    useful,
    wasted: [...wasted].sort((x, y) => (x[1] === y[1] ? (x[0] < y[0] ? -1 : 1) : x[1] > y[1] ? -1 : 1)),
    open: used - useful - lost,
    stranded,
    strandedForgone: stranded === null || idle <= 0n ? stranded : (sum((c) => c.forgone) * stranded) / idle,
    classes: [...classes.values()].map(({ rates: _, epochs: __, ...c }) => c),
  };
}

/** min(idle, asked for by waiting jobs) at each sample, times the interval until the next. */
async function strandedTime(dir: string, b: Books): Promise<bigint | null> {
  const every = BigInt(b.resolved.market.sampleUs);
  if (every === 0n) return null;
  const s = (await readRunTable(dir, 'samples')).columns;
  let total = 0n;
  for (let i = 0; i < s['time_us']!.length; i++) {
    const idle = big(s['capacity_milli']![i]) - big(s['used_milli']![i]);
    const waiting = big(s['waiting_milli']![i]);
    const both = idle < waiting ? idle : waiting;
    const rest = BigInt(b.endUs) - big(s['time_us']![i]);
    if (both > 0n && rest > 0n) total += both * (rest < every ? rest : every);
  }
  return total;
}

export interface Budget {
  /** user, workload or pool */
  kind: 'user' | 'workload' | 'pool';
  name: string;
  currency: string;
  amount: bigint;
}

export interface Alert {
  budget: Budget;
  spent: bigint;
  /** per cent of the budget, and the stamp at which spending reached it; -1 = never */
  reached: [number, number][];
}

/** When spending, net of refunds and credits, first reached each part of a budget. */
export function alerts(b: Books, budgets: readonly Budget[], percents: readonly number[]): Alert[] {
  const poolOf = new Map<number, string>();
  for (const m of b.movements) {
    const sold = /^(?:revenue|escrow):(.*)$/.exec(m.credit);
    if (m.job > 0 && sold !== null) poolOf.set(m.job, sold[1]!);
  }
  return budgets.map((budget) => {
    let spent = 0n;
    const reached = percents.map((p): [number, number] => [p, -1]);
    for (const m of b.movements) {
      if (m.job === 0 || m.currency !== budget.currency || m.kind === 'pending' || m.kind === 'void') continue;
      const pays = m.credit.startsWith('revenue:');
      if (!pays && !(m.credit.startsWith('user:') && !m.debit.startsWith('escrow:'))) continue;
      const whose =
        budget.kind === 'user'
          ? b.payers.get(m.job)?.slice('user:'.length)
          : budget.kind === 'workload'
            ? b.jobs.get(m.job)?.workload
            : poolOf.get(m.job);
      if (whose !== budget.name) continue;
      spent += pays ? m.amount : -m.amount;
      for (const r of reached) if (r[1] < 0 && spent * 100n >= budget.amount * BigInt(r[0])) r[1] = m.timeUs;
    }
    return { budget, spent, reached };
  });
}
