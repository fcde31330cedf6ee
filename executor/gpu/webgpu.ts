/**
 * Any adapter through WebGPU: the package `webgpu` (Dawn), which whoever wants it installs. It names no device by UUID and heeds no
 * CUDA_VISIBLE_DEVICES, so it is for cards that nothing else can reach and for trying the way to a GPU without one.
 */
import { BLOCK, matmulF32, matmulMod } from './wgsl.ts';

/** The part of WebGPU that is used. */
interface GpuBuffer {
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
}
interface GpuDevice {
  queue: {
    writeBuffer(b: GpuBuffer, at: number, data: ArrayBufferView): void;
    submit(list: unknown[]): void;
    onSubmittedWorkDone(): Promise<void>;
  };
  lost: Promise<{ message: string }>;
  createBuffer(d: { size: number; usage: number }): GpuBuffer;
  createShaderModule(d: { code: string }): unknown;
  createComputePipelineAsync(d: unknown): Promise<{ getBindGroupLayout(i: number): unknown }>;
  createBindGroup(d: unknown): unknown;
  createCommandEncoder(): {
    beginComputePass(): {
      setPipeline(p: unknown): void;
      setBindGroup(i: number, g: unknown): void;
      dispatchWorkgroups(x: number, y: number): void;
      end(): void;
    };
    copyBufferToBuffer(from: GpuBuffer, a: number, to: GpuBuffer, b: number, bytes: number): void;
    finish(): unknown;
  };
  destroy(): void;
}
interface AdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
}
interface Adapter {
  info: AdapterInfo;
  requestDevice(): Promise<GpuDevice>;
}

// Flags of the specification.
const MAP_READ = 1;
const COPY_SRC = 4;
const COPY_DST = 8;
const UNIFORM = 64;
const STORAGE = 128;

/** Name of the adapter and a device on it; null where the package is not installed or finds none. */
export async function openWebgpu(): Promise<WebgpuCard | null> {
  // Not in package.json: 132 MB that few need.
  const name = 'webgpu';
  let adapter: Adapter | null;
  try {
    const { create } = (await import(name)) as { create(flags: string[]): Gpu };
    gpu = create([]);
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch {
    return null;
  }
  return adapter === null ? null : new WebgpuCard(adapter.info, await adapter.requestDevice());
}

interface Gpu {
  requestAdapter(o: unknown): Promise<Adapter | null>;
}

/** Kept for the life of the process: what it made dies when it is collected. */
let gpu: Gpu | null = null;

export class WebgpuCard {
  readonly name: string;
  readonly #device: GpuDevice;

  constructor(info: AdapterInfo, device: GpuDevice) {
    this.name = [info.vendor, info.architecture, info.device, info.description].filter((s) => s !== '').join(' ');
    this.#device = device;
  }

  #buffer(usage: number, data: number | ArrayBufferView): GpuBuffer {
    const size = typeof data === 'number' ? data : data.byteLength;
    const b = this.#device.createBuffer({ size, usage });
    if (typeof data !== 'number') this.#device.queue.writeBuffer(b, 0, data);
    return b;
  }

  /** The product of two matrices of side n on the card: of residues modulo q, or with q = 0 of single-precision numbers. */
  async product(a: Int32Array | Float32Array, b: Int32Array | Float32Array, n: number, q: number): Promise<Product> {
    const device = this.#device;
    const module = device.createShaderModule({ code: q === 0 ? matmulF32 : matmulMod });
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    const c = this.#buffer(STORAGE | COPY_SRC, a.byteLength);
    const buffers = [
      this.#buffer(STORAGE | COPY_DST, a),
      this.#buffer(STORAGE | COPY_DST, b),
      c,
      this.#buffer(UNIFORM | COPY_DST, Uint32Array.of(n, q, 0, 0)),
    ];
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    return {
      run: async (times) => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        for (let i = 0; i < times; i++) pass.dispatchWorkgroups(n / BLOCK, n / BLOCK);
        pass.end();
        device.queue.submit([encoder.finish()]);
        await device.queue.onSubmittedWorkDone();
      },
      read: async () => {
        const out = this.#buffer(MAP_READ | COPY_DST, a.byteLength);
        const encoder = device.createCommandEncoder();
        encoder.copyBufferToBuffer(c, 0, out, 0, a.byteLength);
        device.queue.submit([encoder.finish()]);
        await out.mapAsync(MAP_READ);
        const bytes = out.getMappedRange().slice(0);
        out.unmap();
        return bytes;
      },
    };
  }

  /** Copies of `bytes` within the card's memory. */
  async copies(bytes: number): Promise<Pick<Product, 'run'>> {
    const from = this.#buffer(COPY_SRC | COPY_DST, bytes);
    const to = this.#buffer(COPY_SRC | COPY_DST, bytes);
    return {
      run: async (times) => {
        const encoder = this.#device.createCommandEncoder();
        for (let i = 0; i < times; i++) encoder.copyBufferToBuffer(from, 0, to, 0, bytes);
        this.#device.queue.submit([encoder.finish()]);
        await this.#device.queue.onSubmittedWorkDone();
      },
    };
  }

  close(): void {
    this.#device.destroy();
  }
}

export interface Product {
  /** Computes it so many times over and waits. */
  run(times: number): Promise<void>;
  read(): Promise<ArrayBuffer>;
}
