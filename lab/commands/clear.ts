import { type Command, Option } from 'commander';
import {
  type CombinatorialMarket,
  type Field,
  type OneShot,
  oneShots,
} from '../../mechanisms/pricing/one-shot-index.ts';
import { type ClearJson, clearMarket } from '../certify/clear.ts';
import { winnersByMip } from '../economics/pricing-lp.ts';
import { UsageError } from '../errors.ts';
import { print, seedOf } from '../flags.ts';
import { mechanismOf, withMarketFile } from '../one-shot-file.ts';
import { table } from '../readable.ts';
import { highsSolver } from '../solver/linear.ts';

interface ClearFlags {
  mechanism: string;
  market: string;
  seed: number;
  allow?: boolean;
  solver: 'own' | 'highs';
  json?: boolean;
}

function readableClearing(x: ClearJson): string {
  const get = (key: string) => x[key] as Record<string, unknown> | undefined;
  const lines = [`${x.mechanism}, ${x.kind}, seed ${x.seed}`, ''];
  const rows = (left: Record<string, unknown>, right: Record<string, unknown>): string[][] =>
    Object.keys(left).map((id) => [
      id,
      Array.isArray(left[id]) ? left[id].join(' ') || '-' : String(left[id]),
      String(right[id] ?? ''),
    ]);
  if (x.kind === 'procurement')
    lines.push(table([['supplier', 'accepted', 'is paid'], ...rows(get('accepted')!, get('payments')!)]));
  if (x.kind === 'exchange') {
    const money = { ...get('buyerPayments'), ...get('sellerPayments') };
    lines.push(table([['trader', 'quantity', 'pays or is paid'], ...rows(get('quantities')!, money)]));
  }
  if (x.kind === 'combinatorial')
    lines.push(table([['bidder', 'wins', 'pays'], ...rows(get('allocation')!, get('payments')!)]));
  const figures = ['surplus', 'income', 'gainsFromTrade', 'welfare', 'budget'].filter((k) => x[k] !== undefined);
  lines.push('', table(figures.map((k) => [k, String(x[k])])));
  return `${lines.join('\n')}\n`;
}

/** VCG with HiGHS for the allocation: values are taken as doubles, and the gains of the allocation are summed again exactly. */
async function withHighs(name: string): Promise<OneShot> {
  if (name !== 'vcg')
    throw new UsageError('--solver highs allocates bundles of vcg; leave it out for other mechanisms');
  const solver = await highsSolver();
  if (solver === null)
    throw new UsageError('the optional package "highs" is not installed; npm install highs, or leave --solver out');
  return {
    name,
    combinatorial<T>(f: Field<T>, m: CombinatorialMarket<T>) {
      const plain: CombinatorialMarket<number> = {
        ...m,
        bidders: m.bidders.map((b) => ({
          id: b.id,
          bids: b.bids.map((x) => ({ goods: x.goods, value: f.number(x.value) })),
        })),
      };
      const worth = (won: readonly number[]): T =>
        won.reduce((s, k, i) => (k < 0 ? s : f.add(s, m.bidders[i]!.bids[k]!.value)), f.zero);
      const best = winnersByMip(solver, plain, -1);
      const welfare = worth(best.won);
      const payment = best.won.map((k, i) =>
        k < 0 ? f.zero : f.sub(worth(winnersByMip(solver, plain, i).won), f.sub(welfare, m.bidders[i]!.bids[k]!.value)),
      );
      return { won: best.won, payment, welfare };
    },
  };
}

export function addClear(program: Command): void {
  program
    .command('clear')
    .description('clear one market instance: allocation and payments')
    .requiredOption('--mechanism <name>', `one of ${[...oneShots.keys()].join(', ')}, or the path of a module`)
    .requiredOption('--market <file>', 'market file (JSON): kind procurement, exchange or combinatorial')
    .option('--seed <n>', 'fixes the coins of mechanisms that toss any', seedOf, 1)
    .option('--allow', 'run although a theorem of the mechanism does not hold for this market')
    .addOption(
      new Option('--solver <name>', 'who allocates bundles of vcg: own branch and bound, or HiGHS for large ones')
        .choices(['own', 'highs'])
        .default('own'),
    )
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      `
Decisions are exact (rationals), money is rounded once to 6 places: what suppliers get up, what buyers pay down.

Examples:
  janction clear --mechanism pvcg --market epoch.json
  janction clear --mechanism mcafee --market traders.json --json

  epoch.json    {"kind":"procurement","income":{"kind":"marginal","values":[10,9,8]},
                 "suppliers":[{"id":"p1","capacity":2,"unitCost":"0.1"},{"id":"p2","capacity":2,"unitCost":3}]}
  traders.json  {"kind":"exchange","buyers":[{"id":"b1","quantity":1,"unitValue":17}],
                 "sellers":[{"id":"s1","quantity":1,"unitCost":1}]}`,
    )
    .action(async (flags: ClearFlags) => {
      const mechanism =
        flags.solver === 'highs' ? await withHighs(flags.mechanism) : await mechanismOf(flags.mechanism);
      const result = withMarketFile(flags.market, (json) =>
        clearMarket(mechanism, json, flags.seed, flags.allow === true),
      );
      print(flags.json === true ? `${JSON.stringify(result)}\n` : readableClearing(result));
    });
}
