/** The demand side of a drawn document: personas, lists and traces of jobs, and those who do not play by the rules. */
import { join } from 'node:path';
import { type Doc, has, some, type World } from './scenario-draw.ts';

function shapesOf(p: World): Doc[] {
  const { row, d } = p;
  const plain: Doc = { weight: 2, gpus: 1 };
  const shapes: Record<string, () => Doc[]> = {
    one: () => [plain, { gpus: d.int(1, 2), cpu: '2 cores' }],
    gang: () => [plain, { tasks: d.int(2, 4), gpus: 1 }, { tasks: 2, gpus: 2 }],
    'mixed-gang': () => [
      plain,
      {
        tasks: 2,
        gpus: 1,
        with: [{ tasks: 1, gpus: 0, cpu: '4 cores' }, ...(d.maybe() ? [{ tasks: 1, gpus: 2 }] : [])],
      },
    ],
    shares: () => [
      plain,
      { gpus: 1, share: d.one(['50 %', '25 %', '30 %']), memory: '4 GiB' },
      { weight: 2, share: '20 %' },
    ],
    elastic: () => [plain, { weight: 3, tasks: d.int(2, 5), least: d.int(1, 2), gpus: 1 }],
    'cpu-only': () => [plain, { gpus: 0, cpu: '6 cores', ram: '8 GiB' }],
    memory: () => [
      {
        gpus: 1,
        memory: d.one(row.neverFits === 'error' ? ['8 GiB', '20 GiB'] : ['8 GiB', '20 GiB', '40 GiB']),
        ram: '24 GiB',
      },
      plain,
    ],
  };
  const list = shapes[row.tasks]!();
  if (row.mig === 'on-demand' && row.isolation !== 'whole')
    list.push({ weight: 2, tasks: d.int(1, 2), mig: d.one(['1g.10gb', '2g.20gb', '3g.40gb']) });
  return list;
}

/** A work distribution with a mean of some 20 minutes. */
function workOf(p: World): Doc {
  const { row, d } = p;
  const m = d.int(10, 40);
  const bounds = { ...some(d.maybe(), { min: '1 minute' }), max: '3 hour' };
  const family: Record<string, Doc> = {
    lognormal: { median: `${m} minute`, sigma: 0.8 },
    exponential: { exponential: { mean: `${m} minute` } },
    weibull: { weibull: { scale: `${m} minute`, shape: 0.8 } },
    gamma: { gamma: { mean: `${m} minute`, shape: 2 } },
    pareto: { pareto: { least: '5 minute', shape: 1.5 } },
    hyperexponential: {
      hyperexponential: [
        { share: '80 %', mean: '8 minute' },
        { share: '20 %', mean: '70 minute' },
      ],
    },
  };
  return { ...family[row.work], ...bounds };
}

/** What those who pay have, and in what; `mine` = fields of a persona or a trace. */
function accountOf(p: World): Doc {
  const { row, d } = p;
  switch (row.money) {
    case 'deposit':
      return { deposit: '500 USD', ...some(d.maybe(0.3), { postpaid: true }) };
    case 'small-deposit':
      return { deposit: `${d.int(1, 4)} USD` };
    case 'JCT':
      return { currency: 'JCT', postpaid: true };
    case 'JCT-deposit':
      return { currency: 'JCT', deposit: `${d.int(20, 2000)} JCT` };
    default:
      return {};
  }
}

export function demandOf(p: World): Doc {
  const { row, d } = p;
  const fits = some(row.neverFits === 'reject', { neverFits: 'reject' });
  if (row.demand === 'personas') return { personas: p.personas.map((name, i) => personaOf(p, name, i)), ...fits };
  if (row.demand === 'jobs') {
    const shapes = shapesOf(p).filter((s) => s['with'] === undefined);
    const jobs = Array.from({ length: d.int(15, 30) }, (_, i) => {
      const { weight: _weight, ...shape } = d.one(shapes);
      return {
        name: d.one(['train', 'render', 'job']),
        at: `${d.int(0, p.hours * 50)} minute`,
        ...some(d.maybe(0.7), { user: d.one(['ann', 'bob', 'cy']) }),
        work: d.minutes(1, 60),
        ...some(row.limits !== 'standard' && d.maybe(), { limit: row.limits === 'tight' ? '30 minute' : '5 hour' }),
        ...some(row.fails === 'yes' && d.maybe(0.2), { fails: true }),
        ...shape,
        patience: row.patience === 'short' ? '20 minute' : '3 hour',
        ...some(p.pools.length > 1 && row.neverFits !== 'error' && d.maybe(), { pool: d.one(p.staffed) }),
        ...some(row.attempts !== 'three', { attempts: row.attempts === 'one' ? 1 : 8 }),
        ...some(d.maybe(0.3), { priority: d.int(-3, 3) }),
        ...some(i === 0, { command: 'true' }),
      };
    });
    return { jobs, ...fits };
  }
  p.files.set('trace', traceOf(p));
  return {
    trace: {
      path: join(p.dir, 'trace'),
      ...some(d.maybe(), { format: row.demand }),
      ...some(row.demand === 'mooncake', {
        impute: d.maybe()
          ? { request: { prefill: 500, decode: 5, share: '20 %' } }
          : { replicas: { window: '12 minute', load: '50 %' } },
      }),
      ...some(d.maybe(0.3), { user: 'tenant' }),
      ...accountOf(p),
      ...some(d.maybe(0.3), { gpusPerNode: d.int(1, 4) }),
      // Otherwise jobs on slow cards could only end at their limit.
      limitFactor: row.limits === 'wide' ? 12 : 5,
      ...some(row.attempts !== 'three', { attempts: row.attempts === 'one' ? 1 : 8 }),
      ...some(d.maybe(0.2), { firstRows: 12 }),
      ...some(row.pools === 'spare' || d.maybe(0.2), { pools: p.staffed }),
    },
    ...some(row.values === 'yes', { values: { lognormal: { median: d.usd(0.5, 3), sigma: 0.5 } } }),
  };
}

function traceOf(p: World): string {
  const { row, d } = p;
  let t = 0;
  const jobs = Array.from({ length: d.int(15, 35) }, (_, i) => {
    t += d.int(0, 900);
    return { i, t, gpus: d.int(1, row.tasks === 'gang' ? 6 : 2), seconds: d.int(20, 4000) };
  });
  switch (row.demand) {
    case 'csv':
      return `id,submit_seconds,duration_seconds,gpus,gpu_milli,cpu_milli,user,fails\n${jobs
        .map((j) => {
          const share = row.tasks === 'shares' && d.maybe() ? d.one([200, 500]) : 1000;
          return `j${j.i},${j.t},${row.tasks === 'memory' && d.maybe(0.2) ? '' : j.seconds},${share < 1000 ? 1 : j.gpus},${share},1000,${d.one(['', 'team', 'crew'])},${d.maybe(0.1) ? 1 : 0}`;
        })
        .join('\n')}\n`;
    case 'swf':
      return `; Version: 2.2\n${jobs
        .map(
          (j) =>
            `${j.i + 1} ${j.t} 0 ${j.seconds} ${j.gpus} -1 -1 ${j.gpus} ${j.seconds * 2} -1 ${d.one([1, 1, 1, 0, 5])} ${d.int(1, 3)} 1 -1 1 -1 -1 -1`,
        )
        .join('\n')}\n`;
    case 'philly':
      return `#job id,arrival time (sec),topology,shape,size,duration (sec)\n${jobs
        .map((j) => `${j.i},${j.t}.0,CLOS,1,${j.gpus},${j.seconds}.0`)
        .join('\n')}\n`;
    default:
      return jobs
        .map(
          (j) =>
            `{"timestamp": ${j.t * 1000}, "input_length": ${j.seconds * 40}, "output_length": ${j.seconds}, "hash_ids": []}\n`,
        )
        .join('');
  }
}

function personaOf(p: World, name: string, i: number): Doc {
  const { row, d } = p;
  const arrivals: Record<string, Doc> = {
    poisson: {},
    swing: { swing: '60 %', peak: '03:00' },
    hours: {
      hours: Array.from({ length: 24 }, () => d.int(0, 3) + (d.maybe() ? 1 : 0.5)),
      ...some(d.maybe(), { days: [1, 2, 1, 1, 1, 0, 1] }),
    },
    batch: { batch: 4 },
    bursts: { bursts: { every: '90 minute', last: '20 minute', factor: 6 } },
  };
  const performance: Record<string, Doc> = {
    roofline: { roofline: { intensity: d.one([5, 80, 400]), ...some(d.maybe(), { precision: 'fp32' }) } },
    throughput: {
      throughput: { of: Object.fromEntries(p.classes.map((c) => [c, d.int(1, 4) * 10])), reference: p.classes[0] },
    },
    scaling: { scaling: { parallel: '90 %', step: '2 second', sync: '100 MiB' } },
  };
  // Roofline and isolation speak of the persona's own classes.
  const classes = row.performance === 'roofline' ? p.classes : p.classes.filter(() => d.maybe(0.8));
  return {
    name,
    users: d.int(2, 6),
    arrivals: { rate: `${d.int(2, 5)} jobs/hour`, ...arrivals[row.arrivals] },
    work: workOf(p),
    value: {
      median: d.usd(0.6, 2.5),
      ...some(d.maybe(), { sigma: 0.4 }),
      ...some(row.urgency === 'deadline', { deadline: '3 hour' }),
      ...some(row.urgency === 'halfLife', { halfLife: d.minutes(30, 120) }),
    },
    shapes: shapesOf(p),
    ...some(row.limits !== 'standard', { limitFactor: row.limits === 'tight' ? 1.05 : 8 }),
    ...some(row.patience !== 'never', { patience: row.patience === 'short' ? d.minutes(5, 40) : '4 hour' }),
    ...some(
      row.isolation === 'none' &&
        classes.length > 0 &&
        d.maybe(0.3) &&
        row.mig === 'none' &&
        row.tasks !== 'memory' &&
        row.neverFits !== 'error',
      { classes },
    ),
    ...some(row.pools === 'spare' || d.maybe(0.3), {
      pools: d.maybe(0.8) || row.neverFits === 'error' ? p.staffed : d.one(p.staffed),
    }),
    ...accountOf(p),
    ...some(row.retry === 'yes', {
      retry: {
        times: 2,
        after: '15 minute',
        ...some(d.maybe(), { on: d.one([['refused'], ['gave-up', 'failed']]), backoff: 1.5 }),
      },
    }),
    ...some(row.performance !== 'none', { performance: performance[row.performance] }),
    ...some(row.image !== 'none', {
      image: { size: d.one(['4 GiB', '12 GiB', '25 GiB']), ...some(d.maybe(0.3), { name: 'shared' }) },
    }),
    ...some(row.isolation !== 'none' && i === 0, { isolation: row.isolation }),
    ...some(row.fails === 'yes', { failChance: d.percent(5, 30) }),
    ...some(row.attempts !== 'three', { attempts: row.attempts === 'one' ? 1 : 10 }),
    ...some(row.bidder === 'yes' && i === 0, bidderOf(p)),
    ...some(row.urgency === 'edf', { deadline: d.minutes(30, 200) }),
    ...some(d.maybe(0.4), { priority: d.int(-2, 4) }),
  };
}

function bidderOf(p: World): Doc {
  p.files.set(
    'shy.js',
    "export default { kind: 'bidder', name: 'shy', create: (params) => ({ bid(job) { return job.draw('come', 5) === 0 ? null : { bids: job.worth.map((w) => Math.floor((w.microPerGpuHour * params.percent) / 100)) }; } }) };\n",
  );
  return { bidder: { name: 'shy.js', percent: 90 } };
}

export function adversariesOf(p: World): Doc {
  const { row, d } = p;
  const group = p.groups[0]!;
  const persona = p.personas[0]!;
  const on = (level: string): boolean => !has(['no', '-'], level);
  const fair = (level: string): Doc => some(level === 'honest', { honest: true });
  // Of four providers at least, each kind has one.
  const share = '20 %';
  const all: Doc = {
    ...some(on(row.leavers), {
      leavers: {
        group,
        share,
        ...fair(row.leavers),
        every: d.minutes(40, 200),
        lasts: { exponential: { mean: '20 minute' } },
        pays: { lognormal: { median: d.usd(0.2, 0.8), sigma: 0.5 } },
        ...some(d.maybe(), { variants: { 'other price': { 'pricing.epoch': '2 hour' } } }),
      },
    }),
    ...some(on(row.overbillers), {
      overbillers: {
        group,
        share,
        ...fair(row.overbillers),
        ...some(d.maybe(), { until: '50 %' }),
        ...some(row.overbillers === 'noticed', { noticed: '3 minute' }),
      },
    }),
    ...some(on(row.squatters), {
      squatters: {
        persona,
        share,
        ...fair(row.squatters),
        ...some(d.maybe(), { keep: '30 minute' }),
        worth: '0.1 USD/hour',
        ...some(row.squatters === 'noticed', { noticed: '4 minute' }),
      },
    }),
    ...some(on(row.deadRequestors), {
      deadRequestors: {
        persona,
        share,
        ...fair(row.deadRequestors),
        ...some(row.deadRequestors === 'identities', { identities: 4 }),
        ...some(d.maybe(), { after: '1 hour' }),
        ...some(row.deadRequestors === 'uncollected', {
          collects: false,
          ...some(d.maybe(), { noticed: '10 minute' }),
        }),
      },
    }),
    ...some(on(row.ring), {
      ring: {
        group,
        share,
        ...fair(row.ring),
        ...(row.ring === 'withhold'
          ? { withhold: '50 %' }
          : row.ring === 'asks'
            ? { asks: 1.5 }
            : { withhold: '50 %' }),
      },
    }),
  };
  return some(Object.keys(all).length > 0, { adversaries: all });
}
