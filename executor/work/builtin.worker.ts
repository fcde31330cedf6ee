/** The built-in work on a processor: multiplies matrices or copies memory. Arguments: pace.ts. Prints one line of JSON. */
import { pace, paceArguments, report } from './pace.ts';

const p = paceArguments(process.argv.slice(2));

const SIZE = 48;
const a = Float64Array.from({ length: SIZE * SIZE }, (_, i) => (i % 7) - 3);
const b = Float64Array.from({ length: SIZE * SIZE }, (_, i) => (i % 5) - 2);
const c = new Float64Array(SIZE * SIZE);

function multiply(): number {
  for (let i = 0; i < SIZE; i++) {
    for (let j = 0; j < SIZE; j++) {
      let sum = 0;
      for (let k = 0; k < SIZE; k++) sum += a[i * SIZE + k]! * b[k * SIZE + j]!;
      c[i * SIZE + j] = sum;
    }
  }
  return 2 * SIZE * SIZE * SIZE;
}

// Larger than most caches.
const from = new Uint8Array(p.kind === 'copy' ? 32 << 20 : 0).fill(1);
const to = new Uint8Array(from.length).fill(2);

function copy(): number {
  to.set(from);
  return 2 * from.length; // read and written
}

const done = await pace(p, p.kind === 'matmul' ? multiply : copy);
process.stdout.write(report(p, done, { device: 'cpu', checksum: c[SIZE + 1]! + to.length }));
process.exitCode = p.status;
