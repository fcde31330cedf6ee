/** Budgets that the market itself kept: what each period's alerts and refusals were. */
import { formatMicro } from '../../core/num/index.ts';
import { readRunTable } from '../rundir/reader.ts';

/** One user's period in which something was said about its budget. */
export interface KeptBudget {
  user: string;
  periodStartUs: number;
  unit: string;
  budget: string;
  /** What was spent when the last row was written. */
  spent: string;
  alerts: { percent: number; atUs: number }[];
  refused: number;
  shortened: number;
}

export async function keptBudgets(dir: string): Promise<KeptBudget[]> {
  const { rows, columns: c } = await readRunTable(dir, 'budgets');
  const kept = new Map<string, KeptBudget>();
  for (let i = 0; i < rows; i++) {
    const user = c['user']![i] as string;
    const periodStartUs = Number(c['period_start_us']![i]);
    const key = `${user}|${periodStartUs}`;
    let k = kept.get(key);
    if (k === undefined) {
      const unit = `micro${c['currency']![i] as string}`;
      const budget = String(c['budget_micro']![i]);
      k = { user, periodStartUs, unit, budget, spent: '0', alerts: [], refused: 0, shortened: 0 };
      kept.set(key, k);
    }
    k.spent = String(c['spent_micro']![i]);
    const event = c['event']![i] as string;
    if (event === 'refused') k.refused++;
    else if (event === 'shortened') k.shortened++;
    else k.alerts.push({ percent: Number(c['threshold_bps']![i]) / 100, atUs: Number(c['time_us']![i]) });
  }
  return [...kept.values()];
}

/** Lines for people: the first few periods, and how many there are. */
export function keptLines(kept: readonly KeptBudget[]): string[] {
  if (kept.length === 0) return [];
  const sum = (of: (k: KeptBudget) => number) => kept.reduce((n, k) => n + of(k), 0);
  const lines = [
    '',
    `  budgets that the market kept: ${kept.length} periods of users, ${sum((k) => k.alerts.length)} alerts, ${sum((k) => k.shortened)} attempts shortened, ${sum((k) => k.refused)} refused`,
  ];
  for (const k of kept.slice(0, 10)) {
    const alerts = k.alerts.map((a) => `${a.percent} % after ${(a.atUs / 3.6e9).toFixed(2)} h`).join(', ');
    lines.push(
      `    ${k.user} from ${(k.periodStartUs / 3.6e9).toFixed(0)} h: ${formatMicro(BigInt(k.spent))} of ${formatMicro(BigInt(k.budget))} ${k.unit.slice('micro'.length)}${alerts === '' ? '' : `; ${alerts}`}${k.shortened > 0 ? `; ${k.shortened} shortened` : ''}${k.refused > 0 ? `; ${k.refused} refused` : ''}`,
    );
  }
  if (kept.length > 10) lines.push(`    and ${kept.length - 10} more`);
  return lines;
}
