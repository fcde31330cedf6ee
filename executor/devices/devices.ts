/**
 * Devices that jobs run on. A device is known by a name that means the same after a restart and to every tool (an NVIDIA UUID,
 * never an index); `cpu:N` offers N slots of this machine's processors.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { ExecutorError } from '../executor-error.ts';

export interface Device {
  /** UUID of a GPU or MIG instance, or cpu:0 … */
  id: string;
  kind: 'cpu' | 'nvidia';
  name: string;
  memoryMiB: number;
}

export const MAX_CPU_SLOTS = 4096;

/** What `--devices` asks for: `auto`, `cpu:N` or `nvidia`. `needed` is the number of GPUs of the scenario. */
export function findDevices(wanted: string, needed: number): Device[] {
  const cpu = /^cpu:(\d+)$/.exec(wanted);
  if (cpu !== null) {
    const n = Number(cpu[1]);
    if (n < 1 || n > MAX_CPU_SLOTS)
      throw new ExecutorError(`--devices ${wanted}: write a number from 1 to ${MAX_CPU_SLOTS}`);
    return cpuSlots(n);
  }
  if (wanted === 'nvidia') {
    const found = nvidiaDevices();
    if (found.length === 0)
      throw new ExecutorError('--devices nvidia: no NVIDIA GPU on this machine (nvidia-smi lists none); use cpu:N');
    return found;
  }
  if (wanted === 'auto') {
    const found = nvidiaDevices();
    return found.length > 0 ? found : cpuSlots(Math.max(needed, 1));
  }
  throw new ExecutorError(`--devices ${wanted}: write auto, cpu:N (for example cpu:2) or nvidia`);
}

const cpuSlots = (n: number): Device[] =>
  Array.from({ length: n }, (_, i) => ({
    id: `cpu:${i}`,
    kind: 'cpu',
    name: `slot of ${availableParallelism()} processors`,
    memoryMiB: 0,
  }));

/** GPUs and MIG instances by UUID as `nvidia-smi -L` lists them; none when there is no driver. Nothing is configured. */
export function nvidiaDevices(list: () => string = nvidiaSmi): Device[] {
  let text: string;
  try {
    text = list();
  } catch {
    return [];
  }
  return parseNvidiaList(text);
}

function nvidiaSmi(): string {
  return execFileSync('nvidia-smi', ['-L'], { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'ignore'] });
}

/** A GPU in MIG mode is offered as its instances, not as itself. */
export function parseNvidiaList(text: string): Device[] {
  const devices: Device[] = [];
  let gpu: Device | null = null;
  let instances = 0;
  const close = (): void => {
    if (gpu !== null && instances === 0) devices.push(gpu);
    gpu = null;
    instances = 0;
  };
  for (const line of text.split('\n')) {
    const card = /^GPU \d+: (.+?) \(UUID: (GPU-[0-9a-fA-F-]+)\)/.exec(line);
    if (card !== null) {
      close();
      gpu = { id: card[2]!, kind: 'nvidia', name: card[1]!, memoryMiB: 0 };
      continue;
    }
    const mig = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[0-9a-zA-Z/-]+)\)/.exec(line);
    if (mig !== null && gpu !== null) {
      instances++;
      devices.push({ id: mig[2]!, kind: 'nvidia', name: `${(gpu as Device).name} MIG ${mig[1]!}`, memoryMiB: 0 });
    }
  }
  close();
  return devices;
}
