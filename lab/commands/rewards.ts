/** `janction rewards`: one reward distribution from a file. */
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { largestRemainder, type Rational, ratParse } from '../../core/num/index.ts';
import { maxPool } from '../../mechanisms/rewards/cardano.ts';
import { F1, F1Error } from '../../mechanisms/rewards/f1.ts';
import { decParse, decText } from '../../mechanisms/rewards/lib/dec.ts';
import { sharesBy, type WeightRule } from '../../mechanisms/rewards/weights.ts';
import { UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { parseJsonInput, placeOf, textOf } from '../json-input.ts';

export const rewardRules = [
  'f1',
  'largest-remainder',
  'linear',
  'sqrt',
  'square',
  'capped',
  'lock-weighted',
  'cardano',
] as const;
type Rule = (typeof rewardRules)[number];

const units = z
  .union([z.number().int('want whole units'), z.string().regex(/^\d{1,39}$/, 'want whole units, 0 or more')])
  .transform((v) => BigInt(v))
  .refine((v) => v >= 0n, 'want 0 or more');
const fraction = z.union([z.number(), z.string()]).transform((v, ctx): Rational => {
  try {
    return ratParse(String(v));
  } catch {
    ctx.addIssue({ code: 'custom', message: `"${v}" is no number; write a decimal or a fraction such as "3/10"` });
    return z.NEVER;
  }
});
const dec = z.union([z.number(), z.string()]).transform((v, ctx): bigint => {
  try {
    return decParse(String(v));
  } catch {
    ctx.addIssue({ code: 'custom', message: `"${v}" is no decimal of at most 18 places` });
    return z.NEVER;
  }
});
const op = z.union([
  z.tuple([z.enum(['delegate', 'undelegate']), z.string(), units]),
  z.tuple([z.literal('alloc'), units]),
  z.tuple([z.literal('slash'), dec]),
  z.tuple([z.literal('withdraw'), z.string()]),
]);
/** Keys with which published vectors note what to expect; allowed, never read. */
const notes = Object.fromEntries(
  [
    'name',
    'src',
    'delegator_rewards',
    'commission_accum',
    'tokens_after',
    'exact',
    'paid',
    'pool_dec',
    'outstanding_dec',
    'invariant',
    'check',
    'maxPool',
  ].map((k) => [k, z.unknown().optional()]),
);
export const rewardSchemas = {
  f1: z.strictObject({ ...notes, commission: dec, ops: z.array(op) }),
  'largest-remainder': z.strictObject({
    ...notes,
    total: units,
    weights: z.array(units),
    shares: z.unknown().optional(),
  }),
  cardano: z.strictObject({
    ...notes,
    k: z.number().int().min(1),
    a0: fraction,
    R: units,
    sigma: fraction,
    pledge: fraction,
  }),
  stakes: z.strictObject({
    ...notes,
    total: units,
    stakes: z.array(units),
    cap: units.optional(),
    locks: z.array(units).optional(),
    maxLock: units.optional(),
  }),
};

export interface RewardsFlags {
  rule: Rule;
  input: string;
  json?: boolean;
}

export type RewardsJson =
  | {
      rewards: Record<string, string>;
      commission: string;
      paid: Record<string, string>;
      pool: string;
      outstanding: string;
      tokens: string;
    }
  | { shares: (number | string)[] }
  | { maxPool: string };

export function rewardsCommand(flags: RewardsFlags): RewardsJson {
  const text = textOf(
    flags.input,
    `give the input of --rule ${flags.rule} as JSON; janction rewards --help shows each shape`,
  );
  const at = (path: (string | number)[]) => placeOf(text, flags.input, path);
  switch (flags.rule) {
    case 'f1':
      return f1(parseJsonInput(text, flags.input, rewardSchemas.f1), at);
    case 'cardano': {
      const i = parseJsonInput(text, flags.input, rewardSchemas.cardano);
      return {
        maxPool: guarded(
          () => maxPool({ k: BigInt(i.k), a0: i.a0 }, i.R, i.sigma, i.pledge),
          () => at(['sigma']),
        ).toString(),
      };
    }
    case 'largest-remainder': {
      const i = parseJsonInput(text, flags.input, rewardSchemas['largest-remainder']);
      return {
        shares: guarded(
          () => largestRemainder(i.total, i.weights),
          () => at(['weights']),
        ).map(whole),
      };
    }
    default: {
      const i = parseJsonInput(text, flags.input, rewardSchemas.stakes);
      const rule = weightRule(flags.rule, i, at);
      if (i.locks !== undefined && i.locks.length !== i.stakes.length)
        throw new UsageError(`${at(['locks'])}: ${i.locks.length} locks for ${i.stakes.length} stakes; give one each`);
      return {
        shares: guarded(
          () => sharesBy(rule, i.total, i.stakes, i.locks),
          () => at(['stakes']),
        ).map(whole),
      };
    }
  }
}

/** Numbers up to 2^53, texts beyond. */
const whole = (v: bigint): number | string => (v <= 9007199254740991n ? Number(v) : v.toString());

function guarded<T>(body: () => T, place: () => string): T {
  try {
    return body();
  } catch (e) {
    throw new UsageError(`${place()}: ${e instanceof Error ? e.message : String(e)}`);
  }
}

type At = (path: (string | number)[]) => string;

function weightRule(
  name: Exclude<Rule, 'f1' | 'cardano' | 'largest-remainder'>,
  i: z.output<typeof rewardSchemas.stakes>,
  at: At,
): WeightRule {
  if (name === 'capped') {
    if (i.cap === undefined) throw new UsageError(`${at([])}: no "cap"; capped needs one`);
    return { rule: name, cap: i.cap };
  }
  if (name === 'lock-weighted') {
    if (i.maxLock === undefined || i.locks === undefined)
      throw new UsageError(
        `${at([])}: lock-weighted needs "locks" (time left, one each) and "maxLock" in the same unit`,
      );
    return { rule: name, maxLock: i.maxLock };
  }
  return { rule: name };
}

function f1(input: z.output<typeof rewardSchemas.f1>, at: At): RewardsJson {
  let book: F1;
  try {
    book = new F1(input.commission);
  } catch (e) {
    throw new UsageError(`${at(['commission'])}: ${(e as Error).message}`);
  }
  const names = new Set<string>();
  for (const [i, o] of input.ops.entries()) {
    try {
      if (o[0] === 'delegate') {
        names.add(o[1]);
        book.delegate(o[1], o[2]);
      } else if (o[0] === 'undelegate') book.undelegate(o[1], o[2]);
      else if (o[0] === 'alloc') book.allocate(o[1]);
      else if (o[0] === 'slash') book.slash(o[1]);
      else book.withdraw(o[1]);
    } catch (e) {
      if (e instanceof F1Error) throw new UsageError(`${at(['ops', i])}: ${e.message}`);
      throw e;
    }
  }
  const all = [...names];
  return {
    rewards: Object.fromEntries(all.map((n) => [n, decText(book.pending(n))])),
    commission: decText(book.commission),
    paid: Object.fromEntries(all.map((n) => [n, book.paid(n).toString()])),
    pool: decText(book.pool),
    outstanding: decText(book.outstanding),
    tokens: book.tokens.toString(),
  };
}

export function readableRewards(r: RewardsJson): string {
  if ('maxPool' in r) return `pool reward ${r.maxPool}\n`;
  if ('shares' in r) return `${r.shares.map((s, i) => `  ${String(i).padStart(4)}  ${s}`).join('\n')}\n`;
  const lines = Object.entries(r.rewards).map(([n, v]) => `  ${n.padEnd(16)} pending ${v}, paid ${r.paid[n]}`);
  return `${lines.join('\n')}\n  commission ${r.commission}, pool ${r.pool}, outstanding ${r.outstanding}, tokens ${r.tokens}\n`;
}

export function addRewards(program: Command): void {
  program
    .command('rewards')
    .description('run one reward distribution')
    .addOption(new Option('--rule <rule>', 'how the reward is divided').choices([...rewardRules]).makeOptionMandatory())
    .requiredOption('--input <file>', 'JSON, shape by rule (below)')
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      `
Inputs:
  f1                 {"commission":"0.5","ops":[["delegate","v",100],["alloc",10],["slash","0.5"],["undelegate","v",20],["withdraw","v"]]}
  largest-remainder  {"total":100,"weights":[1,1,1]}
  linear sqrt square {"total":100,"stakes":[40,10,20,30]}
  capped             {"total":100,"stakes":[40,10,20,30],"cap":20}
  lock-weighted      {"total":100,"stakes":[40,10],"locks":[365,14],"maxLock":365}
  cardano            {"k":500,"a0":"3/10","R":10000000000000,"sigma":"1/500","pledge":"0"}

Example:
  janction rewards --rule f1 --input ops.json --json`,
    )
    .action((flags: RewardsFlags) => {
      const r = rewardsCommand(flags);
      print(flags.json === true ? `${JSON.stringify(r)}\n` : readableRewards(r));
    });
}
