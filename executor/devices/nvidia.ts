/** What nvidia-smi says: devices, the processes on them, their health. Nothing is configured, MIG included. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Device } from './devices.ts';
import type { CardHealth, GpuDriver, GpuUse } from './gpu-driver.ts';

const TIMEOUT_MS = 20_000;

type Smi = (args: readonly string[]) => string;

const callSmi: Smi = (args) =>
  execFileSync('nvidia-smi', args, { encoding: 'utf8', timeout: TIMEOUT_MS, stdio: ['ignore', 'pipe', 'ignore'] });

/** Where NVML cannot be called: the program that comes with the driver, and the kernel's log for Xid errors. */
export class NvidiaSmi implements GpuDriver {
  readonly name = 'nvidia-smi';
  readonly #smi: Smi;
  readonly #kernel: () => string;
  readonly #devices: Device[];

  constructor(smi: Smi = callSmi, kernel?: () => string) {
    this.#smi = smi;
    let text = '';
    try {
      text = smi(['-L']);
    } catch {
      // No driver: no devices.
    }
    this.#devices = parseNvidiaList(text);
    this.#kernel = kernel ?? (this.#devices.length > 0 ? kernelMessages() : () => '');
  }

  devices(): Device[] {
    return this.#devices;
  }

  async use(): Promise<Map<string, GpuUse>> {
    const processes = parseApps(this.#smi(['--query-compute-apps=gpu_uuid,pid', '--format=csv,noheader']));
    const memory = parseMemory(this.#smi(['--query-gpu=uuid,memory.used', '--format=csv,noheader,nounits']));
    return new Map(
      this.#devices.map((d) => {
        // It speaks of cards only: of a MIG instance nothing is known but what lists it by its own number.
        const pids = processes.get(d.id) ?? [];
        return [d.id, { pids, usedMiB: d.card === d.id ? (memory.get(d.id) ?? null) : null }];
      }),
    );
  }

  async health(): Promise<CardHealth[]> {
    const rows = this.#smi([
      '--query-gpu=uuid,pci.bus_id,ecc.errors.uncorrected.volatile.total',
      '--format=csv,noheader,nounits',
    ]);
    const xids = parseXids(this.#kernel());
    const found: CardHealth[] = [];
    for (const line of rows.split('\n')) {
      const [card, bus, errors] = line.split(',').map((s) => s.trim());
      if (card === undefined || bus === undefined) continue;
      found.push({
        card,
        uncorrected: /^\d+$/.test(errors ?? '') ? Number(errors) : null,
        xids: xids.filter((x) => x.bus === shortBus(bus)).map((x) => x.xid),
      });
    }
    return found;
  }
}

/** From `nvidia-smi -L`. A GPU in MIG mode is offered as its instances, not as itself. */
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
      gpu = { id: card[2]!, kind: 'nvidia', name: card[1]!, memoryMiB: 0, card: card[2]! };
      continue;
    }
    const mig = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[0-9a-zA-Z/-]+)\)/.exec(line);
    if (mig !== null && gpu !== null) {
      instances++;
      const { name, card } = gpu as Device;
      devices.push({ id: mig[2]!, kind: 'nvidia', name: `${name} MIG ${mig[1]!}`, memoryMiB: 0, card: card! });
    }
  }
  close();
  return devices;
}

/** Processes by UUID, from a list of UUID and process. */
export function parseApps(text: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const line of text.split('\n')) {
    const [uuid, pid] = line.split(',').map((s) => s.trim());
    if (uuid === undefined || !/^\d+$/.test(pid ?? '')) continue;
    const list = found.get(uuid) ?? [];
    list.push(Number(pid));
    found.set(uuid, list);
  }
  return found;
}

/** MiB by UUID; `[N/A]` is left out. */
function parseMemory(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [uuid, mib] = line.split(',').map((s) => s.trim());
    if (uuid !== undefined && /^\d+$/.test(mib ?? '')) found.set(uuid, Number(mib));
  }
  return found;
}

/**
 * Xid errors in kernel messages, by PCI address in lower case without its domain's leading zeros. Of one error a driver may say several
 * lines (an H100 says four of an Xid 13), of which one names the process: that one counts, and where none does the first.
 */
export function parseXids(text: string): { bus: string; xid: number }[] {
  const found = [...text.matchAll(/NVRM: Xid \(PCI:([0-9a-fA-F:.]+)\): (\d+)(, pid=)?/g)].map((m) => ({
    bus: shortBus(m[1]!),
    xid: Number(m[2]),
    named: m[3] !== undefined,
  }));
  const same = (a: { bus: string; xid: number }, b: { bus: string; xid: number }): boolean =>
    a.bus === b.bus && a.xid === b.xid;
  return found
    .filter((e, i) => e.named || !found.some((o, j) => same(o, e) && (o.named || j < i)))
    .map(({ bus, xid }) => ({ bus, xid }));
}

/** 00000000:3B:00.0 and 0000:3b:00 are the same card. */
const shortBus = (bus: string): string =>
  bus
    .toLowerCase()
    .replace(/^0+(?=[0-9a-f]{1,4}:)/, '')
    .replace(/\.\d+$/, '')
    .split(':')
    .slice(-2)
    .join(':');

/** What the kernel has said since the last call; nothing where its log may not be read. */
function kernelMessages(): () => string {
  let fd: number;
  try {
    fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return () => '';
  }
  const read = (): string => {
    const buffer = Buffer.alloc(8192);
    let text = '';
    for (;;) {
      try {
        const n = readSync(fd, buffer, 0, buffer.length, null);
        if (n === 0) return text;
        text += buffer.toString('latin1', 0, n);
      } catch (e) {
        const { code } = e as NodeJS.ErrnoException;
        // EPIPE: messages were overwritten before they were read; the next read goes on behind them.
        if (code === 'EPIPE') continue;
        if (code !== 'EAGAIN') closeSync(fd);
        return text;
      }
    }
  };
  // What lies before the start of the run is no evidence in it.
  read();
  return read;
}
