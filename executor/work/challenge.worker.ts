/**
 * The proof-of-contribution challenge, worker's side: derives two matrices from the beacon, multiplies them modulo a prime on the GPU
 * it was given (or the processor) and leaves the product in `answer.bin`. Arguments: two words of the key, number of the challenge,
 * side, and `honest` or, to see a check fail, `tamper` (one entry wrong). Prints one line of JSON.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { CHALLENGE_MODULUS, challengeMatrix, type Matrix, multiplyMod } from '../../mechanisms/verification/index.ts';
import { type Cuda, openCuda } from '../gpu/cuda.ts';
import { DeviceError } from '../gpu/device-error.ts';
import { openWebgpu, type WebgpuCard } from '../gpu/webgpu.ts';
import { ANSWER } from './challenge.ts';

const [key0, key1, id, side] = process.argv.slice(2, 6).map(Number) as [number, number, number, number];
const tamper = process.argv[6] === 'tamper';

function onGpu(cuda: Cuda, a: Matrix, b: Matrix): { c: Matrix; computeMs: number } {
  const bytes = a.byteLength;
  const [da, db, dc] = [cuda.alloc(bytes), cuda.alloc(bytes), cuda.alloc(bytes)];
  const c = new Int32Array(a.length);
  const begin = performance.now();
  cuda.write(da, a);
  cuda.write(db, b);
  cuda.matmulMod(da, db, dc, side, CHALLENGE_MODULUS)();
  cuda.read(c, dc);
  const computeMs = performance.now() - begin;
  cuda.close();
  return { c, computeMs };
}

function onCpu(a: Matrix, b: Matrix): { c: Matrix; computeMs: number } {
  const begin = performance.now();
  const c = multiplyMod(a, b, side);
  return { c, computeMs: performance.now() - begin };
}

async function onWebgpu(card: WebgpuCard, a: Matrix, b: Matrix): Promise<{ c: Matrix; computeMs: number }> {
  const begin = performance.now();
  const product = await card.product(a, b, side, CHALLENGE_MODULUS);
  await product.run(1);
  const c = new Int32Array(await product.read());
  const computeMs = performance.now() - begin;
  card.close();
  return { c, computeMs };
}

/** What the job was given; a device that cannot be opened is no reason to answer with another. */
async function multiply(a: Matrix, b: Matrix): Promise<{ c: Matrix; computeMs: number; device: string }> {
  const devices = process.env['JANCTION_DEVICES'] ?? '';
  if (devices === 'webgpu') {
    const card = await openWebgpu();
    if (card === null) throw new DeviceError('no WebGPU adapter, or the package webgpu is not installed');
    return { ...(await onWebgpu(card, a, b)), device: card.name };
  }
  if ((process.env['CUDA_VISIBLE_DEVICES'] ?? '') === '') return { ...onCpu(a, b), device: 'cpu' };
  const cuda = openCuda();
  if (cuda === null) throw new DeviceError('no NVIDIA driver library, or the optional package koffi is not installed');
  return { ...onGpu(cuda, a, b), device: cuda.uuid };
}

const begin = performance.now();
const a = challengeMatrix([key0, key1], id, 'A', side);
const b = challengeMatrix([key0, key1], id, 'B', side);
const generateMs = performance.now() - begin;
const { c, computeMs, device } = await multiply(a, b).catch((e: unknown) => {
  if (!(e instanceof DeviceError)) throw e;
  process.stderr.write(`${e.message}\n`);
  process.exit(3);
});
if (tamper) c[c.length - 1] = (c[c.length - 1]! + 1) % CHALLENGE_MODULUS;
writeFileSync(ANSWER, c);
process.stdout.write(
  `${JSON.stringify({
    workload: 'challenge',
    device,
    side,
    commitment: createHash('sha256').update(c).digest('hex'),
    generateMs,
    computeMs,
  })}\n`,
);
