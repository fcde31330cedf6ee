/** Functions that take longer than a page may be held up, computed in a worker; of what waits for one, only the newest is computed. */
import type { compare } from './fragmentation.ts';
import type { years } from './rewards.ts';

/** What the worker can compute, by name. */
export interface Computed {
  fragmentation: typeof compare;
  rewards: typeof years;
}

export interface ToCompute {
  id: number;
  name: keyof Computed;
  args: unknown[];
}
export type FromCompute = { id: number; value: unknown } | { id: number; failed: string };

let worker: Worker | null = null;
let last = 0;

/** Rejects when a newer call took its place before it began. */
export function compute<K extends keyof Computed>(
  name: K,
  ...args: Parameters<Computed[K]>
): Promise<ReturnType<Computed[K]>> {
  worker ??= new Worker(new URL('./compute.worker.ts', import.meta.url), { type: 'module' });
  const id = ++last;
  return new Promise((resolve, reject) => {
    const hear = (e: MessageEvent<FromCompute>): void => {
      if (e.data.id !== id) return;
      worker!.removeEventListener('message', hear);
      if ('failed' in e.data) reject(new Error(e.data.failed));
      else resolve(e.data.value as ReturnType<Computed[K]>);
    };
    worker!.addEventListener('message', hear);
    worker!.postMessage({ id, name, args } satisfies ToCompute);
  });
}
