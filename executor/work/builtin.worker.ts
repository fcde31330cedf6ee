/**
 * The built-in workload on a processor: multiplies matrices for a share of the time until its work is done. Arguments: wall
 * milliseconds from the start of the process, share of a processor in percent, exit status at the end. Prints one line of JSON
 * with what it did and how fast.
 */
const [workMs, percent, status] = process.argv.slice(2).map(Number) as [number, number, number];

const SIZE = 48;
const FLOP = 2 * SIZE * SIZE * SIZE;
const a = Float64Array.from({ length: SIZE * SIZE }, (_, i) => (i % 7) - 3);
const b = Float64Array.from({ length: SIZE * SIZE }, (_, i) => (i % 5) - 2);
const c = new Float64Array(SIZE * SIZE);

function multiply(): void {
  for (let i = 0; i < SIZE; i++) {
    for (let j = 0; j < SIZE; j++) {
      let sum = 0;
      for (let k = 0; k < SIZE; k++) sum += a[i * SIZE + k]! * b[k * SIZE + j]!;
      c[i * SIZE + j] = sum;
    }
  }
}

// Larger than most caches; filled page by page on first use, and only when the job works the whole time.
const from = new Uint8Array(percent === 100 ? 32 << 20 : 0);
const to = new Uint8Array(from.length);

// performance.now() counts from the start of the process, so starting up is part of the work.
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let products = 0;
let computingMs = 0;
let bestCopyMs = Number.POSITIVE_INFINITY;
// A job shorter than the start of its process still multiplies once.
for (let now = performance.now(); products === 0 || now < workMs; now = performance.now()) {
  multiply();
  products++;
  const after = performance.now();
  computingMs += after - now;
  const idleMs = Math.min(((after - now) * (100 - percent)) / Math.max(percent, 1), workMs - after);
  if (idleMs > 0) Atomics.wait(sleeper, 0, 0, idleMs);
  if (from.length > 0 && products % 100 === 1 && workMs - after > 30) {
    const begin = performance.now();
    to.set(from);
    bestCopyMs = Math.min(bestCopyMs, performance.now() - begin);
  }
}
process.stdout.write(
  `${JSON.stringify({
    workload: 'matmul',
    size: SIZE,
    products,
    flop: products * FLOP,
    gflops: (products * FLOP) / computingMs / 1e6,
    // Read and written.
    gibs: Number.isFinite(bestCopyMs) ? (2 * from.length) / 1073741824 / (bestCopyMs / 1000) : 0,
    checksum: c[SIZE + 1],
  })}\n`,
);
process.exitCode = status;
