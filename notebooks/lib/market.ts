/** The page's side of the simulator: one worker, the newest request wins. */
import type { RunJson } from '../../sim/summary.ts';

export interface ToMarket {
  id: number;
  sets: readonly string[];
}

export interface MarketResult {
  json: RunJson;
  /** Hours; jobs waiting and GPUs leased and up, of all pools together. */
  samples: { t: number; waiting: number; used: number; up: number }[];
  /** Hours, GPU class and pool, USD per GPU-hour. */
  prices: { t: number; name: string; rate: number }[];
  waits: { seconds: number; share: number }[];
  revenue: { party: string; usd: number }[];
}

export type FromMarket =
  | { id: number; kind: 'progress'; share: number; jobs: number }
  | { id: number; kind: 'result'; result: MarketResult }
  | { id: number; kind: 'error'; message: string };

let worker: Worker | null = null;
let last = 0;
const listeners = new Map<number, (message: FromMarket) => void>();

function theWorker(): Worker {
  if (worker === null) {
    worker = new Worker(new URL('./market.worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', (e: MessageEvent<FromMarket>) => listeners.get(e.data.id)?.(e.data));
  }
  return worker;
}

export interface Session {
  /** Rejects when a newer run took its place: a cell must not wait for ever, or the next value would too. */
  result: Promise<MarketResult>;
  /** For a cell that shows how far the run is. */
  progress: (notify: (p: { share: number; jobs: number }) => void) => () => void;
  cancel: () => void;
}

/** Starts a run of the quickstart under overrides, as `--set` writes them. */
export function start(sets: readonly string[]): Session {
  const id = ++last;
  let tell: (p: { share: number; jobs: number }) => void = () => {};
  let cancel: () => void = () => {};
  const result = new Promise<MarketResult>((resolve, reject) => {
    cancel = () => {
      if (listeners.delete(id)) reject(new Error('superseded'));
    };
    listeners.set(id, (m) => {
      if (m.kind === 'progress') return tell({ share: m.share, jobs: m.jobs });
      listeners.delete(id);
      if (m.kind === 'error') reject(new Error(m.message));
      else {
        tell({ share: 1, jobs: m.result.json.jobs.submitted });
        resolve(m.result);
      }
    });
  });
  theWorker().postMessage({ id, sets } satisfies ToMarket);
  return {
    result,
    progress: (notify) => {
      tell = notify;
      notify({ share: 0, jobs: 0 });
      return () => {
        tell = () => {};
      };
    },
    cancel,
  };
}

/** The command that makes the same run outside the page. */
export const command = (sets: readonly string[]): string =>
  [
    'npx janction run scenarios/quickstart/scenario.yaml',
    ...sets.map((s) => (/^[\w./=:-]+$/.test(s) ? `--set ${s}` : `--set '${s}'`)),
  ].join(' ');
