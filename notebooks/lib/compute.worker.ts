import { breathe } from './breathe.ts';
import type { Computed, FromCompute, ToCompute } from './compute.ts';
import { compare } from './fragmentation.ts';
import { years } from './rewards.ts';

const functions: Computed = { fragmentation: compare, rewards: years };
const newest = new Map<string, number>();
const post = (m: FromCompute): void => postMessage(m);

addEventListener('message', (event: MessageEvent<ToCompute>) => {
  newest.set(event.data.name, event.data.id);
  void work(event.data);
});

async function work({ id, name, args }: ToCompute): Promise<void> {
  await breathe();
  if (newest.get(name) !== id) return post({ id, failed: 'superseded' });
  try {
    post({ id, value: (functions[name] as (...a: unknown[]) => unknown)(...args) });
  } catch (e) {
    post({ id, failed: e instanceof Error ? e.message : String(e) });
  }
}
