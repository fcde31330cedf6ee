/** The rules of a drawn document: scheduling, prices, contracts, budgets, disputes, stake and verification. */
import { type Doc, has, some, type World } from './scenario-draw.ts';

function queueingOf(p: World, level: string): unknown {
  const { d } = p;
  const moving = { ...some(d.maybe(), { minRun: d.minutes(1, 10) }), ...some(d.maybe(0.3), { skip: false }) };
  const written: Record<string, () => unknown> = {
    sjf: () => ({ name: 'sjf', skip: d.maybe() }),
    'fifo-skip': () => ({ name: 'fifo-skip', hold: '20 minute' }),
    conservative: () => ({ name: 'conservative', depth: 5 }),
    srtf: () => ({ name: 'srtf', ...moving, ...some(d.maybe(0.2), { preempt: false }) }),
    'srtf-migrate': () => ({ name: 'srtf', ...moving, migrate: true }),
    srsf: () => ({ name: 'srsf', ...moving }),
    las: () => ({ name: 'las', ...moving, ...some(d.maybe(), { limits: ['10 minute', '1 hour'] }) }),
    'las-migrate': () => ({
      name: 'las',
      ...moving,
      migrate: true,
      ...some(d.maybe(), { limits: ['10 minute', '1 hour'] }),
    }),
    priority: () => ({ name: 'priority', ageing: '30 minute' }),
    'priority-preempt': () => ({ name: 'priority', preempt: true, ...moving }),
    'edf-preempt': () => ({ name: 'edf', preempt: true, ...moving }),
    'fair-share-weights': () => ({
      name: 'fair-share',
      share: 'gpu',
      ...some(p.row.demand === 'personas', { weights: { 'film-1': 3 } }),
    }),
    heterogeneity: () => ({ name: 'heterogeneity', round: '6 minute' }),
    makespan: () => ({
      name: 'heterogeneity',
      objective: 'makespan',
      ...some(p.row.demand === 'personas', {
        throughputs: Object.fromEntries(
          p.personas.map((n) => [n, Object.fromEntries(p.classes.map((c) => [c, d.int(1, 5)]))]),
        ),
      }),
    }),
    'elastic-settle': () => ({ name: 'elastic', settle: d.minutes(1, 20) }),
    module: () => {
      p.files.set(
        'queue.js',
        "export default { kind: 'queueing', name: 'mine', create() { let jobs = []; return { add(job) { jobs.push(job); }, remove(job) { jobs = jobs.filter((j) => j !== job); }, schedule(view) { for (const j of [...jobs].sort((a, b) => b.order - a.order)) view.start(j, null); }, reset() { jobs = []; } }; } };\n",
      );
      return 'queue.js';
    },
  };
  return written[level]?.() ?? level;
}

function placementOf(p: World, level: string): unknown {
  if (level === 'fgd-typical')
    return {
      name: 'fgd',
      typical: [
        { weight: 2 },
        { weight: 1, gpus: 1, share: '50 %', cpu: '2 cores' },
        { gpus: 2, classes: p.classes[0] },
      ],
    };
  if (level !== 'module') return level;
  p.files.set(
    'place.js',
    "export default { kind: 'placement', name: 'last', create: () => ({ choose(cluster, shape, avoid) { for (let n = cluster.nodeCount - 1; n >= 0; n--) if (cluster.fits(n, shape) && !avoid?.has(n)) return n; return -1; }, reset() {} }) };\n",
  );
  return 'place.js';
}

export function schedulingOf(p: World): Doc {
  const { row, d } = p;
  const advertise = some(d.maybe(0.7), { advertise: '2 minute' });
  const routing: Record<string, Doc> = {
    'price-then-load': { tolerance: '10 %', full: 1.5 },
    locality: { full: 2 },
  };
  return {
    queueing: queueingOf(p, row.queueing),
    placement: placementOf(p, row.placement),
    ...some(!has(['none', '-'], row.routing), {
      routing: d.maybe(0.3)
        ? row.routing
        : { name: row.routing, ...advertise, ...some(d.maybe(), routing[row.routing] ?? {}) },
    }),
    ...some(row.stealing === 'yes', { stealing: { every: '3 minute', batch: d.int(1, 3) } }),
    ...some(row.poolRules === 'own', {
      pools: {
        [d.one(p.pools)]: {
          queueing: queueingOf(
            p,
            d.one(['fifo', 'srtf', 'las-migrate', 'elastic', 'edf-preempt', 'fair-share', 'heterogeneity']),
          ),
          placement: placementOf(p, d.one(['random', 'fgd', 'topology-aware', 'worst-fit', 'reliability-aware'])),
        },
      },
    }),
  };
}

export function pricingOf(p: World): Doc {
  const { row, d } = p;
  const rates: Doc = Object.fromEntries(p.classes.map((c) => [c, d.usd(0.1, c === 'big' ? 1.2 : 0.5)]));
  if (row.rates === 'unsold' && p.classes.length > 1) rates[p.classes.at(-1)!] = 'none';
  let mechanism: string = row.pricing;
  if (row.pricing === 'adjusted') mechanism = 'posted';
  if (row.pricing === 'module') {
    mechanism = 'price.js';
    p.files.set(
      'price.js',
      "export default { kind: 'pricing', name: 'stairs', create: (params, classes) => ({ clear(input) { return classes.map((c) => params.rates[c] === undefined ? -1 : Math.floor(params.rates[c] * (10 + (input.epoch % 3)) / 10)); } }) };\n",
    );
  }
  const auction = has(['pvcg', 'pay-as-bid', 'uniform-price'], row.pricing);
  const base = row.feeBase;
  return {
    mechanism,
    epoch: row.epoch === 'short' ? d.minutes(10, 25) : '1 hour',
    rates,
    ...some(row.pricing === 'adjusted', {
      adjust: {
        target: d.percent(50, 90),
        gain: d.percent(10, 60),
        ...some(d.maybe(), { floor: '70 %', cap: '250 %' }),
      },
    }),
    ...some(row.pricing === 'surge' && d.maybe(), {
      params: {
        steps: [
          [5000, 11000],
          [12000, 18000],
        ],
      },
    }),
    ...some(auction && row.pay !== 'standard', {
      supply: {
        pay: row.pay,
        ...some(row.pay === 'availability' || d.maybe(0.3), { subsidy: `${d.int(0, 40) + 1} USD` }),
        ...some(base !== 'standard', { feeBase: base }),
        ...some(base !== 'standard' && (base !== 'residual' || d.maybe()), { fee: d.percent(1, 40) }),
        ...some(row.reserve === 'yes', { reserve: { [p.classes[0]!]: d.usd(0.1, 0.4) } }),
      },
    }),
    ...some(row.rates === 'by-pool', { pools: { [d.one(p.pools)]: { rates: { [p.classes[0]!]: d.usd(0.1, 0.6) } } } }),
  };
}

export function billingOf(p: World): Doc {
  const { row, d } = p;
  const jct = has(['JCT', 'JCT-deposit'], row.money);
  const shares: Record<string, Doc> = {
    'all-provider': { provider: '100 %' },
    mixed: { provider: '60.01 %', staker: '12.49 %', aggregator: '10 %', verifier: '7.5 %', treasury: '10 %' },
  };
  const kind = row.contract === 'escrow-once' ? 'escrow' : row.contract;
  const user = row.demand === 'personas' ? `${p.personas[0]}-1` : row.demand === 'jobs' ? 'ann' : null;
  const unit = jct ? 'JCT' : 'USD';
  const period = d.one(['6 minute', '20 minute', '30 minute']);
  return {
    ...some(row.shares !== 'standard', { shares: shares[row.shares] }),
    ...some(jct || d.maybe(0.2), { tokenPrice: '0.05 USD/JCT' }),
    ...some(row.contract !== 'none', {
      contract: {
        kind,
        period,
        ...some(kind === 'escrow', {
          block: '6 second',
          ...some(d.maybe(), { deposit: '40 minute' }),
          shortage: d.one(['first-come', 'pro-rata']),
        }),
        ...some(row.contract === 'escrow-once', { topUp: false }),
        ...some(kind === 'notes', {
          accept: d.minutes(2, 10),
          ...some(d.maybe(), { answer: d.one(['20 second', '3 minute', '15 minute']) }),
        }),
        loss: row.loss,
        ...some(row.credit !== 'none', { credit: d.percent(5, 60) }),
        ...some(row.credit === 'deposits', { providerDeposit: `${d.int(1, 5)} USD` }),
      },
    }),
    ...some(row.payers !== 'none' && user !== null, {
      payers:
        row.payers === 'deposit'
          ? [{ user, at: '2 hour', deposit: `5 ${unit}` }]
          : [{ user, at: '40 minute', answers: false }, ...(d.maybe() ? [{ user, at: '3 hour', answers: true }] : [])],
    }),
    ...some(row.disputes !== 'none', { disputes: disputesOf(p) }),
    ...some(row.budgets !== 'none', { budgets: budgetsOf(p, unit) }),
    ...some(row.graces !== 'standard', {
      graces:
        row.graces === 'short'
          ? { startWindow: '30 second', startAllowance: '20 second', pool: '10 second', hold: '10 second' }
          : { quote: d.minutes(20, 90) },
    }),
  };
}

function disputesOf(p: World): Doc {
  const { row, d } = p;
  return {
    rule: row.disputes,
    window: d.minutes(40, 150),
    answer: '1 hour',
    decide: '70 minute',
    ...some(d.maybe(0.7), { bond: d.percent(0, 50) }),
    filers: (row.demand === 'personas'
      ? p.personas
      : row.demand === 'jobs'
        ? ['train', 'job']
        : ['tenant', row.demand]
    ).map((persona, i) => ({
      persona,
      ...some(i === 0 || d.maybe(), { frivolous: d.percent(10, 60) }),
      after: d.minutes(5, 35),
    })),
    ...some(d.maybe(), { providers: { answers: d.percent(40, 100), bluffs: d.percent(0, 100), after: '30 minute' } }),
    ...some(true, {
      checks: {
        share: d.percent(30, 100),
        after: '50 minute',
        ...some(d.maybe(), { detection: '80 %', falseAlarm: '20 %' }),
      },
    }),
  };
}

function budgetsOf(p: World, unit: string): Doc[] {
  const { row, d } = p;
  const factor = unit === 'JCT' ? 20 : 1;
  const amount = `${(d.int(2, 60) * factor) / 10} ${unit}`;
  const trace = row.demand !== 'personas';
  const who = (name: string): Doc => (trace ? { user: 'tenant' } : { persona: name });
  return (trace ? ['x'] : p.personas.filter((_, i) => i === 0 || d.maybe())).map((name) => ({
    ...who(name),
    amount,
    ...some(row.budgets === 'period', { per: '2 hour' }),
    ...some(row.budgets === 'per-job', { perJob: `${(d.int(1, 8) * factor) / 10} ${unit}` }),
    ...some(row.budgets === 'shorten' || d.maybe(0.3), { over: 'shorten', ...some(d.maybe(), { least: '5 minute' }) }),
    ...some(d.maybe(0.3), { alerts: ['25 %', '100 %'] }),
  }));
}

export function stakeOf(p: World): Doc {
  const { row, d } = p;
  const rules = row.stake === 'rules';
  const first = p.groups[0]!;
  const resources = [
    { staker: 'fund', group: first, amount: `${d.int(10, 900)} JCT`, ...some(rules && d.maybe(), { lock: '3 hour' }) },
    ...(d.maybe() ? [{ pledge: true, group: first, amount: `${d.int(5, 50)} JCT` }] : []),
    ...(d.maybe() ? [{ staker: 'guild', provider: `${first}-001`, amount: '33.333333 JCT' }] : []),
    ...(row.stakers === 'sybil' ? [{ staker: 'many', group: first, amount: '100 JCT', identities: 3 }] : []),
    ...(d.maybe(0.4) ? [{ staker: 'fund', group: p.groups.at(-1)!, amount: '70 JCT' }] : []),
  ];
  if (!rules) return { resources };
  const weight: Record<string, unknown> = {
    capped: { name: 'capped', cap: '60 JCT' },
    'lock-weighted': { name: 'lock-weighted', maxLock: '5 hour' },
  };
  const votes = {
    votes: row.voters,
    ...some(has(['bribed', 'self-voting'], row.voters), { pool: p.pools.at(-1)! }),
    ...some(d.maybe(), { noise: 0.3, turnout: '80 %' }),
  };
  const acts: Record<string, Doc> = {
    exits: { exits: { every: '40 minute', share: '30 %' } },
    compounds: { compounds: true },
    vesting: { vesting: { amount: '400 JCT', from: '1 hour', to: '4 hour' } },
    claims: { claims: '90 minute' },
  };
  return {
    rules: {
      epoch: d.one(['1 hour', '90 minute', '25 minute']),
      unbonding: d.one(['2 hour', '1 day']),
      ...some(row.weight !== 'linear', { weight: weight[row.weight] ?? row.weight }),
      election: d.maybe(0.7) ? row.election : { name: row.election, balance: d.maybe() },
      slash: d.percent(1, 100),
      bounty: d.percent(0, 40),
      appeal: d.one(['30 minute', '2 hour', '1 day']),
      jail: d.one(['30 minute', '3 hour']),
      ...some(row.payout === 'f1', { payout: 'f1' }),
      ...some(row.saturation === 'yes', { saturation: { pools: d.int(2, 6), influence: 0.3 } }),
      ...some(row.quality === 'yes', { quality: true }),
      ...some(row.pot !== 'none', { pot: { base: row.pot, share: d.percent(1, 50) } }),
      ...some(row.verifiers === 'planted', { jackpot: '30 %' }),
      ...some(row.emission !== 'none', {
        emission: {
          perEpoch: '77.7 JCT',
          ...some(row.emission === 'halving', { halving: '2 hour' }),
          ...some(d.maybe(), { providers: '20 %', verifiers: '15 %', stakers: '50 %' }),
          ...some(row.emission === 'lottery', { lottery: true }),
        },
      }),
      ...some(row.tombstone === 'yes', { tombstoneAfter: d.int(1, 3) }),
      ...some(d.maybe(0.2), { maxUnbonding: 2 }),
      ...some(d.maybe(0.2), { minSupport: '150 JCT' }),
    },
    resources,
    stakers: [
      { name: 'fund', bonded: '500 JCT', free: '100 JCT', nominates: [p.pools[0]], ...votes, ...acts[row.stakers] },
      {
        name: 'holder',
        count: d.int(2, 4),
        bonded: `${d.int(50, 400)} JCT`,
        nominates: p.pools.slice(-2),
        ...(d.maybe() ? votes : {}),
        ...some(row.stakers === 'exits', acts['exits']!),
      },
      ...(d.maybe() ? [{ name: 'whale', bonded: '900 JCT', nominates: [d.one(p.pools)] }] : []),
    ],
    ...some(row.aggregators !== 'plain' || d.maybe(), {
      aggregators: p.pools.map((pool, i) => ({
        pool,
        commission: d.percent(0, 40),
        ...some(row.aggregators === 'raises', { raises: '5 %', least: '0 %' }),
        ...some(row.aggregators === 'cost', { cost: { seat: '0.2 USD/hour', gpu: '0.01 USD/hour' } }),
        ...some(row.aggregators === 'outages' && i === 0, {
          outages: [{ from: '100 minute', to: d.one(['3 hour', 'never']) }],
        }),
      })),
    }),
  };
}

export function verificationOf(p: World): Doc {
  const { row, d } = p;
  const v = row.verifiers;
  const params: Record<string, Doc> = {
    quorum: { copies: 3, quorum: 2 },
    consensus: { trust: 3, most: 4 },
    challenge: { side: 8, bits: 12 },
    reputation: { least: '2 %' },
  };
  return {
    policy: d.maybe() ? row.verification : { name: row.verification, ...params[row.verification] },
    audit: d.percent(10, 100),
    detection: d.percent(50, 100),
    falseAlarm: d.percent(0, 20),
    delay: d.minutes(5, 60),
    ...some(d.maybe(), { appeals: { delay: '30 minute', succeed: d.percent(0, 100) } }),
    ...some(!has(['standard', '-'], v), {
      verifiers: [
        { name: 'watch', count: 3, behaves: v === 'planted' ? 'diligent' : v, ...some(d.maybe(), { cost: '40 %' }) },
        ...(d.maybe() ? [{ name: 'eye' }] : []),
      ],
    }),
    ...some(v === 'planted', { planted: '30 %' }),
    ...some(row.cheats !== 'none', {
      cheats: [
        {
          group: p.groups[0],
          ...(row.cheats === 'rational'
            ? { rational: true }
            : { share: row.cheats === 'spoofing' ? '100 %' : d.percent(10, 90), kind: row.cheats }),
        },
      ],
    }),
    ...some(row.token !== 'none', {
      token: {
        price: '0.05 USD/JCT',
        ...some(row.token === 'crash', { crash: { at: '2 hour', to: '5 %' } }),
        ...some(row.token === 'volatile', { volatility: 2, drift: -0.5 }),
        ...some(row.token === 'trace', {
          trace: [
            { at: '1 hour', price: '0.02 USD/JCT' },
            { at: '4 hour', price: '0.09 USD/JCT' },
          ],
        }),
      },
    }),
  };
}
