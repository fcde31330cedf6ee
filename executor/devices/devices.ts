/**
 * Devices that jobs run on. A device is known by a name that means the same after a restart and to every tool (an NVIDIA UUID,
 * never an index); `cpu:N` offers N slots of this machine's processors.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ExecutorError } from '../executor-error.ts';
import { gpuDrivers } from './gpu-driver.ts';

export interface Device {
  /** UUID of a GPU or MIG instance, cpu:0 …, `webgpu`, or with Slurm MACHINE:NUMBER. */
  id: string;
  kind: 'cpu' | 'nvidia' | 'amd' | 'webgpu' | 'slurm';
  name: string;
  memoryMiB: number;
  /** UUID of the card; of a MIG instance, the card that carries it. */
  card?: string;
  /** Number of the card's device file (/dev/nvidiaN), where the driver says it. */
  minor?: number;
}

export const MAX_CPU_SLOTS = 4096;

const webgpuWorker = fileURLToPath(new URL('../work/webgpu.worker.js', import.meta.url));

/** Our own kernels reach NVIDIA's cards and what WebGPU reaches; where Slurm starts a job it multiplies on a processor. */
export const hasBuiltinWork = (d: Device): boolean => d.kind !== 'amd';

/** A device for the built-in work or a challenge: the first of those asked for. */
export function firstDevice(wanted: string): Device {
  const device = findDevices(wanted, 1)[0]!;
  if (!hasBuiltinWork(device))
    throw new ExecutorError(`--devices ${wanted}: ${device.id} has no built-in work here; try --devices webgpu`);
  return device;
}

/** What `--devices` asks for: `auto`, `cpu:N`, `nvidia`, `amd` or `webgpu`. `needed` is the number of GPUs of the scenario. */
export function findDevices(wanted: string, needed: number): Device[] {
  const cpu = /^cpu:(\d+)$/.exec(wanted);
  if (cpu !== null) {
    const n = Number(cpu[1]);
    if (n < 1 || n > MAX_CPU_SLOTS)
      throw new ExecutorError(`--devices ${wanted}: write a number from 1 to ${MAX_CPU_SLOTS}`);
    return cpuSlots(n);
  }
  if (wanted === 'nvidia' || wanted === 'amd') {
    const found = gpus().filter((d) => d.kind === wanted);
    if (found.length === 0)
      throw new ExecutorError(`--devices ${wanted}: no such GPU on this machine (its driver lists none); use cpu:N`);
    return found;
  }
  if (wanted === 'webgpu') return [webgpuDevice()];
  if (wanted === 'auto') {
    const found = gpus();
    return found.length > 0 ? found : cpuSlots(Math.max(needed, 1));
  }
  throw new ExecutorError(`--devices ${wanted}: write auto, cpu:N (for example cpu:2), nvidia, amd or webgpu`);
}

/** The adapter that WebGPU prefers; it names no device by UUID, so there is one. Asked in a process of its own: it takes a while to load. */
function webgpuDevice(): Device {
  try {
    const out = execFileSync(process.execPath, [webgpuWorker, 'probe'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { id: 'webgpu', kind: 'webgpu', name: out.trim(), memoryMiB: 0 };
  } catch (e) {
    const said = String((e as { stderr?: string }).stderr ?? '')
      .trim()
      .split('\n')
      .at(-1);
    throw new ExecutorError(`--devices webgpu: ${said || 'no adapter'}; npm install webgpu, and a Vulkan driver`);
  }
}

const gpus = (): Device[] => gpuDrivers().flatMap((d) => d.devices());

const cpuSlots = (n: number): Device[] =>
  Array.from({ length: n }, (_, i) => ({
    id: `cpu:${i}`,
    kind: 'cpu',
    name: `slot of ${availableParallelism()} processors`,
    memoryMiB: 0,
  }));
