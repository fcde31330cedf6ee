/**
 * The built-in work on an NVIDIA GPU: single-precision matrix products or copies of its memory, by our own kernels. Arguments:
 * pace.ts. Prints one line of JSON with the card it ran on, its rates and what starting took. Exit status 3 when there is no card.
 */
import { type Cuda, openCuda } from '../gpu/cuda.ts';
import { DeviceError } from '../gpu/device-error.ts';
import { pace, paceArguments, report } from './pace.ts';

const p = paceArguments(process.argv.slice(2));
const SIDE = 2048;
/** Bytes of each of the two buffers of a copy. */
const COPY = 256 << 20;
/** A batch takes about this long, so that the pauses between batches share the card finely. */
const BATCH_MS = 4;

async function work(cuda: Cuda): Promise<void> {
  const openedMs = performance.now();
  const bytes = 4 * SIDE * SIDE;
  let launch: () => void;
  let each: number;
  if (p.kind === 'matmul') {
    // Not zeros: cards multiply those faster.
    const values = new Float32Array(SIDE * SIDE);
    for (let i = 0; i < values.length; i++) values[i] = ((Math.imul(i, 0x9e3779b1) >>> 8) % 1000) / 500 - 1;
    const [a, b, c] = [cuda.alloc(bytes), cuda.alloc(bytes), cuda.alloc(bytes)];
    cuda.write(a, values);
    cuda.write(b, values);
    launch = cuda.matmul(a, b, c, SIDE);
    each = 2 * SIDE * SIDE * SIDE;
  } else {
    launch = cuda.copy(cuda.alloc(COPY), cuda.alloc(COPY), COPY);
    each = 2 * COPY; // read and written
  }
  // The first launch also loads the kernel; the second shows how many make a batch.
  launch();
  cuda.sync();
  const readyMs = performance.now();
  launch();
  cuda.sync();
  const many = Math.max(1, Math.round(BATCH_MS / (performance.now() - readyMs)));
  const done = await pace(p, () => {
    for (let i = 0; i < many; i++) launch();
    cuda.sync();
    return many * each;
  });
  process.stdout.write(report(p, done, { device: cuda.uuid, openedMs, readyMs }));
  cuda.close();
  process.exitCode = p.status;
}

try {
  const cuda = openCuda();
  if (cuda === null) throw new DeviceError('no NVIDIA driver library, or the optional package koffi is not installed');
  await work(cuda);
} catch (e) {
  if (!(e instanceof DeviceError)) throw e;
  process.stderr.write(`${e.message}\n`);
  process.exitCode = 3;
}
