/** The reference table of pVCG (Cong et al. 2020, code of April 2021): ten suppliers, income sqrt(10 X), linear costs. */
import { type Command, InvalidArgumentError } from 'commander';
import { ratParse } from '../../core/num/index.ts';
import { pvcg } from '../../mechanisms/pricing/pvcg.ts';
import { clearMarket } from '../certify/clear.ts';
import { Finding, UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { table } from '../readable.ts';
import { type Study, type StudyFlags, studyCommand, type ValidationRow } from './study.ts';

/** sqrt(10) to 40 places. */
const ALPHA = '3.1622776601683793319988935444327185337196';
const GAMMAS = ['0.1', '0.2', '0.3', '0.4', '0.5', '0.6', '0.7', '0.8', '0.9', '1'];
const HALVES = ['0.5', '1', '1.5', '2', '2.5', '3', '3.5', '4', '4.5', '5'];

interface TableColumn {
  name: string;
  capacities: string[];
  costs: string[];
  /** As printed by the authors, where this project holds the figures. */
  published?: { accepted: number; tau: string; surplus: string; income: string; sumTau: string };
}

const same = (x: string): string[] => GAMMAS.map(() => x);

export const columns: TableColumn[] = [
  {
    name: 'A, capacity 1',
    capacities: same('1'),
    costs: GAMMAS,
    published: { accepted: 6, tau: '0.6745', surplus: '5.6460', income: '7.7460', sumTau: '4.0472' },
  },
  {
    name: 'A, capacity 2',
    capacities: same('2'),
    costs: GAMMAS,
    published: { accepted: 5, tau: '1.0557', surplus: '7.0000', income: '10.0000', sumTau: '5.2786' },
  },
  ...['0.1', '0.3', '0.5', '1'].map((g) => ({ name: `B, cost ${g}`, capacities: HALVES, costs: same(g) })),
];

interface Row {
  accepted: number[];
  tau: number[];
  surplus: number;
  income: number;
  sumTau: number;
}

export function tableColumn(capacities: readonly string[], costs: readonly string[], alpha: string): Row {
  const x = clearMarket(
    pvcg,
    {
      kind: 'procurement',
      income: { kind: 'sqrt', alpha },
      suppliers: capacities.map((capacity, i) => ({
        id: `p${String(i + 1).padStart(4, '0')}`,
        capacity,
        unitCost: costs[i],
      })),
    },
    1,
    false,
  );
  const tau = Object.values(x['payments'] as Record<string, string>).map(Number);
  return {
    accepted: Object.values(x['accepted'] as Record<string, number>),
    tau,
    surplus: Number(x['surplus']),
    income: Number(x['income']),
    sumTau: Number(x['income']) - Number(x['budget']),
  };
}

/** Block B by its own closed form: equal costs, so X = min(sum, alpha^2 / 4 c^2) with and without a supplier. */
function equalCost(capacities: readonly string[], cost: number): number[] {
  const caps = capacities.map(Number);
  const sum = caps.reduce((a, b) => a + b, 0);
  const want = 10 / (4 * cost * cost);
  const surplus = (x: number): number => Math.sqrt(10 * x) - cost * x;
  const whole = Math.min(sum, want);
  let before = 0;
  return caps.map((c) => {
    const q = Math.max(0, Math.min(c, whole - before));
    before += c;
    return q === 0 ? 0 : surplus(whole) - surplus(Math.min(sum - c, want)) + cost * q;
  });
}

function compare(): ValidationRow[] {
  return columns.flatMap((c): ValidationRow[] => {
    const r = tableColumn(c.capacities, c.costs, ALPHA);
    const row = (what: string, published: string, obtained: string): ValidationRow => ({
      study: 'pvcg-table',
      what: `${c.name}: ${what}`,
      published,
      obtained,
      agrees: published === obtained,
    });
    if (c.published !== undefined) {
      const served = r.accepted.filter((q) => q > 0).length;
      return [
        row('suppliers accepted in full', String(c.published.accepted), String(served)),
        row('payment of each', c.published.tau, r.tau[0]!.toFixed(4)),
        row('surplus', c.published.surplus, r.surplus.toFixed(4)),
        row('income', c.published.income, r.income.toFixed(4)),
        row('payments in all', c.published.sumTau, r.sumTau.toFixed(4)),
      ];
    }
    const closed = equalCost(c.capacities, Number(c.costs[0]));
    const text = (list: readonly number[]): string => list.map((x) => x.toFixed(4)).join(' ');
    return [row('payments (closed form of equal costs beside ours)', text(closed), text(r.tau))];
  });
}

function list(text: string): string[] {
  const parts = text.split(',').map((t) => t.trim());
  for (const p of parts) {
    try {
      if (ratParse(p).num < 0n) throw new Error();
    } catch {
      throw new InvalidArgumentError('want numbers of at least 0, separated by commas: 1,1.5,2');
    }
  }
  return parts;
}

export const pvcgTable: Study = {
  name: 'pvcg-table',
  add(reproduce: Command): void {
    studyCommand(
      reproduce,
      'pvcg-table',
      'payments of pVCG in the authors’ reference table, or for your own capacities and costs',
    )
      .option('--capacities <list>', 'capacities of your own suppliers, for example 1,1,2', list)
      .option('--costs <list>', 'their unit costs', list)
      .option('--alpha <x>', 'income alpha sqrt(X); without it sqrt(number of suppliers) to 16 digits')
      .addHelpText(
        'after',
        '\nExamples:\n  janction reproduce pvcg-table\n  janction reproduce pvcg-table --capacities 1,2,2 --costs 0.2,0.4,0.6 --alpha 2',
      )
      .action((flags: StudyFlags & { capacities?: string[]; costs?: string[]; alpha?: string }) => {
        if (flags.capacities !== undefined || flags.costs !== undefined) return own(flags);
        const rows = compare();
        const side = (key: 'published' | 'obtained') => Object.fromEntries(rows.map((r) => [r.what, r[key]]));
        if (flags.json === true)
          print(
            `${JSON.stringify({ study: 'pvcg-table', published: side('published'), obtained: side('obtained') })}\n`,
          );
        else
          print(`${table([['', 'published', 'obtained'], ...rows.map((r) => [r.what, r.published, r.obtained])])}\n`);
        const bad = rows.filter((r) => !r.agrees).length;
        if (bad > 0) throw new Finding(`${bad} of ${rows.length} figures differ`);
      });
  },
  async validate() {
    return compare();
  },
};

function own(flags: StudyFlags & { capacities?: string[]; costs?: string[]; alpha?: string }): void {
  const { capacities, costs } = flags;
  if (capacities === undefined || costs === undefined || capacities.length !== costs.length)
    throw new UsageError('give --capacities and --costs with as many numbers each');
  const alpha = flags.alpha ?? String(Math.sqrt(capacities.length));
  try {
    ratParse(alpha);
  } catch {
    throw new UsageError(`alpha "${alpha}" is no number`);
  }
  const r = tableColumn(capacities, costs, alpha);
  if (flags.json === true)
    print(
      `${JSON.stringify({ study: 'pvcg-table', published: null, obtained: { alpha, capacities, costs, ...r } })}\n`,
    );
  else {
    const rows = capacities.map((c, i) => [String(i + 1), c, costs[i]!, String(r.accepted[i]), r.tau[i]!.toFixed(6)]);
    print(
      `${table([['supplier', 'capacity', 'unit cost', 'accepted', 'payment'], ...rows])}\n\n${table([
        ['surplus', r.surplus.toFixed(6)],
        ['income', r.income.toFixed(6)],
        ['payments in all', r.sumTau.toFixed(6)],
      ])}\n`,
    );
  }
}
