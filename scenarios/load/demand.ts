/** Demand of a scenario: personas or a trace, and the users behind it with their accounts. */
import { NEVER, type UserSpec } from '../../core/types.ts';
import type {
  ListDemandSpec,
  Persona,
  PersonaDemandSpec,
  TimeFamily,
  TraceDemandSpec,
  TraceImputation,
} from '../resolved.ts';
import { MAX_USERS } from '../schema/demand.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import type { Path } from './document.ts';
import type { Fleet } from './fleet.ts';
import { resolveJobs } from './jobs.ts';
import { taskGroup } from './mig.ts';
import { Names, type Report } from './names.ts';

type Parsed = ParsedScenario['demand'];
type ParsedPersona = NonNullable<Parsed['personas']>[number];
type Payer = Pick<ParsedPersona, 'currency' | 'deposit' | 'postpaid'>;

export interface Demand {
  demand: PersonaDemandSpec | TraceDemandSpec | ListDemandSpec;
  users: UserSpec[];
}

/** Null when neither kind is there to resolve; every fault is reported. */
export function resolveDemand(s: ParsedScenario, fleet: Fleet, report: Report): Demand | null {
  const { personas, trace, jobs } = s.demand;
  if ([personas, trace, jobs].filter((d) => d !== undefined).length !== 1) {
    report(['demand'], 'wants one of "personas", "trace" and "jobs"; write one of them');
    return null;
  }
  if (trace === undefined && s.demand.values !== undefined)
    report(['demand', 'values'], 'only the jobs of a trace are given values; leave it away, or replay a trace');
  if (personas !== undefined) return resolvePersonas(s, personas, fleet, report);
  if (jobs !== undefined) return resolveJobs(jobs, fleet, report);
  return resolveTrace(s, trace!, fleet, report);
}

/** Where the users of a persona or trace keep their money: currency, opening deposit, whether they may owe. */
function payerOf(s: ParsedScenario, p: Payer, path: Path, report: Report): Omit<UserSpec, 'id'> {
  const currency = p.currency === 'JCT' ? 1 : 0;
  if (currency === 1 && s.billing.tokenPrice === undefined)
    report([...path, 'currency'], 'JCT has no price; add billing.tokenPrice, for example 0.05 USD/JCT');
  if (p.deposit !== undefined && p.deposit.currency !== currency)
    report([...path, 'deposit'], `not in ${p.currency}, which the users pay in; write it in ${p.currency}`);
  const deposit = p.deposit?.micro ?? '0';
  const postpaid = p.postpaid ?? (p.deposit === undefined && s.billing.postpaid);
  if (!postpaid && deposit === '0')
    report(path, 'users who may not owe and have no deposit can buy nothing; add a deposit or "postpaid: true"');
  return { currency, deposit, postpaid };
}

/** Positions of the named things, ascending; without names, those of `standard`. */
const chosen = (given: string[] | undefined, names: Names, path: Path, standard: number[]): number[] =>
  given === undefined ? standard : names.findAll(given, path, true);

function resolvePersonas(s: ParsedScenario, personas: ParsedPersona[], fleet: Fleet, report: Report): Demand {
  new Names('persona', personas, ['demand', 'personas'], report);
  if (s.horizon >= NEVER) report(['horizon'], 'personas submit jobs without end; write a duration such as "1 day"');
  const total = personas.reduce((n, p) => n + p.users, 0);
  if (total > MAX_USERS) report(['demand', 'personas'], `${total} users in all; write at most ${MAX_USERS}`);
  const users: UserSpec[] = [];
  const resolved = personas.map((p, i) => {
    const path = ['demand', 'personas', i];
    const payer = payerOf(s, p, path, report);
    if (total <= MAX_USERS) for (let u = 1; u <= p.users; u++) users.push({ id: `${p.name}-${u}`, ...payer });
    checkArrivals(p, path, report);
    checkPersona(p, path, report);
    return personaOf(p, payer, fleet, path, report);
  });
  return { demand: { kind: 'personas', personas: resolved }, users };
}

function personaOf(p: ParsedPersona, payer: Omit<UserSpec, 'id'>, fleet: Fleet, path: Path, report: Report): Persona {
  const { bursts } = p.arrivals;
  const classes = chosen(p.classes, fleet.classNames, [...path, 'classes'], []);
  return {
    name: p.name,
    users: p.users,
    ...payer,
    jobsPerHour: p.arrivals.rate,
    swing: p.arrivals.swing,
    peakUs: p.arrivals.peak,
    hours: withMeanOne(p.arrivals.hours),
    days: withMeanOne(p.arrivals.days),
    batchMean: p.arrivals.batch,
    bursts:
      bursts === undefined
        ? null
        : { gapUs: Math.max(1, bursts.every - bursts.last), lastUs: bursts.last, factor: bursts.factor },
    shapes: p.shapes.map((x, i) => ({
      weight: x.weight,
      groups: [x, ...(x.with ?? [])].map((t, k) => {
        const at = [...path, 'shapes', i, ...(k === 0 ? [] : ['with', k - 1])];
        if (t.least !== undefined && x.with !== undefined)
          report([...at, 'least'], 'an elastic job has one kind of task; leave "with" or this away');
        return taskGroup(t, fleet.classes, classes, at, report);
      }),
    })),
    work: familyOf(p.work, [...path, 'work'], report),
    workMinUs: p.work.min,
    workMaxUs: p.work.max,
    limitFactor: p.limitFactor,
    valueMedianMicro: p.value.median,
    valueSigma: p.value.sigma,
    urgency: { deadlineUs: p.value.deadline, halfLifeUs: p.value.halfLife },
    patienceUs: p.patience,
    classes,
    pools: chosen(p.pools, fleet.poolNames, [...path, 'pools'], fleet.poolNames.all),
    failChance: p.failChance,
    maxAttempts: p.attempts,
    priority: p.priority,
    ...(p.bidder === undefined ? {} : { bidder: p.bidder }),
    ...(p.deadline === undefined ? {} : { deadlineUs: p.deadline }),
  };
}

/** Weights as multiples of their mean. */
function withMeanOne(weights: number[] | undefined): number[] {
  if (weights === undefined) return [];
  const sum = weights.reduce((n, w) => n + w, 0);
  return weights.map((w) => (w * weights.length) / sum);
}

function checkArrivals(p: ParsedPersona, path: Path, report: Report): void {
  const { swing, hours, days, bursts } = p.arrivals;
  const at = [...path, 'arrivals'];
  if (hours !== undefined && swing > 0) report([...at, 'hours'], 'stands beside a swing; write one of the two');
  for (const [key, weights] of Object.entries({ hours, days }))
    if (weights?.every((w) => w === 0)) report([...at, key], 'all weights are zero; write one above zero');
  if (bursts !== undefined && bursts.last < 1)
    report([...at, 'bursts', 'last'], 'no time at all; write a duration above zero');
  if (bursts !== undefined && bursts.last >= bursts.every)
    report([...at, 'bursts', 'every'], 'not longer than a burst lasts; write a longer one');
}

/** The one family that a persona names for its work. */
function familyOf(w: ParsedPersona['work'], path: Path, report: Report): TimeFamily {
  const { median, sigma, exponential, weibull, gamma, pareto, hyperexponential } = w;
  const families: (TimeFamily | undefined)[] = [
    median === undefined ? undefined : { family: 'lognormal', medianUs: median, sigma },
    exponential && { family: 'exponential', meanUs: exponential.mean },
    weibull && { family: 'weibull', scaleUs: weibull.scale, shape: weibull.shape },
    gamma && { family: 'gamma', meanUs: gamma.mean, shape: gamma.shape },
    pareto && { family: 'pareto', leastUs: pareto.least, shape: pareto.shape },
    hyperexponential && {
      family: 'hyperexponential',
      phases: hyperexponential.map((p) => ({ share: p.share, meanUs: p.mean })),
    },
  ];
  const named = families.filter((x) => x !== undefined);
  if (named.length !== 1)
    report(path, 'wants one of median, exponential, weibull, gamma, pareto and hyperexponential; write one of them');
  const family = named[0] ?? { family: 'exponential', meanUs: 1 };
  const shares = hyperexponential?.reduce((n, p) => n + p.share, 0) ?? 1;
  if (Math.abs(shares - 1) > 1e-6)
    report([...path, 'hyperexponential'], `the shares sum to ${shares}, not to 1; change one of them`);
  const times = Object.entries(family).filter(([key]) => key.endsWith('Us'));
  for (const [key, us] of times)
    if ((us as number) < 1)
      report(
        median === undefined ? path : [...path, key.replace(/Us$/, '')],
        'no work at all; write a duration above zero',
      );
  return family;
}

function checkPersona(p: ParsedPersona, path: Path, report: Report): void {
  if (p.work.min < 1) report([...path, 'work', 'min'], 'no work at all; write a duration above zero');
  const median = p.work.median ?? p.work.min;
  if (p.work.min > median || median > p.work.max)
    report([...path, 'work'], 'min, median and max are out of order; write min <= median <= max');
  if (p.shapes.every((x) => x.weight === 0))
    report([...path, 'shapes'], 'all weights are zero; give at least one shape a weight above zero');
}

function imputationOf(t: NonNullable<Parsed['trace']>, report: Report): TraceImputation {
  const path = ['demand', 'trace', 'impute'];
  const { gap, duration, request, replicas } = t.impute;
  if (duration.median < 1) report([...path, 'duration', 'median'], 'no time at all; write a duration above zero');
  if (replicas !== undefined && replicas.window < 1)
    report([...path, 'replicas', 'window'], 'no time at all; write a duration above zero');
  return {
    gapUs: gap,
    durationMedianUs: duration.median,
    durationSigma: duration.sigma,
    prefillPerSecond: request.prefill,
    decodePerSecond: request.decode,
    requestGpus: request.gpus,
    requestGpuMilli: request.share,
    replicaWindowUs: replicas?.window ?? 0,
    replicaLoad: replicas?.load ?? 1,
  };
}

function resolveTrace(s: ParsedScenario, t: NonNullable<Parsed['trace']>, fleet: Fleet, report: Report): Demand {
  const path = ['demand', 'trace'];
  const payer = payerOf(s, t, path, report);
  const classes = chosen(t.classes, fleet.classNames, [...path, 'classes'], []);
  const slowest = fleet.nodes.reduce(
    (least, n, i) =>
      classes.length === 0 || classes.includes(n.gpuClass) ? Math.min(least, fleet.lives[i]!.speedMilli) : least,
    Number.POSITIVE_INFINITY,
  );
  if (t.limitFactor * slowest < 1000)
    report(
      [...path, 'limitFactor'],
      `too small for GPUs of speed ${slowest / 1000}: jobs would end at their limit; write at least ${1000 / slowest}`,
    );
  const demand: TraceDemandSpec = {
    kind: 'trace',
    format: t.format,
    path: t.path,
    member: t.member,
    gpusPerNode: t.gpusPerNode ?? fleet.nodes.reduce((most, n) => Math.max(most, n.gpus), 1),
    user: t.user,
    currency: payer.currency,
    pools: chosen(t.pools, fleet.poolNames, [...path, 'pools'], fleet.poolNames.all),
    classes,
    limitFactor: t.limitFactor,
    maxAttempts: t.attempts,
    firstRows: t.firstRows,
    impute: imputationOf(t, report),
    values: s.demand.values ?? null,
  };
  return { demand, users: [{ id: t.user, ...payer }] };
}
