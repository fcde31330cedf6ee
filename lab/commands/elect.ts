/** `janction elect`: one stake-weighted election from a file, supports exact, with a check of proportional representation. */
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { ratToString } from '../../core/num/index.ts';
import {
  balance,
  checkEjr,
  checkElection,
  checkPjr,
  type Election,
  ElectionError,
  elect,
  electionRules,
  type PjrVerdict,
  stv,
  supportsOf,
} from '../../mechanisms/elections/index.ts';
import { UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { parseJsonInput, placeOf, textOf } from '../json-input.ts';

const id = z.union([z.string(), z.number()]).transform(String);
const stake = z
  .union([
    z.number().int('a stake is a whole number of the smallest unit'),
    z.string().regex(/^\d{1,39}$/, 'a stake is a whole number'),
  ])
  .transform((v) => BigInt(v))
  .refine((v) => v >= 0n, 'a stake is 0 or more');
/** Keys with which published vectors note what to expect; allowed, never read. */
const notes = [
  'balanced_supports_for_that_committee',
  'documented',
  'elected',
  'election_score_balanced',
  'max_prescore_at_threshold',
  'mes_core',
  'min_support_balanced',
  'min_support_unbalanced',
  'name',
  'note',
  'phragmms_fully_balanced_each_round',
  'pjr_local_check_on_balanced',
  'quota_droop',
  'rounds',
  'rule',
  'seq_phragmen',
  'source',
  'standard_pjr_threshold',
  'top_k_approval',
];
export const electionSchema = z.strictObject({
  ...Object.fromEntries(notes.map((k) => [k, z.unknown().optional()])),
  seats: z.number().int().min(1, 'at least one seat'),
  candidates: z.array(id).optional(),
  voters: z.array(z.strictObject({ id, stake, approvals: z.array(id) })).optional(),
  ballots: z.array(z.tuple([stake, z.array(id)])).optional(),
});
type Input = z.output<typeof electionSchema>;

export interface ElectFlags {
  rule: (typeof electionRules)[number];
  election: string;
  balance?: boolean;
  minSupport?: string;
  tokenSupply?: string;
  json?: boolean;
}

export interface RepresentationJson {
  holds: boolean | 'unknown';
  counterexample: { r: number; candidates: string[]; group: string[]; winners: string[] } | null;
}

export interface ElectJson {
  rule: string;
  winners: string[];
  supports: Record<string, string>;
  pjr: RepresentationJson;
  /** Extended justified representation: stronger, promised by equal shares only. */
  ejr: RepresentationJson;
  arithmetic: 'exact' | 'fixed-point';
  /** STV only. */
  quota?: string;
  /** Candidates that won a seat but not the minimum support; their seats stay empty. */
  refused?: string[];
}

export function electCommand(flags: ElectFlags): ElectJson {
  const example =
    'give an election as JSON: {"seats":2,"candidates":["a","b"],"voters":[{"id":"v","stake":10,"approvals":["a"]}]}';
  const text = textOf(flags.election, example);
  const input = parseJsonInput(text, flags.election, electionSchema);
  const at = (path: (string | number)[]) => placeOf(text, flags.election, path);
  const min = amount(flags.minSupport, '--min-support');
  const supply = amount(flags.tokenSupply, '--token-supply');
  const stakes = [...(input.voters ?? []).map((v) => v.stake), ...(input.ballots ?? []).map((b) => b[0])];
  const total = stakes.reduce((a, b) => a + b, 0n);
  if (supply !== null && total > supply)
    throw new UsageError(
      `${at([])}: the voters stake ${total}, more than the token supply ${supply}; correct one of them`,
    );
  if (total === 0n) throw new UsageError(`${at([])}: nobody has stake; an election needs some`);
  if (flags.rule === 'stv') return stvElection(input, at, min, flags.balance === true);
  const e = electionOf(input, at);
  const outcome = elect(flags.rule, e);
  const edges = flags.balance === true ? balance(e, outcome.winners) : outcome.edges;
  const supports = supportsOf(outcome.winners, edges);
  const kept = outcome.winners
    .map((c, i) => ({ c, support: supports[i]! }))
    .filter((w) => min === null || w.support.num >= min * w.support.den);
  const said = ({ holds, counterexample: c }: PjrVerdict): RepresentationJson => ({
    holds,
    counterexample:
      c === null
        ? null
        : {
            r: c.r,
            candidates: names(c.candidates),
            group: c.group.map((v) => e.voters[v]!.id),
            winners: names(c.winners),
          },
  });
  const names = (list: readonly number[]) => list.map((c) => e.candidates[c]!);
  return {
    rule: flags.rule,
    winners: names(kept.map((w) => w.c)),
    supports: Object.fromEntries(kept.map((w) => [e.candidates[w.c]!, ratToString(w.support)])),
    pjr: said(checkPjr(e, outcome.winners, edges)),
    ejr: said(checkEjr(e, outcome.winners)),
    arithmetic: outcome.arithmetic,
    ...(min === null ? {} : { refused: names(outcome.winners.filter((c) => !kept.some((w) => w.c === c))) }),
  };
}

function amount(text: string | undefined, flag: string): bigint | null {
  if (text === undefined) return null;
  if (!/^\d{1,39}$/.test(text)) throw new UsageError(`${flag} ${text}: want a whole number of the smallest unit`);
  return BigInt(text);
}

type At = (path: (string | number)[]) => string;

function electionOf(input: Input, at: At): Election {
  if (input.voters === undefined || input.ballots !== undefined)
    throw new UsageError(
      `${at(['ballots'])}: this rule takes "voters" with approvals; ranked "ballots" are for --rule stv`,
    );
  if (input.candidates === undefined) throw new UsageError(`${at([])}: no "candidates"; list who stands`);
  const position = new Map(input.candidates.map((c, i) => [c, i]));
  const voters = input.voters.map((v, i) => ({
    id: v.id,
    stake: v.stake,
    approvals: v.approvals.map((c, k) => {
      const p = position.get(c);
      if (p === undefined)
        throw new UsageError(
          `${at(['voters', i, 'approvals', k])}: "${c}" does not stand; candidates are ${input.candidates!.slice(0, 8).join(', ')}`,
        );
      return p;
    }),
  }));
  const e: Election = { seats: input.seats, candidates: input.candidates, voters };
  checked(e, at);
  return e;
}

function checked(e: Election, at: At): void {
  try {
    checkElection(e);
  } catch (x) {
    if (!(x instanceof ElectionError)) throw x;
    const path = x.code === 'seats' ? ['seats'] : x.voter >= 0 ? ['voters', x.voter] : ['candidates'];
    throw new UsageError(`${at(path)}: ${x.message}`);
  }
}

function stvElection(input: Input, at: At, min: bigint | null, balanced: boolean): ElectJson {
  if (input.ballots === undefined || input.voters !== undefined)
    throw new UsageError(`${at(['voters'])}: stv takes ranked "ballots": [[stake, ["first", "second"]], …]`);
  if (balanced) throw new UsageError('--balance: stv transfers surpluses itself; the flag is for approval rules');
  if (min !== null) throw new UsageError('--min-support: stv has a quota; the flag is for approval rules');
  const candidates = input.candidates ?? [...new Set(input.ballots.flatMap((b) => b[1]))];
  const position = new Map(candidates.map((c, i) => [c, i]));
  const ballots = input.ballots.map(([weight, names], i) => ({
    stake: weight,
    ranking: names.map((n, k) => {
      const p = position.get(n);
      if (p === undefined) throw new UsageError(`${at(['ballots', i, 1, k])}: "${n}" does not stand`);
      if (names.indexOf(n) !== k) throw new UsageError(`${at(['ballots', i, 1, k])}: "${n}" is ranked twice; keep one`);
      return p;
    }),
  }));
  checked({ seats: input.seats, candidates, voters: [] }, at);
  const r = stv(input.seats, candidates, ballots);
  return {
    rule: 'stv',
    winners: r.winners.map((c) => candidates[c]!),
    supports: Object.fromEntries(r.winners.map((c, i) => [candidates[c]!, ratToString(r.supports[i]!)])),
    pjr: { holds: 'unknown', counterexample: null },
    ejr: { holds: 'unknown', counterexample: null },
    arithmetic: 'exact',
    quota: r.quota.toString(),
  };
}

export function readableElection(r: ElectJson): string {
  const width = Math.max(9, ...r.winners.map((w) => w.length));
  const lines = [`${r.rule}: ${r.winners.length} seats${r.quota === undefined ? '' : `, quota ${r.quota}`}`];
  for (const [i, w] of r.winners.entries())
    lines.push(`  ${String(i + 1).padStart(3)}  ${w.padEnd(width)}  support ${r.supports[w]}`);
  for (const w of r.refused ?? []) lines.push(`       ${w.padEnd(width)}  below the minimum support: seat left empty`);
  const judged = { 'proportional justified representation': r.pjr, 'extended justified representation': r.ejr };
  if (r.rule !== 'stv')
    for (const [what, { holds, counterexample: c }] of Object.entries(judged))
      lines.push(
        c === null
          ? `  ${what}: ${holds === true ? 'holds' : 'not decided (too large to search)'}`
          : `  ${what} FAILS: ${c.group.length} voters (${c.group.slice(0, 6).join(', ')}) all approve ${c.candidates.join(', ')}, are owed ${c.r}, got ${c.winners.length}${what.startsWith('ext') ? ' between them and nobody all of those owed' : ''}`,
      );
  return `${lines.join('\n')}\n`;
}

export function addElect(program: Command): void {
  program
    .command('elect')
    .description('run one stake-weighted election')
    .addOption(new Option('--rule <rule>', 'how seats are filled').choices([...electionRules]).makeOptionMandatory())
    .requiredOption(
      '--election <file>',
      'JSON: seats, candidates, voters [{id, stake, approvals}]; ballots [[stake, [ranking]]] for stv',
    )
    .option('--balance', 'equalise supports of the committee exactly')
    .option('--min-support <units>', 'leave the seat of a winner with less support empty')
    .option('--token-supply <units>', 'refuse an election whose stakes exceed the supply')
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      `
Supports are exact fractions. Ties go to the earlier candidate in the list. Stakes beyond 2^53 are texts: "18446744073709551615".

Examples:
  janction elect --rule phragmen --election scenarios/elections/bloc-of-60-percent.json
  janction elect --rule phragmms --balance --election votes.json --json`,
    )
    .action((flags: ElectFlags) => {
      const r = electCommand(flags);
      print(flags.json === true ? `${JSON.stringify(r)}\n` : readableElection(r));
    });
}
