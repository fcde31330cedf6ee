/**
 * Building blocks of the scenario schema: names, quantities with units, shares, mechanisms. Each checks and converts in one
 * step, so a parsed scenario holds integers in base units; each carries the text that editors show and the way to write it.
 */
import { z } from 'zod';
import { RAT_ONE, type Rational, rat, ratCmp, ratMul, ratToNumber } from '../../core/num/index.ts';
import { NEVER } from '../../core/types.ts';
import { quoted } from '../input-error.ts';
import {
  clockUs,
  type Kind,
  kinds,
  QuantityError,
  type QuantityEvaluator,
  toJobsPerHour,
  toRatio,
  toSteps,
} from '../quantity/quantity.ts';
import type { Spread, TimeFamily } from '../resolved.ts';
import { advice } from '../suggest.ts';

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** A name of something in the scenario. */
export const name = (about: string) =>
  z
    .string({
      error: (i) => {
        if (i.input === undefined) return undefined;
        const how = typeof i.input === 'number' ? 'put it in quotes and begin with a letter' : 'write one name';
        return `${JSON.stringify(i.input)} is no name; ${how}`;
      },
    })
    .regex(NAME, {
      error: (i) =>
        `${quoted(String(i.input))} is no name; use up to 64 letters, digits, - and _, beginning with a letter`,
    })
    // Names become keys of plain objects, where these would find what every object has.
    .refine((v) => !(v in Object.prototype), {
      error: (i) => `${quoted(String(i.input))} is a reserved word; use another name`,
    })
    .describe(about);

/** One name or a list of names, as a list. */
export const names = (about: string) =>
  z
    .union([name('A name.'), z.array(name('A name.')).min(1)], {
      error: (i) => (i.input === undefined ? undefined : 'neither a name nor a list of names; write one of the two'),
    })
    .transform((v) => (typeof v === 'string' ? [v] : v))
    .describe(about);

/** A whole number from `least` to `most`. */
export const whole = (about: string, least: number, most: number) =>
  z
    .int({
      // Beyond what a whole number can be exactly, too, the limit is that of the key.
      abort: true,
      error: (i) =>
        i.code === 'too_big' || i.code === 'too_small'
          ? `${String(i.input)} is too ${i.code === 'too_big' ? `large; write at most ${most}` : `small; write at least ${least}`}`
          : undefined,
    })
    .min(least)
    .max(most)
    .describe(about);

/** A mechanism of the user's own: a path that ends like a TypeScript or JavaScript module. */
export const isModulePath = (name: string): boolean => /^[^\0]{1,400}\.m?[tj]s$/.test(name);

/** The path of a module. */
export const modulePath = () =>
  z
    .string()
    // Aborting: of a choice between forms, an unknown name is told the names and not this.
    .regex(/^[^\0]{1,400}\.m?[tj]s$/, { abort: true })
    .describe('Or the path of a module of your own, beside the scenario or from the working directory.');

/** A mechanism: its name or the path of a module, alone or with parameters. */
export function mechanism(
  family: string,
  known: readonly string[],
  params: Record<string, z.ZodRawShape>,
  about: string,
) {
  const error = (i: { input?: unknown }) => {
    const given = (i.input as { name?: unknown } | undefined)?.name;
    if (given === undefined) return `no ${family} named; have: ${known.join(', ')}`;
    return `unknown ${family} ${quoted(String(given))}; ${advice(String(given), known, 'have')}`;
  };
  const options = known.map((n) => z.strictObject({ name: z.literal(n), ...params[n] }));
  return z
    .union(
      [
        z.enum(known as [string, ...string[]]),
        z.discriminatedUnion('name', options as [(typeof options)[number]], { error }),
        modulePath(),
        z.looseObject({ name: modulePath() }),
      ],
      {
        error: `neither the name of a ${family} nor a mapping with "name"; write one of the two`,
      },
    )
    .transform((v) => {
      if (typeof v === 'string') return { name: v, params: {} };
      const { name: chosen, ...rest } = v as { name: string } & Record<string, unknown>;
      return { name: chosen, params: rest };
    })
    .describe(about);
}

/** Fields whose values carry units. */
export type Fields = ReturnType<typeof fields>;

/** The fields, reading expressions with the given evaluator. */
export function fields(evaluator?: QuantityEvaluator) {
  /** Runs a conversion; its QuantityError becomes an issue of the schema. NeedsUnits passes through. */
  const attempt = <T>(ctx: z.RefinementCtx, convert: () => T): T => {
    try {
      return convert();
    } catch (e) {
      if (!(e instanceof QuantityError)) throw e;
      ctx.addIssue({ code: 'custom', message: e.message });
      return z.NEVER;
    }
  };

  /** Text with a unit; a bare number is told what it lacks. */
  const text = (kind: Pick<Kind, 'noun' | 'example'>, about: string) =>
    z
      .string({
        error: (i) => {
          if (i.input === undefined) return undefined;
          const how = `write ${kind.noun} such as "${kind.example}"`;
          if (typeof i.input !== 'number') return `${quoted(JSON.stringify(i.input))} is not ${kind.noun}; ${how}`;
          return Number.isFinite(i.input)
            ? `${i.input} has no unit; ${how}`
            : `${i.input} is not a finite number; ${how}`;
        },
      })
      .meta({ description: about, examples: [kind.example] });

  const steps = (kind: Kind, about: string) =>
    text(kind, about).transform((v, ctx) => attempt(ctx, () => Number(toSteps(v, kind, evaluator))));

  const bigSteps = (kind: Kind, about: string) =>
    text(kind, about).transform((v, ctx) => attempt(ctx, () => toSteps(v, kind, evaluator).toString()));

  const inRange = (v: string | number, least: Rational, most: Rational): Rational => {
    const r = toRatio(v, evaluator);
    if (ratCmp(r, least) < 0 || ratCmp(r, most) > 0)
      throw new QuantityError(
        `${quoted(String(v))} is out of range; write ${ratToNumber(least)} to ${ratToNumber(most)}, or a percentage`,
      );
    return r;
  };

  const ratio = (about: string, least: Rational, most: Rational) =>
    z
      .union([z.number(), z.string()], {
        error: (i) =>
          i.input === undefined ? undefined : 'not a number; write a number or a percentage such as "80 %"',
      })
      .meta({ description: about, examples: ['80 %'] })
      .transform((v, ctx) => attempt(ctx, () => inRange(v, least, most)));

  return {
    /** Microseconds. */
    duration: (about: string) => steps(kinds.duration, about),
    /** Microseconds, or NEVER for the word. */
    durationOr: (word: string, about: string) =>
      text(kinds.duration, `${about} Or "${word}".`).transform((v, ctx) =>
        v.trim() === word ? NEVER : attempt(ctx, () => Number(toSteps(v, kinds.duration, evaluator))),
      ),
    /** Microseconds after midnight, below one day. */
    timeOfDay: (about: string) =>
      text({ noun: 'a time of day', example: '18:30' }, about).transform((v, ctx) =>
        attempt(ctx, () => {
          const us = clockUs(v) ?? Number(toSteps(v, kinds.duration, evaluator));
          if (us >= 86_400_000_000) throw new QuantityError(`${quoted(v)} is no time of day; write 00:00 to 23:59`);
          return us;
        }),
      ),
    /** MiB that a machine has. */
    memory: (about: string) => steps(kinds.memory, about),
    /** MiB that a job asks for. */
    memoryNeed: (about: string) => steps(kinds.memoryNeed, about),
    /** kB (1000 bytes) per second. */
    dataRate: (about: string) => steps(kinds.dataRate, about),
    /** Milli-cores. */
    cores: (about: string) => steps(kinds.cores, about),
    /** Micro-USD per GPU-hour. */
    price: (about: string) => steps(kinds.price, about),
    /** Micro-USD per kWh. */
    energyPrice: (about: string) => steps(kinds.energyPrice, about),
    /** Micro-USD per GPU-hour, or -1 for the word. */
    priceOr: (word: string, about: string) =>
      text(kinds.price, `${about} Or "${word}".`).transform((v, ctx) =>
        v.trim() === word ? -1 : attempt(ctx, () => Number(toSteps(v, kinds.price, evaluator))),
      ),
    /** A distribution of prices, named by its only key. */
    spread: (about: string) => {
      const price = (what: string) => steps(kinds.price, what);
      const sigma = ratio('Standard deviation of the logarithm.', rat(0), rat(10)).transform(ratToNumber);
      return oneKey(
        {
          fixed: price('The same for all.').optional(),
          uniform: z
            .strictObject({ min: price('Least.'), max: price('Most.') })
            .describe('Equally likely between the two.')
            .optional(),
          lognormal: z
            .strictObject({ median: price('Median.'), sigma })
            .describe('The logarithm is normal.')
            .optional(),
          exponential: z
            .strictObject({ mean: price('Mean.') })
            .describe('Exponential.')
            .optional(),
        },
        'no distribution of prices; write one such as { lognormal: { median: 1 USD/hour, sigma: 0.5 } }, or ' +
          'fixed: PRICE, uniform: { min, max }, exponential: { mean }',
      )
        .transform((v, ctx): Spread => {
          if (v.uniform !== undefined && v.uniform.min > v.uniform.max)
            ctx.addIssue({ code: 'custom', message: 'min lies above max; put the two in order' });
          if (v.fixed !== undefined) return { kind: 'fixed', micro: v.fixed };
          if (v.uniform !== undefined) return { kind: 'uniform', minMicro: v.uniform.min, maxMicro: v.uniform.max };
          if (v.exponential !== undefined) return { kind: 'exponential', meanMicro: v.exponential.mean };
          return { kind: 'lognormal', medianMicro: v.lognormal!.median, sigma: v.lognormal!.sigma };
        })
        .describe(about);
    },
    /** A distribution of times, named by its only key. */
    timeFamily: (about: string) => {
      const time = (what: string) => steps(kinds.duration, what);
      const shape = (what: string) => ratio(what, rat(1, 100), rat(100)).transform(ratToNumber);
      const sigma = ratio('Standard deviation of the logarithm.', rat(0), rat(10)).transform(ratToNumber);
      const share = ratio('Share.', rat(0), RAT_ONE).transform(ratToNumber);
      return oneKey(
        {
          exponential: z
            .strictObject({ mean: time('Mean.') })
            .describe('Exponential.')
            .optional(),
          lognormal: z
            .strictObject({ median: time('Median.'), sigma })
            .describe('The logarithm is normal.')
            .optional(),
          weibull: z
            .strictObject({ scale: time('Scale.'), shape: shape('Shape.') })
            .describe('Weibull.')
            .optional(),
          gamma: z
            .strictObject({ mean: time('Mean.'), shape: shape('Shape.') })
            .describe('Gamma.')
            .optional(),
          hyperexponential: z
            .array(z.strictObject({ share, mean: time('Mean.') }))
            .min(2)
            .describe('A mixture of exponentials; the shares must sum to 1.')
            .optional(),
        },
        'no distribution of times; write one such as { lognormal: { median: 1 hour, sigma: 0.5 } }, or exponential: { mean }, ' +
          'weibull: { scale, shape }, gamma: { mean, shape }, hyperexponential: [{ share, mean }, …]',
      )
        .transform((v, ctx): TimeFamily => {
          const family = familyOf(v);
          const times =
            family.family === 'hyperexponential' ? family.phases.map((p) => p.meanUs) : Object.values(family);
          if (times.some((t) => typeof t === 'number' && !(t > 0)))
            ctx.addIssue({ code: 'custom', message: 'a time or shape of zero; write one above zero' });
          if (family.family === 'hyperexponential') {
            const sum = family.phases.reduce((n, p) => n + p.share, 0);
            if (Math.abs(sum - 1) > 1e-6)
              ctx.addIssue({ code: 'custom', message: `the shares sum to ${sum}, not to 1; change one of them` });
          }
          return family;
        })
        .describe(about);
    },
    /** Micro-USD per JCT. */
    tokenPrice: (about: string) => steps(kinds.tokenPrice, about),
    /** Micro-JCT, decimal integer text. */
    tokens: (about: string) => bigSteps(kinds.tokens, about),
    /** Micro-units of USD or JCT with the currency they are in. */
    deposit: (about: string) =>
      text(kinds.dollars, `${about} In the currency that is paid in: USD or JCT.`).transform((v, ctx) =>
        attempt(ctx, () => {
          const currency = /JCT/.test(v) ? 1 : 0;
          return { currency, micro: toSteps(v, currency === 1 ? kinds.tokens : kinds.dollars, evaluator).toString() };
        }),
      ),
    /** A plain number, as a double. */
    number: (about: string, least: Rational, most: Rational) => ratio(about, least, most).transform(ratToNumber),
    /** A share of one, as a double. */
    share: (about: string) => ratio(about, rat(0), RAT_ONE).transform(ratToNumber),
    /** Whole basis points (1/10,000) or thousandths, as `per` says. */
    parts: (about: string, per: 1000 | 10_000, least: Rational, most: Rational) =>
      ratio(about, least, most).transform((r, ctx) =>
        attempt(ctx, () => {
          const scaled = ratMul(r, rat(per));
          if (scaled.den !== 1n) throw new QuantityError(`${ratToNumber(r)} is finer than 1/${per}; round it`);
          return Number(scaled.num);
        }),
      ),
    /** Jobs per hour, as a double. */
    rate: (about: string) =>
      text({ noun: 'a rate of jobs', example: '20 jobs/hour' }, about).transform((v, ctx) =>
        attempt(ctx, () => toJobsPerHour(v, evaluator)),
      ),
  };
}

interface WrittenFamily {
  exponential?: { mean: number } | undefined;
  lognormal?: { median: number; sigma: number } | undefined;
  weibull?: { scale: number; shape: number } | undefined;
  gamma?: { mean: number; shape: number } | undefined;
  hyperexponential?: { share: number; mean: number }[] | undefined;
}

function familyOf(v: WrittenFamily): TimeFamily {
  if (v.exponential !== undefined) return { family: 'exponential', meanUs: v.exponential.mean };
  if (v.lognormal !== undefined) return { family: 'lognormal', medianUs: v.lognormal.median, sigma: v.lognormal.sigma };
  if (v.weibull !== undefined) return { family: 'weibull', scaleUs: v.weibull.scale, shape: v.weibull.shape };
  if (v.gamma !== undefined) return { family: 'gamma', meanUs: v.gamma.mean, shape: v.gamma.shape };
  const phases = v.hyperexponential!.map((p) => ({ share: p.share, meanUs: p.mean }));
  return { family: 'hyperexponential', phases };
}

/** A mapping with exactly one of the keys; each must be optional in the shape. */
function oneKey<T extends z.ZodRawShape>(shape: T, error: string) {
  return z
    .strictObject(shape, { error: (i) => (i.code === 'invalid_type' ? error : undefined) })
    .refine((v) => Object.values(v).filter((x) => x !== undefined).length === 1, { error, abort: true });
}
