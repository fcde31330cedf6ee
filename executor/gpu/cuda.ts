/**
 * The least of NVIDIA's driver interface that the built-in GPU work needs, called straight from the driver's library: no toolkit,
 * and the card is the one that CUDA_VISIBLE_DEVICES names by UUID, a MIG instance as well as a whole card.
 */
import { loadNative, type Native, type NativeFunction } from '../devices/native.ts';
import { DeviceError } from './device-error.ts';
import { kernels, THREADS, TILE } from './ptx.ts';

/** A waiting host thread sleeps instead of spinning. */
const BLOCKING_SYNC = 4;

const declarations = {
  init: 'int cuInit(unsigned int flags)',
  error: 'int cuGetErrorName(int error, _Out_ const char **name)',
  count: 'int cuDeviceGetCount(_Out_ int *count)',
  device: 'int cuDeviceGet(_Out_ int *device, int ordinal)',
  uuid: 'int cuDeviceGetUuid_v2(void *uuid, int device)',
  flags: 'int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned int flags)',
  retain: 'int cuDevicePrimaryCtxRetain(_Out_ void **context, int device)',
  current: 'int cuCtxSetCurrent(void *context)',
  release: 'int cuDevicePrimaryCtxRelease_v2(int device)',
  sync: 'int cuCtxSynchronize()',
  module: 'int cuModuleLoadData(_Out_ void **module, const void *image)',
  function: 'int cuModuleGetFunction(_Out_ void **function, void *module, const char *name)',
  alloc: 'int cuMemAlloc_v2(_Out_ uint64_t *at, size_t bytes)',
  free: 'int cuMemFree_v2(uint64_t at)',
  toDevice: 'int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes)',
  toHost: 'int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes)',
  launch:
    'int cuLaunchKernel(void *function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by, ' +
    'unsigned int bz, unsigned int shared, void *stream, void *parameters, void *extra)',
} as const;

type Calls = Record<keyof typeof declarations, NativeFunction>;

/** Memory of the card. */
export interface Buffer32 {
  readonly at: number;
  readonly bytes: number;
}

/** A card with the kernels loaded, or null where there is no driver to ask. */
export function openCuda(native: Native | null = loadNative()): Cuda | null {
  if (native === null) return null;
  const calls = {} as Calls;
  try {
    const library = native.load('libcuda.so.1');
    for (const [name, declaration] of Object.entries(declarations))
      calls[name as keyof Calls] = library.func(declaration);
  } catch {
    return null;
  }
  return new Cuda(native, calls);
}

export class Cuda {
  /** UUID as nvidia-smi writes it; a MIG instance has that of the instance. */
  readonly uuid: string;
  readonly #native: Native;
  readonly #calls: Calls;
  readonly #device: number;
  readonly #functions = new Map<string, unknown>();
  readonly #module: unknown;

  constructor(native: Native, calls: Calls) {
    this.#native = native;
    this.#calls = calls;
    this.#do('init', 0);
    const [count] = this.#out('count');
    if (count === 0) throw new DeviceError('the driver shows no card; CUDA_VISIBLE_DEVICES names none of this machine');
    this.#device = this.#out('device', 0)[0] as number;
    const uuid = Buffer.alloc(16);
    this.#do('uuid', uuid, this.#device);
    this.uuid = uuidOf(uuid);
    this.#do('flags', this.#device, BLOCKING_SYNC);
    this.#do('current', this.#out('retain', this.#device)[0]);
    this.#module = this.#out('module', Buffer.from(`${kernels()}\0`))[0];
  }

  #do(name: keyof Calls, ...args: unknown[]): void {
    const code = this.#calls[name](...args);
    if (code === 0) return;
    const text: [string | null] = [null];
    this.#calls.error(code, text);
    throw new DeviceError(`${declarations[name].split(/[ (]/)[1]!}: ${text[0] ?? `error ${code}`}`);
  }

  /** A call whose first parameter is what it answers. */
  #out(name: keyof Calls, ...args: unknown[]): unknown[] {
    const out = [null];
    this.#do(name, out, ...args);
    return out;
  }

  alloc(bytes: number): Buffer32 {
    return { at: Number(this.#out('alloc', bytes)[0]), bytes };
  }

  free(b: Buffer32): void {
    this.#do('free', b.at);
  }

  write(to: Buffer32, from: Int32Array | Float32Array): void {
    this.#do('toDevice', to.at, from, from.byteLength);
  }

  read(to: Int32Array | Float32Array, from: Buffer32): void {
    this.#do('toHost', to, from.at, to.byteLength);
  }

  /** Waits for all that was launched. */
  sync(): void {
    this.#do('sync');
  }

  #function(name: string): unknown {
    let f = this.#functions.get(name);
    if (f === undefined) {
      f = this.#out('function', this.#module, name)[0];
      this.#functions.set(name, f);
    }
    return f;
  }

  /** `parameters`: numbers of 8 bytes, or of 4 where listed in `words`. Answers a launcher, so that a loop allocates nothing. */
  #kernel(name: string, grid: [number, number], pointers: readonly number[], words: readonly number[]): () => void {
    const n = pointers.length + words.length;
    const slots = this.#native.alloc('uint64_t', n);
    const table = this.#native.alloc('uint64_t', n);
    const base = this.#native.address(slots);
    for (let i = 0; i < n; i++) {
      if (i < pointers.length) this.#native.encode(slots, 8 * i, 'uint64_t', pointers[i]);
      else this.#native.encode(slots, 8 * i, 'uint32_t', words[i - pointers.length]);
      this.#native.encode(table, 8 * i, 'uint64_t', base + BigInt(8 * i));
    }
    const f = this.#function(name);
    return () => this.#do('launch', f, grid[0], grid[1], 1, THREADS, 1, 1, 0, null, table, null);
  }

  /** C = A B in single precision, side n. */
  matmul(a: Buffer32, b: Buffer32, c: Buffer32, n: number): () => void {
    const tiles = sideInTiles(n);
    return this.#kernel('matmul_f32', [tiles, tiles], [a.at, b.at, c.at], [n]);
  }

  /** C = A B mod q over residues, side n. */
  matmulMod(a: Buffer32, b: Buffer32, c: Buffer32, n: number, q: number): () => void {
    const tiles = sideInTiles(n);
    return this.#kernel('matmul_mod', [tiles, tiles], [a.at, b.at, c.at], [n, q]);
  }

  /** `bytes`, a multiple of 16, from one buffer to another. */
  copy(from: Buffer32, to: Buffer32, bytes: number): () => void {
    const pieces = bytes / 16;
    return this.#kernel('copy', [Math.ceil(pieces / THREADS), 1], [from.at, to.at], [pieces]);
  }

  /** Gives the card's memory back before the process ends. */
  close(): void {
    this.#do('release', this.#device);
  }
}

function sideInTiles(n: number): number {
  if (n % TILE !== 0 || n === 0) throw new DeviceError(`a side of ${n}; give a multiple of ${TILE}`);
  return n / TILE;
}

function uuidOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `GPU-${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')}`;
}
