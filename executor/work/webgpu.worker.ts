/**
 * The built-in work on a WebGPU adapter, as cuda.worker.ts does it on an NVIDIA GPU. Arguments: pace.ts, or `probe` to print the
 * adapter's name and end. Exit status 3 when there is no adapter.
 */
import { openWebgpu, type Product, type WebgpuCard } from '../gpu/webgpu.ts';
import { pace, paceArguments, report } from './pace.ts';

/** The small side is for adapters that are software: they take a second for what a card does in a millisecond. */
const SIDES = { small: 128, large: 1024 };
const SLOW_MS = 20;
const COPY = 16 << 20;
const BATCH_MS = 4;

async function product(card: WebgpuCard): Promise<{ task: Product; each: number }> {
  const make = async (side: number): Promise<{ task: Product; each: number }> => {
    const values = new Float32Array(side * side);
    for (let i = 0; i < values.length; i++) values[i] = ((Math.imul(i, 0x9e3779b1) >>> 8) % 1000) / 500 - 1;
    return { task: await card.product(values, values, side, 0), each: 2 * side * side * side };
  };
  const small = await make(SIDES.small);
  await small.task.run(1);
  const begin = performance.now();
  await small.task.run(1);
  return performance.now() - begin > SLOW_MS ? small : make(SIDES.large);
}

async function work(card: WebgpuCard): Promise<void> {
  const p = paceArguments(process.argv.slice(2));
  const openedMs = performance.now();
  const { task, each } = p.kind === 'copy' ? { task: await card.copies(COPY), each: 2 * COPY } : await product(card);
  await task.run(1);
  const readyMs = performance.now();
  await task.run(1);
  const many = Math.max(1, Math.round(BATCH_MS / (performance.now() - readyMs)));
  const done = await pace(p, async () => {
    await task.run(many);
    return many * each;
  });
  process.stdout.write(report(p, done, { device: card.name, openedMs, readyMs }));
  process.exitCode = p.status;
}

const card = await openWebgpu();
if (card === null) {
  process.stderr.write('no WebGPU adapter, or the package webgpu is not installed\n');
  process.exitCode = 3;
} else {
  if (process.argv[2] === 'probe') process.stdout.write(`${card.name}\n`);
  else await work(card);
  card.close();
}
