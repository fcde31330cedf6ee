/** Moving las keeps the place of a job that for the moment neither waits nor runs, over a restore too. */
import { expect, test } from 'vitest';
import type { WaitingJob } from '../../core/interfaces.ts';
import { shipped } from '../../mechanisms/index.ts';

/** As far as las looks at it: the first has attained more than the first limit. */
const job = (number: number, servedUs: number) =>
  ({
    order: number,
    servedUs,
    spec: { job: number },
    shape: { totalMilli: 1000, groups: [] },
  }) as unknown as WaitingJob;

test('a job comes back to its place in the queue it had fallen to', () => {
  const las = () => shipped.queueing('las', { migrate: true, limitsGpuUs: [10, 20] });
  const [a, b] = [job(1, 0), job(2, 0)];
  const kept = las();
  kept.add(a);
  kept.add(b);
  kept.remove(a);
  const memory = kept.snapshot!();
  expect(memory).toEqual([[1, 2], [], []]);
  const again = las();
  again.add(b);
  again.restore!(memory);
  for (const policy of [kept, again]) policy.add(a);
  expect(again.snapshot!()).toEqual(kept.snapshot!());
});
