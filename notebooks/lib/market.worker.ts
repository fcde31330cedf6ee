/** The simulator off the page's thread. A newer request ends the one that runs, between two slices of its time. */
import { shipped } from '../../mechanisms/index.ts';
import { resolveScenario, ScenarioError } from '../../scenarios/index.ts';
import quickstart from '../../scenarios/quickstart/scenario.yaml?raw';
import { finishRun, prepareRun } from '../../sim/run.ts';
import { breathe } from './breathe.ts';
import type { FromMarket, MarketResult, ToMarket } from './market.ts';

/** Slices of a run between which the worker listens. */
const SLICES = 12;

let latest = 0;

const post = (message: FromMarket): void => postMessage(message);

addEventListener('message', (event: MessageEvent<ToMarket>) => {
  latest = event.data.id;
  void work(event.data);
});

async function work({ id, sets }: ToMarket): Promise<void> {
  await breathe();
  if (id !== latest) return;
  try {
    const result = await simulate(id, sets);
    if (result !== null) post({ id, kind: 'result', result });
  } catch (e) {
    post({ id, kind: 'error', message: e instanceof ScenarioError ? e.message : String(e) });
  }
}

async function simulate(id: number, sets: readonly string[]): Promise<MarketResult | null> {
  const scenario = resolveScenario(quickstart, 'scenarios/quickstart/scenario.yaml', sets);
  const samples = new Map<number, { t: number; waiting: number; used: number; up: number }>();
  const prices: MarketResult['prices'] = [];
  const waits: number[] = [];
  const revenue = new Map<string, number>();
  const groupOf = new Map(scenario.market.nodes.map((n, i) => [n.provider, scenario.nodes[i]!.group]));
  const held = new Set(scenario.market.nodes.map((n) => `${n.pool} ${n.gpuClass}`));
  const prepared = prepareRun(scenario, {
    registry: shipped,
    onChunk: (chunk) => {
      const column = <T extends Float64Array | BigInt64Array | string[]>(name: string): T =>
        chunk.columns.find((c) => c.name === name)!.data as T;
      if (chunk.table === 'samples') {
        const at = column<Float64Array>('time_us');
        const [waiting, used, up] = ['waiting_jobs', 'used_milli', 'capacity_milli'].map((n) =>
          column<Float64Array>(n),
        );
        for (let i = 0; i < chunk.rows; i++) {
          const t = at[i]! / 3.6e9;
          const s = samples.get(t) ?? { t, waiting: 0, used: 0, up: 0 };
          s.waiting += waiting![i]!;
          s.used += used![i]! / 1000;
          s.up += up![i]! / 1000;
          samples.set(t, s);
        }
      } else if (chunk.table === 'prices') {
        const pools = column<string[]>('pool');
        const classes = column<string[]>('gpu_class');
        const rates = column<Float64Array>('rate_micro_per_gpu_hour');
        const at = column<Float64Array>('time_us');
        for (let i = 0; i < chunk.rows; i++) {
          const pool = scenario.market.pools.findIndex((p) => p.id === pools[i]);
          const gpuClass = scenario.market.classes.findIndex((c) => c.name === classes[i]);
          if (rates[i]! >= 0 && held.has(`${pool} ${gpuClass}`))
            prices.push({ t: at[i]! / 3.6e9, name: `${classes[i]}, ${pools[i]}`, rate: rates[i]! / 1e6 });
        }
      } else if (chunk.table === 'jobs') {
        const wait = column<Float64Array>('waiting_time_us');
        const came = column<Float64Array>('submission_time_us');
        for (let i = 0; i < chunk.rows; i++)
          if (wait[i]! >= 0 && came[i]! >= scenario.warmupUs) waits.push(wait[i]! / 1e6);
      } else if (chunk.table === 'accounts') {
        const names = column<string[]>('account');
        const got = column<BigInt64Array>('credits_posted_micro');
        const paid = column<BigInt64Array>('debits_posted_micro');
        for (let i = 0; i < chunk.rows; i++) {
          const [kind, who] = names[i]!.split(/:(.*)/s);
          const net = Number(got[i]! - paid[i]!) / 1e6;
          const name = kind === 'provider' ? `providers: ${groupOf.get(who!) ?? who}` : kind!;
          if (['provider', 'staker', 'aggregator', 'treasury', 'verifiers'].includes(kind!))
            revenue.set(name, (revenue.get(name) ?? 0) + net);
        }
      }
    },
  });
  for (let k = 1; k < SLICES; k++) {
    prepared.simulation.runUntil(Math.floor((scenario.horizonUs * k) / SLICES));
    post({ id, kind: 'progress', share: k / SLICES, jobs: prepared.simulation.submitted });
    await breathe();
    if (id !== latest) return null;
  }
  const json = finishRun(prepared);
  waits.sort((a, b) => a - b);
  const points = 240;
  return {
    json,
    samples: [...samples.values()],
    prices,
    // As many points as a chart has pixels to tell apart.
    waits: Array.from({ length: Math.min(points, waits.length) }, (_, i) => {
      const k = Math.floor(((i + 1) * waits.length) / Math.min(points, waits.length)) - 1;
      return { seconds: waits[k]!, share: (k + 1) / waits.length };
    }),
    revenue: [...revenue].filter(([, v]) => v > 0).map(([party, usd]) => ({ party, usd })),
  };
}
