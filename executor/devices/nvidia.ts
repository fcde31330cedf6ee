/** What nvidia-smi says: devices, the processes on them, their health. Nothing is configured, MIG included. */
import { execFile, execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Device } from './devices.ts';
import { DeviceHealth, type HealthState } from './health.ts';

const TIMEOUT_MS = 20_000;

/** GPUs and MIG instances by UUID; none when there is no driver. */
export function nvidiaDevices(list: () => string = () => smi(['-L'])): Device[] {
  try {
    return parseNvidiaList(list());
  } catch {
    return [];
  }
}

function smi(args: readonly string[]): string {
  return execFileSync('nvidia-smi', args, {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
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

/** Processes on each GPU by UUID. Throws when the driver does not answer: then nothing is known to be free. */
export function gpuProcesses(query: () => string = queryApps): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const line of query().split('\n')) {
    const [uuid, pid] = line.split(',').map((s) => s.trim());
    if (uuid === undefined || !/^\d+$/.test(pid ?? '')) continue;
    const list = found.get(uuid) ?? [];
    list.push(Number(pid));
    found.set(uuid, list);
  }
  return found;
}

const queryApps = (): string => smi(['--query-compute-apps=gpu_uuid,pid', '--format=csv,noheader']);

/** Xid errors in kernel messages, by PCI address in lower case without its domain's leading zeros. */
export function parseXids(text: string): { bus: string; xid: number }[] {
  return [...text.matchAll(/NVRM: Xid \(PCI:([0-9a-fA-F:.]+)\): (\d+)/g)].map((m) => ({
    bus: shortBus(m[1]!),
    xid: Number(m[2]),
  }));
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

export interface HealthSources {
  /** uuid, PCI address, uncorrected errors; one GPU a line. */
  gpus(): Promise<string>;
  /** Kernel messages since the last call. */
  kernel(): string;
}

/** Watches the GPUs of a run and says when one changes its state. */
export class HealthWatch {
  readonly #health = new Map<string, DeviceHealth>();
  readonly #sources: HealthSources;
  readonly #onChange: (uuid: string, state: HealthState, evidence: string) => void;

  constructor(
    uuids: readonly string[],
    onChange: (uuid: string, state: HealthState, evidence: string) => void,
    sources: HealthSources = systemSources(),
  ) {
    for (const u of uuids) this.#health.set(u, new DeviceHealth());
    this.#sources = sources;
    this.#onChange = onChange;
  }

  async look(): Promise<void> {
    let text: string;
    try {
      text = await this.#sources.gpus();
    } catch {
      text = '';
    }
    const rows = new Map<string, { bus: string; uncorrected: number | null }>();
    for (const line of text.split('\n')) {
      const [uuid, bus, errors] = line.split(',').map((s) => s.trim());
      if (uuid === undefined || bus === undefined) continue;
      rows.set(uuid, { bus: shortBus(bus), uncorrected: /^\d+$/.test(errors ?? '') ? Number(errors) : null });
    }
    const xids = parseXids(this.#sources.kernel());
    for (const [uuid, health] of this.#health) {
      const row = rows.get(uuid);
      const before = health.state;
      const after = health.observe({
        present: row !== undefined,
        uncorrected: row?.uncorrected ?? null,
        xids: xids.filter((x) => x.bus === row?.bus).map((x) => x.xid),
      });
      if (after !== before) this.#onChange(uuid, after, health.evidence.at(-1) ?? 'nothing against it for a while');
    }
  }
}

function systemSources(): HealthSources {
  const kernel = kernelMessages();
  return {
    gpus: () =>
      new Promise((resolve, reject) => {
        const fields = 'uuid,pci.bus_id,ecc.errors.uncorrected.volatile.total';
        execFile(
          'nvidia-smi',
          [`--query-gpu=${fields}`, '--format=csv,noheader,nounits'],
          { timeout: TIMEOUT_MS },
          (e, out) => (e === null ? resolve(out) : reject(e)),
        );
      }),
    kernel,
  };
}

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
