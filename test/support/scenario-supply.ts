/** The supply side of a drawn document: machines, what breaks, and the wires. */
import { join } from 'node:path';
import { failurePresetNames } from '../../scenarios/resolved.ts';
import { type Doc, has, some, type World } from './scenario-draw.ts';

export function fleetOf(p: World): Doc {
  const { row, d } = p;
  const models = row.classes === 'models';
  const sharing = some(row.sharing !== 'none', {
    sharing: {
      isolation: row.sharing === 'mps' ? 'mps' : 'time-slice',
      ...some(row.sharing === 'interference', { interference: d.percent(5, 40) }),
    },
  });
  const classes: Doc[] = [
    models ? { name: 'card', model: 'rtx-4090', ...sharing } : { name: 'card', memory: '24 GiB', ...sharing },
  ];
  if (row.classes !== 'one')
    classes.push(
      models
        ? { name: 'big', model: 'a100-sxm-80', ...sharing }
        : { name: 'big', memory: '80 GiB', speed: 1.9, ...sharing },
    );
  if (row.classes === 'three') classes.push({ name: 'small', memory: '10 GiB', speed: '50 %', ...sharing });
  // A class that is divided is there beside the others.
  if (row.mig !== 'none')
    classes.push({ name: 'slice', model: 'a100-sxm-80', mig: row.mig === 'fixed' ? '1g.10gb' : 'on-demand' });
  p.classes = classes.map((c) => c['name'] as string);
  const groups = classes.map((c, i) => groupOf(p, c['name'] as string, i));
  p.groups = groups.map((g) => g['name'] as string);
  const list = listOf(p);
  return {
    classes,
    ...some(p.pools.length > 1 || d.maybe(0.3), {
      pools: p.pools.map((name) => ({ name, ...some(d.maybe(), { aggregator: `${name}-op` }) })),
    }),
    groups,
    ...list,
    ...some(row.costs === 'drawn', {
      costs: Object.fromEntries(
        p.classes.map((c) => [
          c,
          d.one<Doc>([
            { fixed: d.usd(0.05, 0.2) },
            { uniform: { min: '0.03 USD/hour', max: d.usd(0.1, 0.5) } },
            { lognormal: { median: d.usd(0.05, 0.3), sigma: 0.5 } },
            { exponential: { mean: d.usd(0.05, 0.3) } },
          ]),
        ]),
      ),
    }),
    processes: {
      start: row.processes === 'slow' ? '15 second' : '1 second',
      kill: row.processes === 'slow' ? '40 second' : '500 ms',
      ...some(row.checkpoint !== 'none', {
        checkpoint: {
          ...some(row.checkpoint !== 'save', { every: d.minutes(3, 15) }),
          ...some(row.checkpoint === 'write', { write: `${d.int(5, 60)} second` }),
          save: `${d.int(1, 30)} second`,
          restore: `${d.int(1, 60)} second`,
        },
      }),
    },
  };
}

function groupOf(p: World, gpuClass: string, i: number): Doc {
  const { row, d } = p;
  const machines = row.machines;
  // Then every shape must fit somewhere in each pool.
  const sure = row.neverFits === 'error';
  const availability: Doc = {
    daily: {
      daily: {
        from: d.one(['00:30', '02:00']),
        to: d.one(['05:00', '07:30']),
        ...some(d.maybe(), { jitter: '20 minute' }),
      },
    },
    sessions: {
      sessions: {
        up: { exponential: { mean: d.minutes(60, 240) } },
        down: { lognormal: { median: d.minutes(5, 40), sigma: 0.6 } },
      },
    },
    'volunteer-hosts': 'volunteer-hosts',
    always: 'always',
  };
  const comes = row.availability !== 'always' && (i === 0 || d.maybe());
  return {
    name: `${gpuClass}s`,
    providers: i === 0 ? (sure ? 6 : d.int(4, 6)) : d.int(2, 3),
    ...some(d.maybe(0.4), { nodes: d.int(1, 2) }),
    gpus: machines === 'large' ? d.int(4, 8) : sure && i === 0 ? 4 : d.int(1, 4),
    class: gpuClass,
    ...some(d.maybe(0.2), { speed: 0.8 }),
    ...some(has(['racks'], machines) || row.shared === 'rack', { rack: d.int(1, 3) }),
    ...some(machines === 'nvlink', { nvlink: 2 }),
    ...some(d.maybe(0.3), { cpu: '32 cores', ram: '256 GiB' }),
    ...some(d.maybe(0.3), { fabric: '25 GB/s' }),
    ...some(has(['fits', 'crowded'], row.image), {
      download: d.one(['200 Mbit/s', '1 Gbit/s']),
      cache: row.image === 'crowded' ? '30 GiB' : '200 GB',
    }),
    ...some(p.staffed.length < p.pools.length || d.maybe(0.3), { pool: p.staffed }),
    ...some(comes, { availability: availability[row.availability] }),
    ...some(comes && row.notice === 'yes', { notice: d.minutes(1, 20) }),
    ...some(row.costs !== 'none' && row.costs !== 'drawn', { cost: d.usd(0.02, 0.2) }),
    ...some(row.costs === 'energy' && (row.classes === 'models' || gpuClass === 'slice') && gpuClass !== 'small', {
      energy: { price: '0.2 USD/kWh', ...some(d.maybe(), { overhead: 1.4 }) },
    }),
    ...some(row.entry === 'yes' && i === 0, {
      entry: {
        outside: { lognormal: { median: d.usd(0.05, 0.5), sigma: 0.5 } },
        every: d.minutes(30, 120),
        ...some(d.maybe(), { inside: '70 %', attention: '80 %' }),
      },
    }),
    ...some(row.lies !== 'none' && (i === 0 || d.maybe(0.3)), {
      lies: row.lies === 'speed' ? { speed: 1.5 } : { copies: 2, ...some(d.maybe(), { speed: 1.2 }) },
    }),
    ...some(row.asks === 'yes', { ask: d.usd(0.05, 0.4) }),
  };
}

function listOf(p: World): Doc {
  const { row, d } = p;
  if (row.list === 'none') return {};
  const text =
    row.list === 'openb-nodes'
      ? `sn,cpu_milli,memory_mib,gpu,model\n${Array.from({ length: 3 }, (_, i) => `n-${i},32000,131072,${d.int(1, 4)},card\n`).join('')}`
      : 'num_switch,num_node_p_switch,num_gpu_p_node,num_cpu_p_node,mem_p_node\n1,2,2,16,64\n';
  p.files.set('machines.csv', text);
  p.groups.push('listed');
  return {
    list: {
      path: join(p.dir, 'machines.csv'),
      class: 'card',
      ...some(d.maybe(), { cost: '0.1 USD/hour' }),
      ...some(row.pools === 'spare', { pool: p.staffed }),
    },
  };
}

export function networkOf(p: World): Doc {
  const { row, d } = p;
  const sides: Doc[] = [
    { pools: p.pools[0] },
    { groups: p.groups[0] },
    { providers: [`${p.groups[0]}-001`, `${p.groups[0]}-002`] },
    { chain: true },
  ];
  if (row.demand === 'personas') sides.push({ personas: p.personas[0] });
  if (row.network === 'regions') sides.push({ regions: 'kansai' });
  const from = d.int(30, 100);
  const lasts = d.int(5, 90);
  return {
    ...some(d.maybe(), {
      latency: { min: '10 ms', beyond: { lognormal: { median: '30 ms', sigma: 0.5 } }, far: '80 ms' },
    }),
    ...some(row.network === 'lossy', {
      loss: d.percent(1, 20),
      duplicate: d.percent(0, 10),
      reorder: { share: d.percent(0, 30), by: '3 second' },
    }),
    ...some(d.maybe(0.3), { resend: { first: '2 second', most: '20 second', window: 8 } }),
    heartbeat: { every: d.one(['10 second', '1 minute']) },
    ...some(row.network === 'regions', {
      regions: [
        {
          name: 'kansai',
          pools: p.pools[0],
          providers: `${p.groups[0]}-001`,
          ...some(row.demand === 'personas', { personas: p.personas[0] }),
        },
        ...(p.pools.length > 1 ? [{ name: 'tohoku', pools: p.pools[1] }] : []),
      ],
    }),
    ...some(!has(['none', '-'], row.cut), {
      partitions: [
        {
          from: `${from} minute`,
          to: `${from + lasts} minute`,
          ...some(row.cut === 'repeated', { every: `${lasts + d.int(20, 120)} minute` }),
          ...some(has(['in', 'out'], row.cut), { way: row.cut }),
          side: d.one(sides),
        },
        ...(d.maybe(0.3) ? [{ name: 'second', from: '3 hour', to: '220 minute', side: d.one(sides) }] : []),
      ],
    }),
    ...some(!has(['none', '-'], row.crash), {
      crashes: [
        {
          pool: d.one(p.pools),
          from: '70 minute',
          to: `${70 + d.int(1, 50)} minute`,
          ...some(row.crash === 'repeated', { every: '2 hour' }),
        },
      ],
    }),
    ...some(row.takeover === 'yes', {
      takeover: { after: d.minutes(2, 15), ...some(d.maybe(0.3), { by: [p.pools.at(-1)] }) },
    }),
  };
}

export function failuresOf(p: World): Doc {
  const { row, d } = p;
  const first = p.groups[0]!;
  const rules: Record<string, Doc> = {
    mtbf: { mtbf: d.minutes(60, 400), repair: d.minutes(2, 60) },
    between: { between: { weibull: { scale: d.minutes(60, 300), shape: 0.7 } }, repair: '10 minute' },
    causes: {
      mtbf: '2 hour',
      causes: {
        power: { repair: { exponential: { mean: '10 minute' } } },
        disk: { weight: 0.5, repair: { lognormal: { median: '30 minute', sigma: 0.5 } } },
      },
    },
    preset: { preset: d.one(failurePresetNames) },
  };
  const error = (xid: number, more: Doc = {}): Doc => ({ xid, mtbf: d.minutes(60, 400), ...more });
  const cards: Record<string, Doc> = {
    errors: {
      errors: [error(13), error(48), error(79, { repair: { exponential: { mean: '20 minute' } } })],
      repair: { exponential: { mean: '15 minute' } },
    },
    replaced: {
      errors: [error(79, { replaced: { share: '60 %', after: { exponential: { mean: '1 hour' } } } }), error(74)],
    },
    preset: { preset: d.one(['delta-a100', 'delta-h100']), errors: [error(63)] },
  };
  if (row.nodeFailures === 'trace') {
    const kind = { Level: 'L1', Class: 'GPU' };
    const at = (hours: number): number => hours / 24;
    p.files.set(
      'faults.json',
      JSON.stringify([
        { node_id: 'a', event_time: at(1), event_type: 'fault_start', fault_type: kind },
        { node_id: 'a', event_time: at(1.5), event_type: 'fault_end', fault_type: kind },
        { node_id: 'b', event_time: at(2), event_type: 'fault_start', fault_type: kind },
        ...(d.maybe() ? [{ node_id: 'b', event_time: at(2.2), event_type: 'fault_end', fault_type: kind }] : []),
      ]),
    );
  }
  const shared = {
    name: 'shared',
    of: row.shared,
    groups: row.shared === 'rack' ? first : d.maybe() ? p.groups : first,
    mtbf: d.minutes(100, 500),
    ...some(d.maybe(), { repair: { exponential: { mean: '15 minute' } } }),
  };
  return {
    ...some(has(['mtbf', 'between', 'causes', 'preset'], row.nodeFailures), {
      groups: {
        [first]: rules[row.nodeFailures],
        ...some(d.maybe(0.4) && p.groups.length > 1, { [p.groups.at(-1)!]: rules['mtbf'] }),
      },
    }),
    ...some(row.nodeFailures === 'trace', { trace: { path: join(p.dir, 'faults.json'), group: first } }),
    ...some(row.shared !== 'none', { shared: [shared] }),
    ...some(row.cards !== 'none', { gpus: { [d.one(p.groups)]: cards[row.cards] } }),
  };
}
