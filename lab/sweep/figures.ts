/** A run's result as one flat row: `run --json` with keys joined by underscores, and what the sweep adds. */
import { advice } from '../../scenarios/suggest.ts';
import type { RunJson } from '../../sim/summary.ts';
import { UsageError } from '../errors.ts';

/** Exact integers of money as BigInt, everything else as numbers or texts; null where a figure does not exist. */
export type FigureValue = number | bigint | string | null;
export type Figures = Record<string, FigureValue>;

const snake = (key: string): string => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`).replace(/[^a-z0-9_]+/g, '_');

/** Keys in the order of the result. Money texts become integers. */
export function figuresOf(result: RunJson): Figures {
  const out: Figures = {};
  const walk = (value: unknown, path: string): void => {
    // Lists of single agents are not figures.
    if (Array.isArray(value)) {
      if (typeof value[0] !== 'object') out[path] = value.join(' ');
    } else if (typeof value === 'object' && value !== null) {
      for (const [k, v] of Object.entries(value)) walk(v, path === '' ? snake(k) : `${path}_${snake(k)}`);
    } else if (typeof value === 'string' && path.startsWith('money') && /^-?\d+$/.test(value))
      out[path] = BigInt(value);
    else if (typeof value === 'boolean') out[path] = value ? 1 : 0;
    else out[path] = value as number | string | null;
  };
  const { schema: _, scenario: __, seed: ___, ...rest } = result;
  walk(rest, '');
  // What providers spent for each hour that was of use, lost work included: what any lasting price must cover.
  const useful = result.gpu.usefulGpuHours;
  const spent = Number(result.money.providers) / 1e6 - result.economics.providerProfit;
  out['economics_provider_cost_per_useful_gpu_hour'] =
    useful > 0 && result.moneyJct.providers === '0' ? spent / useful : null;
  return out;
}

/** A figure's unit as people read it, and by what its number is divided for that; '' = a count, a share or in the name. */
export function unitOf(figure: string): { unit: string; per: number } {
  if (figure.startsWith('money_jct_')) return { unit: 'JCT', per: 1e6 };
  if (/^(money|stakers_paid)_/.test(figure)) return { unit: 'USD', per: 1e6 };
  if (/^economics_(welfare|user_surplus|provider_profit|first_best_welfare)$/.test(figure))
    return { unit: 'USD', per: 1 };
  if (/^economics_(clearing_price|price_by_class)_|^economics_\w*_per_useful_gpu_hour$/.test(figure))
    return { unit: 'USD per GPU-hour', per: 1 };
  return { unit: figure.includes('/') ? 'USD' : '', per: 1 };
}

/** The figure with its unit, as the head of a column. */
export function headOf(figure: string): string {
  const { unit } = unitOf(figure);
  return unit === '' ? figure : `${figure} (${unit})`;
}

/** Name of the figure that is one adversary's payoff, USD. */
export const agentFigure = (kind: string, agent: string): string => `${kind}/${agent}`;

export const agentFigures = (result: RunJson): Figures =>
  Object.fromEntries(
    Object.entries(result.adversaries ?? {}).flatMap(([kind, a]) =>
      a.each.map((e) => [agentFigure(kind, e.agent), e.payoffUsd]),
    ),
  );

/** Refuses a name that no figure of a run has. `where` is the place of the name, or says it. */
export function refuseUnknown(where: (index: number) => string, names: readonly string[], figures: Figures): void {
  const known = Object.keys(figures).filter((k) => typeof figures[k] !== 'string');
  const at = names.findIndex((n) => !(n in figures));
  if (at >= 0)
    throw new UsageError(`${where(at)}: no figure is called "${names[at]}"; ${advice(names[at]!, known, 'have')}`);
}

/** A figure as a number for statistics; NaN where it does not exist. */
export function numberOf(value: FigureValue | undefined): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return Number.NaN;
}

/** JSON with BigInts marked, so that they come back as they were. */
export const encodeFigures = (f: Figures): string => JSON.stringify(f, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));
export const decodeFigures = (o: Record<string, unknown>): Figures => {
  for (const [k, v] of Object.entries(o))
    if (typeof v === 'string' && /^-?\d+n$/.test(v)) o[k] = BigInt(v.slice(0, -1));
  return o as Figures;
};
