import { type Command, InvalidArgumentError, Option } from 'commander';
import { oneShots } from '../../mechanisms/pricing/one-shot-index.ts';
import { advice } from '../../scenarios/suggest.ts';
import { type CaseOptions, certifyCase, certifyTable, type KindName, kindNames } from '../certify/classes.ts';
import { type PropertyName, propertyNames } from '../certify/properties.ts';
import type { Certificate, SearchOptions } from '../certify/search.ts';
import { differences, type ExpectedRow, expectedRows, mechanismsPage, tableText } from '../certify/table.ts';
import { marketRegret, type RegretJson } from '../economics/market-regret.ts';
import { Finding, oneLine, UsageError } from '../errors.ts';
import { append, print, seedOf } from '../flags.ts';
import { bytesOf, loadScenario } from '../load.ts';
import { mechanismOf } from '../one-shot-file.ts';
import { Progress } from '../progress.ts';
import { table } from '../readable.ts';

interface CertifyFlags {
  mechanism?: string;
  property?: string;
  all?: boolean;
  expect?: string;
  markdown?: boolean;
  kind?: KindName;
  supply?: 'unit' | 'multi';
  delivery?: 'verified' | 'unverified';
  fee?: string;
  markets: number;
  exhaust?: number;
  scenario?: string;
  replications: number;
  set: string[];
  seed: number;
  json?: boolean;
  quiet?: boolean;
}

function counted(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n < 1 || n > 1e9)
    throw new InvalidArgumentError('want a whole number from 1 to 1000000000');
  return n;
}

function readable(c: Certificate): string {
  const near = (c.nearCriticalShare * 100).toFixed(1);
  const rows = [
    ['verdict', c.verdict],
    ['markets', String(c.markets)],
    ['market-deviation pairs', `${c.pairs} (${near} % within 1e-3 of a critical value)`],
    ['largest gain', c.largestGain],
  ];
  if (c.grid !== undefined) rows.push(['grid', c.grid]);
  const lines = [`${c.mechanism}, ${c.property}, ${c.class}, seed ${c.seed}`, '', table(rows)];
  const x = c.counterexample;
  if (x !== null) {
    lines.push('', `Counter-example: ${x.agent ?? 'the market'} ${x.about}`);
    lines.push(`  before ${x.truthfulUtility}, ${x.deviation === null ? 'wanted' : 'after'} ${x.deviantUtility}`);
    lines.push(`  truth   ${JSON.stringify(x.market)}`);
    if (x.deviation !== null) lines.push(`  report  ${JSON.stringify(x.deviation)}`);
  }
  return `${lines.join('\n')}\n`;
}

function readableRegret(x: RegretJson): string {
  const interval = (g: { mean: number; low: number; high: number }): string =>
    `${g.mean.toFixed(4)}  [${g.low.toFixed(4)}, ${g.high.toFixed(4)}]`;
  const rows = x.asks.map((a) => [a.factor.toFixed(2), interval(a.gain), a.factor === x.best ? 'best' : '']);
  return `${x.scenario} under ${x.mechanism}, fee ${x.feeBps / 100} %, ${x.replications} replications from seed ${x.seed}

Gain over the truth of one provider per class, in hours of its own cost, 95 % interval
${table([['ask / cost', 'mean gain', ''], ...rows])}

${table([
  ['best ask', `${x.best} x cost`],
  ['predicted for one-shot costs', `${x.predicted} x cost`],
  ['regret of the truth', interval(x.regret)],
  ['verdict', x.verdict],
])}
`;
}

/** Regret on the running market. */
async function dynamic(flags: CertifyFlags, progress: Progress): Promise<void> {
  const sets = [...flags.set];
  if (flags.mechanism !== undefined) sets.push(`pricing.mechanism=${flags.mechanism}`);
  if (flags.property !== undefined && flags.property !== 'dsic-cost')
    throw new UsageError('--scenario measures dsic-cost: what other asks would have brought');
  const fee = flags.fee === undefined ? null : /^(none|gross(?::(0?\.\d+))?)$/.exec(flags.fee);
  if (flags.fee !== undefined && fee === null)
    throw new UsageError('--scenario takes --fee none or gross, such as gross:0.1');
  if (fee !== null) sets.push(`pricing.supply.fee=${fee[1] === 'none' ? 0 : Number(fee[2] ?? '0.1') * 100} %`);
  const scenario = await loadScenario(flags.scenario!, sets, flags.seed);
  if (scenario.market.pools.some((p) => p.supply === undefined))
    throw new UsageError(
      `${flags.scenario}: its pools buy no supply; write pricing.mechanism: pvcg, pay-as-bid or uniform-price`,
    );
  let x: RegretJson;
  try {
    x = marketRegret(scenario, flags.replications, (share, runs) => progress.update(share, `${runs} runs`));
  } catch (e) {
    throw e instanceof Error && /cost above zero/.test(e.message)
      ? new UsageError(`${flags.scenario}: ${e.message}`)
      : e;
  }
  progress.done(`simulated ${x.runs} runs`, flags.quiet === true);
  print(flags.json === true ? `${JSON.stringify(x)}\n` : readableRegret(x));
  if (x.verdict === 'violated') throw new Finding('');
}

function expectedFrom(path: string): ExpectedRow[] {
  const text = new TextDecoder().decode(
    bytesOf(path, 'give the expected table, for example docs/mechanisms.expected.json'),
  );
  let rows: unknown;
  try {
    rows = (JSON.parse(text) as { rows?: unknown }).rows;
  } catch (e) {
    throw new UsageError(`${path}:1:1: no JSON (${oneLine(e)}); write it with: janction certify --all --json`);
  }
  const ok = (r: Partial<ExpectedRow>): boolean =>
    typeof r?.mechanism === 'string' &&
    typeof r.class === 'string' &&
    typeof r.property === 'string' &&
    (r.verdict === 'none' || r.verdict === 'violated');
  if (!Array.isArray(rows) || !rows.every(ok))
    throw new UsageError(
      `${path}:1:1: want {"rows":[{"mechanism","class","property","verdict":"none"|"violated"}]}; write it with: janction certify --all --json`,
    );
  return rows as ExpectedRow[];
}

function all(flags: CertifyFlags, search: SearchOptions, progress: Progress): void {
  const expected = flags.expect === undefined ? null : expectedFrom(flags.expect);
  const list = certifyTable(search, (i, of) => progress.update(i / of, `${i} of ${of} rows`));
  progress.done(`examined ${list.length} rows`, flags.quiet === true);
  const rows = expectedRows(list);
  const faults = expected === null ? [] : differences(list, expected);
  if (flags.markdown === true) print(mechanismsPage(list, flags.seed));
  else if (flags.json === true)
    print(
      `${JSON.stringify({
        schema: 'janction.certify-table/1',
        seed: flags.seed,
        rows: rows.map((r, i) => ({ ...r, certificate: list[i]!.certificate })),
        ...(expected === null ? {} : { differences: faults }),
      })}\n`,
    );
  else {
    print(`${table(tableText(list))}\n`);
    if (expected !== null)
      print(`\n${faults.length === 0 ? 'every verdict is the expected one' : faults.join('\n')}\n`);
  }
  if (faults.length > 0) throw new Finding(`${faults.length} verdicts differ from ${flags.expect}`);
}

export function addCertify(program: Command): void {
  program
    .command('certify')
    .description('search for a violation of an incentive property, shrink it, print the smallest counter-example')
    .option('--mechanism <name>', `one of ${[...oneShots.keys()].join(', ')}, or the path of a module`)
    .option('--property <name>', `one of ${propertyNames.join(', ')}`)
    .option('--all', 'examine every row of the mechanism by property table')
    .option('--expect <file>', 'with --all: exit 0 exactly when the verdicts are those of the file')
    .option('--markdown', 'with --all: print the page docs/mechanisms.md')
    .addOption(new Option('--kind <kind>', 'kind of market').choices([...kindNames]))
    .addOption(new Option('--supply <supply>', 'units per trader').choices(['unit', 'multi']))
    .addOption(
      new Option('--delivery <delivery>', 'whether undelivered units are paid').choices(['verified', 'unverified']),
    )
    .option(
      '--fee <fee>',
      'none, gross, v, price, gross-up, charge, residual, leave-one-out, or a pot that stake earns from (pot-gross, pot-v, pot-leave-one-out, ' +
        'pot-leave-both-out) @self or @other; with a rate: gross:0.1, pot-v@other:0.2',
    )
    .option('--markets <n>', 'markets to search', counted, 1000)
    .option('--scenario <file>', 'measure regret on the running market instead, with failures and placement')
    .option('--replications <n>', 'with --scenario: replications, each with every ask', counted, 30)
    .option('--set <path=value>', 'with --scenario: change one value of it (repeatable)', append, [])
    .option('--exhaust <size>', 'try every market of a small grid with values up to this size instead', counted)
    .option('--seed <n>', 'seed of the search and of the mechanism’s coins', seedOf, 1)
    .option('--json', 'print one JSON document instead of text')
    .option('--quiet', 'no progress on stderr')
    .addHelpText(
      'after',
      `
Exit 1 when the property is violated (with --expect: when a verdict is not the expected one). "No violation found" is evidence on the
markets searched; "exhausted" covers a whole grid; neither is a proof. With a residual fee or a pot,
whoever is examined holds the share and has staked on itself or on the first other supplier.

Examples:
  janction certify --mechanism pvcg --property dsic-cost
  janction certify --mechanism pvcg --property dsic-cost --fee gross:0.1 --json
  janction certify --mechanism pvcg --property dsic-cost --fee pot-leave-one-out@other:0.2
  janction certify --mechanism pvcg --property wbb --kind gang
  janction certify --mechanism mcafee --property dsic-cost --exhaust 6
  janction certify --all --expect docs/mechanisms.expected.json
  janction certify --scenario scenarios/pvcg-week/scenario.yaml --replications 30 --fee gross:0.1`,
    )
    .action(async (flags: CertifyFlags) => {
      const progress = new Progress('certifying', flags.quiet === true);
      const search: SearchOptions = {
        markets: flags.markets,
        seed: flags.seed,
        ...(flags.exhaust === undefined ? {} : { exhaust: flags.exhaust }),
        ...(flags.all === true ? {} : { onProgress: (share, pairs) => progress.update(share, `${pairs} pairs`) }),
      };
      if (flags.scenario !== undefined) return dynamic(flags, progress);
      if (flags.all === true) return all(flags, search, progress);
      if (flags.expect !== undefined || flags.markdown === true)
        throw new UsageError('--expect and --markdown go with --all');
      if (flags.mechanism === undefined || flags.property === undefined)
        throw new UsageError('give --mechanism and --property, or --all; see janction help certify');
      if (!propertyNames.includes(flags.property as PropertyName))
        throw new UsageError(`unknown property "${flags.property}"; ${advice(flags.property, propertyNames, 'have')}`);
      const mechanism = await mechanismOf(flags.mechanism);
      const options: CaseOptions = {
        ...(flags.kind === undefined ? {} : { kind: flags.kind }),
        ...(flags.supply === undefined ? {} : { supply: flags.supply }),
        ...(flags.delivery === undefined ? {} : { delivery: flags.delivery }),
        ...(flags.fee === undefined ? {} : { fee: flags.fee }),
      };
      let c: Certificate;
      try {
        c = certifyCase(mechanism, flags.property as PropertyName, options, search);
      } catch (e) {
        throw e instanceof Error ? new UsageError(oneLine(e)) : e;
      }
      progress.done(`tried ${c.pairs} pairs`, flags.quiet === true);
      print(flags.json === true ? `${JSON.stringify(c)}\n` : readable(c));
      if (c.verdict === 'violated') throw new Finding('');
    });
}
