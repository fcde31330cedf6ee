/**
 * NVIDIA's management library, asked directly: a question takes microseconds where starting nvidia-smi takes tens of milliseconds,
 * MIG instances are told apart, and Xid errors arrive as events where the kernel's log may not be read. Nothing is configured.
 */
import type { Device } from './devices.ts';
import type { CardHealth, GpuDriver, GpuUse } from './gpu-driver.ts';
import type { Native, NativeFunction } from './native.ts';

const declarations = {
  init: 'int nvmlInit_v2()',
  count: 'int nvmlDeviceGetCount_v2(_Out_ unsigned int *count)',
  handle: 'int nvmlDeviceGetHandleByIndex_v2(unsigned int index, _Out_ void **device)',
  uuid: 'int nvmlDeviceGetUUID(void *device, void *text, unsigned int length)',
  name: 'int nvmlDeviceGetName(void *device, void *text, unsigned int length)',
  memory: 'int nvmlDeviceGetMemoryInfo(void *device, void *memory)',
  minor: 'int nvmlDeviceGetMinorNumber(void *device, _Out_ unsigned int *minor)',
  processes: 'int nvmlDeviceGetComputeRunningProcesses_v3(void *device, _Inout_ unsigned int *count, void *infos)',
  migMode: 'int nvmlDeviceGetMigMode(void *device, _Out_ unsigned int *current, _Out_ unsigned int *pending)',
  migCount: 'int nvmlDeviceGetMaxMigDeviceCount(void *device, _Out_ unsigned int *count)',
  migHandle: 'int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned int index, _Out_ void **instance)',
  ecc: 'int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, _Out_ uint64_t *count)',
  eventSet: 'int nvmlEventSetCreate(_Out_ void **set)',
  register: 'int nvmlDeviceRegisterEvents(void *device, uint64_t types, void *set)',
  wait: 'int nvmlEventSetWait_v2(void *set, void *data, unsigned int milliseconds)',
} as const;

type Calls = Record<keyof typeof declarations, NativeFunction>;

const UNCORRECTED = 1;
const SINCE_DRIVER = 0;
const EVENT_XID = 8;
const TEXT = 96;
/** Bytes of nvmlProcessInfo_t; the process is its first word. */
const PROCESS_BYTES = 24;
const MOST_PROCESSES = 256;
const MIB = 1048576;

interface Part {
  device: Device;
  handle: unknown;
}

/** Null where there is no driver, or it does not answer. */
export function openNvml(native: Native | null): Nvml | null {
  if (native === null) return null;
  const calls = {} as Calls;
  try {
    const library = native.load('libnvidia-ml.so.1');
    for (const [name, declaration] of Object.entries(declarations))
      calls[name as keyof Calls] = library.func(declaration);
    if (calls.init() !== 0) return null;
    return new Nvml(calls);
  } catch {
    return null;
  }
}

export class Nvml implements GpuDriver {
  readonly name = 'NVML';
  readonly #calls: Calls;
  /** Whole cards by UUID, with what the driver calls them. */
  readonly #cards = new Map<string, unknown>();
  /** What is offered: whole cards, and instead of a card in MIG mode its instances. */
  readonly #parts: Part[] = [];
  readonly #events: unknown = null;

  constructor(calls: Calls) {
    this.#calls = calls;
    const n = this.#number('count');
    for (let i = 0; i < n; i++) {
      const handle = this.#out('handle', i);
      const uuid = this.#text('uuid', handle);
      this.#cards.set(uuid, handle);
      const whole: Device = {
        id: uuid,
        kind: 'nvidia',
        name: this.#text('name', handle),
        memoryMiB: this.#memory(handle).totalMiB,
        card: uuid,
        ...this.#minorOf(handle),
      };
      const instances = this.#instances(handle);
      if (instances.length === 0) this.#parts.push({ device: whole, handle });
      for (const instance of instances) {
        const name = this.#text('name', instance);
        const memoryMiB = this.#memory(instance).totalMiB;
        this.#parts.push({ device: { ...whole, id: this.#text('uuid', instance), name, memoryMiB }, handle: instance });
      }
    }
    const set: unknown[] = [null];
    if (calls.eventSet(set) === 0) {
      for (const handle of this.#cards.values()) calls.register(handle, EVENT_XID, set[0]);
      this.#events = set[0];
    }
  }

  #out(name: keyof Calls, ...args: unknown[]): unknown {
    const out: unknown[] = [null];
    const code = this.#calls[name](...args, out);
    if (code !== 0) throw new Error(`NVML ${name}: error ${code}`);
    return out[0];
  }

  #number(name: 'count'): number {
    return this.#out(name) as number;
  }

  #text(name: 'uuid' | 'name', handle: unknown): string {
    const text = Buffer.alloc(TEXT);
    const code = this.#calls[name](handle, text, TEXT);
    if (code !== 0) throw new Error(`NVML ${name}: error ${code}`);
    return text.toString('latin1', 0, text.indexOf(0));
  }

  #memory(handle: unknown): { totalMiB: number; usedMiB: number } {
    const m = Buffer.alloc(24); // total, free, used
    const code = this.#calls.memory(handle, m);
    if (code !== 0) throw new Error(`NVML memory: error ${code}`);
    const mib = (at: number): number => Number(m.readBigUInt64LE(at) / BigInt(MIB));
    return { totalMiB: mib(0), usedMiB: mib(16) };
  }

  #minorOf(handle: unknown): { minor?: number } {
    const out: unknown[] = [null];
    return this.#calls.minor(handle, out) === 0 ? { minor: out[0] as number } : {};
  }

  /** None unless the card is in MIG mode; a card without MIG answers that it is not supported. */
  #instances(handle: unknown): unknown[] {
    const current: unknown[] = [0];
    if (this.#calls.migMode(handle, current, [0]) !== 0 || current[0] !== 1) return [];
    const most = this.#out('migCount', handle) as number;
    const found: unknown[] = [];
    for (let i = 0; i < most; i++) {
      const out: unknown[] = [null];
      if (this.#calls.migHandle(handle, i, out) === 0) found.push(out[0]);
    }
    return found;
  }

  devices(): Device[] {
    return this.#parts.map((p) => p.device);
  }

  async use(): Promise<Map<string, GpuUse>> {
    return new Map(
      this.#parts.map(({ device, handle }) => {
        const infos = Buffer.alloc(PROCESS_BYTES * MOST_PROCESSES);
        const count = [MOST_PROCESSES];
        const code = this.#calls.processes(handle, count, infos);
        if (code !== 0) throw new Error(`NVML processes: error ${code}`);
        const pids = Array.from({ length: count[0]! }, (_, i) => infos.readUInt32LE(PROCESS_BYTES * i));
        return [device.id, { pids, usedMiB: this.#memory(handle).usedMiB }];
      }),
    );
  }

  async health(): Promise<CardHealth[]> {
    const xids = this.#xids();
    const rows: CardHealth[] = [];
    for (const [card, handle] of this.#cards) {
      // A card that has fallen off the bus answers with an error: it is not there.
      if (this.#calls.memory(handle, Buffer.alloc(24)) !== 0) continue;
      const out: unknown[] = [0];
      const counted = this.#calls.ecc(handle, UNCORRECTED, SINCE_DRIVER, out) === 0;
      rows.push({ card, uncorrected: counted ? Number(out[0]) : null, xids: xids.get(card) ?? [] });
    }
    // What made a card vanish is its last word.
    for (const [card, list] of xids) {
      if (!rows.some((r) => r.card === card)) rows.push({ card, uncorrected: null, xids: list, gone: true });
    }
    return rows;
  }

  /** Xid errors since the last question. */
  #xids(): Map<string, number[]> {
    const found = new Map<string, number[]>();
    if (this.#events === null) return found;
    // Device, type, Xid, instances; a wait of nought only collects.
    const data = Buffer.alloc(32);
    for (let i = 0; i < 64 && this.#calls.wait(this.#events, data, 0) === 0; i++) {
      const device = data.readBigUInt64LE(0);
      for (const [card, handle] of this.#cards) {
        if (BigInt(handle as bigint) !== device) continue;
        found.set(card, [...(found.get(card) ?? []), Number(data.readBigUInt64LE(16))]);
      }
    }
    return found;
  }
}
